//! The budget: how many bytes a box may hold, in a chain up to the first box.
//!
//! A byte charged to a box is charged to every box above it, and is granted only if each of them can bear it. What
//! came from below is kept apart from what a node charged itself, so that disposing of a box gives back exactly its
//! own bytes. A node that has none above it is charged by fewer steps (`charge_alone`): each block passes here twice.
//!
//! A chain belongs to one thread. All of `charge` and `release` is plain stores: a hard stop between two of them
//! leaves the counters off by that one block.

use std::cell::Cell;
use std::rc::Rc;

/// One node of the chain.
pub struct Budget {
    used: Cell<usize>,
    peak: Cell<usize>,
    limit: Cell<usize>,
    /// What of `used` others charged, those below.
    below: Cell<usize>,
    /// What of its own lies outside the heap.
    outside: Cell<usize>,
    parent: Option<Rc<Budget>>,
}

impl Budget {
    /// No limit.
    pub const UNLIMITED: usize = usize::MAX;

    /// A node below `parent`, or the first of a chain. `limit` is in bytes.
    pub fn new(limit: usize, parent: Option<Rc<Budget>>) -> Rc<Budget> {
        Rc::new(Budget {
            used: Cell::new(0),
            peak: Cell::new(0),
            limit: Cell::new(limit),
            below: Cell::new(0),
            outside: Cell::new(0),
            parent,
        })
    }

    /// This node and those above it.
    #[inline]
    fn chain(&self) -> impl Iterator<Item = &Budget> {
        std::iter::successors(Some(self), |b| b.parent.as_deref())
    }

    /// How many more bytes this node alone would grant.
    #[inline]
    fn room(&self) -> usize {
        self.limit.get().saturating_sub(self.used.get())
    }

    /// How many more bytes the whole chain would grant.
    pub fn headroom(&self) -> usize {
        self.chain().map(Budget::room).fold(usize::MAX, usize::min)
    }

    /// Adds `n` bytes to this node and all above it, or to none if one of them would go past its limit.
    #[inline]
    #[must_use]
    pub fn charge(&self, n: usize) -> bool {
        if self.chain().any(|b| n > b.room()) {
            return false;
        }
        self.charge_anyway(n);
        true
    }

    /// The same, whatever the limits say.
    #[inline]
    pub fn charge_anyway(&self, n: usize) {
        for b in self.chain() {
            let used = b.used.get().saturating_add(n);
            b.used.set(used);
            if used > b.peak.get() {
                b.peak.set(used);
            }
        }
        for b in self.chain().skip(1) {
            b.below.set(b.below.get().saturating_add(n));
        }
    }

    /// As [`Budget::charge`] for a small `n`, if nobody stands above and the limit allows; else nothing has happened.
    #[inline(always)]
    #[must_use]
    pub(super) fn charge_alone(&self, n: usize) -> bool {
        let used = self.used.get().wrapping_add(n);
        if used > self.limit.get() || self.parent.is_some() {
            return false;
        }
        self.used.set(used);
        if used > self.peak.get() {
            self.peak.set(used);
        }
        true
    }

    /// As [`Budget::release`], if nobody stands above; else nothing has happened.
    #[inline(always)]
    #[must_use]
    pub(super) fn release_alone(&self, n: usize) -> bool {
        if self.parent.is_some() {
            return false;
        }
        self.used.set(self.used.get() - n.min(self.own()));
        true
    }

    /// As [`Budget::charge`], for what lies outside the heap: buffers, and what others keep of the box.
    #[must_use]
    pub fn charge_outside(&self, n: usize) -> bool {
        let granted = self.charge(n);
        if granted {
            self.outside.set(self.outside.get().saturating_add(n));
        }
        granted
    }

    /// Gives back what [`Budget::charge_outside`] has charged.
    pub fn release_outside(&self, n: usize) {
        let n = n.min(self.outside.get());
        self.outside.set(self.outside.get() - n);
        self.release(n);
    }

    /// Gives back all that was charged for the heap.
    pub fn close_heap(&self) {
        self.release(self.own().saturating_sub(self.outside.get()));
    }

    /// Gives back `n` bytes that this node charged.
    #[inline]
    pub fn release(&self, n: usize) {
        // Never more than was charged: a box that has been closed has given everything back already.
        let n = n.min(self.own());
        for b in self.chain() {
            b.used.set(b.used.get().saturating_sub(n));
        }
        for b in self.chain().skip(1) {
            b.below.set(b.below.get().saturating_sub(n));
        }
    }

    /// Gives back whatever this node charged itself and still holds. Those below have closed before.
    pub fn close(&self) {
        self.outside.set(0);
        self.release(self.own());
    }

    /// Bytes held by this node and all below it.
    pub fn used(&self) -> usize {
        self.used.get()
    }

    /// The most that `used` has ever been.
    pub fn peak(&self) -> usize {
        self.peak.get()
    }

    /// Bytes that this node charged itself.
    #[inline]
    pub fn own(&self) -> usize {
        self.used.get().saturating_sub(self.below.get())
    }

    /// This node's limit; [`Budget::UNLIMITED`] for none.
    pub fn limit(&self) -> usize {
        self.limit.get()
    }

    /// May be set below what is used: then nothing is granted until enough has been given back.
    pub fn set_limit(&self, limit: usize) {
        self.limit.set(limit);
    }

    /// The nearest node, this one included, that would refuse `n` more bytes.
    #[cfg(test)]
    pub fn first_full(&self, n: usize) -> Option<&Budget> {
        self.chain().find(|b| n > b.room())
    }

    /// The smallest limit in force here.
    pub fn smallest_limit(&self) -> usize {
        self.chain().map(Budget::limit).fold(Budget::UNLIMITED, usize::min)
    }
}

impl Drop for Budget {
    fn drop(&mut self) {
        self.close();
    }
}
