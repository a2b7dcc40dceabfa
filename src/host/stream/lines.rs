//! `lines` of a stream of ours, which searches its `FILE`'s buffer, where stock Lua goes byte by byte.
//!
//! The handle's metatable is the stock one, so this stands in its table of methods, in the place of the stock `lines`, from the first
//! `newstream` on. Any other handle, and any format, is passed on to that.
//!
//! # Safety
//! Bare code over a valid state; what it keeps across a call lies on Lua's stack.
#![allow(unsafe_code)]

use std::ffi::{c_void, CStr};
use std::os::raw::c_int;
use std::ptr;

use mlua::ffi::*;

use super::buffer::{self, Ahead, Ready, PLACE};
use super::file_ref::{FileRef, STOCK_METATABLE};
use super::iterator;
use crate::lua::compat;

/// Its address marks the anchor of a stream of ours.
static MARK: u8 = 0;
/// Where an anchor has the mark.
const MARKED: lua_Integer = 2;

const CLOSED: &CStr = c"attempt to use a closed file";
/// What an iterator says of a file that has been closed.
const GONE: &CStr = if cfg!(feature = "luajit") { CLOSED } else { c"file is already closed" };

fn mark() -> *mut c_void {
    ptr::from_ref(&MARK).cast_mut().cast()
}

/// Marks the table at `anchor` as that of a stream of ours. May raise.
///
/// # Safety
/// A valid state with a free slot.
pub unsafe fn note(state: *mut lua_State, anchor: c_int) {
    // SAFETY: see above.
    unsafe {
        lua_pushlightuserdata(state, mark());
        lua_rawseti(state, anchor, MARKED as _);
    }
}

/// Puts [`lines`] into the table of methods, unless the host has changed what is there. May raise.
///
/// # Safety
/// A valid state with seven free slots.
pub unsafe fn install(state: *mut lua_State) {
    // SAFETY: see above.
    unsafe {
        let top = lua_gettop(state);
        lua_getfield(state, LUA_REGISTRYINDEX, STOCK_METATABLE.as_ptr());
        if lua_type(state, -1) == LUA_TTABLE {
            raw_field(state, c"__index");
        }
        if lua_type(state, -1) == LUA_TTABLE {
            let methods = lua_gettop(state);
            lua_pushstring(state, c"lines".as_ptr());
            raw_field_of(state, methods, c"lines");
            raw_field_of(state, methods, c"read");
            if lua_iscfunction(state, -1) != 0 && lua_iscfunction(state, -2) != 0 {
                lua_pushnil(state);
                lua_pushcclosure(state, lines, 3);
                lua_rawset(state, methods);
            }
        }
        lua_settop(state, top);
    }
}

/// Pushes the field of the table on top.
///
/// # Safety
/// A valid state with a table on top and a free slot.
unsafe fn raw_field(state: *mut lua_State, name: &CStr) {
    // SAFETY: as for this file.
    unsafe { raw_field_of(state, lua_gettop(state), name) }
}

/// Pushes the field of the table at `table`. May raise.
///
/// # Safety
/// A valid state with two free slots.
pub(super) unsafe fn raw_field_of(state: *mut lua_State, table: c_int, name: &CStr) {
    // SAFETY: as for this file.
    unsafe {
        lua_pushstring(state, name.as_ptr());
        lua_rawget(state, table);
    }
}

/// Whether the handle at 1 is that of a stream of ours.
///
/// # Safety
/// A valid state with a full userdata at 1, alone on the stack, and two free slots.
unsafe fn is_ours(state: *mut lua_State) -> bool {
    // SAFETY: as for this file.
    unsafe {
        lua_getuservalue(state, 1);
        let mut ours = false;
        if lua_type(state, -1) == LUA_TTABLE {
            lua_rawgeti(state, -1, MARKED as _);
            ours = lua_touserdata(state, -1) == mark();
        }
        lua_settop(state, 1);
        ours
    }
}

