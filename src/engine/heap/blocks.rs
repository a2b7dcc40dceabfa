//! Blocks: how the arena divides its slot, and the lists of what is free.
//!
//! A block is an 8-byte header (its size and two flags) and a payload aligned to 16. It is named by its payload's
//! offset from the slot's base, 0 meaning none. A free block also holds, in its payload, the links of its list, the
//! pages of it that were given back, and at its end its size again, so that the block behind finds its start:
//!
//! ```text
//!   -8       0      4      8        12                size-16    size-8
//!   [header] [next] [prev] [gone_lo][gone_hi]   ...   [size]     [header of the next block]
//! ```
//!
//! Two free blocks never lie side by side: they are merged at once. Blocks on the quick lists count as taken.
//! Free blocks sit in lists by size (TLSF): one list for each size below 512 bytes, 8 for each doubling up to
//! 128 KiB, 2 for each above, and a bitmap of those that hold any. Behind the last block, from `top` to the break, everything is free.
//!
//! # Safety
//! `Space` is a heap's base. Its private readers and writers take offsets of blocks that tile the slot; that these
//! are right is this folder's invariant, walked and checked after each step by `tests.rs`.
#![allow(unsafe_code)]

use std::ops::Deref;

use super::arena::Arena;

/// Sizes and payloads are multiples of this.
pub(super) const UNIT: usize = 16;
/// The header in front of a payload.
pub(super) const HEADER: usize = 8;
/// The smallest block: it must hold what a free one holds.
pub(super) const MIN_BLOCK: usize = 32;
/// What links, the range of gone pages and the header take at a free block's ends.
pub(super) const ENDS: usize = 16;
/// Blocks below this size have a list for each size.
const EXACT: usize = 512;
/// Above, there are 8 lists for each doubling up to this power of two, and then 2: all stand in every heap's header, and a small box should
/// not pay with a page for what only a large one has.
const FINE: usize = 17;
const FINE_BINS: usize = (FINE - EXACT.ilog2() as usize) * 8;
/// Number of lists: 32 exact ones, and those for each doubling up to 64 GiB.
pub(super) const BINS: usize = EXACT / UNIT + FINE_BINS + (36 - FINE) * 2;
pub(super) const BIN_WORDS: usize = BINS.div_ceil(64);
/// Quick lists: payloads of up to 512 bytes.
pub(super) const QUICK_MAX: usize = 512;
pub(super) const QUICK: usize = (QUICK_MAX + UNIT) / UNIT + 1;

const FREE: u64 = 1;
const PREV_FREE: u64 = 2;
const FLAGS: u64 = 15;

/// Pages of a free block that were given back to the system, as offsets; empty if both are equal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Gone {
    pub lo: usize,
    pub hi: usize,
}

impl Gone {
    pub(super) const NONE: Gone = Gone { lo: 0, hi: 0 };

    pub(super) fn len(self) -> usize {
        self.hi.saturating_sub(self.lo)
    }

    /// What is left of it from `lo` on.
    fn after(self, lo: usize) -> Gone {
        if lo < self.hi {
            Gone { lo: lo.max(self.lo), hi: self.hi }
        } else {
            Gone::NONE
        }
    }
}

/// The size of the block for a payload of `n` bytes.
#[inline]
pub(super) fn block_size(n: usize) -> usize {
    (n.saturating_add(HEADER + UNIT - 1) & !(UNIT - 1)).max(MIN_BLOCK)
}

/// The list that a free block of this size is on.
#[inline]
pub(super) fn bin_of(size: usize) -> usize {
    if size < EXACT {
        return size / UNIT;
    }
    let log = size.ilog2() as usize;
    if log < FINE {
        EXACT / UNIT + (log - EXACT.ilog2() as usize) * 8 + ((size >> (log - 3)) & 7)
    } else {
        EXACT / UNIT + FINE_BINS + (log - FINE) * 2 + ((size >> (log - 1)) & 1)
    }
}

/// A heap, by its base, where its header lies.
#[derive(Clone, Copy)]
pub(super) struct Space(*mut u8);

impl Deref for Space {
    type Target = Arena;
    #[inline]
    fn deref(&self) -> &Arena {
        // SAFETY: `Space::at`'s caller vouches for the header; all of it is cells, never borrowed mutably.
        unsafe { &*self.0.cast::<Arena>() }
    }
}

