//! A box made of a snapshot: a clone, a box below that is wanted again, a saved image brought back.

use std::rc::Rc;

use super::{at_rest, no_memory, Snapshot};
use crate::engine::heap::{Budget, Heap, HeapCopy, Moved, Slot};
use crate::engine::spare::room_for_shared;
use crate::gate::core::{Core, Status};
use crate::gate::limits::{slot_size, whole, Asked, Limit};
use crate::gate::random;
use crate::gate::realm::Realm;
use crate::gate::request::Id;
use crate::lua::compat::JIT;

/// What a box is made of.
pub(super) enum Source<'a> {
    /// A box of the asker's: with limits of its own choice, and nothing spent.
    Own(&'a Snapshot, &'a Asked, &'a Moved),
    /// A box below such a one, or one that is wanted again.
    Below(&'a Snapshot, &'a Moved),
}

/// A slot in which the copy of a heap works.
pub(super) fn slot_for(copy: &HeapCopy, size: usize) -> Option<Slot> {
    match JIT {
        true => Slot::take_at(size, copy.base()),
        false => Slot::take_like(size, copy.base()),
    }
    .filter(|slot| copy.fits(slot))
}

/// An independent box in the same state.
pub(super) fn clone(realm: &Realm, core: &Rc<Core>, asked: &Asked) -> Result<Rc<Core>, String> {
    if JIT {
        return Err("cannot clone a box on LuaJIT: its tables hash whole addresses".to_owned());
    }
    at_rest(core)?;
    let snapshot = Snapshot::take(realm, core)?;
    let clone = make(realm, core.parent.as_ref(), Id::NONE, Source::Own(&snapshot, asked, &[]), false)?;
    let books = &clone.copies;
    books.era.set(realm.next_number());
    // The owner has nothing of the clone yet.
    *books.held.borrow_mut() = snapshot.wall.had_outside().then(Vec::new);
    Ok(clone)
}

/// Makes a box of `source` and all below it, known to `parent` as `name`, or by its own number. `again`: it goes on where it was, with what it
/// has spent.
pub(super) fn make(
    realm: &Realm,
    parent: Option<&Rc<Core>>,
    name: Id,
    source: Source<'_>,
    again: bool,
) -> Result<Rc<Core>, String> {
    let (snapshot, asked, moved) = match source {
        Source::Own(snapshot, asked, moved) => (snapshot, Some(asked), moved),
        Source::Below(snapshot, moved) => (snapshot, None, moved),
    };
    let settings = &snapshot.settings;
    let mut limits = settings.limits.asked();
    if let Some(asked) = asked {
        limits.override_with(asked);
    }
    let memory = limits.get(Limit::Memory).unwrap_or(Limit::Memory.definition().default);
    if !room_for_shared::<Budget>() {
        return Err(no_memory());
    }
    let budget = Budget::new(whole(memory), parent.map(|parent| Rc::clone(&parent.budget)));
    let heap = match &snapshot.heap {
        Some(copy) => {
            let slot = slot_for(copy, slot_size(memory)).ok_or_else(no_memory)?;
            if again {
                // Whoever goes back has looked whether there is room.
                budget.charge_anyway(copy.live());
            } else if !budget.charge(copy.live()) {
                return Err(no_memory());
            }
            Some(Heap::of_copy(slot, Rc::clone(&budget), copy, moved).ok_or_else(no_memory)?)
        }
        None => None,
    };
    let id = realm.reserve().ok_or_else(no_memory)?;
    let heard = parent.is_none_or(|parent| parent.children.borrow_mut().try_reserve(1).is_ok());
    if !heard || !room_for_shared::<Core>() {
        realm.unreserve(id);
        return Err(no_memory());
    }
    let seed = random::seed();
    let mut core = Core::new(id, parent.cloned(), &limits, budget, seed);
    core.secret = snapshot.secret;
    // It is no fresh box, so no recording of it can begin.
    core.tape.note_call();
    if name != Id::NONE {
        core.name = name;
    }
    if let Some(heap) = &heap {
        core.main.set(snapshot.main_at(heap.header() as usize) as *mut _);
    }
    *core.heap.borrow_mut() = heap;
    let core = Rc::new(core);
    realm.insert(Rc::clone(&core));
    let filled = fill(realm, &core, snapshot, moved, again);
    let known = parent.is_none_or(|parent| core.name == id || parent.copies.add_alias(core.name, id));
    if let (Ok(()), true) = (&filled, known) {
        return Ok(core);
    }
    realm.close(id);
    Err(filled.err().unwrap_or_else(no_memory))
}

/// Gives a new box what of the snapshot lies outside the heap, and the boxes below.
fn fill(
    realm: &Realm,
    core: &Rc<Core>,
    snapshot: &Snapshot,
    moved: &Moved,
    again: bool,
) -> Result<(), String> {
    let settings = &snapshot.settings;
    snapshot.put_books(core).ok_or_else(no_memory)?;
    *core.files.grants.borrow_mut() = settings.grants.clone();
    core.files.take_over(core, &snapshot.files)?;
    if core.name == core.id {
        core.ledger.restore_own_side(&snapshot.wall);
    } else {
        core.ledger.restore(&snapshot.wall);
    }
    core.copies.era.set(snapshot.era);
    core.environment.set(settings.environment);
    core.set_bindings(settings.streams);
    if again {
        core.spent.set(settings.spent);
    }
    let killed = matches!(settings.status, Status::Killed(_));
    if killed || again {
        core.status.set(settings.status);
        *core.stopped.borrow_mut() = super::copied(&settings.stopped)?;
        *core.traceback.borrow_mut() = settings.traceback.as_deref().map(super::copied).transpose()?;
    }
    let payer = core.parent.as_ref().map(|parent| &parent.budget);
    if core.name != core.id {
        *core.copies.marks.borrow_mut() = snapshot.marks.charged(payer).ok_or_else(no_memory)?;
    }
    for below in &snapshot.below {
        make(realm, Some(core), below.name, Source::Below(&below.snapshot, moved), again)?;
    }
    core.copies.note_moved(core, moved).ok_or_else(no_memory)
}
