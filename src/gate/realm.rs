//! All boxes of one host state, at every depth, and the way into the driver.
//!
//! # Safety
//! The realm lies in a userdata of the host's registry, so it is there as long as its state; it is used by whichever OS thread runs
//! that state, one at a time. It is only reached through shared references: all of it is in cells.
#![allow(unsafe_code)]

mod forgotten;
mod ways;

use std::cell::{Cell, RefCell};
use std::mem;
use std::os::raw::c_int;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::rc::Rc;

use super::copies::Total;
use super::core::{Core, Status};
use super::driver;
use super::exchange::Desk;
use super::journal::under;
use super::level::Level;
use super::limits::Asked;
use super::making;
use super::parked::{self, Parking};
use super::places::{self, Places};
use super::request::Id;
use super::run::Run;
use super::scalars::Scalars;
use super::serve::direct;
use super::spare::Spare;
use super::trace::Trace;
use super::waiting;
use super::workers::Workers;
use crate::engine::{clock, luajit};
use crate::lua::{function, Key, State};
pub use forgotten::{collect_forgotten, collect_marks};
use forgotten::{CROWD, MARKED};
pub use ways::{abandon, begin, call_short, cross, go_on, go_on_long};

/// The boxes of one host state.
pub struct Realm {
    pub desk: RefCell<Desk>,
    cores: RefCell<Vec<Option<Rc<Core>>>>,
    places: Places,
    /// Calls of the driver inside one another, through the host's own stack.
    pub nesting: Cell<usize>,
    pub parking: Parking,
    /// The error that went across a wall last.
    pub trace: RefCell<Trace>,
    pub scalars: Scalars,
    /// What has come of a call that has left the short road, until its bare code takes it.
    pub(super) long: Cell<Option<driver::Long>>,
    /// Address of the host's function that the innermost driver serves from, and the run whose results are to be sent: see
    /// [`super::serve::direct`].
    pub(super) caller: Cell<usize>,
    pub(super) delivering: Cell<*const Run>,
    /// Stacks between two calls.
    pub workers: Workers,
    /// What is left of boxes that were closed.
    pub spare: Spare,
    open: Cell<bool>,
    /// Bytes that all marks of boxes take.
    pub marked: Total,
    /// How much that may be before those of forgotten marks are collected.
    most_marked: Cell<usize>,
    /// How many boxes there may be before the next one has the handles of forgotten ones collected.
    crowd: Cell<usize>,
}

/// The index in an id: of the boxes that are there no two have the same.
pub fn index_of(id: Id) -> usize {
    places::index_of(id.0)
}

static REALM: Key = Key::new();

/// Bare: makes the realm of a host state if it has none.
pub fn open(s: State) {
    s.registry_get(&REALM);
    let there = !s.userdata(-1).is_null();
    s.pop(1);
    if there {
        return;
    }
    let place = s.new_userdata(mem::size_of::<Realm>()) as *mut Realm;
    let realm = Realm {
        desk: RefCell::new(Desk::new(None)),
        cores: RefCell::default(),
        places: Places::default(),
        nesting: Cell::new(0),
        parking: Parking::default(),
        trace: RefCell::default(),
        scalars: Scalars::default(),
        long: Cell::new(None),
        caller: Cell::new(0),
        delivering: Cell::new(std::ptr::null()),
        workers: Workers::default(),
        spare: Spare::default(),
        open: Cell::new(true),
        marked: Total::default(),
        most_marked: Cell::new(MARKED),
        crowd: Cell::new(CROWD),
    };
    // SAFETY: fresh memory of that size; Lua aligns userdata for any type.
    unsafe { place.write(realm) };
    s.new_table();
    s.push_function(function(collect));
    s.raw_set_field(-2, c"__gc");
    s.push_bool(false);
    s.raw_set_field(-2, c"__metatable");
    s.set_metatable(-2);
    s.registry_set(&REALM);
    super::link::open(s, false);
    waiting::open(s);
    direct::open(s);
}

