//! Marks: the states that a box can go back to, by number.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use super::{at_rest, no_memory, Snapshot};
use crate::engine::heap::Budget;
use crate::engine::spare::room_for_shared;
use crate::gate::core::{self, Core};
use crate::gate::exchange::Bill;
use crate::gate::realm::Realm;

/// A mark, and who pays for it: the box that has it made; a host, which has no budget, counts what all of them take.
struct Held {
    number: u64,
    snapshot: Rc<Snapshot>,
    _bill: Bill,
    _weight: Weight,
}

/// Bytes that all marks of one host state take. The count is had with the first mark and let go of with the state: marks may outlast that.
#[derive(Default)]
pub struct Total(RefCell<Option<Rc<Cell<usize>>>>);

impl Total {
    pub fn get(&self) -> usize {
        self.0.try_borrow().ok().and_then(|count| count.as_ref().map(|count| count.get())).unwrap_or(0)
    }

    /// Counts these bytes until the weight is dropped; `None` where there is no memory.
    fn add(&self, bytes: usize) -> Option<Weight> {
        let mut place = self.0.try_borrow_mut().ok()?;
        if place.is_none() && !room_for_shared::<Cell<usize>>() {
            return None;
        }
        let count = place.get_or_insert_default();
        count.set(count.get().saturating_add(bytes));
        Some(Weight(Rc::clone(count), bytes))
    }

    /// The host's state ends.
    pub fn clear(&self) {
        core::clear(&self.0);
    }
}

/// Bytes in the count of all marks.
struct Weight(Rc<Cell<usize>>, usize);

impl Drop for Weight {
    fn drop(&mut self) {
        self.0.set(self.0.get().saturating_sub(self.1));
    }
}

/// The marks of one box.
#[derive(Default)]
pub struct Marks(Vec<Held>);

impl Marks {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn get(&self, number: u64) -> Option<Rc<Snapshot>> {
        self.0.iter().find(|held| held.number == number).map(|held| Rc::clone(&held.snapshot))
    }

    pub(super) fn remove(&mut self, number: u64) {
        if let Some(at) = self.0.iter().position(|held| held.number == number) {
            self.0.swap_remove(at);
        }
    }

    /// Bytes that they take.
    pub(super) fn weight(&self) -> usize {
        self.0.iter().map(|held| held.snapshot.weight()).sum()
    }

    /// The same marks, for a snapshot to keep, which counts their bytes as its own.
    pub(super) fn shared(&self) -> Option<Marks> {
        let mut all = Vec::new();
        all.try_reserve_exact(self.0.len()).ok()?;
        let share = |held: &Held| Held {
            number: held.number,
            snapshot: Rc::clone(&held.snapshot),
            _bill: Bill::default(),
            _weight: Weight(Rc::clone(&held._weight.0), 0),
        };
        all.extend(self.0.iter().map(share));
        Some(Marks(all))
    }

    /// The same marks, for a box whose owner pays for them.
    pub(super) fn charged(&self, payer: Option<&Rc<Budget>>) -> Option<Marks> {
        let mut marks = self.shared()?;
        for held in &mut marks.0 {
            held._bill.pay_by(payer.cloned(), held.snapshot.weight()).ok()?;
        }
        Some(marks)
    }
}

/// Marks what the box is now; the number of the mark.
pub(super) fn checkpoint(realm: &Realm, asker: Option<&Rc<Core>>, core: &Rc<Core>) -> Result<u64, String> {
    at_rest(core)?;
    let snapshot = Snapshot::take(realm, core)?;
    let weight = snapshot.weight();
    let mut bill = Bill::default();
    bill.pay_by(asker.map(|asker| Rc::clone(&asker.budget)), weight).map_err(|_| no_memory())?;
    let mut marks = core.copies.marks.borrow_mut();
    if marks.0.try_reserve(1).is_err() || !room_for_shared::<Snapshot>() {
        return Err(no_memory());
    }
    let number = realm.next_number();
    let weight = realm.marked.add(weight).ok_or_else(no_memory)?;
    let snapshot = Rc::new(snapshot);
    marks.0.push(Held { number, snapshot, _bill: bill, _weight: weight });
    Ok(number)
}
