//! What a wall owes: functions and streams that one side has let go of and the other doesn't know of yet, and the host's files that a
//! box has been given. It lies outside both heaps; the box pays for it.
//!
//! Room for a release is made when something is sent, so that none is ever lost for want of memory.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use super::copies::pack::{Packer, Unpacker};
use super::core::clear;
use super::exchange::{Bill, NoMemory};
use crate::engine::heap::Budget;

/// Number and count of a release.
type Release = (u64, u64);

/// Releases that an idle list keeps room for.
const KEEP: usize = 64;

/// Proxies that one side has let go of.
#[derive(Default)]
struct Releases {
    list: Vec<Release>,
    /// What is under way, proxies that are there, and releases in the list.
    expected: usize,
    bill: Bill,
}

impl Releases {
    fn new(payer: &Rc<Budget>) -> RefCell<Releases> {
        let mut releases = Releases::default();
        // Nothing is charged yet, so nothing is refused.
        let _ = releases.bill.pay_by(Some(Rc::clone(payer)), 0);
        RefCell::new(releases)
    }

    fn expect(&mut self) -> Result<(), NoMemory> {
        if self.expected >= self.list.capacity() {
            let capacity = self.list.capacity().saturating_mul(2).max(KEEP);
            self.bill.raise_to(capacity.saturating_mul(size_of::<Release>()))?;
            self.list.try_reserve_exact(capacity - self.list.len()).map_err(|_| NoMemory)?;
        }
        self.expected += 1;
        Ok(())
    }

    fn push(&mut self, release: Release) {
        // Never past what was reserved: this must not allocate.
        if self.list.len() < self.list.capacity() {
            self.list.push(release);
        }
    }

    fn next(&mut self) -> Option<Release> {
        let release = self.list.pop()?;
        self.expected = self.expected.saturating_sub(1);
        if self.list.is_empty() && self.list.capacity() > KEEP.max(self.expected.saturating_mul(4)) {
            self.list.shrink_to(KEEP.max(self.expected.saturating_mul(2)));
            self.bill.lower_to(self.list.capacity().saturating_mul(size_of::<Release>()));
        }
        Some(release)
    }
}

/// What a snapshot keeps of one direction.
#[derive(Default)]
struct KeptReleases {
    list: Vec<Release>,
    expected: usize,
}

impl Releases {
    fn kept(&self) -> Result<KeptReleases, NoMemory> {
        let mut list = Vec::new();
        list.try_reserve_exact(self.list.len()).map_err(|_| NoMemory)?;
        list.extend_from_slice(&self.list);
        Ok(KeptReleases { list, expected: self.expected })
    }

    /// Room that can't be had or paid for is a release that is lost, and what it stands for is kept for good.
    fn restore(&mut self, kept: &KeptReleases) {
        let capacity = kept.expected.max(kept.list.len());
        self.list.clear();
        if capacity > self.list.capacity() {
            let _ = self.bill.raise_to(capacity.saturating_mul(size_of::<Release>()));
            let _ = self.list.try_reserve_exact(capacity);
        }
        self.expected = 0;
        for &release in &kept.list {
            self.push(release);
        }
        self.expected = kept.expected;
    }
}

/// A wall's books as a snapshot keeps them.
#[derive(Default)]
pub struct Kept {
    up: KeptReleases,
    down: KeptReleases,
    crowds: [usize; 2],
    files: HashMap<u64, usize>,
}

impl KeptReleases {
    fn pack(&self, to: &mut Packer) -> Result<(), NoMemory> {
        to.numbers([self.expected as u64, self.list.len() as u64])?;
        to.numbers(self.list.iter().flat_map(|&(number, count)| [number, count]))
    }

    fn unpack(from: &mut Unpacker<'_>) -> Option<KeptReleases> {
        let expected = from.size().filter(|&expected| expected <= MOST_EXPECTED)?;
        Some(KeptReleases { expected, list: from.list(16, |from| Some((from.number()?, from.number()?)))? })
    }
}

