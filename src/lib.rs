//! `require "sandbox"`: separate Lua states ("boxes") for code that nobody vouches for.
#![deny(unsafe_code)]

mod engine;
mod gate;
mod guest;
mod host;
mod lua;

use std::os::raw::c_int;

use mlua::ffi::lua_State;

/// The entry that a stock `require "sandbox"` calls.
///
/// # Safety
/// Called by Lua with the state that loads the library.
#[no_mangle]
#[allow(unsafe_code)]
pub unsafe extern "C-unwind" fn luaopen_sandbox(state: *mut lua_State) -> c_int {
    // SAFETY: Lua passes the running state.
    host::open_in_host(unsafe { lua::State::new(state) });
    1
}
