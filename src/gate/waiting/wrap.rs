//! LuaJIT and Lua 5.1: the Lua functions around ours that calls into boxes go through.

use std::os::raw::c_int;

use crate::lua::State;

/// Whether this Lua needs them.
pub const NEEDED: bool = cfg!(any(feature = "lua51", feature = "luajit"));

#[cfg(feature = "lua51")]
pub use gaps::push_own;
pub use gaps::{methods, open, push_wrapped, unwrap};

#[cfg(not(any(feature = "lua51", feature = "luajit")))]
mod gaps {
    use super::*;

    pub fn open(_s: State) {}

    /// Wraps the function on top of the stack, which makes calls into a box.
    pub fn push_wrapped(_s: State) {}

    /// Puts the wrapped methods in place of those in the table on top of the stack.
    pub fn methods(_s: State, _names: &[&std::ffi::CStr]) {}

    /// Pushes what [`push_wrapped`] has wrapped; false (and nothing pushed) for any other function.
    pub fn unwrap(_s: State, _index: c_int) -> bool {
        false
    }
}

#[cfg(any(feature = "lua51", feature = "luajit"))]
mod gaps {
    use std::ffi::CStr;

    use super::super::host::{push_pass, step};
    use super::super::Road;
    use super::*;
    use crate::host::{handle, module};
    use crate::lua::{compat, function, Key, Kind};

    static WRAPPERS: Key = Key::new();

    /// Makes them, and keeps the table of them in the registry.
    pub fn open(s: State) {
        if !s.load_text(include_bytes!("wrap.lua"), compat::OWN_CHUNK) {
            s.error();
        }
        s.push_function(function(step));
        if !push_pass(s) {
            // Host functions can't yield then.
            s.pop(3);
            return;
        }
        s.push_function(function(|s: State| handle::dofile_by(s, Road::Waiting { close: false })));
        s.push_function(function(|s: State| handle::dostring_by(s, Road::Waiting { close: false })));
        s.push_function(function(|s: State| module::run_by(s, Road::Waiting { close: true })));
        s.call(5, 1);
        s.registry_set(&WRAPPERS);
    }

    /// Wraps the function on top of the stack, which makes calls into a box; leaves it as it is where it is not on the host's side.
    pub fn push_wrapped(s: State) {
        if push_own(s, c"proxy") {
            s.insert(-2);
            s.call(1, 1);
        }
    }

    /// Pushes one of the functions; false (and nothing pushed) in a box.
    pub fn push_own(s: State, name: &CStr) -> bool {
        s.registry_get(&WRAPPERS);
        if s.kind(-1) != Kind::Table {
            s.pop(1);
            return false;
        }
        s.raw_field(-1, name);
        s.remove(-2);
        true
    }

    /// Puts the wrapped functions of these names in place of those in the table on top of the stack.
    pub fn methods(s: State, names: &[&CStr]) {
        for name in names {
            if push_own(s, name) {
                s.raw_set_field(-2, name);
            }
        }
    }

    /// Pushes what [`push_wrapped`] has wrapped, or the like; false (and nothing pushed) for a C function.
    pub fn unwrap(s: State, index: c_int) -> bool {
        !s.is_c_function(index) && s.push_upvalue_of(index, 2)
    }
}
