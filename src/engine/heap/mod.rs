//! The box's own heap: an allocator in an address range of its own, under a budget.
//!
//! | file | what |
//! |---|---|
//! | `slots` | ranges of address space, recycled |
//! | `reserve` | where those ranges come from |
//! | `budget` | the chain of limits that each byte is charged to |
//! | `arena` | the header, and how blocks are served |
//! | `quick` | the `lua_Alloc`, and its shortest road |
//! | `blocks` | how a heap is divided, and the lists of free blocks |
//! | `copy` | a heap at rest as bytes, put back or made into another |
//! | `image` | a fresh state as bytes, and copies made of it |
//! | `pages` | how much a heap touches, and what it gives back |
//! | `tables` | those whose keys have moved, in another process |
//!
//! Dropping a [`Heap`] drops everything in it: no walk, no `lua_close`.
//!
//! # Safety
//! A `Heap` owns its slot, and with it the header that it reads; each file below says what its own `unsafe` rests on.
#![allow(unsafe_code)]

mod arena;
mod blocks;
mod budget;
mod copy;
mod image;
mod pages;
mod quick;
mod reserve;
mod slots;
#[cfg_attr(feature = "luajit", path = "no_tables.rs")]
pub mod tables;
#[cfg(test)]
mod tests;

use std::rc::Rc;

use super::objects;

pub use arena::Arena;
pub use budget::Budget;
pub use copy::{HeapCopy, HeapParts, Move, Moved};
pub use image::Image;
pub use quick::allocate;
#[cfg(test)]
pub use slots::page_size;
pub use slots::{fork_lock, fork_unlock, Slot};
#[cfg(test)]
pub use tests::check;

/// A heap: its slot, its budget, and between them what was charged.
pub struct Heap {
    header: *const Arena,
    slot: Option<Slot>,
    budget: Rc<Budget>,
    trusted: bool,
}

impl Heap {
    /// A fresh heap in `slot`, charged to `budget`. `None` if the slot is too small for its header.
    pub fn create(slot: Slot, budget: Rc<Budget>) -> Option<Heap> {
        let header = Arena::create(&slot, &budget)?;
        Some(Heap { header, slot: Some(slot), budget, trusted: true })
    }

    fn arena(&self) -> &Arena {
        // SAFETY: the header stands in the slot, which this heap owns; all of it is cells.
        unsafe { &*self.header }
    }

    /// The arena's header, which [`allocate`] takes as its `ud`.
    pub fn header(&self) -> *const Arena {
        self.header
    }

    /// How long the slot is: no limit can grant more.
    pub fn capacity(&self) -> usize {
        self.arena().capacity()
    }

    /// Makes room for a limit that has been raised; false where the slot can't be that long.
    pub fn grow(&mut self, size: usize) -> bool {
        let Some(slot) = self.slot.as_mut() else { return false };
        let done = slot.grow(size);
        let size = slot.size();
        self.arena().extend(size);
        done
    }

    /// Makes the heap seem to have a slot of that length, no more than it has.
    pub fn set_capacity(&self, size: usize) {
        self.arena().extend(size.min(self.slot.as_ref().map_or(0, Slot::size)));
    }

    /// The heap is dropped after a crash: its own figures are not to be believed.
    pub fn distrust(&mut self) {
        self.trusted = false;
    }

    /// Whether the heap is as its interpreter left it, and not as a crash did.
    #[cfg(feature = "luajit")]
    pub fn is_trusted(&self) -> bool {
        self.trusted
    }

    /// Where what an address lies in begins: this heap, or a loaded object.
    pub fn start_around(&self, address: usize) -> usize {
        match self.contains(address) {
            true => self.header as usize,
            false => objects::holder(address as u64).map_or(0, |object| object.start as usize),
        }
    }

    /// Makes small blocks that were freed one with what is free beside them.
    pub fn merge(&self) {
        // SAFETY: the header of a living heap; nobody is in its allocator.
        unsafe { blocks::Space::at(self.header.cast_mut().cast()) }.empty_quick();
    }

    /// Whether an address lies in this heap's slot.
    pub fn contains(&self, addr: usize) -> bool {
        addr.wrapping_sub(self.header as usize) < self.capacity()
    }

    /// Bytes in use, as charged to the budget.
    pub fn live(&self) -> usize {
        self.arena().sizes().0
    }

    /// Bytes of the slot that may have pages behind them.
    #[cfg(test)]
    pub fn footprint(&self) -> usize {
        self.arena().sizes().1
    }

    /// How much of the slot was ever in use.
    #[cfg(test)]
    pub fn high_water(&self) -> usize {
        self.arena().sizes().2
    }

    #[cfg(test)]
    pub fn budget(&self) -> &Rc<Budget> {
        &self.budget
    }
}

impl Drop for Heap {
    fn drop(&mut self) {
        if !self.trusted {
            // The budget knows itself what was charged; dropping the slot gives all of it back.
            self.budget.close_heap();
            return;
        }
        let (live, _, high) = self.arena().sizes();
        self.budget.release(live);
        if let Some(slot) = self.slot.take() {
            slot.release(high);
        }
    }
}
