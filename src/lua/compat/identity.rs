//! What this Lua is called, and where it lies.

use mlua::ffi::*;

use super::{JIT, V51, V52};

/// What this Lua calls itself.
pub const NAME: &str = if JIT {
    "LuaJIT 2.1"
} else if V51 {
    "Lua 5.1"
} else if V52 {
    "Lua 5.2"
} else if cfg!(feature = "lua53") {
    "Lua 5.3"
} else if cfg!(feature = "lua54") {
    "Lua 5.4"
} else {
    "Lua 5.5"
};

/// An address in the interpreter's own code.
pub fn own_address() -> usize {
    lua_gettop as *const () as usize
}

/// Where Lua 5.2 and 5.3 keep the number of their version, whose address each state holds; elsewhere 0.
///
/// # Safety
/// A valid state.
pub unsafe fn version_address(state: *mut lua_State) -> usize {
    #[cfg(any(feature = "lua52", feature = "lua53"))]
    return lua_version(state) as usize;
    #[cfg(not(any(feature = "lua52", feature = "lua53")))]
    {
        let _ = state;
        0
    }
}