/// Bare: the realm of a host state.
pub fn of(s: State) -> *mut Realm {
    s.registry_get(&REALM);
    let place = s.userdata(-1) as *mut Realm;
    s.pop(1);
    if place.is_null() {
        s.raise(c"sandbox: this Lua state has not opened the library");
    }
    place
}

/// The host state ends: every box is closed. The memory stays valid until Lua frees it.
fn collect(s: State) -> c_int {
    let place = s.userdata(1) as *const Realm;
    // SAFETY: the metatable is reachable by our code alone.
    if let Some(realm) = unsafe { place.as_ref() } {
        realm.shut();
    }
    0
}

impl Realm {
    fn shut(&self) {
        self.open.set(false);
        let cores = mem::take(&mut *self.cores.borrow_mut());
        for core in cores.iter().flatten() {
            core.status.set(Status::Closed);
        }
        parked::shut(self);
        for core in cores.iter().flatten() {
            under::let_go(self, core);
        }
        for core in cores.iter().flatten() {
            dispose(core);
        }
        self.places.clear();
        *self.desk.borrow_mut() = Desk::new(None);
        *self.trace.borrow_mut() = Trace::default();
        self.workers.dismiss();
        self.spare.clear();
        self.marked.clear();
    }

    pub fn is_open(&self) -> bool {
        self.open.get()
    }

    /// The box of that id, if it has not been closed.
    pub fn find(&self, id: Id) -> Option<Rc<Core>> {
        let index = index_of(id);
        let cores = self.cores.try_borrow().ok()?;
        cores.get(index)?.as_ref().filter(|core| core.id == id).cloned()
    }

    /// The box that `asker` (`None`: the host) knows by that number.
    pub fn known(&self, asker: Option<&Core>, name: Id) -> Option<Rc<Core>> {
        let id = asker.and_then(|asker| asker.copies.alias(name)).unwrap_or(name);
        let core = self.find(id)?;
        let mine = match (&core.parent, asker) {
            (None, None) => true,
            (Some(parent), Some(asker)) => std::ptr::eq(&**parent, asker),
            _ => false,
        };
        (mine && core.name == name).then_some(core)
    }

    /// The number given last.
    pub fn made(&self) -> u64 {
        self.places.made()
    }

    /// None of the numbers up to `made` is given from now on.
    pub fn skip_to(&self, made: u64) {
        self.places.skip_to(made);
    }

    /// A number that nothing else of this realm has.
    pub fn next_number(&self) -> u64 {
        self.places.next()
    }

    /// A new id, and where its box goes.
    pub fn reserve(&self) -> Option<Id> {
        self.places.reserve(&self.cores).map(Id)
    }

    /// Gives back an id that no box has got.
    pub fn unreserve(&self, id: Id) {
        self.places.vacate(id.0);
    }

    /// The host's own boxes.
    #[cfg(test)]
    pub fn boxes(&self) -> Vec<Rc<Core>> {
        self.cores.borrow().iter().flatten().filter(|core| core.parent.is_none()).cloned().collect()
    }

    /// How many boxes there are, all levels.
    fn count(&self) -> usize {
        let cores = self.cores.try_borrow().map_or(0, |cores| cores.len());
        cores.saturating_sub(self.places.vacant())
    }

    pub fn insert(&self, core: Rc<Core>) {
        let index = index_of(core.id);
        if let Some(parent) = &core.parent {
            parent.children.borrow_mut().push(core.id);
        }
        if let Some(place) = self.cores.borrow_mut().get_mut(index) {
            *place = Some(core);
        }
    }

    /// Closes a box and all below it. What runs in them ends when control comes back to it.
    pub fn close(&self, id: Id) {
        if let Some(core) = self.find(id) {
            self.close_known(core);
        }
    }

