//! Budgets, what happens when one is used up, and what a heap may touch.

use super::*;

/// Bytes of the heap's slot that have pages behind them, by the system's own account.
fn resident(h: &Heap) -> usize {
    let len = h.high_water();
    let mut pages = vec![0u8; len / page_size()];
    // SAFETY: the range is mapped, and there is a byte for each page.
    assert_eq!(unsafe { libc::mincore(h.header().cast_mut().cast(), len, pages.as_mut_ptr()) }, 0);
    pages.iter().filter(|p| **p & 1 == 1).count() * page_size()
}

/// What a recycled slot brings along.
const WARM: usize = 64 << 10;

fn touch(ptr: *mut u8, len: usize) {
    // SAFETY: the block is `len` bytes long.
    unsafe { ptr.write_bytes(0xA5, len) };
}

#[test]
fn a_byte_is_charged_to_all_above_or_to_none() {
    let top = Budget::new(100, None);
    let mid = Budget::new(Budget::UNLIMITED, Some(top.clone()));
    let low = Budget::new(70, Some(mid.clone()));
    assert!(low.charge(60) && mid.charge(30));
    assert_eq!((top.used(), mid.used(), low.used()), (90, 90, 60));
    assert_eq!((top.own(), mid.own(), low.own()), (0, 30, 60));
    assert!(!low.charge(11), "past the top's limit");
    assert!(!low.charge(usize::MAX) && !mid.charge(usize::MAX));
    assert_eq!((top.used(), mid.used(), low.used()), (90, 90, 60), "a refusal charges nothing");
    assert!(ptr::eq(low.first_full(11).unwrap(), &*low));
    assert!(ptr::eq(mid.first_full(11).unwrap(), &*top));
    assert!(low.first_full(10).is_none());
    assert_eq!((low.headroom(), mid.headroom(), top.headroom()), (10, 10, 10));
    assert_eq!((low.smallest_limit(), mid.smallest_limit()), (70, 100));
    mid.set_limit(50);
    assert!(!low.charge(1) && low.charge(0), "a limit below what is used refuses all but nothing");
    assert_eq!(low.limit(), 70);
    low.close();
    assert_eq!((top.used(), mid.used(), low.used(), low.own()), (30, 30, 0, 0));
    assert!(mid.charge(20) && !mid.charge(1));
    drop(low);
    drop(mid);
    assert_eq!((top.used(), top.peak()), (0, 90));
}

#[test]
fn a_heap_charges_the_chain_and_gives_all_of_it_back() {
    let top = Budget::new(1000, None);
    let low = Budget::new(Budget::UNLIMITED, Some(top.clone()));
    let h = Heap::create(Slot::take(1 << 20).unwrap(), low.clone()).unwrap();
    // A type tag stands in for the old size of a new block.
    let p = alloc(&h, ptr::null_mut(), 8, 500);
    assert!(!p.is_null());
    assert_eq!((top.used(), h.live()), (512, 512));
    assert!(alloc(&h, ptr::null_mut(), 5, 500).is_null());
    assert!(alloc(&h, p, 500, 1200).is_null());
    assert_eq!((top.used(), low.used()), (512, 512));
    assert!(low.charge(100), "others charge the same node");
    drop(h);
    assert_eq!((top.used(), low.own()), (100, 100));
}

#[test]
fn a_heap_below_others_charges_the_chain_on_each_road() {
    let top = Budget::new(1000, None);
    let low = Budget::new(Budget::UNLIMITED, Some(top.clone()));
    let h = heap_of(low.clone());
    seat(&h);
    let p = alloc(&h, ptr::null_mut(), 8, 100);
    let q = alloc(&h, ptr::null_mut(), 8, 100);
    assert_eq!((top.used(), low.used(), top.own(), low.own(), h.live()), (224, 224, 0, 224, 224));
    // From the quick list this time.
    alloc(&h, p, 100, 0);
    assert_eq!((top.used(), low.used(), h.live(), top.peak()), (112, 112, 112, 224));
    assert_eq!(alloc(&h, ptr::null_mut(), 5, 100), p);
    top.set_limit(224);
    alloc(&h, q, 100, 0);
    assert!(top.charge(1) && alloc(&h, ptr::null_mut(), 5, 100).is_null(), "the top is full");
    assert_eq!((top.used(), top.own(), low.used(), h.live()), (113, 1, 112, 112));
    drop(h);
    assert_eq!((top.used(), low.used(), low.peak()), (1, 0, 224));
}

