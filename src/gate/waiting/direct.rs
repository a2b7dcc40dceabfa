//! Lua 5.2 and later: the host function is called under `lua_pcallk`.

use std::os::raw::c_int;

use mlua::ffi::lua_CFunction;

use super::resumed;
use crate::gate::level::Level;
use crate::gate::{proxy, trace};
use crate::host::{handle, module};
use crate::lua::{function, End, State};

/// What has come of a call.
pub enum Called {
    /// It is over: whether it went well.
    Over(bool),
    /// The running function is to give back so many values: the call is made by whoever gets them.
    #[allow(dead_code)] // In the Luas that need it.
    Return(c_int),
}

/// What calls boxes on this road: there the host's part of a traceback ends.
static CALLERS: [lua_CFunction; 4] =
    [function(proxy::call), function(handle::dofile), function(handle::dostring), function(module::run)];

/// Message handler of the call.
fn handler(s: State) -> c_int {
    trace::note_up_to(s, Level::of(s), End::BeforeAny(&CALLERS))
}

/// How [`super::prepare`] gives back the function and its `n` arguments: with the handler below them.
pub fn place(s: State, n: c_int) -> c_int {
    s.check_stack(1, c"arguments");
    s.push_function(function(handler));
    s.insert(s.top() - n - 1);
    n + 2
}

/// Calls the function above the token at `at`, and the handler.
pub fn call(s: State, at: c_int) -> Called {
    let ok = s.pcall_yieldable(s.top() - at - 2, at + 1, at, over);
    s.remove(at + 1);
    Called::Over(ok)
}

/// What goes on where the function has yielded.
fn over(s: State, ok: bool, at: c_int) -> c_int {
    s.remove(at + 1);
    resumed(s, ok, at)
}
