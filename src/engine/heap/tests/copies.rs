//! Copies of heaps: put back, put into another slot, and out of parts.

use super::*;
use crate::engine::code;
use crate::engine::heap::image::WORD;
use crate::lua::compat;

/// A block of as many words, and their contents.
fn block(h: &Heap, words: &[u64]) -> *mut u64 {
    let p = alloc(h, ptr::null_mut(), 0, size_of_val(words)).cast::<u64>();
    assert!(!p.is_null());
    // SAFETY: the block is that long.
    unsafe { ptr::copy_nonoverlapping(words.as_ptr(), p, words.len()) };
    p
}

fn words(p: *const u64, n: usize) -> Vec<u64> {
    // SAFETY: the tests read blocks of theirs.
    unsafe { std::slice::from_raw_parts(p, n).to_vec() }
}

/// Another slot whose addresses are the same to Lua's hashes.
fn other_slot(copy: &HeapCopy) -> Slot {
    let slot = Slot::take_like(1 << 30, copy.base()).unwrap();
    assert_ne!(slot.base() as usize, copy.base());
    slot
}

#[test]
fn a_heap_that_is_put_back_is_what_it_was() {
    let mut h = heap(64 << 20);
    let kept = block(&h, &[1, 2, 3, 4]);
    let dropped = block(&h, &[5; 1000]);
    let copy = h.copy().unwrap();
    assert_eq!(
        (copy.live(), copy.base(), copy.least()),
        (h.live(), h.header() as usize, h.arena().brk.get())
    );
    assert!(
        copy.holds(kept as usize) && !copy.holds(copy.base() - 1) && !copy.holds(copy.base() + copy.least())
    );
    for more in [false, true] {
        let (live, high) = (h.live(), h.high_water());
        // SAFETY: a block of four words.
        unsafe { kept.add(1).write(99) };
        alloc(&h, dropped.cast(), 8000, 0);
        let later: Vec<_> = (0..100).map(|i| block(&h, &[7; 50][..20 + i % 30])).collect();
        if more {
            block(&h, &vec![9; (20 << 20) / WORD]);
        }
        alloc(&h, later[50].cast(), 30 * WORD, 0);
        assert_ne!(h.live(), live);
        assert!(h.restore(&copy));
        check(&h);
        assert_eq!((h.live(), h.budget().used(), h.budget().own()), (copy.live(), copy.live(), copy.live()));
        assert_eq!((words(kept, 4), words(dropped, 1000)), (vec![1, 2, 3, 4], vec![5; 1000]));
        assert!(h.high_water() >= high);
    }
    // It goes on as a heap does.
    let more = block(&h, &[11; 500]);
    alloc(&h, dropped.cast(), 8000, 0);
    check(&h);
    assert_eq!((words(kept, 4), words(more, 500)), (vec![1, 2, 3, 4], vec![11; 500]));
}

#[test]
fn free_space_is_left_out_and_comes_back_as_free_space() {
    let mut h = heap(64 << 20);
    let first = block(&h, &[1; 100]);
    let hole = block(&h, &vec![2; (8 << 20) / WORD]);
    let last = block(&h, &[3; 100]);
    let full = h.copy().unwrap();
    alloc(&h, hole.cast(), 8 << 20, 0);
    check(&h);
    let copy = h.copy().unwrap();
    assert_eq!((full.parts().pieces.len(), copy.parts().pieces.len()), (1, 2));
    assert!(full.weight() > 8 << 20 && copy.weight() < 1 << 20, "{} {}", full.weight(), copy.weight());
    // Where the hole was there is something now.
    block(&h, &vec![4; (8 << 20) / WORD - 100]);
    assert!(h.restore(&copy));
    check(&h);
    assert_eq!((words(first, 100), words(last, 100)), (vec![1; 100], vec![3; 100]));
    assert_eq!(h.live(), copy.live());
    assert!(h.restore(&full));
    check(&h);
    assert_eq!(words(hole, (8 << 20) / WORD), vec![2; (8 << 20) / WORD]);
    assert_eq!((words(first, 100), words(last, 100)), (vec![1; 100], vec![3; 100]));
}

/// Words that point into the heap, and words that only look as if they might.
fn candidates(h: &Heap) -> (Vec<u64>, Vec<u64>) {
    let (base, brk) = (h.header() as u64, h.arena().brk.get() as u64);
    let into = vec![base, base + 1, base + 2600, base + brk - 1];
    let other = base ^ (1 << 40);
    let out = vec![
        0,
        1,
        u64::MAX,
        base - 1,
        base - 8,
        base + brk,
        base + (1 << 32),
        base & 0xffff_ffff,
        base << 8,
        base.swap_bytes(),
        other,
        1.5f64.to_bits(),
        u64::from_le_bytes(*b"a string"),
    ];
    (into, out)
}

