//! LuaJIT: a heap works only where it lay, so no key ever moves; see `tables.rs` for what there would be to do.

#![allow(unsafe_code)]

use mlua::ffi::lua_State;

use super::Heap;

/// The node that all empty tables share: not looked for.
///
/// # Safety
/// None is needed here; the twin needs a state.
pub unsafe fn shared_node(_state: *mut lua_State) -> u64 {
    0
}

impl Heap {
    /// Addresses of the tables in which keys have moved.
    pub fn tables_with(&self, _has_moved: &dyn Fn(u64) -> bool) -> Option<Vec<usize>> {
        Some(Vec::new())
    }
}

/// Puts the moved keys of a table in their places.
///
/// # Safety
/// None is needed here; the twin needs a state in which nothing has run.
pub unsafe fn rehash(_state: *mut lua_State, _table: usize, _has_moved: &dyn Fn(u64) -> bool) -> bool {
    true
}
