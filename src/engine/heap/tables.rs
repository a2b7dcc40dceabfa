//! Tables whose keys have moved. A light C function or light userdata is hashed by its address, which differs in another process; every
//! other address that PUC Lua hashes lies in the heap and keeps its low half. Such entries are taken out and put in again.
//!
//! The layout of tables and their nodes is that of Lua 5.1 to 5.4 (`lobject.h`: `Table`, `Node`, `TValue`), to which only images of the
//! very same build are brought back. That it is right is seen by what was put in again (`gate::run`).
//!
//! # Safety
//! A block is taken for a table by its length, its type tag, and pointers that lead to blocks; nodes are read as far as their own block reaches.
#![allow(unsafe_code)]

use std::os::raw::c_int;

use mlua::ffi::*;

use super::arena::Arena;
use super::blocks::{block_size, Space, HEADER, MIN_BLOCK, UNIT};
use super::Heap;
use crate::lua::compat;

/// Nodes that hold their keys' links behind them.
const LONG_NODES: bool = compat::V51 || compat::V52;
const V54: bool = compat::CLOSING;

/// Offsets in a table, and its size.
const TYPE: usize = 8;
const LOG_NODES: usize = 11;
const NODES: usize = if compat::V51 { 32 } else { 24 };
const TABLE: usize = if compat::V51 { 64 } else { 56 };
/// Offsets in a node, and its size: the value lies at its beginning.
const NODE: usize = if V54 {
    24
} else if LONG_NODES {
    40
} else {
    32
};
const KEY: usize = 16;
const KEY_TYPE: usize = if V54 { 9 } else { 24 };
/// Where a value's type lies behind it.
const VALUE_TYPE: usize = 8;
const VALUE: usize = 16;
/// Type tags: light userdata, and light C functions, which came with Lua 5.2.
const LIGHT: [u8; 2] = [2, if compat::V51 { 2 } else { 22 }];
const EMPTY: u8 = if V54 { 16 } else { 0 };
/// Where a thread keeps the top of its stack: the first pointer behind header and status, in all versions.
const TOP: usize = 16;
/// No table has more of them: as many as there are C functions.
const MOST: usize = 2000;

/// # Safety
/// `at` lies in mapped memory.
unsafe fn byte(at: usize) -> u8 {
    // SAFETY: the caller's promise.
    unsafe { (at as *const u8).read() }
}

/// # Safety
/// As `byte`, and aligned.
unsafe fn word(at: usize) -> u64 {
    // SAFETY: the caller's promise.
    unsafe { (at as *const u64).read() }
}

/// Whether a block of that size may be a table's: it may be a little longer than what was asked for.
fn holds_table(size: usize) -> bool {
    (block_size(TABLE)..block_size(TABLE) + MIN_BLOCK).contains(&size)
}

/// The nodes of a table: address and count.
///
/// # Safety
/// `table` is a block of a table's size.
unsafe fn nodes(table: usize) -> (usize, usize) {
    // SAFETY: within that block.
    unsafe {
        (word(table + NODES) as usize, 1_usize.checked_shl(byte(table + LOG_NODES).into()).unwrap_or(0))
    }
}

/// Bare: the node that all empty tables share.
///
/// # Safety
/// A valid state.
pub unsafe fn shared_node(state: *mut lua_State) -> u64 {
    // SAFETY: a table is at least as long as that.
    unsafe {
        lua_createtable(state, 0, 0);
        let node = word(lua_topointer(state, -1) as usize + NODES);
        lua_settop(state, -2);
        node
    }
}

/// The nodes of a table whose key has moved.
///
/// # Safety
/// `nodes` of them lie at `first`.
unsafe fn moved_nodes(
    first: usize,
    nodes: usize,
    has_moved: &dyn Fn(u64) -> bool,
) -> impl Iterator<Item = usize> + '_ {
    (0..nodes).map(move |index| first + index * NODE).filter(move |&node| {
        // SAFETY: as for this function. An entry without a value is none.
        unsafe {
            LIGHT.contains(&byte(node + KEY_TYPE))
                && byte(node + VALUE_TYPE) & 15 != 0
                && has_moved(word(node + KEY))
        }
    })
}

impl Heap {
    /// Addresses of the tables in which keys have moved. Nobody runs in the heap. `None` where there is no memory.
    pub fn tables_with(&self, has_moved: &dyn Fn(u64) -> bool) -> Option<Vec<usize>> {
        let base = self.header as usize;
        // SAFETY: the header of a living heap.
        let space = unsafe { Space::at(base as *mut u8) };
        // What lies on these lists looks as if it were in use.
        space.empty_quick();
        let mut found = Vec::new();
        let mut block = (size_of::<Arena>() + HEADER).next_multiple_of(UNIT);
        while block < space.top.get() {
            let size = space.size_of(block);
            if size == 0 {
                return None;
            }
            // SAFETY: the block is in use and has a table's size; nodes are counted against their own block.
            unsafe {
                let table = base + block;
                if !space.is_free(block) && holds_table(size) && byte(table + TYPE) == LUA_TTABLE as u8 {
                    let (first, count) = nodes(table);
                    let inside = first.wrapping_sub(base) < space.top.get()
                        && first % UNIT == 0
                        && first > base + HEADER;
                    let fits = |len| space.size_of(first - base) >= block_size(len);
                    if inside
                        && count.checked_mul(NODE).is_some_and(fits)
                        && moved_nodes(first, count, has_moved).next().is_some()
                    {
                        found.try_reserve(1).ok()?;
                        found.push(table);
                    }
                }
            }
            block += size;
        }
        Some(found)
    }
}

/// Pushes a value by what Lua holds of it.
///
/// # Safety
/// Bare; `value` is a valid one of the state's.
unsafe fn push(state: *mut lua_State, value: u64, kind: u64) {
    // SAFETY: the value goes where a nil has just been pushed.
    unsafe {
        lua_pushnil(state);
        let top = word(state as usize + TOP) as usize - VALUE;
        (top as *mut u64).write(value);
        ((top + VALUE_TYPE) as *mut u64).write(kind);
    }
}

/// Bare: takes the moved keys of a table that [`Heap::tables_with`] has found out of it, and puts them in again. False if that can't be.
///
/// # Safety
/// Nothing has run in the state since.
pub unsafe fn rehash(state: *mut lua_State, table: usize, has_moved: &dyn Fn(u64) -> bool) -> bool {
    // SAFETY: bare code over a valid state; nodes as in `tables_with`.
    unsafe {
        let (first, count) = nodes(table);
        let moved = moved_nodes(first, count, has_moved).count();
        if moved > MOST || lua_checkstack(state, 2 * moved as c_int + 4) == 0 {
            return false;
        }
        let bottom = lua_gettop(state);
        // The tag of a table on the stack, as this Lua has it.
        lua_createtable(state, 0, 0);
        let top = word(state as usize + TOP) as usize - VALUE;
        (top as *mut u64).write(table as u64);
        for node in moved_nodes(first, count, has_moved) {
            let key_kind = byte(node + KEY_TYPE);
            push(state, word(node + KEY), u64::from(key_kind));
            push(state, word(node), u64::from(byte(node + VALUE_TYPE)));
            ((node + VALUE_TYPE) as *mut u8).write(EMPTY);
        }
        for _ in 0..moved {
            lua_rawset(state, bottom + 1);
        }
        lua_settop(state, bottom);
        true
    }
}
