//! Slots: where they lie, that they come back, and what the host's limits and forks do to them.

use super::*;
use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// Runs `f` in a child of its own: no other test's memory is measured there, and what it does to the process dies
/// with it. A child that hangs is ended by its alarm.
fn in_child(f: impl FnOnce()) {
    extern "C" fn lock() {
        slots::fork_lock();
    }
    extern "C" fn unlock() {
        slots::fork_unlock();
    }
    static HANDLERS: std::sync::Once = std::sync::Once::new();
    // SAFETY: the handlers are functions of this program.
    HANDLERS.call_once(|| unsafe {
        assert_eq!(libc::pthread_atfork(Some(lock), Some(unlock), Some(unlock)), 0);
    });
    // SAFETY: the child runs `f` on the one thread that it has, and leaves without running anything of the parent's.
    unsafe {
        let child = libc::fork();
        assert!(child >= 0);
        if child == 0 {
            libc::alarm(60);
            let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(f));
            libc::_exit(if done.is_ok() { 0 } else { 1 });
        }
        let mut status = 0;
        assert_eq!(libc::waitpid(child, &mut status, 0), child);
        assert_eq!(status, 0, "the child's wait status");
    }
}

fn touch(slot: &Slot, from: usize, to: usize) {
    for at in (from..to).step_by(page_size()) {
        // SAFETY: inside the slot, which is ours.
        unsafe { slot.base().add(at).write(1) };
    }
}

#[test]
fn bases_are_a_family() {
    let slots: Vec<_> = (0..150).map(|_| Slot::take(1 << 30).unwrap()).collect();
    let bases: HashSet<_> = slots.iter().map(|s| s.base() as usize).collect();
    assert_eq!(bases.len(), slots.len());
    let low = slots[0].base() as usize as u32;
    for s in &slots {
        let base = s.base() as usize;
        assert_eq!(base as u32, low);
        assert!(base.is_multiple_of(page_size()) && base + s.size() <= 1 << 47 && s.size() >= 1 << 30);
        assert!(base >> 32 > 0xFFF, "the high half is no small integer either");
    }
    assert!((0x2000_0000..0xE000_0000).contains(&low));
    touch(&slots[149], 0, 1 << 20);
    let end = slots[0].size();
    touch(&slots[0], end - page_size(), end);
}

#[test]
fn taking_and_releasing_leaves_nothing_behind() {
    in_child(|| {
        let round = || {
            let h = Heap::create(Slot::take(1 << 20).unwrap(), Budget::new(32 << 20, None)).unwrap();
            for i in 0..40 {
                let p = alloc(&h, ptr::null_mut(), 0, i * 1000 + 1);
                // SAFETY: the block is that long.
                unsafe { p.write_bytes(1, i * 1000 + 1) };
            }
        };
        round();
        let before = process();
        for _ in 0..1000 {
            round();
        }
        let after = process();
        assert_eq!(before.1, after.1, "mappings");
        // The system's count may be off by 64 pages for each processor; a page left behind in each round would be 4 MB.
        assert!(after.0 <= before.0 + (2 << 20), "resident: {} to {}", before.0, after.0);
    });
}

#[test]
fn a_crowd_leaves_its_pages_behind_only_up_to_a_bound() {
    in_child(|| {
        let before = process();
        let crowd: Vec<_> = (0..600).map(|_| Slot::take(1 << 20).unwrap()).collect();
        crowd.iter().for_each(|s| touch(s, 0, 200 << 10));
        assert!(process().0 + (2 << 20) >= before.0 + 600 * (200 << 10));
        crowd.into_iter().for_each(|s| s.release(200 << 10));
        let after = process();
        assert!(after.0 <= before.0 + (9 << 20), "resident: {} to {}", before.0, after.0);
        // Each slot is a mapping and the closed one behind it.
        assert!(after.1 <= before.1 + 2 * 600 + 10, "mappings: {} to {}", before.1, after.1);
    });
}

#[test]
fn a_recycled_slot_is_zero_behind_its_first_pages() {
    in_child(|| {
        let slot = Slot::take(1 << 20).unwrap();
        let base = slot.base();
        touch(&slot, 0, 1 << 20);
        slot.release(1 << 20);
        let slot = Slot::take(1 << 20).unwrap();
        assert_eq!(slot.base(), base, "last come, first served");
        // SAFETY: inside the slot.
        let byte = |at| unsafe { base.add(at).read() };
        assert_eq!((byte(0), byte(64 << 10), byte((1 << 20) - page_size())), (1, 0, 0));
    });
}

