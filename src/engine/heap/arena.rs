//! The arena: the allocator that a box's Lua state is given.
//!
//! Its header stands at the start of the slot, so that dropping the slot drops everything, and holds nothing but
//! offsets and a few pointers out, so that a copy of the heap needs little setting right. Freed blocks of up to 512
//! bytes go to quick lists by size and come back from there unchanged; others are merged and kept by `blocks`.
//!
//! Charged are the bytes asked for, rounded up to 16. Lua's `osize` is trusted only as far as the block is long; it
//! is a type tag when there is no block yet.
//!
//! # Safety
//! Blocks are handed out once (see `blocks`), and nothing here calls Lua or keeps anything that needs dropping, for a
//! stop may abandon the stack as soon as the heap is whole again.
#![allow(unsafe_code)]

use std::cell::Cell;
use std::ffi::c_void;
use std::ptr;
use std::rc::Rc;

use super::blocks::{block_size, Space, BINS, BIN_WORDS, HEADER, MIN_BLOCK, QUICK, UNIT};
use super::budget::Budget;
use super::pages::KEEP;
use super::slots::{page_size, Slot};
use crate::engine::zone::Zone;

/// Offsets are kept in 32 bits, in units of 16 bytes.
const MAX_SLOT: usize = 64 << 30;
/// Blocks are copied, and quick lists emptied, in pieces, so that a stop that is due need not wait.
const COPY: usize = 4 << 20;
const EMPTY: usize = 1024;

/// The header of a heap, and the `ud` of its allocator.
#[repr(C)]
pub struct Arena {
    /// The box that this heap belongs to; the arena itself never looks.
    pub owner: Cell<*mut c_void>,
    /// Where the allocator says that it is at work; may be null.
    pub seat: Cell<*const Zone>,
    budget: Cell<*const Budget>,
    pub(super) size: Cell<usize>,
    pub(super) page: Cell<usize>,
    /// Bytes charged.
    pub(super) live: Cell<usize>,
    /// Bytes up to the break, less pages given back.
    pub(super) footprint: Cell<usize>,
    /// Where the next block's payload would be.
    pub(super) top: Cell<usize>,
    /// The break: how far blocks may reach.
    pub(super) brk: Cell<usize>,
    /// The highest that the break ever was.
    pub(super) high: Cell<usize>,
    /// Bytes on the quick lists.
    pub(super) quick_bytes: Cell<usize>,
    /// Idle bytes worth keeping.
    pub(super) keep: Cell<usize>,
    /// Nothing is left to trim.
    pub(super) dry: Cell<bool>,
    /// Which of `bins` hold any.
    pub(super) filled: [Cell<u64>; BIN_WORDS],
    pub(super) quick: [Cell<u32>; QUICK],
    pub(super) bins: [Cell<u32>; BINS],
}

const _: () = assert!(size_of::<Arena>() <= 816);

/// The first block's payload.
const FIRST: usize = (size_of::<Arena>() + HEADER).next_multiple_of(UNIT);

/// What is charged for a payload of `n` bytes.
#[inline]
pub(super) fn charge_of(n: usize) -> usize {
    n.saturating_add(UNIT - 1) & !(UNIT - 1)
}

impl Arena {
    /// Writes a fresh header at the start of `slot`. The budget has to outlive the heap.
    pub(super) fn create(slot: &Slot, budget: &Rc<Budget>) -> Option<*const Arena> {
        let page = page_size();
        let size = Arena::size_in(slot);
        let brk = FIRST.next_multiple_of(page);
        if size < brk {
            return None;
        }
        let head = slot.base().cast::<Arena>();
        // SAFETY: the slot is writable, page aligned, longer than the header, and nobody else's.
        unsafe {
            head.cast::<u8>().write_bytes(0, FIRST);
            (*head).budget.set(Rc::as_ptr(budget));
            (*head).size.set(size);
            (*head).page.set(page);
            (*head).footprint.set(brk);
            (*head).top.set(FIRST);
            (*head).brk.set(brk);
            (*head).high.set(brk);
            (*head).keep.set(KEEP);
        }
        Some(head)
    }

