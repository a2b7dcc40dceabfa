//! The handle on LuaJIT: its file type can't be made from outside, so one is opened with its `io` library, and the `FILE` swapped.
//!
//! # Safety
//! [`Handle`] is laid out as LuaJIT's `IOFileUD` (`lib_io.c`), and only ever put over a userdata of that type and size.
#![allow(unsafe_code)]

use std::os::raw::c_int;
use std::ptr;

use libc::FILE;
use mlua::ffi::*;

use super::cookie::Cookie;
use super::file_ref::STOCK_METATABLE;

/// Upvalues of `newstream` that only this file needs: stock `io.open`, and a function that wraps another.
pub const UPVALUES: c_int = 2;

#[repr(C)]
pub struct Handle {
    file: *mut FILE,
    kind: u32,
}

/// `IOFILE_TYPE_FILE`: `fclose` closes it.
const KIND_FILE: u32 = 0;
/// `IOFILE_TYPE_STDF`: `close` is refused and collecting leaves it alone.
const KIND_STANDARD: u32 = 2;

/// A recorder that is aborted inside our callback looks for a Lua function on the thread's stack; this one is always there.
const WRAPPER: &std::ffi::CStr = c"local call = ... return function(f) return call(f) end";

/// Pushes what [`UPVALUES`] names. May raise.
///
/// # Safety
/// A valid state with four free slots.
pub unsafe fn push_upvalues(state: *mut lua_State) {
    // SAFETY: bare code over a valid state.
    unsafe {
        lua_getfield(state, LUA_REGISTRYINDEX, c"_LOADED".as_ptr());
        for name in [c"io", c"open"] {
            if lua_type(state, -1) != LUA_TTABLE {
                break;
            }
            lua_pushstring(state, name.as_ptr());
            lua_rawget(state, -2);
            lua_remove(state, -2);
        }
        if luaL_loadbuffer(state, WRAPPER.as_ptr(), WRAPPER.count_bytes(), c"=sandbox".as_ptr()) != LUA_OK {
            lua_error(state);
        }
    }
}

/// Pushes a handle of something harmless, with the table at `anchor`; the stream is put into it in [`open`]. May raise.
///
/// # Safety
/// A valid state with four free slots; `upvalue` is that of stock `io.open`.
pub unsafe fn push(state: *mut lua_State, anchor: c_int, upvalue: c_int) -> *mut Handle {
    // SAFETY: bare code over a valid state.
    unsafe {
        if lua_iscfunction(state, upvalue) == 0 {
            luaL_error(
                state,
                c"newstream needs the stock io.open, from before the module was loaded".as_ptr(),
            );
        }
        // The root can be opened (for nothing) where there is no /dev.
        for name in [c"/dev/null", c"/"] {
            lua_pushvalue(state, upvalue);
            lua_pushstring(state, name.as_ptr());
            lua_call(state, 1, 1);
            if lua_type(state, -1) != LUA_TNIL {
                break;
            }
            lua_pop(state, 1);
        }
        let handle = lua_touserdata(state, -1) as *mut Handle;
        lua_getfield(state, LUA_REGISTRYINDEX, STOCK_METATABLE.as_ptr());
        if lua_getmetatable(state, -2) == 0
            || lua_rawequal(state, -1, -2) == 0
            || lua_rawlen(state, -3) < size_of::<Handle>()
            || (*handle).kind != KIND_FILE
            || (*handle).file.is_null()
        {
            luaL_error(state, c"newstream can't open a file to put the stream into".as_ptr());
        }
        lua_pop(state, 2);
        lua_pushvalue(state, anchor);
        lua_setuservalue(state, -2);
        handle
    }
}

/// Puts the closure on top into a Lua function: see [`WRAPPER`]. `newstream` is running.
///
/// # Safety
/// A valid state with two free slots.
pub unsafe fn wrap_call(state: *mut lua_State) {
    // SAFETY: bare code over a valid state.
    unsafe {
        lua_pushvalue(state, lua_upvalueindex(super::newstream::UPVALUES + 2));
        lua_insert(state, -2);
        lua_call(state, 1, 1);
    }
}

/// Has the handle show `file` for now; gives its own.
///
/// # Safety
/// The handle is open and alive.
pub unsafe fn lend(handle: *mut Handle, file: *mut FILE) -> *mut FILE {
    // SAFETY: see above.
    unsafe {
        (*handle).kind = KIND_STANDARD;
        ptr::replace(&raw mut (*handle).file, file)
    }
}

/// Ends [`lend`] and closes the handle.
///
/// # Safety
/// As there; `own` is what it gave.
pub unsafe fn take_back(handle: *mut Handle, own: *mut FILE) {
    // SAFETY: see above.
    unsafe {
        (*handle).kind = KIND_FILE;
        (*handle).file = ptr::null_mut();
        libc::fclose(own);
    }
}

/// Puts the stream into a handle that [`push`] has made.
///
/// # Safety
/// All pointers are valid.
pub unsafe fn open(handle: *mut Handle, _cookie: *mut Cookie, file: *mut FILE) {
    // SAFETY: the file was opened by `push`, and nobody has seen it.
    unsafe {
        let harmless = ptr::replace(&raw mut (*handle).file, file);
        libc::fclose(harmless);
    }
}

/// From now on the handle shows `busy` instead of its stream, and can't be closed: stdio still needs the `FILE`.
///
/// # Safety
/// The handle is open and alive.
pub unsafe fn set_busy(handle: *mut Handle, busy: *mut FILE) {
    // SAFETY: see above.
    unsafe {
        (*handle).file = busy;
        (*handle).kind = KIND_STANDARD;
    }
}

/// Undoes [`set_busy`].
///
/// # Safety
/// As there.
pub unsafe fn set_idle(handle: *mut Handle, file: *mut FILE) {
    // SAFETY: see above.
    unsafe {
        (*handle).file = file;
        (*handle).kind = KIND_FILE;
    }
}
