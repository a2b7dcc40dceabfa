//! The ways from bare code into the driver: sheltered, each of them, so that a panic ends there.

use std::os::raw::c_int;

use super::{shelter, Realm};
use crate::gate::answer;
use crate::gate::driver::{self, Outcome};
use crate::gate::exchange::Exchange;
use crate::gate::parked::{self, Done, Progress, Ticket};
use crate::gate::request::{Id, Reply, Request};
use crate::lua::State;

/// Sheltered: answers what the host's own code asks.
pub fn cross(realm: *mut Realm, s: State, request: Request, exchange: *mut Exchange) -> Reply {
    let outcome = |realm: &Realm| match driver::from_host(realm, s, request, exchange, false) {
        Outcome::Done(reply) => reply,
        Outcome::Wait(..) => Reply::NoMemory,
    };
    shelter(realm, outcome).unwrap_or_else(|| internal_error(exchange))
}

/// Sheltered: the same for a call that may have to wait for a host function: see [`crate::gate::parked`].
pub fn begin(realm: *mut Realm, s: State, request: Request, exchange: *mut Exchange) -> Progress {
    shelter(realm, |realm| parked::begin(realm, s, request, exchange))
        .unwrap_or_else(|| Progress::Done(Done { reply: internal_error(exchange), exchange, height: None }))
}

/// Sheltered: calls the function that the box has exported under `to.1` with the values from `first` on, if that can go the short
/// road: see [`crate::gate::short`]. `taker` is an address in the frame of the bare code that asks.
pub fn call_short(
    realm: *mut Realm,
    s: State,
    to: (Id, u64),
    first: c_int,
    waits: bool,
    taker: usize,
) -> driver::Short {
    shelter(realm, |realm| driver::short(realm, s, to, first, waits, taker)).unwrap_or(driver::Short::Long)
}

/// Sheltered: what has come of such a call that had to go on as any other.
#[cold]
pub fn go_on_long(realm: *mut Realm, s: State) -> Progress {
    let nothing =
        Progress::Done(Done { reply: Reply::NoMemory, exchange: std::ptr::null_mut(), height: None });
    let long = |realm: &Realm| {
        let Some(driver::Long { outcome, exchange, height }) = realm.long.take() else { return nothing };
        let progress = match outcome {
            Outcome::Done(reply) => Progress::Done(Done { reply, exchange, height: None }),
            Outcome::Wait(work, call) => parked::park(realm, s, work, call, exchange),
        };
        match progress {
            Progress::Done(done) => Progress::Done(Done { height: Some(height), ..done }),
            progress => progress,
        }
    };
    shelter(realm, long).unwrap_or(nothing)
}

/// Sheltered: the host function that such a call has waited for has come out as `reply`.
pub fn go_on(realm: *mut Realm, s: State, ticket: Ticket, reply: Reply, taker: usize) -> Progress {
    shelter(realm, |realm| parked::go_on(realm, s, ticket, reply, taker)).unwrap_or(Progress::Strange)
}

/// Sheltered: nobody waits for the call any more.
pub fn abandon(realm: *mut Realm, s: State, ticket: Ticket) {
    shelter(realm, |realm| parked::abandon(realm, s, ticket));
}

fn internal_error(exchange: *mut Exchange) -> Reply {
    match exchange.is_null() {
        true => Reply::NoMemory,
        false => answer::error(exchange, "sandbox: internal error"),
    }
}
