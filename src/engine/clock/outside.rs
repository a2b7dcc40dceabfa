//! The host's own code in the middle of a box's request, and what the box's thread can be asked about meanwhile.

use std::cell::Cell;
use std::sync::atomic::Ordering::*;

use super::span::{Span, Spent};
use super::{last_beat, Beat};

thread_local! {
    /// How many boxes were closed while they were being run.
    static CLOSINGS: Cell<u64> = const { Cell::new(0) };
}

/// Runs the host's own code in the middle of a box's request: its CPU time is not the box's, and no deadline is watched meanwhile.
/// Where one has passed by then, or a box that is being run was closed, [`is_overdue`] says so.
pub fn outside<R>(f: impl FnOnce() -> R) -> R {
    match last_beat() {
        Some(beat) if beat.armed.load(Relaxed) != 0 => {
            beat.disarm();
            let (cpu, wall) = (beat.cpu.load(Relaxed), beat.wall.load(Relaxed));
            let (before, closings) = (beat.take_outside(), CLOSINGS.get());
            let span = Span::begin(beat);
            let result = f();
            // What a driver inside this one left there is part of the span.
            beat.take_outside();
            let (spent, next) = span.end(beat, Spent::default());
            beat.set_outside(before.plus(spent));
            let (cpu, now) = (cpu.saturating_add(spent.used), next.began);
            let ended = next.cpu_at_least();
            beat.own.overdue.store(ended >= cpu || now >= wall || closings != CLOSINGS.get(), Relaxed);
            beat.arm(cpu, now.saturating_add(cpu.saturating_sub(next.cpu_at_most())), wall);
            result
        }
        _ => f(),
    }
}

/// Whether the watchdog has a deadline to look at for this thread.
pub fn is_watched() -> bool {
    last_beat().is_some_and(|beat| beat.armed.load(Relaxed) != 0)
}

/// Whether a stop of the run under way on this thread has been asked for.
pub fn is_stopping() -> bool {
    last_beat().is_some_and(|beat| beat.stage() != 0)
}

/// Whether the request under way is for a box that can't go on.
pub fn is_overdue() -> bool {
    last_beat().is_some_and(|beat| beat.own.overdue.load(Relaxed))
}

/// Notes that a box was closed while it was being run.
pub fn note_closing() {
    CLOSINGS.set(CLOSINGS.get().wrapping_add(1));
}

impl Beat {
    /// What [`outside`] has added up since the last time. On the thread's own beat.
    pub fn take_outside(&self) -> Spent {
        self.own.overdue.store(false, Relaxed);
        let spent = Spent {
            used: self.own.outside_used.load(Relaxed),
            passed: self.own.outside_passed.load(Relaxed),
        };
        if spent.passed != 0 {
            self.set_outside(Spent::default());
        }
        spent
    }

    fn set_outside(&self, spent: Spent) {
        self.own.outside_used.store(spent.used, Relaxed);
        self.own.outside_passed.store(spent.passed, Relaxed);
    }
}
