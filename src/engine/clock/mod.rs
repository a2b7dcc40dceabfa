//! Deadlines: what a thread that runs a box must not outlast, and the clocks that tell.
//!
//! Arming is a few stores: a [`Beat`] per OS thread holds the deadlines, and one [`watchdog`] thread reads them all. When one has
//! passed it signals the thread ([`signal`]): first for a soft stop, and [`GRACE_NS`] later for a hard one, if the thread has run by then.
//!
//! # Safety
//! Beats are leaked and reused, never freed, so the watchdog may read one whose thread is gone. All fields are atomics.
#![allow(unsafe_code)]

use std::cell::Cell;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, AtomicU64, AtomicU8, Ordering::*};

pub mod fault;
mod outside;
pub mod signal;
pub mod span;
pub mod tick;
pub mod watchdog;

pub use outside::{is_overdue, is_stopping, is_watched, note_closing, outside};

use super::spare::room_for;

/// How long a run may take to obey a soft stop; and how long it must have been running since it learnt of it, by its own CPU clock:
/// on a busy machine it may not have had a turn at all, or its turn may have gone to what the driver does for it.
pub const GRACE_NS: u64 = 12_000_000;
pub const GRACE_CPU_NS: u64 = 3_000_000;
/// How often a run is looked at that asks for it.
pub const LOOK_NS: u64 = 15_000_000;
/// A deadline that never comes.
pub const NEVER: u64 = u64::MAX;

/// The CPU clock ran out.
pub const WHY_CPU: u8 = 1;
/// Real time ran out.
pub const WHY_WALL: u8 = 2;

/// The deadlines of one OS thread.
pub struct Beat {
    next: AtomicPtr<Beat>,
    in_use: AtomicBool,
    tid: AtomicI32,
    armed: AtomicU64,
    /// On the thread's CPU clock, ns.
    cpu: AtomicU64,
    /// The earliest monotonic time at which `cpu` can have passed, ns.
    cpu_from: AtomicU64,
    /// On the monotonic clock, ns.
    wall: AtomicU64,
    /// Whether to watch where there is no deadline, for the sake of `look`.
    looks: AtomicBool,
    /// When the run is to be signalled without being stopped, on the monotonic clock, ns.
    look: AtomicU64,
    stage: AtomicU8,
    why: AtomicU8,
    since: AtomicU64,
    /// The thread's CPU clock when the run learnt of the stop, ns; 0 before.
    met: AtomicU64,
    busy: AtomicBool,
    /// Signals that the run itself leaves blocked, one bit each.
    mask: AtomicU64,
    forks: AtomicU64,
    /// The number that [`Beat::arm`] gave last.
    sequence: AtomicU64,
    /// What follows is the thread's own; no other looks at it.
    own: Own,
}

/// What only the thread itself reads and writes: cells, in effect.
struct Own {
    /// See [`span`]: the last reading of the CPU clock, when that was, and what short spans have been charged since.
    cpu: AtomicU64,
    at: AtomicU64,
    charged: AtomicU64,
    /// See [`signal::prepare`].
    found: AtomicU64,
    /// What the host's own code took inside a box's request.
    outside_used: AtomicU64,
    outside_passed: AtomicU64,
    overdue: AtomicBool,
    /// See [`tick`]: what the counter and the clock showed at the last reading and at one long before, how long a tick is, and how many of
    /// them the last reading is good for.
    tick: AtomicU64,
    tick_ns: AtomicU64,
    first_tick: AtomicU64,
    first_ns: AtomicU64,
    tick_length: AtomicU64,
    ticks_good: AtomicU64,
}

impl Own {
    const fn new() -> Own {
        Own {
            cpu: AtomicU64::new(0),
            at: AtomicU64::new(0),
            charged: AtomicU64::new(0),
            found: AtomicU64::new(0),
            outside_used: AtomicU64::new(0),
            outside_passed: AtomicU64::new(0),
            overdue: AtomicBool::new(false),
            tick: AtomicU64::new(0),
            tick_ns: AtomicU64::new(0),
            first_tick: AtomicU64::new(0),
            first_ns: AtomicU64::new(0),
            tick_length: AtomicU64::new(0),
            ticks_good: AtomicU64::new(0),
        }
    }
}

static BEATS: AtomicPtr<Beat> = AtomicPtr::new(ptr::null_mut());
static FORKS: AtomicU64 = AtomicU64::new(0);

/// What the thread's CPU clock shows, ns.
pub fn thread_cpu_ns() -> u64 {
    read_clock(libc::CLOCK_THREAD_CPUTIME_ID)
}

