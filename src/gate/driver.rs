//! The flat loop that runs boxes: every box on its own stack, all of them resumed from here, on the host's.
//!
//! A box that calls one below it waits at the gate while the driver runs the other; depth costs the host's stack nothing. What a
//! box asks of the level above it is served there: by the host's own Lua, called from here, or on the waiting stack of the box
//! that made it.
//!
//! Activations form a stack in the order in which they began. The one that runs is not always the last: a box may serve a call
//! of one below it. Whatever was begun after an activation goes with it when it is stopped.

mod entry;
mod finish;
mod short;
mod stop;

use std::rc::Rc;

pub(super) use entry::{abandon, forget, from_host, go_on};
use finish::ended;
pub(super) use short::call as short;
pub(super) use short::Long;
pub use short::Short;

use super::answer::{self, Answer, Place};
use super::core::Core;
use super::counting;
use super::exchange::Exchange;
use super::journal::{record, tape};
use super::level::Level;
use super::meter::Meter;
use super::realm::Realm;
use super::request::{Entry, Reply, Request};
use super::run::{self, Run};
use super::serve::direct::Direct;
use super::serve::{self, Call, What};
use crate::engine::clock::{self, NEVER};
use crate::engine::switch::{standing, Task};
use crate::engine::{Cause, Event, Finish, Message};
use crate::host::driver_io;
use crate::lua::State;

/// Most calls of the driver inside one another, through host functions that call boxes.
pub const MAX_NESTING: usize = 190;
/// Most activations of boxes in one driver.
const MAX_ACTIVATIONS: usize = 200;

/// One call into a box that is under way.
pub(super) struct Activation {
    task: Task,
    // Boxed, since its address is known to the stack.
    pub(super) run: Box<Run>,
    /// The activation that made the call; `None` is the host.
    owner: Option<usize>,
}

/// The calls that one call of the host's has led to: all that a driver has to keep while a host function runs.
pub(super) struct Work {
    pub(super) activations: Vec<Activation>,
    /// Activations that wait for a call to be served by the level above them.
    waiting: Vec<usize>,
    current: usize,
}

struct Driver<'a> {
    realm: &'a Realm,
    /// The host's Lua thread that called.
    root: State,
    /// Whether host functions are called by the caller of the driver, so that they can yield, instead of from within it.
    may_wait: bool,
    activations: Vec<Activation>,
    waiting: Vec<usize>,
    current: usize,
    meter: Meter,
    direct: Direct,
}

/// What to do next.
enum Step {
    Go(Message),
    /// The host is to be called: see [`Driver::may_wait`].
    Host(Call),
    Done(Reply),
}

/// What a driver has come to.
pub(super) enum Outcome {
    Done(Reply),
    /// The host is to be called; then [`go_on`].
    Wait(Work, Call),
}

impl Work {
    /// The run that waits for an answer.
    pub(super) fn current(&self) -> Option<&Run> {
        self.activations.get(self.current).map(|activation| &*activation.run)
    }

    /// Where its code stands, for a message.
    pub(super) fn place(&self) -> Place {
        let seat = self.activations.get(self.current).map(|activation| activation.task.seat());
        Place { seat, deadline: NEVER }
    }
}

