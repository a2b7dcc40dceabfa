//! The heap against a shadow of itself, at its limits, and under attack.

use std::ptr;
use std::rc::Rc;

use super::blocks::{bin_of, Space, BINS, HEADER, MIN_BLOCK, UNIT};
use super::pages::FOOTPRINT_SLACK;
use super::slots::page_size;
use super::*;
use crate::engine::zone::Zone;

mod copies;
mod images;
mod limits;
mod space;
mod stress;

/// xorshift: the same run each time.
pub(super) struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }
}

/// A heap whose allocator says that it is at work, as that of a box that runs: it then takes the shortest road.
pub(super) fn heap(limit: usize) -> Heap {
    let h = heap_of(Budget::new(limit, None));
    seat(&h);
    h
}

/// A heap as that of a box which is being made.
pub(super) fn heap_of(budget: Rc<Budget>) -> Heap {
    Heap::create(Slot::take(1 << 30).unwrap(), budget).unwrap()
}

pub(super) fn seat(h: &Heap) {
    static ZONE: Zone = Zone::new();
    // SAFETY: the heap lives.
    unsafe { (*h.header()).seat.set(&ZONE) };
}

pub(super) fn alloc(h: &Heap, ptr: *mut u8, osize: usize, nsize: usize) -> *mut u8 {
    // SAFETY: the tests keep `lua_Alloc`'s contract.
    unsafe { allocate(h.header().cast_mut().cast(), ptr.cast(), osize, nsize).cast() }
}

/// Resident bytes of this process, and its number of mappings.
pub(super) fn process() -> (usize, usize) {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: usize = statm.split(' ').nth(1).unwrap().parse().unwrap();
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap().lines().count();
    (pages * page_size(), maps)
}

/// Walks the heap and its lists and checks all that `blocks` and `pages` say of them.
pub fn check(h: &Heap) {
    // SAFETY: the heap lives.
    let space = unsafe { Space::at(h.header().cast_mut().cast()) };
    let (top, brk) = (space.top.get(), space.brk.get());
    let mut block = (size_of::<Arena>() + HEADER).next_multiple_of(UNIT);
    let (mut gone, mut free, mut was_free) = (0, 0, None);
    while block != top {
        let size = space.size_of(block);
        assert!(
            size >= MIN_BLOCK && size % UNIT == 0 && block + size <= top,
            "block {block} of {size}, top {top}"
        );
        assert_eq!(space.free_before(block), was_free, "what {block} says of the one before");
        was_free = None;
        if space.is_free(block) {
            let range = space.gone(block);
            let inside = space.interior(block, size);
            assert!(
                range.len() == 0 || (range.lo >= inside.lo && range.hi <= inside.hi),
                "gone pages of {block}"
            );
            gone += range.len();
            free += 1;
            was_free = Some(block);
        }
        block += size;
        assert!(!(was_free.is_some() && (block == top || space.is_free(block))), "unmerged at {block}");
    }
    assert!(top <= brk && brk <= space.high.get() && brk % page_size() == 0);
    assert_eq!(h.footprint(), brk - gone, "footprint");
    let mut listed = 0;
    for bin in 0..BINS {
        let mut block = space.first_in(bin);
        assert_eq!(block != 0, space.filled[bin / 64].get() >> (bin % 64) & 1 == 1, "bitmap of list {bin}");
        while block != 0 {
            assert!(space.is_free(block) && bin_of(space.size_of(block)) == bin);
            listed += 1;
            block = space.next(block);
        }
    }
    assert_eq!(listed, free, "free blocks on lists");
    let mut quick = 0;
    for (i, head) in space.quick.iter().enumerate() {
        let mut block = head.get() as usize * UNIT;
        while block != 0 {
            assert!(!space.is_free(block) && space.size_of(block) == i * UNIT);
            quick += i * UNIT;
            block = space.next(block);
        }
    }
    assert_eq!(quick, space.quick_bytes.get());
}

#[test]
fn a_heap_knows_its_addresses() {
    let h = heap(1 << 20);
    let base = h.header() as usize;
    assert!(h.contains(base) && h.contains(base + 1000) && !h.contains(base - 1) && !h.contains(0));
    let p = alloc(&h, ptr::null_mut(), 0, 100);
    assert!(h.contains(p as usize) && (p as usize).is_multiple_of(16));
    assert_eq!(h.live(), 112);
    assert_eq!(h.budget().used(), 112);
    let budget: Rc<Budget> = h.budget().clone();
    drop(h);
    assert_eq!((budget.used(), budget.own(), budget.peak()), (0, 0, 112));
}

#[test]
fn a_stop_that_waits_is_made_up_for_when_the_vm_goes_on() {
    use crate::engine::zone::*;
    use std::sync::atomic::{AtomicU8, Ordering::Relaxed};
    static SEEN: AtomicU8 = AtomicU8::new(0);
    /// # Safety
    /// `zone` lives.
    unsafe extern "C-unwind" fn seen(zone: *const Zone) {
        // SAFETY: the zone below lives on.
        SEEN.fetch_add(1 + unsafe { (*zone).zone.load(Relaxed) }, Relaxed);
    }
    let zone = Zone::new();
    zone.set_on_pending(Some(seen));
    let h = heap(1 << 20);
    // SAFETY: the heap lives.
    unsafe { (*h.header()).seat.set(&zone) };
    zone.pending.store(1, Relaxed);
    let p = alloc(&h, ptr::null_mut(), 0, 50);
    assert_eq!(SEEN.load(Relaxed), 0, "in the host's zone nothing is stopped");
    zone.zone.store(ZONE_VM, Relaxed);
    alloc(&h, p, 50, 60);
    assert_eq!(SEEN.load(Relaxed), 1 + ZONE_VM);
    zone.pending.store(0, Relaxed);
    alloc(&h, p, 60, 0);
    assert_eq!(SEEN.load(Relaxed), 1 + ZONE_VM);
    assert_eq!(zone.zone.load(Relaxed), ZONE_VM);
}

#[test]
fn long_work_is_cut_short_when_a_stop_waits() {
    use crate::engine::zone::*;
    use std::sync::atomic::Ordering::Relaxed;
    let zone = Zone::new();
    let h = heap(256 << 20);
    // SAFETY: the heap and the zone live.
    unsafe { (*h.header()).seat.set(&zone) };
    let big = 20 << 20;
    let p = alloc(&h, ptr::null_mut(), 0, big);
    // SAFETY: the block is that long.
    unsafe { p.write_bytes(7, big) };
    let small: Vec<_> = (0..20_000).map(|_| alloc(&h, ptr::null_mut(), 0, 40)).collect();
    zone.pending.store(1, Relaxed);
    assert!(alloc(&h, p, big, 2 * big).is_null(), "a long copy");
    assert_eq!(h.live(), big + 20_000 * 48);
    alloc(&h, p, big, 0);
    small.into_iter().for_each(|p| {
        alloc(&h, p, 40, 0);
    });
    check(&h);
    zone.pending.store(0, Relaxed);
    let p = alloc(&h, ptr::null_mut(), 0, 3 * big);
    assert!(!p.is_null() && !alloc(&h, p, 3 * big, 4 * big).is_null());
    check(&h);
}
