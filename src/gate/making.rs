//! A box is made: its slot and its budget, its heap as a copy of the image, and what is known of it outside that.

use std::rc::Rc;
use std::sync::Arc;

use super::core::{Core, Status};
use super::grants::Grants;
use super::image::{self, Fresh};
use super::limits::{slot_size, whole, Asked, Limit, MAX_DEPTH};
use super::realm::Realm;
use super::request::{Entry, Id};
use crate::engine::heap::{Budget, Heap, Slot};
use crate::engine::spare::room_for_shared;
use crate::lua::compat::NO_MEMORY;

/// An image, and whether it has been tested.
type Pattern = Option<(Arc<Fresh>, bool)>;

/// A new box, and what is to run in it before it can be used; or what is wrong.
pub fn make(
    realm: &Realm,
    parent: Option<&Rc<Core>>,
    asked: &Asked,
    grants: Grants,
) -> Result<(Rc<Core>, Option<Entry>), String> {
    if let Some(parent) = parent {
        if parent.depth_left() == 0 {
            let own = parent.limits.get().get(Limit::Depth);
            let level = parent.chain().count() as u32;
            let limit = if level >= MAX_DEPTH { f64::from(MAX_DEPTH) } else { own };
            return Err(Limit::Depth.message(limit));
        }
    }
    make_by(realm, parent, asked, grants, image::current()).ok_or_else(|| NO_MEMORY.to_owned())
}

/// A box of the host's own that can be used as it is; `None`, and nothing made, where one would have to run first, or there is no memory.
pub fn make_at_once(realm: &Realm, asked: &Asked) -> Option<Id> {
    if !realm.is_open() {
        return None;
    }
    let image = image::tested_one()?;
    let (core, first) = make_by(realm, None, asked, Grants::default(), Some((image, true)))?;
    if first.is_some() {
        realm.close(core.id);
        return None;
    }
    Some(core.id)
}

fn make_by(
    realm: &Realm,
    parent: Option<&Rc<Core>>,
    asked: &Asked,
    grants: Grants,
    image: Pattern,
) -> Option<(Rc<Core>, Option<Entry>)> {
    let memory = asked.get(Limit::Memory).unwrap_or(Limit::Memory.definition().default);
    if !room_for_shared::<Budget>() {
        return None;
    }
    let budget = Budget::new(whole(memory), parent.map(|p| Rc::clone(&p.budget)));
    let mut slot = Slot::take(slot_size(memory))?;
    if image.as_ref().is_some_and(|(image, tested)| !tested && image.heap.was_at(&slot)) {
        // Taken before the first one is given back.
        slot = Slot::take(slot_size(memory))?;
    }
    let image = image.filter(|(image, _)| image.heap.fits(&slot));
    let heap = match &image {
        Some((image, _)) => Heap::stamp(slot, Rc::clone(&budget), &image.heap),
        None => Heap::create(slot, Rc::clone(&budget)),
    };
    let heap = heap?;
    let id = realm.reserve()?;
    let heard = parent.is_none_or(|parent| parent.children.borrow_mut().try_reserve(1).is_ok());
    let core = if heard { realm.spare.core(id, parent, asked, budget) } else { None };
    let Some(core) = core else {
        realm.unreserve(id);
        return None;
    };
    *core.heap.borrow_mut() = Some(heap);
    *core.files.grants.borrow_mut() = grants;
    realm.insert(Rc::clone(&core));
    let first = match image {
        Some((image, tested)) => {
            image.adopt(&core);
            (!tested).then_some(Entry::Check)
        }
        None => Some(Entry::Open),
    };
    Some((core, first))
}

/// Empties the heap of a box that has not been opened yet; false where there is no memory for another.
pub fn empty(core: &Core) -> bool {
    core.status.set(Status::Ready);
    core.main.set(std::ptr::null_mut());
    core.threads.reset(0);
    let Ok(mut place) = core.heap.try_borrow_mut() else { return false };
    if let Some(mut heap) = place.take() {
        // The test may have crashed in it.
        heap.distrust();
    }
    let slot = Slot::take(slot_size(core.limits.get().get(Limit::Memory)));
    *place = slot.and_then(|slot| Heap::create(slot, Rc::clone(&core.budget)));
    place.is_some()
}
