//! PUC Lua keeps nothing outside its heap, and its hooks are a thread's own: see `luajit.rs` for what there would be to do.

#![allow(unsafe_code)]

use mlua::ffi::lua_State;

use super::heap::Heap;

/// Looks once at how this build of LuaJIT lies in memory.
pub fn study() {}

/// Gives back the machine code of a state that is dropped without `lua_close`.
pub fn unmap_code(_main: usize, _heap: &Heap) {}

/// After a hook was left: makes hooks work again; false where they can't.
pub fn revive_hooks(_main: usize) -> bool {
    true
}

/// Turns the compiler of a state on or off.
///
/// # Safety
/// None is needed here; the twin needs a state that runs nothing now.
pub unsafe fn set_compiler(_main: *mut lua_State, _on: bool, _fresh: bool) -> bool {
    true
}

/// Forgets what has been compiled.
///
/// # Safety
/// None is needed here; the twin needs a state that runs nothing now.
pub unsafe fn flush(_main: *mut lua_State) -> bool {
    true
}

/// Whether the code at `pc` may hold a lock that LuaJIT takes.
///
/// # Safety
/// None is needed here; the twin reads the stack.
pub unsafe fn may_hold_lock(_pc: usize, _sp: usize, _base: usize) -> bool {
    false
}

/// After a stack was left at a fault: gives back the unwinder's lock.
pub fn release_unwinder() {}

/// Finds out where the running thread is noted.
///
/// # Safety
/// None is needed here; the twin runs Lua.
pub unsafe fn learn(_state: *mut lua_State) {}

/// The thread that is taken for the running one: PUC Lua keeps no such note.
///
/// # Safety
/// None is needed here; the twin reads the state.
pub unsafe fn running(_state: *mut lua_State) -> *mut lua_State {
    std::ptr::null_mut()
}

/// Notes which thread runs.
///
/// # Safety
/// None is needed here; the twin writes to the state.
pub unsafe fn set_running(_state: *mut lua_State, _thread: *mut lua_State) {}
