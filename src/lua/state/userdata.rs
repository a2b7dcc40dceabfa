//! Full userdata.

use std::os::raw::{c_int, c_void};

use mlua::ffi::*;

use super::{Key, Kind, State};
use crate::lua::compat;

impl State {
    pub fn new_userdata(self, size: usize) -> *mut c_void {
        api! { compat::new_userdata(self.0, size) }
    }

    pub fn userdata(self, index: c_int) -> *mut c_void {
        api! { lua_touserdata(self.0, index) }
    }

    /// A word of the full userdata at `index`, if it is as long as that.
    pub fn userdata_word(self, index: c_int, n: usize) -> Option<u64> {
        if self.kind(index) != Kind::Userdata || self.raw_len(index) < (n + 1) * size_of::<u64>() {
            return None;
        }
        // SAFETY: the block is that long, and any bytes are a number.
        Some(unsafe { (self.userdata(index) as *const u64).add(n).read_unaligned() })
    }

    /// The memory of the full userdata at `index` if its metatable is the one that the registry has under `key`; else null.
    pub fn userdata_of(self, index: c_int, key: &'static Key) -> *mut c_void {
        if self.kind(index) != Kind::Userdata || !self.metatable(index) {
            return std::ptr::null_mut();
        }
        self.registry_get(key);
        let ours = self.raw_equal(-1, -2);
        self.pop(2);
        if ours {
            self.userdata(index)
        } else {
            std::ptr::null_mut()
        }
    }

    pub fn set_user_table(self, index: c_int) {
        api! { compat::set_user_table(self.0, index) }
    }

    pub fn push_user_table(self, index: c_int) {
        api! { compat::push_user_table(self.0, index) }
    }
}
