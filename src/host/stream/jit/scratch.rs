//! The scratch buffer of a LuaJIT state (`tmpbuf` in its `global_State`): found, then swapped for another around callbacks.
//!
//! Stock `f:read` reads into it, so a callback inside must leave it alone; but it can't, since every string operation uses it. Its place is no
//! part of the API. So it is found by what it does: stock `f:write` of a number hands its address over, and where the state keeps such things, the record
//! of exactly this buffer is looked for: its use, end, start and thread. This is done twice, with a larger buffer the second time, and both
//! must find it at the same place; otherwise streams can't be read with stock functions, and such a read fails.
//!
//! # Safety
//! Searching reads through the kernel, which refuses addresses that aren't there. The record is written to only once it was found, and with
//! what LuaJIT itself had put there or nothing, which is how it begins.
#![allow(unsafe_code)]

use std::os::raw::{c_char, c_int, c_void};
use std::ptr;

use libc::{size_t, ssize_t};
use mlua::ffi::*;

use super::hook::Aside;
use crate::engine::luajit::{global_of, words_at};
use crate::host::stream::cookie::probing_file;
use crate::host::stream::handle;
use crate::host::stream::life::LEVELS;

/// LuaJIT's `SBuf`, but for the state that follows.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq)]
struct Buffer {
    used: usize,
    end: usize,
    start: usize,
}

const EMPTY: Buffer = Buffer { used: 0, end: 0, start: 0 };

/// What LuaJIT needs to know of a state; part of its `Life`.
pub struct Scratch {
    place: *mut Buffer,
    searched: bool,
    /// Buffers for the callbacks of each level, made by LuaJIT.
    spare: [Buffer; LEVELS as usize],
    pub aside: Aside,
}

impl Scratch {
    pub const NEW: Scratch = Scratch {
        place: ptr::null_mut(),
        searched: false,
        spare: [EMPTY; LEVELS as usize],
        aside: Aside::NONE,
    };

    pub fn is_known(&self) -> bool {
        !self.place.is_null()
    }

    /// Exchanges the buffer and the spare one of this level: before a callback and after it.
    ///
    /// # Safety
    /// The state is alive, and nothing in it is using the buffer right now.
    pub unsafe fn swap(&mut self, level: c_int) {
        let spare = usize::try_from(level).ok().and_then(|level| self.spare.get_mut(level.checked_sub(1)?));
        if let (Some(spare), true) = (spare, !self.place.is_null()) {
            // SAFETY: see the module.
            unsafe { ptr::swap(spare, self.place) };
        }
    }

    /// Gives the spare buffers back to the state's allocator.
    ///
    /// # Safety
    /// The state is about to go.
    pub unsafe fn free(&mut self, state: *mut lua_State) {
        let mut data = ptr::null_mut();
        // SAFETY: LuaJIT has taken these blocks from this allocator, with these sizes.
        unsafe {
            let allocator = lua_getallocf(state, &mut data);
            for spare in &mut self.spare {
                if spare.start != 0 {
                    allocator(data, spare.start as *mut c_void, spare.end - spare.start, 0);
                }
                *spare = EMPTY;
            }
        }
    }
}

/// A buffer beyond this size is not made to grow.
const LARGEST: usize = 64 << 20;

/// A search, as the cookie of a `FILE`.
struct Search {
    state: *mut lua_State,
    global: usize,
    /// Where the record was found, as an index, and the buffer's size.
    found: Option<(usize, usize)>,
}

/// Looks for the buffer, once. May raise.
///
/// # Safety
/// A valid state with eight free slots, which has stock `io.open` at the pseudo-index `opener`.
pub unsafe fn discover(state: *mut lua_State, opener: c_int, scratch: *mut Scratch) {
    // SAFETY: bare code over a valid state; while the file is lent, what is raised is caught.
    unsafe {
        let global = global_of(state);
        if (*scratch).searched || global == 0 {
            return;
        }
        let top = lua_gettop(state);
        lua_createtable(state, 0, 0);
        let handle = handle::push(state, top + 1, opener);
        lua_getfield(state, top + 2, c"write".as_ptr());
        lua_getfield(state, top + 2, c"read".as_ptr());
        let mut search = Search { state, global, found: None };
        let file = probing_file(ptr::from_mut(&mut search).cast(), probe);
        if !file.is_null() {
            let own = handle::lend(handle, file);
            let found = &raw mut search.found;
            let written = |function| {
                call(state, function, top + 2, 0.5);
                ptr::replace(found, None)
            };
            let first = written(top + 3);
            if let Some((place, size)) = first.filter(|(_, size)| *size <= LARGEST) {
                call(state, top + 4, top + 2, 4.0 * size as lua_Number + 1.0);
                if written(top + 3).is_some_and(|(again, grown)| again == place && grown > size) {
                    (*scratch).place = (global as *mut usize).add(place).cast();
                }
            }
            handle::take_back(handle, own);
            libc::fclose(file);
        }
        (*scratch).searched = true;
        lua_settop(state, top);
    }
}

/// Calls a stock method of the handle with a number; raises nothing.
///
/// # Safety
/// A valid state with three free slots.
unsafe fn call(state: *mut lua_State, function: c_int, handle: c_int, argument: lua_Number) {
    // SAFETY: what is raised is caught.
    unsafe {
        let top = lua_gettop(state);
        lua_pushvalue(state, function);
        lua_pushvalue(state, handle);
        lua_pushnumber(state, argument);
        lua_pcall(state, 2, 0, 0);
        lua_settop(state, top);
    }
}

/// Called by glibc, which passes on what is written to a `FILE` without a buffer as it is: a number, in the scratch buffer.
///
/// # Safety
/// glibc calls it, with the [`Search`] that the `FILE` was made with.
unsafe extern "C" fn probe(search: *mut c_void, data: *const c_char, size: size_t) -> ssize_t {
    // SAFETY: `discover` keeps the search until the file is closed.
    unsafe {
        let search = search as *mut Search;
        let words = words_at((*search).global);
        let mut hits = words.windows(4).enumerate().filter_map(|(index, window)| match *window {
            [used, end, start, owner] => {
                let fits = start == data as usize
                    && used.wrapping_sub(start) == size
                    && end >= used
                    && owner == (*search).state as usize;
                fits.then_some((index, end.wrapping_sub(start)))
            }
            _ => None,
        });
        let (first, second) = (hits.next(), hits.next());
        (*search).found = first.filter(|_| second.is_none());
    }
    size as ssize_t
}
