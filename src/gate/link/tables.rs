//! The tables that links consist of, and what else a state keeps for them. Those of a handle are made all at once. Those of a box for its
//! owner lie in the box's heap, and most boxes never need them: but for the first they are made when there is something to put into them.

use std::ffi::CStr;
use std::os::raw::c_int;

use super::{proxy, Link};
use crate::lua::{compat, Key, Kind, State};

/// Fields of a link's table.
pub mod field {
    /// number -> function or stream, what this side has exported.
    pub const BY_NUMBER: i64 = 1;
    /// function or stream -> number.
    pub const BY_VALUE: i64 = 2;
    /// number -> how often it was sent, if more than once.
    pub const SENT: i64 = 3;
    /// number -> proxy (weak), what this side has been given.
    pub const PROXIES: i64 = 4;
    /// The number given last.
    pub const LAST: i64 = 5;
    /// The handles bound to the three streams.
    pub const STREAMS: i64 = 6;
    /// The environment: a table or a function.
    pub const ENVIRONMENT: i64 = 9;
    /// handle -> proxy: what stands for the box's streams among the host's handles (weak keys).
    pub const HANDLES: i64 = 11;
    /// What a recording of the box is written to.
    pub const RECORDER: i64 = 12;
    /// name -> path, the granted modules that are files.
    pub const MODULES: i64 = 10;
}

/// In a box, the owner's link.
pub(super) static OWNER: Key = Key::new();
/// The handles of the boxes below.
static BOXES: Key = Key::new();
/// The metatables of weak tables.
static WEAK_VALUES: Key = Key::new();
static WEAK_KEYS: Key = Key::new();

/// Makes the table on top of the stack a weak one.
fn weaken(s: State, key: &'static Key) {
    push_weak(s, key);
    s.set_metatable(-2);
}

/// Pushes a metatable of weak tables, which is made if there is none yet.
fn push_weak(s: State, key: &'static Key) {
    s.registry_get(key);
    if !s.is_nil(-1) {
        return;
    }
    s.pop(1);
    let mode: &CStr = if std::ptr::eq(key, &WEAK_KEYS) { c"k" } else { c"v" };
    s.new_table();
    s.push_cstr(mode);
    s.raw_set_field(-2, c"__mode");
    s.copy(-1);
    s.registry_set(key);
}

/// Pushes the table of the handles of boxes below, if there is one; nil otherwise.
pub(super) fn push_boxes_if_any(s: State) {
    s.registry_get(&BOXES);
}

/// Pushes the table of the handles of boxes below, which is made if there is none yet.
pub(super) fn push_boxes(s: State) {
    s.registry_get(&BOXES);
    if s.is_nil(-1) {
        s.pop(1);
        s.new_table();
        weaken(s, &WEAK_VALUES);
        s.copy(-1);
        s.registry_set(&BOXES);
    }
}

/// Prepares a state for links: the metatable of proxies, and in a box the owner's link.
pub fn open(s: State, in_box: bool) {
    proxy::open(s);
    if in_box {
        s.new_table_sized(field::LAST as c_int, 0);
        // What calls look functions up in: see `gate::short`.
        s.new_table();
        s.raw_seti(-2, field::BY_NUMBER);
        s.registry_set(&OWNER);
    }
}

/// Pushes an empty link table of a handle.
pub fn push_new_table(s: State) {
    s.new_table_sized(11, 0);
    for index in [field::BY_NUMBER, field::BY_VALUE, field::SENT] {
        s.new_table();
        s.raw_seti(-2, index);
    }
    for (index, weak) in [(field::PROXIES, &WEAK_VALUES), (field::HANDLES, &WEAK_KEYS)] {
        s.new_table();
        weaken(s, weak);
        s.raw_seti(-2, index);
    }
}

/// Pushes what a handle that has no link yet has in its place on Lua 5.1 and LuaJIT, where a userdata always has a table: one that is never a
/// link.
fn push_unlinked(s: State) {
    push_weak(s, &WEAK_KEYS);
}

/// Bare: gives the new handle at `index` no table: it gets one when there is something to put into it. Most never do.
pub fn leave_unlinked(s: State, index: c_int) {
    if compat::V51 {
        let index = s.absolute(index);
        push_unlinked(s);
        s.set_user_table(index);
    }
}

/// Whether what is on top, where a handle's table would be, says that it has none. Allocates nothing.
pub(super) fn is_unlinked(s: State) -> bool {
    if !compat::V51 {
        return s.is_nil(-1);
    }
    s.registry_get(&WEAK_KEYS);
    let unlinked = s.raw_equal(-1, -2);
    s.pop(1);
    unlinked
}

/// Bare: pushes the table of the handle at `index`, which is made if there is none yet.
pub fn push_table_of(s: State, index: c_int) {
    let index = s.absolute(index);
    s.push_user_table(index);
    if is_unlinked(s) {
        s.pop(1);
        push_new_table(s);
        s.copy(-1);
        s.set_user_table(index);
    }
}

/// Empties the table of the handle at `index`, but for the streams and the environment. Allocates nothing.
pub fn forget(s: State, index: c_int) {
    s.push_user_table(index);
    if s.kind(-1) == Kind::Table && !is_unlinked(s) {
        for part in [field::BY_NUMBER, field::BY_VALUE, field::SENT, field::PROXIES, field::HANDLES] {
            s.push_nil();
            s.raw_seti(-2, part);
        }
    }
    s.pop(1);
}

impl Link {
    /// Pushes a part of the link's table at `table`; false (and nothing pushed) where there is none yet. Allocates nothing.
    pub(super) fn push_field_if_any(self, s: State, table: c_int, part: i64) -> bool {
        s.raw_geti(table, part);
        if s.kind(-1) == Kind::Table {
            return true;
        }
        // A host's `debug` library reaches the table that holds it.
        if self != Link::Owner {
            s.raise(c"sandbox is closed");
        }
        s.pop(1);
        false
    }

    /// Pushes a part of the link's table at `table`, which is made if there is none yet.
    pub(super) fn push_field(self, s: State, table: c_int, part: i64) {
        if self.push_field_if_any(s, table, part) {
            return;
        }
        s.new_table();
        if part == field::PROXIES {
            weaken(s, &WEAK_VALUES);
        }
        s.copy(-1);
        s.raw_seti(table, part);
    }
}