impl Driver<'_> {
    /// Prepares a call into `core`; on failure the reply for whoever made it.
    fn activate(
        &mut self,
        core: Rc<Core>,
        entry: Entry,
        exchange: *mut Exchange,
        owner: Option<usize>,
    ) -> Result<(), Reply> {
        let alone = || core.running.get() == 0 || self.realm.parking.all_wait(&core);
        let alone = core.tape.alone().unwrap_or_else(alone);
        if entry.is_call() {
            core.tape.note_call();
            core.begin_call(alone, self.meter.now());
        }
        if core.doomed().is_some_and(|doomed| std::ptr::eq(doomed, &*core)) {
            return Err(answer::error(exchange, &core.excuse(false)));
        }
        if self.activations.len() >= MAX_ACTIVATIONS {
            return Err(answer::error(exchange, "C stack overflow"));
        }
        if self.activations.try_reserve(1).is_err() || self.waiting.try_reserve(1).is_err() {
            return Err(Reply::NoMemory);
        }
        let thread = if entry.is_opening() { Some(0) } else { core.threads.take() };
        let Some(thread) = thread else { return Err(Reply::NoMemory) };
        if entry.is_call() && !core.tape.is_off() {
            tape::began(&core, entry, exchange, thread, alone);
        }
        let Some((task, run)) = self.realm.workers.take(&core, self.realm, entry, exchange, thread) else {
            core.threads.give_back(thread, core.threads.is_made(thread));
            return Err(Reply::NoMemory);
        };
        core.running.set(core.running.get() + 1);
        core.exit.set(None);
        self.activations.push(Activation { task, run, owner });
        self.current = self.activations.len() - 1;
        Ok(())
    }

    fn drive(mut self, mut step: Step) -> Outcome {
        loop {
            match step {
                Step::Go(message) => step = self.advance(message),
                Step::Done(reply) => {
                    self.meter.stop();
                    self.direct.end(self.realm);
                    return Outcome::Done(reply);
                }
                Step::Host(call) => {
                    self.meter.stop();
                    self.direct.end(self.realm);
                    for Activation { run, .. } in &self.activations {
                        run.kept.set(run.core.wall.keep());
                    }
                    let Driver { activations, waiting, current, .. } = self;
                    return Outcome::Wait(Work { activations, waiting, current }, call);
                }
            }
        }
    }

    /// Lets the current activation run until it has something to say, and answers that.
    fn advance(&mut self, message: Message) -> Step {
        let current = self.current;
        let Some(activation) = self.activations.get_mut(current) else {
            return Step::Done(Reply::NoMemory);
        };
        let core = Rc::clone(&activation.run.core);
        self.meter.enter(&core, activation.task.seat());
        if let Some(limit) = core.tape.take_doom() {
            core.exhaust(limit, &standing(activation.task.seat()).prefix());
        }
        if core.doomed().is_some() {
            return self.fall();
        }
        run::take_seat(&core, activation.task.seat(), self.meter.beat());
        counting::begin(&core, activation.task.seat(), self.meter.beat(), activation.run.entry);
        clock::signal::pass_on(activation.task.seat(), self.meter.beat());
        let said = self.meter.resume(|| activation.task.resume(message));
        self.heed(core, said)
    }

    /// Answers what the current activation has said.
    fn heed(&mut self, core: Rc<Core>, said: Result<Event, Finish>) -> Step {
        let current = self.current;
        let Some(activation) = self.activations.get_mut(current) else {
            return Step::Done(Reply::NoMemory);
        };
        let stuck = counting::settle(&core, activation.task.seat(), self.meter.beat());
        let outcome = activation.run.outcome.get();
        match said {
            // The handles of boxes below are closed by finalizers of ours: those are let through.
            Ok(Event::Ask) if stuck && !matches!(activation.run.request.get(), Request::Close { .. }) => {
                activation.task.seat().count.end();
                self.killed(&core, Cause::Deadline)
            }
            Ok(Event::Ask) => self.ask(&core),
            // Whoever takes the short road has left it by now, and has been given one.
            Ok(Event::Room) => self.reply_to(current, Reply::NoMemory),
            Ok(Event::Served) => self.served(),
            Ok(Event::Left) => self.left(&core),
            Ok(Event::Exited) => self.finished(Reply::Values, true),
            Ok(Event::Done) => self.finished(outcome, false),
            Ok(Event::Killed(cause)) | Err(Finish::Killed(cause)) => self.killed(&core, cause),
            // No call returns.
            Err(Finish::Done) => self.killed(&core, Cause::Fault),
        }
    }

    /// The current activation asks something.
    fn ask(&mut self, core: &Rc<Core>) -> Step {
        let current = self.current;
        let Some(activation) = self.activations.get(current) else { return Step::Done(Reply::NoMemory) };
        let (request, mut exchange) = (activation.run.request.get(), activation.run.asked.get());
        if core.tape.is_recording() {
            tape::asks(core, &activation.run);
        } else if core.tape.is_replaying() {
            // The journal answers: see `gate::journal::replay`.
            return Step::Host(Call { id: core.id, what: What::Getenv, exchange });
        }
        if let (Request::Call { function }, true) = (request, exchange.is_null()) {
            if activation.owner.is_none() && !self.may_wait {
                self.meter.stop();
                let reply = self.direct.call(self.realm, &activation.run, function);
                return self.reply_to(current, reply);
            }
            exchange = activation.run.lend();
            if !answer::send_scalars(self.realm, exchange) {
                return self.reply_to(current, Reply::NoMemory);
            }
        }
        if matches!(request, Request::Clock | Request::Usage { .. }) {
            self.meter.charge();
        }
        let place = Place { seat: Some(activation.task.seat()), deadline: self.passing_deadline() };
        match answer::answer(self.realm, Some(core), request, exchange, place) {
            Answer::Reply(reply) => self.reply_to(current, reply),
            Answer::Start(below, entry) => match self.activate(below, entry, exchange, Some(current)) {
                Ok(()) => Step::Go(Message::Go),
                Err(reply) => self.reply_to(current, reply),
            },
            Answer::Owner(what) => {
                let owner = activation.owner;
                let call = Call { id: core.name, what, exchange };
                self.serve(current, owner, call)
            }
            Answer::Stop => self.fall(),
            Answer::Interrupted if clock::is_stopping() => self.left(core),
            // It was for a box below, which is stopped when it is to go on.
            Answer::Interrupted => self.reply_to(current, driver_io::interrupted(exchange)),
        }
    }

    /// When the boxes below must be done for which the current one does nothing but pass a stream's request on.
    fn passing_deadline(&self) -> u64 {
        let (mut deadline, mut at) = (NEVER, self.current);
        for &waiter in self.waiting.iter().rev() {
            if !self.activations.get(at).is_some_and(|a| a.run.passing.get()) {
                break;
            }
            if let Some(activation) = self.activations.get(waiter) {
                deadline = deadline.min(activation.run.core.wall.deadline());
            }
            at = waiter;
        }
        deadline
    }

    fn reply_to(&mut self, index: usize, reply: Reply) -> Step {
        if let Some(activation) = self.activations.get(index) {
            activation.run.reply.set(reply);
            let core = Rc::clone(&activation.run.core);
            if core.tape.is_recording() && tape::answered(&core, &activation.run, reply) {
                self.meter.stop();
                record::deliver(self.root, &core);
            }
        }
        self.current = index;
        Step::Go(Message::Reply)
    }

    /// Has a call served by the level above.
    fn serve(&mut self, waiter: usize, owner: Option<usize>, call: Call) -> Step {
        match owner {
            // A stream or an environment works while the driver waits for it.
            None if self.may_wait && matches!(call.what, What::Function(_)) => Step::Host(call),
            None => {
                self.meter.stop();
                let level = Level::Host(self.realm as *const Realm as *mut Realm);
                let reply = serve::serve(self.root, level, call);
                self.reply_to(waiter, reply)
            }
            Some(owner) => {
                if let Some(activation) = self.activations.get(owner) {
                    activation.run.call.set(call);
                }
                // Room was reserved when the waiter was activated.
                self.waiting.push(waiter);
                self.current = owner;
                Step::Go(Message::Serve)
            }
        }
    }

    fn served(&mut self) -> Step {
        let reply = self.activations.get(self.current).map_or(Reply::NoMemory, |a| a.run.served.get());
        match self.waiting.pop() {
            Some(waiter) => self.reply_to(waiter, reply),
            None => Step::Done(Reply::NoMemory),
        }
    }
}

/// What [`What`] a request means for the level above, if any.
pub fn for_owner(request: Request) -> Option<What> {
    match request {
        Request::Call { function } => Some(What::Function(function)),
        Request::Getenv => Some(What::Getenv),
        Request::Module => Some(What::Module),
        Request::Stream { stream, op } => Some(What::Stream(stream, op)),
        Request::Given { number, op } => Some(What::Given(number, op)),
        _ => None,
    }
}
