//! What lies in the buffer of a `FILE`: how much can be read without a system call, and what is still to be written. What is wholly
//! there can be had, and what still fits be put there, without anything that waits, fails or calls back.
//!
//! # Safety
//! The fields are those of glibc's `struct _IO_FILE` in `bits/types/struct_FILE.h`. They are part of its binary interface: programs have
//! had them compiled in, through the macros of `getc` and `putc`, since 1997. What those read is read here, and what those move on
//! (`read_ptr`, `write_ptr`) is moved on.
#![allow(unsafe_code)]

use std::mem::MaybeUninit;
use std::os::raw::c_int;
use std::{ptr, slice};

use libc::{size_t, FILE};

use super::stdio::{Errno, Failure};
use crate::lua::compat;

#[repr(C)]
struct Layout {
    flags: i32,
    read_ptr: *const u8,
    read_end: *const u8,
    read_base: *const u8,
    write_base: *const u8,
    write_ptr: *mut u8,
    write_end: *const u8,
    buf_base: *const u8,
    buf_end: *const u8,
    save_base: *const u8,
    backup_base: *const u8,
    save_end: *const u8,
}

/// Set while bytes that were put back are read: the rest of the buffer waits between `save_base` and `save_end`.
const IN_BACKUP: i32 = 0x100;
/// Set where lines, or all bytes, are to go out at once.
const UNBUFFERED: i32 = 0x2;
const BY_LINE: i32 = 0x200;

extern "C" {
    fn __fpending(file: *mut FILE) -> size_t;
    fn __fpurge(file: *mut FILE);
    fn ftrylockfile(file: *mut FILE) -> c_int;
    fn funlockfile(file: *mut FILE);
}

/// How many bytes can be read without a system call.
///
/// # Safety
/// The file is open and locked.
#[inline]
pub unsafe fn ahead(file: *mut FILE) -> usize {
    // SAFETY: see the module; the fields are read one by one, as they are now.
    unsafe {
        let layout = file as *const Layout;
        let now = ((*layout).read_end as usize).saturating_sub((*layout).read_ptr as usize);
        if (*layout).flags & IN_BACKUP == 0 {
            return now;
        }
        now.saturating_add(((*layout).save_end as usize).saturating_sub((*layout).save_base as usize))
    }
}

/// How many bytes lie in the buffer before the next end of a line, or before its own end.
///
/// # Safety
/// The file is open and locked.
pub unsafe fn before_newline(file: *mut FILE) -> usize {
    // SAFETY: the bytes from `read_ptr` to `read_end` have been read.
    unsafe {
        let layout = file as *const Layout;
        let start = (*layout).read_ptr;
        let ahead = ((*layout).read_end as usize).saturating_sub(start as usize);
        if ahead == 0 {
            return 0;
        }
        match libc::memchr(start.cast(), b'\n'.into(), ahead) {
            end if end.is_null() => ahead,
            end => end as usize - start as usize,
        }
    }
}

/// Takes what is still to be written out of the buffer.
///
/// # Safety
/// The file is open and locked.
pub unsafe fn take_pending(file: *mut FILE) -> Result<Vec<u8>, Failure> {
    let mut taken = Vec::new();
    // SAFETY: what is pending begins at `write_base`; while something is, nothing that was read lies in the buffer.
    unsafe {
        let pending = __fpending(file);
        if pending > 0 {
            let from = (*(file as *const Layout)).write_base;
            taken.try_reserve_exact(pending).map_err(|_| Failure::System(Errno(libc::ENOMEM)))?;
            taken.extend_from_slice(std::slice::from_raw_parts(from, pending));
            __fpurge(file);
        }
    }
    Ok(taken)
}

/// Room for what is taken out of a buffer. What is longer may as well take the long way.
pub type Place = [MaybeUninit<u8>; 1024];
pub const PLACE: Place = [MaybeUninit::uninit(); 1024];

/// What to take out of a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ready {
    /// A line with its end; `keep` says whether that is part of it.
    Line {
        keep: bool,
    },
    /// The same without its end, if stock Lua reads it whole: 5.1, 5.2 and LuaJIT lose what follows a zero byte.
    Text,
    Count(usize),
}

/// How long the line at `start` is, if it ends within `ahead` bytes.
///
/// # Safety
/// So many bytes are at `start`.
unsafe fn line(start: *const u8, ahead: usize) -> Option<usize> {
    // SAFETY: the caller has so many bytes there.
    let end = unsafe { libc::memchr(start.cast(), b'\n'.into(), ahead) };
    (!end.is_null()).then(|| end as usize - start as usize)
}

/// Whether stock Lua reads this line whole.
///
/// # Safety
/// So many bytes are at `start`.
unsafe fn is_text(start: *const u8, length: usize) -> bool {
    // SAFETY: the caller has so many bytes there.
    !(compat::V51 || compat::V52) || unsafe { libc::memchr(start.cast(), 0, length).is_null() }
}

/// Takes an item that lies whole in the buffer, and fits in `place`: what a stock function would give.
///
/// # Safety
/// The file is open.
#[inline]
pub unsafe fn read(file: *mut FILE, wanted: Ready, place: &mut Place) -> Option<&[u8]> {
    // SAFETY: under the lock (if nobody else has it) the bytes from `read_ptr` to `read_end` have been read; as many as are copied fit in
    // `place`. The file is left as `getc` would leave it after them.
    unsafe {
        if ftrylockfile(file) != 0 {
            return None;
        }
        let layout = file as *mut Layout;
        let start = (*layout).read_ptr;
        let ahead = ((*layout).read_end as usize).saturating_sub(start as usize).min(place.len());
        let lies_elsewhere = (*layout).flags & IN_BACKUP != 0;
        let found = match wanted {
            _ if ahead == 0 || lies_elsewhere => None,
            Ready::Count(count) => (count <= ahead).then_some((count, count)),
            Ready::Line { keep } => line(start, ahead).map(|n| (n + 1, n + usize::from(keep))),
            Ready::Text => line(start, ahead).filter(|&n| is_text(start, n)).map(|n| (n + 1, n)),
        };
        if let Some((taken, given)) = found {
            ptr::copy_nonoverlapping(start, place.as_mut_ptr().cast(), given);
            (*layout).read_ptr = start.add(taken);
        }
        funlockfile(file);
        found.map(|(_, given)| slice::from_raw_parts(place.as_ptr().cast(), given))
    }
}

/// Puts `data` into the buffer if it fits there, and stays there, and `agreed` then.
///
/// # Safety
/// The file is open. `agreed` leaves it alone.
#[inline]
pub unsafe fn write(file: *mut FILE, data: &[u8], agreed: impl FnOnce() -> bool) -> bool {
    // SAFETY: under the lock, `write_ptr` to `write_end` is room for bytes to be written. The file is left as `putc` would leave it
    // after them.
    unsafe {
        if ftrylockfile(file) != 0 {
            return false;
        }
        let layout = file as *mut Layout;
        let start = (*layout).write_ptr;
        let room = ((*layout).write_end as usize).saturating_sub(start as usize);
        let at_once = (*layout).flags & (UNBUFFERED | BY_LINE) != 0;
        let put = data.len() <= room && !at_once && agreed();
        if put {
            ptr::copy_nonoverlapping(data.as_ptr(), start, data.len());
            (*layout).write_ptr = start.add(data.len());
        }
        funlockfile(file);
        put
    }
}