/// What the monotonic clock shows, ns.
pub fn mono_ns() -> u64 {
    read_clock(libc::CLOCK_MONOTONIC)
}

/// Seconds since 1970, by the clock that stock `os.time` reads: it may lag behind finer ones by a tick.
pub fn epoch_seconds() -> i64 {
    // SAFETY: a null pointer asks for the result alone.
    unsafe { libc::time(ptr::null_mut()) }
}

fn read_clock(id: libc::clockid_t) -> u64 {
    let mut t = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `t` is a valid place to write to.
    if unsafe { libc::clock_gettime(id, &mut t) } != 0 {
        return 0;
    }
    (t.tv_sec as u64).wrapping_mul(1_000_000_000).wrapping_add(t.tv_nsec as u64)
}

impl Beat {
    const fn new() -> Beat {
        Beat {
            next: AtomicPtr::new(ptr::null_mut()),
            in_use: AtomicBool::new(true),
            tid: AtomicI32::new(0),
            armed: AtomicU64::new(0),
            cpu: AtomicU64::new(NEVER),
            cpu_from: AtomicU64::new(NEVER),
            wall: AtomicU64::new(NEVER),
            look: AtomicU64::new(NEVER),
            looks: AtomicBool::new(false),
            stage: AtomicU8::new(0),
            why: AtomicU8::new(0),
            since: AtomicU64::new(0),
            met: AtomicU64::new(0),
            busy: AtomicBool::new(false),
            mask: AtomicU64::new(0),
            forks: AtomicU64::new(0),
            sequence: AtomicU64::new(0),
            own: Own::new(),
        }
    }

    /// Sets the deadlines and starts to watch them. `cpu` is on the thread's CPU clock, `cpu_from` and `wall` on the monotonic one.
    /// Gives a number by which [`Beat::is_armed`] knows it again; 0 where there is nothing to watch.
    pub fn arm(&self, cpu: u64, cpu_from: u64, wall: u64) -> u64 {
        if cpu == NEVER && wall == NEVER && !self.looks.load(Relaxed) {
            return 0;
        }
        self.cpu.store(cpu, Relaxed);
        self.cpu_from.store(cpu_from, Relaxed);
        self.wall.store(wall, Relaxed);
        self.stage.store(0, Relaxed);
        self.why.store(0, Relaxed);
        self.met.store(0, Relaxed);
        let number = self.sequence.load(Relaxed) + 1;
        self.sequence.store(number, Relaxed);
        self.armed.store(number, SeqCst);
        // The looks of a run without deadlines need somebody awake, too.
        watchdog::wake_by(cpu_from.min(wall).min(NEVER - 1));
        number
    }

    /// The run has learnt of the stop that is wanted: from now on it has its chance to obey. On the thread's own beat.
    pub fn meet(&self) {
        if self.met.load(Relaxed) == 0 {
            self.met.store(thread_cpu_ns(), Relaxed);
        }
    }

    /// Whether the next [`Beat::arm`] is worth it without a deadline: [`Beat::begin_looks`] will follow.
    pub fn expect_looks(&self, yes: bool) {
        self.looks.store(yes, Relaxed);
    }

    /// Has the run signalled every [`LOOK_NS`] from now on: it may have used up what no deadline tells.
    pub fn begin_looks(&self) {
        self.look.store(mono_ns().saturating_add(LOOK_NS), SeqCst);
    }

    /// The box's stack has been left: no such signal arrives after this, where it might interrupt a call of the system's.
    pub fn end_looks(&self) {
        self.look.store(NEVER, SeqCst);
        while self.busy.load(SeqCst) {
            // SAFETY: a plain system call; what is already pending is delivered on the way out of it.
            unsafe { libc::sched_yield() };
        }
    }

    /// Notes the signals that were blocked before the run.
    pub fn set_mask(&self, mask: u64) {
        self.mask.store(mask, Relaxed);
    }

    /// Whether `mask` blocks more than the run does: then a signal handler of the host's is running.
    pub fn is_interrupted(&self, mask: u64) -> bool {
        mask & !self.mask.load(Relaxed) != 0
    }

    /// Whether what [`Beat::arm`] gave `number` for is still watched.
    pub fn is_armed(&self, number: u64) -> bool {
        self.armed.load(Relaxed) == number
    }