/// Releases that an image may ask room for.
const MOST_EXPECTED: usize = 1 << 30;

impl Kept {
    /// For an image, which knows nothing of the host's files.
    pub fn pack(&self, to: &mut Packer) -> Result<(), NoMemory> {
        self.up.pack(to)?;
        self.down.pack(to)?;
        to.numbers(self.crowds.map(|crowd| crowd as u64))
    }

    pub fn unpack(from: &mut Unpacker<'_>) -> Option<Kept> {
        let (up, down) = (KeptReleases::unpack(from)?, KeptReleases::unpack(from)?);
        Some(Kept { up, down, crowds: [from.size()?, from.size()?], files: HashMap::new() })
    }

    /// Whether the owner had anything of the box.
    pub fn had_outside(&self) -> bool {
        self.down.expected > 0
    }
}

/// What a side has let go of, as it is kept in journals.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Books {
    pub list: Vec<(u64, u64)>,
    pub expected: usize,
    pub capacity: usize,
    pub crowd: usize,
}

/// One wall's books.
pub struct Ledger {
    up: RefCell<Releases>,
    down: RefCell<Releases>,
    /// How many proxies each side may have before it collects for the sake of the other: twice what the last collection left.
    crowds: [Cell<usize>; 2],
    /// Address of the userdata of each of the host's files that the box was given, by its number. The box's handle keeps them alive.
    files: RefCell<HashMap<u64, usize>>,
}

/// Which side lets go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// The box, of what its owner has.
    Up,
    /// The owner, of what the box has.
    Down,
}

impl Ledger {
    pub fn new(payer: &Rc<Budget>) -> Ledger {
        Ledger {
            up: Releases::new(payer),
            down: Releases::new(payer),
            crowds: Default::default(),
            files: RefCell::default(),
        }
    }

    /// The box is closed.
    pub fn empty(&self) {
        clear(&self.up);
        clear(&self.down);
        clear(&self.files);
    }

    /// The books as they are.
    pub fn kept(&self) -> Result<Kept, NoMemory> {
        let files = self.files.try_borrow().map_err(|_| NoMemory)?;
        let mut copy = HashMap::new();
        copy.try_reserve(files.len()).map_err(|_| NoMemory)?;
        copy.extend(files.iter().map(|(&number, &address)| (number, address)));
        let kept = |way| self.releases(way).try_borrow().map_err(|_| NoMemory)?.kept();
        let crowds = self.crowds.each_ref().map(Cell::get);
        Ok(Kept { up: kept(Way::Up)?, down: kept(Way::Down)?, crowds, files: copy })
    }

    /// The books as they were, where both sides have become what they were.
    pub fn restore(&self, kept: &Kept) {
        self.restore_own_side(kept);
        if let Ok(mut down) = self.down.try_borrow_mut() {
            down.restore(&kept.down);
        }
        for (place, crowd) in self.crowds.iter().zip(kept.crowds) {
            place.set(crowd);
        }
    }

    /// Likewise, where the owner stays what it is, and tells anew what it has.
    pub fn restore_own_side(&self, kept: &Kept) {
        if let Ok(mut up) = self.up.try_borrow_mut() {
            up.restore(&kept.up);
        }
        if let Ok(mut down) = self.down.try_borrow_mut() {
            down.expected = down.expected.saturating_sub(down.list.len());
            down.list.clear();
        }
        if let Ok(mut files) = self.files.try_borrow_mut() {
            files.clear();
            if files.try_reserve(kept.files.len()).is_ok() {
                files.extend(kept.files.iter().map(|(&number, &address)| (number, address)));
            }
        }
    }

    fn releases(&self, way: Way) -> &RefCell<Releases> {
        match way {
            Way::Up => &self.up,
            Way::Down => &self.down,
        }
    }

