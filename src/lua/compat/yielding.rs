//! Yields across C functions, as far as each Lua has them.
//!
//! # Safety
//! All functions here are *bare* (see [`crate::lua`]): they need a valid state and may raise.
#![allow(unsafe_code)]

#[cfg(not(any(feature = "lua51", feature = "luajit")))]
use std::os::raw::c_int;

use mlua::ffi::*;

use crate::lua::State;

#[cfg(not(any(feature = "lua51", feature = "luajit")))]
use continuation::{go_on, Continuation};

#[cfg(not(any(feature = "lua51", feature = "luajit")))]
mod continuation {
    use std::ptr::NonNull;

    use super::*;

    /// What goes on after a call that yielded: the state, whether the call went well, and what `pcall_yieldable` was told to remember.
    pub trait Continuation: Fn(State, bool, c_int) -> c_int + Copy + 'static {}
    impl<F: Fn(State, bool, c_int) -> c_int + Copy + 'static> Continuation for F {}

    /// # Safety
    /// As for any function that Lua calls.
    pub unsafe fn go_on<F: Continuation>(state: *mut lua_State, status: c_int, ctx: c_int) -> c_int {
        const { assert!(std::mem::size_of::<F>() == 0) };
        // SAFETY: `F` has no size (checked above): any aligned address holds one, and one exists, since a `pcall_yieldable` was given it.
        let f: F = unsafe { NonNull::<F>::dangling().as_ptr().read() };
        // SAFETY: Lua passes the running state.
        f(unsafe { State::new(state) }, status == LUA_OK || status == LUA_YIELD, ctx)
    }
}

#[cfg(any(feature = "lua53", feature = "lua54", feature = "lua55"))]
mod gaps {
    use super::*;

    /// # Safety
    /// Lua calls it, to go on after the call that [`pcall`] made with the same `F`.
    unsafe extern "C-unwind" fn continuation<F: Continuation>(
        state: *mut lua_State,
        status: c_int,
        ctx: lua_KContext,
    ) -> c_int {
        go_on::<F>(state, status, ctx as c_int)
    }

    /// # Safety
    /// Bare; the function and its arguments are on the stack.
    pub unsafe fn pcall<F: Continuation>(
        state: *mut lua_State,
        args: c_int,
        handler: c_int,
        ctx: c_int,
    ) -> c_int {
        lua_pcallk(state, args, LUA_MULTRET, handler, ctx as lua_KContext, Some(continuation::<F>))
    }

    /// # Safety
    /// A valid state with a free slot.
    pub unsafe fn can_yield(state: *mut lua_State) -> bool {
        lua_isyieldable(state) != 0
    }
}

#[cfg(feature = "lua52")]
mod gaps {
    use super::*;

    /// # Safety
    /// Lua calls it, to go on after the call that [`pcall`] made with the same `F`.
    unsafe extern "C-unwind" fn continuation<F: Continuation>(state: *mut lua_State) -> c_int {
        let mut ctx = 0;
        let status = lua_getctx(state, &mut ctx);
        go_on::<F>(state, status, ctx)
    }

    /// # Safety
    /// Bare; the function and its arguments are on the stack.
    pub unsafe fn pcall<F: Continuation>(
        state: *mut lua_State,
        args: c_int,
        handler: c_int,
        ctx: c_int,
    ) -> c_int {
        lua_pcallk(state, args, LUA_MULTRET, handler, ctx, Some(continuation::<F>))
    }

    /// Any thread but the main one; where it can't after all, `lua_pcallk` does as `lua_pcall`.
    pub use super::is_coroutine as can_yield;
}

#[cfg(feature = "luajit")]
mod gaps {
    pub use super::is_coroutine as can_yield;
}

#[cfg(feature = "lua51")]
mod gaps {
    use std::os::raw::{c_int, c_void};

    use once_cell::sync::Lazy;

    use super::*;

    /// How much of a thread is looked at: it has 184 bytes on 64-bit systems.
    const LOOKED_AT: usize = 160;
    type Image = [u16; LOOKED_AT / 2];

    /// Where a thread keeps how many C calls it is in (`nCcalls`), followed by how many there were when it was resumed last
    /// (`baseCcalls`). Lua's API doesn't tell whether a yield would be refused, but it is just where they differ (`lua_yield` in
    /// `ldo.c`). `None` where they aren't found: then a refused yield is an error of the call into the box.
    static CALLS: Lazy<Option<usize>> = Lazy::new(find);

