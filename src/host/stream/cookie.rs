//! What glibc calls for a stream's `FILE`.
//!
//! # Safety
//! glibc calls these functions under the `FILE`'s lock, with the cookie that `fopencookie` was given; the cookie is freed in `close`.
//! They let no error and no panic out.
#![allow(unsafe_code)]

use std::alloc::{alloc, dealloc, Layout};
use std::os::raw::{c_char, c_int, c_void};
use std::ptr;

use libc::{off64_t, size_t, ssize_t, FILE};
use mlua::ffi::lua_State;

use super::callback::{self, Guard, Request, READER, WRITER};
use super::handle::Handle;
use super::jit;
use super::life::Life;
use super::moment::{self, Moment};
use crate::host::stack_room::Purpose;

#[repr(C)]
struct Functions {
    read: Option<unsafe extern "C" fn(*mut c_void, *mut c_char, size_t) -> ssize_t>,
    write: Option<unsafe extern "C" fn(*mut c_void, *const c_char, size_t) -> ssize_t>,
    seek: Option<unsafe extern "C" fn(*mut c_void, *mut off64_t, c_int) -> c_int>,
    close: Option<unsafe extern "C" fn(*mut c_void) -> c_int>,
}

extern "C" {
    fn fopencookie(cookie: *mut c_void, mode: *const c_char, functions: Functions) -> *mut FILE;
    fn __fwriting(file: *mut FILE) -> c_int;
}

/// Held bytes go to the writer in pieces of this size.
const PIECE: usize = 64 << 10;

/// Which callbacks a stream has.
#[derive(Clone, Copy)]
pub struct Has {
    pub reader: bool,
    pub writer: bool,
    pub cleaner: bool,
}

pub struct Cookie {
    /// Null until opened.
    pub file: *mut FILE,
    pub handle: *mut Handle,
    /// The stream's own Lua thread; null once the cookie is cut off from Lua.
    pub thread: *mut lua_State,
    pub guard: *mut Guard,
    pub life: *mut Life,
    pub has: Has,
    /// A callback is under way.
    pub busy: bool,
    /// The handle was lost meanwhile.
    pub orphan: bool,
    pub request: Request,
    /// Why the callback failed.
    pub failure: c_int,
    /// Bytes of the reader's last string that went out, and how many of them in the last piece.
    pub served: usize,
    last: usize,
    /// What could not be given to the writer when it was written.
    held: Vec<u8>,
    /// What went wrong where nobody could be told: the next write, flush or close fails with it.
    error: c_int,
    pub listed: bool,
    pub previous: *mut Cookie,
    pub next: *mut Cookie,
}

impl Cookie {
    /// Null if there is no memory.
    ///
    /// # Safety
    /// `life` and `thread` are valid, and the latter is anchored.
    pub unsafe fn create(life: *mut Life, thread: *mut lua_State, has: Has) -> *mut Cookie {
        // SAFETY: the layout has a size; the block is written before use.
        unsafe {
            let cookie = alloc(Layout::new::<Cookie>()) as *mut Cookie;
            if !cookie.is_null() {
                (*life).retain();
                cookie.write(Cookie {
                    file: ptr::null_mut(),
                    handle: ptr::null_mut(),
                    thread,
                    guard: ptr::null_mut(),
                    life,
                    has,
                    busy: false,
                    orphan: false,
                    request: Request::None,
                    failure: 0,
                    served: 0,
                    last: 0,
                    held: Vec::new(),
                    error: 0,
                    listed: false,
                    previous: ptr::null_mut(),
                    next: ptr::null_mut(),
                });
            }
            cookie
        }
    }

    /// # Safety
    /// `cookie` came from `create`, and nothing refers to it any more.
    pub unsafe fn free(cookie: *mut Cookie) {
        // SAFETY: see above.
        unsafe {
            Life::release((*cookie).life);
            ptr::drop_in_place(cookie);
            dealloc(cookie as *mut u8, Layout::new::<Cookie>());
        }
    }

    /// Opens the stream's `FILE`; null and errno on failure.
    ///
    /// # Safety
    /// `cookie` came from `create` and is opened once.
    pub unsafe fn open(cookie: *mut Cookie) -> *mut FILE {
        // SAFETY: the cookie lives until `close`.
        unsafe {
            let mode = match (*cookie).has {
                Has { reader: true, writer: false, .. } => c"r",
                Has { reader: false, writer: true, .. } => c"w",
                _ => c"r+",
            };
            let functions = Functions {
                read: Some(on_read),
                write: Some(on_write),
                seek: Some(on_seek),
                close: Some(on_close),
            };
            let file = fopencookie(cookie.cast(), mode.as_ptr(), functions);
            if !file.is_null() {
                (*cookie).file = file;
                (*(*cookie).life).link(cookie);
                (*cookie).listed = true;
            }
            file
        }
    }

