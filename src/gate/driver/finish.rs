//! What becomes of activations that have come to their end.

use std::rc::Rc;

use super::{Activation, Driver, Step};
use crate::engine::Message;
use crate::gate::core::{Core, Status};
use crate::gate::exchange::Exchange;
use crate::gate::journal::{record, tape};
use crate::gate::realm::{dispose, Realm};
use crate::gate::request::{Entry, Reply};
use crate::gate::{answer, copies, image, making};

impl Driver<'_> {
    /// The last activation has ended.
    pub(super) fn finished(&mut self, outcome: Reply, exited: bool) -> Step {
        self.meter.settle();
        let Some(Activation { task, run, owner }) = self.activations.pop() else {
            return Step::Done(Reply::NoMemory);
        };
        let core = Rc::clone(&run.core);
        // After an exit the thread has been left in the middle of its call.
        core.threads.give_back(run.thread, !exited);
        let (entry, exchange) = (run.entry, run.exchange.get());
        let mut reply = outcome;
        if run.by_scalars.get() && !exited {
            reply = answer::values(exchange, |w| self.realm.scalars.write(w));
        }
        if exited {
            reply = answer::values(exchange, |_| Ok(()));
        }
        if core.tape.is_recording() && entry.is_call() {
            tape::ended(&core, &run, reply);
        }
        if exited {
            task.abandon();
            drop(run);
        } else {
            self.realm.workers.give_back(task, run);
        }
        if entry == Entry::Rehash && reply == Reply::Values {
            if let Some(next) = copies::rehashed(self.realm, &core) {
                ended(self.realm, &core, self.meter.charged_at());
                return match self.activate(next, entry, exchange, owner) {
                    Ok(()) => Step::Go(Message::Go),
                    Err(reply) => Step::Done(reply),
                };
            }
        }
        if entry == Entry::Check {
            if reply != Reply::Values {
                return self.reopen(core, exchange, owner);
            }
            image::tested(true);
        }
        if entry.is_opening() {
            reply = self.opened(&core, entry, reply, exchange);
        }
        if core.tape.is_recording() && entry.is_call() {
            reply = record::end_of_call(self.root, &core, exchange, reply);
        }
        ended(self.realm, &core, self.meter.charged_at());
        match owner {
            None => Step::Done(reply),
            Some(owner) => self.reply_to(owner, reply),
        }
    }

    /// A box has been made, or not.
    fn opened(&self, core: &Rc<Core>, entry: Entry, reply: Reply, exchange: *mut Exchange) -> Reply {
        if reply == Reply::Values && !matches!(entry, Entry::Open | Entry::Check) {
            return reply;
        }
        if reply == Reply::Values {
            image::offer(core);
            let id = core.id;
            return answer::values(exchange, |w| w.float(id.0 as f64));
        }
        self.realm.close(core.id);
        reply
    }

    /// A copy of the image is no good: the box is opened the long way.
    pub(super) fn reopen(&mut self, core: Rc<Core>, exchange: *mut Exchange, owner: Option<usize>) -> Step {
        image::tested(false);
        ended(self.realm, &core, self.meter.charged_at());
        let opened = if making::empty(&core) {
            self.activate(Rc::clone(&core), Entry::Open, exchange, owner)
        } else {
            Err(Reply::NoMemory)
        };
        match (opened, owner) {
            (Ok(()), _) => Step::Go(Message::Go),
            (Err(reply), owner) => {
                self.realm.close(core.id);
                match owner {
                    None => Step::Done(reply),
                    Some(owner) => self.reply_to(owner, reply),
                }
            }
        }
    }
}

/// One call less is under way in the box since `now`; what was put off until then is done.
pub(super) fn ended(realm: &Realm, core: &Core, now: u64) {
    core.running.set(core.running.get().saturating_sub(1));
    if core.running.get() == 0 {
        core.end_call(now);
    }
    if matches!(core.status.get(), Status::Killed(_)) {
        // Their handles go with its heap.
        realm.close_below(core);
    }
    if matches!(core.status.get(), Status::Killed(_))
        || (core.status.get() == Status::Closed && core.running.get() == 0)
    {
        dispose(core);
    }
}