#[test]
#[cfg_attr(feature = "luajit", ignore = "LuaJIT hashes whole addresses: a heap works only where it lay")]
fn in_another_slot_what_points_into_the_heap_is_moved_and_nothing_else() {
    let h = heap(64 << 20);
    block(&h, &[0; 400]);
    let hole = block(&h, &vec![2; (1 << 20) / WORD]);
    // Raises the break for all that follows.
    let room = block(&h, &[0; 1000]);
    alloc(&h, room.cast(), 8000, 0);
    let (into, out) = candidates(&h);
    let (a, b) = (block(&h, &into), block(&h, &out));
    // An address that doesn't lie on words is none.
    let mut across = [0u8; 24];
    across[4..12].copy_from_slice(&into[2].to_ne_bytes());
    let across: Vec<u64> = across.chunks(8).map(|w| u64::from_ne_bytes(w.try_into().unwrap())).collect();
    let c = block(&h, &across);
    alloc(&h, hole.cast(), 1 << 20, 0);
    let copy = h.copy().unwrap();
    assert_eq!(copy.parts().pieces.len(), 2, "the addresses lie behind what is left out");
    assert_eq!(candidates(&h).0, into, "the break is where it was");
    let slot = other_slot(&copy);
    let (budget, there) = (Budget::new(64 << 20, None), slot.base() as u64);
    let delta = there.wrapping_sub(copy.base() as u64);
    assert!(budget.charge(copy.live()));
    let other = Heap::of_copy(slot, budget, &copy, &[]).unwrap();
    check(&other);
    let moved = |p: *mut u64| p.wrapping_byte_add(delta as usize);
    assert_eq!(words(moved(a), into.len()), into.iter().map(|w| w.wrapping_add(delta)).collect::<Vec<_>>());
    assert_eq!(words(moved(b), out.len()), out);
    assert_eq!(words(moved(c), 3), across);
    // Both go on, each for itself.
    assert_eq!((other.live(), other.budget().used()), (h.live(), h.live()));
    alloc(&other, moved(b).cast(), out.len() * WORD, 0);
    block(&other, &[8; 5000]);
    check(&other);
    check(&h);
    assert_eq!((words(a, into.len()), words(b, out.len())), (into, out));
    assert_eq!(h.live(), copy.live());
}

#[test]
#[cfg_attr(feature = "luajit", ignore = "LuaJIT hashes whole addresses: a heap works only where it lay")]
fn a_heap_goes_back_to_a_copy_of_the_one_that_it_was_made_of() {
    let h = heap(64 << 20);
    let (into, out) = candidates(&h);
    let (a, b) = (block(&h, &into), block(&h, &out));
    let copy = h.copy().unwrap();
    let slot = other_slot(&copy);
    let delta = (slot.base() as u64).wrapping_sub(copy.base() as u64);
    let mut other = Heap::create(slot, Budget::new(64 << 20, None)).unwrap();
    block(&other, &[3; 3000]);
    assert!(other.restore(&copy));
    check(&other);
    let moved = |p: *mut u64| p.wrapping_byte_add(delta as usize);
    // The break as it was when the copy was taken is what counts.
    let shifted: Vec<_> = into.iter().map(|w| w.wrapping_add(delta)).collect();
    assert_eq!((words(moved(a), into.len()), words(moved(b), out.len())), (shifted, out));
    assert_eq!((other.live(), other.budget().own()), (h.live(), h.live()));
}

#[test]
fn what_points_to_functions_that_have_moved_is_moved_by_their_own_difference() {
    let h = heap(64 << 20);
    // As if this program had been loaded elsewhere when the words were written.
    const BY: u64 = 0x1_2340_0000;
    let own = code::own().find(|object| object.contains(check as *const () as u64)).unwrap();
    let (start, end) = (own.start - BY, own.end - BY);
    let function = check as *const () as u64 - BY;
    // What was written over a part of an address is none; LuaJIT has others than those of functions.
    let over = [function & !0xff | 0x41 << 1 | 1, function + 1, start + 8];
    let words_there = [start - 1, function, end, over[0], over[1], over[2]];
    let a = block(&h, &words_there);
    let within = block(&h, &[h.header() as u64 + 64]);
    let copy = h.copy().unwrap();
    // In its own slot: only the code moves.
    let slot = h.vacate().unwrap();
    let budget = Budget::new(64 << 20, None);
    assert!(budget.charge(copy.live()));
    let h = Heap::of_copy(slot, budget, &copy, &[(1, 2, 3), (start, end, BY)]).unwrap();
    check(&h);
    let by = if compat::JIT { BY } else { 0 };
    let moved = [start - 1, function + BY, end, over[0] + by, over[1] + by, over[2] + by];
    assert_eq!(words(a, 6), moved);
    assert_eq!(words(within, 1), [copy.base() as u64 + 64]);
}

