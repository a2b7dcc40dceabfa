//! Version gaps of the C API, in one place. Names are those of the newest Lua.
//!
//! # Safety
//! All functions here are *bare* (see [`super`]) unless they say otherwise: they need a valid state and may raise.
#![allow(unsafe_code)]

use std::os::raw::{c_char, c_int, c_void};
use std::ptr;

use mlua::ffi::*;

mod caller;
#[cfg_attr(not(feature = "luajit"), path = "compat/no_ffi.rs")]
mod ffi;
mod identity;
mod libraries;
mod yielding;

pub use caller::{arg_error, position};
pub use ffi::prepare;
pub use identity::{own_address, version_address, NAME};
pub use libraries::open_pure_libraries;

/// The code in a chunk is text: what to hand to `lua_load`'s mode.
pub const TEXT: &std::ffi::CStr = c"t";

/// Name of the Lua code that is ours: messages speak of who called it.
#[cfg(any(feature = "lua51", feature = "luajit"))]
pub const OWN_CHUNK: &std::ffi::CStr = c"=[sandbox]";

/// LuaJIT: hooks belong to the whole state, and compiled code never sees them.
pub const JIT: bool = cfg!(feature = "luajit");
/// Lua 5.1 and LuaJIT: no `__gc` on tables, functions have environments, no `lua_rawlen`.
pub const V51: bool = cfg!(any(feature = "lua51", feature = "luajit"));
pub const V52: bool = cfg!(feature = "lua52");
/// No collection comes to the rescue where memory runs out while the collector is stopped (on 5.1 and LuaJIT none ever does).
pub const STARVES: bool = V51 || V52;
/// A file of code may begin with a byte order mark, which `luaL_loadfile` passes over.
pub const BYTE_ORDER_MARK: bool = !V51;
/// Whether numbers come as integers, too.
pub const INTEGERS: bool = cfg!(any(feature = "lua53", feature = "lua54", feature = "lua55"));
/// Lua 5.4 and later: to-be-closed variables, `coroutine.close`.
pub const CLOSING: bool = cfg!(any(feature = "lua54", feature = "lua55"));

#[cfg(any(feature = "lua51", feature = "luajit"))]
mod gaps {
    use super::*;

    /// Sheltered: runs `f` with the light userdata `ud` as its one argument; on failure the error object is on the stack.
    ///
    /// # Safety
    /// A valid state, and `ud` is what `f` expects.
    pub unsafe fn protected(state: *mut lua_State, f: lua_CFunction, ud: *mut c_void) -> c_int {
        lua_cpcall(state, f, ud)
    }

    #[cfg(feature = "lua51")]
    extern "C-unwind" {
        fn lua_setlevel(from: *mut lua_State, to: *mut lua_State);
    }

    /// `lua_resume`; gives status and number of results.
    ///
    /// # Safety
    /// `co` is a thread of `from`'s state, and may be resumed with the `args` values on its stack.
    pub unsafe fn resume(co: *mut lua_State, from: *mut lua_State, args: c_int) -> (c_int, c_int) {
        // Stock auxresume does this, so that nested coroutines share one count of C levels.
        #[cfg(feature = "lua51")]
        lua_setlevel(from, co);
        let mut results = 0;
        let status = lua_resume(co, from, args, &mut results);
        (status, results)
    }
}

#[cfg(not(any(feature = "lua51", feature = "luajit")))]
mod gaps {
    use super::*;

    /// Sheltered: runs `f` with the light userdata `ud` as its one argument; on failure the error object is on the stack.
    ///
    /// # Safety
    /// A valid state, and `ud` is what `f` expects.
    pub unsafe fn protected(state: *mut lua_State, f: lua_CFunction, ud: *mut c_void) -> c_int {
        if lua_checkstack(state, 4) == 0 {
            // What is left always holds one more value.
            lua_pushnil(state);
            return LUA_ERRMEM;
        }
        // Neither allocates: a light C function and a light userdata.
        lua_pushcfunction(state, f);
        lua_pushlightuserdata(state, ud);
        lua_pcall(state, 1, 0, 0)
    }

