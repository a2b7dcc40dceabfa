//! Making values, and turning one into another.

use std::ffi::CStr;
use std::os::raw::{c_int, c_void};
use std::ptr;

use mlua::ffi::*;

use super::State;
use crate::lua::compat;

impl State {
    pub fn push_nil(self) {
        api! { lua_pushnil(self.0) }
    }

    pub fn push_bool(self, b: bool) {
        api! { lua_pushboolean(self.0, b as c_int) }
    }

    pub fn push_number(self, n: f64) {
        api! { lua_pushnumber(self.0, n) }
    }

    pub fn push_integer(self, n: i64) {
        api! { compat::push_integer(self.0, n) }
    }

    pub fn push_bytes(self, s: &[u8]) {
        api! { compat::push_bytes(self.0, s) }
    }

    pub fn push_cstr(self, s: &CStr) {
        self.push_bytes(s.to_bytes());
    }

    pub fn push_light(self, p: *mut c_void) {
        api! { lua_pushlightuserdata(self.0, p) }
    }

    pub fn push_function(self, f: lua_CFunction) {
        api! { lua_pushcfunction(self.0, f) }
    }

    pub fn push_closure(self, f: lua_CFunction, upvalues: c_int) {
        api! { lua_pushcclosure(self.0, f, upvalues) }
    }

    pub fn push_registry(self) {
        // SAFETY: as for the type.
        unsafe { lua_pushvalue(self.0, LUA_REGISTRYINDEX) }
    }

    pub fn push_globals(self) {
        api! {
            lua_pushglobaltable(self.0);
        }
    }

    /// Pushes this thread; true if it is the state's main one.
    pub fn push_thread(self) -> bool {
        api! { lua_pushthread(self.0) != 0 }
    }

    pub fn push_type_name(self, index: c_int) {
        api! {
            lua_pushstring(self.0, self.type_name(index));
        }
    }

    pub fn new_table(self) {
        api! { lua_createtable(self.0, 0, 0) }
    }

    pub fn new_table_sized(self, array: c_int, hash: c_int) {
        api! { lua_createtable(self.0, array, hash) }
    }

    pub fn new_thread(self) -> State {
        State(api! { lua_newthread(self.0) })
    }

    pub fn concat(self, n: c_int) {
        api! { lua_concat(self.0, n) }
    }

    /// Pushes `text` with each `what` replaced by `with`.
    pub fn gsub(self, text: &CStr, what: &CStr, with: &CStr) {
        api! {
            luaL_gsub(self.0, text.as_ptr(), what.as_ptr(), with.as_ptr());
        }
    }

    /// Turns the number at `index` into its text, as `tostring` writes it; leaves a string as it is.
    pub fn to_text(self, index: c_int) {
        api! {
            lua_tolstring(self.0, index, ptr::null_mut());
        }
    }

    /// Turns the text on top into the number that it is, or into nil.
    pub fn text_to_number(self) {
        api! { compat::text_to_number(self.0) }
    }
}