    /// Stops watching; says why the watchdog had already asked for a stop, if it had. No signal of ours arrives after this.
    pub fn disarm(&self) -> Option<u8> {
        // Only this thread arms: what is disarmed has been waited for.
        if self.armed.load(Relaxed) != 0 {
            self.armed.store(0, SeqCst);
            while self.busy.load(SeqCst) {
                // SAFETY: a plain system call.
                unsafe { libc::sched_yield() };
            }
        }
        if self.stage.load(Relaxed) == 0 {
            return None;
        }
        // A signal that is already pending is delivered on the way out of any system call, before the host's next one.
        // SAFETY: a plain system call.
        unsafe { libc::sched_yield() };
        Some(self.why.load(Relaxed))
    }

    /// How far the stop that the watchdog wants has gone: `STAGE_*` of `seat`.
    pub fn stage(&self) -> u8 {
        if self.armed.load(SeqCst) == 0 {
            return 0;
        }
        self.stage.load(Acquire)
    }
}

/// Takes a beat for the calling thread and gives it an alternate signal stack; undone when the thread ends.
struct Ticket {
    beat: Cell<*const Beat>,
    stack: Cell<*mut libc::c_void>,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        // SAFETY: beats live for ever; the stack is ours, and no longer in use once it has been disabled.
        unsafe {
            if let Some(beat) = self.beat.get().as_ref() {
                beat.armed.store(0, SeqCst);
                beat.in_use.store(false, Release);
            }
            signal::drop_alternate_stack(self.stack.get());
        }
    }
}

thread_local! {
    static TICKET: Ticket = const { Ticket { beat: Cell::new(ptr::null()), stack: Cell::new(ptr::null_mut()) } };
}

/// The calling thread's beat, if it has had one; it may be from before a fork.
#[inline(always)]
fn last_beat() -> Option<&'static Beat> {
    let beat = TICKET.try_with(|ticket| ticket.beat.get()).unwrap_or(ptr::null());
    // SAFETY: beats are leaked, see the module's text.
    unsafe { beat.as_ref() }
}

/// The calling thread's beat, if it has had one in this process.
#[inline(always)]
pub fn known_beat() -> Option<&'static Beat> {
    last_beat().filter(|beat| beat.forks.load(Relaxed) == FORKS.load(Relaxed))
}

/// The calling thread's beat; `None` where the thread is ending or can't be watched.
pub fn beat() -> Option<&'static Beat> {
    TICKET
        .try_with(|ticket| {
            let forks = FORKS.load(Relaxed);
            // SAFETY: beats are leaked, see the module's text.
            let beat = match unsafe { ticket.beat.get().as_ref() } {
                Some(beat) if beat.forks.load(Relaxed) == forks => return Some(beat),
                Some(beat) => beat,
                None => {
                    ticket.stack.set(signal::make_alternate_stack()?);
                    if !room_for::<Beat>() {
                        return None;
                    }
                    claim()
                }
            };
            // SAFETY: a plain system call.
            beat.tid.store(unsafe { libc::syscall(libc::SYS_gettid) } as i32, Relaxed);
            beat.forks.store(forks, Relaxed);
            ticket.beat.set(beat);
            Some(beat)
        })
        .ok()
        .flatten()
}

/// A beat that no thread has, or a new one.
fn claim() -> &'static Beat {
    let mut at = BEATS.load(Acquire);
    // SAFETY: beats are leaked, see the module's text.
    while let Some(beat) = unsafe { at.as_ref() } {
        if beat.in_use.compare_exchange(false, true, AcqRel, Relaxed).is_ok() {
            return beat;
        }
        at = beat.next.load(Acquire);
    }
    let beat: &'static Beat = Box::leak(Box::new(Beat::new()));
    let mut head = BEATS.load(Acquire);
    loop {
        beat.next.store(head, Relaxed);
        match BEATS.compare_exchange_weak(head, beat as *const Beat as *mut Beat, AcqRel, Acquire) {
            Ok(_) => return beat,
            Err(now) => head = now,
        }
    }
}

/// How many forks lie between this process and the one that loaded the library.
pub fn forks() -> u64 {
    FORKS.load(Relaxed)
}

/// In the child of a fork only the calling thread is left, under a new id, and there is no watchdog.
pub fn forget_threads() {
    FORKS.fetch_add(1, Relaxed);
    let mine = TICKET.try_with(|t| t.beat.get()).unwrap_or(ptr::null());
    let mut at = BEATS.load(Acquire);
    // SAFETY: beats are leaked, see the module's text.
    while let Some(beat) = unsafe { at.as_ref() } {
        beat.busy.store(false, Relaxed);
        if !ptr::eq(beat, mine) {
            beat.armed.store(0, Relaxed);
            beat.in_use.store(false, Relaxed);
        }
        at = beat.next.load(Acquire);
    }
    watchdog::forget();
}
