//! A traceback without addresses: LuaJIT's own shows where C functions lie in the process, and Lua 5.1's takes as long as the
//! level it is asked to start at is negative.
//!
//! # Safety
//! All functions here are *bare* (see [`super`]).
#![allow(unsafe_code)]

use std::mem;
use std::os::raw::c_int;

use mlua::ffi::*;

use super::compat::{V51, V52};

/// Levels shown at the top and at the bottom of a deep stack, as in stock Lua.
const TOP: c_int = if V51 { 12 } else { 10 };
const BOTTOM: c_int = if V51 { 10 } else { 11 };

/// The number of levels on a thread's stack.
///
/// # Safety
/// `of` is a live thread.
unsafe fn count_levels(of: *mut lua_State) -> c_int {
    let mut ar: lua_Debug = mem::zeroed();
    let (mut low, mut high) = (1, 1);
    while lua_getstack(of, high, &mut ar) != 0 {
        low = high;
        high *= 2;
    }
    while low < high {
        let middle = (low + high) / 2;
        if lua_getstack(of, middle, &mut ar) != 0 {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    high - 1
}

/// Pushes on `state` the traceback of `of` from `level` on, after whatever string is on top (which it takes).
///
/// # Safety
/// Bare; a string is on top of `state`.
pub unsafe fn append(state: *mut lua_State, of: *mut lua_State, level: c_int) {
    luaL_checkstack(state, 12, c"traceback".as_ptr());
    lua_pushstring(state, c"\nstack traceback:".as_ptr());
    lua_concat(state, 2);
    append_frames(state, of, level, End::Bottom);
}

/// Levels in which the end of a part of a stack is looked for: looking takes as long as the level is deep.
const REACH: c_int = 100;

/// Where a part of a stack ends, innermost level first.
#[derive(Clone, Copy)]
pub enum End {
    /// With the whole stack.
    Bottom,
    /// Before the nearest activation of the C function.
    Before(lua_CFunction),
    /// Before the nearest activation of one of these.
    #[allow(dead_code)] // In the Luas where Lua functions of ours call them.
    BeforeAny(&'static [lua_CFunction]),
    /// Before the nearest activation of the function at this address that has called another.
    Caller(usize),
}

/// Address of the running function; 0 where none runs.
///
/// # Safety
/// Bare; needs room for one value.
pub unsafe fn running(state: *mut lua_State) -> usize {
    let mut ar: lua_Debug = mem::zeroed();
    if lua_getstack(state, 0, &mut ar) == 0 {
        return 0;
    }
    lua_getinfo(state, c"f".as_ptr(), &mut ar);
    let address = lua_topointer(state, -1) as usize;
    lua_pop(state, 1);
    address
}

/// The level at which a part ends; `None` where it is out of reach.
///
/// # Safety
/// Live threads of one state, with a free slot each.
unsafe fn level_of(state: *mut lua_State, of: *mut lua_State, end: End) -> Option<c_int> {
    let mut ar: lua_Debug = mem::zeroed();
    // At 0 is the message handler, at 1 what has raised.
    let first = if matches!(end, End::Caller(_)) { 2 } else { 0 };
    for level in first..REACH {
        if lua_getstack(of, level, &mut ar) == 0 {
            return Some(level);
        }
        lua_getinfo(of, c"f".as_ptr(), &mut ar);
        if of != state {
            lua_xmove(of, state, 1);
        }
        let found = match end {
            End::Bottom => false,
            End::Before(end) => lua_tocfunction(state, -1).is_some_and(|f| std::ptr::fn_addr_eq(f, end)),
            End::BeforeAny(ends) => lua_tocfunction(state, -1)
                .is_some_and(|f| ends.iter().any(|&end| std::ptr::fn_addr_eq(f, end))),
            End::Caller(end) => lua_topointer(state, -1) as usize == end,
        };
        lua_pop(state, 1);
        if found {
            return Some(level);
        }
    }
    None
}

/// The same without the headline; up to `end`.
///
/// # Safety
/// Bare; a string is on top of `state`.
pub unsafe fn append_frames(state: *mut lua_State, of: *mut lua_State, level: c_int, end: End) {
    let mut ar: lua_Debug = mem::zeroed();
    let mut level = level.max(0);
    luaL_checkstack(state, 12, c"traceback".as_ptr());
    let (last, whole) = match end {
        End::Bottom => (count_levels(of), true),
        end => match level_of(state, of, end) {
            Some(end) => (end - 1, true),
            None => (level + TOP - 1, false),
        },
    };
    let skip_from = if last - level > TOP + BOTTOM { level + TOP } else { c_int::MAX };
    while level <= last && lua_getstack(of, level, &mut ar) != 0 {
        if level == skip_from {
            lua_pushstring(state, c"\n\t...".as_ptr());
            lua_concat(state, 2);
            level = last - BOTTOM + 1;
            continue;
        }
        level += 1;
        lua_getinfo(of, c"Slnt".as_ptr(), &mut ar);
        push_line(state, &ar);
        lua_concat(state, 2);
    }
    if !whole {
        lua_pushstring(state, c"\n\t...".as_ptr());
        lua_concat(state, 2);
    }
}

/// # Safety
/// Bare; two free slots; `ar` was filled for a level that is still there, with `Slnt`.
unsafe fn push_line(state: *mut lua_State, ar: &lua_Debug) {
    let source = ar.short_src.as_ptr();
    if ar.currentline > 0 {
        lua_pushfstring(state, c"\n\t%s:%d: in ".as_ptr(), source, ar.currentline);
    } else {
        lua_pushfstring(state, c"\n\t%s: in ".as_ptr(), source);
    }
    let what = if ar.what.is_null() { 0 } else { *ar.what as u8 };
    if !ar.name.is_null() && !ar.namewhat.is_null() && *ar.namewhat != 0 {
        lua_pushfstring(state, c"%s '%s'".as_ptr(), function_kind(ar), ar.name);
    } else if what == b'm' {
        lua_pushstring(state, c"main chunk".as_ptr());
    } else if what == b'C' || what == b't' {
        lua_pushstring(state, c"?".as_ptr());
    } else {
        lua_pushfstring(state, c"function <%s:%d>".as_ptr(), source, ar.linedefined);
    }
    lua_concat(state, 2);
}

/// `function`, or with 5.2 and later what kind of name it was found by.
fn function_kind(ar: &lua_Debug) -> *const std::os::raw::c_char {
    if V51 || V52 {
        c"function".as_ptr()
    } else {
        ar.namewhat
    }
}
