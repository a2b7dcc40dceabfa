//! Numbers for what lies in a list that has holes: the place there, and how many numbers had been given. None is given twice, and each fits a float.

use std::cell::{Cell, RefCell};

use super::core;

/// Bits of a number that are the place.
const INDEX_BITS: u32 = 24;

/// As many numbers are told apart as the other bits can count.
const COUNTED: u64 = (1 << (53 - INDEX_BITS)) - 1;

/// The place in a number: of what is there no two have the same.
pub fn index_of(number: u64) -> usize {
    (number & ((1 << INDEX_BITS) - 1)) as usize
}

/// What is free of a list, and the numbers given.
#[derive(Default)]
pub struct Places {
    free: RefCell<Vec<usize>>,
    made: Cell<u64>,
}

impl Places {
    /// A number, and an empty place in `all` for what gets it; `None` where there is no memory.
    pub fn reserve<T>(&self, all: &RefCell<Vec<Option<T>>>) -> Option<u64> {
        let mut all = all.try_borrow_mut().ok()?;
        let mut free = self.free.try_borrow_mut().ok()?;
        let index = match free.pop() {
            Some(index) => index,
            None => {
                let index = all.len();
                if index >= 1 << INDEX_BITS {
                    return None;
                }
                all.try_reserve(1).ok()?;
                free.try_reserve(index + 1).ok()?;
                all.push(None);
                index
            }
        };
        Some((self.next() & COUNTED) << INDEX_BITS | index as u64)
    }

    /// What had this number is gone from its place, or has never come there.
    pub fn vacate(&self, number: u64) {
        if let Ok(mut free) = self.free.try_borrow_mut() {
            // Room for every place was reserved with it.
            free.push(index_of(number));
        }
    }

    /// How many places are empty.
    pub fn vacant(&self) -> usize {
        self.free.try_borrow().map_or(0, |free| free.len())
    }

    /// The list has been emptied, too.
    pub fn clear(&self) {
        core::clear(&self.free);
    }

    /// The count that was given last.
    pub fn made(&self) -> u64 {
        self.made.get()
    }

    /// A count that nothing else has got.
    pub fn next(&self) -> u64 {
        self.made.set(self.made.get() + 1);
        self.made.get()
    }

    /// None of the counts up to `made` is given from now on.
    pub fn skip_to(&self, made: u64) {
        self.made.set(self.made.get().max(made & COUNTED));
    }
}
