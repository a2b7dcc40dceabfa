//! Slots: a range of address space for each box's heap.
//!
//! A process has some 65,000 mappings, so slots are cut from a few large reservations instead of being mapped one
//! by one. Their bases are equal modulo 4 GiB: PUC Lua hashes an address by its low 32 bits, so a heap copied from
//! one slot to another keeps its tables in order. Where on those 4 GiB is chosen at random once per process, and
//! looks like no number that a program would hold.
//!
//! # Safety
//! Nobody else knows a slot's addresses while a `Slot` owns them; the reservations are never unmapped. The pool's
//! lock is a spin lock of our own, because it has to be held over `fork()`: see [`fork_lock`].
#![allow(unsafe_code)]

use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::reserve::{self, Family};
use crate::lua::compat;

const _: () = assert!(usize::BITS == 64, "slots need 64-bit addresses");

/// From one slot's base to the next.
pub(super) const STRIDE: usize = 4 << 30;
/// What a pooled slot can offer of its stride; the rest is a gap.
pub(super) const USABLE: usize = STRIDE - (256 << 20);
/// The largest slot that comes from the pool.
const POOLED_MAX: usize = 3 << 30;
/// How much of a recycled slot keeps its pages: mapping fresh ones costs more than opening a state does.
const WARM: usize = 64 << 10;
/// How many recycled slots may keep pages, so that a crowd of boxes does not leave its memory behind.
const WARM_SLOTS: usize = 128;
/// LuaJIT keeps type tags above this bit, also where (aarch64) the system would give such addresses.
pub(super) const CEILING: usize = 1 << 47;

/// The system's page size.
pub fn page_size() -> usize {
    static PAGE: AtomicUsize = AtomicUsize::new(0);
    match PAGE.load(Ordering::Relaxed) {
        0 => {
            // SAFETY: no pointers.
            let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
            let page = usize::try_from(page).ok().filter(|p| p.is_power_of_two()).unwrap_or(4096);
            PAGE.store(page, Ordering::Relaxed);
            page
        }
        page => page,
    }
}

/// Drops the contents of whole pages; they read as zeros afterwards. Leaves `errno` alone.
///
/// # Safety
/// `[start, start + len)` lies in memory of our own, page aligned, and nothing needs what it holds.
pub(super) unsafe fn drop_pages(start: *mut u8, len: usize) -> bool {
    // SAFETY: the caller's promise; errno's address is always valid.
    unsafe {
        let errno = libc::__errno_location();
        let saved = *errno;
        let done = libc::madvise(start.cast(), len, libc::MADV_DONTNEED) == 0;
        *errno = saved;
        done
    }
}

/// A range of address space that is one box's alone. Readable and writable all over; pages come with the first touch. What lies
/// behind it can't be touched at all: an interpreter that runs wild meets a fault and not another box.
pub struct Slot {
    base: usize,
    size: usize,
    /// How long it can become.
    span: usize,
    pooled: bool,
    /// Whether its first pages are known to lie behind it already.
    warm: bool,
}

impl Slot {
    /// A slot of at least `size` bytes, or `None` if the system has none to give. What a recycled one held before
    /// still stands in its first 64 KiB.
    pub fn take(size: usize) -> Option<Slot> {
        let page = page_size();
        let size = size.max(1).checked_add(page - 1)? & !(page - 1);
        let mut pool = POOL.lock();
        if size <= POOLED_MAX {
            let warm = !pool.warm.is_empty();
            if let Some((base, granted)) = pool.take() {
                drop(pool);
                let mut slot = Slot { base, size: granted, span: USABLE, pooled: true, warm };
                // What fails here goes back to the pool.
                return slot.grow(size).then_some(slot);
            }
        }
        let base = pool.family.map_alone(size)?;
        Some(Slot { base, size, span: size, pooled: false, warm: false })
    }

    /// A slot of at least `size` bytes for a copy of a heap that lay at `base`: its address is the same modulo 4 GiB. What a recycled one
    /// held before still stands in its first 64 KiB.
    pub fn take_like(size: usize, base: usize) -> Option<Slot> {
        // From the pool, most likely: that is of one family. What doesn't fit goes back.
        if let Some(slot) = Slot::take(size).filter(|slot| slot.base as u32 == base as u32) {
            return Some(slot);
        }
        let size = size.max(1).checked_next_multiple_of(page_size())?;
        let span = size.max(USABLE);
        let base = POOL.lock().family.map_like(base, span)?;
        let mut slot = Slot { base, size: 0, span, pooled: false, warm: false };
        slot.grow(size).then_some(slot)
    }

