//! The ways into the driver: a call of the host's begins, goes on after a wait, or is given up.

use std::rc::Rc;

use super::{ended, Activation, Driver, Outcome, Step, Work, MAX_NESTING};
use crate::engine::{clock, Message};
use crate::gate::answer::{self, Answer, Place};
use crate::gate::core::{Core, Kind};
use crate::gate::exchange::Exchange;
use crate::gate::journal::event::Event;
use crate::gate::meter::Meter;
use crate::gate::realm::Realm;
use crate::gate::request::{Entry, Reply, Request};
use crate::gate::serve::direct::Direct;
use crate::lua::State;

/// Sheltered: answers what the host's own code asks.
pub(in crate::gate) fn from_host(
    realm: &Realm,
    root: State,
    request: Request,
    exchange: *mut Exchange,
    may_wait: bool,
) -> Outcome {
    Outcome::Done(if realm.is_open() {
        match answer::answer(realm, None, request, exchange, Place::HOST) {
            Answer::Reply(reply) => reply,
            Answer::Start(core, entry) => {
                let depth = realm.nesting.get() + realm.parking.count_on(root);
                if depth < MAX_NESTING && crate::host::room_on_stack() {
                    return nested(realm, || start(realm, root, core, entry, exchange, may_wait));
                }
                answer::error(exchange, "C stack overflow")
            }
            Answer::Owner(_) | Answer::Stop | Answer::Interrupted => {
                answer::error(exchange, "sandbox: not a box")
            }
        }
    } else {
        answer::error(exchange, "sandbox is closed")
    })
}

fn nested<R>(realm: &Realm, f: impl FnOnce() -> R) -> R {
    realm.nesting.set(realm.nesting.get() + 1);
    let result = f();
    realm.nesting.set(realm.nesting.get() - 1);
    result
}

const UNWATCHED: &str = "sandbox: the system refuses a thread or a signal";

fn start(
    realm: &Realm,
    root: State,
    core: Rc<Core>,
    entry: Entry,
    exchange: *mut Exchange,
    may_wait: bool,
) -> Outcome {
    let Some(meter) = Meter::begin() else { return Outcome::Done(answer::error(exchange, UNWATCHED)) };
    let (activations, waiting) = (Vec::new(), Vec::new());
    let mut driver =
        Driver { realm, root, may_wait, activations, waiting, current: 0, meter, direct: Direct::new(root) };
    match driver.activate(core, entry, exchange, None) {
        Ok(()) => driver.drive(Step::Go(Message::Go)),
        Err(reply) => Outcome::Done(reply),
    }
}

/// Sheltered: the host function that the work has waited for has come out as `reply`.
pub(in crate::gate) fn go_on(
    realm: &Realm,
    root: State,
    work: Work,
    reply: Reply,
    may_wait: bool,
) -> Outcome {
    let Work { activations, waiting, current } = work;
    let Some(first) = activations.first() else { return Outcome::Done(Reply::NoMemory) };
    let exchange = first.run.exchange.get();
    for activation in &activations {
        activation.run.core.wall.restore(activation.run.kept.get());
    }
    // Another thread of the system may have the state now.
    let Some(meter) = Meter::begin() else {
        abandon(realm, root, Work { activations, waiting, current });
        return Outcome::Done(answer::error(exchange, UNWATCHED));
    };
    let mut driver =
        Driver { realm, root, may_wait, activations, waiting, current, meter, direct: Direct::new(root) };
    nested(realm, || {
        let step = driver.reply_to(current, reply);
        driver.drive(step)
    })
}

/// Sheltered: takes the work off its stacks and looks at nothing: what the boxes are then is written from elsewhere.
pub(in crate::gate) fn forget(realm: &Realm, work: Work) {
    for Activation { task, run, .. } in work.activations.into_iter().rev() {
        let core = Rc::clone(&run.core);
        task.abandon();
        drop(run);
        ended(realm, &core, clock::mono_ns());
    }
}

/// Sheltered: nobody waits for the work any more. The boxes are left as after a stop; nothing of theirs runs.
pub(in crate::gate) fn abandon(realm: &Realm, root: State, work: Work) {
    let Work { activations, waiting, current } = work;
    let meter = Meter::begin();
    let Some(meter) = meter else {
        // Nothing can be watched here, not even the look at what is left.
        for activation in activations.into_iter().rev() {
            let core = Rc::clone(&activation.run.core);
            core.kill(Kind::Fault, UNWATCHED);
            activation.task.abandon();
            ended(realm, &core, clock::mono_ns());
        }
        return;
    };
    let mut driver = Driver {
        realm,
        root,
        may_wait: false,
        activations,
        waiting,
        current,
        meter,
        direct: Direct::new(root),
    };
    while let Some(activation) = driver.activations.pop() {
        let Activation { task, run, .. } = activation;
        let core = Rc::clone(&run.core);
        driver.put_down(task, &run, false);
        core.tape.note(&Event::Abandon { thread: run.thread });
        drop(run);
        ended(realm, &core, clock::mono_ns());
    }
    driver.meter.stop();
}
