//! Who has called a function: what messages about its arguments, and positions, speak of. In LuaJIT and Lua 5.1 some calls come through
//! Lua code of our own (`gate::waiting`), over which these look.
//!
//! # Safety
//! All functions here are *bare* (see [`crate::lua`]): they need a valid state and may raise.
#![allow(unsafe_code)]

use std::os::raw::{c_char, c_int};

use mlua::ffi::*;

pub use gaps::{arg_error, position};

#[cfg(not(any(feature = "lua51", feature = "luajit")))]
mod gaps {
    use super::*;

    /// Pushes `source:line: ` of the function so many levels up, or nothing.
    ///
    /// # Safety
    /// A valid state with a free slot.
    pub unsafe fn position(state: *mut lua_State, level: c_int) {
        luaL_where(state, level);
    }

    /// Raises `bad argument #arg to 'f' (message)`.
    ///
    /// # Safety
    /// Bare: in a C function that Lua has called, with three free slots; `message` is a string.
    pub unsafe fn arg_error(state: *mut lua_State, arg: c_int, message: *const c_char) {
        luaL_argerror(state, arg, message);
    }
}

#[cfg(any(feature = "lua51", feature = "luajit"))]
mod gaps {
    use std::ffi::CStr;
    use std::mem;

    use super::*;
    use crate::lua::compat::OWN_CHUNK;

    /// The first level from this one on that is not our own code.
    ///
    /// # Safety
    /// A valid state.
    unsafe fn level_of_caller(state: *mut lua_State, mut level: c_int) -> c_int {
        let mut ar: lua_Debug = mem::zeroed();
        let mut ours = false;
        while lua_getstack(state, level, &mut ar) != 0 && lua_getinfo(state, c"S".as_ptr(), &mut ar) != 0 {
            let own = !ar.source.is_null() && CStr::from_ptr(ar.source) == OWN_CHUNK;
            // Lua 5.1 shows a level of its own for each tail call.
            let tail = ours && !ar.what.is_null() && *ar.what as u8 == b't';
            if !own && !tail {
                break;
            }
            ours = true;
            level += 1;
        }
        level
    }

    /// Pushes `source:line: ` of the function so many levels up, or nothing.
    ///
    /// # Safety
    /// A valid state with a free slot.
    pub unsafe fn position(state: *mut lua_State, level: c_int) {
        luaL_where(state, level_of_caller(state, level));
    }

    /// Raises `bad argument #arg to 'f' (message)`, of the function that the host has called.
    ///
    /// # Safety
    /// Bare: in a C function that Lua has called, with three free slots; `message` is a string.
    pub unsafe fn arg_error(state: *mut lua_State, mut arg: c_int, message: *const c_char) {
        let level = level_of_caller(state, 1);
        if level == 1 {
            luaL_argerror(state, arg, message);
            return;
        }
        let mut ar: lua_Debug = mem::zeroed();
        let known = |ar: &lua_Debug| !ar.name.is_null() && *ar.name != 0;
        if lua_getstack(state, level - 1, &mut ar) == 0
            || lua_getinfo(state, c"n".as_ptr(), &mut ar) == 0
            || !known(&ar)
        {
            // A tail call leaves no name: what our own code calls it is the method's.
            lua_getstack(state, 0, &mut ar);
            lua_getinfo(state, c"n".as_ptr(), &mut ar);
            if !known(&ar) {
                ar.name = c"?".as_ptr();
            } else if CStr::from_ptr(ar.name) != c"run" {
                ar.namewhat = c"method".as_ptr();
            }
        }
        luaL_where(state, level);
        if !ar.namewhat.is_null() && CStr::from_ptr(ar.namewhat) == c"method" {
            arg -= 1;
        }
        if arg == 0 {
            lua_pushfstring(state, c"calling '%s' on bad self (%s)".as_ptr(), ar.name, message);
        } else {
            lua_pushfstring(state, c"bad argument #%d to '%s' (%s)".as_ptr(), arg, ar.name, message);
        }
        lua_concat(state, 2);
        lua_error(state);
    }
}
