//! `write` of the stock handles, past the checks by name and stdio's way round where one string fits in the `FILE`'s buffer.
//!
//! It stands in the stock table of methods, in the place of the stock `write`, from the first `newstream` on, and asks that for all
//! else. Every handle has it, a stream's or not: to tell them apart would cost as much as the writing. LuaJIT keeps the stock one,
//! which it compiles.
//!
//! # Safety
//! Bare code over a valid state.
#![allow(unsafe_code)]

use std::ffi::CStr;
use std::os::raw::c_int;
use std::{ptr, slice};

use mlua::ffi::*;

use super::buffer;
use super::file_ref::{FileRef, STOCK_METATABLE};
use super::lines::raw_field_of;
use crate::lua::compat;

const CLOSED: &CStr = c"attempt to use a closed file";

/// Puts [`write`] into the table of methods, unless the host has changed what is there. May raise.
///
/// # Safety
/// A valid state with six free slots.
pub unsafe fn install(state: *mut lua_State) {
    if compat::JIT {
        return;
    }
    // SAFETY: see above.
    unsafe {
        let top = lua_gettop(state);
        lua_getfield(state, LUA_REGISTRYINDEX, STOCK_METATABLE.as_ptr());
        if lua_type(state, -1) == LUA_TTABLE {
            raw_field_of(state, top + 1, c"__index");
        }
        if lua_gettop(state) == top + 2 && lua_type(state, -1) == LUA_TTABLE {
            lua_pushstring(state, c"write".as_ptr());
            raw_field_of(state, top + 2, c"write");
            if lua_iscfunction(state, -1) != 0 {
                lua_pushvalue(state, top + 1);
                lua_pushcclosure(state, write, 2);
                lua_rawset(state, top + 2);
            }
        }
        lua_settop(state, top);
    }
}

/// `file:write(...)`; upvalues are the stock `write` and the metatable of stock handles.
///
/// # Safety
/// Bare; Lua calls it, with its two upvalues.
unsafe extern "C-unwind" fn write(state: *mut lua_State) -> c_int {
    // SAFETY: as for this file. A userdata with that metatable is a stock handle, and the string at 2 stays where it is.
    unsafe {
        if lua_gettop(state) == 2 && lua_type(state, 2) == LUA_TSTRING && lua_getmetatable(state, 1) != 0 {
            if lua_rawequal(state, -1, lua_upvalueindex(2)) != 0 {
                let handle = FileRef { userdata: lua_touserdata(state, 1) };
                let mut size = 0;
                let text = lua_tolstring(state, 2, &mut size) as *const u8;
                let text = slice::from_raw_parts(text, size);
                let file = if handle.userdata.is_null() { None } else { handle.current() };
                if file.is_some_and(|file| buffer::write(file, text, || true)) {
                    return written(state);
                }
            }
            lua_settop(state, 2);
        }
        write_stock(state)
    }
}

/// What `write` gives: the handle, from Lua 5.2 on.
///
/// # Safety
/// A valid state with a free slot, the handle at 1.
unsafe fn written(state: *mut lua_State) -> c_int {
    // SAFETY: as for this file.
    unsafe {
        if compat::V51 {
            lua_pushboolean(state, 1);
        } else {
            lua_pushvalue(state, 1);
        }
    }
    1
}

/// Asks the stock `write`, and raises what it would raise itself: errors name the function that the caller has called, and its place.
///
/// # Safety
/// A valid state, with the arguments of [`write`], which is running.
unsafe fn write_stock(state: *mut lua_State) -> c_int {
    // SAFETY: as for this file.
    unsafe {
        luaL_checkudata(state, 1, STOCK_METATABLE.as_ptr());
        if FileRef::of(state, 1).and_then(|handle| handle.current()).is_none() {
            return luaL_error(state, CLOSED.as_ptr());
        }
        let given = lua_gettop(state);
        let is_text = |index: &c_int| matches!(lua_type(state, *index), LUA_TSTRING | LUA_TNUMBER);
        // What stands before a wrong argument is written.
        let good = (2..=given).take_while(is_text).last().unwrap_or(1);
        luaL_checkstack(state, good + 1, c"too many arguments".as_ptr());
        lua_pushvalue(state, lua_upvalueindex(1));
        for index in 1..=good {
            lua_pushvalue(state, index);
        }
        lua_call(state, good, LUA_MULTRET);
        if good < given {
            luaL_checklstring(state, good + 1, ptr::null_mut());
        }
        lua_gettop(state) - given
    }
}
