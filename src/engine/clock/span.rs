//! CPU time of short spans without a system call for each.
//!
//! Reading a thread's CPU clock costs a system call, the monotonic clock does not. A thread can have used no more CPU time than real time has
//! passed, and in a span shorter than [`SHORT`] hardly less: such a span is charged what the monotonic clock says. At the end of a longer one
//! the CPU clock is read. Where it stood at the beginning is known from the last reading, which is never older than [`STALE`], and from what has
//! been charged since: a long span is charged too much by [`STALE`] at most, and only if the thread lost its turn meanwhile.

use std::cell::Cell;

use super::{mono_ns, thread_cpu_ns};

/// Spans below this are charged by the monotonic clock alone, ns.
const SHORT: u64 = 100_000;
/// The oldest reading of the CPU clock that a span may begin with, ns.
const STALE: u64 = 250_000;

thread_local! {
    /// The last reading of the CPU clock, when that was, and what short spans have been charged since.
    static READING: Cell<(u64, u64, u64)> = const { Cell::new((0, 0, 0)) };
}

/// The beginning of a span.
#[derive(Clone, Copy, Debug, Default)]
pub struct Span {
    /// On the monotonic clock, ns.
    pub began: u64,
    /// The thread's CPU clock had come this far at least, and at most, ns.
    least: u64,
    most: u64,
}

fn read(now: u64) -> u64 {
    let cpu = thread_cpu_ns();
    READING.set((cpu, now, 0));
    cpu
}

impl Span {
    /// Begins a span on the calling thread.
    pub fn begin() -> Span {
        Span::begin_at(mono_ns())
    }

    fn begin_at(now: u64) -> Span {
        let (cpu, at, charged) = READING.get();
        let age = now.saturating_sub(at);
        if cpu == 0 || age > STALE {
            let cpu = read(now);
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

    /// Ends the span, on the same thread, less what the host's own code took of it: what the rest used, and the span that begins now.
    pub fn end(self, less: Spent) -> (Spent, Span) {
        let now = mono_ns();
        let passed = now.saturating_sub(self.began);
        let rest = passed.saturating_sub(less.passed);
        if passed < SHORT {
            let (cpu, at, charged) = READING.get();
            READING.set((cpu, at, charged.saturating_add(rest)));
            return (Spent { used: rest, passed: rest }, Span::begin_at(now));
        }
        let cpu = read(now);
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
        for ns in [50_000, 500_000, 20_000_000] {
            let before = thread_cpu_ns();
            let span = Span::begin();
            spin(ns);
            let (Spent { used, passed }, _) = span.end(Spent::default());
            let most = thread_cpu_ns() - before;
            assert!(used >= ns && used <= most.max(SHORT) + STALE, "{used} of {ns}, at most {most}");
            assert!(passed >= used);
        }
    }

    #[test]
    fn sleeping_is_not_charged() {
        let span = Span::begin();
        std::thread::sleep(std::time::Duration::from_millis(50));
        let (Spent { used, passed }, _) = span.end(Spent::default());
        assert!(passed >= 50_000_000);
        assert!(used <= 10_000_000, "charged {used} ns for sleep");
    }

    #[test]
    fn many_short_spans_add_up() {
        let before = thread_cpu_ns();
        let mut sum = 0;
        let mut span = Span::begin();
        for _ in 0..200 {
            spin(20_000);
            let (Spent { used, .. }, next) = span.end(Spent::default());
            sum += used;
            span = next;
        }
        let used = thread_cpu_ns() - before;
        // Each may have been interrupted for a moment.
        assert!(sum + STALE >= 200 * 20_000 && sum <= used + 200 * SHORT, "{sum} of {used}");
    }
}
