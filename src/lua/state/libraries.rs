//! Libraries: Lua's own, and tables of functions of ours.

use mlua::ffi::*;

use super::State;
use crate::lua::{compat, Entry};

impl State {
    /// Pushes the table of loaded modules.
    pub fn push_loaded(self) {
        self.raw_field(Self::REGISTRY, c"_LOADED");
    }

    /// Opens the libraries that reach nothing outside the state.
    pub fn open_pure_libraries(self) {
        api! { compat::open_pure_libraries(self.0) }
    }

    /// Opens the package library and pushes its table.
    pub fn open_package_library(self) {
        api! {
            luaL_requiref(self.0, c"package".as_ptr(), luaopen_package, 1);
        }
    }

    /// Sets each function in the table on top of the stack.
    pub fn set_functions(self, entries: &[Entry]) {
        for (name, function) in entries {
            self.push_function(*function);
            self.raw_set_field(-2, name);
        }
    }
}
