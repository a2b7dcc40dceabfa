//! Stops: those that the run meets again, and those that it is given.

use super::{Player, DAMAGED};
use crate::engine::heap::Heap;
use crate::gate::core::{Kind, Status};
use crate::gate::journal::event::{Stop, Way};
use crate::gate::journal::state::State;
use crate::gate::journal::under::At;
use crate::gate::limits::Limit;
use crate::gate::realm::dispose;
use crate::gate::request::Reply;
use crate::gate::{answer, driver};
use crate::lua::compat;

impl Player<'_> {
    /// A run has been stopped.
    pub(super) fn stop(&mut self, stop: &Stop<'_>) -> Result<(), String> {
        let shown = format!("a stop: {}", String::from_utf8_lossy(stop.message));
        let mut under = self.under(stop.thread, || shown.clone())?;
        if stop.way == Way::Again {
            // A write that went past the limit was the last thing asked.
            if let (Kind::Limit(Limit::Output), Some((request, exchange)), At::Waits(work)) =
                (stop.kind, under.at.asked(), &under.at)
            {
                answer::limit_output(&self.core, exchange, work.place());
                self.put_out(request, exchange);
            }
            under.at = match under.at {
                At::Waits(work) if self.core.doomed().is_some() => {
                    At::of(driver::go_on(self.realm, self.root, work, Reply::Values, true))
                }
                at => at,
            };
            if let Some(asked) = under.asks() {
                self.calls.push(under);
                return self.departs(&shown, &asked);
            }
            if self.core.status.get() != Status::Exhausted(stop.kind)
                || *self.core.stopped.borrow() != stop.message
            {
                return self.departs(&shown, &under.shown());
            }
            return Ok(());
        }
        let under_at = std::mem::replace(&mut under.at, At::Put);
        match under_at {
            At::Put => {}
            // Asked, and stopped while it waited.
            At::Waits(work) => driver::forget(self.realm, work),
            At::Ended(_) => return self.departs(&shown, &under.shown()),
        }
        self.core.stopped.borrow_mut().clear();
        self.core.stopped.borrow_mut().extend_from_slice(stop.message);
        if stop.way == Way::Hard {
            self.core.kill(stop.kind, &String::from_utf8_lossy(stop.message));
            dispose(&self.core);
        } else {
            if stop.state.is_empty() {
                return Err(format!(
                    "event {}: the clock has stopped a call while others were under way, which no replay can do again",
                    self.number
                ));
            }
            let state =
                State::read(stop.state).ok_or_else(|| format!("{DAMAGED} in event {}", self.number))?;
            let mut place = self.core.heap.borrow_mut();
            let slot = place.take().and_then(Heap::vacate).ok_or("sandbox is closed")?;
            *place = Some(state.heap_in(slot, &self.core.budget)?);
            drop(place);
            state.outside.restore(&self.core).ok_or(compat::NO_MEMORY)?;
            self.core.status.set(Status::Exhausted(stop.kind));
        }
        match stop.traceback {
            Some(text) => self.core.set_traceback(text),
            None => *self.core.traceback.borrow_mut() = None,
        }
        Ok(())
    }
}
