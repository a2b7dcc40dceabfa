//! Writing to a host's `FILE`: no signal for a reader that is gone, and no wait for one that is stuck beyond the box's time.
//!
//! Where a system call may block, what is due is written in pieces that a pipe with any room takes at once. A stop in between loses
//! nothing that lay in the buffer before: what has not been written goes back there. Of the bytes at hand, those that were not taken
//! are dropped, as what goes past an `output` limit is.
//!
//! # Safety
//! Callers pass a `FILE` that is open and stays so meanwhile: see [`super::FileRef`].
#![allow(unsafe_code)]

use std::mem::MaybeUninit;
use std::os::raw::c_int;
use std::ptr;

use libc::{size_t, FILE};

use super::buffer::take_pending;
use super::moment::lua_may_run;
use super::patience::{errno, has_position, Patience};
use super::stdio::{Errno, Failure};

extern "C" {
    // A stream of ours may run Lua in here; what it raises is caught before it would unwind.
    fn __flbf(file: *mut FILE) -> c_int;
    fn __fpending(file: *mut FILE) -> size_t;
    fn __fbufsize(file: *mut FILE) -> size_t;
}

/// What a pipe with room takes without blocking.
const PIECE: usize = libc::PIPE_BUF;
/// glibc passes everything on at once where the buffer is smaller than this.
const SMALL_BUFFER: usize = 128;

/// Writes all of `data`, or fails.
///
/// # Safety
/// See the module. `file` may be a stream of ours, if the caller is a C function that Lua has called.
pub unsafe fn write(file: *mut FILE, data: &[u8], patience: Patience) -> Result<(), Failure> {
    lua_may_run(|| {
        // SAFETY: passed on.
        let _lock = unsafe { patience.lock(file) }.ok_or(Failure::Stopped)?;
        // SAFETY: passed on.
        let reaches_system =
            unsafe { __flbf(file) != 0 || __fpending(file).saturating_add(data.len()) >= __fbufsize(file) };
        if !reaches_system {
            // SAFETY: passed on.
            return unsafe { put(file, data) };
        }
        // SAFETY: passed on.
        unsafe {
            without_sigpipe(file, |descriptor| {
                if !patience.must_wait(descriptor) {
                    return put(file, data);
                }
                let mut data = data;
                if __fbufsize(file) == 0 {
                    // It gets its buffer with the first write.
                    if !patience.wait(descriptor, libc::POLLOUT) {
                        return Err(Failure::Stopped);
                    }
                    let (first, rest) = data.split_at(data.len().min(SMALL_BUFFER));
                    put(file, first)?;
                    data = rest;
                }
                let (due, kept) = data.split_at(due(file, data).min(data.len()));
                if !due.is_empty() || __fpending(file).saturating_add(kept.len()) >= __fbufsize(file) {
                    drain(file, descriptor, patience)?;
                    pour(descriptor, due, patience).map_err(|(_, why)| why)?;
                }
                put(file, kept)
            })
        }
    })
}

/// # Safety
/// As [`write`].
pub unsafe fn flush(file: *mut FILE, patience: Patience) -> Result<(), Failure> {
    lua_may_run(|| {
        // SAFETY: passed on.
        unsafe {
            let _lock = patience.lock(file).ok_or(Failure::Stopped)?;
            without_sigpipe(file, |descriptor| {
                empty(file, descriptor, patience)?;
                result(libc::fflush(file))
            })
        }
    })
}

/// Gives the new position. `whence` is one of `libc::SEEK_SET`, `SEEK_CUR`, `SEEK_END`.
///
/// # Safety
/// As [`write`].
pub unsafe fn seek(file: *mut FILE, whence: c_int, offset: i64, patience: Patience) -> Result<i64, Failure> {
    lua_may_run(|| {
        // SAFETY: passed on. What is still to be written goes first, so that a pipe may be the matter here, too.
        unsafe {
            let _lock = patience.lock(file).ok_or(Failure::Stopped)?;
            without_sigpipe(file, |descriptor| {
                empty(file, descriptor, patience)?;
                result(libc::fseeko(file, offset, whence))
            })?;
            match libc::ftello(file) {
                -1 => Err(Failure::last()),
                position => Ok(position),
            }
        }
    })
}

fn result(status: c_int) -> Result<(), Failure> {
    if status == 0 {
        Ok(())
    } else {
        Err(Failure::last())
    }
}

/// # Safety
/// As [`write`].
unsafe fn put(file: *mut FILE, data: &[u8]) -> Result<(), Failure> {
    // SAFETY: passed on.
    match unsafe { libc::fwrite(data.as_ptr().cast(), 1, data.len(), file) } {
        written if written == data.len() => Ok(()),
        _ => Err(Failure::last()),
    }
}

