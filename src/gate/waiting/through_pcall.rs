//! LuaJIT: the host function is called by Lua code, with LuaJIT's own `pcall`, which can be yielded across.

use std::os::raw::c_int;

use super::resumed;
use crate::lua::{Kind, State};

/// What has come of a call: see `direct.rs`.
pub enum Called {
    #[allow(dead_code)] // In the Luas that need it.
    Over(bool),
    Return(c_int),
}

/// How [`super::prepare`] gives back the function and its `n` arguments.
pub fn place(_s: State, n: c_int) -> c_int {
    n + 1
}

/// Gives back the token at `at`, the function and its arguments.
pub fn call(s: State, at: c_int) -> Called {
    Called::Return(s.top() - at + 1)
}

/// Pushes what calls the function and its arguments; false where the host has taken it away.
pub fn push_pass(s: State) -> bool {
    s.push_globals();
    s.raw_field(-1, c"pcall");
    s.remove(-2);
    s.kind(-1) == Kind::Function
}

/// What is called with the token and what `pcall` gave.
pub fn step(s: State) -> c_int {
    let ok = s.truth(2);
    if s.top() > 1 {
        s.remove(2);
    }
    resumed(s, ok, 1)
}
