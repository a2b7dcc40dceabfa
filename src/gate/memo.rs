//! Which tables a parcel has already: known by address, charged like the parcel's bytes.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::rc::Rc;

use super::exchange::{Bill, NoMemory};
use crate::engine::heap::Budget;

/// Tables that an idle memo keeps its room for.
const KEEP: usize = 256;

/// Bytes of one bucket: an entry and its mark.
const BUCKET: usize = size_of::<(usize, u32)>() + 1;

/// Multiplies: table addresses need no more.
#[derive(Default)]
struct AddressHasher(u64);

impl Hasher for AddressHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &b in bytes {
            self.0 = (self.0 ^ u64::from(b)).wrapping_mul(0x100_0000_01b3);
        }
    }

    fn write_usize(&mut self, n: usize) {
        let mixed = (n as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = mixed ^ (mixed >> 32);
    }
}

/// The numbers of the tables in a parcel, by address.
#[derive(Default)]
pub struct Memo {
    numbers: HashMap<usize, u32, BuildHasherDefault<AddressHasher>>,
    bill: Bill,
}

/// Bytes of a map that holds so many entries without growing.
fn bytes_for(capacity: usize) -> usize {
    match capacity {
        0 => 0,
        // The map keeps an eighth of its buckets empty.
        n => n.saturating_mul(8).div_ceil(7).next_power_of_two().saturating_mul(BUCKET),
    }
}

impl Memo {
    pub fn len(&self) -> usize {
        self.numbers.len()
    }

    /// The number of the table at `address`, and whether it had one already: else it gets the next.
    pub fn meet(&mut self, address: usize) -> Result<(u32, bool), NoMemory> {
        let next = self.numbers.len() as u32;
        let capacity = self.numbers.capacity();
        if next as usize == capacity {
            if let Some(&number) = self.numbers.get(&address) {
                return Ok((number, true));
            }
            // While it grows, old and new lie side by side.
            let (now, next) = (bytes_for(capacity), bytes_for(capacity.saturating_mul(2).max(3)));
            self.bill.raise_to(now.saturating_add(next))?;
            self.numbers.try_reserve(1).map_err(|_| NoMemory)?;
            self.bill.lower_to(bytes_for(self.numbers.capacity()));
        }
        // There is room.
        let number = *self.numbers.entry(address).or_insert(next);
        Ok((number, number != next))
    }

    pub fn clear(&mut self) {
        self.numbers.clear();
    }

    /// How many tables there is room for.
    pub fn room(&self) -> usize {
        self.numbers.capacity()
    }

    /// Has room for `n` tables, and nothing in it.
    pub fn set_room(&mut self, n: usize) -> Result<(), NoMemory> {
        if n != self.numbers.capacity() {
            self.numbers = HashMap::default();
            self.numbers.try_reserve(n).map_err(|_| NoMemory)?;
        }
        self.bill.lower_to(bytes_for(n));
        self.bill.raise_to(bytes_for(n))
    }

    /// Makes `payer` pay for it from now on.
    pub fn pay_by(&mut self, payer: Option<Rc<Budget>>) -> Result<(), NoMemory> {
        self.bill.pay_by(payer, bytes_for(self.numbers.capacity()))
    }

    /// Empties it, and gives back what it was charged.
    pub fn reset(&mut self) {
        self.numbers.clear();
        if self.numbers.capacity() > KEEP {
            self.numbers = HashMap::default();
        }
        self.bill.refund();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_budget_refuses_growth_and_what_was_charged_is_given_back() {
        let budget = Budget::new(100_000, None);
        let mut memo = Memo::default();
        memo.pay_by(Some(Rc::clone(&budget))).unwrap();
        let mut met = 0;
        while memo.meet(met * 56) == Ok((met as u32, false)) {
            met += 1;
            assert!(memo.numbers.capacity() * BUCKET <= budget.used(), "{met} tables are not paid for");
        }
        assert!(met > 1000, "only {met} tables for 100,000 bytes");
        assert_eq!(memo.meet(56), Ok((1, true)));
        memo.reset();
        assert_eq!(budget.used(), 0);
    }
}
