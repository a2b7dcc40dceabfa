//! Arguments of a C function, checked as `lauxlib.c` does.

use std::os::raw::c_int;

use mlua::ffi::*;

use super::{Kind, State};

impl State {
    /// A string argument; a number is converted in place, as the stock library does.
    pub fn check_bytes<'a>(self, arg: c_int) -> &'a [u8] {
        if !matches!(self.kind(arg), Kind::String | Kind::Number) {
            self.type_error(arg, c"string");
        }
        api! {
            let mut len = 0;
            let s = luaL_checklstring(self.0, arg, &mut len);
            std::slice::from_raw_parts(s as *const u8, len)
        }
    }

    /// An optional string argument.
    pub fn opt_bytes<'a>(self, arg: c_int) -> Option<&'a [u8]> {
        (!self.is_none_or_nil(arg)).then(|| self.check_bytes(arg))
    }

    pub fn check_number(self, arg: c_int) -> f64 {
        api! { luaL_checknumber(self.0, arg) }
    }

    pub fn check_integer(self, arg: c_int) -> i64 {
        api! { luaL_checkinteger(self.0, arg) as i64 }
    }

    pub fn opt_integer(self, arg: c_int, default: i64) -> i64 {
        if self.is_none_or_nil(arg) {
            default
        } else {
            self.check_integer(arg)
        }
    }

    pub fn check_any(self, arg: c_int) {
        api! { luaL_checkany(self.0, arg) }
    }

    pub fn check_table(self, arg: c_int) {
        api! { luaL_checktype(self.0, arg, LUA_TTABLE) }
    }

    pub fn check_function(self, arg: c_int) {
        api! { luaL_checktype(self.0, arg, LUA_TFUNCTION) }
    }
}
