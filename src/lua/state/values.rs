//! Looking at values. Nothing here raises or allocates.

use std::ffi::CStr;
use std::os::raw::c_int;
use std::ptr;

use mlua::ffi::*;

use super::{Kind, State};
use crate::lua::compat;

impl State {
    pub fn kind(self, index: c_int) -> Kind {
        match api! { lua_type(self.0, index) } {
            LUA_TNONE => Kind::None,
            LUA_TNIL => Kind::Nil,
            LUA_TBOOLEAN => Kind::Boolean,
            LUA_TLIGHTUSERDATA => Kind::LightUserdata,
            LUA_TNUMBER => Kind::Number,
            LUA_TSTRING => Kind::String,
            LUA_TTABLE => Kind::Table,
            LUA_TFUNCTION => Kind::Function,
            LUA_TUSERDATA => Kind::Userdata,
            LUA_TTHREAD => Kind::Thread,
            _ => Kind::Other,
        }
    }

    pub fn is_none_or_nil(self, index: c_int) -> bool {
        matches!(self.kind(index), Kind::None | Kind::Nil)
    }

    pub fn is_nil(self, index: c_int) -> bool {
        self.kind(index) == Kind::Nil
    }

    pub fn truth(self, index: c_int) -> bool {
        api! { lua_toboolean(self.0, index) != 0 }
    }

    pub fn is_integer(self, index: c_int) -> bool {
        api! { compat::is_integer(self.0, index) }
    }

    pub fn integer(self, index: c_int) -> i64 {
        api! { compat::to_integer(self.0, index) }
    }

    /// The number at `index`, or 0 where there is none.
    pub fn number(self, index: c_int) -> f64 {
        api! { lua_tonumber(self.0, index) }
    }

    /// The number at `index`, with strings that look like one converted.
    pub fn as_number(self, index: c_int) -> Option<f64> {
        let mut is = 0;
        let n = api! { lua_tonumberx(self.0, index, &mut is) };
        (is != 0).then_some(n)
    }

    /// The bytes of a string; `None` for anything else (a number is no string here). Good while the value stays on the stack.
    pub fn bytes<'a>(self, index: c_int) -> Option<&'a [u8]> {
        if self.kind(index) != Kind::String {
            return None;
        }
        let mut len = 0;
        api! {
            let s = lua_tolstring(self.0, index, &mut len) as *const u8;
            (!s.is_null()).then(|| std::slice::from_raw_parts(s, len))
        }
    }

    /// The bytes of what is known to be a string. Good while the value stays on the stack.
    pub fn string_bytes<'a>(self, index: c_int) -> &'a [u8] {
        let mut len = 0;
        api! {
            let s = lua_tolstring(self.0, index, &mut len) as *const u8;
            if s.is_null() {
                &[]
            } else {
                std::slice::from_raw_parts(s, len)
            }
        }
    }

    /// The string at `index` up to its first zero byte; empty for anything else.
    pub fn c_str<'a>(self, index: c_int) -> &'a CStr {
        if self.kind(index) != Kind::String {
            return c"";
        }
        api! {
            let s = lua_tolstring(self.0, index, ptr::null_mut());
            if s.is_null() {
                c""
            } else {
                CStr::from_ptr(s)
            }
        }
    }

    pub fn pointer(self, index: c_int) -> usize {
        api! { lua_topointer(self.0, index) as usize }
    }

    pub fn thread(self, index: c_int) -> Option<State> {
        let co = api! { lua_tothread(self.0, index) };
        (!co.is_null()).then_some(State(co))
    }

    pub fn is_c_function(self, index: c_int) -> bool {
        api! { lua_iscfunction(self.0, index) != 0 }
    }

    pub fn c_function(self, index: c_int) -> Option<lua_CFunction> {
        api! { lua_tocfunction(self.0, index) }
    }

    pub fn raw_len(self, index: c_int) -> usize {
        api! { lua_rawlen(self.0, index) }
    }

    pub fn raw_equal(self, a: c_int, b: c_int) -> bool {
        api! { lua_rawequal(self.0, a, b) != 0 }
    }

    pub fn type_name(self, index: c_int) -> *const std::os::raw::c_char {
        api! { lua_typename(self.0, lua_type(self.0, index)) }
    }
}
