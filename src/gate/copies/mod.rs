//! Copies of boxes at rest: marks to go back to, clones, saved images.
//!
//! A [`Snapshot`] is a box with all boxes below it: the bytes of its heap and what of it lies outside, which the heap knows by numbers. A
//! mark is a snapshot that the box keeps; going back puts it in place ([`back`]), a clone makes another box of one ([`made`]).
//!
//! What lies outside and goes with a snapshot: the books of the walls, open files and where they stand, random numbers, the Lua threads
//! that lie ready, the marks of boxes below. What doesn't: limits and what was spent, the streams and the environment that the owner has
//! assigned, what was read from or written to any stream. The owner's functions that the box has at the time are kept by
//! the mark's own handle (`host::copies`).

pub mod back;
pub mod made;
mod marks;
pub mod pack;
pub mod saved;
mod seal;
#[cfg(test)]
mod tests;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::{Rc, Weak};

use super::allowance::{Limits, Spent};
use super::answer::{error, exchange_of, misuse, sent, values};
use super::core::{Core, Status};
use super::encode::Side;
use super::exchange::Exchange;
use super::grants::Grants;
use super::ledger;
use super::opened;
use super::options;
use super::parcel::{Item, Reader};
use super::realm::Realm;
use super::request::{Bound, Id, Reply, Request};
use super::threads::Threads;
use crate::engine::heap::{HeapCopy, Move, Moved, Slot};
use crate::engine::luajit;
use crate::lua::compat::{JIT, NO_MEMORY};
pub use marks::{Marks, Total};

/// A box at rest, and all boxes below it.
pub struct Snapshot {
    /// `None` of a box that was killed.
    heap: Option<HeapCopy>,
    /// Address of the main thread.
    main: usize,
    threads: Threads,
    collected: usize,
    counted: bool,
    compiles: bool,
    unseeded: bool,
    random: [u64; 4],
    secret: u64,
    files: opened::Kept,
    wall: ledger::Kept,
    era: u64,
    exported: u64,
    settings: Settings,
    below: Vec<Below>,
    marks: Marks,
}

/// What an owner has said of its box, and what the box has spent: for boxes that are made of a snapshot.
struct Settings {
    limits: Limits,
    spent: Spent,
    status: Status,
    stopped: Vec<u8>,
    traceback: Option<Vec<u8>>,
    streams: [(Bound, u64); 3],
    environment: bool,
    grants: Grants,
}

/// A box below, and the number that the one above knows it by.
struct Below {
    name: Id,
    core: Weak<Core>,
    snapshot: Snapshot,
}

/// What is known of a box for the sake of copies.
#[derive(Default)]
pub struct Books {
    marks: RefCell<Marks>,
    /// Of a box that was killed and has marks: where its heap lay.
    slot: RefCell<Option<Slot>>,
    /// Boxes below that this one knows by the number of another: it is a copy, or they are.
    aliases: RefCell<HashMap<Id, Id>>,
    /// Changes with every return to a mark: what the owner was given before tells nothing of what the box believes that it has.
    pub era: Cell<u64>,
    /// The number under which the box has exported something last: none is used twice, whatever it goes back to.
    exported: Cell<u64>,
    /// After a return: what the owner has of the box, number and count; the box is to be told.
    held: RefCell<Option<Vec<(u64, u64)>>>,
    /// In a box from another process: tables that have keys which have moved, and what has moved.
    moved: RefCell<(Vec<usize>, Vec<Move>)>,
}

impl Books {
    /// The number for something that the box exports, whose own count stands at `last`.
    pub fn number_after(&self, last: u64) -> u64 {
        let number = last.max(self.exported.get()) + 1;
        self.exported.set(number);
        number
    }

    /// The box that is known here as `name`, if by another number than its own.
    pub fn alias(&self, name: Id) -> Option<Id> {
        self.aliases.try_borrow().ok()?.get(&name).copied()
    }

    pub fn forget_alias(&self, name: Id) {
        if let Ok(mut aliases) = self.aliases.try_borrow_mut() {
            aliases.remove(&name);
        }
    }

    fn add_alias(&self, name: Id, id: Id) -> bool {
        let Ok(mut aliases) = self.aliases.try_borrow_mut() else { return false };
        if aliases.try_reserve(1).is_err() {
            return false;
        }
        aliases.insert(name, id);
        true
    }

