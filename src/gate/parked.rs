//! Calls of the host's that wait while a host function runs. The function may yield the host's coroutine: then what the driver was
//! about lies here, off every stack, until the coroutine goes on or is collected.
//!
//! A call is known by its ticket, which a token on the coroutine's stack holds (see [`super::waiting`]). As long as the token has not
//! been finalized, the coroutine is alive: the token refers to it.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ptr;
use std::rc::Rc;

use super::answer;
use super::core::{self, Core};
use super::driver::{self, Outcome, Work};
use super::exchange::Exchange;
use super::places::{self, Places};
use super::realm::Realm;
use super::request::{Reply, Request};
use super::serve::Call;
use crate::lua::State;

/// Names a call that waits: see [`Places`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket(pub u64);

/// How a call has come out, and where its results lie.
#[derive(Clone, Copy)]
pub struct Done {
    pub reply: Reply,
    pub exchange: *mut Exchange,
    /// What the host's desk is to be brought down to, if the exchange has been away from it.
    pub height: Option<usize>,
}

/// How far a call has come.
#[derive(Clone, Copy)]
pub enum Progress {
    Done(Done),
    /// A host function is to be called.
    Host(Ticket),
    /// The call is not waiting: somebody has got hold of our own functions.
    Strange,
}

enum Stage {
    Waits(Work),
    Runs,
    /// The box was closed meanwhile.
    Closed,
}

struct Parked {
    ticket: Ticket,
    stage: Stage,
    /// What the host is to do.
    call: Call,
    /// Whether values are being moved, so that a close has to wait.
    moving: bool,
    /// The host's coroutine.
    root: State,
    /// Arguments and results of the host's own call.
    exchange: Box<Exchange>,
}

/// All calls of one host state that wait.
#[derive(Default)]
pub struct Parking {
    all: RefCell<Vec<Option<Parked>>>,
    places: Places,
    /// How many there are on each coroutine of the host's.
    chains: RefCell<HashMap<usize, u32>>,
}

impl Ticket {
    fn index(self) -> usize {
        places::index_of(self.0)
    }
}

impl Parking {
    /// How many calls wait on this coroutine: if it runs, it is in a host function of each of them.
    pub fn count_on(&self, root: State) -> usize {
        let chains = self.chains.try_borrow();
        if chains.as_ref().is_ok_and(|chains| chains.is_empty()) {
            return 0;
        }
        chains.map_or(0, |chains| chains.get(&(root.as_ptr() as usize)).map_or(0, |&n| n as usize))
    }

    /// Whether all calls under way in the box wait for coroutines that have yielded.
    pub fn all_wait(&self, core: &Rc<Core>) -> bool {
        let Ok(all) = self.all.try_borrow() else { return false };
        let waiting = all.iter().flatten().filter(|parked| parked.root.has_yielded());
        let in_box = |work: &Work| work.activations.iter().filter(|a| Rc::ptr_eq(&a.run.core, core)).count();
        let n: usize =
            waiting.map(|p| if let Stage::Waits(work) = &p.stage { in_box(work) } else { 0 }).sum();
        n == core.running.get()
    }

    /// A place for one more; `None` where there is no memory.
    fn reserve(&self, root: State) -> Option<Ticket> {
        let mut chains = self.chains.try_borrow_mut().ok()?;
        chains.try_reserve(1).ok()?;
        let ticket = self.places.reserve(&self.all)?;
        *chains.entry(root.as_ptr() as usize).or_insert(0) += 1;
        Some(Ticket(ticket))
    }

    fn with<R>(&self, ticket: Ticket, f: impl FnOnce(&mut Parked) -> R) -> Option<R> {
        let mut all = self.all.try_borrow_mut().ok()?;
        all.get_mut(ticket.index())?.as_mut().filter(|parked| parked.ticket == ticket).map(f)
    }

    /// Forgets a call.
    fn take(&self, ticket: Ticket) -> Option<Parked> {
        self.with(ticket, |_| ())?;
        let parked = self.all.try_borrow_mut().ok()?.get_mut(ticket.index())?.take()?;
        self.vacate(ticket, parked.root);
        Some(parked)
    }

    fn vacate(&self, ticket: Ticket, root: State) {
        self.places.vacate(ticket.0);
        if let Ok(mut chains) = self.chains.try_borrow_mut() {
            let key = root.as_ptr() as usize;
            let left = chains.get(&key).map_or(0, |n| n.saturating_sub(1));
            if left == 0 {
                chains.remove(&key);
            } else {
                chains.insert(key, left);
            }
        }
    }

    /// What the host is to do, if the call still waits for that.
    pub fn call(&self, ticket: Ticket) -> Option<Call> {
        self.with(ticket, |parked| matches!(parked.stage, Stage::Waits(_)).then_some(parked.call)).flatten()
    }

    /// Notes that values are about to be moved between the call and the host, or have been.
    pub fn set_moving(&self, ticket: Ticket, moving: bool) {
        self.with(ticket, |parked| parked.moving = moving);
    }

