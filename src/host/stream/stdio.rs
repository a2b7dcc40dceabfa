//! What the driver does with a host's `FILE`: no Lua in here, a bound on memory, and no signal for a reader that is gone.
//!
//! # Safety
//! Callers pass a `FILE` that is open and stays so meanwhile: see [`super::FileRef`].
#![allow(unsafe_code)]

use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::os::raw::c_int;
use std::ptr;

use libc::{size_t, FILE};

use super::moment::lua_may_run;
use super::numeral;

pub use super::numeral::value;

extern "C" {
    // A stream of ours may run Lua in here; what it raises is caught before it would unwind.
    fn flockfile(file: *mut FILE);
    fn funlockfile(file: *mut FILE);
    fn getc_unlocked(file: *mut FILE) -> c_int;
    fn fread_unlocked(data: *mut u8, size: size_t, count: size_t, file: *mut FILE) -> size_t;
    fn __flbf(file: *mut FILE) -> c_int;
    fn __fpending(file: *mut FILE) -> size_t;
    fn __fbufsize(file: *mut FILE) -> size_t;
}

/// What to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadFormat {
    /// A line; with its end of line or without.
    Line {
        keep: bool,
    },
    All,
    /// So many bytes; 0 asks whether the end has been reached.
    Count(usize),
    /// The text of a numeral, which may be none: see [`numeral`].
    Number,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadResult {
    /// What was asked for has been appended, if only in part: the end came.
    Data,
    /// The end; nothing was appended.
    End,
    Error(Errno),
    /// There is more than `max` bytes, or no memory for them; what has been read is lost.
    OutOfMemory,
}

/// Why the system refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Errno(pub c_int);

impl Errno {
    fn last() -> Errno {
        // SAFETY: errno is this thread's.
        Errno(unsafe { *libc::__errno_location() })
    }

    /// The system's words for it.
    pub fn message(self) -> String {
        let mut text = [0; 128];
        // SAFETY: glibc ends the text with a zero byte, within the buffer.
        unsafe {
            if libc::strerror_r(self.0, text.as_mut_ptr(), text.len()) != 0 {
                return format!("Unknown error {}", self.0);
            }
            CStr::from_ptr(text.as_ptr()).to_string_lossy().into_owned()
        }
    }
}

/// Where a growing result stops.
pub(super) enum Stop {
    End,
    OutOfMemory,
}

/// A `FILE` that is locked for as long as this exists.
pub(super) struct Source<'a> {
    file: *mut FILE,
    out: &'a mut Vec<u8>,
    /// Bytes that may still be appended.
    room: usize,
}

impl Drop for Source<'_> {
    fn drop(&mut self) {
        // SAFETY: locked in `read`.
        unsafe { funlockfile(self.file) };
    }
}

impl Source<'_> {
    /// The next byte; none at the end or at an error.
    pub(super) fn next(&mut self) -> Option<u8> {
        // SAFETY: the file is open and locked.
        u8::try_from(unsafe { getc_unlocked(self.file) }).ok()
    }

    pub(super) fn put_back(&mut self, byte: u8) {
        // SAFETY: the file is open; the lock is recursive.
        unsafe { libc::ungetc(byte.into(), self.file) };
    }

    pub(super) fn append(&mut self, byte: u8) -> Result<(), Stop> {
        if self.room == 0 {
            return Err(Stop::OutOfMemory);
        }
        self.out.try_reserve(1).map_err(|_| Stop::OutOfMemory)?;
        self.out.push(byte);
        self.room -= 1;
        Ok(())
    }

    /// Takes the last `count` bytes back out of the result.
    pub(super) fn forget(&mut self, count: usize) {
        self.out.truncate(self.out.len().saturating_sub(count));
    }

    fn line(&mut self, keep: bool) -> Result<(), Stop> {
        let before = self.out.len();
        loop {
            match self.next() {
                Some(b'\n') => return if keep { self.append(b'\n') } else { Ok(()) },
                Some(byte) => self.append(byte)?,
                None if self.out.len() > before => return Ok(()),
                None => return Err(Stop::End),
            }
        }
    }

    fn count(&mut self, count: usize) -> Result<(), Stop> {
        if count == 0 {
            let byte = self.next().ok_or(Stop::End)?;
            self.put_back(byte);
            return Ok(());
        }
        if self.block(count)? == 0 {
            return Err(Stop::End);
        }
        Ok(())
    }

    /// Appends up to `count` bytes, growing as they come: a box may ask for more than there is memory. Gives how many came.
    fn block(&mut self, count: usize) -> Result<usize, Stop> {
        let mut done = 0;
        while done < count {
            if self.room == 0 {
                return match self.next() {
                    None => Ok(done),
                    Some(_) => Err(Stop::OutOfMemory),
                };
            }
            let piece = (count - done).min(self.room).min(done.max(8 << 10));
            self.out.try_reserve(piece).map_err(|_| Stop::OutOfMemory)?;
            let space = self.out.spare_capacity_mut().as_mut_ptr() as *mut u8;
            // SAFETY: the file is open and locked; there is space for `piece` bytes, and `got` of them were written.
            let got = unsafe {
                let got = fread_unlocked(space, 1, piece, self.file).min(piece);
                self.out.set_len(self.out.len().saturating_add(got));
                got
            };
            self.room -= got;
            done += got;
            if got < piece {
                break;
            }
        }
        Ok(done)
    }
}

