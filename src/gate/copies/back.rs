//! Going back to a mark: the heap, and what of the box lies outside and goes with it, become what they were.
//!
//! Whatever may fail is done first; then all of it happens.

use std::collections::VecDeque;
use std::rc::Rc;

use super::made::{self, Source};
use super::{next_number, no_memory, Below, Snapshot};
use crate::engine::heap::{Heap, Slot};
use crate::engine::luajit;
use crate::gate::core::{Core, Kind, Status};
use crate::gate::limits::{slot_size, Limit};
use crate::gate::parcel::Reader;
use crate::gate::realm::{dispose, Realm};
use crate::lua::compat::JIT;

/// Takes the box back to the mark whose number comes first in the parcel; then come number and count of what its owner has of it.
pub(super) fn rollback(realm: &Realm, core: &Rc<Core>, mut sent: Reader<'_>) -> Result<(), String> {
    if core.running.get() > 0 {
        return Err("sandbox is running".to_owned());
    }
    if !core.tape.is_off() {
        return Err("a box that is recorded can't be rolled back".to_owned());
    }
    let number = next_number(&mut sent).unwrap_or(0);
    let mark = core.copies.marks.borrow().get(number);
    let snapshot = mark.ok_or_else(|| "the mark is gone".to_owned())?;
    let mut held = Vec::new();
    while let Some(number) = next_number(&mut sent) {
        held.try_reserve(1).map_err(|_| no_memory())?;
        held.push((number, next_number(&mut sent).unwrap_or(1)));
    }
    held.sort_unstable();
    let more = snapshot.live().saturating_sub(live(realm, core));
    if more > core.budget.headroom() {
        return Err(no_memory());
    }
    let mut slots = VecDeque::new();
    reserve(realm, core, &snapshot, &mut slots)?;
    apply(realm, core, &snapshot, &mut slots)?;
    let books = &core.copies;
    core.ledger.restore_own_side(&snapshot.wall);
    books.era.set(realm.next_number());
    // A box that had nothing outside believes nothing.
    *books.held.borrow_mut() = snapshot.wall.had_outside().then_some(held);
    Ok(())
}

/// Bytes of heap of a box and all below it.
fn live(realm: &Realm, core: &Core) -> usize {
    let own = core.heap.borrow().as_ref().map_or(0, Heap::live);
    let children = core.children.borrow();
    own + children.iter().filter_map(|&id| realm.find(id)).map(|child| live(realm, &child)).sum::<usize>()
}

/// The box below that a snapshot is of, if it is still there.
fn present(realm: &Realm, core: &Rc<Core>, below: &Below) -> Option<Rc<Core>> {
    let child = below.core.upgrade()?;
    let here = realm.find(child.id).is_some() && child.name == below.name;
    (here && child.parent.as_ref().is_some_and(|parent| Rc::ptr_eq(parent, core))).then_some(child)
}

/// Takes the slots that heaps want which have none now, in the order in which they will be used.
fn reserve(
    realm: &Realm,
    core: &Rc<Core>,
    snapshot: &Snapshot,
    slots: &mut VecDeque<Slot>,
) -> Result<(), String> {
    if let Some(copy) = &snapshot.heap {
        match &mut *core.heap.borrow_mut() {
            Some(heap) => {
                if heap.capacity() < copy.least() && !heap.grow(copy.least()) {
                    return Err(no_memory());
                }
            }
            None => {
                let size = slot_size(core.limits.get().get(Limit::Memory)).max(copy.least());
                let kept = core.copies.slot.borrow_mut().take().filter(|slot| copy.fits(slot));
                let slot = kept.or_else(|| made::slot_for(copy, size)).ok_or_else(no_memory)?;
                slots.try_reserve(1).map_err(|_| no_memory())?;
                slots.push_back(slot);
            }
        }
    }
    for below in &snapshot.below {
        if let Some(child) = present(realm, core, below) {
            reserve(realm, &child, &below.snapshot, slots)?;
        }
    }
    Ok(())
}

/// Puts a snapshot in place.
fn apply(
    realm: &Realm,
    core: &Rc<Core>,
    snapshot: &Snapshot,
    slots: &mut VecDeque<Slot>,
) -> Result<(), String> {
    close_others(realm, core, snapshot);
    let Some(copy) = &snapshot.heap else {
        if let Status::Killed(_) = snapshot.settings.status {
            core.status.set(snapshot.settings.status);
            dispose(core);
        }
        return Ok(());
    };
    let mut place = core.heap.borrow_mut();
    match &mut *place {
        Some(heap) => {
            luajit::unmap_code(core.main.get() as usize, heap);
            if !heap.restore(copy) {
                return Err(no_memory());
            }
            core.main.set(snapshot.main_at(heap.header() as usize) as *mut _);
        }
        None => {
            let slot = slots.pop_front().ok_or_else(no_memory)?;
            let heap = Heap::of_copy(slot, Rc::clone(&core.budget), copy, &[]).ok_or_else(no_memory)?;
            core.budget.charge_anyway(copy.live());
            core.main.set(snapshot.main_at(heap.header() as usize) as *mut _);
            *place = Some(heap);
        }
    }
    drop(place);
    revive(core);
    snapshot.put_books(core).ok_or_else(no_memory)?;
    core.files.restore(core, &snapshot.files);
    for below in &snapshot.below {
        match present(realm, core, below) {
            Some(child) => {
                apply(realm, &child, &below.snapshot, slots)?;
                child.ledger.restore(&below.snapshot.wall);
                child.copies.era.set(below.snapshot.era);
                *child.copies.marks.borrow_mut() =
                    below.snapshot.marks.charged(Some(&core.budget)).unwrap_or_default();
            }
            // Where it can't be had again (LuaJIT: its address is taken) it stays closed, as its handle will say.
            None => {
                let made =
                    made::make(realm, Some(core), below.name, Source::Below(&below.snapshot, &[]), true);
                if made.is_err() && !JIT {
                    return Err(no_memory());
                }
            }
        }
    }
    Ok(())
}

/// Closes the boxes below that weren't there yet: nobody knows them any more.
fn close_others(realm: &Realm, core: &Rc<Core>, snapshot: &Snapshot) {
    let children = core.children.borrow().clone();
    for id in children {
        let known = |below: &Below| present(realm, core, below).is_some_and(|child| child.id == id);
        if !snapshot.below.iter().any(known) {
            realm.close(id);
        }
    }
}

/// A box that was killed can go on, once it has what it was stopped for want of.
fn revive(core: &Core) {
    match core.status.get() {
        Status::Killed(Kind::Limit(limit)) => core.status.set(Status::Exhausted(Kind::Limit(limit))),
        Status::Killed(_) => core.status.set(Status::Ready),
        _ => {}
    }
}

impl Snapshot {
    /// What of a box lies outside and is known to its heap alone.
    pub(super) fn put_books(&self, core: &Core) -> Option<()> {
        core.threads.put(&self.threads)?;
        core.collected.set(self.collected);
        // Threads that were counted since are gone; those of then may have been.
        core.counted.set(self.counted);
        core.compiles.set(self.compiles);
        core.unseeded.set(self.unseeded);
        core.random.set(self.random);
        let exported = &core.copies.exported;
        exported.set(exported.get().max(self.exported));
        core.copies.forget_held();
        Some(())
    }
}
