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

use std::cell::RefCell;
use std::ptr;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::arena::Arena;
use super::budget::Budget;
use super::slots::Slot;
use super::Heap;

pub(super) const WORD: usize = size_of::<u64>();
/// Larger heaps are no fresh states.
const LARGEST: usize = 256 << 10;
/// What of a LuaJIT value is an address; the bits above are its type, all ones but for a few, or nothing.
const ADDRESS: u64 = (1 << 47) - 1;

/// Words that are copied at a time: what has been copied is still at hand when its pointers are moved.
const PIECE: usize = 240;

/// A heap as bytes.
pub struct Image {
    /// No two have the same.
    number: u64,
    base: usize,
    words: Box<[u64]>,
    /// Which words point into the heap: their indices.
    pointers: Box<[u32]>,
    /// How many of them lie in each piece.
    pieces: Box<[usize]>,
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
        self.merge();
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
        let mut pieces = Vec::new();
        pieces.try_reserve_exact(words.len().div_ceil(PIECE)).ok()?;
        pieces.resize(words.len().div_ceil(PIECE), 0);
        for &index in &pointers {
            *pieces.get_mut(index as usize / PIECE)? += 1;
        }
        let (live, number) = (arena.live.get(), COUNT.fetch_add(1, Relaxed));
        let (words, pointers, pieces) = (words.into(), pointers.into(), pieces.into());
        Some(Image { number, base, words, pointers, pieces, live, brk })
    }

    /// A heap in `slot` that is as the image's was, charged to `budget`. The slot must fit; `None` where the budget is too small.
    pub fn stamp(slot: Slot, budget: Rc<Budget>, image: &Image) -> Option<Heap> {
        if !image.fits(&slot) || !budget.charge(image.live) {
            return None;
        }
        slot.populate(image.words.len() * WORD);
        image.copy_to(&slot);
        let header = slot.base().cast::<Arena>().cast_const();
        // SAFETY: a header stands at the start of every image.
        unsafe { (*header).adopt(Arena::size_in(&slot), Rc::as_ptr(&budget)) };
        Some(Heap { header, slot: Some(slot), budget, trusted: true })
    }
}

/// What an image is in a slot that comes again and again, as it does where boxes are made and closed one after another.
struct Moved {
    number: u64,
    base: usize,
    /// None until the slot has come twice.
    lines: Vec<Line>,
}

/// Words that lie in one line of the processor's cache: copies go faster from its beginning. They are read by address.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
#[allow(dead_code)]
struct Line([u64; 8]);

static COUNT: AtomicU64 = AtomicU64::new(1);

thread_local! {
    static MOVED: RefCell<Moved> = const { RefCell::new(Moved { number: 0, base: 0, lines: Vec::new() }) };
}

impl Image {
    /// Copies the image to the start of a slot that fits.
    fn copy_to(&self, slot: &Slot) {
        let done =
            MOVED.try_with(|moved| moved.try_borrow_mut().map(|mut moved| moved.serve(self, slot)).is_ok());
        if done != Ok(true) {
            self.move_to(slot);
        }
    }

    /// Copies the image, and moves its pointers.
    fn move_to(&self, slot: &Slot) {
        let base = slot.base().cast::<u64>();
        let delta = (base as u64).wrapping_sub(self.base as u64);
        let mut pointers = &*self.pointers;
        let mut to = base;
        for (words, &count) in self.words.chunks(PIECE).zip(&self.pieces) {
            let (here, rest) = pointers.split_at_checked(count).unwrap_or_default();
            pointers = rest;
            // SAFETY: the slot is longer than the break, ours alone, and page aligned; pointers are indices into `words`, of this piece.
            unsafe {
                ptr::copy_nonoverlapping(words.as_ptr(), to, words.len());
                to = to.add(words.len());
                for &index in here {
                    let word = base.add(index as usize);
                    *word = (*word).wrapping_add(delta);
                }
            }
        }
    }
}

impl Moved {
    fn serve(&mut self, image: &Image, slot: &Slot) {
        let (base, len) = (slot.base().cast::<u64>(), image.words.len());
        let again = self.number == image.number && self.base == slot.base() as usize;
        let count = len.div_ceil(size_of::<Line>() / WORD);
        if again && self.lines.len() == count {
            // SAFETY: these lines hold the words of this image; the slot is longer, and ours alone.
            unsafe { ptr::copy_nonoverlapping(self.lines.as_ptr().cast(), base, len) };
            return;
        }
        image.move_to(slot);
        self.lines.clear();
        if again && self.lines.try_reserve_exact(count).is_ok() {
            self.lines.resize(count, Line([0; 8]));
            // SAFETY: so many words have just been written there, and so many lines have room for them.
            unsafe { ptr::copy_nonoverlapping(base, self.lines.as_mut_ptr().cast(), len) };
        }
        (self.number, self.base) = (image.number, slot.base() as usize);
    }
}
