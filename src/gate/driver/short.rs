//! The short road: a call from the host into a box of its own with scalars alone, and scalars for results; and what such a call asks of the
//! host's functions with scalars. It takes neither an exchange nor a list of activations. As soon as anything else comes up the call goes
//! on as any other.

use std::os::raw::c_int;
use std::rc::Rc;

use super::{ended, Activation, Driver, Outcome, Step, MAX_NESTING};
use crate::engine::{Event, Finish, Message};
use crate::gate::core::Core;
use crate::gate::exchange::Exchange;
use crate::gate::meter::alone::{self, Alone};
use crate::gate::realm::Realm;
use crate::gate::request::{Id, Reply, Request};
use crate::gate::run::{self, Run};
use crate::gate::serve::direct::Direct;
use crate::gate::workers::Worker;
use crate::host::room_on_stack;
use crate::lua::State;

/// How such a call has come out.
#[derive(Clone, Copy)]
pub enum Short {
    /// Nothing has been done: it can't go the short road.
    No,
    /// The results are the realm's scalars.
    Taken,
    /// As any other: see [`Realm::long`].
    Long,
}

/// What has come of a call that has left the short road.
pub(in crate::gate) struct Long {
    pub outcome: Outcome,
    pub exchange: *mut Exchange,
    /// What the host's desk is to be brought down to.
    pub height: usize,
}

/// With what a call leaves it.
enum Left {
    /// The stack has said this.
    Said(Result<Event, Finish>),
    /// The answer to what it asked lies in the run.
    Answered,
}

/// Sheltered: calls the function that the box `id` has exported under `number` with the values on the stack from `first` on. `waits`: host
/// functions that it calls may yield, where `root` can. `taker` is an address in the frame of the bare code that asks.
#[inline(always)]
pub(in crate::gate) fn call(
    realm: &Realm,
    root: State,
    (id, number): (Id, u64),
    first: c_int,
    waits: bool,
    taker: usize,
) -> Short {
    let nesting = realm.nesting.get();
    let depth = nesting + realm.parking.count_on(root);
    // The first call of all needs no more of the host's stack than any C function.
    let fits = depth == 0 || (depth < MAX_NESTING && room_on_stack());
    if !fits {
        return Short::No;
    }
    let Some(mut worker) = realm.workers.take_short(realm, id) else { return Short::No };
    let Worker { task, run } = &mut *worker;
    let core: &Core = &run.core;
    let ready = || {
        let left = core.cpu_left();
        let beat = if core.is_plain() && left > 0 { alone::beat()? } else { return None };
        // Last, since it is to be given back.
        let thread = if realm.scalars.take(root, first) { core.threads.take_ready()? } else { return None };
        Some((left, beat, thread))
    };
    let Some((left, beat, thread)) = ready() else {
        realm.workers.put_short(worker);
        return Short::No;
    };
    run.ready.set(Some(thread));
    run.number.set(number);
    if let Ok(mut trace) = realm.trace.try_borrow_mut() {
        trace.forget();
    }
    let seat = task.seat();
    seat.renew();
    seat.count.idle(core.main.get());
    let now = beat.now();
    core.wall.begin(core.limits.get().wall_ns(), now);
    core.tape.note_call();
    core.running.set(1);
    core.exit.set(None);
    realm.nesting.set(nesting + 1);
    let mut watch = Alone::begin(beat, core, now, left);
    let mut direct = Direct::of_proxy(root);
    let mut height = None;
    run::take_seat(core, seat, beat);
    let mut said = watch.resume(|| task.resume(Message::Go));
    let (left, running) = loop {
        match said {
            Ok(Event::Done) if run.by_scalars.get() => {
                watch.end(core);
                core.threads.give_back_ready();
                realm.workers.give_back_short(worker);
                realm.nesting.set(nesting);
                direct.end(realm);
                return Short::Taken;
            }
            Ok(Event::Ask) if run.asked.get().is_null() && !(waits && root.can_yield()) => {
                let Request::Call { function } = run.request.get() else { break (Left::Said(said), true) };
                let calm = watch.pause(core);
                run.reply.set(direct.call(realm, run, function));
                if !calm || !core.goes_smoothly() || !watch.go_on(core, seat) {
                    break (Left::Answered, false);
                }
                run::take_seat(core, seat, beat);
                said = watch.resume(|| task.resume(Message::Reply));
            }
            Ok(Event::Room) => {
                height = Some(take_room(realm, run, taker));
                said = watch.resume(|| task.resume(Message::Reply));
            }
            _ => break (Left::Said(said), true),
        }
    };
    let core = Rc::clone(&run.core);
    let height = height.unwrap_or_else(|| take_room(realm, run, taker));
    let meter = watch.adopt(&core, running);
    let (activations, waiting) = (Vec::new(), Vec::new());
    let may_wait = waits && root.can_yield();
    let driver = Driver { realm, root, may_wait, activations, waiting, current: 0, meter, direct };
    let long = driver.leave_short(core, *worker, left, height);
    realm.nesting.set(nesting);
    realm.long.set(Some(long));
    Short::Long
}

impl Driver<'_> {
    /// Goes on with the call as any other.
    #[cold]
    fn leave_short(
        mut self,
        core: Rc<Core>,
        Worker { task, run }: Worker,
        left: Left,
        height: usize,
    ) -> Long {
        let exchange = run.exchange.get();
        let room = self.activations.try_reserve(1).is_ok() && self.waiting.try_reserve(1).is_ok();
        if exchange.is_null() || !room {
            self.meter.settle();
            self.put_down(task, &run, false);
            drop(run);
            ended(self.realm, &core, self.meter.charged_at());
            self.direct.end(self.realm);
            return Long { outcome: Outcome::Done(Reply::NoMemory), exchange, height };
        }
        self.activations.push(Activation { task, run, owner: None });
        let step = match left {
            Left::Said(said) => self.heed(core, said),
            Left::Answered => Step::Go(Message::Reply),
        };
        Long { outcome: self.drive(step), exchange, height }
    }
}

/// Takes an exchange for a call that has none; how high the desk stood before.
#[cold]
fn take_room(realm: &Realm, run: &Run, taker: usize) -> usize {
    let Ok(mut desk) = realm.desk.try_borrow_mut() else { return 0 };
    let height = desk.height();
    run.exchange.set(desk.take(taker).unwrap_or(std::ptr::null_mut()));
    height
}
