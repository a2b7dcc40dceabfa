//! The boxes' C stacks: pooled, each with a guard, found by address.
//!
//! A run of a box takes a stack and gives it back. Stacks lie in a few large regions, so that the signal handler can tell from
//! a stack pointer alone whose run it has interrupted, without a lock and without thread-local storage.
//!
//! # Safety
//! Regions are mapped once and never unmapped; their table only grows, and an entry is published (`Release`) after it is
//! complete. A [`BoxStack`] owns one stack of a region until it is dropped.
#![allow(unsafe_code)]

use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering::*};

use corosensei::stack::{Stack, StackPointer};

use super::seat::Seat;
use super::spare::room_for;

/// Address space of one stack, guard included.
pub const STACK_SIZE: usize = 4 << 20;
/// Never mapped in: the frames of Lua 5.1's `gsub` are 8 KB, and must not step over it.
pub const GUARD_SIZE: usize = 128 << 10;
/// How much of a stack stays resident in the pool.
const WARM_SIZE: usize = 128 << 10;
const STACKS_PER_REGION: usize = 64;
const REGIONS: usize = 512;

struct Region {
    base: usize,
    seats: Vec<Seat>,
    /// Whether the stack of that index has been made accessible, all but its guard.
    ready: Vec<AtomicBool>,
}

static TABLE: [AtomicPtr<Region>; REGIONS] = [const { AtomicPtr::new(ptr::null_mut()) }; REGIONS];
static COUNT: AtomicUsize = AtomicUsize::new(0);
static POOL: Pool = Pool { busy: AtomicBool::new(false), free: std::cell::UnsafeCell::new(Vec::new()) };

struct Pool {
    busy: AtomicBool,
    free: std::cell::UnsafeCell<Vec<usize>>,
}

// SAFETY: `free` is only reached through `locked`, which lets one thread in at a time.
unsafe impl Sync for Pool {}

impl Pool {
    fn lock(&self) {
        while self.busy.compare_exchange_weak(false, true, Acquire, Relaxed).is_err() {
            // SAFETY: a plain system call.
            unsafe { libc::sched_yield() };
        }
    }

    fn unlock(&self) {
        self.busy.store(false, Release);
    }

    fn locked<R>(&self, f: impl FnOnce(&mut Vec<usize>) -> R) -> R {
        self.lock();
        // SAFETY: the lock is held, so no other reference exists; `f` can't re-enter.
        let r = f(unsafe { &mut *self.free.get() });
        self.unlock();
        r
    }
}

/// Keeps the pool whole across `fork`: called by the engine's fork handlers.
pub fn fork_lock() {
    POOL.lock();
}

/// The other half of [`fork_lock`], in the parent and in the child.
pub fn fork_unlock() {
    POOL.unlock();
}

/// The region and the index that an address lies in.
fn find(address: usize) -> Option<(&'static Region, usize)> {
    for entry in TABLE.iter().take(COUNT.load(Acquire).min(REGIONS)) {
        // SAFETY: entries below COUNT are complete and live for ever.
        let region = unsafe { entry.load(Acquire).as_ref()? };
        let offset = address.wrapping_sub(region.base);
        if offset < STACK_SIZE * STACKS_PER_REGION {
            return Some((region, offset / STACK_SIZE));
        }
    }
    None
}

/// The seat of the stack that `address` lies in, if it is one of ours. Safe to call from a signal handler.
pub fn seat_at(address: usize) -> Option<&'static Seat> {
    find(address).and_then(|(region, index)| region.seats.get(index))
}

/// Whether `address` is in the guard of one of our stacks.
pub fn in_guard(address: usize) -> bool {
    find(address).is_some_and(|(region, index)| address - region.base - index * STACK_SIZE < GUARD_SIZE)
}

fn map_region() -> Option<&'static Region> {
    let size = STACK_SIZE * STACKS_PER_REGION;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | libc::MAP_STACK;
    // SAFETY: a fresh anonymous mapping.
    let base = unsafe { libc::mmap(ptr::null_mut(), size, libc::PROT_NONE, flags, -1, 0) };
    if base == libc::MAP_FAILED {
        return None;
    }
    let mut seats = Vec::new();
    if seats.try_reserve_exact(STACKS_PER_REGION).is_err() || !room_for::<Region>() {
        // SAFETY: the mapping made above; nobody knows it yet.
        unsafe { libc::munmap(base, size) };
        return None;
    }
    seats.extend((0..STACKS_PER_REGION).map(|_| Seat::new()));
    let ready = (0..STACKS_PER_REGION).map(|_| AtomicBool::new(false)).collect();
    Some(Box::leak(Box::new(Region { base: base as usize, seats, ready })))
}

/// One stack, taken from the pool until it is dropped.
pub struct BoxStack {
    limit: usize,
    seat: &'static Seat,
    /// Whether pages below the warm ones are given back on return.
    deep: bool,
}

impl BoxStack {
    /// A stack from the pool, or a new one; `None` where the system has no address space left.
    pub fn take() -> Option<BoxStack> {
        loop {
            if let Some(limit) = POOL.locked(|free| free.pop()) {
                let (region, index) = find(limit)?;
                let (seat, ready) = (region.seats.get(index)?, region.ready.get(index)?);
                if !ready.load(Acquire) {
                    let start = (limit + GUARD_SIZE) as *mut libc::c_void;
                    // SAFETY: our own stack, which nobody uses, of which all but the guard becomes accessible.
                    let failed = unsafe {
                        libc::mprotect(start, STACK_SIZE - GUARD_SIZE, libc::PROT_READ | libc::PROT_WRITE)
                            != 0
                    };
                    if failed {
                        POOL.locked(|free| free.push(limit));
                        return None;
                    }
                    ready.store(true, Release);
                }
                seat.clear();
                seat.floor.set(limit + GUARD_SIZE);
                return Some(BoxStack { limit, seat, deep: false });
            }
            POOL.locked(|free| {
                let index = COUNT.load(Acquire);
                let entry = TABLE.get(index)?;
                free.try_reserve((index + 1) * STACKS_PER_REGION).ok()?;
                let region = map_region()?;
                entry.store(region as *const Region as *mut Region, Release);
                COUNT.store(index + 1, Release);
                free.extend((0..STACKS_PER_REGION).rev().map(|i| region.base + i * STACK_SIZE));
                Some(())
            })?;
        }
    }

    pub fn seat(&self) -> &'static Seat {
        self.seat
    }

    /// The run may have gone deep (it was stopped, or overflowed): give its pages back on return.
    pub fn mark_deep(&mut self) {
        self.deep = true;
    }
}

impl Drop for BoxStack {
    fn drop(&mut self) {
        self.seat.clear();
        if self.deep {
            // SAFETY: our own stack, which nobody runs on any more.
            unsafe {
                let start = (self.limit + GUARD_SIZE) as *mut libc::c_void;
                libc::madvise(start, STACK_SIZE - GUARD_SIZE - WARM_SIZE, libc::MADV_DONTNEED);
            }
        }
        let limit = self.limit;
        // Capacity was reserved for every stack there is when its region was made.
        POOL.locked(|free| free.push(limit));
    }
}

// SAFETY: base and limit describe one stack that this value owns; its lowest GUARD_SIZE bytes are never accessible.
unsafe impl Stack for BoxStack {
    fn base(&self) -> StackPointer {
        // Not zero: a mapped address plus its size.
        StackPointer::new(self.limit + STACK_SIZE).unwrap_or(StackPointer::MIN)
    }

    fn limit(&self) -> StackPointer {
        StackPointer::new(self.limit).unwrap_or(StackPointer::MIN)
    }
}
