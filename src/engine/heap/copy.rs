//! A heap at rest as bytes: what a mark keeps, and what clones, saved images and journals are made of.
//!
//! Copied is what blocks and lists use; the inside of large free blocks is nobody's. Put back where it lay it is the same heap again;
//! in another slot every word that points into the old one is moved by the difference (see `image`).
//!
//! # Safety
//! Bytes are copied between a heap that nobody runs and memory that nobody else has. Pieces lie below the break of the heap that
//! they were taken from, one behind the other; the slot that they go to is at least that long.
#![allow(unsafe_code)]

use std::ptr;
use std::rc::Rc;

use super::arena::Arena;
use super::blocks::{bin_of, Gone, Space, BIN_WORDS, ENDS};
use super::budget::Budget;
use super::image::{points_into, WORD};
use super::pages::WORTH;
use super::slots::{drop_pages, page_size, Slot};
use super::Heap;
use crate::engine::code;
use crate::lua::compat;

/// Free space from this much on is left out.
const HOLE: usize = 64 << 10;

/// No heap is longer.
const LONGEST: usize = 64 << 30;

/// Bytes of a heap, and where they belong.
#[cfg_attr(test, derive(Debug, PartialEq))]
pub struct HeapCopy {
    pub(super) base: usize,
    pub(super) page: usize,
    pub(super) live: usize,
    pub(super) brk: usize,
    /// Offset and length of each piece, in bytes.
    pub(super) pieces: Vec<(usize, usize)>,
    /// Their contents, one behind the other.
    pub(super) words: Vec<u64>,
    /// Offsets of what had no pages.
    pub(super) gone: Vec<(usize, usize)>,
}

/// What a copy consists of, for those that write it down.
pub struct HeapParts<'a> {
    pub base: usize,
    pub page: usize,
    pub live: usize,
    pub brk: usize,
    pub pieces: &'a [(usize, usize)],
    pub gone: &'a [(usize, usize)],
    pub words: &'a [u64],
}

/// Addresses outside the heap that have moved.
pub type Moved = [Move];
/// First, last, and by how much.
pub type Move = (u64, u64, u64);

/// Free space that is left out, and those of its pages that are not there: start and length.
type Holes = (Vec<Gone>, Vec<(usize, usize)>);

/// The free space of a heap that is worth leaving out, and the part of it that has no pages.
fn holes(space: Space) -> Option<Holes> {
    let (mut holes, mut gone) = (Vec::new(), Vec::new());
    let first = bin_of(space.page.get() + 2 * ENDS);
    for index in first / 64..BIN_WORDS {
        let mut filled = space.filled.get(index)?.get();
        while filled != 0 {
            let mut block = space.first_in(index * 64 + filled.trailing_zeros() as usize);
            filled &= filled - 1;
            while block != 0 {
                let inside = space.interior(block, space.size_of(block));
                if inside.len() >= HOLE {
                    holes.try_reserve(1).ok()?;
                    holes.push(inside);
                }
                let range = space.gone(block);
                if range.len() > 0 {
                    gone.try_reserve(1).ok()?;
                    gone.push((range.lo, range.hi));
                }
                block = space.next(block);
            }
        }
    }
    holes.sort_unstable_by_key(|hole| hole.lo);
    Some((holes, gone))
}