    /// A sending that needs no release of its own after all.
    pub fn unexpect(&self, way: Way) {
        if let Ok(mut releases) = self.releases(way).try_borrow_mut() {
            releases.expected = releases.expected.saturating_sub(1);
        }
    }

    /// Something is sent: room for its release.
    pub fn expect(&self, way: Way) -> Result<(), NoMemory> {
        self.releases(way).try_borrow_mut().map_err(|_| NoMemory)?.expect()
    }

    /// A proxy that stood for `count` sendings of `number` is gone.
    pub fn release(&self, way: Way, number: u64, count: u64) {
        if let Ok(mut releases) = self.releases(way).try_borrow_mut() {
            releases.push((number, count));
        }
    }

    /// The next one that the side that has it is to be told of.
    pub fn next_release(&self, way: Way) -> Option<Release> {
        self.releases(way).try_borrow_mut().ok()?.next()
    }

    /// Whether nobody is to be told of anything.
    pub fn is_settled(&self) -> bool {
        [&self.up, &self.down].iter().all(|way| way.try_borrow().is_ok_and(|way| way.list.is_empty()))
    }

    /// Proxies that are there on one side, garbage included.
    pub fn proxies(&self, way: Way) -> usize {
        self.releases(way)
            .try_borrow()
            .map_or(0, |releases| releases.expected.saturating_sub(releases.list.len()))
    }

    pub fn crowd(&self, way: Way) -> &Cell<usize> {
        let [up, down] = &self.crowds;
        match way {
            Way::Up => up,
            Way::Down => down,
        }
    }

    pub fn books(&self, way: Way) -> Option<Books> {
        let releases = self.releases(way).try_borrow().ok()?;
        let (list, capacity) = (releases.list.clone(), releases.list.capacity());
        Some(Books { list, expected: releases.expected, capacity, crowd: self.crowd(way).get() })
    }

    /// Makes the books what they were; `None` where there is no memory.
    pub fn set_books(&self, way: Way, books: &Books) -> Option<()> {
        self.crowd(way).set(books.crowd);
        let mut releases = self.releases(way).try_borrow_mut().ok()?;
        let mut list = Vec::new();
        list.try_reserve_exact(books.capacity.max(books.list.len())).ok()?;
        list.extend_from_slice(&books.list);
        let bytes = list.capacity().saturating_mul(size_of::<Release>());
        releases.bill.lower_to(bytes);
        releases.bill.raise_to(bytes).ok()?;
        releases.list = list;
        releases.expected = books.expected;
        Some(())
    }

    pub fn note_file(&self, number: u64, address: usize) -> Result<(), NoMemory> {
        let mut files = self.files.try_borrow_mut().map_err(|_| NoMemory)?;
        files.try_reserve(1).map_err(|_| NoMemory)?;
        files.insert(number, address);
        Ok(())
    }

    pub fn forget_file(&self, number: u64) {
        if let Ok(mut files) = self.files.try_borrow_mut() {
            files.remove(&number);
        }
    }

    pub fn file(&self, number: u64) -> Option<usize> {
        self.files.try_borrow().ok()?.get(&number).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_paid_for_while_their_proxies_live() {
        let budget = Budget::new(1 << 20, None);
        let ledger = Ledger::new(&budget);
        for _ in 0..10_000 {
            ledger.expect(Way::Up).unwrap();
        }
        assert!(budget.used() >= 160_000);
        for number in 0..10_000 {
            ledger.release(Way::Up, number, 1);
        }
        let mut told = 0;
        while ledger.next_release(Way::Up).is_some() {
            told += 1;
        }
        assert_eq!(told, 10_000);
        assert!(budget.used() <= KEEP * size_of::<Release>());
    }

    #[test]
    fn a_full_budget_refuses_the_proxy() {
        let budget = Budget::new(4096, None);
        let ledger = Ledger::new(&budget);
        let made = (0..10_000).take_while(|_| ledger.expect(Way::Down).is_ok()).count();
        assert!((64..=256).contains(&made), "{made}");
    }
}
