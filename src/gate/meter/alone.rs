//! The stop watch of a call on the short road: of one box alone, which has none above it.

use std::rc::Rc;

use super::Meter;
use crate::engine::clock::span::Span;
use crate::engine::clock::{self, Beat};
use crate::engine::seat::Seat;
use crate::engine::{locale, process};
use crate::gate::core::Core;

/// The calling thread's beat; `None` where the system can't watch it.
#[inline(always)]
pub fn beat() -> Option<&'static Beat> {
    // Whoever has one has been here before, with all that there is to prepare.
    clock::known_beat().or_else(first_beat)
}

#[cold]
fn first_beat() -> Option<&'static Beat> {
    process::ready().then(clock::beat).flatten()
}

/// As [`Meter`].
pub struct Alone {
    beat: &'static Beat,
    mask: Option<u64>,
    since: Span,
    armed: u64,
}

impl Alone {
    /// Charges `core`, which has so much CPU time left, from `now` on, and arms its deadlines.
    #[inline(always)]
    pub fn begin(beat: &'static Beat, core: &Core, now: u64, cpu_left: u64) -> Alone {
        let since = Span::begin_at(beat, now);
        let mask = clock::signal::prepare(beat, now);
        beat.disarm();
        beat.expect_looks(false);
        let latest = since.cpu_at_most().saturating_add(cpu_left);
        let armed = beat.arm(latest, now.saturating_add(cpu_left), core.wall.deadline());
        Alone { beat, mask, since, armed }
    }

    /// Runs a box's stack: see [`Meter::resume`].
    #[inline(always)]
    pub fn resume<R>(&self, f: impl FnOnce() -> R) -> R {
        locale::under_c(f)
    }

    /// Stops the watch; what the monotonic clock shows, what was used, and whether the watchdog had asked for a stop.
    #[inline(always)]
    fn stop(&mut self) -> (u64, u64, bool) {
        let why = self.beat.disarm();
        let (now, used) = self.since.finish(self.beat, self.beat.take_outside());
        if let Some(mask) = self.mask.take() {
            clock::signal::restore_mask(mask);
        }
        (now, used, why.is_some())
    }

    /// The call has ended.
    #[inline(always)]
    pub fn end(mut self, core: &Core) {
        let (now, used, _) = self.stop();
        core.end_alone(used, now);
    }

    /// The host's own code is to run; false where the box is to be stopped.
    pub fn pause(&mut self, core: &Core) -> bool {
        let (_, used, wanted) = self.stop();
        core.charge_cpu_alone(used);
        !wanted
    }

    /// The box goes on; false, and nothing is armed, where it has nothing left.
    pub fn go_on(&mut self, core: &Core, seat: &Seat) -> bool {
        let (now, cpu_left) = (self.beat.now(), core.cpu_left());
        if cpu_left == 0 || core.wall.deadline() <= now {
            return false;
        }
        // Calls inside this one have left there what was theirs.
        self.beat.take_outside();
        *self = Alone::begin(self.beat, core, now, cpu_left);
        clock::signal::pass_on(seat, self.beat);
        true
    }

    /// The call goes on as any other; `running`: the watch has not been stopped.
    #[cold]
    pub fn adopt(self, core: &Rc<Core>, running: bool) -> Meter {
        let Alone { beat, mask, since, armed } = self;
        let charged = running.then(|| Rc::clone(core));
        Meter { beat, mask, charged, since, armed, now: 0 }
    }
}