/// How much of `data` does not stay in an empty buffer of this file.
///
/// # Safety
/// As [`write`].
unsafe fn due(file: *mut FILE, data: &[u8]) -> usize {
    // SAFETY: passed on.
    let (size, by_line) = unsafe { (__fbufsize(file), __flbf(file) != 0) };
    if size < SMALL_BUFFER {
        return data.len();
    }
    let lines = if by_line { data.iter().rposition(|&b| b == b'\n').map_or(0, |at| at + 1) } else { 0 };
    let rest = data.len() - lines;
    lines + rest - rest % size
}

/// # Safety
/// As [`write`], and the file is locked.
unsafe fn empty(file: *mut FILE, descriptor: c_int, patience: Patience) -> Result<(), Failure> {
    // SAFETY: passed on.
    unsafe {
        if __fpending(file) > 0 && patience.must_wait(descriptor) {
            drain(file, descriptor, patience)?;
        }
    }
    Ok(())
}

/// Writes what is pending; at a stop, the rest of it is put back.
///
/// # Safety
/// As [`write`], and the file is locked.
unsafe fn drain(file: *mut FILE, descriptor: c_int, patience: Patience) -> Result<(), Failure> {
    // SAFETY: passed on.
    let pending = unsafe { take_pending(file) }?;
    pour(descriptor, &pending, patience).map_err(|(written, why)| {
        if why == Failure::Stopped {
            // SAFETY: passed on. It came out of the buffer, which is empty now, so there is room.
            let _ = unsafe { put(file, pending.get(written..).unwrap_or_default()) };
        }
        why
    })
}

/// Writes `data` past the buffer. The error says how much has been written.
fn pour(descriptor: c_int, data: &[u8], patience: Patience) -> Result<(), (usize, Failure)> {
    let mut written = 0;
    for piece in data.chunks(PIECE) {
        let end = written + piece.len();
        while written < end {
            if !patience.wait(descriptor, libc::POLLOUT) {
                return Err((written, Failure::Stopped));
            }
            let rest = data.get(written..end).unwrap_or_default();
            // SAFETY: the bytes are there.
            let n = unsafe { libc::write(descriptor, rest.as_ptr().cast(), rest.len()) };
            match usize::try_from(n) {
                Ok(n) => written += n,
                Err(_) if errno() == libc::EINTR => {}
                Err(_) => return Err((written, Failure::last())),
            }
        }
    }
    Ok(())
}

/// Runs `f`, given the descriptor, in which a pipe or socket without a reader is an error (EPIPE) and not the process' end. A stream
/// of ours has no descriptor; there the signal mask stays as the host's callbacks expect it. Nor does what has a position need any of this:
/// `f` is given -1.
///
/// # Safety
/// `file` is open.
unsafe fn without_sigpipe<R>(
    file: *mut FILE,
    f: impl FnOnce(c_int) -> Result<R, Failure>,
) -> Result<R, Failure> {
    let mut signals = MaybeUninit::<libc::sigset_t>::uninit();
    let mut before = MaybeUninit::<libc::sigset_t>::uninit();
    let mut pending = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: each set is initialised before it is read; `file` is open.
    unsafe {
        let errno = *libc::__errno_location();
        let descriptor = libc::fileno(file);
        *libc::__errno_location() = errno;
        if descriptor < 0 || has_position(descriptor) {
            return f(-1);
        }
        libc::sigemptyset(signals.as_mut_ptr());
        libc::sigaddset(signals.as_mut_ptr(), libc::SIGPIPE);
        libc::sigemptyset(pending.as_mut_ptr());
        libc::sigpending(pending.as_mut_ptr());
        libc::sigemptyset(before.as_mut_ptr());
        libc::pthread_sigmask(libc::SIG_BLOCK, signals.as_ptr(), before.as_mut_ptr());
        let outcome = f(descriptor);
        if matches!(outcome, Err(Failure::System(Errno(libc::EPIPE))))
            && libc::sigismember(pending.as_ptr(), libc::SIGPIPE) == 0
        {
            // Ours is the only one: taken off, before it is delivered.
            let none = libc::timespec { tv_sec: 0, tv_nsec: 0 };
            libc::sigtimedwait(signals.as_ptr(), ptr::null_mut(), &none);
        }
        libc::pthread_sigmask(libc::SIG_SETMASK, before.as_ptr(), ptr::null_mut());
        outcome
    }
}
