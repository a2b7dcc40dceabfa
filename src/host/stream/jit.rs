//! LuaJIT: its compiled code calls `fwrite`, `fputc` and `fflush` itself for `f:write`, `io.write`, `f:flush` and `io.flush`.
//!
//! Lua must not run from there, nor while a trace is being recorded. So a cookie looks at who has called stdio. In compiled code, whose frames
//! lie in no loaded object, bytes are held, and a hook for one instruction delivers them as soon as the interpreter goes on. In the
//! interpreter, setting the hook anew (to what it is) aborts a recording, and Lua may run at once.
//!
//! A count hook of the host would start counting anew by that. So it is left alone but for once in [`HOOK_PAUSE`], and bytes are held meanwhile.
//!
//! # Safety
//! Unwinding only looks at frames. `lua_sethook` may be called at any moment, from signal handlers even.
#![allow(unsafe_code)]

use std::mem::MaybeUninit;
use std::os::raw::{c_int, c_void};
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};

use libc::FILE;
use mlua::ffi::*;

use super::cookie::Cookie;
use super::life;
use super::moment::{lua_may_run, Moment};
use crate::host::stack_room::Purpose;

/// Milliseconds for which a host's count hook is left undisturbed.
const HOOK_PAUSE: i64 = 100;
/// Frames to look at: from here to the interpreter there are about ten.
const FRAMES: u32 = 64;

extern "C" {
    fn _Unwind_Backtrace(f: extern "C" fn(*mut c_void, *mut c_void) -> c_int, argument: *mut c_void) -> c_int;
    fn _Unwind_GetIP(context: *mut c_void) -> usize;
    fn flockfile(file: *mut FILE);
    fn funlockfile(file: *mut FILE);
}

/// What a walk down the stack has found.
struct Walk {
    interpreter: usize,
    left: u32,
    compiled: bool,
}

const _URC_NO_REASON: c_int = 0;
const _URC_NORMAL_STOP: c_int = 4;

/// Looks at one frame, until one is the interpreter's or in no object.
extern "C" fn look(context: *mut c_void, walk: *mut c_void) -> c_int {
    // SAFETY: the unwinder passes both pointers on.
    unsafe {
        let walk = &mut *(walk as *mut Walk);
        let address = _Unwind_GetIP(context);
        walk.left = walk.left.saturating_sub(1);
        if address == 0 {
            return _URC_NORMAL_STOP;
        }
        // The address is that of the next instruction, which may belong to the next function.
        match object_of(address.wrapping_sub(1)) {
            0 => walk.compiled = true,
            object if object == walk.interpreter => {}
            _ if walk.left == 0 => walk.compiled = true,
            _ => return _URC_NO_REASON,
        }
    }
    _URC_NORMAL_STOP
}

/// Where the loaded object that `address` lies in begins; 0 if in none.
fn object_of(address: usize) -> usize {
    let mut info = MaybeUninit::<libc::Dl_info>::uninit();
    // SAFETY: dladdr looks the address up; `info` is filled when it says so.
    unsafe {
        if libc::dladdr(address as *const c_void, info.as_mut_ptr()) == 0 {
            return 0;
        }
        info.assume_init().dli_fbase as usize
    }
}

/// Whether compiled code has called stdio, or something that can't be told from it.
fn in_compiled_code() -> bool {
    static INTERPRETER: AtomicUsize = AtomicUsize::new(0);
    let mut interpreter = INTERPRETER.load(Ordering::Relaxed);
    if interpreter == 0 {
        interpreter = object_of(lua_type as *const () as usize);
        INTERPRETER.store(interpreter, Ordering::Relaxed);
    }
    let mut walk = Walk { interpreter, left: FRAMES, compiled: false };
    // SAFETY: `look` lets nothing out, and `walk` outlives the call.
    unsafe { _Unwind_Backtrace(look, ptr::from_mut(&mut walk).cast()) };
    walk.compiled
}

/// Aborts a recording, if one is under way; false if that had to be left undone.
unsafe fn abort_recording(cookie: *mut Cookie) -> bool {
    // SAFETY: any thread of the state will do.
    unsafe {
        let (state, life) = ((*cookie).thread, (*cookie).life);
        if state.is_null() {
            return false;
        }
        let (hook, mask) = (lua_gethook(state), lua_gethookmask(state));
        if !is_ours(hook) && mask & LUA_MASKCOUNT != 0 {
            let now = milliseconds();
            if now.saturating_sub((*life).disturbed) < HOOK_PAUSE {
                return false;
            }
            (*life).disturbed = now;
        }
        lua_sethook(state, hook, mask, lua_gethookcount(state));
        true
    }
}

fn is_ours(hook: Option<lua_Hook>) -> bool {
    hook.is_some_and(|hook| ptr::fn_addr_eq(hook, deliver as lua_Hook))
}

fn milliseconds() -> i64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the clock exists; `now` lives here.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC_COARSE, &mut now) };
    now.tv_sec.saturating_mul(1000).saturating_add(now.tv_nsec / 1_000_000)
}

/// # Safety
/// `cookie` is open.
pub unsafe fn to_write(cookie: *mut Cookie) -> Moment {
    // SAFETY: passed on.
    if !in_compiled_code() && unsafe { abort_recording(cookie) } {
        Moment::Now
    } else {
        Moment::Later
    }
}

/// Stock reads and closes are never compiled or recorded; what calls C functions through `ffi` may be.
///
/// # Safety
/// `cookie` is open.
pub unsafe fn to_read(cookie: *mut Cookie) -> Moment {
    if in_compiled_code() {
        return Moment::Later;
    }
    // SAFETY: passed on.
    unsafe { abort_recording(cookie) };
    Moment::Now
}

/// Has what is held delivered at the interpreter's next instruction, unless the host has a hook of its own.
///
/// # Safety
/// `cookie` is open and holds something.
pub unsafe fn deliver_soon(cookie: *mut Cookie) {
    // SAFETY: only the thread that runs the state touches its list and its hook.
    unsafe {
        let (state, life) = ((*cookie).thread, (*cookie).life);
        if state.is_null() || !(*life).is_owner() || !(*life).is_alive() {
            return;
        }
        if (*cookie).listed {
            (*life).unlink(cookie);
            (*life).link(cookie);
        }
        if lua_gethook(state).is_none() {
            lua_sethook(state, Some(deliver), LUA_MASKCOUNT, 1);
        }
    }
}

/// The hook: takes itself away, then delivers what any stream of this state holds.
unsafe extern "C-unwind" fn deliver(state: *mut lua_State, _event: *mut lua_Debug) {
    // SAFETY: a hook is called by the interpreter, so Lua may run.
    unsafe {
        if is_ours(lua_gethook(state)) {
            lua_sethook(state, None, 0, 0);
        }
        let life = life::of_state(state);
        // A cookie that holds something stands before all that don't; one that is busy delivers by itself.
        while !life.is_null() && !(*life).first.is_null() {
            let cookie = (*life).first;
            if !Cookie::holds(cookie) || (*cookie).busy {
                break;
            }
            let file = (*cookie).file;
            flockfile(file);
            lua_may_run(|| Cookie::deliver(cookie, Purpose::Ordinary));
            funlockfile(file);
        }
    }
}
