//! The hook that delivers what streams hold, at the interpreter's next instruction.
//!
//! A hook of the host is put aside for that one instruction, and gets its events meanwhile. But a count hook would start counting anew: it is
//! left alone but for once in [`PAUSE`], and bytes stay held until a flush with something to write, a read, or the close.
//!
//! # Safety
//! LuaJIT lets `lua_sethook` be called at any moment, from signal handlers even. Its hook belongs to the whole state.
#![allow(unsafe_code)]

use std::os::raw::c_int;
use std::ptr;

use libc::FILE;
use mlua::ffi::*;

use crate::host::stack_room::Purpose;
use crate::host::stream::cookie::Cookie;
use crate::host::stream::life::{self, Life};
use crate::host::stream::moment::lua_may_run;

/// Milliseconds for which a host's count hook is left undisturbed.
const PAUSE: i64 = 100;

extern "C" {
    fn flockfile(file: *mut FILE);
    fn funlockfile(file: *mut FILE);
}

/// A hook of the host that waits for ours to be done.
#[derive(Clone, Copy)]
pub struct Aside {
    hook: Option<lua_Hook>,
    mask: c_int,
    count: c_int,
    /// When a count hook was last disturbed, in milliseconds.
    disturbed: i64,
}

impl Aside {
    pub const NONE: Aside = Aside { hook: None, mask: 0, count: 0, disturbed: 0 };
}

fn is_ours(hook: Option<lua_Hook>) -> bool {
    hook.is_some_and(|hook| ptr::fn_addr_eq(hook, deliver as lua_Hook))
}

/// Whether the host's hook may be set anew.
///
/// # Safety
/// `life` is that of the valid `state`.
unsafe fn may_disturb(state: *mut lua_State, life: *mut Life) -> bool {
    // SAFETY: any thread of the state will do.
    unsafe {
        if is_ours(lua_gethook(state)) || lua_gethookmask(state) & LUA_MASKCOUNT == 0 {
            return true;
        }
        let now = milliseconds();
        let aside = &mut (*life).scratch.aside;
        let may = now.saturating_sub(aside.disturbed) >= PAUSE;
        if may {
            aside.disturbed = now;
        }
        may
    }
}

fn milliseconds() -> i64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the clock exists; `now` lives here.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC_COARSE, &mut now) };
    now.tv_sec.saturating_mul(1000).saturating_add(now.tv_nsec / 1_000_000)
}

/// Setting the hook to what it is aborts a recording, if one is under way. False if that had to be left undone: a count hook is
/// left alone unless it `must` be done.
///
/// # Safety
/// `cookie` is open.
pub unsafe fn abort_recording(cookie: *mut Cookie, must: bool) -> bool {
    // SAFETY: any thread of the state will do.
    unsafe {
        let state = (*cookie).thread;
        if state.is_null() || !(must || may_disturb(state, (*cookie).life)) {
            return false;
        }
        lua_sethook(state, lua_gethook(state), lua_gethookmask(state), lua_gethookcount(state));
        true
    }
}

/// Has what is held delivered at the interpreter's next instruction.
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
        let hook = lua_gethook(state);
        if is_ours(hook) || !may_disturb(state, life) {
            return;
        }
        let aside = &mut (*life).scratch.aside;
        (aside.hook, aside.mask, aside.count) = (hook, lua_gethookmask(state), lua_gethookcount(state));
        let mask = aside.mask | LUA_MASKCOUNT;
        lua_sethook(state, Some(deliver), mask, 1);
    }
}

/// Gives the host its hook back, then delivers what any stream of this state holds.
///
/// # Safety
/// Set as a hook: Lua calls it with a valid state and record.
unsafe extern "C-unwind" fn deliver(state: *mut lua_State, event: *mut lua_Debug) {
    // SAFETY: a hook is called by the interpreter, so Lua may run.
    unsafe {
        let life = life::of_state(state);
        if life.is_null() {
            lua_sethook(state, None, 0, 0);
            return;
        }
        let aside = (*life).scratch.aside;
        if (*event).event != LUA_HOOKCOUNT {
            if let Some(hook) = aside.hook {
                hook(state, event);
            }
            return;
        }
        if is_ours(lua_gethook(state)) {
            lua_sethook(state, aside.hook, aside.mask, aside.count);
        }
        // A cookie that holds something stands before all that don't; one that is busy delivers by itself.
        while !(*life).first.is_null() {
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