    fn close_known(&self, core: Rc<Core>) {
        let id = core.id;
        let index = index_of(id);
        if let Some(parent) = &core.parent {
            parent.children.borrow_mut().retain(|&child| child != id);
            parent.copies.forget_alias(core.name);
        }
        self.close_below(&core);
        core.status.set(Status::Closed);
        if let Some(place) = self.cores.borrow_mut().get_mut(index) {
            *place = None;
        }
        self.places.vacate(id.0);
        if core.running.get() > 0 {
            under::let_go(self, &core);
            parked::close(self, &core);
        }
        if core.running.get() == 0 {
            dispose(&core);
            self.spare.keep(core);
        } else {
            clock::note_closing();
        }
    }

    /// Closes all boxes below this one.
    pub fn close_below(&self, core: &Core) {
        let children = mem::take(&mut *core.children.borrow_mut());
        for child in children {
            self.close(child);
        }
    }

    /// Number of boxes below, all levels.
    pub fn count_below(&self, core: &Core) -> usize {
        let children = core.children.borrow();
        children.iter().filter_map(|&id| self.find(id)).map(|child| 1 + self.count_below(&child)).sum()
    }
}

/// Gives a box's heap back. Nothing of the box may run any more.
pub fn dispose(core: &Core) {
    let heap = core.heap.try_borrow_mut().ok().and_then(|mut heap| heap.take());
    if let Some(mut heap) = heap {
        if matches!(core.status.get(), Status::Killed(super::core::Kind::Fault | super::core::Kind::Stack)) {
            heap.distrust();
        }
        let main = core.main.replace(std::ptr::null_mut());
        luajit::unmap_code(main as usize, &heap);
        if core.status.get() != Status::Closed && core.copies.keeps_slot() {
            core.copies.keep_slot(heap.vacate());
        }
    }
    super::opened::dispose(core);
    if core.status.get() == Status::Closed {
        core.copies.close();
        core.budget.close();
    }
}

/// Sheltered: makes a box of the host's own, if it need not run before it can be used; `None`, and nothing made, where it must, or where there
/// is no memory.
pub fn make_at_once(realm: *mut Realm, asked: &Asked) -> Option<Id> {
    shelter(realm, |realm| making::make_at_once(realm, asked)).flatten()
}

/// Sheltered: closes a box of the host's own, if nothing runs there and nothing is recorded; false, and nothing done, where that isn't so.
pub fn close_at_once(realm: *mut Realm, id: Id) -> bool {
    let close = |realm: &Realm| {
        let idle = |core: &Rc<Core>| core.running.get() == 0 && core.tape.is_off();
        let Some(core) = realm.known(None, id).filter(idle) else { return false };
        realm.close_known(core);
        true
    };
    shelter(realm, close).unwrap_or(false)
}

/// A panic is a bug of ours: it must not unwind into Lua. What it leaves behind is closed by the next request or the state's end.
fn shelter<R>(realm: *mut Realm, f: impl FnOnce(&Realm) -> R) -> Option<R> {
    // SAFETY: `of` gave the pointer to the call that uses it now.
    let realm = unsafe { &*realm };
    catch_unwind(AssertUnwindSafe(|| f(realm))).ok()
}

/// Runs sheltered code of the host's; `None` after a panic.
pub fn sheltered<R>(realm: *mut Realm, f: impl FnOnce(&Realm) -> R) -> Option<R> {
    shelter(realm, f)
}

/// The box that this level knows by that number.
pub fn known(level: Level, name: Id) -> Option<Rc<Core>> {
    with(level, |realm| realm.known(level.core(), name)).flatten()
}

/// The realm that a level belongs to.
#[inline(always)]
pub fn with<R>(level: Level, f: impl FnOnce(&Realm) -> R) -> Option<R> {
    let realm: *const Realm = match level {
        Level::Host(realm) => realm,
        Level::Box(_) => level.run()?.realm,
    };
    // SAFETY: a realm outlives every call of its state and of its boxes.
    unsafe { realm.as_ref() }.map(f)
}
