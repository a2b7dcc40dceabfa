//! Address space from the system: reservations for many slots, and mappings for one.
//!
//! # Safety
//! Every mapping made here is anonymous, private and placed where nothing was (`MAP_FIXED_NOREPLACE` or no address
//! at all), so making one harms nobody. Taking one away is the caller's promise.
#![allow(unsafe_code)]

use std::ptr;

use super::slots::{page_size, CEILING, STRIDE, USABLE};

/// Where addresses are asked for: above what a count or a date in milliseconds reaches, below where programs,
/// libraries and stacks lie.
const LOW: usize = 16 << 40;
const HIGH: usize = 64 << 40;

/// The one offset modulo 4 GiB that all slots of a process share, and the next place to try.
pub(super) struct Family {
    offset: usize,
    place: usize,
}

impl Family {
    pub(super) const fn new() -> Family {
        Family { offset: 0, place: 0 }
    }

    /// Chooses offset and place, once per process.
    fn settle(&mut self) {
        if self.place != 0 {
            return;
        }
        let random = random();
        // Between 0x2000_0000 and 0xE000_0000: neither half of an address looks like a small integer.
        let offset = 0x2000_0000 + (random & 0xFFFF_FFFF) % 0xC000_0000;
        self.offset = offset & !(page_size() - 1);
        self.place = LOW + ((random >> 32) % ((HIGH - LOW) / 2 / STRIDE)) * STRIDE;
    }

    /// The next address of the family with room for `len` bytes behind it.
    fn advance(&mut self, len: usize) -> usize {
        let step = len.div_ceil(STRIDE).saturating_add(1).saturating_mul(STRIDE);
        if step > HIGH - self.place {
            self.place = LOW;
        }
        let at = self.place + self.offset;
        self.place = self.place.saturating_add(step).min(HIGH);
        at
    }

    fn map(&mut self, len: usize) -> Option<usize> {
        self.settle();
        for _ in 0..8 {
            let at = self.advance(len);
            if let Some(at) = map(at, len) {
                return Some(at);
            }
        }
        // A small address space, or a crowded one: wherever there is room.
        map(0, len)
    }

    /// A mapping for one slot, open all over; of the family if that can be had.
    pub(super) fn map_alone(&mut self, size: usize) -> Option<usize> {
        let at = self.map(size)?;
        // SAFETY: mapped just now.
        unsafe {
            if !open(at, size) {
                unmap(at, size);
                return None;
            }
        }
        Some(at)
    }

    /// A reservation of `len` bytes that begins where `base` does, modulo 4 GiB.
    pub(super) fn map_like(&mut self, base: usize, len: usize) -> Option<usize> {
        self.settle();
        for _ in 0..8 {
            let at = self.advance(len) - self.offset + (base & (STRIDE - 1));
            if let Some(at) = map(at, len) {
                return Some(at);
            }
        }
        None
    }

    /// A reservation of about `count` slots: the first base, and how many there are.
    pub(super) fn map_slots(&mut self, count: usize) -> Option<(usize, usize)> {
        let len = count.checked_mul(STRIDE)?;
        if !is_affordable(len) {
            return None;
        }
        let start = self.map(len)?;
        let first = start + (self.offset.wrapping_sub(start) & (STRIDE - 1));
        let count = match (start + len).checked_sub(first) {
            Some(room) if room >= USABLE => (room - USABLE) / STRIDE + 1,
            _ => 0,
        };
        if count == 0 {
            // SAFETY: mapped above, and not handed out.
            unsafe { unmap(start, len) };
            return None;
        }
        Some((first, count))
    }
}

/// A mapping for one slot at exactly that address, open all over.
pub(super) fn map_at(at: usize, size: usize) -> Option<usize> {
    let at = map(at, size)?;
    // SAFETY: mapped just now.
    unsafe {
        if !open(at, size) {
            unmap(at, size);
            return None;
        }
    }
    Some(at)
}

/// Whether a reservation would leave the host enough of what its limits allow.
fn is_affordable(len: usize) -> bool {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is valid for writing.
    let known = unsafe { libc::getrlimit(libc::RLIMIT_AS, &mut limit) } == 0;
    if known && limit.rlim_cur != libc::RLIM_INFINITY && len as u64 > limit.rlim_cur / 4 {
        return false;
    }
    // Under strict accounting all of a mapping counts as used, MAP_NORESERVE or not.
    !is_strict()
}

fn is_strict() -> bool {
    let mut answer = [0u8; 1];
    // SAFETY: a literal path; `answer` is valid for one byte; the descriptor is closed again.
    unsafe {
        let fd = libc::open(c"/proc/sys/vm/overcommit_memory".as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC);
        if fd >= 0 {
            libc::read(fd, answer.as_mut_ptr().cast(), 1);
            libc::close(fd);
        }
    }
    answer == *b"2"
}

/// Maps `len` bytes exactly at `at`, or anywhere for 0.
fn map(at: usize, len: usize) -> Option<usize> {
    let mut flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    if at != 0 {
        flags |= libc::MAP_FIXED_NOREPLACE;
    }
    // SAFETY: never replaces a mapping; kernels that don't know the flag take `at` as a hint.
    let got = unsafe { libc::mmap(at as *mut _, len, libc::PROT_NONE, flags, -1, 0) };
    if got == libc::MAP_FAILED {
        return None;
    }
    let start = got as usize;
    let fits = (at == 0 || start == at) && start.checked_add(len).is_some_and(|end| end <= CEILING);
    // Made without access, and unlocked: in a host that called mlockall(MCL_FUTURE) a writable mapping would be
    // filled with pages at once.
    // SAFETY: all of it was mapped just now.
    unsafe {
        libc::munlock(got, len);
        if !fits {
            unmap(start, len);
            return None;
        }
        libc::madvise(got, len, libc::MADV_NOHUGEPAGE);
        libc::madvise(got, len, libc::MADV_DONTDUMP);
    }
    Some(start)
}

/// Makes a piece of a reservation readable and writable.
///
/// # Safety
/// The range was mapped here, and is the caller's.
pub(super) unsafe fn open(start: usize, len: usize) -> bool {
    // SAFETY: the caller's promise.
    unsafe { libc::mprotect(start as *mut _, len, libc::PROT_READ | libc::PROT_WRITE) == 0 }
}

/// Takes access to a piece of a reservation away again.
///
/// # Safety
/// The range was mapped here, and nobody uses it.
pub(super) unsafe fn close(start: usize, len: usize) -> bool {
    // SAFETY: the caller's promise.
    unsafe { libc::mprotect(start as *mut _, len, libc::PROT_NONE) == 0 }
}

/// # Safety
/// The range was mapped here, and nobody uses it.
pub(super) unsafe fn unmap(start: usize, len: usize) {
    // SAFETY: the caller's promise.
    unsafe { libc::munmap(start as *mut _, len) };
}

fn random() -> usize {
    let mut word = 0usize;
    // SAFETY: `word` is valid for its own size.
    let got = unsafe { libc::getrandom((&raw mut word).cast(), size_of::<usize>(), libc::GRND_NONBLOCK) };
    if got == size_of::<usize>() as isize {
        return word;
    }
    // Early at boot, or forbidden: the stack's address and the time are what there is.
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `now` is valid for writing.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut now) };
    let stack = ptr::from_ref(&now) as usize;
    (stack ^ (now.tv_nsec as usize).rotate_left(32) ^ now.tv_sec as usize).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}