    /// The slot at `base` itself, if nobody has it.
    pub fn take_at(size: usize, base: usize) -> Option<Slot> {
        let granted = POOL.lock().take_at(base)?;
        let mut slot = Slot { base, size: granted, span: USABLE, pooled: true, warm: false };
        slot.grow(size).then_some(slot)
    }

    /// The same for a heap of any process: LuaJIT hashes all of an address, and needs the very slot.
    pub fn take_again(size: usize, base: usize) -> Option<Slot> {
        if !compat::JIT {
            return Slot::take_like(size, base);
        }
        if let Some(slot) = Slot::take_at(size, base) {
            return Some(slot);
        }
        let size = size.max(1).checked_next_multiple_of(page_size())?;
        if !base.is_multiple_of(page_size()) || base >= CEILING {
            return None;
        }
        let base = reserve::map_at(base, size)?;
        Some(Slot { base, size, span: size, pooled: false, warm: false })
    }

    /// Makes a slot with address space to spare at least `size` bytes long, if its stride and the system allow.
    pub fn grow(&mut self, size: usize) -> bool {
        let Some(size) = size.checked_next_multiple_of(page_size()) else { return false };
        if size <= self.size {
            return true;
        }
        // SAFETY: within the slot's own stride.
        if size > self.span || !unsafe { reserve::open(self.base + self.size, size - self.size) } {
            return false;
        }
        self.size = size;
        true
    }

    /// Has the system put pages behind the first `len` bytes, all at once: cheaper than a fault for each. Where it can't (before Linux 5.14),
    /// the faults come.
    pub(super) fn populate(&self, len: usize) {
        if self.warm || len > self.size {
            return;
        }
        // SAFETY: within the slot, which is this box's alone; errno's address is always valid.
        unsafe {
            let errno = libc::__errno_location();
            let saved = *errno;
            libc::madvise(self.base().cast(), len.next_multiple_of(page_size()), libc::MADV_POPULATE_WRITE);
            *errno = saved;
        }
    }

    #[cfg(test)]
    pub(super) fn is_pooled(&self) -> bool {
        self.pooled
    }

    pub fn base(&self) -> *mut u8 {
        self.base as *mut u8
    }

    pub fn size(&self) -> usize {
        self.size
    }

    /// Gives the slot back; only the first `used` bytes have been touched.
    pub fn release(self, used: usize) {
        self.give_back(used);
        std::mem::forget(self);
    }

    fn give_back(&self, used: usize) {
        if !self.pooled {
            // SAFETY: the mapping was made for this slot alone.
            unsafe { reserve::unmap(self.base, self.span) };
            return;
        }
        let used = used.min(self.size).next_multiple_of(page_size());
        if used > WARM {
            // SAFETY: inside the slot; its owner is done with it.
            unsafe { drop_pages(self.base().wrapping_add(WARM), used - WARM) };
        }
        if POOL.lock().put((self.base, self.size)) {
            return;
        }
        // Cooled before it goes on the list, so that nobody has it meanwhile.
        // SAFETY: as above.
        unsafe { drop_pages(self.base(), used.min(WARM)) };
        // Closed again, so that a crowd of boxes doesn't leave its mappings behind either.
        // SAFETY: as above.
        let open = if unsafe { reserve::close(self.base, self.size) } { 0 } else { self.size };
        POOL.lock().put_cold((self.base, open));
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.give_back(self.size);
    }
}

/// What there is to hand out.
struct Pool {
    family: Family,
    /// Recycled slots and how much of each is open, last come, first served. Has room for every slot there is: giving back
    /// cannot fail.
    warm: Vec<(usize, usize)>,
    cold: Vec<(usize, usize)>,
    /// Slots of the last reservation that nobody had yet.
    next: usize,
    left: usize,
    total: usize,
    /// Slots to ask for next time.
    ask: usize,
    /// Takes to go before a reservation is tried again after a refusal.
    pause: u32,
}