    /// Whether the box is yet to be told what its owner has: how much, if so.
    pub fn is_held_known(&self) -> bool {
        self.held.try_borrow().is_ok_and(|held| held.is_some())
    }

    /// How many sendings of `number` the owner has.
    pub fn held(&self, number: u64) -> u64 {
        let held = self.held.try_borrow();
        let find = |held: &Vec<(u64, u64)>| {
            held.binary_search_by_key(&number, |one| one.0).ok().and_then(|at| held.get(at)).map(|one| one.1)
        };
        held.ok().and_then(|held| held.as_ref().and_then(find)).unwrap_or(0)
    }

    /// The box has been told.
    pub fn forget_held(&self) {
        if let Ok(mut held) = self.held.try_borrow_mut() {
            *held = None;
        }
    }

    /// Notes what has moved; `None` where there is no memory.
    fn note_moved(&self, core: &Core, moved: &Moved) -> Option<()> {
        if let (Some(heap), false) = (core.heap.borrow().as_ref(), moved.is_empty()) {
            let tables = heap.tables_with(&|a| seal::has_moved(moved, a))?;
            let mut copy = Vec::new();
            copy.try_reserve_exact(moved.len()).ok()?;
            copy.extend_from_slice(moved);
            *self.moved.borrow_mut() = (tables, copy);
        }
        Some(())
    }

    /// The table of that index that has keys which have moved.
    pub fn moved_table(&self, index: usize) -> Option<usize> {
        self.moved.try_borrow().ok()?.0.get(index).copied()
    }

    pub fn has_moved(&self, address: u64) -> bool {
        self.moved.try_borrow().is_ok_and(|moved| seal::has_moved(&moved.1, address))
    }

    /// Keeps the slot of a box that was killed, if it has marks to go back to.
    pub fn keeps_slot(&self) -> bool {
        self.marks.try_borrow().is_ok_and(|marks| !marks.is_empty())
    }

    pub fn keep_slot(&self, slot: Option<Slot>) {
        if let Ok(mut place) = self.slot.try_borrow_mut() {
            *place = slot;
        }
    }

    /// The box is closed: nothing is kept any more.
    pub fn close(&self) {
        self.keep_slot(None);
        self.forget_held();
        if let Ok(mut marks) = self.marks.try_borrow_mut() {
            *marks = Marks::default();
        }
    }

    /// Forgets a mark.
    pub fn drop_mark(&self, number: u64) {
        if let Ok(mut marks) = self.marks.try_borrow_mut() {
            marks.remove(number);
        }
        if !self.keeps_slot() {
            self.keep_slot(None);
        }
    }
}

fn no_memory() -> String {
    NO_MEMORY.to_owned()
}

/// Why the box can't be copied now, if it can't.
fn at_rest(core: &Core) -> Result<(), String> {
    match core.status.get() {
        _ if core.running.get() > 0 => Err("sandbox is running".to_owned()),
        Status::Killed(_) => Err(core.excuse(false)),
        _ => Ok(()),
    }
}

fn copied(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let mut copy = Vec::new();
    copy.try_reserve_exact(bytes.len()).map_err(|_| no_memory())?;
    copy.extend_from_slice(bytes);
    Ok(copy)
}

impl Snapshot {
    /// The box as it is now, with all below it. Nothing runs there.
    fn take(realm: &Realm, core: &Rc<Core>) -> Result<Snapshot, String> {
        let heap = match &*core.heap.borrow() {
            Some(heap) => {
                // SAFETY: the main thread of a box in which nothing runs now.
                #[allow(unsafe_code)]
                if JIT && !unsafe { luajit::flush(core.main.get()) } {
                    return Err("sandbox: a finalizer was left in the middle".to_owned());
                }
                Some(heap.copy().ok_or_else(no_memory)?)
            }
            None => None,
        };
        let children = core.children.borrow();
        let mut below = Vec::new();
        below.try_reserve_exact(children.len()).map_err(|_| no_memory())?;
        for child in children.iter().filter_map(|&id| realm.find(id)) {
            let snapshot = Snapshot::take(realm, &child)?;
            below.push(Below { name: child.name, core: Rc::downgrade(&child), snapshot });
        }
        let books = &core.copies;
        Ok(Snapshot {
            heap,
            main: core.main.get() as usize,
            threads: core.threads.kept().ok_or_else(no_memory)?,
            collected: core.collected.get(),
            counted: core.counted.get(),
            compiles: core.compiles.get(),
            unseeded: core.unseeded.get(),
            random: core.random.get(),
            secret: core.secret,
            files: core.files.kept().ok_or_else(no_memory)?,
            wall: core.ledger.kept().map_err(|_| no_memory())?,
            era: books.era.get(),
            exported: books.exported.get(),
            settings: Settings {
                limits: core.limits.get(),
                spent: core.spent.get(),
                status: core.status.get(),
                stopped: copied(&core.stopped.borrow())?,
                traceback: core.traceback.borrow().as_deref().map(copied).transpose()?,
                streams: core.bindings(),
                environment: core.environment.get(),
                grants: core.files.grants.borrow().clone(),
            },
            below,
            marks: books.marks.borrow().shared().ok_or_else(no_memory)?,
        })
    }

