//! What running boxes costs: CPU time charged to the box that runs and all above it, deadlines armed while it does.
//!
//! The clock goes on while the driver answers a box's own requests, and stands while the host's Lua runs.

pub mod alone;

use std::rc::Rc;

use super::core::{Core, Status};
use super::limits::Limit;
use crate::engine::clock::span::Span;
use crate::engine::clock::{self, Beat, NEVER};
use crate::engine::seat::Seat;
use crate::engine::switch::standing;
use crate::engine::{locale, process};
use crate::lua::compat;

/// Time that the look at a stopped box may take, ns.
const BRIEF_NS: u64 = 100_000_000;

/// The stop watch of one driver.
pub struct Meter {
    beat: &'static Beat,
    mask: Option<u64>,
    /// The box that is being charged.
    charged: Option<Rc<Core>>,
    /// Since it was charged last.
    since: Span,
    /// What the beat was armed with.
    armed: u64,
    /// What the monotonic clock showed when the watch was made, until that is used.
    now: u64,
}

impl Meter {
    /// `None` where the system can't watch this thread.
    pub fn begin() -> Option<Meter> {
        if !process::ready() {
            return None;
        }
        let beat = clock::beat()?;
        Some(Meter { beat, mask: None, charged: None, since: Span::default(), armed: 0, now: beat.now() })
    }

    /// What the monotonic clock shows when a call begins, ns.
    pub fn now(&self) -> u64 {
        match self.now {
            0 => self.beat.now(),
            now => now,
        }
    }

    /// What it showed when something was charged last, ns.
    pub fn charged_at(&self) -> u64 {
        self.since.began
    }

    pub fn beat(&self) -> &'static Beat {
        self.beat
    }

    /// Charges `core`, which is to go on at `seat`, from now on, and arms its deadlines.
    pub fn enter(&mut self, core: &Rc<Core>, seat: &Seat) {
        // A driver inside this one, or a stream of the host's, may have taken the beat meanwhile.
        if self.charged.as_ref().is_some_and(|now| Rc::ptr_eq(now, core)) && self.beat.is_armed(self.armed) {
            return;
        }
        if self.charged.is_some() {
            self.charge();
        } else {
            self.since = Span::begin_at(self.beat, self.now());
            self.now = 0;
            self.mask = clock::signal::prepare(self.beat, self.since.began);
            self.beat.take_outside();
        }
        self.beat.disarm();
        self.charged = Some(Rc::clone(core));
        let (mut cpu, mut wall) = (NEVER, NEVER);
        for level in core.chain() {
            let left = level.cpu_left();
            if left == 0 && level.status.get() == Status::Ready {
                level.exhaust(Limit::Cpu, &standing(seat).prefix());
            }
            cpu = cpu.min(left);
            wall = wall.min(level.wall.deadline());
        }
        self.armed = 0;
        // A finalizer that uses up the instructions meets no hook.
        let counted = !compat::JIT && core.is_counted();
        self.beat.expect_looks(counted);
        if cpu == NEVER && wall == NEVER && !counted {
            return;
        }
        let now = self.since.began;
        for level in core.chain() {
            if level.wall.deadline() <= now && level.status.get() == Status::Ready {
                level.exhaust(Limit::Wall, &standing(seat).prefix());
            }
        }
        self.armed =
            self.beat.arm(self.since.cpu_at_most().saturating_add(cpu), now.saturating_add(cpu), wall);
    }

    /// Runs a box's stack, under the C locale: a box neither sees nor needs the host's.
    pub fn resume<R>(&self, f: impl FnOnce() -> R) -> R {
        locale::under_c(f)
    }

    /// As [`Meter::resume`], for a look at a box that must not take long whatever its heap is like.
    pub fn briefly<R>(&mut self, f: impl FnOnce() -> R) -> R {
        self.stop();
        let now = clock::mono_ns();
        let mask = clock::signal::prepare(self.beat, now);
        self.beat.arm(NEVER, NEVER, now.saturating_add(BRIEF_NS));
        let result = locale::under_c(f);
        self.beat.disarm();
        if let Some(mask) = mask {
            clock::signal::restore_mask(mask);
        }
        result
    }

    /// Charges what has been used so far.
    pub fn charge(&mut self) {
        let (spent, next) = self.since.end(self.beat, self.beat.take_outside());
        if let Some(core) = &self.charged {
            core.charge_cpu(spent.used);
        }
        self.since = next;
    }

    /// Stops the watch; why the watchdog had asked for a stop, if it had.
    pub fn settle(&mut self) -> Option<u8> {
        let why = self.beat.disarm();
        if self.charged.is_some() {
            self.charge();
            self.charged = None;
            if let Some(mask) = self.mask.take() {
                clock::signal::restore_mask(mask);
            }
        }
        why
    }

    /// The same, before the host's own code runs.
    pub fn stop(&mut self) {
        self.settle();
    }

    /// Whose limit it was: the outermost box of the chain that has used up its allowance, or the one that is nearest to it.
    pub fn victim<'a>(&self, core: &'a Core, limit: Limit) -> &'a Core {
        let now = clock::mono_ns();
        let left = |core: &Core| match limit {
            Limit::Wall => core.wall.deadline().saturating_sub(now),
            Limit::Instructions => core.instructions_left().unwrap_or(NEVER),
            _ => core.cpu_left(),
        };
        let mut best = core;
        for level in core.chain() {
            if left(level) <= left(best) {
                best = level;
            }
        }
        best
    }
}
