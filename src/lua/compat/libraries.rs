//! Which libraries each Lua has that reach nothing outside the state, and what LuaJIT's bring along that a box may not have.

use std::ffi::CStr;
#[cfg(feature = "luajit")]
use std::ptr;

use mlua::ffi::*;

/// Opens the libraries that reach nothing outside the state, and on LuaJIT its compiler.
///
/// # Safety
/// Bare; a valid state with ten free slots.
pub unsafe fn open_pure_libraries(state: *mut lua_State) {
    let common: [(&CStr, lua_CFunction); 4] = [
        (c"_G", luaopen_base),
        (c"table", luaopen_table),
        (c"string", luaopen_string),
        (c"math", luaopen_math),
    ];
    for (name, open) in common.iter().chain(OTHERS) {
        luaL_requiref(state, name.as_ptr(), *open, 1);
        lua_settop(state, -2);
    }
    #[cfg(feature = "luajit")]
    {
        // This starts the compiler, control over which is not the box's.
        luaL_requiref(state, c"jit".as_ptr(), luaopen_jit, 0);
        lua_settop(state, -2);
        lua_pushnil(state);
        lua_setfield(state, LUA_GLOBALSINDEX, c"jit".as_ptr());
        forget(state, c"_LOADED", &[c"jit", c"jit.opt", c"jit.util"]);
        forget_others(state, c"_PRELOAD", PURE_MODULES);
    }
}

/// Takes modules out of one of the registry's tables.
///
/// # Safety
/// Bare; a valid state with two free slots.
#[cfg(feature = "luajit")]
pub(super) unsafe fn forget(state: *mut lua_State, table: &CStr, names: &[&CStr]) {
    lua_getfield(state, LUA_REGISTRYINDEX, table.as_ptr());
    if lua_type(state, -1) == LUA_TTABLE {
        for name in names {
            lua_pushnil(state);
            lua_setfield(state, -2, name.as_ptr());
        }
    }
    lua_settop(state, -2);
}

/// LuaJIT's own modules that a box may `require`; the last four are OpenResty's. What else there is, or will be, isn't there: a string
/// buffer hands out pointers to its memory, `thread.exdata` (OpenResty's) sets a pointer that hosts follow.
#[cfg(feature = "luajit")]
const PURE_MODULES: &[&CStr] =
    &[c"table.new", c"table.clear", c"table.clone", c"table.isarray", c"table.isempty", c"table.nkeys"];

/// Leaves nothing but these modules in one of the registry's tables.
///
/// # Safety
/// Bare; a valid state with four free slots.
#[cfg(feature = "luajit")]
unsafe fn forget_others(state: *mut lua_State, table: &CStr, names: &[&CStr]) {
    lua_getfield(state, LUA_REGISTRYINDEX, table.as_ptr());
    if lua_type(state, -1) == LUA_TTABLE {
        lua_pushnil(state);
        while lua_next(state, -2) != 0 {
            lua_settop(state, -2);
            // The keys are strings, and clearing fields that are there leaves a traversal sound.
            let name = CStr::from_ptr(lua_tolstring(state, -1, ptr::null_mut()));
            if !names.contains(&name) {
                lua_pushvalue(state, -1);
                lua_pushnil(state);
                lua_settable(state, -4);
            }
        }
    }
    lua_settop(state, -2);
}

#[cfg(feature = "luajit")]
const OTHERS: &[(&CStr, lua_CFunction)] = &[(c"bit", luaopen_bit)];
#[cfg(feature = "lua51")]
const OTHERS: &[(&CStr, lua_CFunction)] = &[];
#[cfg(feature = "lua52")]
const OTHERS: &[(&CStr, lua_CFunction)] = &[(c"coroutine", luaopen_coroutine), (c"bit32", luaopen_bit32)];
#[cfg(feature = "lua53")]
const OTHERS: &[(&CStr, lua_CFunction)] =
    &[(c"coroutine", luaopen_coroutine), (c"utf8", luaopen_utf8), (c"bit32", luaopen_bit32)];
#[cfg(any(feature = "lua54", feature = "lua55"))]
const OTHERS: &[(&CStr, lua_CFunction)] = &[(c"coroutine", luaopen_coroutine), (c"utf8", luaopen_utf8)];
