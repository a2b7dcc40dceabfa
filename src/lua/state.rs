//! A Lua state as bare code sees it: the C API with the names of the newest Lua. Here a thread and its stack; below, one file for each thing
//! that is done with them.
//!
//! # Safety
//! A [`State`] is only made from a pointer that Lua itself has passed (or `lua_newstate` has returned), and only used by the thread
//! that runs it, while it lives. The rest of the argument is in [`super`].
#![allow(unsafe_code)]

use std::ffi::CStr;
use std::os::raw::c_int;

use mlua::ffi::*;

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    None,
    Nil,
    Boolean,
    LightUserdata,
    Number,
    String,
    Table,
    Function,
    Userdata,
    Thread,
    /// LuaJIT's `cdata`.
    Other,
}

/// Calls the C API.
macro_rules! api {
    ($($call:tt)*) => {{
        // SAFETY: the state is live and this thread's, and the caller keeps the rules of indices and room: see `super`.
        unsafe { $($call)* }
    }};
}

// Below the macro, as they call it.
mod arguments;
mod calls;
mod collector;
mod errors;
mod libraries;
mod push;
mod registry;
mod tables;
mod userdata;
mod values;

pub use registry::Key;

/// A Lua thread.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct State(*mut lua_State);

impl State {
    pub const REGISTRY: c_int = LUA_REGISTRYINDEX;
    pub const ALL: c_int = LUA_MULTRET;

    /// # Safety
    /// `state` is a live Lua thread that the calling OS thread may use.
    pub unsafe fn new(state: *mut lua_State) -> State {
        State(state)
    }

    pub fn as_ptr(self) -> *mut lua_State {
        self.0
    }

    /// Index of an upvalue of the running C function.
    pub fn upvalue(n: c_int) -> c_int {
        lua_upvalueindex(n)
    }

    pub fn top(self) -> c_int {
        api! { lua_gettop(self.0) }
    }

    pub fn set_top(self, n: c_int) {
        api! { lua_settop(self.0, n) }
    }

    pub fn pop(self, n: c_int) {
        api! { lua_settop(self.0, -n - 1) }
    }

    pub fn absolute(self, index: c_int) -> c_int {
        api! { lua_absindex(self.0, index) }
    }

    pub fn copy(self, index: c_int) {
        api! { lua_pushvalue(self.0, index) }
    }

    pub fn insert(self, index: c_int) {
        api! { lua_insert(self.0, index) }
    }

    pub fn replace(self, index: c_int) {
        api! { lua_replace(self.0, index) }
    }

    pub fn remove(self, index: c_int) {
        api! { lua_remove(self.0, index) }
    }

    /// Room for `n` more values; false where the stack can't grow.
    pub fn has_room(self, n: c_int) -> bool {
        api! { lua_checkstack(self.0, n) != 0 }
    }

    /// The same, but raises where it is memory that lacks.
    pub fn makes_room(self, n: c_int) -> bool {
        let made = self.has_room(n);
        // A stack that is nowhere near its longest lacks memory; stock Lua says so from 5.3 on.
        if !made && self.top().saturating_add(n) < 7000 {
            self.no_memory();
        }
        made
    }

    /// Room for `many` more values, or for `few` at least: for how many. `None` where the stack would be too long.
    pub fn makes_room_for(self, many: c_int, few: c_int) -> Option<c_int> {
        if self.has_room(many) {
            return Some(many);
        }
        self.makes_room(few).then_some(few)
    }

    /// Room for `n` more values, or an error.
    pub fn check_stack(self, n: c_int, what: &CStr) {
        if self.makes_room(n) {
            return;
        }
        self.push_cstr(c"stack overflow (");
        self.push_cstr(what);
        self.push_cstr(c")");
        self.concat(3);
        self.error();
    }

    pub fn move_to(self, to: State, n: c_int) {
        api! { lua_xmove(self.0, to.0, n) }
    }
}