/// The same work in a heap that takes the shortest road and in one that doesn't: the same blocks, the same figures.
#[test]
fn the_short_road_leads_where_the_long_one_does() {
    let limit = 40_000;
    let heaps = [heap(limit), heap_of(Budget::new(limit, None))];
    let mut r = Random(0xACE);
    let mut held: Vec<([*mut u8; 2], usize)> = Vec::new();
    let mut refused = 0;
    for i in 0..20_000usize {
        // Around the largest payload that has a quick list, and at both ends.
        let n = [1, 24, 25, 1 + r.below(560), 500 + r.below(40), 504, 505, 512, 513][r.below(9)];
        if held.is_empty() || r.below(9) < 5 {
            let made = [0, 1].map(|at| alloc(&heaps[at], ptr::null_mut(), r.below(9), n));
            assert_eq!(made[0].is_null(), made[1].is_null(), "step {i}");
            match made[0].is_null() {
                true => refused += 1,
                false => held.push((made, n)),
            }
        } else {
            let (blocks, n) = held.swap_remove(r.below(held.len()));
            // Lua may be wrong about the size of a block: no more than the block is given back.
            let told = if i % 7 == 0 { n + 1000 } else { n };
            (0..2).for_each(|at| assert!(alloc(&heaps[at], blocks[at], told, 0).is_null()));
        }
        let offset = |at: usize| held.last().map(|b| b.0[at] as usize - heaps[at].header() as usize);
        assert_eq!(offset(0), offset(1), "step {i}");
        let figures = heaps.each_ref().map(|h| {
            let budget = h.budget();
            (h.live(), budget.used(), budget.own(), budget.peak(), h.footprint(), h.high_water())
        });
        assert_eq!(figures[0], figures[1], "step {i}");
        if i % 1000 == 0 {
            heaps.iter().for_each(check);
        }
    }
    assert!(refused > 100, "the limit was met {refused} times");
}

/// Some allocating, growing and freeing. A block is refused exactly when the limit says so.
fn script(limit: usize) {
    let h = heap(limit);
    let mut r = Random(0xC0FFEE);
    let mut held: Vec<(*mut u8, usize)> = Vec::new();
    let mut used = 0;
    for i in 0..150usize {
        let n = 1 + r.below(if i % 7 == 0 { 6000 } else { 300 });
        let old = if i % 3 == 2 { held.pop() } else { None };
        let (p, was) = old.unwrap_or((ptr::null_mut(), 0));
        let after = used - was.next_multiple_of(16) + n.next_multiple_of(16);
        let q = alloc(&h, p, was, n);
        assert_eq!(q.is_null(), after > limit, "limit {limit}, step {i}: {used} to {after}");
        if q.is_null() {
            held.extend(old);
        } else {
            touch(q, n);
            held.push((q, n));
            used = after;
        }
        if i % 5 == 4 && !held.is_empty() {
            let (p, n) = held.swap_remove(r.below(held.len()));
            alloc(&h, p, n, 0);
            used -= n.next_multiple_of(16);
        }
    }
    assert_eq!(h.live(), used);
    assert!(h.budget().peak() <= limit);
    check(&h);
}

#[test]
fn memory_runs_out_at_every_point() {
    for limit in (0..=64 << 10).step_by(16) {
        script(limit);
    }
}

#[test]
fn shrinking_and_freeing_need_no_budget() {
    let h = heap(1 << 20);
    let mut blocks: Vec<_> = (1..300usize).map(|i| (alloc(&h, ptr::null_mut(), 0, i * 20), i * 20)).collect();
    h.budget().set_limit(0);
    assert!(alloc(&h, ptr::null_mut(), 0, 1).is_null());
    let mut r = Random(77);
    while !blocks.is_empty() {
        let i = r.below(blocks.len());
        let (p, n) = blocks[i];
        let less = r.below(n);
        let q = alloc(&h, p, n, less);
        assert_eq!(q, if less == 0 { ptr::null_mut() } else { p });
        if less == 0 {
            blocks.swap_remove(i);
        } else {
            blocks[i] = (q, less);
        }
        check(&h);
    }
    assert_eq!(h.live(), 0);
}

