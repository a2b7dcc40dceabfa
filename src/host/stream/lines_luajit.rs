//! The iterator behind `lines` of a stream on LuaJIT: a Lua function, so that a loop over it is compiled whole. A call of a C function
//! ends each trace, and to go on behind it costs more than the line.
//!
//! The line comes by `ffi`, which is the host's own, or one that the host could have by `require`. Where it has none, or has switched the
//! compiler off (calls by `ffi` are slow then), the iterator is the C function.
//!
//! # Safety
//! Bare code over a valid state. `ffi` hands [`next`] the `FILE` of a handle, or null where that is closed, and a place of the size that
//! it was made with.
#![allow(unsafe_code)]

use std::ffi::{c_void, CStr};
use std::os::raw::c_int;

use libc::FILE;
use mlua::ffi::*;

use super::buffer::{self, Place, Ready};
use super::file_ref::FileRef;
use super::lines::{next_long_line, push_c_iterator, raw_field_of, MAKER, STOCK_READ};

/// Each iterator has a place of its own: whatever runs between the two calls (a hook) may iterate, too.
const SOURCE: &CStr = cr#"
local ffi, size, address, is_compiling, next_long_line = ...
local next_line = ffi.cast("int32_t (*)(void *, void *)", address)
local place_of, to_string = ffi.typeof("uint8_t[$]", size), ffi.string
return function(handle)
  if not is_compiling() then return nil end
  local place = place_of()
  return function()
    local length = next_line(handle, place)
    if length >= 0 then return to_string(place, length) end
    return next_long_line(handle)
  end
end
"#;

/// Pushes the iterator over the handle at 1. May raise.
///
/// # Safety
/// A valid state with four free slots, in which `lines` is running.
pub unsafe fn push(state: *mut lua_State) {
    // SAFETY: as for this file.
    unsafe {
        if lua_type(state, MAKER) == LUA_TNIL {
            lua_pushcfunction(state, make);
            lua_pushvalue(state, STOCK_READ);
            if lua_pcall(state, 1, 1, 0) != LUA_OK || lua_type(state, -1) != LUA_TFUNCTION {
                lua_pop(state, 1);
                lua_pushboolean(state, 0);
            }
            lua_replace(state, MAKER);
        }
        if lua_type(state, MAKER) == LUA_TFUNCTION {
            lua_pushvalue(state, MAKER);
            lua_pushvalue(state, 1);
            lua_call(state, 1, 1);
            if lua_type(state, -1) == LUA_TFUNCTION {
                return;
            }
            lua_pop(state, 1);
        }
        push_c_iterator(state);
    }
}

/// Makes what makes iterators, of the stock `read`; gives nil where there is no `ffi`.
///
/// # Safety
/// Bare; called as a C function with one argument.
unsafe extern "C-unwind" fn make(state: *mut lua_State) -> c_int {
    // SAFETY: as for this file; a C function has 20 slots.
    unsafe {
        if luaL_loadbuffer(state, SOURCE.as_ptr(), SOURCE.count_bytes(), c"=sandbox".as_ptr()) != LUA_OK {
            lua_error(state);
        }
        if !push_library(state, c"ffi") {
            return 0;
        }
        lua_pushinteger(state, size_of::<Place>() as lua_Integer);
        lua_pushlightuserdata(state, next as *mut c_void);
        if !push_library(state, c"jit") {
            return 0;
        }
        raw_field_of(state, lua_gettop(state), c"status");
        lua_remove(state, -2);
        if lua_type(state, -1) != LUA_TFUNCTION {
            return 0;
        }
        lua_pushvalue(state, 1);
        lua_pushcclosure(state, next_after, 1);
        lua_call(state, 5, 1);
        1
    }
}

/// Pushes a library: one that has been loaded, or that is to be had at once, as `require` has it. May raise.
///
/// # Safety
/// A valid state with four free slots.
unsafe fn push_library(state: *mut lua_State, name: &CStr) -> bool {
    // SAFETY: as for this file.
    unsafe {
        for (place, is_loaded) in [(c"_LOADED", true), (c"_PRELOAD", false)] {
            lua_getfield(state, LUA_REGISTRYINDEX, place.as_ptr());
            if lua_type(state, -1) != LUA_TTABLE {
                lua_pop(state, 1);
                continue;
            }
            raw_field_of(state, lua_gettop(state), name);
            lua_remove(state, -2);
            if !is_loaded && lua_iscfunction(state, -1) != 0 {
                lua_pushstring(state, name.as_ptr());
                lua_call(state, 1, 1);
            }
            if lua_type(state, -1) == LUA_TTABLE {
                return true;
            }
            lua_pop(state, 1);
        }
        false
    }
}

/// Copies the next line to `place` if it lies whole in the buffer: its length, or -1.
///
/// # Safety
/// `file` is null, or open and a stream's of ours in the state that calls this; nobody else refers to `place`.
unsafe extern "C" fn next(file: *mut FILE, place: *mut Place) -> i32 {
    if file.is_null() {
        return -1;
    }
    // SAFETY: see above.
    let line = unsafe { buffer::read_own(file, Ready::Text, &mut *place) };
    line.map_or(-1, |line| line.len() as i32)
}

/// What is left to do where [`next`] gives none; the upvalue is the stock `read`.
///
/// # Safety
/// Bare; the iterator calls it, with its handle.
unsafe extern "C-unwind" fn next_after(state: *mut lua_State) -> c_int {
    // SAFETY: as for this file.
    unsafe {
        lua_settop(state, 1);
        let handle = FileRef { userdata: lua_touserdata(state, 1) };
        next_long_line(state, handle, lua_upvalueindex(1))
    }
}
