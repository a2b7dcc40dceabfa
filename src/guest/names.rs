//! The test that `docs/safe-lua.md` tells the truth about whose each function is: the stock interpreter's, or ours.
#![allow(unsafe_code)]

use std::collections::BTreeMap;
use std::ffi::CStr;
use std::os::raw::{c_int, c_void};

use mlua::ffi::*;

use crate::gate::realm;
use crate::gate::request::Id;
use crate::lua::compat::NAME;
use crate::lua::State;

const TABLE: &str = include_str!("../../docs/safe-lua.md");

/// The Luas that the table has columns for, after that of the names.
const COLUMNS: [&str; 5] = ["Lua 5.1", "Lua 5.2", "Lua 5.3", "Lua 5.4", "LuaJIT 2.1"];

/// What the table says of each name on this Lua.
fn claims() -> BTreeMap<String, String> {
    let column = 1 + COLUMNS.iter().position(|&name| name == NAME).expect("a column for this Lua");
    let mut claims = BTreeMap::new();
    for row in TABLE.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = row.split('|').skip(1).map(str::trim).collect();
        for name in cells[0].split('`').skip(1).step_by(2) {
            claims.insert(name.to_owned(), cells[column].to_owned());
        }
    }
    claims
}

/// Calls `f` with each string key and its value on top of the stack. Nothing here allocates: no code of the box's runs meanwhile.
///
/// # Safety
/// A table at `table`, and room for as many values as `f` pushes and two more.
unsafe fn each(state: *mut lua_State, table: c_int, mut f: impl FnMut(&str)) {
    // SAFETY: the caller has a table there, and room for a few values.
    unsafe {
        let table = lua_absindex(state, table);
        lua_pushnil(state);
        while lua_next(state, table) != 0 {
            if lua_type(state, -2) == LUA_TSTRING {
                let key = CStr::from_ptr(lua_tolstring(state, -2, std::ptr::null_mut()));
                f(&key.to_string_lossy());
            }
            lua_settop(state, -2);
        }
    }
}

/// The file of the program or library that holds an address.
fn holder(address: *const c_void) -> String {
    // SAFETY: the C library fills the record, and its strings live as long as the library.
    unsafe {
        let mut info: libc::Dl_info = std::mem::zeroed();
        assert_ne!(libc::dladdr(address, &mut info), 0);
        CStr::from_ptr(info.dli_fname).to_string_lossy().into_owned()
    }
}

/// Notes the function on top of the stack: whether it is ours.
///
/// # Safety
/// A value on top of the stack.
unsafe fn note(state: *mut lua_State, name: String, found: &mut BTreeMap<String, bool>) {
    // SAFETY: there is a value on top.
    unsafe {
        if lua_type(state, -1) != LUA_TFUNCTION {
            return;
        }
        // Functions that LuaJIT has in assembler or bytecode have no C function.
        let ours = lua_tocfunction(state, -1).is_some_and(|f| {
            holder(f as usize as *const c_void) == holder(note as *const () as *const c_void)
        });
        found.insert(name, ours);
    }
}

/// All functions of a new box by name, and whether they are ours.
fn functions() -> BTreeMap<String, bool> {
    let mut found = BTreeMap::new();
    // SAFETY: a fresh host state, closed at the end; the box's own state is only looked at, while nothing runs there.
    unsafe {
        let host = luaL_newstate();
        luaL_openlibs(host);
        lua_pushcfunction(host, crate::luaopen_sandbox);
        assert_eq!(lua_pcall(host, 0, 1, 0), LUA_OK);
        lua_setglobal(host, c"sandbox".as_ptr());
        assert_eq!(luaL_loadstring(host, c"return sandbox.new()".as_ptr()), LUA_OK);
        assert_eq!(lua_pcall(host, 0, 1, 0), LUA_OK);
        let id = Id(*(lua_touserdata(host, -1) as *const u64));
        let core = (*realm::of(State::new(host))).find(id).unwrap();
        let s = core.main.get();
        let top = lua_gettop(s);
        lua_pushglobaltable(s);
        let mut libraries = Vec::new();
        each(s, -1, |name| {
            note(s, name.to_owned(), &mut found);
            if lua_type(s, -1) == LUA_TTABLE && name != "_G" {
                libraries.push(name.to_owned());
                each(s, -1, |field| {
                    note(s, format!("{name}.{field}"), &mut found);
                    if name == "io" && field == "stdout" && lua_getmetatable(s, -1) != 0 {
                        each(s, -1, |event| {
                            note(s, format!("metatable of files {event}"), &mut found);
                            if event == "__index" {
                                each(s, -1, |method| note(s, format!("file:{method}"), &mut found));
                            }
                        });
                        lua_settop(s, -2);
                    }
                });
            }
        });
        lua_settop(s, top);
        drop(core);
        lua_close(host);
        assert!(libraries.iter().any(|name| name == "string"), "{libraries:?}");
    }
    found
}

#[test]
fn the_table_says_whose_each_function_is() {
    let claims = claims();
    let found = functions();
    assert!(found.len() > 80, "{found:?}");
    let wrong: Vec<String> = found
        .iter()
        .filter_map(|(name, &ours)| {
            let claim = claims.get(name).map_or("(no row)", String::as_str);
            let right = matches!((ours, claim), (true, "changed" | "added") | (false, "yes"));
            (!right)
                .then(|| format!("{name}: {}, the table says {claim}", if ours { "ours" } else { "stock" }))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
