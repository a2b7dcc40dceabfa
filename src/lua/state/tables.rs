//! Tables and metatables.

use std::ffi::CStr;
use std::os::raw::c_int;

use mlua::ffi::*;

use super::State;
use crate::lua::compat;

impl State {
    pub fn raw_get(self, index: c_int) {
        api! { compat::raw_get(self.0, index) }
    }

    pub fn raw_set(self, index: c_int) {
        api! { lua_rawset(self.0, index) }
    }

    pub fn raw_geti(self, index: c_int, n: i64) {
        api! { compat::raw_geti(self.0, index, n) }
    }

    /// The same; whether there is anything but nil.
    pub fn raw_geti_any(self, index: c_int, n: i64) -> bool {
        api! { compat::raw_geti_any(self.0, index, n) }
    }

    pub fn raw_seti(self, index: c_int, n: i64) {
        api! { compat::raw_seti(self.0, index, n) }
    }

    /// Pushes `t[name]` of the table at `index`.
    pub fn raw_field(self, index: c_int, name: &CStr) {
        let index = self.absolute(index);
        self.push_cstr(name);
        self.raw_get(index);
    }

    /// Pops a value into `t[name]` of the table at `index`.
    pub fn raw_set_field(self, index: c_int, name: &CStr) {
        let index = self.absolute(index);
        self.push_cstr(name);
        self.insert(-2);
        self.raw_set(index);
    }

    /// Pops a key, pushes the next pair; false at the end.
    pub fn next(self, index: c_int) -> bool {
        api! { lua_next(self.0, index) != 0 }
    }

    pub fn metatable(self, index: c_int) -> bool {
        api! { lua_getmetatable(self.0, index) != 0 }
    }

    pub fn set_metatable(self, index: c_int) {
        api! {
            lua_setmetatable(self.0, index);
        }
    }

    /// Pushes the metafield and gives true, or pushes nothing.
    pub fn metafield(self, index: c_int, name: &CStr) -> bool {
        api! { luaL_getmetafield(self.0, index, name.as_ptr()) != LUA_TNIL }
    }

    pub fn get_table(self, index: c_int) {
        api! {
            lua_gettable(self.0, index);
        }
    }

    pub fn get_field(self, index: c_int, name: &CStr) {
        api! {
            lua_getfield(self.0, index, name.as_ptr());
        }
    }
}
