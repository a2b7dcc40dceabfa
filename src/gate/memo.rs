//! Which tables a parcel has already: known by address, charged like the parcel's bytes.

use std::rc::Rc;

use once_cell::sync::Lazy;

use super::exchange::{Bill, NoMemory};
use super::random;
use crate::engine::heap::Budget;

/// Places that an idle memo keeps.
const KEEP: usize = 256;

/// What addresses are multiplied by. A box may know how its tables lie to each other, and must not choose ones that all lead to the same places: the
/// search would take as long as there are tables, and nothing stops it while the memo grows.
static FACTOR: Lazy<u64> = Lazy::new(|| {
    let [word, ..] = random::seed();
    word | 1
});

/// A table that has been met, in a place that its address leads to, or in the next free one. In words of half its address' length, so that none is
/// lost between two entries.
#[derive(Clone, Copy, Default)]
struct Met {
    /// Both halves are 0 for none.
    address: [u32; 2],
    number: u32,
}

impl Met {
    #[inline(always)]
    fn address(&self) -> u64 {
        let [low, high] = self.address;
        u64::from(low) | u64::from(high) << 32
    }
}

/// The numbers of the tables in a parcel, by address.
#[derive(Default)]
pub struct Memo {
    /// As many as a power of two, or none. A quarter of them stays free.
    places: Vec<Met>,
    len: u32,
    /// [`FACTOR`], as soon as there are places.
    factor: u64,
    /// Whether it may hold anything: it was first met while no stop could come.
    used: bool,
    bill: Bill,
}

/// Bytes of so many places.
fn bytes_for(places: usize) -> usize {
    places.saturating_mul(size_of::<Met>())
}

fn places(n: usize) -> Result<Vec<Met>, NoMemory> {
    let mut places = Vec::new();
    places.try_reserve_exact(n).map_err(|_| NoMemory)?;
    places.resize(n, Met::default());
    Ok(places)
}

/// Where a table is, or would be, among so many: a power of two.
#[inline(always)]
fn find(places: &mut [Met], factor: u64, address: u64) -> Option<&mut Met> {
    let mask = places.len().wrapping_sub(1);
    // Takes bits from the middle, to which all of an address' own have come.
    let mut at = (address.wrapping_mul(factor) >> 32) as usize & mask;
    while let Some(met) = places.get(at) {
        if met.address() == address || met.address() == 0 {
            return places.get_mut(at);
        }
        at = (at + 1) & mask;
    }
    None
}

impl Memo {
    pub fn len(&self) -> usize {
        self.len as usize
    }

    fn is_full(&self) -> bool {
        self.len() >= self.places.len() / 4 * 3
    }

    /// [`Memo::meet`] where nothing has to grow: `None`, and nothing has been done, where it has. No memory moves.
    #[inline(always)]
    pub fn meet_ready(&mut self, address: usize) -> Option<(u32, bool)> {
        if !self.used || self.is_full() {
            return None;
        }
        Some(self.note(address))
    }

    /// The number of the table at `address`; there is room for one more.
    #[inline(always)]
    fn note(&mut self, address: usize) -> (u32, bool) {
        let address = address as u64;
        let number = self.len;
        match find(&mut self.places, self.factor, address) {
            Some(met) if met.address() != 0 => (met.number, true),
            Some(met) => {
                *met = Met { address: [address as u32, (address >> 32) as u32], number };
                self.len = number + 1;
                (number, false)
            }
            None => (number, false),
        }
    }

    /// The number of the table at `address`, and whether it had one already: else it gets the next.
    pub fn meet(&mut self, address: usize) -> Result<(u32, bool), NoMemory> {
        self.used = true;
        if self.is_full() {
            if let Some(met) =
                find(&mut self.places, self.factor, address as u64).filter(|met| met.address() != 0)
            {
                return Ok((met.number, true));
            }
            self.grow()?;
        }
        Ok(self.note(address))
    }

    fn grow(&mut self) -> Result<(), NoMemory> {
        let now = self.places.len();
        let next = now.saturating_mul(2).max(16);
        // Old and new lie side by side.
        self.bill.raise_to(bytes_for(now).saturating_add(bytes_for(next)))?;
        let mut grown = places(next)?;
        self.factor = *FACTOR;
        for met in self.places.iter().filter(|met| met.address() != 0) {
            if let Some(place) = find(&mut grown, self.factor, met.address()) {
                *place = *met;
            }
        }
        self.places = grown;
        self.bill.lower_to(bytes_for(next));
        Ok(())
    }

    pub fn clear(&mut self) {
        if self.used {
            self.places.fill(Met::default());
            self.len = 0;
            self.used = false;
        }
    }

    /// How many places there are.
    pub fn room(&self) -> usize {
        self.places.len()
    }

    /// Has `n` places, a power of two or none, and nothing in them.
    pub fn set_room(&mut self, n: usize) -> Result<(), NoMemory> {
        self.clear();
        if n != self.places.len() {
            if n > 0 && !n.is_power_of_two() {
                return Err(NoMemory);
            }
            self.places = places(n)?;
            self.factor = *FACTOR;
        }
        self.bill.lower_to(bytes_for(n));
        self.bill.raise_to(bytes_for(n))
    }

    /// Makes `payer` pay for it from now on.
    pub fn pay_by(&mut self, payer: Option<Rc<Budget>>) -> Result<(), NoMemory> {
        self.bill.pay_by(payer, bytes_for(self.places.len()))
    }

    /// Empties it, and gives back what it was charged.
    pub fn reset(&mut self) {
        if self.places.len() > KEEP {
            self.places = Vec::new();
            (self.len, self.used) = (0, false);
        }
        self.clear();
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
        while memo.meet((met + 1) * 56) == Ok((met as u32, false)) {
            met += 1;
            assert!(bytes_for(memo.room()) <= budget.used(), "{met} tables are not paid for");
        }
        assert!(met > 1000, "only {met} tables for 100,000 bytes");
        assert_eq!(memo.meet_ready(56), None);
        assert_eq!(memo.meet(2 * 56), Ok((1, true)));
        memo.reset();
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn each_table_keeps_the_number_that_it_got_first() {
        let mut memo = Memo::default();
        // Alike in the bits that settle the place, for many sizes.
        let addresses: Vec<usize> = (1..2000).map(|i| if i % 3 == 0 { i << 40 } else { i << 4 }).collect();
        for round in 0..3 {
            // The first is met where it may be noted that there is something.
            assert_eq!(memo.meet_ready(addresses[0]), None);
            for (number, &address) in addresses.iter().enumerate() {
                assert_eq!(memo.meet(address), Ok((number as u32, false)), "round {round}");
                let first = addresses[number / 2];
                let ready = memo.meet_ready(first);
                assert!(ready.is_none() || ready == Some((number as u32 / 2, true)), "{ready:?}");
            }
            assert_eq!(memo.len(), addresses.len());
            assert!(addresses.iter().enumerate().all(|(n, &a)| memo.meet(a) == Ok((n as u32, true))));
            if round == 1 {
                memo.set_room(64).unwrap();
                assert_eq!(memo.room(), 64);
            } else {
                memo.clear();
            }
            assert_eq!(memo.len(), 0);
        }
        assert_eq!(memo.set_room(63), Err(NoMemory));
    }
}