    /// Whether bytes are held until Lua may run.
    ///
    /// # Safety
    /// `cookie` is open.
    #[cfg(feature = "luajit")]
    pub unsafe fn holds(cookie: *const Cookie) -> bool {
        // SAFETY: see above.
        unsafe { !(*cookie).held.is_empty() }
    }

    /// Gives what is held to the writer; the error, if any, is kept for the next operation that can tell.
    ///
    /// # Safety
    /// `cookie` is open, Lua may run, and no callback of this stream is under way.
    pub unsafe fn deliver(cookie: *mut Cookie, purpose: Purpose) {
        // SAFETY: nothing leaves `run` but by returning, so `held` is dropped.
        unsafe {
            let held = std::mem::take(&mut (*cookie).held);
            for piece in held.chunks(PIECE) {
                let request = Request::Write(piece.as_ptr(), piece.len());
                if let Err(errno) = callback::run(cookie, WRITER, request, purpose) {
                    (*cookie).error = errno;
                    break;
                }
            }
        }
    }
}

/// # Safety
/// `cookie` is open; `data` has `size` bytes.
unsafe fn hold(cookie: *mut Cookie, data: *const u8, size: usize) -> Result<(), c_int> {
    // SAFETY: glibc passes `size` bytes; there is room for them.
    unsafe {
        let held = &mut (*cookie).held;
        held.try_reserve(size).map_err(|_| libc::ENOMEM)?;
        held.extend_from_slice(std::slice::from_raw_parts(data, size));
    }
    Ok(())
}

/// # Safety
/// `cookie` is open.
unsafe fn take_error(cookie: *mut Cookie) -> Result<(), c_int> {
    // SAFETY: the cookie is open.
    match unsafe { std::mem::take(&mut (*cookie).error) } {
        0 => Ok(()),
        errno => Err(errno),
    }
}

/// # Safety
/// `cookie` is open; `buffer` has room for `size` bytes.
unsafe fn read(cookie: *mut Cookie, buffer: *mut u8, size: usize) -> Result<usize, c_int> {
    // SAFETY: the cookie is open, and not freed while a callback is under way.
    unsafe {
        if (*cookie).busy {
            return Err(libc::EBUSY);
        }
        (*cookie).last = 0;
        if !(*cookie).has.reader {
            return Ok(0);
        }
        if moment::to_read(cookie) != Moment::Now {
            return Err(libc::EIO);
        }
        Cookie::deliver(cookie, Purpose::Ordinary);
        let mut piece = callback::unserved(cookie)?;
        if piece.1 == 0 {
            callback::run(cookie, READER, Request::Read(size), Purpose::Ordinary)?;
            (*cookie).served = 0;
            piece = callback::unserved(cookie)?;
        }
        let count = piece.1.min(size);
        ptr::copy_nonoverlapping(piece.0, buffer, count);
        (*cookie).served = (*cookie).served.saturating_add(count);
        (*cookie).last = count;
        Ok(count)
    }
}

/// # Safety
/// `cookie` is open; `data` has `size` bytes.
unsafe fn write(cookie: *mut Cookie, data: *const u8, size: usize) -> Result<(), c_int> {
    // SAFETY: the cookie is open, and not freed while a callback is under way.
    unsafe {
        if (*cookie).busy {
            return Err(libc::EBUSY);
        }
        if !(*cookie).has.writer {
            return if (*cookie).has.reader { Err(libc::EBADF) } else { Ok(()) };
        }
        if (*cookie).thread.is_null() {
            return Err(libc::EIO);
        }
        let moment = moment::to_write(cookie);
        if moment != Moment::Now {
            if moment == Moment::Later {
                take_error(cookie)?;
            }
            hold(cookie, data, size)?;
            jit::deliver_soon(cookie);
            return Ok(());
        }
        Cookie::deliver(cookie, Purpose::Ordinary);
        take_error(cookie)?;
        callback::run(cookie, WRITER, Request::Write(data, size), Purpose::Ordinary)
    }
}

/// Last writes and the cleaner; an error is that of the first step that failed.
///
/// # Safety
/// `cookie` is open, and no callback of it is under way.
unsafe fn finish(cookie: *mut Cookie) -> Result<(), c_int> {
    // SAFETY: the cookie is open.
    unsafe {
        if moment::to_close(cookie) != Moment::Now {
            return Err(libc::EIO);
        }
        Cookie::deliver(cookie, Purpose::Closing);
        let cleaned = callback::clean(cookie);
        take_error(cookie).and(cleaned)
    }
}

