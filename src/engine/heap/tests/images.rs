//! Images: what is made of one in slots that come again, and in others.

use super::*;
use crate::engine::heap::image::WORD;

/// Blocks that point at one another, and words that point nowhere.
const BLOCKS: usize = 500;
const WORDS: usize = 7;

fn fill(h: &Heap) -> Vec<*mut u64> {
    let blocks: Vec<_> =
        (0..BLOCKS).map(|_| alloc(h, ptr::null_mut(), 0, WORDS * WORD).cast::<u64>()).collect();
    for (i, &block) in blocks.iter().enumerate() {
        // SAFETY: the blocks are that long.
        unsafe {
            block.write(blocks[(i * 7) % BLOCKS] as u64);
            block.add(1).write(i as u64);
            block.add(2).write(if i % 3 == 0 { block as u64 + 8 } else { 0 });
            (3..WORDS).for_each(|n| block.add(n).write(0x4037_0000_0000_0000 + n as u64));
        }
    }
    blocks
}

/// Looks through a copy of such a heap.
fn look(h: &Heap, offsets: &[usize]) {
    let at = |i: usize| h.header() as usize + offsets[i];
    for i in 0..BLOCKS {
        // SAFETY: the tests read blocks of theirs.
        let words = unsafe { std::slice::from_raw_parts(at(i) as *const u64, WORDS) };
        let inside = if i % 3 == 0 { at(i) as u64 + 8 } else { 0 };
        assert_eq!(words[..3], [at((i * 7) % BLOCKS) as u64, i as u64, inside]);
        assert!((3..WORDS).all(|n| words[n] == 0x4037_0000_0000_0000 + n as u64));
    }
    check(h);
}

fn stamp(image: &Image, limit: usize) -> Option<Heap> {
    Heap::stamp(Slot::take(1 << 20).unwrap(), Budget::new(limit, None), image)
}

#[test]
fn a_copy_is_whole_in_a_slot_that_comes_again_and_in_another() {
    let first = heap(64 << 20);
    let blocks = fill(&first);
    let offsets: Vec<_> = blocks.iter().map(|&block| block as usize - first.header() as usize).collect();
    let image = first.capture().unwrap();
    let smaller = {
        let h = heap(64 << 20);
        alloc(&h, ptr::null_mut(), 0, 100);
        h.capture().unwrap()
    };
    let mut held = Vec::new();
    for round in 0..40 {
        let h = stamp(&image, 64 << 20).unwrap();
        assert_eq!((h.live(), h.budget().used()), (first.live(), first.live()));
        look(&h, &offsets);
        // What one copy does to itself is nothing to the next.
        // SAFETY: a block of the copy.
        unsafe { ((h.header() as usize + offsets[round]) as *mut u64).write(u64::MAX) };
        alloc(&h, ptr::null_mut(), 0, 5000);
        match round % 8 {
            3 => held.push(h),
            5 => {
                drop(h);
                assert_eq!(stamp(&smaller, 64 << 20).unwrap().live(), 112);
            }
            7 => drop((h, held.pop())),
            _ => drop(h),
        }
    }
    look(&first, &offsets);
}

#[test]
fn a_budget_that_is_too_small_refuses_a_copy() {
    let h = heap(64 << 20);
    fill(&h);
    let image = h.capture().unwrap();
    for _ in 0..4 {
        assert!(stamp(&image, h.live() - 1).is_none());
        assert!(stamp(&image, h.live()).is_some());
    }
}
