//! Values that are copied between two Lua states as they are: no memory is needed for them, and nothing here raises.
//!
//! # Safety
//! As for [`State`]: see [`super`].
#![allow(unsafe_code)]

use std::os::raw::c_int;

use mlua::ffi::*;

use super::{compat, State};

/// A value without memory of its own.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scalar {
    Nil,
    Boolean(bool),
    Integer(i64),
    Float(f64),
}

impl State {
    /// The value at `index`, if it is one of these.
    #[inline(always)]
    pub fn scalar(self, index: c_int) -> Option<Scalar> {
        // SAFETY: looking at a slot that exists.
        unsafe {
            // First, since one call answers for the most frequent of all.
            if compat::is_integer(self.as_ptr(), index) {
                return Some(Scalar::Integer(compat::to_integer(self.as_ptr(), index)));
            }
            match lua_type(self.as_ptr(), index) {
                LUA_TNUMBER => Some(Scalar::Float(lua_tonumber(self.as_ptr(), index))),
                LUA_TBOOLEAN => Some(Scalar::Boolean(lua_toboolean(self.as_ptr(), index) != 0)),
                LUA_TNIL => Some(Scalar::Nil),
                _ => None,
            }
        }
    }

    /// Pushes it; the caller has seen to the room.
    #[inline(always)]
    pub fn push_scalar(self, value: Scalar) {
        match value {
            Scalar::Nil => self.push_nil(),
            Scalar::Boolean(b) => self.push_bool(b),
            Scalar::Integer(n) => self.push_integer(n),
            Scalar::Float(n) => self.push_number(n),
        }
    }
}
