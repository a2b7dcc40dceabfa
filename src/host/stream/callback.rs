//! Running a stream's functions, on the stream's own Lua thread.
//!
//! The thread's stack is laid out once: see the constants. It is touched by nothing else, but a careless host can get hold of the thread
//! (`coroutine.running` inside a callback) and resume or close it; so its shape is checked each time.
//!
//! # Safety
//! [`run`] leaves by returning only: Lua code runs under `lua_pcall`, and what is around it neither allocates nor raises.
#![allow(unsafe_code)]

use std::mem;
use std::os::raw::c_int;
use std::ptr;

use mlua::ffi::*;

use super::cookie::{Cookie, Has};
use super::handle;
use super::life::LEVELS;
use super::moment;
use crate::engine::luajit;
use crate::host::stack_room::{self, Purpose};

/// Slots of the thread's stack.
pub const READER: c_int = 1;
pub const WRITER: c_int = 2;
pub const CLEANER: c_int = 3;
/// [`serve`] as a closure over the guard.
const CALL: c_int = 4;
const HANDLE: c_int = 5;
/// The table that anchors the threads of running callbacks.
const RUNNING: c_int = 6;
/// The reader's last string.
const PIECE: c_int = 7;
const SLOTS: c_int = PIECE;

/// What [`serve`] is to do.
#[derive(Clone, Copy)]
pub enum Request {
    None,
    Read(usize),
    Write(*const u8, usize),
    Clean,
}

/// The payload of the userdata that tells a cookie when its thread goes.
pub struct Guard {
    magic: u64,
    pub cookie: *mut Cookie,
}

const MAGIC: u64 = 0x9d1c_0c00_71e5_afe1;

/// Pushes a guard for the anchor at `anchor`; `metatable` is an upvalue's index. May raise.
///
/// # Safety
/// A valid state with two free slots.
pub unsafe fn push_guard(state: *mut lua_State, anchor: c_int, metatable: c_int) -> *mut Guard {
    // SAFETY: bare code over a valid state.
    unsafe {
        let guard = lua_newuserdata(state, size_of::<Guard>()) as *mut Guard;
        guard.write(Guard { magic: MAGIC, cookie: ptr::null_mut() });
        lua_pushvalue(state, metatable);
        lua_setmetatable(state, -2);
        lua_pushvalue(state, anchor);
        lua_setuservalue(state, -2);
        guard
    }
}

/// Pushes the guards' metatable. May raise.
///
/// # Safety
/// A valid state with two free slots.
pub unsafe fn push_guard_metatable(state: *mut lua_State) {
    // SAFETY: bare code over a valid state.
    unsafe {
        lua_createtable(state, 0, 1);
        lua_pushcfunction(state, guard_gc);
        lua_setfield(state, -2, c"__gc".as_ptr());
    }
}

/// Fills the stack of the stream's `thread` from that of `state`: functions at 1, 2, 3, guard and handle as given, the running table an
/// upvalue. May raise.
///
/// # Safety
/// A valid state with three free slots, and a fresh thread of it.
pub unsafe fn lay_out(
    state: *mut lua_State,
    thread: *mut lua_State,
    guard: c_int,
    handle: c_int,
    running: c_int,
) {
    // SAFETY: bare code over a valid state; a fresh thread has 20 free slots.
    unsafe {
        for slot in [READER, WRITER, CLEANER] {
            lua_pushvalue(state, slot);
        }
        lua_xmove(state, thread, 3);
        lua_pushvalue(state, guard);
        lua_pushcclosure(state, serve, 1);
        handle::wrap_call(state);
        lua_pushvalue(state, handle);
        lua_pushvalue(state, running);
        lua_xmove(state, thread, 3);
        lua_pushnil(thread);
    }
}

/// The thread, if it is still as [`lay_out`] has left it.
///
/// # Safety
/// `cookie` is open.
unsafe fn usable(cookie: *const Cookie) -> Result<*mut lua_State, c_int> {
    // SAFETY: the cookie is open; its thread is valid until the guard or the sentinel takes it away.
    unsafe {
        let thread = (*cookie).thread;
        let usable = !thread.is_null()
            && (*(*cookie).life).is_alive()
            && lua_status(thread) == LUA_OK
            && lua_gettop(thread) == SLOTS
            && lua_touserdata(thread, HANDLE) == (*cookie).handle.cast();
        if usable {
            Ok(thread)
        } else {
            Err(libc::EIO)
        }
    }
}

