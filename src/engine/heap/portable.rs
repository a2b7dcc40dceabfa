//! A heap at rest as bytes that another process can take up.
//!
//! Words that point into the heap are moved with it; words that point into a loaded object (the interpreter, this library) are moved with
//! that object, which must be the same build: it is known by its build id. Both are told by their looks, as for the image of a fresh state.
//! PUC Lua hashes an address by its low 32 bits, so the new slot has the same; LuaJIT hashes all of it: there it is the same slot.
//!
//! # Safety
//! Bytes are copied between a heap that nobody runs and a buffer. What is loaded is believed: a heap is as powerful as machine code, and
//! whoever loads one has checked where it comes from.
#![allow(unsafe_code)]

use std::ptr;

use super::arena::Arena;
use super::image::points_into;
use super::Heap;
use crate::engine::objects::{loaded, Object};

const WORD: usize = size_of::<u64>();

/// A heap as bytes.
#[derive(Debug, Default, PartialEq)]
pub struct Portable {
    pub base: u64,
    /// How long the slot was.
    pub size: u64,
    pub words: Vec<u64>,
    /// The loaded objects that it points into.
    pub objects: Vec<Object>,
}

impl Heap {
    /// This heap as bytes; nobody runs in it. `None` where there is no memory for them.
    pub fn portable(&self) -> Option<Portable> {
        let arena = self.arena();
        let (base, top, brk) = (self.header() as usize, arena.top.get(), arena.brk.get());
        let mut words: Vec<u64> = Vec::new();
        words.try_reserve_exact(top / WORD + 1).ok()?;
        // SAFETY: `top` bytes from the base on are the heap's own; the vector has room for as many. Blocks are multiples of 16.
        unsafe {
            ptr::copy_nonoverlapping(base as *const u64, words.as_mut_ptr(), top / WORD);
            words.set_len(top / WORD);
        }
        let head = size_of::<Arena>() / WORD;
        let mut met = vec![false; loaded().len()];
        for &word in words.iter().skip(head) {
            if points_into(word, base, brk) {
                continue;
            }
            if let Some((_, met)) = loaded().iter().zip(&mut met).find(|(object, _)| object.contains(word)) {
                *met = true;
            }
        }
        let objects =
            loaded().iter().zip(met).filter(|(_, met)| *met).map(|(object, _)| object.clone()).collect();
        // Where this process keeps its own pointers is nobody's business.
        if let Some(head) = words.get_mut(..head) {
            Arena::blind(head);
        }
        Some(Portable { base: base as u64, size: arena.capacity() as u64, words, objects })
    }

    /// Makes this heap what `image` was; the slot has to lie as the image asks. On failure the heap can't be used any more.
    pub fn load(&self, image: &Portable) -> Result<(), String> {
        let arena = self.arena();
        let (base, len) = (self.header() as u64, image.words.len() * WORD);
        let like =
            if cfg!(feature = "luajit") { base == image.base } else { base as u32 == image.base as u32 };
        if !like {
            return Err("the heap can't have the place that it needs".to_owned());
        }
        let broken = || Err("broken heap".to_owned());
        let size = usize::try_from(image.size).unwrap_or(usize::MAX);
        if len < size_of::<Arena>() || len > size || size > self.slot_size() {
            return broken();
        }
        let mut moves = Vec::new();
        for object in &image.objects {
            match loaded().iter().find(|other| other.is_build_of(object)) {
                Some(other) => moves.push((object, other.start.wrapping_sub(object.start))),
                None => {
                    let other = loaded().iter().find(|other| other.name == object.name);
                    let found =
                        other.map_or("not loaded here".to_owned(), |other| format!("here {}", other.shown()));
                    return Err(format!("other build: {}, {found}", object.shown()));
                }
            }
        }
        let budget = arena.budget_pointer();
        let before = arena.sizes().0;
        // SAFETY: the slot is as long as was checked; nobody runs in the heap. The arena's own pointers are put back.
        unsafe {
            let (owner, seat) = (arena.owner.get(), arena.seat.get());
            ptr::copy_nonoverlapping(image.words.as_ptr(), base as *mut u64, image.words.len());
            arena.adopt(size, budget);
            arena.owner.set(owner);
            arena.seat.set(seat);
        }
        if arena.top.get() != len || arena.brk.get() < len || arena.brk.get() > size {
            return broken();
        }
        let (old, brk) = (image.base as usize, arena.brk.get());
        let delta = base.wrapping_sub(image.base);
        for at in size_of::<Arena>() / WORD..image.words.len() {
            let place = (base as *mut u64).wrapping_add(at);
            // SAFETY: below `len`, which the slot has.
            unsafe {
                let word = *place;
                if points_into(word, old, brk) {
                    *place = word.wrapping_add(delta);
                } else if let Some((_, by)) = moves.iter().find(|(object, _)| object.contains(word)) {
                    *place = word.wrapping_add(*by);
                }
            }
        }
        self.budget.release(before);
        if !self.budget.charge(arena.sizes().0) {
            return Err(crate::lua::compat::NO_MEMORY.to_owned());
        }
        Ok(())
    }

    /// How long the slot really is.
    fn slot_size(&self) -> usize {
        self.slot.as_ref().map_or(0, |slot| slot.size())
    }
}