impl Pool {
    const fn new() -> Pool {
        let family = Family::new();
        Pool { family, warm: Vec::new(), cold: Vec::new(), next: 0, left: 0, total: 0, ask: 64, pause: 0 }
    }

    fn take(&mut self) -> Option<(usize, usize)> {
        if let Some(slot) = self.warm.pop().or_else(|| self.cold.pop()) {
            return Some(slot);
        }
        if self.left == 0 && !self.reserve() {
            return None;
        }
        self.take_fresh()
    }

    fn take_fresh(&mut self) -> Option<(usize, usize)> {
        if self.left == 0 {
            return None;
        }
        let base = self.next;
        self.next = base.wrapping_add(STRIDE);
        self.left -= 1;
        Some((base, 0))
    }

    /// The slot at `base`, if it has been given back: how much of it is open.
    fn take_at(&mut self, base: usize) -> Option<usize> {
        for list in [&mut self.warm, &mut self.cold] {
            if let Some(at) = list.iter().position(|slot| slot.0 == base) {
                return Some(list.swap_remove(at).1);
            }
        }
        None
    }

    /// Takes the slot back with its pages, unless enough others have theirs.
    fn put(&mut self, slot: (usize, usize)) -> bool {
        let room = self.warm.len() < WARM_SLOTS.min(self.warm.capacity());
        if room {
            self.warm.push(slot);
        }
        room
    }

    fn put_cold(&mut self, slot: (usize, usize)) {
        // `reserve` made the room; were it missing, losing a slot of address space is better than an abort.
        if self.cold.len() < self.cold.capacity() {
            self.cold.push(slot);
        }
    }

    fn reserve(&mut self) -> bool {
        if self.pause > 0 {
            self.pause -= 1;
            return false;
        }
        let mut ask = self.ask;
        while ask >= 2 {
            let total = self.total.saturating_add(ask);
            let more = total.saturating_sub(self.cold.len());
            if self.warm.try_reserve(WARM_SLOTS).is_err() || self.cold.try_reserve(more).is_err() {
                return false;
            }
            if let Some((first, count)) = self.family.map_slots(ask) {
                (self.next, self.left) = (first, count);
                self.total = self.total.saturating_add(count);
                self.ask = ask.saturating_mul(2).min(1024);
                return true;
            }
            ask /= 2;
        }
        self.pause = 64;
        false
    }
}

/// The pool and its lock.
struct Locked {
    taken: AtomicBool,
    pool: UnsafeCell<Pool>,
}

// SAFETY: `pool` is reached through `lock` alone.
unsafe impl Sync for Locked {}

static POOL: Locked = Locked { taken: AtomicBool::new(false), pool: UnsafeCell::new(Pool::new()) };

impl Locked {
    fn acquire(&self) {
        while self.taken.swap(true, Ordering::Acquire) {
            // SAFETY: no arguments. Held for a few instructions, or for one reservation.
            unsafe { libc::sched_yield() };
        }
    }

    fn free(&self) {
        self.taken.store(false, Ordering::Release);
    }

    fn lock(&self) -> Guard {
        self.acquire();
        Guard
    }
}

struct Guard;

impl std::ops::Deref for Guard {
    type Target = Pool;
    fn deref(&self) -> &Pool {
        // SAFETY: a guard is the holder of the lock.
        unsafe { &*POOL.pool.get() }
    }
}

impl std::ops::DerefMut for Guard {
    fn deref_mut(&mut self) -> &mut Pool {
        // SAFETY: as above, and there is one guard at a time.
        unsafe { &mut *POOL.pool.get() }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        POOL.free();
    }
}

/// Takes the pool's lock for a fork: the child must not find it held by a thread that it does not have. To be called
/// from a `pthread_atfork` handler, with [`fork_unlock`] in parent and child.
pub fn fork_lock() {
    POOL.acquire();
}

/// Gives back what [`fork_lock`] took.
pub fn fork_unlock() {
    POOL.free();
}

/// Holds the pool's lock meanwhile.
#[cfg(test)]
pub(super) fn while_locked(f: impl FnOnce()) {
    let _guard = POOL.lock();
    f();
}