/// What is left of the reader's last string.
///
/// # Safety
/// `cookie` is open; the bytes are valid until Lua runs.
pub unsafe fn unserved(cookie: *const Cookie) -> Result<(*const u8, usize), c_int> {
    // SAFETY: a string on the thread's stack stays where it is; asking for it converts nothing.
    unsafe {
        let thread = usable(cookie)?;
        let mut size = 0;
        if lua_type(thread, PIECE) != LUA_TSTRING {
            return Ok((ptr::NonNull::dangling().as_ptr(), 0));
        }
        let data = lua_tolstring(thread, PIECE, &mut size) as *const u8;
        let served = (*cookie).served.min(size);
        Ok((data.add(served), size - served))
    }
}

/// Calls the function in `slot`; an errno on failure.
///
/// # Safety
/// `cookie` is open, Lua may run, and no callback of this stream is under way.
pub unsafe fn run(cookie: *mut Cookie, slot: c_int, request: Request, purpose: Purpose) -> Result<(), c_int> {
    // A reader that never ends its line must not keep the driver from a box whose time is up.
    if slot == READER && crate::engine::clock::is_overdue() {
        return Err(libc::ETIME);
    }
    // SAFETY: the thread's stack has room for two more values; setting an existing element of `running` allocates nothing.
    unsafe {
        let thread = usable(cookie)?;
        let life = (*cookie).life;
        if (*life).level >= LEVELS || !stack_room::enter(purpose) {
            return Err(libc::ENOMEM);
        }
        (*life).level += 1;
        let level = (*life).level;
        lua_pushthread(thread);
        lua_rawseti(thread, RUNNING, level.into());
        (*cookie).busy = true;
        (*cookie).request = request;
        (*cookie).failure = libc::EIO;
        handle::set_busy((*cookie).handle, (*life).busy);

        lua_pushvalue(thread, CALL);
        lua_pushvalue(thread, slot);
        (*life).scratch.swap(level);
        let before = luajit::running(thread);
        let outcome = moment::lua_runs(|| lua_pcall(thread, 1, 1, 0));
        luajit::set_running(thread, before);
        (*life).scratch.swap(level);

        (*cookie).request = Request::None;
        let failed = outcome != LUA_OK;
        if !failed && slot == READER {
            lua_replace(thread, PIECE);
        }
        lua_settop(thread, SLOTS);
        handle::set_idle((*cookie).handle, (*cookie).file);
        (*cookie).busy = false;
        if (*cookie).orphan {
            let _nobody_to_tell = clean(cookie);
            detach(cookie);
        }
        lua_pushboolean(thread, 0);
        lua_rawseti(thread, RUNNING, level.into());
        (*life).level -= 1;
        stack_room::leave();
        if failed {
            Err((*cookie).failure)
        } else {
            Ok(())
        }
    }
}

/// Calls the cleaner, once.
///
/// # Safety
/// As [`run`].
pub unsafe fn clean(cookie: *mut Cookie) -> Result<(), c_int> {
    // SAFETY: passed on.
    unsafe {
        if !mem::take(&mut (*cookie).has.cleaner) {
            return Ok(());
        }
        run(cookie, CLEANER, Request::Clean, Purpose::Closing)
    }
}

/// Lets go of the stream's functions: its thread may live on in a careless host's hands.
///
/// # Safety
/// `cookie` is open, and no callback of this stream is under way.
pub unsafe fn release(cookie: *mut Cookie) {
    // SAFETY: the slots exist, and one more value fits.
    unsafe {
        if let Ok(thread) = usable(cookie) {
            for slot in [READER, WRITER, CLEANER, PIECE] {
                lua_pushnil(thread);
                lua_replace(thread, slot);
            }
        }
    }
}

/// Cuts the cookie off from Lua.
///
/// # Safety
/// `cookie` is open.
pub unsafe fn detach(cookie: *mut Cookie) {
    // SAFETY: guard and cookie know of each other as long as both exist.
    unsafe {
        (*cookie).thread = ptr::null_mut();
        if !(*cookie).guard.is_null() {
            (*(*cookie).guard).cookie = ptr::null_mut();
            (*cookie).guard = ptr::null_mut();
        }
    }
}