/// Upvalues of [`lines`]: the stock `lines` and `read`, and room for what [`iterator`] makes.
const STOCK_LINES: c_int = lua_upvalueindex(1);
pub(super) const STOCK_READ: c_int = lua_upvalueindex(2);
#[cfg(feature = "luajit")]
pub(super) const MAKER: c_int = lua_upvalueindex(3);

/// `file:lines(...)`
///
/// # Safety
/// Bare; Lua calls it, with its upvalues.
unsafe extern "C-unwind" fn lines(state: *mut lua_State) -> c_int {
    // SAFETY: as for this file.
    unsafe {
        luaL_checkudata(state, 1, STOCK_METATABLE.as_ptr());
        if FileRef::of(state, 1).and_then(|handle| handle.current()).is_none() {
            return luaL_error(state, CLOSED.as_ptr());
        }
        let given = lua_gettop(state);
        if given == 1 && is_ours(state) {
            iterator::push(state);
            return 1;
        }
        lua_pushvalue(state, STOCK_LINES);
        lua_insert(state, 1);
        lua_call(state, given, LUA_MULTRET);
        lua_gettop(state)
    }
}

/// Pushes the iterator over the handle at 1, as a C function. May raise.
///
/// # Safety
/// A valid state with two free slots, in which [`lines`] is running.
pub(super) unsafe fn push_c_iterator(state: *mut lua_State) {
    // SAFETY: as for this file.
    unsafe {
        lua_pushvalue(state, 1);
        lua_pushvalue(state, STOCK_READ);
        lua_pushcclosure(state, next_line, 2);
    }
}

/// The iterator; upvalues are the handle and the stock `read`.
///
/// # Safety
/// Bare; Lua calls it, with its two upvalues, of which the first is a handle.
unsafe extern "C-unwind" fn next_line(state: *mut lua_State) -> c_int {
    // SAFETY: as for this file. The upvalue keeps the userdata alive.
    unsafe {
        let handle = FileRef { userdata: lua_touserdata(state, lua_upvalueindex(1)) };
        if let Some(file) = handle.current() {
            let mut place = PLACE;
            if let Some(line) = buffer::read_own(file, Ready::Text, &mut place) {
                compat::push_bytes(state, line);
                return 1;
            }
        }
        lua_settop(state, 0);
        lua_pushvalue(state, lua_upvalueindex(1));
        next_long_line(state, handle, lua_upvalueindex(2))
    }
}

/// The same where the line doesn't lie whole in the buffer: it begins there, the buffer has to be filled, or stock Lua reads it.
///
/// # Safety
/// As for this file; the handle stands at 1, alone on the stack, and the stock `read` at `read`.
#[cold]
pub(super) unsafe fn next_long_line(state: *mut lua_State, handle: FileRef, read: c_int) -> c_int {
    // SAFETY: as for this file. Whatever makes a string may run finalizers, which may close the handle.
    unsafe {
        let mut place = PLACE;
        let Some(file) = handle.current() else { return luaL_error(state, GONE.as_ptr()) };
        if let Some(begun) = buffer::read_own(file, Ready::Beginning, &mut place) {
            compat::push_bytes(state, begun);
        }
        let Some(file) = handle.current() else { return luaL_error(state, GONE.as_ptr()) };
        let begun = lua_gettop(state) - 1;
        match buffer::fill(file) {
            Ahead::Something => {}
            Ahead::Nothing => return begun,
            Ahead::Failed(errno) => return luaL_error(state, c"%s".as_ptr(), libc::strerror(errno.0)),
        }
        if let Some(rest) = buffer::read_own(file, Ready::Text, &mut place) {
            compat::push_bytes(state, rest);
            lua_concat(state, begun + 1);
            return 1;
        }
        let first = begun + 2;
        lua_pushvalue(state, read);
        lua_pushvalue(state, 1);
        lua_call(state, 1, 3);
        if lua_type(state, first) == LUA_TNIL {
            if lua_type(state, first + 1) == LUA_TSTRING {
                return luaL_error(state, c"%s".as_ptr(), lua_tostring(state, first + 1));
            }
            lua_settop(state, begun + 1);
            return begun;
        }
        lua_settop(state, first);
        lua_concat(state, begun + 1);
        1
    }
}
