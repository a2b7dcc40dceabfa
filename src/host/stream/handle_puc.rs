//! The handle on PUC Lua: a userdata that begins as a stock `luaL_Stream` (in Lua 5.1 a bare `FILE *`) and has the stock metatable.
//!
//! # Safety
//! Functions that Lua calls are bare. Stock code touches the beginning of [`Handle`], only.
#![allow(unsafe_code)]

use std::os::raw::c_int;
use std::ptr;

use libc::FILE;
use mlua::ffi::*;

use super::cookie::Cookie;
use super::file_ref::STOCK_METATABLE;
use crate::host::stack_room::{has_room, Purpose};

/// Upvalues of `newstream` that only this file needs.
pub const UPVALUES: c_int = 0;

#[cfg(feature = "lua51")]
#[repr(C)]
pub struct Handle {
    file: *mut FILE,
    cookie: *mut Cookie,
}

#[cfg(not(feature = "lua51"))]
#[repr(C)]
pub struct Handle {
    file: *mut FILE,
    /// None while the handle is closed.
    close: Option<lua_CFunction>,
    cookie: *mut Cookie,
}

#[cfg(feature = "lua51")]
impl Handle {
    const CLOSED: Handle = Handle { file: ptr::null_mut(), cookie: ptr::null_mut() };

    fn set_open(&mut self, file: *mut FILE) {
        self.file = file;
    }

    fn set_closed(&mut self) {
        self.file = ptr::null_mut();
    }

    /// Stock `close` finds the function that closes in the handle's environment.
    ///
    /// # Safety
    /// A valid state with a table at `anchor` and two free slots.
    unsafe fn prepare(state: *mut lua_State, anchor: c_int) {
        // SAFETY: bare code over a valid state.
        unsafe {
            lua_pushcfunction(state, close);
            lua_setfield(state, anchor, c"__close".as_ptr());
        }
    }
}

#[cfg(not(feature = "lua51"))]
impl Handle {
    const CLOSED: Handle = Handle { file: ptr::null_mut(), close: None, cookie: ptr::null_mut() };

    fn set_open(&mut self, file: *mut FILE) {
        self.file = file;
        self.close = Some(close);
    }

    fn set_closed(&mut self) {
        self.close = None;
    }

    /// # Safety
    /// None here; its twin needs a valid state.
    unsafe fn prepare(_state: *mut lua_State, _anchor: c_int) {}
}

/// Pushes nothing: see [`UPVALUES`].
///
/// # Safety
/// None here; its twin needs a valid state.
pub unsafe fn push_upvalues(_state: *mut lua_State) {}

/// Pushes a closed handle with the table at `anchor`. May raise.
///
/// # Safety
/// A valid state with three free slots.
pub unsafe fn push(state: *mut lua_State, anchor: c_int, _upvalue: c_int) -> *mut Handle {
    // SAFETY: bare code over a valid state.
    unsafe {
        Handle::prepare(state, anchor);
        let handle = lua_newuserdata(state, size_of::<Handle>()) as *mut Handle;
        handle.write(Handle::CLOSED);
        lua_getfield(state, LUA_REGISTRYINDEX, STOCK_METATABLE.as_ptr());
        if lua_type(state, -1) != LUA_TTABLE {
            luaL_error(state, c"newstream needs the io library".as_ptr());
        }
        lua_setmetatable(state, -2);
        lua_pushvalue(state, anchor);
        lua_setuservalue(state, -2);
        handle
    }
}

/// The closure on top is called as it is.
///
/// # Safety
/// None here; its twin needs a valid state.
pub unsafe fn wrap_call(_state: *mut lua_State) {}

/// Opens a handle that [`push`] has made.
///
/// # Safety
/// All pointers are valid.
pub unsafe fn open(handle: *mut Handle, cookie: *mut Cookie, file: *mut FILE) {
    // SAFETY: see above.
    unsafe {
        (*handle).cookie = cookie;
        (*handle).set_open(file);
    }
}

/// From now on the handle shows `busy` instead of its stream.
///
/// # Safety
/// The handle is open and alive.
pub unsafe fn set_busy(handle: *mut Handle, busy: *mut FILE) {
    // SAFETY: see above.
    unsafe { (*handle).file = busy };
}

/// Undoes [`set_busy`].
///
/// # Safety
/// As there.
pub unsafe fn set_idle(handle: *mut Handle, file: *mut FILE) {
    // SAFETY: see above.
    unsafe { (*handle).file = file };
}

/// Closes; refuses inside the stream's own callback, where stdio still needs the `FILE`, and where the last callbacks have no room.
///
/// # Safety
/// Bare; stock `close` calls it with the handle.
unsafe extern "C-unwind" fn close(state: *mut lua_State) -> c_int {
    // SAFETY: stock code has checked that the first argument is a handle, and only handles of ours lead here.
    unsafe {
        let handle = lua_touserdata(state, 1) as *mut Handle;
        if handle.is_null() || lua_rawlen(state, 1) != size_of::<Handle>() || (*handle).cookie.is_null() {
            return luaL_error(state, c"attempt to use a closed file".as_ptr());
        }
        let cookie = (*handle).cookie;
        let has = (*cookie).has;
        if (*cookie).busy || ((has.writer || has.cleaner) && !has_room(Purpose::Closing)) {
            let errno = if (*cookie).busy { libc::EBUSY } else { libc::ENOMEM };
            // Stock code has just marked the handle as closed.
            let file = (*handle).file;
            (*handle).set_open(file);
            return failure(state, errno);
        }
        (*handle).cookie = ptr::null_mut();
        let file = (*cookie).file;
        let failed = libc::fclose(file) != 0;
        let errno = *libc::__errno_location();
        (*handle).set_closed();
        if failed {
            return failure(state, errno);
        }
        lua_pushboolean(state, 1);
        1
    }
}

/// nil, message, errno: what stock `io` functions return on failure.
///
/// # Safety
/// A valid state with three free slots.
unsafe fn failure(state: *mut lua_State, errno: c_int) -> c_int {
    // SAFETY: bare code over a valid state.
    unsafe {
        lua_pushnil(state);
        lua_pushstring(state, libc::strerror(errno));
        lua_pushinteger(state, errno.into());
        3
    }
}
