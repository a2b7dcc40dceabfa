//! Seeds for a box's own random numbers, from the system.

/// Five words that nobody outside can guess.
pub fn seed() -> [u64; 5] {
    let mut words = [0_u64; 5];
    // SAFETY: the buffer is as long as it is said to be.
    #[allow(unsafe_code)]
    let got = unsafe { libc::getrandom(words.as_mut_ptr().cast(), std::mem::size_of_val(&words), 0) };
    if got != std::mem::size_of_val(&words) as isize {
        let mut x = crate::engine::clock::mono_ns() ^ 0x9e37_79b9_7f4a_7c15;
        for word in &mut words {
            x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            *word = x;
        }
    }
    words
}
