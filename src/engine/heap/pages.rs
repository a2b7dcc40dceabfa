//! Pages: keeping what the heap touches in proportion to what it holds.
//!
//! The *footprint* is how far the break has been raised, less the pages inside free blocks that went back to the
//! system. It may not exceed twice the smallest limit on the budget's chain and 256 KiB: twice, so that a table
//! that grows always finds room for its new array beside the old one.
//!
//! # Safety
//! Pages are dropped only between what a free block keeps at its ends, or behind `top`: nobody's bytes.
#![allow(unsafe_code)]

use super::blocks::{bin_of, Gone, Space, BINS, ENDS};
use super::slots::drop_pages;

/// What a heap may always touch, whatever its limit.
pub const FOOTPRINT_SLACK: usize = 256 << 10;
/// Free pages are worth a system call from this much on.
pub(super) const WORTH: usize = 256 << 10;
/// Idle memory that a heap keeps for what comes next, besides as much again as is in use (a collector's pause): this
/// much at first, and more each time that pages are wanted again that were given back.
pub(super) const KEEP: usize = 512 << 10;
const MAX_KEEP: usize = 8 << 20;
/// The largest step of the break, and how many steps to double the heap.
const MAX_STEP: usize = 256 << 10;
const STEPS: usize = 32;
/// Pages are dropped in pieces of this size, so that a stop need not wait for a huge block.
const PIECE: usize = 32 << 20;

impl Space {
    /// How much this heap may touch.
    pub(super) fn bound(self) -> usize {
        self.smallest_limit().saturating_mul(2).saturating_add(FOOTPRINT_SLACK)
    }

    fn fits(self, more: usize) -> bool {
        more <= self.bound().saturating_sub(self.footprint.get())
    }

    /// Whether `more` bytes may be touched, after giving back others if need be.
    pub(super) fn afford(self, more: usize) -> bool {
        if !self.fits(more) {
            self.lower_break();
        }
        self.fits(more) || self.trim(more)
    }

    /// Raises the break so that a block of `size` bytes fits behind `top`.
    pub(super) fn raise_break(self, size: usize) -> bool {
        let page = self.page.get();
        let end = self.top.get().saturating_add(size);
        let exact = end.next_multiple_of(page).saturating_sub(self.brk.get());
        let step = (self.footprint.get() / STEPS).min(MAX_STEP).next_multiple_of(page).max(exact);
        let room = self.size.get() - self.brk.get();
        let by = if step <= room && self.fits(step) {
            step
        } else if exact <= room && (self.fits(exact) || self.trim(exact)) {
            exact
        } else {
            return false;
        };
        let brk = self.brk.get() + by;
        if self.brk.get() < self.high.get() {
            self.regret(by);
        }
        self.brk.set(brk);
        self.high.set(self.high.get().max(brk));
        self.footprint.set(self.footprint.get() + by);
        true
    }

    /// Gives back the pages between `top` and the break.
    pub(super) fn lower_break(self) {
        let lo = self.top.get().next_multiple_of(self.page.get());
        let brk = self.brk.get();
        if lo < brk && self.drop(lo, brk) == brk {
            self.footprint.set(self.footprint.get().saturating_sub(brk - lo));
            self.brk.set(lo);
        }
    }

    /// The block before `top` was freed, and `gone` was part of it.
    pub(super) fn top_grew(self, gone: Gone) {
        self.footprint.set(self.footprint.get() + gone.len());
        if gone.len() > 0 || (self.brk.get() - self.top.get() >= WORTH && self.is_loose()) {
            self.lower_break();
        }
    }

    /// Pages that were given back are wanted again.
    pub(super) fn regret(self, bytes: usize) {
        self.keep.set(self.keep.get().saturating_add(bytes).min(MAX_KEEP));
    }

    /// Whether more lies idle than is worth keeping.
    fn is_loose(self) -> bool {
        self.footprint.get() > self.live.get().saturating_mul(2).saturating_add(self.keep.get())
    }

    /// Whether the quick lists hold more than that.
    #[inline]
    pub(super) fn is_quick_full(self) -> bool {
        self.quick_bytes.get() > self.live.get().saturating_add(self.keep.get())
    }

    /// After a merge: gives back the inside of a large free block if the heap is loose.
    pub(super) fn maybe_give_back(self, block: usize, size: usize, gone: Gone) {
        if size >= WORTH && self.is_loose() && self.interior(block, size).len() - gone.len() >= WORTH {
            self.give_back(block);
        }
    }

    /// Two free blocks become one: their gone pages become one range, by giving back what lies between them.
    pub(super) fn join(self, a: Gone, b: Gone) -> Gone {
        if a.len() == 0 || b.len() == 0 {
            return if a.len() == 0 { b } else { a };
        }
        let between = b.lo - a.hi;
        if self.drop(a.hi, b.lo) == b.lo {
            self.footprint.set(self.footprint.get().saturating_sub(between));
            return Gone { lo: a.lo, hi: b.hi };
        }
        let (keep, forget) = if a.len() > b.len() { (a, b) } else { (b, a) };
        self.footprint.set(self.footprint.get() + forget.len());
        keep
    }

    /// Gives back the whole pages inside a free block.
    fn give_back(self, block: usize) {
        let all = self.interior(block, self.size_of(block));
        let gone = self.gone(block);
        if gone == all || all.len() == 0 {
            return;
        }
        let now = if gone.len() == 0 {
            Gone { lo: all.lo, hi: self.drop(all.lo, all.hi) }
        } else {
            let lo = if self.drop(all.lo, gone.lo) == gone.lo { all.lo } else { gone.lo };
            Gone { lo, hi: self.drop(gone.hi, all.hi) }
        };
        self.set_gone(block, now);
        self.footprint.set((self.footprint.get() + gone.len()).saturating_sub(now.len()));
    }

    /// Gives back free pages, from the largest blocks down, until `more` bytes may be touched; says whether they may.
    fn trim(self, more: usize) -> bool {
        if self.dry.get() {
            return false;
        }
        let mut seen = 0usize;
        for bin in (bin_of(self.page.get() + 2 * ENDS)..BINS).rev() {
            let mut block = self.first_in(bin);
            while block != 0 {
                self.give_back(block);
                if self.fits(more) {
                    return true;
                }
                seen += 1;
                if seen.is_multiple_of(256) && self.is_due() {
                    return false;
                }
                block = self.next(block);
            }
        }
        // Nothing is left to give until something is freed.
        self.dry.set(true);
        false
    }

    /// Drops the pages from `lo` to `hi`; says how far it came.
    fn drop(self, lo: usize, hi: usize) -> usize {
        let mut at = lo;
        while at < hi {
            let len = PIECE.min(hi - at);
            // SAFETY: both ends are page aligned and inside the slot; nobody's bytes lie between (module text).
            if (at > lo && self.is_due()) || !unsafe { drop_pages(self.ptr(at), len) } {
                break;
            }
            at += len;
        }
        at
    }
}
