//! Where Lua keeps what is left of a hook's count: its API sets the count, but can't read it, nor set it apart from the period.
//!
//! The place differs between versions and builds, so it is found out once, with a state made for the purpose: two odd counts
//! are set, the pair of fields that holds both times what was set is looked for, and a chunk is run to see which of the two
//! goes down, and that a hook fires just when it says so. The flag that says whether hooks may run now is found by what
//! changes in a hook and in a finalizer. On PUC Lua they lie in each thread, on LuaJIT behind the main one (`GG_State`).
//!
//! Names (`hookcount`, `basehookcount`, `hookcstart`, `allowhook`) are those of Lua's `lstate.h` and LuaJIT's `lj_obj.h`.
//!
//! # Safety
//! Reads stay within what every Lua allocates for a main thread in one block (`LG`, `GG_State`).
#![allow(unsafe_code)]

use std::ffi::CStr;
use std::os::raw::{c_int, c_void};
use std::sync::atomic::{AtomicU32, AtomicU8, Ordering::Relaxed};

use mlua::ffi::*;
use once_cell::sync::Lazy;

use crate::lua::compat::JIT;

/// How much of a state is looked at.
const LOOKED_AT: usize = if JIT { 4096 } else { 256 };
const CHUNK: &CStr = c"local x = 0 for i = 1, 40 do x = x + i end return x";

/// Offsets from a thread (LuaJIT: the main thread).
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    /// Instructions until the hook fires, an `int`.
    pub left: usize,
    /// PUC Lua: 1 where hooks may run, 0 in a hook or a finalizer.
    pub allowed: Option<usize>,
}

static LAYOUT: Lazy<Option<Layout>> = Lazy::new(|| {
    // SAFETY: a state of its own, closed again; all that may raise runs protected.
    unsafe {
        let state = luaL_newstate();
        if state.is_null() {
            return None;
        }
        let left = find_left(state);
        let found = left.map(|left| Layout { left, allowed: find_allowed(state) });
        lua_close(state);
        found
    }
});

/// What was found out; the first call does it.
pub fn layout() -> Option<Layout> {
    *LAYOUT
}

static FIRED: AtomicU32 = AtomicU32::new(0);
static IN_HOOK: [AtomicU8; LOOKED_AT] = [const { AtomicU8::new(0) }; LOOKED_AT];

/// # Safety
/// The `int` at `offset` lies within `LOOKED_AT`, and `state` is a main thread.
unsafe fn int_at(state: *mut lua_State, offset: usize) -> *mut c_int {
    // SAFETY: the caller keeps to `LOOKED_AT`.
    unsafe { (state as *mut u8).add(offset).cast() }
}

/// Runs the chunk; false where it fails.
///
/// # Safety
/// A valid state with free slots, whose stack nobody needs: it is emptied.
unsafe fn run(state: *mut lua_State) -> bool {
    // SAFETY: loading reports its errors, and so does the call.
    unsafe {
        let ok = luaL_loadbuffer(state, CHUNK.as_ptr(), CHUNK.count_bytes(), c"=count".as_ptr()) == LUA_OK
            && lua_pcall(state, 0, 0, 0) == LUA_OK;
        lua_settop(state, 0);
        ok
    }
}

extern "C-unwind" fn fired(_: *mut lua_State, _: *mut lua_Debug) {
    FIRED.fetch_add(1, Relaxed);
}

/// How often a hook fires in the chunk, with the count and the first wait given.
///
/// # Safety
/// As for [`run`]; `left` lies within `LOOKED_AT`, and is where the count is.
unsafe fn firings(state: *mut lua_State, period: c_int, left: usize, first: c_int) -> Option<u32> {
    // SAFETY: as for `run`; `left` is a candidate within `LOOKED_AT`.
    unsafe {
        FIRED.store(0, Relaxed);
        lua_sethook(state, Some(fired), LUA_MASKCOUNT, period);
        int_at(state, left).write_volatile(first);
        run(state).then(|| FIRED.load(Relaxed))
    }
}

/// # Safety
/// `state` is a fresh state.
unsafe fn find_left(state: *mut lua_State) -> Option<usize> {
    const MANY: c_int = 1_000_003;
    // SAFETY: `find_left` and its callees read and write the state's own block.
    unsafe {
        let holds = |offset: usize, n| int_at(state, offset).read_volatile() == n;
        let mut pairs: Vec<usize> = (0..LOOKED_AT - 8).step_by(4).collect();
        for n in [999_983, 77_777, MANY] {
            lua_sethook(state, Some(fired), LUA_MASKCOUNT, n);
            pairs.retain(|&at| holds(at, n) && holds(at + 4, n));
        }
        let [pair] = pairs[..] else { return None };
        if !run(state) {
            return None;
        }
        let left = match (holds(pair, MANY), holds(pair + 4, MANY)) {
            (true, false) => pair + 4,
            (false, true) => pair,
            _ => return None,
        };
        let all = MANY - int_at(state, left).read_volatile();
        let exact = all > 60
            && firings(state, MANY, left, all) == Some(1)
            && firings(state, MANY, left, all + 1) == Some(0)
            && firings(state, 1, left, all - 2) == Some(3);
        lua_sethook(state, None, 0, 0);
        exact.then_some(left)
    }
}