/// # Safety
/// A valid state.
unsafe fn to_guard(state: *mut lua_State, index: c_int) -> *mut Guard {
    // SAFETY: size and magic are looked at before anything else.
    unsafe {
        let guard = lua_touserdata(state, index) as *mut Guard;
        if lua_type(state, index) != LUA_TUSERDATA
            || lua_rawlen(state, index) != size_of::<Guard>()
            || (*guard).magic != MAGIC
        {
            return ptr::null_mut();
        }
        guard
    }
}

/// The stream's thread is about to go: the stream was never opened, or its handle went without being closed.
///
/// # Safety
/// Bare; Lua calls it as a finalizer.
unsafe extern "C-unwind" fn guard_gc(state: *mut lua_State) -> c_int {
    // SAFETY: an open cookie is freed by its FILE, another one by nobody else.
    unsafe {
        let guard = to_guard(state, 1);
        if guard.is_null() || (*guard).cookie.is_null() {
            return 0;
        }
        let cookie = (*guard).cookie;
        if (*cookie).file.is_null() {
            (*guard).cookie = ptr::null_mut();
            Cookie::free(cookie);
            return 0;
        }
        if (*cookie).busy {
            // Its callback has lost the handle; what keeps the thread alive meanwhile keeps this guard's memory, too.
            (*cookie).orphan = true;
            return 0;
        }
        let _nobody_to_tell = clean(cookie);
        detach(cookie);
    }
    0
}

/// Runs on the stream's thread, under `lua_pcall`: calls the function that is its argument as the request says.
///
/// # Safety
/// Bare; Lua calls it.
unsafe extern "C-unwind" fn serve(state: *mut lua_State) -> c_int {
    // SAFETY: bare code; the cookie is open while a request stands.
    unsafe {
        let guard = to_guard(state, lua_upvalueindex(1));
        if guard.is_null() || (*guard).cookie.is_null() {
            return luaL_error(state, c"not in a callback of this stream".as_ptr());
        }
        lua_settop(state, 1);
        let cookie = (*guard).cookie;
        match mem::replace(&mut (*cookie).request, Request::None) {
            Request::None => luaL_error(state, c"not in a callback of this stream".as_ptr()),
            Request::Read(size) => {
                lua_pushinteger(state, size as lua_Integer);
                lua_call(state, 1, 3);
                reader_result(state, cookie)
            }
            Request::Write(data, size) => {
                lua_pushlstring(state, data.cast(), size);
                lua_call(state, 1, 3);
                if lua_type(state, 1) == LUA_TNIL && lua_type(state, 2) != LUA_TNIL {
                    return refused(state, cookie);
                }
                0
            }
            Request::Clean => {
                lua_call(state, 0, 0);
                0
            }
        }
    }
}

/// The function has said `nil, message, errno`, as stock functions fail: it may pass on what another stream said.
///
/// # Safety
/// Bare; three results are on the stack, and `cookie`'s callback is under way.
unsafe fn refused(state: *mut lua_State, cookie: *mut Cookie) -> c_int {
    // SAFETY: bare code; three results are on the stack, and the cookie's callback is under way.
    unsafe {
        let errno = lua_tonumber(state, 3);
        if (1.0..4096.0).contains(&errno) {
            (*cookie).failure = errno as c_int;
        }
        lua_pushnil(state);
        lua_error(state)
    }
}

/// A string, a number as a string, or nil at the end. `nil, message, errno` is a failure, too: then a reader may pass on what another
/// stream's `read` gives.
///
/// # Safety
/// As for [`refused`].
unsafe fn reader_result(state: *mut lua_State, cookie: *mut Cookie) -> c_int {
    // SAFETY: bare code; three results are on the stack, and the cookie's callback is under way.
    unsafe {
        match (lua_type(state, 1), lua_type(state, 2)) {
            (LUA_TSTRING, _) | (LUA_TNIL, LUA_TNIL) => {}
            (LUA_TNUMBER, _) => {
                lua_tolstring(state, 1, ptr::null_mut());
            }
            _ => return refused(state, cookie),
        }
        lua_settop(state, 1);
        1
    }
}

/// What of a stream's arguments is a function.
///
/// # Safety
/// A valid state, with the arguments at 1, 2, 3.
pub unsafe fn given(state: *mut lua_State) -> Has {
    // SAFETY: see above.
    unsafe {
        Has {
            reader: lua_type(state, READER) == LUA_TFUNCTION,
            writer: lua_type(state, WRITER) == LUA_TFUNCTION,
            cleaner: lua_type(state, CLEANER) == LUA_TFUNCTION,
        }
    }
}