    /// `lua_resume`; gives status and number of results.
    ///
    /// # Safety
    /// `co` is a thread of `from`'s state, and may be resumed with the `args` values on its stack.
    pub unsafe fn resume(co: *mut lua_State, from: *mut lua_State, args: c_int) -> (c_int, c_int) {
        let mut results = 0;
        let status = lua_resume(co, from, args, &mut results);
        (status, results)
    }
}

pub use gaps::{protected, resume};

/// A new state over the box's allocator; `None` where there is no memory. Its panic function ends the box.
///
/// # Safety
/// `header` is a box's heap, and outlives the state.
pub unsafe fn new_state(header: *mut c_void, _seed: u64) -> Option<super::State> {
    // The two types differ in the ABI's unwind tag only; the allocator never unwinds.
    type Plain = unsafe extern "C" fn(*mut c_void, *mut c_void, usize, usize) -> *mut c_void;
    type Ours = unsafe extern "C-unwind" fn(*mut c_void, *mut c_void, usize, usize) -> *mut c_void;
    let allocator = std::mem::transmute::<Ours, Plain>(crate::engine::heap::allocate);
    #[cfg(not(feature = "lua55"))]
    let state = lua_newstate(allocator, header);
    #[cfg(feature = "lua55")]
    let state = lua_newstate(allocator, header, _seed as _);
    if state.is_null() {
        return None;
    }
    lua_atpanic(state, crate::engine::switch::panic);
    Some(super::State::new(state))
}

/// Lua 5.1's string of the error type "not enough memory" is what every version raises.
pub const NO_MEMORY: &str = "not enough memory";

/// Whether a value is an integer that can't be told from the number's looks: never in Lua 5.1 and 5.2.
///
/// # Safety
/// A valid state and index.
pub unsafe fn is_integer(state: *mut lua_State, index: c_int) -> bool {
    INTEGERS && lua_isinteger(state, index) != 0
}

/// Compiles text; bytecode is refused in every version, with the words of Lua 5.2 and later.
///
/// # Safety
/// A valid state with four free slots; `code` has `len` bytes, `name` is a string.
pub unsafe fn load_text(state: *mut lua_State, code: *const u8, len: usize, name: *const c_char) -> c_int {
    if V51 && len > 0 && !code.is_null() && *code == 0x1b {
        lua_pushstring(state, c"attempt to load a binary chunk (mode is 't')".as_ptr());
        return LUA_ERRSYNTAX;
    }
    if JIT && !code.is_null() {
        let status = prepare(state, Some(std::slice::from_raw_parts(code, len)));
        if status != LUA_OK {
            return status;
        }
    }
    luaL_loadbufferx(state, code as *const c_char, len, name, TEXT.as_ptr())
}

/// A full userdata with one user value.
///
/// # Safety
/// Bare; a valid state with a free slot.
pub unsafe fn new_userdata(state: *mut lua_State, size: usize) -> *mut c_void {
    #[cfg(any(feature = "lua54", feature = "lua55"))]
    return lua_newuserdatauv(state, size, 1);
    #[cfg(not(any(feature = "lua54", feature = "lua55")))]
    lua_newuserdata(state, size)
}

/// Sets the user value to the table on top of the stack and pops it.
///
/// # Safety
/// A valid state with a full userdata at `index` and a table on top.
pub unsafe fn set_user_table(state: *mut lua_State, index: c_int) {
    #[cfg(any(feature = "lua54", feature = "lua55"))]
    lua_setiuservalue(state, index, 1);
    #[cfg(not(any(feature = "lua54", feature = "lua55")))]
    lua_setuservalue(state, index);
}