impl HeapCopy {
    pub fn parts(&self) -> HeapParts<'_> {
        let HeapCopy { base, page, live, brk, ref pieces, ref gone, ref words } = *self;
        HeapParts { base, page, live, brk, pieces, gone, words }
    }

    /// A copy of such parts; `None` where they don't fit together, or there is no memory.
    pub fn of_parts(parts: HeapParts<'_>) -> Option<HeapCopy> {
        let HeapParts { base, page, live, brk, .. } = parts;
        if base % page_size() != 0 || page != page_size() || brk % page != 0 || brk > LONGEST || live > brk {
            return None;
        }
        let mut end = 0;
        for &(at, len) in parts.pieces {
            if at % WORD != 0 || len % WORD != 0 || at < end {
                return None;
            }
            end = at.checked_add(len).filter(|&end| end <= brk)?;
        }
        let total: usize = parts.pieces.iter().map(|piece| piece.1).sum();
        // The header comes first.
        if parts.pieces.first()?.0 != 0
            || parts.pieces.first()?.1 < size_of::<Arena>()
            || total != size_of_val(parts.words)
        {
            return None;
        }
        let is_page = |&(lo, hi): &(usize, usize)| lo % page == 0 && hi % page == 0 && lo < hi && hi <= brk;
        if !parts.gone.iter().all(is_page) {
            return None;
        }
        fn owned<T: Copy>(list: &[T]) -> Option<Vec<T>> {
            let mut copy = Vec::new();
            copy.try_reserve_exact(list.len()).ok()?;
            copy.extend_from_slice(list);
            Some(copy)
        }
        let (pieces, gone, words) = (owned(parts.pieces)?, owned(parts.gone)?, owned(parts.words)?);
        Some(HeapCopy { base, page, live, brk, pieces, words, gone })
    }

    /// Whether an address lay in the heap.
    pub fn holds(&self, address: usize) -> bool {
        address.wrapping_sub(self.base) < self.brk
    }

    /// Bytes that the copy takes.
    pub fn weight(&self) -> usize {
        self.words.len() * WORD + (self.pieces.len() + self.gone.len()) * size_of::<(usize, usize)>()
    }

    /// Bytes that were charged for the heap.
    pub fn live(&self) -> usize {
        self.live
    }

    /// Where the heap lay.
    pub fn base(&self) -> usize {
        self.base
    }

    /// How long a slot must be.
    pub fn least(&self) -> usize {
        self.brk
    }

    /// Whether the heap works in this slot: hashed addresses must not change (LuaJIT hashes all of an address).
    pub fn fits(&self, slot: &Slot) -> bool {
        let base = slot.base() as usize;
        let same = if compat::JIT { base == self.base } else { base as u32 == self.base as u32 };
        same && slot.size() >= self.brk && self.page == page_size()
    }

    /// The contents, piece by piece: offset and words.
    fn contents(&self) -> impl Iterator<Item = (usize, &[u64])> {
        let mut at = 0;
        self.pieces.iter().map(move |&(offset, len)| {
            let words = self.words.get(at..at + len / WORD).unwrap_or_default();
            at += len / WORD;
            (offset, words)
        })
    }

    /// Writes the contents at `to`.
    ///
    /// # Safety
    /// A slot that the copy fits into begins there, and nobody uses it.
    unsafe fn write(&self, to: *mut u8) {
        for (offset, words) in self.contents() {
            // SAFETY: pieces lie below the break, and the slot is longer.
            unsafe { ptr::copy_nonoverlapping(words.as_ptr().cast(), to.add(offset), size_of_val(words)) };
        }
    }

    /// Moves what points into the heap by `delta`, and into one of the ranges of `moved` by its difference.
    ///
    /// # Safety
    /// The contents have been written at `to`.
    unsafe fn relocate(&self, to: *mut u8, delta: u64, moved: &Moved) {
        for (offset, words) in self.contents() {
            // The header has no addresses but those that are set right by hand.
            let skipped = size_of::<Arena>().saturating_sub(offset) / WORD;
            for (index, &word) in words.iter().enumerate().skip(skipped) {
                let by = if points_into(word, self.base, self.brk) {
                    delta
                } else if let Some(range) = moved
                    .iter()
                    .find(|range| range.0 <= word && word < range.1)
                    .filter(|range| code::is_target(word.wrapping_add(range.2)))
                {
                    range.2
                } else {
                    continue;
                };
                // SAFETY: the caller's promise; pieces are aligned to words.
                unsafe { to.add(offset + index * WORD).cast::<u64>().write(word.wrapping_add(by)) };
            }
        }
    }
}

