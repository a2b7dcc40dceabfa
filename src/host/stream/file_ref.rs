//! Finding the `FILE` of a stock handle, each time anew: the host may close it whenever it likes.
//!
//! # Safety
//! A userdata with the stock metatable is laid out as stock code expects, since that code would rely on it just so.
#![allow(unsafe_code)]

use std::ffi::CStr;
use std::os::raw::{c_int, c_void};

use libc::FILE;
use mlua::ffi::*;

/// Where the registry has the metatable of stock handles: `LUA_FILEHANDLE`.
pub const STOCK_METATABLE: &CStr = c"FILE*";

/// The handle is a file, but closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed;

/// A stock handle's userdata. Whoever keeps one keeps the userdata alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileRef {
    pub userdata: *mut c_void,
}

/// Lua 5.1 has a bare `FILE *`; LuaJIT's begins with one.
#[cfg(any(feature = "lua51", feature = "luajit"))]
#[repr(C)]
struct Stock {
    file: *mut FILE,
}

#[cfg(any(feature = "lua51", feature = "luajit"))]
impl Stock {
    fn is_open(&self) -> bool {
        !self.file.is_null()
    }
}

#[cfg(not(any(feature = "lua51", feature = "luajit")))]
#[repr(C)]
struct Stock {
    file: *mut FILE,
    close: Option<lua_CFunction>,
}

#[cfg(not(any(feature = "lua51", feature = "luajit")))]
impl Stock {
    fn is_open(&self) -> bool {
        self.close.is_some() && !self.file.is_null()
    }
}

impl FileRef {
    /// The handle at `index`, if it is one. Raises nothing.
    ///
    /// # Safety
    /// A valid host state with two free slots.
    pub unsafe fn of(state: *mut lua_State, index: c_int) -> Option<FileRef> {
        // SAFETY: the stock metatable's name is in the registry, so looking it up makes no string.
        unsafe {
            let userdata = lua_touserdata(state, index);
            if lua_type(state, index) != LUA_TUSERDATA || lua_getmetatable(state, index) == 0 {
                return None;
            }
            lua_getfield(state, LUA_REGISTRYINDEX, STOCK_METATABLE.as_ptr());
            let stock = lua_type(state, -1) == LUA_TTABLE && lua_rawequal(state, -1, -2) != 0;
            lua_pop(state, 2);
            (stock && lua_rawlen(state, index) >= size_of::<Stock>()).then_some(FileRef { userdata })
        }
    }

    /// The `FILE`; none once the handle is closed. While a stream of ours is in a callback this is one that refuses everything.
    ///
    /// # Safety
    /// The userdata is alive.
    pub unsafe fn current(self) -> Option<*mut FILE> {
        // SAFETY: see the module.
        unsafe {
            let stock = &*(self.userdata as *const Stock);
            stock.is_open().then_some(stock.file)
        }
    }
}

#[cfg(test)]
/// The `FILE` of the stock handle at `index`; none if it is something else. Raises nothing.
///
/// # Safety
/// A valid host state with two free slots.
pub unsafe fn file_of(state: *mut lua_State, index: c_int) -> Option<Result<*mut FILE, Closed>> {
    // SAFETY: passed on; what is on the stack is alive.
    unsafe { Some(FileRef::of(state, index)?.current().ok_or(Closed)) }
}
