//! Memory of the process' own: Rust's boxes abort the process where there is none, so it is asked for first.
//!
//! The C library hands out again what a thread has just given back, if the size is the same.

use std::mem::size_of;

/// What `Rc` and `Arc` keep beside the value.
const COUNTS: usize = 2 * size_of::<usize>();

/// Whether there is memory for a `Box` of a `T`, made next on this thread.
pub fn room_for<T>() -> bool {
    room(size_of::<T>())
}

/// The same for an `Rc` or an `Arc`.
pub fn room_for_shared<T>() -> bool {
    room(size_of::<T>() + COUNTS)
}

fn room(size: usize) -> bool {
    let mut place = Vec::<u8>::new();
    let found = place.try_reserve_exact(size).is_ok();
    // Else the compiler leaves out what is only made to be given back.
    std::hint::black_box(&mut place);
    found
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_is_there_is_found_and_what_cannot_be_is_not() {
        assert!(super::room_for::<[u8; 4096]>());
        assert!(!super::room(1 << 60));
    }
}
