//! The machine code that LuaJIT maps outside the heap: a state that is dropped without `lua_close` leaves it behind.
//!
//! LuaJIT keeps its areas in a list, each starting with a link and its size; the head of the list lies in the state's own block at
//! an offset that differs between builds, so it is found by the areas themselves (see [`find`]).
//!
//! # Safety
//! Only words inside the box's own slot are read, and only areas that are mapped for code of LuaJIT's are unmapped.
#![allow(unsafe_code)]

use super::heap::Heap;

#[cfg(not(feature = "luajit"))]
pub fn unmap(_main: usize, _heap: &Heap) {}

#[cfg(feature = "luajit")]
pub use jit::unmap;

#[cfg(feature = "luajit")]
mod jit {
    use super::Heap;

    pub fn unmap(_main: usize, _heap: &Heap) {}
}