    /// Takes the work of a call that waits, and leaves `stage` in its place.
    fn take_work(&self, ticket: Ticket, next: Stage) -> Option<Work> {
        self.with(ticket, |parked| match std::mem::replace(&mut parked.stage, next) {
            Stage::Waits(work) => Some(work),
            before => {
                parked.stage = before;
                None
            }
        })
        .flatten()
    }

    /// A call into this box that waits and can be given up at once.
    fn waiting_in(&self, core: &Core) -> Option<Ticket> {
        let all = self.all.try_borrow().ok()?;
        let first = |work: &Work| work.activations.first().is_some_and(|a| ptr::eq(&*a.run.core, core));
        let found =
            all.iter().flatten().find(|p| !p.moving && matches!(&p.stage, Stage::Waits(work) if first(work)));
        found.map(|parked| parked.ticket)
    }
}

/// Sheltered: begins a call from a coroutine that can yield.
pub fn begin(realm: &Realm, root: State, request: Request, exchange: *mut Exchange) -> Progress {
    match driver::from_host(realm, root, request, exchange, true) {
        Outcome::Done(reply) => Progress::Done(Done { reply, exchange, height: None }),
        Outcome::Wait(work, call) => park(realm, root, work, call, exchange),
    }
}

/// Sheltered: a call has come to where it waits for a host function.
pub(super) fn park(realm: &Realm, root: State, work: Work, call: Call, exchange: *mut Exchange) -> Progress {
    let Some(ticket) = realm.parking.reserve(root) else {
        // The box gets an error; whatever it asks then is served from within the driver.
        let reply = match driver::go_on(realm, root, work, Reply::NoMemory, false) {
            Outcome::Done(reply) => reply,
            Outcome::Wait(..) => Reply::NoMemory,
        };
        return Progress::Done(Done { reply, exchange, height: None });
    };
    let own = realm.desk.borrow_mut().detach(exchange).unwrap_or_default();
    let parked = Parked { ticket, stage: Stage::Waits(work), call, moving: false, root, exchange: own };
    if let Some(place) = realm.parking.all.borrow_mut().get_mut(ticket.index()) {
        *place = Some(parked);
    }
    Progress::Host(ticket)
}

/// Sheltered: the host function has come out as `reply`. `taker` is an address in the frame of the bare code that asks.
pub fn go_on(realm: &Realm, root: State, ticket: Ticket, reply: Reply, taker: usize) -> Progress {
    let parking = &realm.parking;
    let reply = match parking.take_work(ticket, Stage::Runs) {
        Some(work) => match driver::go_on(realm, root, work, reply, true) {
            Outcome::Done(reply) => reply,
            Outcome::Wait(work, call) => {
                let back = |parked: &mut Parked| {
                    parked.call = call;
                    parked.moving = false;
                    parked.stage = Stage::Waits(work);
                };
                parking.with(ticket, back);
                return Progress::Host(ticket);
            }
        },
        None => match parking.with(ticket, |parked| matches!(parked.stage, Stage::Closed)) {
            Some(true) => Reply::Error,
            _ => return Progress::Strange,
        },
    };
    let Some(Parked { stage, mut exchange, .. }) = parking.take(ticket) else { return Progress::Strange };
    let reply = match stage {
        Stage::Closed => answer::error(&mut *exchange, "sandbox is closed"),
        _ => reply,
    };
    let address: *mut Exchange = &mut *exchange;
    match realm.desk.borrow_mut().attach(exchange, taker) {
        Ok(height) => Progress::Done(Done { reply, exchange: address, height: Some(height) }),
        Err(_) => Progress::Done(Done { reply: Reply::NoMemory, exchange: ptr::null_mut(), height: None }),
    }
}

/// Sheltered: the coroutine that the call was made by is gone.
pub fn abandon(realm: &Realm, root: State, ticket: Ticket) {
    if let Some(Parked { stage: Stage::Waits(work), .. }) = realm.parking.take(ticket) {
        driver::abandon(realm, root, work);
    }
}

/// The box is closed: calls into it that wait are given up, and find out when they go on.
pub fn close(realm: &Realm, core: &Core) {
    while let Some(ticket) = realm.parking.waiting_in(core) {
        let Some(root) = realm.parking.with(ticket, |parked| parked.root) else { return };
        match realm.parking.take_work(ticket, Stage::Closed) {
            Some(work) => driver::abandon(realm, root, work),
            None => return,
        }
    }
}

/// The host's state ends: nobody waits any more, and no memory is left here.
pub fn shut(realm: &Realm) {
    let parking = &realm.parking;
    let all = std::mem::take(&mut *parking.all.borrow_mut());
    parking.places.clear();
    core::clear(&parking.chains);
    for parked in all.into_iter().flatten() {
        if let Stage::Waits(work) = parked.stage {
            driver::abandon(realm, parked.root, work);
        }
    }
}
