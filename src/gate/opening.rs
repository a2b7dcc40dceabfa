//! The first turn of a box: its state is made and its libraries are opened, or, where it is a copy of another, it is tested. Bare code.
//!
//! # Safety
//! As for [`super::run`].
#![allow(unsafe_code)]

use std::os::raw::{c_int, c_void};
use std::sync::atomic::Ordering::Relaxed;

use super::level::Level;
use super::request::Reply;
use super::run::{failure, functions, key, Run, THREADS};
use crate::engine::seat::Seat;
use crate::guest;
use crate::lua::{compat, function, State};

/// Makes the state and opens its libraries.
pub fn open(seat: &'static Seat, run: &Run) -> Reply {
    let header = match run.core.heap.try_borrow() {
        Ok(heap) => match heap.as_ref() {
            Some(heap) => heap.header() as *mut c_void,
            None => return Reply::NoMemory,
        },
        Err(_) => return Reply::NoMemory,
    };
    // SAFETY: the allocator's data is the arena's header, in the box's own slot.
    let Some(main) = (unsafe { compat::new_state(header, seat_seed(run)) }) else {
        return Reply::NoMemory;
    };
    run.core.main.set(main.as_ptr());
    seat.current.store(main.as_ptr(), Relaxed);
    seat.base.set(main.as_ptr());
    if main.protected(function(open_entry), std::ptr::null_mut()) {
        Reply::Values
    } else {
        failure(main, Level::Box(seat), run)
    }
}

fn seat_seed(run: &Run) -> u64 {
    run.core.random.get().iter().fold(run.core.secret, |a, b| a.rotate_left(17) ^ b)
}

fn open_entry(s: State) -> c_int {
    guest::open(s);
    super::link::open(s, true);
    for (index, f) in functions() {
        s.push_function(f);
        s.registry_set(key(index));
    }
    s.new_table();
    s.registry_set(key(THREADS));
    // The thread for the first call, so that an image has it.
    s.registry_get(key(THREADS));
    s.new_thread();
    s.raw_seti(-2, 1);
    s.set_top(0);
    if let Some(core) = Level::of(s).core() {
        core.threads.reset(1);
    }
    // An image of this should hold no garbage.
    s.collect();
    0
}

/// Tests a state that was made of an image.
pub fn check(seat: &'static Seat, run: &Run) -> Reply {
    // SAFETY: the state is live, and this is its stack.
    let main = unsafe { State::new(run.core.main.get()) };
    seat.current.store(main.as_ptr(), Relaxed);
    seat.base.set(main.as_ptr());
    let well = main.protected(function(check_entry), std::ptr::null_mut());
    main.set_top(0);
    if well {
        Reply::Values
    } else {
        Reply::Error
    }
}

fn check_entry(s: State) -> c_int {
    super::image::test(s);
    0
}
