//! Lua 5.2 and later: the host function is called under `lua_pcallk`.

use std::os::raw::c_int;

use super::resumed;
use crate::lua::State;

/// What has come of a call.
pub enum Called {
    /// It is over: whether it went well.
    Over(bool),
    /// The running function is to give back so many values: the call is made by whoever gets them.
    #[allow(dead_code)] // In the Luas that need it.
    Return(c_int),
}

/// How [`super::prepare`] gives back the function and its `n` arguments.
pub fn place(_s: State, n: c_int) -> c_int {
    n + 1
}

/// Calls the function above the token at `at`.
pub fn call(s: State, at: c_int) -> Called {
    Called::Over(s.pcall_yieldable(s.top() - at - 1, at, resumed))
}
