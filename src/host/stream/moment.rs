//! Whether Lua may run right now.
//!
//! A stream's callback is Lua code, but who calls for it is stdio, and who calls stdio can't always be seen: it may be `exit`, or an `fflush(NULL)`
//! (`io.popen` says so) on a thread that runs another Lua state, or code that LuaJIT has compiled. [`lua_may_run`] is for our own
//! callers, which know.
#![allow(unsafe_code)]

use std::cell::Cell;

use super::cookie::Cookie;
use super::jit;

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    Now,
    /// Not now, but an error may be told.
    Later,
    /// Not now, and whoever asks mustn't see an error: another thread's `fflush`, or compiled code, which would repeat the call.
    Unseen,
}

thread_local! {
    static MARKED: Cell<bool> = const { Cell::new(false) };
}

/// Runs `f`, a call of stdio, from a C function that the interpreter has called (so nothing compiled and no recorder is at work).
pub fn lua_may_run<R>(f: impl FnOnce() -> R) -> R {
    marked(true, f)
}

/// Runs `f`, a call of Lua, in which nothing is known of who calls stdio.
pub fn lua_runs<R>(f: impl FnOnce() -> R) -> R {
    marked(false, || crate::engine::clock::outside(f))
}

fn marked<R>(mark: bool, f: impl FnOnce() -> R) -> R {
    let before = MARKED.replace(mark);
    let result = f();
    MARKED.set(before);
    result
}

/// For bytes that come to be written: if Lua must not run now, they have to be held.
///
/// # Safety
/// `cookie` is open.
pub unsafe fn to_write(cookie: *mut Cookie) -> Moment {
    // SAFETY: a cookie keeps its `Life`.
    unsafe {
        let life = (*cookie).life;
        if MARKED.get() {
            (*life).adopt();
            return Moment::Now;
        }
        if !(*life).is_owner() {
            return Moment::Unseen;
        }
        jit::to_write(cookie)
    }
}

/// For reading, which neither `fflush` nor `exit` does: whoever asks runs this Lua state.
///
/// # Safety
/// `cookie` is open.
pub unsafe fn to_read(cookie: *mut Cookie) -> Moment {
    // SAFETY: a cookie keeps its `Life`.
    unsafe {
        (*(*cookie).life).adopt();
        if MARKED.get() {
            return Moment::Now;
        }
        jit::to_read(cookie)
    }
}

/// For closing: as for reading.
///
/// # Safety
/// `cookie` is open.
pub unsafe fn to_close(cookie: *mut Cookie) -> Moment {
    // SAFETY: a cookie keeps its `Life`.
    unsafe {
        (*(*cookie).life).adopt();
        if MARKED.get() {
            return Moment::Now;
        }
        jit::to_close(cookie)
    }
}
