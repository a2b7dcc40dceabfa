//! Tables, metatables and the registry.

use std::ffi::CStr;
use std::os::raw::{c_int, c_void};

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

    /// The key of ours in this state's registry. In the host's it is the address itself: another copy of this library may have that state, too.
    fn registry_key(self, key: *const c_void) -> *mut c_void {
        let mut data = std::ptr::null_mut();
        let allocator = api! { lua_getallocf(self.0, &mut data) } as *const c_void;
        if std::ptr::eq(allocator, crate::engine::heap::allocate as *const c_void) {
            distance(key)
        } else {
            key.cast_mut()
        }
    }

    /// Pushes the registry's value under the address `key`.
    pub fn registry_get(self, key: *const c_void) {
        self.push_light(self.registry_key(key));
        self.raw_get(Self::REGISTRY);
    }

    /// Pops a value into the registry under the address `key`.
    pub fn registry_set(self, key: *const c_void) {
        self.push_light(self.registry_key(key));
        self.insert(-2);
        self.raw_set(Self::REGISTRY);
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

/// What stands in a box's registry for the address of a static of ours: the same in every process, wherever the library lies, so that a heap
/// that another process takes up finds its keys again.
fn distance(key: *const c_void) -> *mut c_void {
    static ORIGIN: u8 = 0;
    let offset = (key as usize).wrapping_sub(&raw const ORIGIN as usize) as u32;
    (offset as usize | 1 << 32) as *mut c_void
}
