//! The one thread that reads all deadlines.
//!
//! It sleeps until the earliest deadline that it has seen; who arms an earlier one wakes it ([`wake_by`]), which costs one load where
//! there is no need to. It is started by the first box, with every signal blocked, so that it never takes a signal that was meant
//! for the host.
//!
//! # Safety
//! The thread touches beats (leaked, atomic) and statics only, and the library is linked `nodelete`, so its code stays mapped.
#![allow(unsafe_code)]

use std::mem;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::*};

use super::{mono_ns, Beat, BEATS, GRACE_CPU_NS, GRACE_NS, LOOK_NS, NEVER, WHY_CPU, WHY_WALL};
use crate::engine::seat::{STAGE_HARD, STAGE_SOFT};

/// A CPU clock that is about to pass its deadline is not looked at more often than this, ns: its thread may be waiting for a turn.
const SHORTEST: u64 = 500_000;
/// Longest sleep while something is armed, ns: looks begin after arming, and wake nobody.
const LONGEST: u64 = LOOK_NS;
/// How often a stop that is wanted is asked for again, and a hard one that came at a bad moment, ns.
const AGAIN: u64 = 1_000_000;
const RETRY: u64 = 200_000;
/// How often it looks where nothing is armed, ns, before it sleeps until it is woken: calls that follow one another closely needn't wake it.
const IDLE: u64 = 10_000_000;
const IDLE_LOOKS: u32 = 25;

static STARTED: AtomicBool = AtomicBool::new(false);
/// When the thread is going to look, on the monotonic clock, ns: [`NEVER`] while it is looking, or sleeps until it is woken.
static NEXT: AtomicU64 = AtomicU64::new(NEVER);
/// How often it has been woken: the futex that it sleeps on.
static WOKEN: AtomicU32 = AtomicU32::new(0);

/// Makes sure that somebody looks by that time. Called after a beat was armed.
pub fn wake_by(due: u64) {
    if due < NEXT.load(SeqCst) {
        rouse(due);
    }
}

#[cold]
fn rouse(due: u64) {
    // Until it has got up, nobody else need wake it for a later time.
    NEXT.fetch_min(due, SeqCst);
    WOKEN.fetch_add(1, SeqCst);
    // SAFETY: the futex word is a static.
    unsafe { libc::syscall(libc::SYS_futex, WOKEN.as_ptr(), libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG, 1) };
}

/// Starts the thread if it does not run. False where the system refuses a thread: then no box may run.
pub fn start() -> bool {
    if STARTED.load(Acquire) {
        return true;
    }
    if STARTED.swap(true, AcqRel) {
        return true;
    }
    // SAFETY: plain calls on local values; the new thread inherits the full mask and the caller's is put back.
    let made = unsafe {
        let mut all: libc::sigset_t = mem::zeroed();
        let mut old: libc::sigset_t = mem::zeroed();
        let mut attributes: libc::pthread_attr_t = mem::zeroed();
        let mut thread: libc::pthread_t = mem::zeroed();
        libc::sigfillset(&mut all);
        if libc::pthread_attr_init(&mut attributes) != 0 {
            STARTED.store(false, Release);
            return false;
        }
        libc::pthread_attr_setstacksize(&mut attributes, 256 << 10);
        libc::pthread_attr_setdetachstate(&mut attributes, libc::PTHREAD_CREATE_DETACHED);
        libc::pthread_sigmask(libc::SIG_SETMASK, &all, &mut old);
        let made = libc::pthread_create(&mut thread, &attributes, watch, ptr::null_mut()) == 0;
        libc::pthread_sigmask(libc::SIG_SETMASK, &old, ptr::null_mut());
        libc::pthread_attr_destroy(&mut attributes);
        made
    };
    if !made {
        STARTED.store(false, Release);
    }
    made
}

/// After a fork the child has no watchdog; the next box starts one.
pub fn forget() {
    STARTED.store(false, Release);
    NEXT.store(NEVER, SeqCst);
}

extern "C" fn watch(_: *mut libc::c_void) -> *mut libc::c_void {
    // SAFETY: names the calling thread.
    unsafe { libc::prctl(libc::PR_SET_NAME, c"safelua-clock".as_ptr()) };
    be_prompt();
    let mut idle = 0;
    loop {
        // Whoever arms from here on, and isn't seen by this look, finds a time that is later than its own, and wakes us.
        let woken = WOKEN.load(SeqCst);
        let asked = NEXT.swap(NEVER, SeqCst);
        let now = mono_ns();
        let next = match look(now) {
            Some(due) => {
                idle = 0;
                due.min(now.saturating_add(LONGEST))
            }
            None if idle < IDLE_LOOKS => {
                idle += 1;
                now.saturating_add(IDLE)
            }
            None => NEVER,
        };
        // Whoever has asked for that is between two calls, it may be: the next one needn't ask again.
        let next = if asked > now { next.min(asked) } else { next };
        NEXT.store(next, SeqCst);
        if !sleep_until(next, woken) {
            idle = 0;
        }
    }
}