/// Pushes the user value that [`set_user_table`] has set.
///
/// # Safety
/// A valid state with a full userdata at `index` and a free slot.
pub unsafe fn push_user_table(state: *mut lua_State, index: c_int) {
    #[cfg(any(feature = "lua54", feature = "lua55"))]
    lua_getiuservalue(state, index, 1);
    #[cfg(any(feature = "lua52", feature = "lua53"))]
    lua_getuservalue(state, index);
    #[cfg(any(feature = "lua51", feature = "luajit"))]
    lua_getfenv(state, index);
}

/// Pushes the number, as an integer where this Lua has integers.
///
/// # Safety
/// A valid state with a free slot.
pub unsafe fn push_integer(state: *mut lua_State, n: i64) {
    #[cfg(any(feature = "lua53", feature = "lua54", feature = "lua55"))]
    lua_pushinteger(state, n);
    #[cfg(not(any(feature = "lua53", feature = "lua54", feature = "lua55")))]
    lua_pushnumber(state, n as lua_Number);
}

/// The integer at `index`, where [`is_integer`] holds.
///
/// # Safety
/// A valid state and index.
pub unsafe fn to_integer(state: *mut lua_State, index: c_int) -> i64 {
    lua_tointegerx(state, index, ptr::null_mut()) as i64
}

/// `lua_resetthread`: closes a coroutine's pending variables; false and an error object on its stack if one of them failed.
///
/// # Safety
/// `co` is a live coroutine that doesn't run.
#[cfg(feature = "lua54")]
pub unsafe fn close_thread(co: *mut lua_State, _from: *mut lua_State) -> bool {
    lua_resetthread(co) == LUA_OK
}

/// # Safety
/// `co` is a coroutine of `from`'s state, and doesn't run.
#[cfg(feature = "lua55")]
pub unsafe fn close_thread(co: *mut lua_State, from: *mut lua_State) -> bool {
    lua_closethread(co, from) == LUA_OK
}

/// No such function before Lua 5.4.
///
/// # Safety
/// None here; its twins need threads that live.
#[cfg(not(any(feature = "lua54", feature = "lua55")))]
pub unsafe fn close_thread(_co: *mut lua_State, _from: *mut lua_State) -> bool {
    true
}

/// After a soft stop: whether the collector, which may have been in the middle of a finalizer, still works.
///
/// # Safety
/// A valid state.
pub unsafe fn collector_survives(state: *mut lua_State) -> bool {
    // 5.4 refuses every option while a finalizer runs, and one that was left runs for ever.
    lua_gc(state, LUA_GCCOUNT, 0) >= 0
}

/// Whether a count hook fires in a chunk of Lua that is run for the purpose.
///
/// # Safety
/// A valid state with a free slot, whose thread has no hook that somebody needs.
pub unsafe fn hooks_survive(state: *mut lua_State) -> bool {
    thread_local!(static FIRED: std::cell::Cell<bool> = const { std::cell::Cell::new(false) });
    extern "C-unwind" fn note(_: *mut lua_State, _: *mut lua_Debug) {
        let _ = FIRED.try_with(|f| f.set(true));
    }
    let _ = FIRED.try_with(|f| f.set(false));
    if luaL_loadbuffer(state, c"local x = 1".as_ptr(), 11, c"=hooks".as_ptr()) != LUA_OK {
        return false;
    }
    lua_sethook(state, Some(note), LUA_MASKCOUNT, 1);
    let ok = lua_pcall(state, 0, 0, 0) == LUA_OK;
    lua_sethook(state, None, 0, 0);
    ok && FIRED.try_with(|f| f.get()).unwrap_or(false)
}

/// Turns the text on top into the number that it is, or into nil.
///
/// # Safety
/// A valid state with a string on top and a free slot.
pub unsafe fn text_to_number(state: *mut lua_State) {
    #[cfg(any(feature = "lua53", feature = "lua54", feature = "lua55"))]
    {
        let text = lua_tolstring(state, -1, ptr::null_mut());
        if text.is_null() || lua_stringtonumber(state, text) == 0 {
            lua_pushnil(state);
        }
        lua_remove(state, -2);
    }
    #[cfg(not(any(feature = "lua53", feature = "lua54", feature = "lua55")))]
    {
        let mut is = 0;
        let n = lua_tonumberx(state, -1, &mut is);
        lua_settop(state, -2);
        if is != 0 {
            lua_pushnumber(state, n);
        } else {
            lua_pushnil(state);
        }
    }
}