/// # Safety
/// glibc calls it with the cookie of an open `FILE`, under that `FILE`'s lock.
unsafe extern "C" fn on_read(cookie: *mut c_void, buffer: *mut c_char, size: size_t) -> ssize_t {
    // SAFETY: see the module.
    match unsafe { read(cookie.cast(), buffer.cast(), size) } {
        Ok(count) => count as ssize_t,
        Err(errno) => fail(errno, -1),
    }
}

/// # Safety
/// glibc calls it with the cookie of an open `FILE`, under that `FILE`'s lock.
unsafe extern "C" fn on_write(cookie: *mut c_void, data: *const c_char, size: size_t) -> ssize_t {
    // SAFETY: see the module.
    match unsafe { write(cookie.cast(), data.cast(), size) } {
        Ok(()) => size as ssize_t,
        // fopencookie(3): the write function must not return a negative value.
        Err(errno) => fail(errno, 0),
    }
}

/// A stream has no position. But when glibc turns from reading to writing it seeks back over what nobody has read yet, and this is
/// granted: the reader's string is still there, and those bytes are served again.
///
/// # Safety
/// glibc calls it with the cookie of an open `FILE`, under that `FILE`'s lock.
unsafe extern "C" fn on_seek(cookie: *mut c_void, offset: *mut off64_t, whence: c_int) -> c_int {
    let cookie = cookie as *mut Cookie;
    // SAFETY: see the module.
    unsafe {
        if (*cookie).busy {
            return fail(libc::EBUSY, -1) as c_int;
        }
        let back = usize::try_from((*offset).saturating_neg()).unwrap_or(usize::MAX);
        // fseek comes here too, but not while the FILE is in its writing state.
        if whence != libc::SEEK_CUR || back > (*cookie).last || __fwriting((*cookie).file) == 0 {
            return fail(libc::ESPIPE, -1) as c_int;
        }
        (*cookie).served = (*cookie).served.saturating_sub(back);
        (*cookie).last = (*cookie).last.saturating_sub(back);
        *offset = 0;
    }
    0
}

/// # Safety
/// glibc calls it with the cookie of an open `FILE`, under that `FILE`'s lock.
unsafe extern "C" fn on_close(cookie: *mut c_void) -> c_int {
    let cookie = cookie as *mut Cookie;
    // SAFETY: see the module; after this nobody has the cookie any more.
    unsafe {
        if (*cookie).busy {
            // Only C code that calls fclose inside a callback gets here; frames further up still need the cookie.
            callback::detach(cookie);
            return fail(libc::EBUSY, -1) as c_int;
        }
        let outcome = finish(cookie);
        callback::release(cookie);
        callback::detach(cookie);
        if (*cookie).listed {
            (*(*cookie).life).unlink(cookie);
        }
        Cookie::free(cookie);
        match outcome {
            Ok(()) => 0,
            Err(errno) => fail(errno, -1) as c_int,
        }
    }
}

/// Sets errno and gives `result`.
fn fail(errno: c_int, result: ssize_t) -> ssize_t {
    // SAFETY: errno is this thread's.
    unsafe { *libc::__errno_location() = errno };
    result
}

/// What a handle shows while its stream is in a callback: all that reaches it is refused. Null and errno on failure.
pub fn busy_file() -> *mut FILE {
    let functions =
        Functions { read: Some(busy_read), write: Some(busy_write), seek: Some(busy_seek), close: None };
    // SAFETY: the functions use no cookie.
    unsafe {
        let file = fopencookie(ptr::null_mut(), c"r+".as_ptr(), functions);
        if !file.is_null() {
            // Without a buffer each write is refused at once.
            libc::setvbuf(file, ptr::null_mut(), libc::_IONBF, 0);
        }
        file
    }
}

/// An empty `FILE` without a buffer, whose bytes go to `write`; null and errno on failure.
#[cfg(feature = "luajit")]
pub fn probing_file(
    cookie: *mut c_void,
    write: unsafe extern "C" fn(*mut c_void, *const c_char, size_t) -> ssize_t,
) -> *mut FILE {
    // SAFETY: the cookie is only passed to `write`.
    unsafe {
        let functions = Functions { read: None, write: Some(write), seek: None, close: None };
        let file = fopencookie(cookie, c"r+".as_ptr(), functions);
        if !file.is_null() {
            libc::setvbuf(file, ptr::null_mut(), libc::_IONBF, 0);
        }
        file
    }
}

extern "C" fn busy_read(_: *mut c_void, _: *mut c_char, _: size_t) -> ssize_t {
    fail(libc::EBUSY, -1)
}

extern "C" fn busy_write(_: *mut c_void, _: *const c_char, _: size_t) -> ssize_t {
    fail(libc::EBUSY, 0)
}

extern "C" fn busy_seek(_: *mut c_void, _: *mut off64_t, _: c_int) -> c_int {
    fail(libc::EBUSY, -1) as c_int
}