impl Space {
    /// # Safety
    /// A heap's header stands at `base`, aligned, and its slot behind it, for as long as the `Space` is used.
    #[inline]
    pub(super) unsafe fn at(base: *mut u8) -> Space {
        Space(base)
    }

    #[inline]
    pub(super) fn ptr(self, offset: usize) -> *mut u8 {
        self.0.wrapping_add(offset)
    }

    #[inline]
    pub(super) fn offset(self, ptr: *mut u8) -> usize {
        (ptr as usize).wrapping_sub(self.0 as usize)
    }

    #[inline]
    fn word(self, at: usize) -> u64 {
        // SAFETY: `at` is a header or footer inside the slot, aligned to 8 (module invariant).
        unsafe { self.ptr(at).cast::<u64>().read() }
    }

    #[inline]
    fn set_word(self, at: usize, word: u64) {
        // SAFETY: as in `word`; nothing else uses those bytes.
        unsafe { self.ptr(at).cast::<u64>().write(word) }
    }

    #[inline]
    fn half(self, at: usize) -> usize {
        // SAFETY: `at` is inside a free block's payload, aligned to 4 (module invariant).
        unsafe { self.ptr(at).cast::<u32>().read() as usize }
    }

    #[inline]
    pub(super) fn set_half(self, at: usize, half: usize) {
        // SAFETY: as in `half`. Offsets in units and page numbers fit: slots are at most 64 GiB.
        unsafe { self.ptr(at).cast::<u32>().write(half as u32) }
    }

    /// The size of a block, header included.
    #[inline]
    pub(super) fn size_of(self, block: usize) -> usize {
        (self.word(block - HEADER) & !FLAGS) as usize
    }

    #[inline]
    pub(super) fn is_free(self, block: usize) -> bool {
        self.word(block - HEADER) & FREE != 0
    }

    /// Writes the header of a block in use, keeping what it says about the one before.
    #[inline]
    pub(super) fn resize_block(self, block: usize, size: usize) {
        self.set_word(block - HEADER, size as u64 | (self.word(block - HEADER) & PREV_FREE));
    }

    /// Writes the header of a block in use, behind another in use.
    #[inline]
    pub(super) fn make_block(self, block: usize, size: usize) {
        self.set_word(block - HEADER, size as u64);
    }

    /// The free block right before this one, if there is one.
    #[inline]
    pub(super) fn free_before(self, block: usize) -> Option<usize> {
        if self.word(block - HEADER) & PREV_FREE == 0 {
            return None;
        }
        Some(block - self.word(block - ENDS) as usize)
    }

    /// Tells a block that the one before is free, or that it is not.
    #[inline]
    pub(super) fn mark_before(self, block: usize, free: bool) {
        let word = self.word(block - HEADER) & !PREV_FREE;
        self.set_word(block - HEADER, if free { word | PREV_FREE } else { word });
    }

    /// The next on a free block's list, or 0.
    #[inline]
    pub(super) fn next(self, block: usize) -> usize {
        self.half(block) * UNIT
    }

    #[inline]
    pub(super) fn set_next(self, block: usize, next: usize) {
        self.set_half(block, next / UNIT);
    }

    pub(super) fn gone(self, block: usize) -> Gone {
        let page = self.page.get();
        Gone { lo: self.half(block + 8) * page, hi: self.half(block + 12) * page }
    }

    pub(super) fn set_gone(self, block: usize, gone: Gone) {
        let page = self.page.get();
        self.set_half(block + 8, gone.lo / page);
        self.set_half(block + 12, gone.hi / page);
    }

    /// The whole pages inside a free block, between what it keeps at its ends.
    pub(super) fn interior(self, block: usize, size: usize) -> Gone {
        let page = self.page.get();
        let lo = (block + ENDS).next_multiple_of(page);
        let hi = (block + size - ENDS) & !(page - 1);
        if lo < hi {
            Gone { lo, hi }
        } else {
            Gone::NONE
        }
    }

    /// Puts a merged free block on its list. The block behind it is in use and is told.
    pub(super) fn link(self, block: usize, size: usize, gone: Gone) {
        self.set_word(block - HEADER, size as u64 | FREE);
        self.set_word(block + size - ENDS, size as u64);
        self.mark_before(block + size, true);
        self.set_gone(block, gone);
        if self.dry.get() && self.interior(block, size).len() > gone.len() {
            self.dry.set(false);
        }
        let bin = bin_of(size);
        let (Some(head), Some(word)) = (self.bins.get(bin), self.filled.get(bin / 64)) else { return };
        let first = head.get() as usize * UNIT;
        self.set_half(block, first / UNIT);
        self.set_half(block + 4, 0);
        if first != 0 {
            self.set_half(first + 4, block / UNIT);
        }
        head.set((block / UNIT) as u32);
        word.set(word.get() | 1 << (bin % 64));
    }

