//! Calls, coroutines, and upvalues of functions.

use std::ffi::CStr;
use std::os::raw::{c_int, c_void};

use mlua::ffi::*;

use super::State;
use crate::lua::compat;

impl State {
    pub fn call(self, args: c_int, results: c_int) {
        api! { lua_call(self.0, args, results) }
    }

    /// True if the call went well; else the error object is on the stack.
    pub fn pcall(self, args: c_int, results: c_int, handler: c_int) -> bool {
        api! { lua_pcall(self.0, args, results, handler) == LUA_OK }
    }

    /// Sheltered: runs bare code with the light userdata `data` as its argument; false and the error object on the stack if it raised.
    pub fn protected(self, f: lua_CFunction, data: *mut c_void) -> bool {
        api! { compat::protected(self.0, f, data) == LUA_OK }
    }

    /// Compiles text; false and a message on the stack if that fails.
    pub fn load_text(self, code: &[u8], name: &CStr) -> bool {
        api! { compat::load_text(self.0, code.as_ptr(), code.len(), name.as_ptr()) == LUA_OK }
    }

    /// Prepares for text that something else is to compile, or for some that isn't known yet; false and a message on the stack where there is
    /// no memory for that.
    pub fn prepare_text(self, text: Option<&[u8]>) -> bool {
        api! { compat::prepare(self.0, text) == LUA_OK }
    }

    /// Pushes an upvalue of the function at `index`; false (and nothing pushed) where it has none.
    pub fn push_upvalue_of(self, index: c_int, n: c_int) -> bool {
        api! { !lua_getupvalue(self.0, index, n).is_null() }
    }

    /// Pops a value into an upvalue of the function at `index`.
    pub fn set_upvalue(self, index: c_int, n: c_int) {
        api! {
            if lua_setupvalue(self.0, index, n).is_null() {
                self.pop(1);
            }
        }
    }

    /// Starts or goes on with a coroutine: `Ok(n)` results on its stack and whether it has yielded, or `Err` with an error object there.
    pub fn resume(self, co: State, args: c_int) -> Result<(c_int, bool), ()> {
        match api! { compat::resume(co.0, self.0, args) } {
            (LUA_OK, n) => Ok((n, false)),
            (LUA_YIELD, n) => Ok((n, true)),
            _ => Err(()),
        }
    }

    /// What a function gives back, as its last act, to yield the `n` values on top.
    pub fn yield_up(self, n: c_int) -> c_int {
        // SAFETY: bare code, as all that may raise; Lua drops the caller's frame.
        unsafe { lua_yield(self.0, n) }
    }

    pub fn status(self) -> c_int {
        api! { lua_status(self.0) }
    }

    /// Whether the thread has an activation record: it runs, or it has called another.
    pub fn has_calls(self) -> bool {
        api! {
            let mut ar: lua_Debug = std::mem::zeroed();
            lua_getstack(self.0, 0, &mut ar) != 0
        }
    }

    pub fn close_thread(self, from: State) -> bool {
        api! { compat::close_thread(self.0, from.0) }
    }
}