impl Heap {
    /// This heap as it is now; `None` where there is no memory. Nobody runs in it.
    pub fn copy(&self) -> Option<HeapCopy> {
        let arena = self.arena();
        let (base, top) = (self.header as usize, arena.top.get());
        // SAFETY: the header of a living heap.
        let (holes, gone) = holes(unsafe { Space::at(base as *mut u8) })?;
        let mut pieces = Vec::new();
        pieces.try_reserve_exact(holes.len() + 1).ok()?;
        let (mut from, mut total) = (0, 0);
        for (lo, hi) in holes.iter().map(|hole| (hole.lo, hole.hi)).chain([(top, top)]) {
            if lo > from {
                pieces.push((from, lo - from));
                total += lo - from;
            }
            from = hi;
        }
        let mut words: Vec<u64> = Vec::new();
        words.try_reserve_exact(total / WORD).ok()?;
        for &(offset, len) in &pieces {
            // SAFETY: the heap's own bytes, below its top; the vector has room for all pieces.
            unsafe {
                let end = words.as_mut_ptr().add(words.len());
                ptr::copy_nonoverlapping((base + offset) as *const u64, end, len / WORD);
                words.set_len(words.len() + len / WORD);
            }
        }
        // Where this process keeps its own pointers is nobody's business.
        Arena::blind(&mut words);
        let (live, brk, page) = (arena.live.get(), arena.brk.get(), arena.page.get());
        Some(HeapCopy { base, page, live, brk, pieces, words, gone })
    }

    /// Makes this heap what it was when the copy was taken of it. Nobody runs in it. What it holds more then is charged whatever the
    /// limits say: the caller has looked. False, and nothing has changed, where the copy doesn't fit.
    pub fn restore(&mut self, copy: &HeapCopy) -> bool {
        let Some(slot) = self.slot.as_ref().filter(|slot| copy.fits(slot)) else { return false };
        let arena = self.arena();
        let (size, budget, owner) = (arena.size.get(), arena.budget_pointer(), arena.owner.get());
        let (brk, high) = (arena.brk.get(), arena.high.get());
        self.budget.release(arena.live.get());
        self.budget.charge_anyway(copy.live);
        // SAFETY: the slot is this heap's; see `write`.
        unsafe {
            copy.write(slot.base());
            // The copy may be of a box that this one is a copy of.
            if slot.base() as usize != copy.base {
                copy.relocate(slot.base(), (slot.base() as u64).wrapping_sub(copy.base as u64), &[]);
            }
        }
        arena.adopt(size, budget);
        arena.owner.set(owner);
        arena.high.set(high.max(copy.brk));
        // Pages that the heap has got since are kept, unless they are many.
        if brk > copy.brk {
            // SAFETY: whole pages behind the break, nobody's.
            let dropped =
                brk - copy.brk >= WORTH && unsafe { drop_pages(slot.base().add(copy.brk), brk - copy.brk) };
            if !dropped {
                arena.brk.set(brk);
                arena.footprint.set(arena.footprint.get() + (brk - copy.brk));
            }
        }
        for &(lo, hi) in &copy.gone {
            // SAFETY: whole pages inside a free block.
            unsafe { drop_pages(slot.base().add(lo), hi - lo) };
        }
        true
    }

    /// A heap in `slot` as the one was that the copy was taken of. It has been charged to `budget`.
    pub fn of_copy(slot: Slot, budget: Rc<Budget>, copy: &HeapCopy, moved: &Moved) -> Option<Heap> {
        if !copy.fits(&slot) {
            return None;
        }
        let header = Arena::create(&slot, &budget)?;
        let base = slot.base();
        // SAFETY: the slot is ours alone and fits; the header's own pointers and size are those that `create` has just written.
        unsafe {
            let (size, budget) = ((*header).size.get(), (*header).budget_pointer());
            copy.write(base);
            (*header).adopt(size, budget);
            let delta = (base as u64).wrapping_sub(copy.base as u64);
            if delta != 0 || !moved.is_empty() {
                copy.relocate(base, delta, moved);
            }
        }
        Some(Heap { header, slot: Some(slot), budget, trusted: true })
    }

    /// Drops the heap, but for its slot, which then has no pages: a heap that lay there can come back.
    pub fn vacate(mut self) -> Option<Slot> {
        let slot = self.slot.take()?;
        let used = if self.trusted { self.arena().sizes().2.min(slot.size()) } else { slot.size() };
        // Settles with the budget, by the header that still stands in the slot.
        drop(self);
        // SAFETY: whole pages of the slot, which nobody uses any more.
        unsafe { drop_pages(slot.base(), used.next_multiple_of(page_size())) };
        Some(slot)
    }
}
