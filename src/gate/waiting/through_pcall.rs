//! LuaJIT: the host function is called by Lua code, with LuaJIT's own `xpcall`, which can be yielded across.

use std::os::raw::c_int;

use super::resumed;
use crate::gate::level::Level;
use crate::gate::trace;
use crate::lua::{function, End, Key, Kind, State};

static HANDLER: Key = Key::new();

/// Message handler of the call. Its upvalue is `xpcall`: there the host's part of a traceback ends.
fn handler(s: State) -> c_int {
    let end = End::Caller(s.pointer(State::upvalue(1)));
    trace::note_up_to(s, Level::of(s), end)
}

/// What has come of a call: see `direct.rs`.
pub enum Called {
    #[allow(dead_code)] // In the Luas that need it.
    Over(bool),
    Return(c_int),
}

/// How [`super::prepare`] gives back the function and its `n` arguments: as `xpcall` takes them.
pub fn place(s: State, n: c_int) -> c_int {
    s.check_stack(1, c"arguments");
    s.registry_get(&HANDLER);
    s.insert(s.top() - n);
    n + 2
}

/// Gives back the token at `at`, the function, the handler and the arguments.
pub fn call(s: State, at: c_int) -> Called {
    Called::Return(s.top() - at + 1)
}

/// Pushes what calls the function and its arguments; false where the host has taken it away.
pub fn push_pass(s: State) -> bool {
    s.push_globals();
    s.raw_field(-1, c"xpcall");
    s.remove(-2);
    if s.kind(-1) != Kind::Function {
        return false;
    }
    s.copy(-1);
    s.push_closure(function(handler), 1);
    s.registry_set(&HANDLER);
    true
}

/// What is called with the token and what `xpcall` gave.
pub fn step(s: State) -> c_int {
    let ok = s.truth(2);
    if s.top() > 1 {
        s.remove(2);
    }
    resumed(s, ok, 1)
}