/// What is asked of the scheduler (`sched_attr` of `sched_setattr(2)`, its first version).
#[repr(C)]
#[derive(Default)]
struct Scheduling {
    size: u32,
    policy: u32,
    flags: u64,
    nice: i32,
    priority: u32,
    runtime: u64,
    deadline: u64,
    period: u64,
}

/// The shortest turn that Linux gives, ns.
const TURN: u64 = 100_000;

/// Asks for exact timers, and for short turns that come soon (Linux 6.12; before that it changes nothing). Where either is refused, stops
/// come a little later.
fn be_prompt() {
    let mut wish = Scheduling::default();
    let size = mem::size_of::<Scheduling>();
    // SAFETY: plain system calls for the calling thread; `wish` is as large as they are told.
    unsafe {
        libc::prctl(libc::PR_SET_TIMERSLACK, 1 as libc::c_ulong);
        let known = libc::syscall(libc::SYS_sched_getattr, 0, &raw mut wish, size, 0) == 0;
        if known && wish.policy == libc::SCHED_OTHER as u32 {
            wish.size = size as u32;
            wish.runtime = TURN;
            libc::syscall(libc::SYS_sched_setattr, 0, &raw const wish, 0);
        }
    }
}

/// Sleeps until that time on the monotonic clock, ns, or until woken: true where the time has come. Doesn't sleep if the count of
/// [`WOKEN`] is another by now.
fn sleep_until(time: u64, woken: u32) -> bool {
    let at = libc::timespec {
        tv_sec: (time / 1_000_000_000) as libc::time_t,
        tv_nsec: (time % 1_000_000_000) as libc::c_long,
    };
    let limit: *const libc::timespec = if time == NEVER { ptr::null() } else { &at };
    let operation = libc::FUTEX_WAIT_BITSET | libc::FUTEX_PRIVATE_FLAG;
    // SAFETY: the futex word is a static, `limit` null or valid. The time is absolute, on the monotonic clock.
    unsafe {
        libc::syscall(
            libc::SYS_futex,
            WOKEN.as_ptr(),
            operation,
            woken,
            limit,
            ptr::null::<u32>(),
            libc::FUTEX_BITSET_MATCH_ANY,
        );
    }
    WOKEN.load(SeqCst) == woken
}

/// Reads every armed beat once; when to look again, or `None` where nothing is armed.
fn look(now: u64) -> Option<u64> {
    let mut next = None;
    let mut at = BEATS.load(Acquire);
    // SAFETY: beats are leaked.
    while let Some(beat) = unsafe { at.as_ref() } {
        let armed = beat.armed.load(SeqCst);
        if armed != 0 {
            let due = check(beat, armed, now);
            next = Some(next.map_or(due, |n: u64| n.min(due)));
        }
        at = beat.next.load(Acquire);
    }
    next
}

/// Acts on one beat; the next time at which it is worth a look.
fn check(beat: &Beat, armed: u64, now: u64) -> u64 {
    let why = match beat.stage.load(Relaxed) {
        0 => match passed(beat, armed, now) {
            Err(due) => return due,
            Ok(why) => {
                strike(beat, armed, STAGE_SOFT, why, now);
                return now.saturating_add(AGAIN);
            }
        },
        _ => beat.why.load(Relaxed),
    };
    let since = beat.since.load(Relaxed);
    let left = match beat.stage.load(Relaxed) {
        STAGE_SOFT => {
            let met = beat.met.load(Relaxed);
            let ran = || thread_clock(beat.tid.load(Relaxed)).unwrap_or(NEVER).saturating_sub(met);
            grace(now.saturating_sub(since), (met != 0).then(ran))
        }
        _ => 0,
    };
    // Asked for again even so: the last signal may have come while the thread was between its own stack and the box's.
    strike(beat, armed, if left == 0 { STAGE_HARD } else { STAGE_SOFT }, why, since);
    now.saturating_add(if left == 0 { RETRY } else { left.clamp(RETRY, AGAIN) })
}

