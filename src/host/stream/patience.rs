//! Waiting for what is behind a `FILE`, no longer than the box that asks may last.
//!
//! A stop can't abandon stdio in the middle: its lock would stay taken. So whatever may block is waited for out here first, and
//! stdio is asked for no more than is there. Where it blocks all the same (another process was faster, or a terminal takes less than
//! it said) the clock's signal interrupts the system call, since its handler is installed without `SA_RESTART`.
#![allow(unsafe_code)]

use std::mem;
use std::os::raw::{c_int, c_short};
use std::ptr;

use libc::FILE;

use crate::engine::clock::{self, NEVER};

extern "C" {
    fn flockfile(file: *mut FILE);
    fn ftrylockfile(file: *mut FILE) -> c_int;
    fn funlockfile(file: *mut FILE);
}

/// Between two looks at a lock that another thread of the host holds, ns.
const NAP: u64 = 1_000_000;

/// How long a box may be kept waiting.
#[derive(Clone, Copy)]
pub struct Patience {
    /// Whether there is any end to it.
    bounded: bool,
    /// On the monotonic clock, ns: for calls that wait behind the one whose deadlines the watchdog reads.
    deadline: u64,
}

impl Patience {
    /// That of the run under way on this thread, and no longer than until `deadline`.
    pub fn of_run(deadline: u64) -> Patience {
        Patience { bounded: deadline != NEVER || clock::is_watched(), deadline }
    }

    #[cfg(test)]
    pub fn endless() -> Patience {
        Patience { bounded: false, deadline: NEVER }
    }

    /// Whether it has come to its end.
    pub fn is_over(self) -> bool {
        self.bounded
            && (clock::is_stopping() || (self.deadline != NEVER && clock::mono_ns() >= self.deadline))
    }

    /// Whether a look at the descriptor is due before each system call: it may block, and not for ever. Regular files don't, nor does
    /// what the host has made non-blocking; streams of functions have no descriptor.
    pub fn must_wait(self, descriptor: c_int) -> bool {
        if !self.bounded || descriptor < 0 || has_position(descriptor) {
            return false;
        }
        // SAFETY: plain system calls on local values.
        unsafe {
            let mut status: libc::stat = mem::zeroed();
            let blocks = libc::fstat(descriptor, &mut status) == 0
                && !matches!(status.st_mode & libc::S_IFMT, libc::S_IFREG | libc::S_IFDIR | libc::S_IFBLK);
            blocks && libc::fcntl(descriptor, libc::F_GETFL) & libc::O_NONBLOCK == 0
        }
    }

    /// Waits until a system call of this kind (`POLLIN`, `POLLOUT`) has something to say; false where patience has come to its end.
    pub fn wait(self, descriptor: c_int, events: c_short) -> bool {
        loop {
            if self.is_over() {
                return false;
            }
            let mut asked = libc::pollfd { fd: descriptor, events, revents: 0 };
            let left = timespec(self.deadline.saturating_sub(clock::mono_ns()));
            let limit = if self.deadline == NEVER { ptr::null() } else { &raw const left };
            // SAFETY: one entry, and a time or none.
            match unsafe { libc::ppoll(&mut asked, 1, limit, ptr::null()) } {
                0 => {}
                -1 if errno() == libc::EINTR => {}
                // Ready; or the system can't say, and the call itself will.
                _ => return true,
            }
        }
    }

    /// Locks the `FILE`, which another thread of the host may hold for as long as it reads; `None` at the end of patience.
    ///
    /// # Safety
    /// The file is open, and stays so as long as the lock.
    pub unsafe fn lock(self, file: *mut FILE) -> Option<Lock> {
        // SAFETY: as for this function.
        unsafe {
            if !self.bounded {
                flockfile(file);
                return Some(Lock(file));
            }
            while ftrylockfile(file) != 0 {
                if self.is_over() {
                    return None;
                }
                libc::nanosleep(&timespec(NAP), ptr::null_mut());
            }
            Some(Lock(file))
        }
    }
}

/// A `FILE` that is locked for as long as this exists.
pub struct Lock(*mut FILE);

impl Drop for Lock {
    fn drop(&mut self) {
        // SAFETY: locked in `Patience::lock`.
        unsafe { funlockfile(self.0) };
    }
}

/// Whether the descriptor can be sought in: no pipe, no socket, no terminal. Cheaper to ask than what it is.
pub fn has_position(descriptor: c_int) -> bool {
    // SAFETY: a plain system call, which changes nothing but errno; that is this thread's.
    unsafe {
        let before = *libc::__errno_location();
        let sought = libc::lseek(descriptor, 0, libc::SEEK_CUR) >= 0;
        *libc::__errno_location() = before;
        sought
    }
}

/// The number of the last error.
pub fn errno() -> c_int {
    // SAFETY: errno is this thread's.
    unsafe { *libc::__errno_location() }
}

fn timespec(ns: u64) -> libc::timespec {
    libc::timespec {
        tv_sec: (ns / 1_000_000_000) as libc::time_t,
        tv_nsec: (ns % 1_000_000_000) as libc::c_long,
    }
}