#[test]
fn a_slot_past_three_gib_is_a_mapping_of_its_own() {
    in_child(|| {
        drop(Slot::take(1));
        let before = process();
        for _ in 0..50 {
            let slot = Slot::take(5 << 30).unwrap();
            assert!(slot.size() >= 5 << 30 && (slot.base() as usize + slot.size()) < 1 << 47);
            touch(&slot, 0, 1 << 16);
            touch(&slot, (5 << 30) - page_size(), 5 << 30);
            let h = Heap::create(slot, Budget::new(Budget::UNLIMITED, None)).unwrap();
            let p = alloc(&h, ptr::null_mut(), 0, 9 << 29);
            assert!(!p.is_null());
            // SAFETY: the last byte of the block.
            unsafe { p.add((9 << 29) - 1).write(1) };
            let q = alloc(&h, ptr::null_mut(), 0, 100);
            assert!(h.contains(q as usize));
            alloc(&h, p, 9 << 29, 0);
            check(&h);
        }
        let after = process();
        assert_eq!(before.1, after.1);
        // The child's own pages come one by one as they are written to.
        assert!(after.0 <= before.0 + (1 << 20), "{} to {}", before.0, after.0);
        assert!(Slot::take(1 << 50).is_none() && Slot::take(usize::MAX).is_none());
    });
}

#[test]
fn under_an_address_limit_slots_are_mappings_of_the_size_asked() {
    in_child(|| {
        drop(Slot::take(1).unwrap());
        let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
        let taken = statm.split(' ').next().unwrap().parse::<u64>().unwrap() * page_size() as u64;
        let limit = libc::rlimit { rlim_cur: taken + (1 << 30), rlim_max: libc::RLIM_INFINITY };
        // SAFETY: `limit` is valid; the process is a child of its own.
        assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_AS, &limit) }, 0);
        let mut pooled = Vec::new();
        let small = loop {
            let slot = Slot::take(1 << 20).unwrap();
            if !slot.is_pooled() {
                break slot;
            }
            pooled.push(slot);
            assert!(pooled.len() < 3000, "the pool has no end");
        };
        touch(&small, 0, 1 << 20);
        let whole = Heap::create(Slot::take(1 << 20).unwrap(), Budget::new(Budget::UNLIMITED, None)).unwrap();
        let blocks: Vec<_> = (0..3000)
            .map_while(|_| Some(alloc(&whole, ptr::null_mut(), 0, 1000)).filter(|p| !p.is_null()))
            .collect();
        assert!((1000..1048).contains(&blocks.len()), "{} blocks of 1000 bytes in 1 MiB", blocks.len());
        blocks.iter().for_each(|p| assert!(alloc(&whole, *p, 1000, 0).is_null()));
        assert!(
            !alloc(&whole, ptr::null_mut(), 0, 1000 << 10).is_null(),
            "an empty slot serves in one piece"
        );
        check(&whole);
        drop(whole);
        let before = process();
        for _ in 0..200 {
            let slot = Slot::take(2 << 20).unwrap();
            assert_eq!(slot.base() as usize as u32, small.base() as usize as u32);
            touch(&slot, 0, 2 << 20);
            slot.release(2 << 20);
        }
        assert_eq!(process().1, before.1);
        assert!(Slot::take(2 << 30).is_none() && Slot::take(4 << 30).is_none());
        drop(small);
        assert!(pooled.pop().is_some_and(|s| s.is_pooled()));
        assert!(Slot::take(1 << 20).unwrap().is_pooled(), "the pool's own still serve");
    });
}

#[test]
fn a_host_that_locks_its_memory_is_not_filled_up() {
    in_child(|| {
        // SAFETY: no pointers; the process is a child of its own.
        let locked = unsafe { libc::mlockall(libc::MCL_FUTURE) };
        assert_eq!(locked, 0, "this system forbids mlockall: nothing was tested");
        let before = process();
        // An unprivileged process is refused by its RLIMIT_MEMLOCK; that is an answer, too.
        let slot = Slot::take(5 << 30);
        assert!(process().0 <= before.0 + (1 << 20));
        drop(slot);
    });
}

#[test]
fn a_fork_waits_for_whoever_has_the_pool() {
    let locked = &AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            slots::while_locked(|| {
                locked.store(true, Relaxed);
                std::thread::sleep(std::time::Duration::from_millis(50));
            })
        });
        while !locked.load(Relaxed) {
            std::thread::yield_now();
        }
        in_child(|| assert!(Slot::take(1 << 20).is_some()));
    });
}

#[test]
fn a_fork_finds_the_pool_usable() {
    static STOP: AtomicBool = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !STOP.load(Relaxed) {
                    let slots: Vec<_> = (0..5).filter_map(|_| Slot::take(1 << 20)).collect();
                    slots.iter().for_each(|s| touch(s, 0, 4096));
                }
            });
        }
        for _ in 0..150 {
            in_child(|| {
                let mut slots: Vec<_> = (0..20).map(|_| Slot::take(1 << 20).unwrap()).collect();
                touch(&slots[3], 0, 100 << 10);
                slots.truncate(4);
                let h = Heap::create(slots.remove(0), Budget::new(1 << 20, None)).unwrap();
                assert!(!alloc(&h, ptr::null_mut(), 0, 1000).is_null());
            });
        }
        STOP.store(true, Relaxed);
    });
}
