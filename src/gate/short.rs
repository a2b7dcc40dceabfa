//! The short road into a box, as the box's own stack sees it: a call with scalars of a function that the host has been given; and the short
//! road out, of a function that the box has been given.
//!
//! Between two calls the Lua thread keeps on its stack what each begins with ([`base`]). So such a call pushes a function and scalars, and
//! no more: nothing that raises or allocates outside of its protected call.
//!
//! # Safety
//! As for [`super::run`].
#![allow(unsafe_code)]

use std::os::raw::c_int;

use super::decode::decode;
use super::encode::{Encoder, Side};
use super::level::Level;
use super::link::{field, Link};
use super::request::{Reply, Request};
use super::run::{self, Run};
use super::trace;
use crate::engine::seat::Seat;
use crate::engine::switch::{self, run_on};
use crate::engine::Event;
use crate::lua::{compat, Kind, State};

/// Where the message handler lies on the stack of a thread between two calls; the table of what the box has exported; and [`send`].
pub const HANDLER: c_int = 1;
const EXPORTS: c_int = 2;
const SEND: c_int = 3;

/// Puts on an idle thread's stack what calls begin with, and nothing else. Allocates nothing.
pub fn base(thread: State) {
    thread.set_top(SEND);
    if thread.kind(SEND) == Kind::Function {
        return;
    }
    thread.set_top(0);
    thread.registry_get(&run::HANDLER);
    if Link::Owner.push_table(thread) {
        thread.raw_geti(-1, field::BY_NUMBER);
        thread.remove(-2);
    } else {
        thread.push_nil();
    }
    thread.registry_get(&run::SEND);
}

/// Calls the function that was exported under the run's number with the realm's scalars. Results that are scalars go back the same way.
pub fn call(seat: &'static Seat, run: &Run) -> Reply {
    let Some(thread) = run.ready.get() else { return Reply::NoMemory };
    // SAFETY: the box's own stack; nothing of the box runs yet.
    unsafe { run_on(seat, thread.as_ptr()) };
    seat.base.set(thread.as_ptr());
    // It is as the last call has left it: see `base`.
    if !thread.raw_geti_any(EXPORTS, run.number.get() as i64) {
        // A return to a mark took it away.
        thread.pop(1);
        return gone(seat, run);
    }
    // SAFETY: a realm outlives every call of its boxes.
    let Some(realm) = (unsafe { run.realm.as_ref() }) else { return Reply::NoMemory };
    let n = realm.scalars.push(thread);
    let ok = thread.pcall(n, State::ALL, HANDLER);
    if ok && realm.scalars.take(thread, SEND + 1) {
        run.by_scalars.set(true);
        thread.set_top(SEND);
        run::relieve(thread, run, false);
        return Reply::Values;
    }
    by_parcel(seat, run, thread, ok)
}

/// Sends the error of a call of a function that is not there.
#[cold]
fn gone(seat: &'static Seat, run: &Run) -> Reply {
    // SAFETY: on the seat's own stack; nothing here needs dropping.
    unsafe { switch::ask(seat, Event::Room) };
    if run.exchange.get().is_null() {
        return Reply::NoMemory;
    }
    Level::Box(seat).tell(run.exchange.get(), b"the function is gone")
}

/// Sends what has come of the call and is no scalars: results above [`send`], or the error object on top.
#[cold]
fn by_parcel(seat: &'static Seat, run: &Run, thread: State, mut ok: bool) -> Reply {
    let level = Level::Box(seat);
    if run.exchange.get().is_null() {
        // SAFETY: on the seat's own stack; nothing here needs dropping.
        unsafe { switch::ask(seat, Event::Room) };
    }
    if run.exchange.get().is_null() {
        base(thread);
        return Reply::NoMemory;
    }
    if ok {
        ok = thread.pcall(thread.top() - SEND, 0, HANDLER);
    }
    let no_memory = !ok && thread.bytes(-1) == Some(compat::NO_MEMORY.as_bytes());
    let reply = if ok { Reply::Values } else { run::failed(thread, level, run) };
    base(thread);
    run::relieve(thread, run, no_memory);
    reply
}

/// Bare: calls the function that the owner has exported under `number` with the arguments of the running function, if they are scalars; how
/// many results it has pushed. Not inlined: the address of its frame tells how deep it is.
#[inline(never)]
pub fn ask(s: State, level: Level, number: u64) -> Option<c_int> {
    let frame = 0_u8;
    let (Level::Box(seat), Some(run)) = (level, level.run()) else { return None };
    // SAFETY: a realm outlives every call of its boxes.
    let realm = unsafe { run.realm.as_ref() }?;
    if !run.core.tape.is_off() || !run.core.ledger.is_settled() {
        return None;
    }
    if !realm.scalars.take(s, 1) {
        return None;
    }
    trace::forget(level);
    run.taker.set(&frame as *const u8 as usize);
    let height = level.height();
    let request = Request::Call { function: number };
    let reply = Level::cross_up(s, seat, run, request, Level::nothing());
    if run.by_scalars.replace(false) {
        return Some(realm.scalars.push(s));
    }
    let exchange = run.asked.get();
    if exchange.is_null() {
        level.settle(s, request, Reply::NoMemory, exchange);
    }
    level.settle(s, request, reply, exchange);
    let n = decode(s, level, exchange, Side::Back, Link::Owner);
    level.lower(height);
    Some(n)
}

/// Sends its arguments as the results of the call.
pub fn send(s: State) -> c_int {
    let level = Level::of(s);
    if let Some(run) = level.run() {
        let encoder = Encoder::new(s, level, run.exchange.get(), Side::Back, Link::Owner);
        encoder.named(c"result").encode(1, s.top(), 1);
    }
    0
}