/// `lua_rawgeti` for any number: up to Lua 5.2 it takes a C int.
///
/// # Safety
/// Bare; a valid state with a table at `index` and a free slot.
#[cfg(any(feature = "lua53", feature = "lua54", feature = "lua55"))]
pub unsafe fn raw_geti(state: *mut lua_State, index: c_int, n: i64) {
    lua_rawgeti(state, index, n as lua_Integer);
}

/// `lua_rawgeti` for any number, likewise.
///
/// # Safety
/// Bare; a valid state with a table at `index` and a free slot.
#[cfg(not(any(feature = "lua53", feature = "lua54", feature = "lua55")))]
pub unsafe fn raw_geti(state: *mut lua_State, index: c_int, n: i64) {
    match c_int::try_from(n) {
        // What mlua calls by the plain name asks for the type, too.
        Ok(n) => lua_rawgeti_(state, index, n),
        Err(_) => {
            let index = lua_absindex(state, index);
            push_integer(state, n);
            lua_rawget_(state, index);
        }
    }
}

/// The same; whether there is anything.
///
/// # Safety
/// As `raw_geti`.
pub unsafe fn raw_geti_any(state: *mut lua_State, index: c_int, n: i64) -> bool {
    #[cfg(any(feature = "lua53", feature = "lua54", feature = "lua55"))]
    return lua_rawgeti(state, index, n as lua_Integer) != LUA_TNIL;
    #[cfg(not(any(feature = "lua53", feature = "lua54", feature = "lua55")))]
    {
        raw_geti(state, index, n);
        lua_type(state, -1) != LUA_TNIL
    }
}

/// `lua_rawget`.
///
/// # Safety
/// Bare; a valid state with a table at `index` and a key on top.
pub unsafe fn raw_get(state: *mut lua_State, index: c_int) {
    #[cfg(any(feature = "lua53", feature = "lua54", feature = "lua55"))]
    lua_rawget(state, index);
    #[cfg(not(any(feature = "lua53", feature = "lua54", feature = "lua55")))]
    lua_rawget_(state, index);
}

/// `lua_pushlstring`.
///
/// # Safety
/// Bare; a valid state with a free slot.
pub unsafe fn push_bytes(state: *mut lua_State, s: &[u8]) {
    let start = if s.is_empty() { c"".as_ptr() } else { s.as_ptr() as *const c_char };
    #[cfg(any(feature = "lua53", feature = "lua54", feature = "lua55"))]
    lua_pushlstring(state, start, s.len());
    #[cfg(not(any(feature = "lua53", feature = "lua54", feature = "lua55")))]
    lua_pushlstring_(state, start, s.len());
}

/// `lua_rawseti`, likewise.
///
/// # Safety
/// Bare; a valid state with a table at `index`, a value on top and a free slot.
pub unsafe fn raw_seti(state: *mut lua_State, index: c_int, n: i64) {
    if INTEGERS || c_int::try_from(n).is_ok() {
        lua_rawseti(state, index, n as lua_Integer);
    } else {
        let index = lua_absindex(state, index);
        push_integer(state, n);
        lua_insert(state, -2);
        lua_rawset(state, index);
    }
}

/// Whether the collector has not been stopped.
///
/// # Safety
/// A valid state.
pub unsafe fn collector_runs(state: *mut lua_State) -> bool {
    #[cfg(not(feature = "lua51"))]
    {
        // `LUA_GCISRUNNING`, in all that have it.
        lua_gc(state, 9, 0) != 0
    }
    #[cfg(feature = "lua51")]
    {
        let _ = state;
        true
    }
}
