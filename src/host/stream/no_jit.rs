//! PUC Lua compiles nothing, and its `io` library holds nothing of the state's across a call of stdio: see `jit.rs`, its twin.
#![allow(unsafe_code)]

use std::os::raw::c_int;

use mlua::ffi::lua_State;

use super::cookie::Cookie;
use super::moment::Moment;

/// # Safety
/// None here; its twin reads the cookie.
pub unsafe fn to_write(_cookie: *mut Cookie) -> Moment {
    Moment::Now
}

/// # Safety
/// None here; its twin reads the cookie.
pub unsafe fn to_read(_cookie: *mut Cookie) -> Moment {
    Moment::Now
}

/// # Safety
/// None here; its twin reads the cookie.
pub unsafe fn to_close(_cookie: *mut Cookie) -> Moment {
    Moment::Now
}

/// What another thread's `fflush(NULL)` leaves behind waits for the next write, or the close.
///
/// # Safety
/// None here; its twin reads the cookie.
pub unsafe fn deliver_soon(_cookie: *mut Cookie) {}

/// Nothing to keep.
pub struct Scratch;

impl Scratch {
    pub const NEW: Scratch = Scratch;

    /// # Safety
    /// None here; its twin needs a live state.
    pub unsafe fn swap(&mut self, _level: c_int) {}

    /// # Safety
    /// None here; its twin needs a live state.
    pub unsafe fn free(&mut self, _state: *mut lua_State) {}
}

/// # Safety
/// None here; its twin needs a valid state.
pub unsafe fn discover(_state: *mut lua_State, _opener: c_int, _scratch: *mut Scratch) {}
