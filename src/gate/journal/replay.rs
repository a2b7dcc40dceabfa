//! Replays: a box is made as the journal's header says, its calls are made as the host made them, and each thing that it asks is answered
//! from the journal.
//!
//! A run that asks something is put away (`gate::parked` does the same for host functions that may yield) until the event that answers it
//! comes, so calls may overlap as they did. Where an event says that the clock has stopped a run, that run is not gone on with: the box becomes
//! what the stop left.

mod stops;

use std::collections::VecDeque;
use std::rc::Rc;

use super::asked;
use super::event::{Answered, Event, Parcel, Way};
use super::header::STREAMS;
use super::opened::{open, Events, DAMAGED};
use super::tape;
use super::under::{fill, keep, out, shown_end, At, Under};
use crate::engine::clock::{self, NEVER};
use crate::gate::answer::exchange_of;
use crate::gate::core::{Core, Kind};
use crate::gate::driver;
use crate::gate::encode::Side;
use crate::gate::exchange::{Exchange, Sizes};
use crate::gate::ledger;
use crate::gate::limits::Limit;
use crate::gate::parcel::Reader as Values;
use crate::gate::realm::Realm;
use crate::gate::request::{Bound, Id, Reply, Request, StreamOp};
use crate::gate::{answer, options};
use crate::host::driver_io;
use crate::lua::{compat, State as Lua};

/// How a replay has ended, if not with an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Played {
    /// Events that were replayed.
    pub events: u64,
    /// Whether the journal has come to no end of its own.
    pub truncated: bool,
}

/// What a stream is bound to during a replay: it is never operated.
pub fn stand_in(assigned: bool) -> Bound {
    if assigned {
        Bound::Object
    } else {
        Bound::Nothing
    }
}

/// Where a replay is to stop, and where its output goes.
#[derive(Clone, Copy)]
pub struct Options {
    pub to: Option<u64>,
    /// Handles of the host for the three streams.
    pub streams: [Option<usize>; 3],
}

struct Player<'a> {
    realm: &'a Realm,
    root: Lua,
    core: Rc<Core>,
    events: Events<'a>,
    options: Options,
    calls: Vec<Under>,
    /// The event at hand.
    number: u64,
    scratch: Box<Exchange>,
}

/// Sheltered: runs the box that [`prepare`] has made by its journal.
pub fn run(realm: &Realm, root: Lua, id: Id, journal: &[u8], options: Options) -> Result<Played, String> {
    let core = realm.find(id).ok_or("sandbox is closed")?;
    let (_, at) = open(journal)?;
    let events = Events::new(journal, at);
    let (calls, scratch) = (Vec::new(), Box::default());
    let mut player =
        Player { realm, root, core: Rc::clone(&core), events, options, calls, number: 0, scratch };
    let played = player.play();
    let Player { calls, number, .. } = player;
    core.tape.alone.set(None);
    core.tape.doom.set(None);
    core.tape.end();
    for stream in STREAMS {
        let given = options.streams.get(stream.index()).copied().flatten();
        core.rebind(stream, given.map_or(Bound::Nothing, Bound::File), None);
    }
    match played {
        Ok(truncated) => {
            keep(&core, calls);
            Ok(Played { events: number, truncated })
        }
        Err(said) => {
            calls.into_iter().rev().for_each(|under| under.forget(realm));
            Err(said)
        }
    }
}

