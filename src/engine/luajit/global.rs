//! What a LuaJIT state shares among its threads (`global_State`), as far as it is read or set here: which thread runs (`cur_L`).
//!
//! LuaJIT notes the running thread wherever it calls a function, and again where a C function returns. But an error that leaves a C
//! function and is caught by the interpreter's own `pcall` leaves the note as it was: that of the thread that the C function ran meanwhile, if it
//! ran one. The next trace then writes its registers over that other thread. So whoever has run Lua on another thread puts the note
//! right ([`set_running`]). Its place is no part of the API; it is the one word that changes as expected when a C function is called on
//! another thread. Where it isn't found (a LuaJIT without 64-bit references), nothing is set.
//!
//! # Safety
//! Words are searched through the kernel, which refuses addresses that aren't there. The one that is written to was found.
#![allow(unsafe_code)]

use std::os::raw::{c_int, c_void};
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use mlua::ffi::*;

/// Words of the `global_State` to search.
pub const WORDS: usize = 256;

/// Index of the word that refers to the running thread; 0 for unknown (the first word is the allocator).
static RUNNING: AtomicUsize = AtomicUsize::new(0);

/// The `global_State`: each thread refers to it in its third word. 0 if that can't be.
///
/// # Safety
/// A valid state.
pub unsafe fn global_of(state: *mut lua_State) -> usize {
    // SAFETY: a thread has more than three words.
    let global = unsafe { *(state as *const usize).add(2) };
    if global.is_multiple_of(align_of::<usize>()) {
        global
    } else {
        0
    }
}

/// What lies there, or zeros: a pipe refuses what can't be read.
pub fn words_at(address: usize) -> [usize; WORDS] {
    let mut words = [0; WORDS];
    let size = size_of::<[usize; WORDS]>();
    let mut ends = [-1; 2];
    // SAFETY: the kernel checks the address; `words` have room for what was written. It all fits into a pipe.
    unsafe {
        if libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC | libc::O_NONBLOCK) == 0 {
            let [from, to] = ends;
            if libc::write(to, address as *const c_void, size) == size as isize {
                libc::read(from, words.as_mut_ptr().cast(), size);
            }
            libc::close(from);
            libc::close(to);
        }
    }
    words
}

/// Finds out once where LuaJIT notes the running thread. May raise.
///
/// # Safety
/// Bare, in a C function that runs on `state`, with four free slots.
pub unsafe fn learn(state: *mut lua_State) {
    // SAFETY: bare code over a valid state; the fresh thread has room for a function and its argument.
    unsafe {
        let global = global_of(state);
        if global == 0 || RUNNING.load(Relaxed) != 0 {
            return;
        }
        let thread = lua_newthread(state);
        let (here, mut there) = (words_at(global), [0; WORDS]);
        lua_pushcfunction(thread, look);
        lua_pushlightuserdata(thread, (&raw mut there).cast());
        if lua_pcall(thread, 1, 0, 0) == LUA_OK {
            let pairs = here.iter().zip(&there).enumerate();
            let mut found =
                pairs.filter(|(_, (a, b))| **a == state as usize && **b == thread as usize).map(|(i, _)| i);
            let first = found.next();
            // Unique, or it is not what it seems.
            if found.next().is_none() {
                RUNNING.store(first.unwrap_or(0), Relaxed);
            }
        }
        set_running(state, state);
        lua_settop(state, -2);
    }
}

/// # Safety
/// [`learn`] calls it through Lua, with a pointer to `WORDS` words.
unsafe extern "C-unwind" fn look(state: *mut lua_State) -> c_int {
    // SAFETY: `learn` passes the place of its words.
    unsafe {
        let words = lua_touserdata(state, 1) as *mut [usize; WORDS];
        words.write(words_at(global_of(state)));
    }
    0
}

/// The word that refers to the running thread, or null.
///
/// # Safety
/// A valid state.
unsafe fn place(state: *mut lua_State) -> *mut *mut lua_State {
    match RUNNING.load(Relaxed) {
        0 => ptr::null_mut(),
        // SAFETY: all states of the process are of one build of LuaJIT.
        index => unsafe { (global_of(state) as *mut *mut lua_State).add(index) },
    }
}

/// The thread that LuaJIT takes for the running one; null where that isn't known.
///
/// # Safety
/// A valid state.
pub unsafe fn running(state: *mut lua_State) -> *mut lua_State {
    // SAFETY: see `place`.
    unsafe {
        match place(state) {
            place if place.is_null() => ptr::null_mut(),
            place => place.read_volatile(),
        }
    }
}

/// Notes that `thread`, unless it is null, is the one that runs.
///
/// # Safety
/// `thread` is null, or the thread of `state`'s that the C function was called on which calls this.
pub unsafe fn set_running(state: *mut lua_State, thread: *mut lua_State) {
    // SAFETY: see `place`.
    unsafe {
        let place = place(state);
        if !place.is_null() && !thread.is_null() {
            place.write_volatile(thread);
        }
    }
}
