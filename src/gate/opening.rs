//! The first turn of a box: its state is made and its libraries are opened, or, where it is a copy of another, it is tested. Bare code.
//!
//! # Safety
//! As for [`super::run`].
#![allow(unsafe_code)]

use std::os::raw::{c_int, c_void};
use std::sync::atomic::Ordering::Relaxed;

use mlua::ffi::lua_CFunction;

use super::level::Level;
use super::request::Reply;
use super::run::{failure, functions, Run, THREADS};
use crate::engine::heap::tables;
use crate::engine::seat::Seat;
use crate::guest;
use crate::lua::{compat, function, Kind, State};

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
    guest::open(s, tidy);
    tidy(s);
    super::link::open(s, true);
    for (key, f) in functions() {
        s.push_function(f);
        s.registry_set(key);
    }
    s.new_table();
    s.registry_set(&THREADS);
    // The thread for the first call, so that an image has it.
    s.registry_get(&THREADS);
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

/// Collects, and makes what was freed one with what is free beside it.
fn tidy(s: State) {
    s.collect();
    let level = Level::of(s);
    level.guarded(|| {
        let core = level.core();
        if let Some(heap) =
            core.and_then(|core| core.heap.try_borrow().ok()).as_deref().and_then(Option::as_ref)
        {
            heap.merge();
        }
    });
}

/// Tests a state that was made of an image.
pub fn check(seat: &'static Seat, run: &Run) -> Reply {
    match on_main(seat, run, function(check_entry)) {
        Ok(()) => Reply::Values,
        Err(_) => Reply::Error,
    }
}

/// Puts the keys of a state in their places that have moved, as in another process.
pub fn rehash(seat: &'static Seat, run: &Run) -> Reply {
    match on_main(seat, run, function(rehash_entry)) {
        Ok(()) => Reply::Values,
        Err(main) => failure(main, Level::Box(seat), run),
    }
}

/// Runs something on the main thread of a state that is a copy, before anything else does. Where it raises, the state
/// with the error on top.
fn on_main(seat: &'static Seat, run: &Run, entry: lua_CFunction) -> Result<(), State> {
    // SAFETY: the state is live, and this is its stack.
    let main = unsafe { State::new(run.core.main.get()) };
    seat.current.store(main.as_ptr(), Relaxed);
    seat.base.set(main.as_ptr());
    if !main.protected(entry, std::ptr::null_mut()) {
        return Err(main);
    }
    main.set_top(0);
    Ok(())
}

/// Closes a state.
#[cfg(test)]
pub fn shut(seat: &'static Seat, run: &Run) -> Reply {
    let main = run.core.main.replace(std::ptr::null_mut());
    seat.current.store(main, Relaxed);
    seat.base.set(main);
    // SAFETY: the state is live, this is its stack, and nobody uses it from now on.
    unsafe { mlua::ffi::lua_close(main) };
    Reply::Values
}

/// Puts keys in their places, and looks whether ours are found.
fn rehash_entry(s: State) -> c_int {
    if let Some(core) = Level::of(s).core() {
        let mut index = 0;
        while let Some(table) = core.copies.moved_table(index) {
            // SAFETY: bare, and nothing has run here since the tables were found.
            if !unsafe { tables::rehash(s.as_ptr(), table, &|address| core.copies.has_moved(address)) } {
                s.raise(c"too many keys have moved");
            }
            index += 1;
        }
    }
    s.registry_get(&THREADS);
    if s.kind(-1) != Kind::Table {
        s.raise(c"tables of this build of Lua can't be read");
    }
    0
}

fn check_entry(s: State) -> c_int {
    super::image::test(s);
    0
}