impl<'a> Player<'a> {
    /// Plays all events; whether the journal was at its end without saying so.
    fn play(&mut self) -> Result<bool, String> {
        loop {
            if self.options.to.is_some_and(|to| self.number >= to) {
                return Ok(false);
            }
            let Some(event) = self.events.next()? else { return Ok(true) };
            self.number += 1;
            match event {
                Event::Call { thread, alone, entry, parcel } => {
                    self.core.tape.alone.set(Some(alone));
                    let mut exchange: Box<Exchange> = Box::default();
                    fill(&self.core, &mut exchange, Side::Out, parcel).map_err(|_| compat::NO_MEMORY)?;
                    let at = if self.is_put(thread)? {
                        if alone {
                            self.core.begin_call(true, clock::mono_ns());
                        }
                        At::Put
                    } else {
                        let request = Request::Run { id: self.core.id, entry };
                        let address: *mut Exchange = &mut *exchange;
                        self.goes_on(thread, &exchange, |realm, root| {
                            driver::from_host(realm, root, request, address, true)
                        })?
                    };
                    self.calls.push(Under { thread, at, exchange });
                }
                Event::Reply(answer) => self.answered(answer)?,
                // The last one before a stop by the clock, or one that the run asks for in another way.
                Event::Near { thread, asked, data, charged } => {
                    let parcel = if asked::writes(asked) { Parcel::True } else { Parcel::String(data) };
                    let (reply, sizes, paid) = (Reply::Values, None, true);
                    self.answered(Answered { thread, asked, reply, parcel, sizes, charged, paid })?;
                }
                Event::End { thread, reply, len, check, text } => {
                    let shown = shown_end(reply, len, check, text);
                    let mut under = self.under(thread, || shown.clone())?;
                    if let Some(asked) = under.asks() {
                        self.calls.push(under);
                        return self.departs(&shown, &asked);
                    }
                    let (same, here) = match &under.at {
                        At::Ended(now) => match tape::ending(thread, *now, under.exchange.back.as_slice()) {
                            Event::End { reply: r, len: l, check: c, text: t, .. } => {
                                ((r, l, c) == (reply, len, check), shown_end(r, l, c, t))
                            }
                            _ => (false, String::new()),
                        },
                        _ => (false, "a call that was not made".to_owned()),
                    };
                    if !same {
                        return self.departs(&shown, &here);
                    }
                    // What the host did with it follows.
                    under.exchange.transit(Side::Back).receive_all();
                }
                Event::Stop(stop) => self.stop(&stop)?,
                Event::Known { weight } => {
                    self.core.ledger.unexpect(ledger::Way::Down);
                    self.core.budget.release_outside(weight as usize);
                }
                Event::Gone { number, count, weight } => {
                    self.core.ledger.release(ledger::Way::Down, number, count);
                    self.core.budget.release_outside(weight as usize);
                }
                Event::Told => {
                    self.core.ledger.next_release(ledger::Way::Up);
                }
                Event::Limits { parcel, capacity } => self.limits(parcel, capacity as usize)?,
                Event::Bind { stream, assigned } => {
                    if let Some(&stream) = STREAMS.get(usize::from(stream)) {
                        self.core.bind(stream, stand_in(assigned));
                    }
                }
                Event::Abandon { thread } => {
                    let under = self.under(thread, || "a call that is given up".to_owned())?;
                    match under.at {
                        At::Waits(work) => driver::abandon(self.realm, self.root, work),
                        _ => return self.departs("a call that is given up", &under.shown()),
                    }
                }
                Event::Closed | Event::Over => return Ok(false),
            }
        }
    }

    /// A run has had an answer.
    fn answered(&mut self, answer: Answered<'_>) -> Result<(), String> {
        let Answered { thread, asked, reply, parcel, sizes, charged, paid } = answer;
        let mut under = self.under(thread, || asked::show(asked))?;
        let Some((request, exchange)) = under.at.asked() else {
            return self.departs(&asked::show(asked), &under.shown());
        };
        let mut run_asks = Vec::new();
        asked::write(&mut run_asks, request, out(exchange));
        if run_asks != asked {
            self.calls.push(under);
            return self.departs(&asked::show(asked), &asked::show(&run_asks));
        }
        if charged {
            self.core.charge_output(answer::payload(exchange).len());
        }
        self.put_out(request, exchange);
        self.answer(exchange, reply, parcel, sizes, paid)?;
        under.at = match (self.is_put(thread)?, under.at) {
            (false, At::Waits(work)) => self.goes_on(thread, &under.exchange, |realm, root| {
                driver::go_on(realm, root, work, reply, true)
            })?,
            (true, At::Waits(work)) => {
                driver::forget(self.realm, work);
                At::Put
            }
            (_, at) => at,
        };
        self.calls.push(under);
        Ok(())
    }

