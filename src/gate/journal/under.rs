//! The calls under way in a replay, and putting a journal's values where the host's would lie.

use std::rc::Rc;

use super::asked;
use super::event::{Event, Parcel};
use super::tape;
use crate::gate::answer::exchange_of;
use crate::gate::core::Core;
use crate::gate::driver::{self, Outcome, Work};
use crate::gate::encode::Side;
use crate::gate::exchange::{Exchange, NoMemory};
use crate::gate::ledger::Way;
use crate::gate::parcel::{Item, Reader, HEADER};
use crate::gate::realm::Realm;
use crate::gate::request::{Reply, Request};
use crate::gate::streams;

/// A call of the recorded host's.
pub(in crate::gate) struct Under {
    pub thread: usize,
    pub at: At,
    /// Arguments and results of the call.
    pub exchange: Box<Exchange>,
}

/// How far a call has come.
pub(in crate::gate) enum At {
    /// It waits for an answer.
    Waits(Work),
    /// What comes next in the journal has stopped it: it is not run.
    Put,
    Ended(Reply),
}

impl Under {
    /// What the run asks, if it waits for an answer.
    pub fn asks(&self) -> Option<String> {
        self.at.asks()
    }

    /// That, or how it has ended.
    pub fn shown(&self) -> String {
        self.at.shown(self.thread, &self.exchange)
    }

    /// Drops the call where it stands.
    pub fn forget(self, realm: &Realm) {
        if let At::Waits(work) = self.at {
            driver::forget(realm, work);
        }
        drop(self.exchange);
    }
}

/// Leaves calls that a replay has not come to the end of where they stand, for as long as the box is there: its other calls run beside them,
/// as beside one that waits for a host function.
pub(in crate::gate) fn keep(core: &Core, calls: Vec<Under>) {
    let waits = calls.iter().any(|under| matches!(under.at, At::Waits(_)));
    core.tape.alone.set(waits.then_some(true));
    if let Ok(mut kept) = core.tape.kept.try_borrow_mut() {
        *kept = calls;
    }
}

/// Sheltered: the box is closed, and with it such calls.
pub fn let_go(realm: &Realm, core: &Core) {
    let kept = core.tape.kept.try_borrow_mut().map(|mut kept| std::mem::take(&mut *kept));
    for under in kept.unwrap_or_default().into_iter().rev() {
        under.forget(realm);
    }
}

impl At {
    pub(in crate::gate) fn of(outcome: Outcome) -> At {
        match outcome {
            Outcome::Done(reply) => At::Ended(reply),
            Outcome::Wait(work, _) => At::Waits(work),
        }
    }

    /// What the run asks or how it has ended, for a message.
    pub fn shown(&self, thread: usize, exchange: &Exchange) -> String {
        match self {
            At::Ended(reply) => match tape::ending(thread, *reply, exchange.back.as_slice()) {
                Event::End { reply, len, check, text, .. } => shown_end(reply, len, check, text),
                _ => String::new(),
            },
            At::Waits(_) => self.asks().unwrap_or_default(),
            At::Put => "was not gone on with".to_owned(),
        }
    }

    fn asks(&self) -> Option<String> {
        let (request, exchange) = self.asked()?;
        let mut asked = Vec::new();
        asked::write(&mut asked, request, out(exchange));
        Some(asked::show(&asked))
    }

    /// What the run asks, and where the answer goes.
    pub fn asked(&self) -> Option<(Request, *mut Exchange)> {
        match self {
            At::Waits(work) => work.current().map(|run| (run.request.get(), run.asked.get())),
            _ => None,
        }
    }
}

/// Puts values into one side of an exchange, and notes what of the host's is on its way with them.
pub fn fill(core: &Rc<Core>, e: &mut Exchange, side: Side, parcel: Parcel<'_>) -> Result<(), NoMemory> {
    e.transit(side).end();
    parcel.fill(e.buffer(side))?;
    let Parcel::Values(_, _, values) = parcel else { return Ok(()) };
    let mut numbers = Vec::new();
    let mut reader = Reader::headless(values);
    while let Some(item) = reader.item() {
        match item {
            Item::Export(number) => numbers.push(number),
            Item::Stream(word) => numbers.push(streams::number_of(word)),
            _ => {}
        }
    }
    for number in numbers {
        e.transit(side).send(core, Way::Up, number, 0)?;
    }
    Ok(())
}

/// What is sent in an exchange.
pub fn out<'a>(exchange: *mut Exchange) -> &'a [u8] {
    exchange_of(exchange).map_or(&[], |e| e.out.as_slice())
}

/// How a call has come out, for a message.
pub fn shown_end(reply: Reply, len: u64, check: u32, text: &[u8]) -> String {
    match reply {
        Reply::Values => {
            format!(
                "the end of the call, with {} bytes of results (checksum {check:08x})",
                len.saturating_sub(HEADER as u64)
            )
        }
        Reply::NoMemory => "the end of the call, for want of memory".to_owned(),
        _ => format!("the end of the call, with the error '{}'", String::from_utf8_lossy(text)),
    }
}