    /// How long a heap in `slot` can become.
    pub(super) fn size_in(slot: &Slot) -> usize {
        slot.size().min(MAX_SLOT) & !(page_size() - 1)
    }

    /// Takes what is this process' alone out of a copy of the header.
    pub(super) fn blind(words: &mut [u64]) {
        words.iter_mut().take(3).for_each(|word| *word = 0);
    }

    pub(super) fn budget_pointer(&self) -> *const Budget {
        self.budget.get()
    }

    /// This header has been copied from another heap: sets right what is this one's own.
    pub(super) fn adopt(&self, size: usize, budget: *const Budget) {
        self.owner.set(ptr::null_mut());
        self.seat.set(ptr::null());
        self.budget.set(budget);
        self.size.set(size);
        self.high.set(self.brk.get());
    }

    #[inline]
    pub(super) fn budget(&self) -> &Budget {
        // SAFETY: the `Heap` holds the budget for as long as the arena lives.
        unsafe { &*self.budget.get() }
    }

    #[inline]
    fn charge(&self, n: usize) -> bool {
        let granted = self.budget().charge(n);
        if granted {
            self.live.set(self.live.get() + n);
        }
        granted
    }

    #[inline]
    fn uncharge(&self, n: usize) {
        self.budget().release(n);
        self.live.set(self.live.get().saturating_sub(n));
    }

    pub(super) fn smallest_limit(&self) -> usize {
        self.budget().smallest_limit()
    }

    /// Bytes charged, bytes of address space touched, and how far it was ever touched.
    pub(super) fn sizes(&self) -> (usize, usize, usize) {
        (self.live.get(), self.footprint.get(), self.high.get())
    }

    /// The slot has become longer.
    pub(super) fn extend(&self, size: usize) {
        self.size.set(size.min(MAX_SLOT) & !(self.page.get() - 1));
    }

    pub(super) fn capacity(&self) -> usize {
        self.size.get()
    }

    /// Whether a stop waits for the allocator to finish.
    pub(super) fn is_due(&self) -> bool {
        let seat = self.seat.get();
        // SAFETY: whoever sets a seat takes it away before it goes.
        !seat.is_null() && unsafe { (*seat).is_due() }
    }
}

impl Space {
    #[inline(never)]
    pub(super) fn serve(self, ptr: *mut u8, osize: usize, nsize: usize) -> *mut u8 {
        if ptr.is_null() {
            return if nsize == 0 { ptr } else { self.fresh(nsize) };
        }
        let block = self.offset(ptr);
        if nsize == 0 {
            let size = self.size_of(block);
            self.uncharge(charge_of(osize.min(size - HEADER)));
            self.free(block, size);
            return ptr::null_mut();
        }
        self.change(block, osize, nsize)
    }

    fn fresh(self, n: usize) -> *mut u8 {
        if n > self.size.get() || !self.charge(charge_of(n)) {
            return ptr::null_mut();
        }
        match self.obtain(block_size(n)) {
            0 => {
                self.uncharge(charge_of(n));
                ptr::null_mut()
            }
            block => self.ptr(block),
        }
    }

    fn change(self, block: usize, osize: usize, nsize: usize) -> *mut u8 {
        let size = self.size_of(block);
        let osize = osize.min(size - HEADER);
        let (old, new) = (charge_of(osize), charge_of(nsize));
        if nsize > self.size.get() || (new > old && !self.charge(new - old)) {
            return ptr::null_mut();
        }
        let need = block_size(nsize);
        let now = if need > size { self.grow(block, size, need, osize) } else { block };
        if now == 0 {
            self.uncharge(new.saturating_sub(old));
            return ptr::null_mut();
        }
        if new < old {
            self.uncharge(old - new);
        }
        if size >= need + MIN_BLOCK {
            self.resize_block(block, need);
            self.make_block(block + need, size - need);
            self.put_back(block + need, size - need);
        }
        self.ptr(now)
    }