    /// Where the main thread lies in a heap at `base`.
    fn main_at(&self, base: usize) -> usize {
        self.heap.as_ref().map_or(0, |copy| self.main.wrapping_sub(copy.base()).wrapping_add(base))
    }

    /// Bytes that it takes.
    fn weight(&self) -> usize {
        let below: usize = self.below.iter().map(|below| below.snapshot.weight()).sum();
        let own = self.heap.as_ref().map_or(0, HeapCopy::weight) + self.settings.stopped.len();
        own + below
            + self.marks.weight()
            + size_of::<Snapshot>()
            + self.settings.traceback.as_ref().map_or(0, Vec::len)
    }

    /// Bytes of heap that it holds.
    fn live(&self) -> usize {
        let below: usize = self.below.iter().map(|below| below.snapshot.live()).sum();
        self.heap.as_ref().map_or(0, HeapCopy::live) + below
    }
}

/// Answers what is asked for the sake of copies of `core`, a box of `asker`'s.
pub fn answer(
    realm: &Realm,
    asker: Option<&Rc<Core>>,
    core: &Rc<Core>,
    request: Request,
    exchange: *mut Exchange,
) -> Reply {
    let done = match request {
        Request::Checkpoint { .. } => marks::checkpoint(realm, asker, core),
        Request::Rollback { .. } => back::rollback(realm, core, sent(exchange)).map(|()| 0),
        Request::Clone { .. } => {
            return match options::read(sent(exchange), None) {
                Err(text) => misuse(exchange, 2, &text),
                Ok(asked) => match made::clone(realm, core, &asked) {
                    Ok(clone) => values(exchange, |w| w.float(clone.name.0 as f64)),
                    Err(text) => error(exchange, &text),
                },
            };
        }
        Request::Save { .. } => {
            let image = saved::save(realm, core, sent(exchange));
            if let Some(e) = exchange_of(exchange) {
                e.buffer(Side::Out).reset();
            }
            return match image {
                Ok(image) => values(exchange, |w| w.string(&image)),
                Err(text) => error(exchange, &text),
            };
        }
        _ => return Reply::NoMemory,
    };
    match done {
        Ok(number) => {
            if let Some(e) = exchange_of(exchange) {
                e.buffer(Side::Out).clear();
            }
            values(exchange, |w| w.float(number as f64))
        }
        Err(text) => error(exchange, &text),
    }
}

/// The keys of `core` are in their places now: the next box of its tree whose keys are not.
pub fn rehashed(realm: &Realm, core: &Rc<Core>) -> Option<Rc<Core>> {
    fn look(realm: &Realm, core: Rc<Core>) -> Option<Rc<Core>> {
        if core.copies.moved.try_borrow().is_ok_and(|moved| !moved.1.is_empty()) {
            return Some(core);
        }
        let children = core.children.borrow();
        children.iter().find_map(|&id| look(realm, realm.find(id)?))
    }
    *core.copies.moved.try_borrow_mut().ok()? = Default::default();
    look(realm, core.top())
}

/// Answers `sandbox.restore`.
pub fn restore(realm: &Realm, exchange: *mut Exchange) -> Reply {
    match saved::restore(realm, sent(exchange), exchange) {
        Ok(()) => Reply::Values,
        Err(text) => error(exchange, &text),
    }
}

/// The next number in a parcel.
fn next_number(reader: &mut Reader<'_>) -> Option<u64> {
    match reader.item()? {
        Item::Integer(n) => u64::try_from(n).ok(),
        Item::Float(n) if n >= 0.0 => Some(n as u64),
        _ => None,
    }
}
