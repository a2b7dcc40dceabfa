//! Errors and tracebacks.

use std::ffi::CStr;
use std::os::raw::c_int;
use std::ptr;

use mlua::ffi::*;

use super::{Kind, State};
use crate::lua::{compat, traceback, End};

impl State {
    /// Raises the value on top of the stack.
    pub fn error(self) -> ! {
        api! {
            lua_error(self.0);
        }
        #[allow(unreachable_code)]
        never()
    }

    /// Raises what Lua itself raises where there is no memory.
    pub fn no_memory(self) -> ! {
        self.push_cstr(c"not enough memory");
        self.error()
    }

    /// Pushes the position `level` calls up: `source:line: ` or nothing.
    pub fn push_where(self, level: c_int) {
        api! { compat::position(self.0, level) }
    }

    /// Raises the message with the caller's position in front.
    pub fn raise(self, message: &CStr) -> ! {
        self.push_where(1);
        self.push_cstr(message);
        self.concat(2);
        self.error()
    }

    /// Raises `bad argument #arg to 'f' (message)`.
    pub fn arg_error(self, arg: c_int, message: &CStr) -> ! {
        api! {
            compat::arg_error(self.0, arg, message.as_ptr());
        }
        #[allow(unreachable_code)]
        never()
    }

    /// Raises `bad argument #arg to 'f' (message)` with the string on top of the stack.
    pub fn arg_error_top(self, arg: c_int) -> ! {
        api! {
            compat::arg_error(self.0, arg, lua_tolstring(self.0, -1, ptr::null_mut()));
        }
        #[allow(unreachable_code)]
        never()
    }

    /// Raises `bad argument #arg to 'f' (expected expected, got type)`.
    pub fn type_error(self, arg: c_int, expected: &CStr) -> ! {
        // As stock: from Lua 5.3 on a type may have a name of its own.
        let named = compat::INTEGERS && self.metafield(arg, c"__name") && self.kind(-1) == Kind::String;
        api! {
            let got = match self.kind(arg) {
                Kind::None => c"no value".as_ptr(),
                _ if named => lua_tostring(self.0, -1),
                _ => self.type_name(arg),
            };
            lua_pushfstring(self.0, c"%s expected, got %s".as_ptr(), expected.as_ptr(), got);
        }
        self.arg_error_top(arg)
    }

    /// Takes the string on top and pushes it with the traceback of `of` from `level` on.
    pub fn append_traceback(self, of: State, level: c_int) {
        api! { traceback::append(self.0, of.0, level) }
    }

    /// The same without a headline, up to `end`.
    pub fn append_frames(self, of: State, level: c_int, end: End) {
        api! { traceback::append_frames(self.0, of.0, level, end) }
    }

    /// Address of the running C function; 0 where none runs.
    pub fn running(self) -> usize {
        api! { traceback::running(self.0) }
    }
}

/// `lua_error` and its kin don't return; not all of their types say so.
fn never() -> ! {
    loop {
        std::hint::spin_loop();
    }
}