/// Notes which bytes of the state are 0.
///
/// # Safety
/// A live main thread: its block is longer than `LOOKED_AT`.
unsafe fn note(state: *mut lua_State) {
    for (offset, place) in IN_HOOK.iter().enumerate() {
        // SAFETY: within `LOOKED_AT`.
        let byte = unsafe { (state as *const u8).add(offset).read_volatile() };
        place.store(place.load(Relaxed) | byte, Relaxed);
    }
}

/// # Safety
/// Set as a hook on a main thread.
unsafe extern "C-unwind" fn note_in_hook(state: *mut lua_State, _: *mut lua_Debug) {
    // SAFETY: the main thread of the state under study.
    unsafe { note(state) };
    FIRED.fetch_add(1, Relaxed);
}

/// # Safety
/// A finalizer that runs on a main thread.
unsafe extern "C-unwind" fn note_in_finalizer(state: *mut lua_State) -> c_int {
    // SAFETY: as above.
    unsafe { note(state) };
    FIRED.fetch_add(1, Relaxed);
    0
}

/// Makes garbage with a finalizer, and collects it.
///
/// # Safety
/// Bare; Lua calls it.
unsafe extern "C-unwind" fn finalize(state: *mut lua_State) -> c_int {
    // SAFETY: bare, in a protected call.
    unsafe {
        lua_newuserdata(state, 8);
        lua_createtable(state, 0, 1);
        lua_pushcfunction(state, note_in_finalizer);
        lua_setfield(state, -2, c"__gc".as_ptr());
        lua_setmetatable(state, -2);
        lua_settop(state, 0);
        lua_gc(state, LUA_GCCOLLECT, 0);
    }
    0
}

/// The one byte that is 1 outside, and 0 in a hook and in a finalizer.
///
/// # Safety
/// `state` has no hook.
unsafe fn find_allowed(state: *mut lua_State) -> Option<usize> {
    if JIT {
        return None;
    }
    // SAFETY: as for `find_left`.
    unsafe {
        let is_one = |offset: &usize| (state as *const u8).add(*offset).read_volatile() == 1;
        FIRED.store(0, Relaxed);
        let mut ones: Vec<usize> = (0..LOOKED_AT).filter(is_one).collect();
        lua_sethook(state, Some(note_in_hook), LUA_MASKCOUNT, 7);
        let ran = run(state);
        lua_sethook(state, None, 0, 0);
        let in_hook = FIRED.swap(0, Relaxed);
        lua_pushcfunction(state, finalize);
        let collected = lua_pcall(state, 0, 0, 0) == LUA_OK;
        lua_settop(state, 0);
        if !ran || !collected || in_hook == 0 || FIRED.load(Relaxed) == 0 {
            return None;
        }
        ones.retain(|at| is_one(at) && IN_HOOK.get(*at).is_some_and(|seen| seen.load(Relaxed) == 0));
        let [allowed] = ones[..] else { return None };
        Some(allowed)
    }
}

/// The field that counts down, of the thread given (LuaJIT: of the main thread).
pub fn left_of(layout: Layout, thread: *mut lua_State) -> *mut c_int {
    (thread as *mut u8).wrapping_add(layout.left).cast()
}

/// Whether hooks are off on a thread: it is in a finalizer, or in a hook. False where that can't be known.
///
/// # Safety
/// `thread` is live, or its memory is still mapped.
pub unsafe fn hooks_are_off(layout: Layout, thread: *const c_void) -> bool {
    // SAFETY: as for this function.
    layout.allowed.is_some_and(|at| unsafe { (thread as *const u8).add(at).read_volatile() == 0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_are_found() {
        let layout = layout().expect("the count of a hook");
        assert!(layout.left.is_multiple_of(4) && layout.left < LOOKED_AT);
        assert_eq!(layout.allowed.is_some(), !JIT);
    }

    #[test]
    fn a_count_is_read_and_set() {
        let layout = layout().expect("the count of a hook");
        // SAFETY: a state of its own.
        unsafe {
            let state = luaL_newstate();
            lua_sethook(state, Some(fired), LUA_MASKCOUNT, 1);
            left_of(layout, state).write_volatile(1000);
            assert!(run(state));
            let once = 1000 - left_of(layout, state).read_volatile();
            assert!(run(state));
            let twice = 1000 - left_of(layout, state).read_volatile();
            assert!(once > 60 && twice == 2 * once, "{once} {twice}");
            assert!(!hooks_are_off(layout, state.cast()));
            lua_close(state);
        }
    }
}