/// Which deadline of a run has passed, or when one can have.
fn passed(beat: &Beat, armed: u64, now: u64) -> Result<u8, u64> {
    let look = beat.look.load(Relaxed);
    if now >= look {
        look_at(beat, armed, now);
    }
    let (cpu, from, wall) = (beat.cpu.load(Relaxed), beat.cpu_from.load(Relaxed), beat.wall.load(Relaxed));
    if now >= wall {
        return Ok(WHY_WALL);
    }
    if cpu == NEVER || now < from {
        return Err(from.min(wall).min(beat.look.load(Relaxed)));
    }
    match thread_clock(beat.tid.load(Relaxed)) {
        Some(used) if used < cpu => {
            Err(now.saturating_add((cpu - used).max(SHORTEST)).min(wall).min(beat.look.load(Relaxed)))
        }
        // A thread whose clock can't be read is stopped by real time instead.
        _ => Ok(WHY_CPU),
    }
}

/// How much longer a run that was asked to stop so long ago may go on by itself, ns at least; `ran`: for how long its thread has been
/// running since it learnt of that, if it has.
fn grace(passed: u64, ran: Option<u64>) -> u64 {
    match ran {
        Some(ran) => GRACE_NS.saturating_sub(passed).max(GRACE_CPU_NS.saturating_sub(ran)),
        None => GRACE_NS,
    }
}

fn strike(beat: &Beat, armed: u64, stage: u8, why: u8, since: u64) {
    beat.busy.store(true, SeqCst);
    if beat.armed.load(SeqCst) == armed {
        beat.why.store(why, Relaxed);
        beat.since.store(since, Relaxed);
        beat.stage.store(stage, Release);
        super::signal::send(beat.tid.load(Relaxed));
    }
    beat.busy.store(false, SeqCst);
}

/// Signals a run without asking it to stop: its own handler finds out whether it must.
fn look_at(beat: &Beat, armed: u64, now: u64) {
    beat.busy.store(true, SeqCst);
    let due = beat.look.load(SeqCst);
    let again = now.saturating_add(LOOK_NS);
    // The run may have ended its looks meanwhile.
    if beat.armed.load(SeqCst) == armed
        && now >= due
        && beat.look.compare_exchange(due, again, SeqCst, SeqCst).is_ok()
    {
        super::signal::send(beat.tid.load(Relaxed));
    }
    beat.busy.store(false, SeqCst);
}

/// The CPU clock of another thread of this process, ns.
fn thread_clock(tid: i32) -> Option<u64> {
    // The kernel's own numbering: the clock of one thread, in scheduler time (CPUCLOCK_PERTHREAD | CPUCLOCK_SCHED).
    let id = (!tid << 3) | 6;
    match super::read_clock(id) {
        0 => None,
        ns => Some(ns),
    }
}

#[cfg(test)]
mod tests {
    use std::thread::sleep;
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_hard_stop_waits_for_both_clocks() {
        assert_eq!(grace(0, Some(0)), GRACE_NS);
        assert_eq!(grace(GRACE_NS - 7, Some(GRACE_CPU_NS)), 7);
        assert_eq!(grace(GRACE_NS, Some(GRACE_CPU_NS)), 0);
        // A busy machine has given it no turn, or the driver has kept it busy.
        assert_eq!(grace(100 * GRACE_NS, Some(1)), GRACE_CPU_NS - 1);
        assert_ne!(grace(100 * GRACE_NS, None), 0);
    }

    /// Arms a deadline of real time that is near, and waits until the watchdog has asked for a stop.
    fn assert_seen(beat: &Beat) {
        let began = mono_ns();
        beat.arm(NEVER, NEVER, began + 2_000_000);
        while beat.stage() == 0 {
            assert!(mono_ns() - began < 20_000_000_000, "nobody has looked");
            sleep(Duration::from_millis(1));
        }
        assert!(mono_ns() - began >= 2_000_000);
        assert_eq!(beat.disarm(), Some(WHY_WALL));
    }

    #[test]
    fn a_near_deadline_wakes_it() {
        // Alone: without handlers its signal has no number, and goes nowhere.
        assert!(start());
        let beat = crate::engine::clock::beat().unwrap();
        assert_seen(beat);
        // Asleep until it is woken, unless another test keeps it busy.
        sleep(Duration::from_nanos(IDLE * u64::from(IDLE_LOOKS + 5)));
        assert_seen(beat);
        // Asleep until a deadline that is far away.
        beat.arm(NEVER, NEVER, mono_ns() + 3_600_000_000_000);
        sleep(Duration::from_millis(50));
        assert_seen(beat);
    }
}