    /// Takes a free block off its list.
    pub(super) fn unlink(self, block: usize) {
        let (next, prev) = (self.half(block) * UNIT, self.half(block + 4) * UNIT);
        if next != 0 {
            self.set_half(next + 4, prev / UNIT);
        }
        if prev != 0 {
            self.set_half(prev, next / UNIT);
            return;
        }
        let bin = bin_of(self.size_of(block));
        let (Some(head), Some(word)) = (self.bins.get(bin), self.filled.get(bin / 64)) else { return };
        head.set((next / UNIT) as u32);
        if next == 0 {
            word.set(word.get() & !(1 << (bin % 64)));
        }
    }

    /// The first block on a list, or 0.
    #[inline]
    pub(super) fn first_in(self, bin: usize) -> usize {
        self.bins.get(bin).map_or(0, |head| head.get() as usize * UNIT)
    }

    /// The first block on the first filled list from `bin` on, or 0.
    #[inline]
    fn first_from(self, bin: usize) -> usize {
        let mut mask = u64::MAX << (bin % 64);
        for (i, word) in self.filled.iter().enumerate().skip(bin / 64) {
            let found = word.get() & mask;
            if found != 0 {
                return self.first_in(i * 64 + found.trailing_zeros() as usize);
            }
            mask = u64::MAX;
        }
        0
    }

    /// A free block of at least `size` bytes, quickly: the head of its own list, or of the next one filled. 0: none.
    #[inline]
    pub(super) fn find(self, size: usize) -> usize {
        let bin = bin_of(size);
        let first = self.first_in(bin);
        if first != 0 && self.size_of(first) >= size {
            return first;
        }
        self.first_from(bin + 1)
    }

    /// The same for the last resort: its own list to the end, unless a stop is due.
    pub(super) fn search(self, size: usize) -> usize {
        let (mut block, mut seen) = (self.first_in(bin_of(size)), 0usize);
        while block != 0 && self.size_of(block) < size {
            seen += 1;
            if seen.is_multiple_of(256) && self.is_due() {
                return 0;
            }
            block = self.next(block);
        }
        block
    }

    /// Makes a block of `size` bytes of `block`, which is free or grows into the free block behind it, `free`.
    /// Fails if that would touch more pages than the heap may have.
    pub(super) fn claim(self, block: usize, free: usize, size: usize) -> bool {
        let (end, gone) = (free + self.size_of(free), self.gone(free));
        self.unlink(free);
        let (rest, rest_size) = (block + size, end - block - size);
        let kept = if gone.len() > 0 && rest_size >= MIN_BLOCK {
            gone.after((rest + ENDS).next_multiple_of(self.page.get()))
        } else {
            Gone::NONE
        };
        let touched = gone.len() - kept.len();
        if touched > 0 && !self.afford(touched) {
            self.link(free, end - free, gone);
            return false;
        }
        if touched > 0 {
            self.footprint.set(self.footprint.get() + touched);
            self.regret(touched);
        }
        if rest_size >= MIN_BLOCK {
            self.resize_block(block, size);
            self.link(rest, rest_size, kept);
        } else {
            self.resize_block(block, end - block);
            self.mark_before(end, false);
        }
        true
    }

    /// Frees a block for good: merged with its neighbours, onto a list or back to the top.
    pub(super) fn put_back(self, mut block: usize, mut size: usize) {
        let mut gone = Gone::NONE;
        if let Some(before) = self.free_before(block) {
            gone = self.gone(before);
            self.unlink(before);
            size += block - before;
            block = before;
        }
        let behind = block + size;
        if behind == self.top.get() {
            self.top.set(block);
            self.top_grew(gone);
            return;
        }
        if self.is_free(behind) {
            size += self.size_of(behind);
            let other = self.gone(behind);
            self.unlink(behind);
            // Only now: what lies between them, header and links, may go with its pages.
            gone = self.join(gone, other);
        }
        self.link(block, size, gone);
        self.maybe_give_back(block, size, gone);
    }
}
