//! Real time of the calls into one box. A box that waits for its host may be called again meanwhile: each of the calls keeps the
//! deadline that it was given.

use std::cell::Cell;

use crate::engine::clock::{mono_ns, NEVER};

/// The clock on a box's wall.
pub struct Wall {
    /// When the call under way is over, on the monotonic clock.
    deadline: Cell<u64>,
    /// When the oldest of the calls under way began; 0 for none.
    began: Cell<u64>,
    /// How often the host has set the limit in the middle of calls, and the deadline that this gave to all of them.
    granted: Cell<(u64, u64)>,
}

/// The deadline of a call that waits.
#[derive(Clone, Copy)]
pub struct Kept {
    deadline: u64,
    grants: u64,
}

impl Wall {
    pub fn new() -> Wall {
        Wall { deadline: Cell::new(NEVER), began: Cell::new(0), granted: Cell::new((0, NEVER)) }
    }

    pub fn deadline(&self) -> u64 {
        self.deadline.get()
    }

    /// A call begins `now` that has `limit` ns.
    pub fn begin(&self, limit: u64, now: u64) {
        if self.began.get() == 0 {
            self.began.set(now);
        }
        // None stays none.
        self.deadline.set(now.saturating_add(limit));
    }

    /// The host gives the calls under way `limit` ns from now.
    pub fn grant(&self, limit: u64) {
        let deadline = mono_ns().saturating_add(limit);
        self.deadline.set(deadline);
        self.granted.set((self.granted.get().0.wrapping_add(1), deadline));
    }

    /// What a call that begins to wait must keep.
    pub fn keep(&self) -> Kept {
        Kept { deadline: self.deadline.get(), grants: self.granted.get().0 }
    }

    /// The call goes on.
    pub fn restore(&self, kept: Kept) {
        let (grants, granted) = self.granted.get();
        self.deadline.set(if kept.grants == grants { kept.deadline } else { granted });
    }

    /// The last call under way has ended `now`; how long there were any, ns.
    pub fn end(&self, now: u64) -> u64 {
        let used = match self.began.get() {
            0 => 0,
            began => now.saturating_sub(began),
        };
        self.deadline.set(NEVER);
        self.began.set(0);
        used
    }

    /// Real time since the oldest call under way began, ns.
    pub fn used(&self) -> u64 {
        match self.began.get() {
            0 => 0,
            began => mono_ns().saturating_sub(began),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn a_waiting_call_keeps_its_deadline() {
        let wall = Wall::new();
        wall.begin(SECOND, mono_ns());
        let (first, kept) = (wall.deadline(), wall.keep());
        wall.begin(100 * SECOND, mono_ns());
        assert!(wall.deadline() > first);
        wall.restore(kept);
        assert_eq!(wall.deadline(), first);
        wall.end(mono_ns());
        assert_eq!((wall.deadline(), wall.used()), (NEVER, 0));
    }

    #[test]
    fn a_fresh_allowance_is_for_calls_that_wait_too() {
        let wall = Wall::new();
        wall.begin(SECOND, mono_ns());
        let (first, kept) = (wall.deadline(), wall.keep());
        wall.grant(1000 * SECOND);
        wall.begin(2 * SECOND, mono_ns());
        wall.restore(kept);
        assert!(wall.deadline() > first + 500 * SECOND);
    }
}
