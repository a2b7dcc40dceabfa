//! The iterator behind `lines` of a stream on PUC Lua: a C function.
//!
//! # Safety
//! See the parts.
#![allow(unsafe_code)]

use mlua::ffi::lua_State;

use super::lines::push_c_iterator;

/// Pushes the iterator over the handle at 1. May raise.
///
/// # Safety
/// A valid state with four free slots, in which `lines` is running.
pub unsafe fn push(state: *mut lua_State) {
    // SAFETY: passed on.
    unsafe { push_c_iterator(state) }
}
