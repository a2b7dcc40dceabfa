//! What becomes of activations that can't go on: whose limit it was, what is left to look at, and who is told.

use std::rc::Rc;

use super::{ended, Activation, Driver, Step};
use crate::engine::clock;
use crate::engine::switch::{standing, Task};
use crate::engine::{luajit, Cause, Event, Message};
use crate::gate::answer;
use crate::gate::core::{Core, Kind, Status};
use crate::gate::exchange::Desk;
use crate::gate::journal::event::Way;
use crate::gate::journal::{record, tape};
use crate::gate::limits::Limit;
use crate::gate::request::{Entry, Reply};
use crate::gate::run::{self, Run};
use crate::lua::compat::NO_MEMORY;

impl Driver<'_> {
    /// A soft stop: the current activation has left its stack.
    pub(super) fn left(&mut self, core: &Rc<Core>) -> Step {
        core.tape.note_way(Way::Soft);
        let why = self.meter.settle();
        let position = self.activations.get(self.current).map(|a| standing(a.task.seat()).prefix());
        self.blame(core, why, &position.unwrap_or_default());
        self.fall()
    }

    /// A hard stop, or a crash: the current box is lost.
    pub(super) fn killed(&mut self, core: &Rc<Core>, cause: Cause) -> Step {
        let why = self.meter.settle();
        let kind = match cause {
            Cause::Stack => {
                luajit::release_unwinder();
                core.kill(Kind::Stack, "C stack overflow");
                None
            }
            Cause::Fault => {
                luajit::release_unwinder();
                core.kill(Kind::Fault, "the interpreter crashed");
                None
            }
            Cause::Deadline => Some(self.limit_of(why)),
        };
        if let Some(limit) = kind {
            let victim = self.meter.victim(core, limit);
            let message = limit.message(victim.limits.get().get(limit));
            core.kill(Kind::Limit(limit), &message);
            victim.exhaust(limit, "");
        }
        self.fall()
    }

    /// Which limit has stopped the current activation.
    fn limit_of(&self, why: Option<u8>) -> Limit {
        match why {
            _ if self.activations.get(self.current).is_some_and(|a| a.task.seat().count.has_ended()) => {
                Limit::Instructions
            }
            Some(clock::WHY_WALL) => Limit::Wall,
            _ => Limit::Cpu,
        }
    }

    fn blame(&self, core: &Core, why: Option<u8>, position: &str) {
        let limit = self.limit_of(why);
        self.meter.victim(core, limit).exhaust(limit, position);
    }

    /// Drops activations that can't go on, from the last one down to one whose caller can, and tells that caller. Others below it
    /// may be doomed, too: they fall when control comes back to them, since their caller may be in the middle of serving them.
    pub(super) fn fall(&mut self) -> Step {
        self.meter.settle();
        while let Some(Activation { task, run, owner }) = self.activations.pop() {
            let core = Rc::clone(&run.core);
            self.put_down(task, &run, true);
            if run.entry == Entry::Check
                && core.parent.as_ref().is_none_or(|parent| parent.doomed().is_none())
            {
                return self.reopen(core, run.exchange.get(), owner);
            }
            if core.tape.is_recording() && run.entry.is_call() {
                tape::stopped(&core, &run);
                record::deliver(self.root, &core);
            }
            let mut own = core.excuse(true);
            if run.entry.is_opening() {
                // LuaJIT crashes while it makes a state with too little memory, and no code but its own has run yet.
                if matches!(core.status.get(), Status::Killed(Kind::Fault)) {
                    own = NO_MEMORY.to_owned();
                }
                self.realm.close(core.id);
            }
            let (exchange, above) = (run.exchange.get(), core.doomed().map(|d| d.excuse(true)));
            drop(run);
            ended(self.realm, &core, self.meter.charged_at());
            let caller = owner.and_then(|owner| self.activations.get(owner));
            if caller.is_some_and(|caller| caller.run.core.doomed().is_some()) {
                continue;
            }
            let length = self.activations.len();
            self.waiting.retain(|&waiter| waiter < length);
            let text = if own.is_empty() { above.unwrap_or_default() } else { own };
            let reply = answer::error(exchange, &text);
            return match owner {
                None => Step::Done(reply),
                Some(owner) => self.reply_to(owner, reply),
            };
        }
        Step::Done(Reply::NoMemory)
    }

    /// Takes an activation off its stack in the middle of whatever it does. `stopped`: what its stack looks like is of interest.
    pub(super) fn put_down(&mut self, task: Task, run: &Run, stopped: bool) {
        let core = &run.core;
        let left = task.seat().current.load(std::sync::atomic::Ordering::Relaxed);
        let whole = matches!(core.status.get(), Status::Ready | Status::Exhausted(_));
        if whole && !run.entry.is_opening() && core.heap.borrow().is_some() {
            self.examine(core, if stopped { left } else { std::ptr::null_mut() });
        }
        // Not before: LuaJIT finds lines of the thread that was left by its C stack.
        task.abandon();
        core.threads.give_back(run.thread, false);
    }

    /// Looks at what a stop has left: the traceback, and whether the heap can go on.
    fn examine(&mut self, core: &Rc<Core>, left: *mut mlua::ffi::lua_State) {
        let mut desk = Desk::new(None);
        let Ok(exchange) = desk.take(0) else { return };
        let _ = answer::values(exchange, |_| Ok(()));
        let Some(thread) = core.threads.take() else { return };
        let worker = self.realm.workers.take(core, self.realm, Entry::Autopsy, exchange, thread);
        let Some((mut task, run)) = worker else {
            core.threads.give_back(thread, core.threads.is_made(thread));
            return;
        };
        run.left.set(left);
        run::take_seat(core, task.seat(), self.meter.beat());
        let said = self.meter.briefly(|| task.resume(Message::Go));
        let ended = said == Ok(Event::Done);
        let well = ended && run.outcome.get() == Reply::Values;
        core.threads.give_back(thread, well);
        if ended {
            self.realm.workers.give_back(task, run);
        } else {
            task.abandon();
        }
        if !well {
            let said = String::from_utf8_lossy(&core.stopped.borrow()).into_owned();
            let kind = match core.status.get() {
                Status::Exhausted(kind) => kind,
                _ => Kind::Fault,
            };
            core.kill(kind, if said.is_empty() { "left in the middle of a call" } else { &said });
        }
    }
}
