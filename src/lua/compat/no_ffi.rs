//! In place of [`super::ffi`], for Luas that have no `ffi`.

use std::os::raw::c_int;

use mlua::ffi::{lua_State, LUA_OK};

/// There is nothing to prepare.
///
/// # Safety
/// None here; its twin needs a valid state.
pub unsafe fn prepare(_state: *mut lua_State, _text: Option<&[u8]>) -> c_int {
    LUA_OK
}
