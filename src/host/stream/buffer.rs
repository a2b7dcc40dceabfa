//! What lies in the buffer of a `FILE`: how much can be read without a system call, and what is still to be written. What is wholly
//! there can be had, and what still fits be put there, without anything that waits, fails or calls back.
//!
//! # Safety
//! The fields are those of glibc's `struct _IO_FILE` in `bits/types/struct_FILE.h`. They are part of its binary interface: programs have
//! had them compiled in, through the macros of `getc` and `putc`, since 1997. What those read is read here, and what those move on
//! (`read_ptr`, `write_ptr`) is moved on.
#![allow(unsafe_code)]

use std::cell::Cell;
use std::mem::MaybeUninit;
use std::os::raw::c_int;
use std::{ptr, slice};

use libc::{size_t, FILE};

use super::moment::lua_may_run;
use super::patience::has_position;
use super::scan::{copy_line, End};
use super::stdio::{Errno, Failure};

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
    /// All that is there, if it is the beginning of such a line whose end isn't there yet.
    Beginning,
    Count(usize),
}

/// Takes an item that lies whole in the buffer, and fits in `place`: what a stock function would give.
///
/// # Safety
/// The file is open.
#[inline(always)]
pub unsafe fn read(file: *mut FILE, wanted: Ready, place: &mut Place) -> Option<&[u8]> {
    // SAFETY: under the lock (if nobody else has it).
    unsafe {
        if ftrylockfile(file) != 0 {
            return None;
        }
        let given = take(file, wanted, place);
        funlockfile(file);
        given.map(|given| slice::from_raw_parts(place.as_ptr().cast(), given))
    }
}

/// The same of a stream of ours, without the lock, whose two atomic operations cost as much as the line: nobody but the thread that runs
/// its Lua state reads it. Another's `fflush(NULL)` passes by a `FILE` that has nothing to be written, as one has that is being read;
/// its `exit` may take the buffer from the `FILE`, but doesn't free it.
///
/// # Safety
/// The file is open, and one that [`super::cookie`] has made in a Lua state that this thread runs.
#[inline(always)]
pub unsafe fn read_own(file: *mut FILE, wanted: Ready, place: &mut Place) -> Option<&[u8]> {
    // SAFETY: see above; it is as good as locked.
    unsafe { take(file, wanted, place).map(|given| slice::from_raw_parts(place.as_ptr().cast(), given)) }
}

/// Copies the item to `place`: how much of it has been.
///
/// # Safety
/// The file is open and locked.
#[inline(always)]
unsafe fn take(file: *mut FILE, wanted: Ready, place: &mut Place) -> Option<usize> {
    // SAFETY: the bytes from `read_ptr` to `read_end` have been read; as many as are copied fit in `place`. The file is left as `getc`
    // would leave it after them.
    unsafe {
        let layout = file as *mut Layout;
        let (start, to) = ((*layout).read_ptr, place.as_mut_ptr().cast::<u8>());
        let all = ((*layout).read_end as usize).saturating_sub(start as usize);
        let ahead = all.min(place.len());
        if ahead == 0 || (*layout).flags & IN_BACKUP != 0 {
            return None;
        }
        let (taken, given) = match wanted {
            Ready::Count(count) if count <= ahead => {
                ptr::copy_nonoverlapping(start, to, count);
                (count, count)
            }
            Ready::Count(_) => return None,
            Ready::Line { .. } | Ready::Text => match copy_line(start, ahead, to, wanted == Ready::Text) {
                End::Line(length) if wanted == (Ready::Line { keep: true }) => {
                    to.add(length).write(b'\n');
                    (length + 1, length + 1)
                }
                End::Line(length) => (length + 1, length),
                End::Open | End::Zero => return None,
            },
            Ready::Beginning if ahead == all && copy_line(start, all, to, true) == End::Open => (all, all),
            Ready::Beginning => return None,
        };
        (*layout).read_ptr = start.add(taken);
        Some(given)
    }
}

/// Reads a line that fits in `place`, without its end, and has the buffer filled on the way if that waits for nobody: a regular file's.
/// `positioned` is the address of a `FILE` that is known to be one. (If its descriptor should have become another's meanwhile, and that
/// keeps silent, then the clock's signal ends the waiting, and the driver is asked.)
///
/// # Safety
/// The file is open.
#[inline(always)]
pub unsafe fn read_line<'a>(
    file: *mut FILE,
    positioned: &Cell<usize>,
    place: &'a mut Place,
) -> Option<&'a [u8]> {
    // SAFETY: under the lock (if nobody else has it).
    unsafe {
        if ftrylockfile(file) != 0 {
            return None;
        }
        let given = match take(file, Ready::Line { keep: false }, place) {
            None => take_across(file, positioned, place),
            given => given,
        };
        funlockfile(file);
        given.map(|given| slice::from_raw_parts(place.as_ptr().cast(), given))
    }
}

/// Takes a line whose end doesn't lie in the buffer. Where it can't be had, nothing has been taken.
///
/// # Safety
/// The file is open and locked.
#[cold]
#[inline(never)]
unsafe fn take_across(file: *mut FILE, positioned: &Cell<usize>, place: &mut Place) -> Option<usize> {
    // SAFETY: as for `take`. Of what is left alone, the fields tell as much as is asked here; what is put back has just been taken.
    unsafe {
        let layout = file as *mut Layout;
        let (start, to) = ((*layout).read_ptr, place.as_mut_ptr().cast::<u8>());
        let begun = ((*layout).read_end as usize).saturating_sub(start as usize);
        let plain = (*layout).flags & (IN_BACKUP | UNBUFFERED | BY_LINE) == 0;
        let writing = (*layout).write_ptr.cast_const() > (*layout).write_base;
        if begun >= place.len() || !plain || writing {
            return None;
        }
        if positioned.get() != file as usize {
            if !has_position(libc::fileno(file)) {
                return None;
            }
            positioned.set(file as usize);
        }
        if begun > 0 {
            ptr::copy_nonoverlapping(start, to, begun);
            (*layout).read_ptr = start.add(begun);
        }
        let errno = *libc::__errno_location();
        let byte = libc::fgetc(file);
        *libc::__errno_location() = errno;
        if byte == libc::EOF {
            if begun > 0 && libc::ferror(file) == 0 {
                return Some(begun);
            }
        } else {
            libc::ungetc(byte, file);
            let start = (*layout).read_ptr;
            let all = ((*layout).read_end as usize).saturating_sub(start as usize);
            if let End::Line(length) = copy_line(start, all.min(place.len() - begun), to.add(begun), false) {
                (*layout).read_ptr = start.add(length + 1);
                return Some(begun + length);
            }
        }
        for at in (0..begun).rev() {
            libc::ungetc((*to.add(at)).into(), file);
        }
        None
    }
}

/// What is there to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ahead {
    Something,
    /// The end has been reached.
    Nothing,
    /// The file can't be read.
    Failed(Errno),
}

/// Has the buffer filled where it is empty.
///
/// # Safety
/// The file is open, and may be a stream of ours, if the caller is a C function that the interpreter has called.
pub unsafe fn fill(file: *mut FILE) -> Ahead {
    lua_may_run(|| {
        // SAFETY: what a stream of ours raises is caught before it would unwind. The byte that is put back has just been taken.
        unsafe {
            libc::clearerr(file);
            let byte = libc::fgetc(file);
            if byte != libc::EOF {
                libc::ungetc(byte, file);
                return Ahead::Something;
            }
            match Failure::last() {
                Failure::System(errno) if libc::ferror(file) != 0 => Ahead::Failed(errno),
                _ => Ahead::Nothing,
            }
        }
    })
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
