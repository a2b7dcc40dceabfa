//! The short road: a call from the host into a box of its own with scalars alone, and scalars for results. It takes neither an exchange nor a list
//! of activations. As soon as anything else comes up the call goes on as any other.

use std::os::raw::c_int;
use std::rc::Rc;

use super::{ended, Activation, Driver, Outcome, MAX_NESTING};
use crate::engine::{Event, Finish, Message};
use crate::gate::core::Core;
use crate::gate::exchange::Exchange;
use crate::gate::limits::Limit;
use crate::gate::meter::Meter;
use crate::gate::realm::Realm;
use crate::gate::request::{Entry, Id, Reply};
use crate::gate::run::{self, Run};
use crate::gate::workers::Worker;
use crate::host::room_on_stack;
use crate::lua::State;

/// How such a call has come out.
#[derive(Clone, Copy)]
pub enum Short {
    /// Nothing has been done: it can't go the short road.
    No,
    /// So many results have been pushed on the host's stack.
    Pushed(c_int),
    /// As any other: what has come of it, and the exchange, lie in [`Realm::long`].
    Long,
}

/// Sheltered: calls the function `to` with the values on the stack from `first` on. `taker` is an address in the frame of the bare code
/// that asks.
pub(in crate::gate) fn call(
    realm: &Realm,
    root: State,
    (id, number): (Id, u64),
    first: c_int,
    may_wait: bool,
    taker: usize,
) -> Short {
    let Some(core) = realm.find(id).filter(|core| core.is_plain()) else { return Short::No };
    let nesting = realm.nesting.get();
    let depth = nesting + realm.parking.count_on(root);
    // The first call of all needs no more of the host's stack than any C function.
    let fits = depth == 0 || (depth < MAX_NESTING && room_on_stack());
    if !fits || !realm.scalars.take(root, first) {
        return Short::No;
    }
    let Some(mut meter) = Meter::begin() else { return Short::No };
    let Some(thread) = core.threads.take_ready() else { return Short::No };
    let Some(mut worker) = realm.workers.take_short(&core, realm, Entry::Short(number), thread) else {
        core.threads.give_back_ready();
        return Short::No;
    };
    if let Ok(mut trace) = realm.trace.try_borrow_mut() {
        trace.forget();
    }
    core.wall.begin(core.limits.get().get(Limit::Wall), meter.now());
    core.tape.note_call();
    core.running.set(1);
    core.exit.set(None);
    realm.nesting.set(nesting + 1);
    let seat = worker.task.seat();
    let mut said = None;
    if meter.enter_alone(&core) {
        run::take_seat(&core, seat, meter.beat());
        seat.count.idle(core.main.get());
        said = Some(meter.resume(|| worker.task.resume(Message::Go)));
        if said == Some(Ok(Event::Room)) {
            take_room(realm, &worker.run, taker);
            said = Some(meter.resume(|| worker.task.resume(Message::Reply)));
        }
        if said == Some(Ok(Event::Done)) && worker.run.by_scalars.get() {
            meter.settle_alone(&core);
            core.threads.give_back_ready();
            realm.workers.give_back_short(worker);
            realm.nesting.set(nesting);
            return Short::Pushed(realm.scalars.push(root));
        }
        meter.adopt(&core);
    } else {
        meter.enter(&core, seat);
    }
    let (activations, waiting) = (Vec::new(), Vec::new());
    let driver = Driver { realm, root, may_wait, activations, waiting, current: 0, meter };
    let long = driver.leave_short(core, *worker, taker, said);
    realm.nesting.set(nesting);
    realm.long.set(Some(long));
    Short::Long
}

impl Driver<'_> {
    /// Goes on with the call as any other, from what its stack has said; it can't go on where that is nothing.
    #[cold]
    fn leave_short(
        mut self,
        core: Rc<Core>,
        Worker { task, run }: Worker,
        taker: usize,
        said: Option<Result<Event, Finish>>,
    ) -> (Outcome, *mut Exchange) {
        take_room(self.realm, &run, taker);
        let exchange = run.exchange.get();
        let room = self.activations.try_reserve(1).is_ok() && self.waiting.try_reserve(1).is_ok();
        if exchange.is_null() || !room {
            self.meter.settle();
            self.put_down(task, &run, false);
            drop(run);
            ended(self.realm, &core, self.meter.charged_at());
            return (Outcome::Done(Reply::NoMemory), exchange);
        }
        self.activations.push(Activation { task, run, owner: None });
        let step = match said {
            Some(said) => self.heed(core, said),
            None => self.fall(),
        };
        (self.drive(step), exchange)
    }
}

/// Takes an exchange for a call that has none.
fn take_room(realm: &Realm, run: &Run, taker: usize) {
    if run.exchange.get().is_null() {
        let taken = realm.desk.try_borrow_mut().ok().and_then(|mut desk| desk.take(taker).ok());
        run.exchange.set(taken.unwrap_or(std::ptr::null_mut()));
    }
}
