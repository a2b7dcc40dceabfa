//! `sandbox.newstream`: the handle is made closed, then opened, so that running out of memory half-way leaves nothing dangling.
//!
//! # Safety
//! Bare code: all that it holds while something may raise is anchored in Lua or freed by the guard.
#![allow(unsafe_code)]

use std::os::raw::c_int;

use mlua::ffi::*;

use super::callback::{self, CLEANER, READER};
use super::cookie::Cookie;
use super::handle;
use super::jit;
use super::life;
use super::lines;

/// The running table and the guards' metatable; those of [`handle`] follow.
pub const UPVALUES: c_int = 2;

/// Slots of `newstream`'s own stack.
const ANCHOR: c_int = 4;
const THREAD: c_int = 5;
const GUARD: c_int = 6;
const HANDLE: c_int = 7;

/// Pushes the function `newstream`. May raise.
///
/// # Safety
/// A valid host state with ten free slots; not one of a box.
pub unsafe fn push_newstream(state: *mut lua_State) {
    // SAFETY: bare code over a valid state.
    unsafe {
        life::push_running(state);
        callback::push_guard_metatable(state);
        handle::push_upvalues(state);
        lua_pushcclosure(state, newstream, UPVALUES + handle::UPVALUES);
    }
}

/// # Safety
/// Bare; Lua calls it, with the upvalues that [`push_newstream`] gives it.
unsafe extern "C-unwind" fn newstream(state: *mut lua_State) -> c_int {
    // SAFETY: bare code; a C function has 20 slots.
    unsafe {
        for argument in READER..=CLEANER {
            if lua_isnoneornil(state, argument) == 0 {
                luaL_checktype(state, argument, LUA_TFUNCTION);
            }
        }
        lua_settop(state, CLEANER);
        let life = life::of_state(state);
        if life.is_null() || !(*life).is_alive() {
            return luaL_error(state, c"the Lua state is closing".as_ptr());
        }
        (*life).adopt();
        jit::discover(state, lua_upvalueindex(UPVALUES + 1), &raw mut (*life).scratch);

        if !(*life).has_lines {
            lines::install(state);
            (*life).has_lines = true;
        }
        lua_createtable(state, 2, 1);
        let thread = lua_newthread(state);
        lua_pushvalue(state, THREAD);
        lua_rawseti(state, ANCHOR, 1);
        lines::note(state, ANCHOR);
        // Finalizers run newest first: that of the handle still finds the guard as it was.
        let guard = callback::push_guard(state, ANCHOR, lua_upvalueindex(2));
        let cookie = Cookie::create(life, thread, callback::given(state));
        if cookie.is_null() {
            return luaL_error(state, c"not enough memory".as_ptr());
        }
        (*guard).cookie = cookie;
        (*cookie).guard = guard;
        let handle = handle::push(state, ANCHOR, lua_upvalueindex(UPVALUES + 1));
        (*cookie).handle = handle;
        callback::lay_out(state, thread, GUARD, HANDLE, lua_upvalueindex(1));

        let file = Cookie::open(cookie);
        if file.is_null() {
            let reason = libc::strerror(*libc::__errno_location());
            return luaL_error(state, c"cannot open a stream: %s".as_ptr(), reason);
        }
        handle::open(handle, cookie, file);
        lua_settop(state, HANDLE);
        1
    }
}
