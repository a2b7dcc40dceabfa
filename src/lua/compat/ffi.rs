//! LuaJIT's `ffi`, which no box gets at. The first literal like `1LL` or `2i` has the lexer open it and show it as a loaded module; what such
//! numbers need of it takes some 13 KB. So it is opened for a box, and hidden, right before the first text is compiled that may hold one.

use std::ffi::c_void;
use std::os::raw::c_int;
use std::ptr;

use mlua::ffi::*;

use crate::engine::heap::allocate;

/// Where the registry keeps it: its table holds what those numbers need. No code in a box reaches the registry.
const PLACE: &std::ffi::CStr = c"sandbox.ffi";

/// More than opening it takes, together with a larger table of strings: it must not end halfway.
const ROOM: usize = 24 << 10;

/// Whether the lexer might find a literal in the text that it needs `ffi` for. Such a token begins with a digit, where no name goes on, and
/// has an `i` or two `l`s in it; whether that stands in a string or a comment isn't looked at.
fn may_need(text: &[u8]) -> bool {
    let goes_on = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let (mut in_name, mut in_number, mut last) = (false, false, 0);
    for &byte in text {
        if in_number {
            let lower = byte | 0x20;
            if lower == b'i' || (lower == b'l' && last == b'l') {
                return true;
            }
            let sign = matches!(byte, b'+' | b'-') && matches!(last, b'e' | b'p');
            in_number = goes_on(byte) || byte == b'.' || sign;
            last = lower;
        } else if byte.is_ascii_digit() && !in_name {
            (in_number, last) = (true, 0);
        }
        in_name = goes_on(byte);
    }
    false
}

/// Sheltered: prepares a box for text that is to be compiled; `None` stands for text that can't be looked at. Else than `LUA_OK` where there
/// is no memory: then a message is on the stack.
///
/// # Safety
/// A valid state with four free slots.
pub unsafe fn prepare(state: *mut lua_State, text: Option<&[u8]>) -> c_int {
    if text.is_some_and(|text| !may_need(text)) {
        return LUA_OK;
    }
    let mut header = ptr::null_mut();
    let allocator = lua_getallocf(state, &mut header) as *const c_void;
    if !ptr::eq(allocator, allocate as *const c_void) {
        return LUA_OK;
    }
    lua_getfield(state, LUA_REGISTRYINDEX, PLACE.as_ptr());
    let is_open = lua_type(state, -1) == LUA_TTABLE;
    lua_settop(state, -2);
    if is_open {
        return LUA_OK;
    }
    // The allocator is ours, so its data is the header of the heap that the state lies in, where nothing else is at work.
    let room = allocate(header, ptr::null_mut(), 0, ROOM);
    if room.is_null() {
        lua_pushstring(state, c"not enough memory".as_ptr());
        return LUA_ERRMEM;
    }
    allocate(header, room, ROOM, 0);
    // No finalizer runs while it shows among the loaded modules.
    let runs = super::collector_runs(state);
    lua_gc(state, LUA_GCSTOP, 0);
    let status = lua_cpcall(state, open, ptr::null_mut());
    if runs {
        lua_gc(state, LUA_GCRESTART, 0);
    }
    status
}

/// Bare: opens it and hides it.
///
/// # Safety
/// A valid state, called by Lua; the collector is at rest.
unsafe extern "C-unwind" fn open(state: *mut lua_State) -> c_int {
    lua_pushcfunction(state, luaopen_ffi);
    lua_pushstring(state, c"ffi".as_ptr());
    lua_call(state, 1, 1);
    super::libraries::forget(state, c"_LOADED", &[c"ffi"]);
    lua_setfield(state, LUA_REGISTRYINDEX, PLACE.as_ptr());
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether compiling this opens `ffi` in a state that hasn't prepared for it.
    fn opens(text: &[u8]) -> bool {
        // SAFETY: a state of our own, used as Lua's manual says.
        unsafe {
            let state = luaL_newstate();
            lua_gc(state, LUA_GCSTOP, 0);
            lua_createtable(state, 0, 0);
            lua_setfield(state, LUA_REGISTRYINDEX, c"_LOADED".as_ptr());
            luaL_loadbuffer(state, text.as_ptr().cast(), text.len(), c"=test".as_ptr());
            lua_getfield(state, LUA_REGISTRYINDEX, c"_LOADED".as_ptr());
            lua_getfield(state, -1, c"ffi".as_ptr());
            let opened = lua_type(state, -1) != LUA_TNIL;
            lua_close(state);
            opened
        }
    }

    #[test]
    fn every_literal_that_opens_it_is_seen() {
        for text in [
            "return 1LL",
            "return 1ll",
            "x=1uLL",
            "x=1LLU",
            "return 0x1fULL",
            "return 1i",
            "return .5I",
            "return 1e+3i",
            "\u{feff}1LL",
            "#!\n1LL",
            "return a.5i",
            "return 0x.8p-1i",
            "return 1 ..2LL",
            "return 1--[[]]..2LL",
            "x=0b1LL",
            "return \"\"..1LL",
            "return 0xep1i",
            "return 1eLL",
            "for i=1,2 do local a=0x7fffffffffffffffll end",
        ] {
            assert!(may_need(text.as_bytes()) || !opens(text.as_bytes()), "{text}");
        }
        assert!(opens(b"return 1LL") && opens(b"\xef\xbb\xbf1LL") && opens(b"return a.5i"));
        let pieces: &[&[u8]] = &[
            b"1",
            b"0",
            b"5",
            b"a",
            b"e",
            b"E",
            b"l",
            b"L",
            b"LL",
            b"u",
            b"U",
            b"i",
            b"I",
            b"x",
            b"X",
            b"p",
            b"P",
            b".",
            b"+",
            b"-",
            b"_",
            b" ",
            b"\n",
            b"\"",
            b"'",
            b"[",
            b"[[",
            b"]",
            b"]]",
            b"--",
            b"=",
            b"\x80",
            b"\\",
            b"#",
            b"b",
            b"n",
            b"return ",
            b"\0",
            b"\xef\xbb\xbf",
            b"..",
        ];
        let (mut word, mut seen) = (0x9e37_79b9_u64, 0);
        let mut random = |n: usize| {
            word = word.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (word >> 33) as usize % n
        };
        for _ in 0..20_000 {
            let mut text = if random(2) == 0 { b"return ".to_vec() } else { Vec::new() };
            for _ in 0..random(5) {
                text.extend_from_slice(pieces[random(pieces.len())]);
            }
            for parts in [["1", "0x", ".5"], ["0", "e", "7"], ["LL", "i", "uLl"]] {
                text.extend_from_slice(parts[random(3)].as_bytes());
            }
            if random(2) == 0 {
                text.extend_from_slice(pieces[random(pieces.len())]);
            }
            if opens(&text) {
                seen += 1;
                assert!(may_need(&text), "{:?}", String::from_utf8_lossy(&text));
            }
        }
        assert!(seen > 1000, "{seen}");
    }

    #[test]
    fn common_text_needs_nothing() {
        for text in [
            "return 1",
            "a1i = x2.ll",
            "local t = {1, 2.5, 0xff, 1e-3}",
            "call(all) v1.fill()",
            "t[1].ill = 10",
        ] {
            assert!(!may_need(text.as_bytes()), "{text}");
        }
    }
}