    /// Has a run go on, with what it is to read and write without the driver at hand.
    fn goes_on(
        &mut self,
        thread: usize,
        exchange: &Exchange,
        f: impl FnOnce(&Realm, Lua) -> driver::Outcome,
    ) -> Result<At, String> {
        let mut next = VecDeque::new();
        loop {
            let here = self.options.to.is_none_or(|to| self.number + (next.len() as u64) < to);
            // The last one before a stop by the clock is asked of the driver, so that the run goes no further.
            let last = matches!(self.events.peek(1)?,
                Some(Event::Stop(stop)) if stop.thread == thread && stop.way != Way::Again);
            match self.events.peek(0)? {
                Some(Event::Near { thread: t, .. }) if here && !last && *t == thread => {}
                _ => break,
            }
            if let Some(Event::Near { asked, data, charged, .. }) = self.events.next()? {
                next.push_back((asked.to_vec(), data.to_vec(), charged));
            }
        }
        self.core.tape.near.borrow_mut().next = next;
        let at = At::of(f(self.realm, self.root));
        let (taken, left, written) = {
            let mut near = self.core.tape.near.borrow_mut();
            (
                std::mem::take(&mut near.taken),
                std::mem::take(&mut near.next),
                std::mem::take(&mut near.written),
            )
        };
        self.number += taken;
        for (stream, text) in written {
            if let Some(address) = self.options.streams.get(stream).copied().flatten() {
                let _ = driver_io::operate(address, StreamOp::Write, &text, &mut *self.scratch, NEVER);
            }
        }
        if let Some((asked, ..)) = left.front() {
            self.number += 1;
            let does = at.shown(thread, exchange);
            if let At::Waits(work) = at {
                driver::forget(self.realm, work);
            }
            return self.departs(&asked::show(asked), &does);
        }
        Ok(at)
    }

    /// Takes the call of that thread from those under way.
    fn under(&mut self, thread: usize, has: impl FnOnce() -> String) -> Result<Under, String> {
        match self.calls.iter().rposition(|under| under.thread == thread) {
            Some(at) => Ok(self.calls.swap_remove(at)),
            None => self.departs(&has(), "no such call"),
        }
    }

    fn departs<T>(&self, has: &str, does: &str) -> Result<T, String> {
        Err(format!("event {}: the journal has {has}, the run {does}", self.number))
    }

    /// Whether what comes next has stopped the run of that thread where no replay finds the place. What stops it at the gate is noted.
    fn is_put(&mut self, thread: usize) -> Result<bool, String> {
        let next = self.events.peek(0)?;
        let Some(Event::Stop(stop)) =
            next.filter(|next| matches!(next, Event::Stop(stop) if stop.thread == thread))
        else {
            return Ok(false);
        };
        if let (Way::Again, Kind::Limit(limit @ (Limit::Cpu | Limit::Wall))) = (stop.way, stop.kind) {
            self.core.tape.doom.set(Some(limit));
        }
        Ok(stop.way != Way::Again)
    }

    /// Does what the box has written once more, where there is a handle for it.
    fn put_out(&mut self, request: Request, exchange: *mut Exchange) {
        let Some(stream) = asked::output(request) else { return };
        let Some(address) = self.options.streams.get(stream.index()).copied().flatten() else { return };
        let op = match request {
            Request::Stream { op: StreamOp::Flush, .. } => StreamOp::Flush,
            _ => StreamOp::Write,
        };
        // What the handle says is not for this box, which has had its answer.
        let _ = driver_io::operate(address, op, answer::payload(exchange), &mut *self.scratch, NEVER);
    }

    /// Gives a run the recorded answer.
    fn answer(
        &self,
        exchange: *mut Exchange,
        reply: Reply,
        parcel: Parcel<'_>,
        sizes: Option<Sizes>,
        paid: bool,
    ) -> Result<(), String> {
        let Some(e) = exchange_of(exchange) else { return Ok(()) };
        e.transit(Side::Out).receive_all();
        let mut done = Ok(());
        if reply != Reply::NoMemory {
            done = fill(&self.core, e, Side::Back, parcel);
        }
        if !paid {
            done = done.and_then(|()| e.pay_by(None));
        }
        if let Some(sizes) = &sizes {
            done = done.and_then(|()| e.set_sizes(sizes));
        }
        match done {
            Ok(()) => Ok(()),
            Err(_) => self.departs("an answer", "has no memory for it"),
        }
    }

    fn limits(&mut self, parcel: Parcel<'_>, capacity: usize) -> Result<(), String> {
        fill(&self.core, &mut self.scratch, Side::Out, parcel).map_err(|_| compat::NO_MEMORY)?;
        let asked = options::read(Values::new(self.scratch.out.as_slice()), None);
        if let Ok(heap) = self.core.heap.try_borrow() {
            if let Some(heap) = heap.as_ref() {
                heap.set_capacity(capacity);
            }
        }
        asked.and_then(|asked| self.core.set_limits(&asked))?;
        if let Ok(heap) = self.core.heap.try_borrow() {
            if let Some(heap) = heap.as_ref() {
                heap.set_capacity(capacity);
            }
        }
        Ok(())
    }
}

/// Numbers of what the box has been given in a journal end below this; those of what a host gives it later begin here.
pub const FIRST_NUMBER: u64 = 1 << 40;
