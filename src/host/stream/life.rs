//! What the streams of one Lua state share, and how they learn that the state is gone.
//!
//! # Safety
//! A `Life` is freed by whoever goes last: the state's sentinel or a cookie. But for [`Life::owner`] and the flag `alive`, it is touched by the
//! thread that runs the Lua state, only.
#![allow(unsafe_code)]

use std::alloc::{alloc, dealloc, Layout};
use std::os::raw::c_int;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use libc::FILE;
use mlua::ffi::*;

use super::callback;
use super::cookie::{busy_file, Cookie};
use super::held::Spare;
use super::jit::Scratch;
use super::moment;
use crate::lua::Key;

/// Nested callbacks of one state; more than [`crate::host::stack_room`] ever lets in.
pub const LEVELS: c_int = 200;

static SENTINEL: Key = Key::new();

pub struct Life {
    /// Cleared by the sentinel's finalizer; what is left open then must not touch Lua any more.
    alive: AtomicBool,
    /// The thread that was seen running this state. Others come through `fflush(NULL)` and `exit`, and must not run Lua.
    owner: AtomicUsize,
    users: usize,
    /// What a handle shows while its stream is in a callback.
    pub busy: *mut FILE,
    /// Callbacks of this state under way.
    pub level: c_int,
    /// All open cookies; those that hold bytes back come first.
    pub first: *mut Cookie,
    /// Whether [`super::lines`] and [`super::write`] have been put in their places.
    pub has_methods: bool,
    /// For what streams hold back.
    pub spare: Spare,
    /// See [`super::jit`].
    pub scratch: Scratch,
}

impl Life {
    /// Null if there is no memory.
    fn create() -> *mut Life {
        let busy = busy_file();
        if busy.is_null() {
            return ptr::null_mut();
        }
        // SAFETY: the layout has a size; the block is written before use.
        unsafe {
            let life = alloc(Layout::new::<Life>()) as *mut Life;
            if life.is_null() {
                libc::fclose(busy);
                return life;
            }
            life.write(Life {
                alive: AtomicBool::new(true),
                owner: AtomicUsize::new(libc::pthread_self() as usize),
                users: 1,
                busy,
                level: 0,
                first: ptr::null_mut(),
                has_methods: false,
                spare: Spare::NONE,
                scratch: Scratch::NEW,
            });
            life
        }
    }

    pub fn is_alive(&self) -> bool {
        self.alive.load(Ordering::Relaxed)
    }

    /// Notes that the calling thread runs this state.
    pub fn adopt(&self) {
        // SAFETY: always sound.
        self.owner.store(unsafe { libc::pthread_self() } as usize, Ordering::Relaxed);
    }

    pub fn is_owner(&self) -> bool {
        // SAFETY: always sound.
        self.owner.load(Ordering::Relaxed) == unsafe { libc::pthread_self() } as usize
    }

    pub fn retain(&mut self) {
        self.users = self.users.saturating_add(1);
    }

    /// # Safety
    /// The caller's share of `life` ends here.
    pub unsafe fn release(life: *mut Life) {
        // SAFETY: `life` was made by `create`, and the last user frees it.
        unsafe {
            (*life).users = (*life).users.saturating_sub(1);
            if (*life).users == 0 {
                libc::fclose((*life).busy);
                ptr::drop_in_place(life);
                dealloc(life as *mut u8, Layout::new::<Life>());
            }
        }
    }

    /// # Safety
    /// `cookie` is in no list.
    pub unsafe fn link(&mut self, cookie: *mut Cookie) {
        // SAFETY: all cookies in the list are open, thus valid.
        unsafe {
            (*cookie).previous = ptr::null_mut();
            (*cookie).next = self.first;
            if !self.first.is_null() {
                (*self.first).previous = cookie;
            }
            self.first = cookie;
        }
    }

    /// # Safety
    /// `cookie` is in this list.
    pub unsafe fn unlink(&mut self, cookie: *mut Cookie) {
        // SAFETY: all cookies in the list are open, thus valid.
        unsafe {
            let (previous, next) = ((*cookie).previous, (*cookie).next);
            if previous.is_null() {
                self.first = next;
            } else {
                (*previous).next = next;
            }
            if !next.is_null() {
                (*next).previous = previous;
            }
            (*cookie).previous = ptr::null_mut();
            (*cookie).next = ptr::null_mut();
        }
    }
}

/// The userdata that lives as long as the state; finalizers run newest first, so after those of all streams.
struct Sentinel {
    life: *mut Life,
}

/// The state's `Life`, or null where the module was never opened. Raises nothing.
///
/// # Safety
/// A valid state with two free slots.
pub unsafe fn of_state(state: *mut lua_State) -> *mut Life {
    // SAFETY: only this module writes that place in the registry, and always a sentinel.
    unsafe {
        lua_rawgetp(state, LUA_REGISTRYINDEX, SENTINEL.address());
        let sentinel = lua_touserdata(state, -1) as *const Sentinel;
        lua_pop(state, 1);
        if sentinel.is_null() {
            ptr::null_mut()
        } else {
            (*sentinel).life
        }
    }
}

/// Pushes the table that anchors running callbacks' threads; makes it and the state's `Life` if need be. May raise.
///
/// # Safety
/// A valid state with eight free slots.
pub unsafe fn push_running(state: *mut lua_State) {
    // SAFETY: bare code over a valid state.
    unsafe {
        lua_rawgetp(state, LUA_REGISTRYINDEX, SENTINEL.address());
        if lua_type(state, -1) == LUA_TUSERDATA {
            lua_getuservalue(state, -1);
            lua_remove(state, -2);
            return;
        }
        lua_pop(state, 1);
        lua_createtable(state, LEVELS, 0);
        for level in 1..=LEVELS {
            // The slots exist from now on, so that a callback's entry can't run out of memory.
            lua_pushboolean(state, 0);
            lua_rawseti(state, -2, level.into());
        }
        let sentinel = lua_newuserdata(state, size_of::<Sentinel>()) as *mut Sentinel;
        sentinel.write(Sentinel { life: ptr::null_mut() });
        lua_createtable(state, 0, 1);
        lua_pushcfunction(state, sentinel_gc);
        lua_setfield(state, -2, c"__gc".as_ptr());
        lua_setmetatable(state, -2);
        lua_pushvalue(state, -2);
        lua_setuservalue(state, -2);
        (*sentinel).life = Life::create();
        if (*sentinel).life.is_null() {
            luaL_error(state, c"not enough memory".as_ptr());
        }
        lua_rawsetp(state, LUA_REGISTRYINDEX, SENTINEL.address());
    }
}

/// The state is about to go: what other finalizers have left open is flushed, then cut off from Lua.
///
/// # Safety
/// Bare; Lua calls it.
unsafe extern "C-unwind" fn sentinel_gc(state: *mut lua_State) -> c_int {
    // SAFETY: Lua passes the userdata; a host that calls this by hand with another value is told apart by its address.
    unsafe {
        let life = of_state(state);
        let sentinel = lua_touserdata(state, 1) as *mut Sentinel;
        if sentinel.is_null() || life.is_null() || (*sentinel).life != life {
            return 0;
        }
        while !(*life).first.is_null() {
            let cookie = (*life).first;
            (*life).unlink(cookie);
            (*cookie).listed = false;
            moment::lua_may_run(|| libc::fflush((*cookie).file));
            callback::detach(cookie);
        }
        (*life).alive.store(false, Ordering::Relaxed);
        (*sentinel).life = ptr::null_mut();
        (*life).scratch.free(state);
        Life::release(life);
    }
    0
}