#[test]
fn sizes_that_no_memory_has_are_refused() {
    let h = heap(Budget::UNLIMITED);
    let p = alloc(&h, ptr::null_mut(), 0, 40);
    touch(p, 40);
    for n in (0..200).map(|i| usize::MAX - i).chain([1 << 63, 1 << 47, 1 << 36, 4 << 30]) {
        assert!(alloc(&h, ptr::null_mut(), 0, n).is_null());
        assert!(alloc(&h, p, 40, n).is_null());
        assert_eq!((h.live(), h.budget().used()), (48, 48));
    }
    // An old size that lies is held to what the block is.
    assert!(alloc(&h, p, usize::MAX, 0).is_null());
    assert_eq!(h.live(), 0);
    assert!(alloc(&h, ptr::null_mut(), 0, 0).is_null());
    check(&h);
}

#[test]
fn the_footprint_is_bound_under_fragmentation() {
    let limit = 4 << 20;
    let h = heap(limit);
    let bound = 2 * limit + FOOTPRINT_SLACK;
    let mut kept = Vec::new();
    for size in [8, 16, 24, 40, 72, 136, 264, 600, 1500, 4000, 9000, 33_000, 120_000, 300_000, 700_000] {
        let mut now = Vec::new();
        loop {
            let p = alloc(&h, ptr::null_mut(), 0, size);
            if p.is_null() {
                break;
            }
            touch(p, size);
            now.push(p);
        }
        assert!(h.footprint() <= bound, "size {size}: footprint {}", h.footprint());
        assert!(resident(&h) <= h.footprint() + WARM, "size {size}: resident {}", resident(&h));
        for (i, p) in now.into_iter().enumerate() {
            if i % 32 == 0 {
                kept.push((p, size));
            } else {
                alloc(&h, p, size, 0);
            }
        }
        check(&h);
    }
    for (p, size) in kept {
        alloc(&h, p, size, 0);
    }
    let p = alloc(&h, ptr::null_mut(), 0, limit);
    assert!(!p.is_null(), "an empty heap grants all of its limit in one piece");
    touch(p, limit);
    check(&h);
    assert!(resident(&h) <= bound);
}

#[test]
fn a_block_can_grow_to_the_limit_beside_its_old_self() {
    let limit = 8 << 20;
    let h = heap(limit);
    let (mut p, mut n) = (alloc(&h, ptr::null_mut(), 0, 1000), 1000);
    while n < limit - 100_000 {
        // Something stands behind it each time, so that it has to move.
        assert!(!alloc(&h, ptr::null_mut(), 0, 600).is_null());
        let more = (n * 3 / 2).min(limit - 50_000);
        let q = alloc(&h, p, n, more);
        assert!(!q.is_null(), "{n} to {more}, footprint {}", h.footprint());
        touch(q, more);
        (p, n) = (q, more);
        check(&h);
    }
}

#[test]
fn resident_memory_follows_use() {
    let h = heap(64 << 20);
    let keep = |h: &Heap| resident(h) <= 2 * h.live() + (512 << 10) + (300 << 10);
    let p = alloc(&h, ptr::null_mut(), 0, 30 << 20);
    alloc(&h, ptr::null_mut(), 0, 5000);
    touch(p, 30 << 20);
    assert!(resident(&h) >= 30 << 20);
    alloc(&h, p, 30 << 20, 1 << 20);
    assert!(keep(&h), "after shrinking: {} for {}", resident(&h), h.live());
    alloc(&h, p, 1 << 20, 0);
    assert!(keep(&h), "after freeing: {} for {}", resident(&h), h.live());
    let h = heap(64 << 20);
    let small: Vec<_> = (0..200_000).map(|_| alloc(&h, ptr::null_mut(), 0, 56)).collect();
    small.iter().for_each(|p| touch(*p, 56));
    let filled = resident(&h);
    assert!(filled >= 200_000 * 56);
    small.into_iter().for_each(|p| {
        alloc(&h, p, 56, 0);
    });
    check(&h);
    assert!(resident(&h) <= 3 << 19, "after freeing small ones: {} of {filled}", resident(&h));
}