    /// Images of a coroutine that was resumed, in none, one and two protected calls.
    #[derive(Default)]
    struct Images {
        all: Vec<Image>,
    }

    /// # Safety
    /// `find` calls it through Lua, with a pointer to its images.
    unsafe extern "C-unwind" fn look(state: *mut lua_State) -> c_int {
        let images = lua_touserdata(state, 1) as *mut Images;
        let deeper = {
            // SAFETY: `find` passes what it keeps; a thread is as long as that.
            let images = &mut *images;
            images.all.push(*(state as *const Image));
            images.all.len() < 3
        };
        if deeper {
            lua_cpcall(state, look, images as *mut c_void);
        }
        0
    }

    /// # Safety
    /// As for [`look`].
    unsafe extern "C-unwind" fn start(state: *mut lua_State) -> c_int {
        let thread = lua_newthread(state);
        lua_pushcfunction(thread, look);
        lua_pushlightuserdata(thread, lua_touserdata(state, 1));
        lua_resume_(thread, 1);
        0
    }

    fn find() -> Option<usize> {
        let mut images = Images { all: Vec::with_capacity(3) };
        // SAFETY: a state of its own, closed again. Protected, as there may be no memory for the thread; the images outlive the call.
        unsafe {
            let state = luaL_newstate();
            if state.is_null() {
                return None;
            }
            lua_cpcall(state, start, &mut images as *mut Images as *mut c_void);
            lua_close(state);
        }
        let [free, one, two] = images.all.as_slice() else { return None };
        let at = |image: &Image, i: usize| image.get(i).copied().unwrap_or(u16::MAX);
        let fits = |&i: &usize| {
            let n = at(free, i);
            n > 0
                && (at(one, i), at(two, i)) == (n.wrapping_add(1), n.wrapping_add(2))
                && [free, one, two].iter().all(|image| at(image, i + 1) == n)
        };
        let mut found = (0..LOOKED_AT / 2 - 1).filter(fits);
        found.next().filter(|_| found.next().is_none())
    }

    /// # Safety
    /// A valid state with a free slot.
    pub unsafe fn can_yield(state: *mut lua_State) -> bool {
        super::is_coroutine(state)
            && CALLS.is_none_or(|i| {
                // SAFETY: within the thread, see above.
                let calls = (state as *const u16).add(i);
                *calls == *calls.add(1)
            })
    }

    #[cfg(test)]
    mod tests {
        #[test]
        fn the_counts_of_calls_are_found() {
            assert!(super::CALLS.is_some());
        }
    }
}

/// Whether the state is not the main thread.
///
/// # Safety
/// A valid state with a free slot.
#[cfg_attr(any(feature = "lua53", feature = "lua54", feature = "lua55"), allow(dead_code))]
pub unsafe fn is_coroutine(state: *mut lua_State) -> bool {
    let main = lua_pushthread(state) != 0;
    lua_settop(state, -2);
    !main
}

impl State {
    /// Whether what is called from here may be able to yield.
    pub fn can_yield(self) -> bool {
        // SAFETY: a valid state with room for one more value.
        unsafe { gaps::can_yield(self.as_ptr()) }
    }

    /// Whether the thread has yielded and waits to be resumed.
    pub fn has_yielded(self) -> bool {
        self.status() == LUA_YIELD
    }

    /// Has the value on top of the stack closed when the running function ends in any way, where Lua can do that.
    pub fn close_on_return(self) {
        #[cfg(any(feature = "lua54", feature = "lua55"))]
        // SAFETY: the value has a `__close`, and stays in its slot until the function returns.
        unsafe {
            lua_toclose(self.as_ptr(), -1);
        }
    }
}

/// There are no continuations before Lua 5.2: there, calls that may yield are made by Lua code (`gate::waiting`).
#[cfg(not(any(feature = "lua51", feature = "luajit")))]
impl State {
    /// As [`State::pcall`], with all results and the message handler at that index, for a function that may yield: the caller's frame is
    /// then gone, and `then` goes on in its place, with whether the call went well and `ctx`.
    pub fn pcall_yieldable<F: Continuation>(self, args: c_int, handler: c_int, ctx: c_int, _then: F) -> bool {
        // SAFETY: bare code, whose locals are `Copy`; the function and its arguments are on the stack.
        unsafe { gaps::pcall::<F>(self.as_ptr(), args, handler, ctx) == LUA_OK }
    }
}