/// Reads what `format` says and appends it to `out`, at most `max` bytes.
///
/// # Safety
/// See the module. `file` may be a stream of ours, if the caller is a C function that Lua has called.
pub unsafe fn read(file: *mut FILE, format: ReadFormat, max: usize, out: &mut Vec<u8>) -> ReadResult {
    lua_may_run(|| {
        // SAFETY: passed on.
        let mut source = unsafe {
            flockfile(file);
            libc::clearerr(file);
            Source { file, out, room: max }
        };
        let outcome = match format {
            ReadFormat::Line { keep } => source.line(keep),
            ReadFormat::All => source.block(usize::MAX).map(|_| ()),
            ReadFormat::Count(count) => source.count(count),
            ReadFormat::Number => numeral::scan(&mut source),
        };
        let errno = Errno::last();
        // SAFETY: still open and locked.
        let failed = unsafe { libc::ferror(file) != 0 };
        match outcome {
            _ if failed => ReadResult::Error(errno),
            Ok(()) => ReadResult::Data,
            Err(Stop::End) => ReadResult::End,
            Err(Stop::OutOfMemory) => ReadResult::OutOfMemory,
        }
    })
}

/// Writes all of `data`, or fails.
///
/// # Safety
/// As [`read`].
pub unsafe fn write(file: *mut FILE, data: &[u8]) -> Result<(), Errno> {
    lua_may_run(|| {
        // SAFETY: passed on.
        let reaches_system =
            unsafe { __flbf(file) != 0 || __fpending(file).saturating_add(data.len()) >= __fbufsize(file) };
        // SAFETY: passed on.
        let write = || match unsafe { libc::fwrite(data.as_ptr().cast(), 1, data.len(), file) } {
            written if written == data.len() => Ok(()),
            _ => Err(Errno::last()),
        };
        if reaches_system {
            // SAFETY: passed on.
            unsafe { without_sigpipe(file, write) }
        } else {
            write()
        }
    })
}

/// # Safety
/// As [`read`].
pub unsafe fn flush(file: *mut FILE) -> Result<(), Errno> {
    // SAFETY: passed on.
    lua_may_run(|| unsafe { without_sigpipe(file, || result(libc::fflush(file))) })
}

/// Gives the new position. `whence` is one of `libc::SEEK_SET`, `SEEK_CUR`, `SEEK_END`.
///
/// # Safety
/// As [`read`].
pub unsafe fn seek(file: *mut FILE, whence: c_int, offset: i64) -> Result<i64, Errno> {
    lua_may_run(|| {
        // SAFETY: passed on. What is still to be written goes first, so that a pipe may be the matter here, too.
        unsafe {
            without_sigpipe(file, || result(libc::fseeko(file, offset, whence)))?;
            match libc::ftello(file) {
                -1 => Err(Errno::last()),
                position => Ok(position),
            }
        }
    })
}

fn result(status: c_int) -> Result<(), Errno> {
    if status == 0 {
        Ok(())
    } else {
        Err(Errno::last())
    }
}

/// Runs `f`, in which a pipe or socket without a reader is an error (EPIPE) and not the process' end. A stream of ours has no descriptor;
/// there the signal mask stays as the host's callbacks expect it.
unsafe fn without_sigpipe<R>(file: *mut FILE, f: impl FnOnce() -> Result<R, Errno>) -> Result<R, Errno> {
    let mut signals = MaybeUninit::<libc::sigset_t>::uninit();
    let mut before = MaybeUninit::<libc::sigset_t>::uninit();
    let mut pending = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: each set is initialised before it is read; `file` is open.
    unsafe {
        let errno = *libc::__errno_location();
        let descriptor = libc::fileno(file);
        *libc::__errno_location() = errno;
        if descriptor < 0 {
            return f();
        }
        libc::sigemptyset(signals.as_mut_ptr());
        libc::sigaddset(signals.as_mut_ptr(), libc::SIGPIPE);
        libc::sigemptyset(pending.as_mut_ptr());
        libc::sigpending(pending.as_mut_ptr());
        libc::sigemptyset(before.as_mut_ptr());
        libc::pthread_sigmask(libc::SIG_BLOCK, signals.as_ptr(), before.as_mut_ptr());
        let outcome = f();
        if matches!(outcome, Err(Errno(libc::EPIPE)))
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