#[test]
fn a_copy_goes_through_its_parts_and_none_is_made_of_parts_that_do_not_fit() {
    let mut h = heap(64 << 20);
    let kept = block(&h, &[1; 100]);
    let hole = block(&h, &vec![2; (8 << 20) / WORD]);
    block(&h, &[3; 100]);
    alloc(&h, hole.cast(), 8 << 20, 0);
    let copy = h.copy().unwrap();
    let again = HeapCopy::of_parts(copy.parts()).unwrap();
    // SAFETY: a block of a hundred words.
    unsafe { kept.write(99) };
    assert!(h.restore(&again));
    check(&h);
    assert_eq!(words(kept, 100), [1; 100]);
    let HeapParts { base, page, brk, pieces, words, .. } = copy.parts();
    assert!(pieces.len() == 2 && !words.is_empty());
    let fits = |parts: HeapParts<'_>| HeapCopy::of_parts(parts).is_some();
    assert!(fits(copy.parts()));
    assert!(!fits(HeapParts { base: base + 8, ..copy.parts() }));
    assert!(!fits(HeapParts { page: 2 * page, ..copy.parts() }));
    assert!(!fits(HeapParts { brk: brk + 8, ..copy.parts() }));
    assert!(!fits(HeapParts { brk: page, ..copy.parts() }));
    assert!(!fits(HeapParts { brk: usize::MAX & !(page - 1), ..copy.parts() }));
    assert!(!fits(HeapParts { live: brk + 1, ..copy.parts() }));
    assert!(!fits(HeapParts { pieces: &[], ..copy.parts() }));
    assert!(!fits(HeapParts { pieces: &pieces[..1], ..copy.parts() }));
    assert!(!fits(HeapParts { words: &words[1..], ..copy.parts() }));
    let [one, two] = [pieces[0], pieces[1]];
    for wrong in [
        [two, one],
        [(8, one.1), two],
        [one, (one.1 - 8, two.1)],
        [one, (two.0 + 4, two.1)],
        [(0, one.1 - 4), (two.0, two.1 + 4)],
        [one, (brk - 8, two.1)],
        [one, (usize::MAX - 7, two.1)],
        [(0, 64), (two.0, two.1 + one.1 - 64)],
    ] {
        assert!(!fits(HeapParts { pieces: &wrong, ..copy.parts() }), "{wrong:?}");
    }
    for wrong in [(0, 0), (8, page), (page, 8), (2 * page, page), (0, brk + page)] {
        assert!(!fits(HeapParts { gone: &[wrong], ..copy.parts() }), "{wrong:?}");
    }
}

#[test]
fn a_copy_does_not_fit_where_it_would_not_work() {
    let mut h = heap(64 << 20);
    block(&h, &vec![2; (8 << 20) / WORD]);
    let copy = h.copy().unwrap();
    assert!(copy.fits(h.slot.as_ref().unwrap()));
    // One page on: hashes differ. A new mapping, as long.
    let near = Slot::take_like(16 << 20, copy.base() ^ page_size()).unwrap();
    assert!(!copy.fits(&near));
    assert!(Heap::of_copy(near, Budget::new(64 << 20, None), &copy, &[]).is_none());
    // A heap whose slot doesn't fit stays as it is.
    let slot = Slot::take_like(16 << 20, copy.base() ^ page_size()).unwrap();
    let mut other = Heap::create(slot, Budget::new(64 << 20, None)).unwrap();
    let p = block(&other, &[1, 2, 3]);
    let live = other.live();
    assert!(!other.restore(&copy));
    check(&other);
    assert_eq!((words(p, 3), other.live()), (vec![1, 2, 3], live));
    // A slot that is too short.
    let parts = HeapParts { brk: copy.least() + (1 << 32), ..copy.parts() };
    let long = HeapCopy::of_parts(parts).unwrap();
    assert!(!long.fits(h.slot.as_ref().unwrap()) && !h.restore(&long));
}
