//! The image: a heap at rest, kept as bytes, from which others are made by copying.
//!
//! A copy in another slot is the same program once every word that points into the old slot has been moved by the difference of
//! the two bases. Which words do is told by their looks: bases are chosen at random above 16 TiB, so nothing else in a state that has
//! only just been opened looks like one; and the first copy of each image is tested before it serves (`gate::image`).
//! PUC Lua hashes an address by its low 32 bits, which all slots of a family share, so tables stay in order.
//!
//! # Safety
//! Bytes are copied between a heap that nobody runs and a slot that nobody else has. An arena's own lists are offsets.
#![allow(unsafe_code)]

use std::ptr;
use std::rc::Rc;

use super::arena::Arena;
use super::blocks::Space;
use super::budget::Budget;
use super::slots::Slot;
use super::Heap;

pub(super) const WORD: usize = size_of::<u64>();
/// Larger heaps are no fresh states.
const LARGEST: usize = 256 << 10;
/// What of a LuaJIT value is an address; the bits above are its type, all ones but for a few, or nothing.
const ADDRESS: u64 = (1 << 47) - 1;

/// A heap as bytes.
pub struct Image {
    base: usize,
    words: Box<[u64]>,
    /// Which words point into the heap: their indices.
    pointers: Box<[u32]>,
    /// What the heap holds, and how far its break has been raised.
    live: usize,
    brk: usize,
}

/// Whether `word` points into the `len` bytes at `base`.
pub(super) fn points_into(word: u64, base: usize, len: usize) -> bool {
    let address = if cfg!(feature = "luajit") {
        let kind = word >> 47;
        if kind != 0 && kind < 0x1_fff0 {
            return false;
        }
        word & ADDRESS
    } else {
        word
    };
    address.wrapping_sub(base as u64) < len as u64
}

impl Image {
    /// Where `address` of the heap that was captured lies from its base.
    pub fn offset_of(&self, address: usize) -> usize {
        address.wrapping_sub(self.base)
    }

    /// Whether a copy in this slot would be sound: hashed addresses must not change.
    pub fn fits(&self, slot: &Slot) -> bool {
        let base = slot.base() as usize;
        base as u32 == self.base as u32 && slot.size() >= self.brk
    }

    /// Whether this is where the heap lay that was captured: a copy there tests nothing.
    pub fn was_at(&self, slot: &Slot) -> bool {
        slot.base() as usize == self.base
    }
}

impl Heap {
    /// This heap as an image. Nobody runs in it, nor has since it was opened.
    pub fn capture(&self) -> Option<Image> {
        let arena = self.arena();
        // What opening left behind, in pieces of its own sizes, is to serve whatever comes first: copies then need no page more for that.
        // SAFETY: the header of a living heap.
        unsafe { Space::at(self.header.cast_mut().cast()) }.empty_quick();
        let (base, top, brk) = (self.header as usize, arena.top.get(), arena.brk.get());
        if brk > LARGEST || top % WORD != 0 {
            return None;
        }
        let mut words = Vec::new();
        words.try_reserve_exact(top / WORD).ok()?;
        // SAFETY: `top` bytes from the base on are the heap's own and have been written; the vector has room for as many.
        unsafe {
            ptr::copy_nonoverlapping(base as *const u64, words.as_mut_ptr(), top / WORD);
            words.set_len(top / WORD);
        }
        let mut pointers = Vec::new();
        for (index, &word) in words.iter().enumerate().skip(size_of::<Arena>() / WORD) {
            if points_into(word, base, brk) {
                pointers.try_reserve(1).ok()?;
                pointers.push(index as u32);
            }
        }
        let live = arena.live.get();
        Some(Image { base, words: words.into(), pointers: pointers.into(), live, brk })
    }

    /// A heap in `slot` that is as the image's was, charged to `budget`. The slot must fit; `None` where the budget is too small.
    pub fn stamp(slot: Slot, budget: Rc<Budget>, image: &Image) -> Option<Heap> {
        if !image.fits(&slot) || !budget.charge(image.live) {
            return None;
        }
        slot.populate(image.words.len() * WORD);
        let Some(header) = Arena::create(&slot, &budget) else {
            budget.release(image.live);
            return None;
        };
        let base = slot.base();
        let delta = (base as u64).wrapping_sub(image.base as u64);
        // SAFETY: the slot is longer than the break, ours alone, and page aligned; pointers are indices into `words`, below the break.
        // The header's own pointers and size are those that `create` has just written.
        unsafe {
            let (size, budget) = ((*header).size.get(), (*header).budget_pointer());
            ptr::copy_nonoverlapping(image.words.as_ptr(), base.cast::<u64>(), image.words.len());
            (*header).adopt(size, budget);
            for &index in &image.pointers {
                let word = base.cast::<u64>().add(index as usize);
                *word = (*word).wrapping_add(delta);
            }
        }
        Some(Heap { header, slot: Some(slot), budget, trusted: true })
    }
}
