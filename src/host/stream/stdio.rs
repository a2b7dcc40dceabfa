//! Reading a host's `FILE` for a box: no Lua in here, a bound on memory, and an end to waiting ([`super::patience`]). What was
//! read before a stop is put back, for whoever reads next. Writing is in [`super::stdio_out`].
//!
//! # Safety
//! Callers pass a `FILE` that is open and stays so meanwhile: see [`super::FileRef`].
#![allow(unsafe_code)]

use std::ffi::CStr;
use std::os::raw::{c_int, c_void};

use libc::{size_t, FILE};

use super::buffer::{ahead, before_newline};
use super::moment::lua_may_run;
use super::numeral;
use super::patience::{errno, Lock, Patience};

pub use super::numeral::value;

extern "C" {
    // A stream of ours may run Lua in here; what it raises is caught before it would unwind.
    fn getc_unlocked(file: *mut FILE) -> c_int;
    fn fread_unlocked(data: *mut c_void, size: size_t, count: size_t, file: *mut FILE) -> size_t;
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
    /// The box's time was up before the end came. Nothing has been appended, and nothing is lost.
    Stopped,
}

/// Why something was not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    System(Errno),
    /// The box's time was up.
    Stopped,
}

impl Failure {
    /// What a call of the C library has just failed for.
    pub fn last() -> Failure {
        Failure::System(Errno(errno()))
    }
}

/// Why the system refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Errno(pub c_int);

impl Errno {
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

/// A `FILE` that is being read.
pub(super) struct Source<'a> {
    file: *mut FILE,
    _lock: Lock,
    out: &'a mut Vec<u8>,
    /// Bytes that may still be appended.
    room: usize,
    patience: Patience,
    /// Whether to look before each system call, once that is known.
    waits: Option<bool>,
    stopped: bool,
    /// Bytes that were taken without being appended: to be put back at a stop.
    aside: Vec<u8>,
}

impl Source<'_> {
    /// The next byte; none at the end, at an error or at a stop.
    pub(super) fn next(&mut self) -> Option<u8> {
        if !self.has_more() {
            return None;
        }
        // SAFETY: the file is open and locked.
        u8::try_from(unsafe { getc_unlocked(self.file) }).ok()
    }

    pub(super) fn put_back(&mut self, byte: u8) {
        // SAFETY: the file is open; the lock is recursive.
        unsafe { libc::ungetc(byte.into(), self.file) };
    }

    /// Remembers a byte that has been taken, and may not be appended.
    pub(super) fn set_aside(&mut self, byte: u8) {
        if self.aside.try_reserve(1).is_ok() {
            self.aside.push(byte);
        }
    }

    /// Whether a system call is due that may block.
    fn must_wait(&mut self) -> bool {
        let (file, patience) = (self.file, self.patience);
        // SAFETY: the file is open.
        *self.waits.get_or_insert_with(|| patience.must_wait(unsafe { libc::fileno(file) }))
    }

    /// Waits until a byte, the end or an error can be had at once; false at a stop.
    fn has_more(&mut self) -> bool {
        // SAFETY: the file is open and locked.
        if self.stopped || (unsafe { ahead(self.file) == 0 } && self.must_wait()) {
            // SAFETY: as above.
            self.stopped =
                self.stopped || !self.patience.wait(unsafe { libc::fileno(self.file) }, libc::POLLIN);
        }
        !self.stopped
    }

    /// How many of `count` bytes can be read without blocking; none at the end, at an error or at a stop.
    fn at_once(&mut self, count: usize) -> usize {
        // SAFETY: the file is open and locked.
        if !self.must_wait() {
            return count;
        }
        // SAFETY: as above.
        if unsafe { ahead(self.file) } == 0 {
            // Fills the buffer.
            let Some(byte) = self.next() else { return 0 };
            self.put_back(byte);
        }
        // SAFETY: as above.
        unsafe { ahead(self.file) }.min(count)
    }

    /// After a stop: puts what has been read since `before` back.
    fn give_back(&mut self, before: usize) {
        let taken =
            if self.aside.is_empty() { self.out.get(before..).unwrap_or_default() } else { &self.aside };
        for &byte in taken.iter().rev() {
            // SAFETY: as for `put_back`. glibc takes back as much as there is memory for.
            unsafe { libc::ungetc(byte.into(), self.file) };
        }
        self.out.truncate(before);
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
            // Fills the buffer, where that is empty.
            match self.next() {
                Some(b'\n') => return if keep { self.append(b'\n') } else { Ok(()) },
                Some(byte) => self.append(byte)?,
                None if self.out.len() > before => return Ok(()),
                None => return Err(Stop::End),
            }
            self.rest_of_line()?;
        }
    }

    /// Appends what lies in the buffer up to the end of the line.
    fn rest_of_line(&mut self) -> Result<(), Stop> {
        // SAFETY: the file is open and locked.
        let count = unsafe { before_newline(self.file) };
        if count > self.room {
            return Err(Stop::OutOfMemory);
        }
        self.fetch(count).map(|_| ())
    }

    /// Reads up to `count` bytes, for which there is room; gives how many came.
    fn fetch(&mut self, count: usize) -> Result<usize, Stop> {
        self.out.try_reserve(count).map_err(|_| Stop::OutOfMemory)?;
        let space = self.out.spare_capacity_mut().as_mut_ptr();
        // SAFETY: the file is open and locked; there is space for `count` bytes, and `got` of them were written.
        let got = unsafe {
            let got = fread_unlocked(space.cast(), 1, count, self.file).min(count);
            self.out.set_len(self.out.len().saturating_add(got));
            got
        };
        self.room -= got;
        Ok(got)
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
            let piece = self.at_once(piece);
            if piece == 0 {
                break;
            }
            let got = self.fetch(piece)?;
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
pub unsafe fn read(
    file: *mut FILE,
    format: ReadFormat,
    max: usize,
    out: &mut Vec<u8>,
    patience: Patience,
) -> ReadResult {
    lua_may_run(|| {
        // SAFETY: passed on.
        let Some(lock) = (unsafe { patience.lock(file) }) else { return ReadResult::Stopped };
        // SAFETY: passed on.
        unsafe { libc::clearerr(file) };
        let before = out.len();
        let mut source = Source {
            file,
            _lock: lock,
            out,
            room: max,
            patience,
            waits: None,
            stopped: false,
            aside: Vec::new(),
        };
        let outcome = match format {
            ReadFormat::Line { keep } => source.line(keep),
            ReadFormat::All => source.block(usize::MAX).map(|_| ()),
            ReadFormat::Count(count) => source.count(count),
            ReadFormat::Number => numeral::scan(&mut source),
        };
        let errno = Errno(errno());
        // SAFETY: still open and locked.
        let failed = unsafe { libc::ferror(file) != 0 };
        if source.stopped || (failed && errno == Errno(libc::EINTR) && patience.is_over()) {
            source.give_back(before);
            return ReadResult::Stopped;
        }
        match outcome {
            _ if failed => ReadResult::Error(errno),
            Ok(()) => ReadResult::Data,
            Err(Stop::End) => ReadResult::End,
            Err(Stop::OutOfMemory) => ReadResult::OutOfMemory,
        }
    })
}
