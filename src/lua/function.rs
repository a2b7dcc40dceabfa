//! Rust functions as C functions.

use std::ffi::CStr;
use std::mem;
use std::os::raw::c_int;
use std::ptr::NonNull;

use mlua::ffi::{lua_CFunction, lua_State};

use super::State;

/// A name and the function behind it: registration tables stand last in each file.
pub type Entry = (&'static CStr, lua_CFunction);

/// The C function of a bare Rust function: `function(print)`. `f` must be a function item or a closure that captures nothing.
pub const fn function<F: Fn(State) -> c_int + Copy + 'static>(_f: F) -> lua_CFunction {
    const { assert!(mem::size_of::<F>() == 0) };
    call::<F>
}

/// # Safety
/// Lua calls it with a valid state. There is no `catch_unwind` here: LuaJIT's errors unwind through this frame, and must pass.
/// Bare functions hold no code that can panic.
unsafe extern "C-unwind" fn call<F: Fn(State) -> c_int + Copy + 'static>(state: *mut lua_State) -> c_int {
    // SAFETY: `F` has no size (checked above): any aligned address holds one, and one exists, since `function` was given it.
    let f: F = unsafe { NonNull::<F>::dangling().as_ptr().read() };
    // SAFETY: Lua passes the running state.
    f(unsafe { State::new(state) })
}
