//! The monotonic clock, read by the processor's own counter: a third of what the system's clock costs.
//!
//! The counter is used where the system itself keeps time by it. What it showed at a reading of the system's clock, and how long its ticks are, is
//! kept in the thread's beat, and found anew every millisecond: so whatever becomes of the counter (a process that is moved to another
//! machine, say), what is told here is a millisecond off at most, and only for that long.
//!
//! # Safety
//! Reading the counter touches no memory.
#![allow(unsafe_code)]

use std::sync::atomic::Ordering::Relaxed;

use once_cell::sync::Lazy;

use super::{mono_ns, Beat};

/// How long a reading of the system's clock is built upon, ns.
const GOOD_FOR: u64 = 1_000_000;
/// How long ticks must have been counted to tell how long they are, ns; and for how long that is made more exact.
const SHORTEST: u64 = 5_000_000;
const LONGEST: u64 = 60_000_000_000;
/// Bits of a tick's length that are the fraction of a nanosecond.
const FRACTION: u32 = 32;

/// Whether the system keeps time by the counter that is read here.
static USABLE: Lazy<bool> = Lazy::new(|| {
    let source = std::fs::read_to_string("/sys/devices/system/clocksource/clocksource0/current_clocksource");
    source.is_ok_and(|source| source.trim() == counter::NAME)
});

#[cfg(target_arch = "x86_64")]
mod counter {
    pub const NAME: &str = "tsc";

    pub fn read() -> u64 {
        // SAFETY: every x86-64 has it; where the system forbids it to programs, it doesn't keep time by it either.
        unsafe { std::arch::x86_64::_rdtsc() }
    }
}

#[cfg(target_arch = "aarch64")]
mod counter {
    pub const NAME: &str = "arch_sys_counter";

    pub fn read() -> u64 {
        let ticks;
        // SAFETY: reads a register that Linux lets programs read.
        unsafe { std::arch::asm!("mrs {}, cntvct_el0", out(reg) ticks, options(nomem, nostack)) };
        ticks
    }
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
mod counter {
    pub const NAME: &str = "none";

    pub fn read() -> u64 {
        0
    }
}

impl Beat {
    /// What the monotonic clock shows, ns; on the thread's own beat.
    pub fn now(&self) -> u64 {
        let own = &self.own;
        let passed = counter::read().wrapping_sub(own.tick.load(Relaxed));
        if passed < own.ticks_good.load(Relaxed) {
            // No more than a millisecond times the fraction: it fits.
            return own.tick_ns.load(Relaxed)
                + (passed.wrapping_mul(own.tick_length.load(Relaxed)) >> FRACTION);
        }
        self.read_clock()
    }

    /// Reads the system's clock, and what the counter shows with it.
    #[cold]
    fn read_clock(&self) -> u64 {
        let own = &self.own;
        if !*USABLE {
            return mono_ns();
        }
        let (tick, now) = (counter::read(), mono_ns());
        let (ticks, ns) =
            (tick.wrapping_sub(own.first_tick.load(Relaxed)), now.saturating_sub(own.first_ns.load(Relaxed)));
        if ns > LONGEST || ticks > u64::MAX >> 1 {
            own.first_tick.store(tick, Relaxed);
            own.first_ns.store(now, Relaxed);
        } else if ns >= SHORTEST && ticks > 0 {
            let length = (u128::from(ns) << FRACTION) / u128::from(ticks);
            let good = u128::from(GOOD_FOR) * u128::from(ticks) / u128::from(ns);
            own.tick_length.store(u64::try_from(length).unwrap_or(0), Relaxed);
            own.ticks_good.store(u64::try_from(good).unwrap_or(0), Relaxed);
        }
        own.tick.store(tick, Relaxed);
        own.tick_ns.store(now, Relaxed);
        now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_keeps_up_with_the_systems_clock() {
        let beat = crate::engine::clock::beat().unwrap();
        let began = mono_ns();
        let (mut readings, mut last) = (0_u64, 0);
        while mono_ns() - began < 4 * SHORTEST {
            let (before, now, after) = (mono_ns(), beat.now(), mono_ns());
            // A thread may lose its turn between two of these: that widens the window, and no more.
            assert!(now + GOOD_FOR >= before && now <= after + GOOD_FOR, "{before} {now} {after}");
            assert!(now + GOOD_FOR >= last);
            last = now;
            readings += 1;
        }
        assert!(readings > 0);
    }
}