    /// A block of `size` bytes, or 0.
    #[inline]
    fn obtain(self, size: usize) -> usize {
        if let Some(head) = self.quick.get(size / UNIT) {
            let block = head.get() as usize * UNIT;
            if block != 0 {
                head.set((self.next(block) / UNIT) as u32);
                self.quick_bytes.set(self.quick_bytes.get() - size);
                return block;
            }
        }
        self.obtain_merged(size)
    }

    #[inline(never)]
    fn obtain_merged(self, size: usize) -> usize {
        let block = self.pick(size);
        if block != 0 || self.is_below_break(size) {
            return if block != 0 { block } else { self.cut_top(size) };
        }
        if self.quick_bytes.get() > self.footprint.get() / 8 {
            self.empty_quick();
            let block = self.pick(size);
            if block != 0 {
                return block;
            }
        }
        if self.is_below_break(size) || self.raise_break(size) {
            return self.cut_top(size);
        }
        // The footprint or the slot is at its end: use what lies about.
        self.empty_quick();
        let block = self.pick(size);
        if block != 0 {
            return block;
        }
        let block = self.search(size);
        if block != 0 && self.claim(block, block, size) {
            return block;
        }
        if self.is_below_break(size) || self.raise_break(size) {
            return self.cut_top(size);
        }
        0
    }

    fn pick(self, size: usize) -> usize {
        let block = self.find(size);
        if block != 0 && self.claim(block, block, size) {
            block
        } else {
            0
        }
    }

    /// Whether a block of `size` bytes behind `top` stays below the break; the next header has to as well.
    fn is_below_break(self, size: usize) -> bool {
        size <= self.brk.get() - self.top.get()
    }

    fn cut_top(self, size: usize) -> usize {
        let block = self.top.get();
        self.make_block(block, size);
        self.top.set(block + size);
        block
    }

    /// The block with room for `need` bytes, in its place or moved, or 0.
    fn grow(self, block: usize, size: usize, need: usize, used: usize) -> usize {
        let behind = block + size;
        if behind == self.top.get() {
            let more = need - size;
            if self.is_below_break(more) || self.raise_break(more) {
                self.resize_block(block, need);
                self.top.set(behind + more);
                return block;
            }
        } else if self.is_free(behind)
            && size + self.size_of(behind) >= need
            && self.claim(block, behind, need)
        {
            return block;
        }
        let to = self.obtain(need);
        if to == 0 {
            return 0;
        }
        if !self.copy(block, to, used) {
            self.free(to, self.size_of(to));
            return 0;
        }
        self.free(block, size);
        to
    }

    /// Copies a payload; gives up if a stop comes meanwhile, for then nobody will miss it.
    #[inline]
    fn copy(self, from: usize, to: usize, len: usize) -> bool {
        let mut at = 0;
        while at < len {
            if at > 0 && self.is_due() {
                return false;
            }
            let n = COPY.min(len - at);
            // SAFETY: both blocks are at least `len` long, in use, and distinct.
            unsafe { ptr::copy_nonoverlapping(self.ptr(from + at), self.ptr(to + at), n) };
            at += n;
        }
        true
    }

    #[inline]
    fn free(self, block: usize, size: usize) {
        let Some(head) = self.quick.get(size / UNIT) else { return self.put_back(block, size) };
        self.set_next(block, head.get() as usize * UNIT);
        head.set((block / UNIT) as u32);
        self.quick_bytes.set(self.quick_bytes.get() + size);
        if self.is_quick_full() {
            self.empty_quick();
        }
    }

    /// Frees for good what the quick lists hold, or as much as there is time for if a stop is due.
    #[cold]
    #[inline(never)]
    pub(super) fn empty_quick(self) {
        let mut seen = 0usize;
        for head in &self.quick {
            while head.get() != 0 {
                let block = head.get() as usize * UNIT;
                let size = self.size_of(block);
                head.set((self.next(block) / UNIT) as u32);
                self.quick_bytes.set(self.quick_bytes.get() - size);
                self.put_back(block, size);
                seen += 1;
                if seen.is_multiple_of(EMPTY) && self.is_due() {
                    return;
                }
            }
        }
    }
}
