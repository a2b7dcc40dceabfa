//! LuaJIT: who calls stdio decides whether Lua may run.
//!
//! | called from | what may be lost | so |
//! |---|---|---|
//! | compiled code: it calls `fwrite`, `fputc`, `fflush` itself for `f:write`, `io.write`, `f:flush`, `io.flush` | the state's registers are the trace's: a crash | bytes are held |
//! | the interpreter's `f:write` | it keeps a pointer into the Lua stack, which a collection may shrink | bytes are held |
//! | the interpreter's `f:read`, `io.lines`… | it reads into the state's one scratch buffer, which any string operation uses | Lua runs, the [`Scratch`] swapped meanwhile |
//! | the interpreter's `f:flush`, `f:close`, `os.exit` | | Lua runs |
//!
//! Who calls is seen by a walk down the stack ([`frames`]), which costs as much as the writing of a buffer. A word of LuaJIT's state tells
//! it, too; it is believed once the walk has found it right.
//!
//! What is held goes to the writer at the interpreter's next instruction (see [`hook`]), or first thing when Lua may run.
//!
//! # Safety
//! See the parts.
#![allow(unsafe_code)]

mod frames;
mod hook;
mod scratch;

pub use hook::deliver_soon;
pub use scratch::{discover, Scratch};

use super::cookie::Cookie;
use super::moment::Moment;
use crate::engine::luajit;
use frames::Caller;

/// # Safety
/// `cookie` is open.
pub unsafe fn to_write(cookie: *mut Cookie) -> Moment {
    // SAFETY: passed on. A `Life` outlives its cookies, and an open cookie of a living state has a thread.
    unsafe {
        let life = (*cookie).life;
        let hint = luajit::compiled_hint((*cookie).thread) != 0;
        // Bytes that are held for nothing are delivered a little later: this need not be certain.
        if hint && (*life).scratch.is_hint_good {
            return Moment::Unseen;
        }
        match frames::caller() {
            Caller::Flush if hook::abort_recording(cookie, true) => Moment::Now,
            Caller::Compiled => {
                (*life).scratch.is_hint_good = hint;
                Moment::Unseen
            }
            _ => Moment::Later,
        }
    }
}

/// Stock reads are never compiled or recorded; what calls C functions through `ffi` may be.
///
/// # Safety
/// `cookie` is open.
pub unsafe fn to_read(cookie: *mut Cookie) -> Moment {
    // SAFETY: a `Life` outlives its cookies.
    unsafe {
        if (*(*cookie).life).scratch.is_known() {
            to_close(cookie)
        } else {
            Moment::Later
        }
    }
}

/// As for reads, but closing uses no scratch buffer.
///
/// # Safety
/// `cookie` is open.
pub unsafe fn to_close(cookie: *mut Cookie) -> Moment {
    if frames::caller() == Caller::Compiled {
        return Moment::Later;
    }
    // SAFETY: passed on.
    unsafe { hook::abort_recording(cookie, false) };
    Moment::Now
}
