//! CPU time of short spans without a system call for each.
//!
//! Reading a thread's CPU clock costs a system call, the monotonic clock does not. A thread can have used no more CPU time than real time has
//! passed, and in a span shorter than [`SHORT`] hardly less: such a span is charged what the monotonic clock says. At the end of a longer one
//! the CPU clock is read. Where it stood at the beginning is known from the last reading, which is never older than [`STALE`], and from what has
//! been charged since: a long span is charged too much by [`STALE`] at most, and only if the thread lost its turn meanwhile.

use std::sync::atomic::Ordering::Relaxed;

use super::{thread_cpu_ns, Beat};

/// Spans below this are charged by the monotonic clock alone, ns.
const SHORT: u64 = 100_000;
/// The oldest reading of the CPU clock that a span may begin with, ns.
const STALE: u64 = 250_000;

/// The beginning of a span.
#[derive(Clone, Copy, Debug, Default)]
pub struct Span {
    /// On the monotonic clock, ns.
    pub began: u64,
    /// The thread's CPU clock had come this far at least, and at most, ns.
    least: u64,
    most: u64,
}

fn read(beat: &Beat, now: u64) -> u64 {
    let cpu = thread_cpu_ns();
    beat.own.cpu.store(cpu, Relaxed);
    beat.own.at.store(now, Relaxed);
    beat.own.charged.store(0, Relaxed);
    cpu
}

impl Span {
    /// Begins a span on the calling thread, whose beat is given.
    pub fn begin(beat: &Beat) -> Span {
        Span::begin_at(beat, beat.now())
    }

    /// The same, where the monotonic clock shows `now`.
    pub fn begin_at(beat: &Beat, now: u64) -> Span {
        let own = &beat.own;
        let (cpu, at, charged) = (own.cpu.load(Relaxed), own.at.load(Relaxed), own.charged.load(Relaxed));
        let age = now.saturating_sub(at);
        if cpu == 0 || age > STALE {
            let cpu = read(beat, now);
            return Span { began: now, least: cpu, most: cpu };
        }
        Span { began: now, least: cpu.saturating_add(charged), most: cpu.saturating_add(age) }
    }

    /// The latest that the thread's CPU clock may have shown when the span began, ns.
    pub fn cpu_at_most(&self) -> u64 {
        self.most
    }

    /// No reading can have shown less than this when the span began, ns.
    pub fn cpu_at_least(&self) -> u64 {
        self.least
    }

    /// Ends the span as [`Span::end`] does, with none that follows: what the monotonic clock shows, and what was used, ns.
    pub fn finish(self, beat: &Beat, less: Spent) -> (u64, u64) {
        let now = beat.now();
        let passed = now.saturating_sub(self.began);
        if passed >= SHORT {
            let (spent, next) = self.end(beat, less);
            return (next.began, spent.used);
        }
        let rest = passed.saturating_sub(less.passed);
        beat.own.charged.store(beat.own.charged.load(Relaxed).saturating_add(rest), Relaxed);
        (now, rest)
    }

    /// Ends the span, on the same thread, less what the host's own code took of it: what the rest used, and the span that begins now.
    pub fn end(self, beat: &Beat, less: Spent) -> (Spent, Span) {
        let now = beat.now();
        let passed = now.saturating_sub(self.began);
        let rest = passed.saturating_sub(less.passed);
        if passed < SHORT {
            let charged = &beat.own.charged;
            charged.store(charged.load(Relaxed).saturating_add(rest), Relaxed);
            return (Spent { used: rest, passed: rest }, Span::begin_at(beat, now));
        }
        let cpu = read(beat, now);
        let used = cpu.saturating_sub(self.least).saturating_sub(less.used).min(rest);
        (Spent { used, passed: rest }, Span { began: now, least: cpu, most: cpu })
    }
}

/// What a span took, ns.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spent {
    /// Of CPU time.
    pub used: u64,
    /// Of real time.
    pub passed: u64,
}

impl Spent {
    pub fn plus(self, other: Spent) -> Spent {
        Spent { used: self.used.saturating_add(other.used), passed: self.passed.saturating_add(other.passed) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spin(ns: u64) {
        let until = thread_cpu_ns() + ns;
        while thread_cpu_ns() < until {}
    }

    #[test]
    fn a_span_is_charged_what_was_used() {
        let beat = crate::engine::clock::beat().unwrap();
        for ns in [50_000, 500_000, 20_000_000] {
            let before = thread_cpu_ns();
            let span = Span::begin(beat);
            spin(ns);
            let (Spent { used, passed }, _) = span.end(beat, Spent::default());
            let most = thread_cpu_ns() - before;
            assert!(used >= ns && used <= most.max(SHORT) + STALE, "{used} of {ns}, at most {most}");
            assert!(passed >= used);
        }
    }

    #[test]
    fn sleeping_is_not_charged() {
        let beat = crate::engine::clock::beat().unwrap();
        let span = Span::begin(beat);
        std::thread::sleep(std::time::Duration::from_millis(50));
        let (Spent { used, passed }, _) = span.end(beat, Spent::default());
        assert!(passed >= 50_000_000);
        assert!(used <= 10_000_000, "charged {used} ns for sleep");
    }

    #[test]
    fn many_short_spans_add_up() {
        let beat = crate::engine::clock::beat().unwrap();
        let before = thread_cpu_ns();
        let mut sum = 0;
        let mut span = Span::begin(beat);
        for _ in 0..200 {
            spin(20_000);
            let (Spent { used, .. }, next) = span.end(beat, Spent::default());
            sum += used;
            span = next;
        }
        let used = thread_cpu_ns() - before;
        // Each may have been interrupted for a moment.
        assert!(sum + STALE >= 200 * 20_000 && sum <= used + 200 * SHORT, "{sum} of {used}");
    }
}
