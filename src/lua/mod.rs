//! The fence around Lua's C API.
//!
//! # Safety: two kinds of code
//! A Lua error leaves a C function by `longjmp` (or LuaJIT's unwinding), a stop leaves a whole stack; neither drops a Rust value.
//! So all code that touches Lua here is of one of two kinds:
//!
//! * **Bare** code may raise and may be stopped. Its locals are `Copy`; whatever owns memory lives elsewhere (the run, the realm)
//!   and is reached through a pointer. All functions that Lua calls are bare; they take a [`State`].
//! * **Sheltered** code is ordinary Rust, with values that need dropping. It calls nothing that can raise or run Lua code, but
//!   through [`State::protected`], which hands bare code to `lua_pcall` (or `lua_cpcall`).
//!
//! [`State`]'s methods are safe to call in the sense that they keep Rust's memory whole under these two rules and Lua's own:
//! an index names a slot that exists, and no more than 20 values are pushed without [`State::check_stack`].
#![allow(unsafe_code)]

pub mod compat;
mod function;
mod scalar;
mod state;
mod traceback;

pub use function::{function, Entry};
pub use scalar::Scalar;
pub use state::{Key, Kind, State};
pub use traceback::End;

/// The module leaves Lua's symbols to the interpreter that loads it; a test binary or a fuzzer has to bring them itself.
#[cfg(any(test, fuzzing))]
mod interpreter {
    #[cfg_attr(feature = "lua51", link(name = "lua5.1"))]
    #[cfg_attr(feature = "lua52", link(name = "lua5.2"))]
    #[cfg_attr(feature = "lua53", link(name = "lua5.3"))]
    #[cfg_attr(feature = "lua54", link(name = "lua5.4"))]
    #[cfg_attr(feature = "luajit", link(name = "luajit-5.1"))]
    extern "C" {}
}
