//! The one thread that reads all deadlines.
//!
//! It looks every few milliseconds while any run is armed and sleeps on a futex when none has been for a while; [`wake`] costs
//! one load unless it sleeps. It is started by the first box, with every signal blocked, so that it never takes a signal that
//! was meant for the host.
//!
//! # Safety
//! The thread touches beats (leaked, atomic) and statics only, and the library is linked `nodelete`, so its code stays mapped.
#![allow(unsafe_code)]

use std::mem;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::*};

use super::{mono_ns, Beat, BEATS, GRACE_CPU_NS, GRACE_NS, LOOK_NS, NEVER, WHY_CPU, WHY_WALL};
use crate::engine::seat::{STAGE_HARD, STAGE_SOFT};

/// Shortest and longest sleep between two looks while something is armed, ns.
const SHORTEST: u64 = 1_000_000;
const LONGEST: u64 = 4_000_000;
const RETRY: u64 = 200_000;
/// Looks without anything armed before it sleeps for good.
const IDLE_LOOKS: u32 = 64;

static STARTED: AtomicBool = AtomicBool::new(false);
/// 1 while the thread sleeps until it is woken: also the futex.
static ASLEEP: AtomicU32 = AtomicU32::new(0);

/// Makes sure that somebody watches. Called after a beat was armed.
pub fn wake() {
    if ASLEEP.load(SeqCst) != 0 && ASLEEP.swap(0, SeqCst) != 0 {
        // SAFETY: the futex word is a static.
        unsafe {
            libc::syscall(libc::SYS_futex, ASLEEP.as_ptr(), libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG, 1)
        };
    }
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
    ASLEEP.store(0, SeqCst);
}

extern "C" fn watch(_: *mut libc::c_void) -> *mut libc::c_void {
    // SAFETY: names the calling thread.
    unsafe { libc::prctl(libc::PR_SET_NAME, c"safelua-clock".as_ptr()) };
    let mut idle = 0;
    loop {
        match look() {
            Some(pause) => {
                idle = 0;
                doze(pause);
            }
            None if idle < IDLE_LOOKS => {
                idle += 1;
                doze(LONGEST);
            }
            None => {
                ASLEEP.store(1, SeqCst);
                // Whoever armed before seeing the 1 is seen here; whoever arms after it wakes us.
                if look().is_none() {
                    // SAFETY: the futex word is a static; no time-out.
                    unsafe {
                        let operation = libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG;
                        libc::syscall(
                            libc::SYS_futex,
                            ASLEEP.as_ptr(),
                            operation,
                            1,
                            ptr::null::<libc::timespec>(),
                        )
                    };
                }
                ASLEEP.store(0, SeqCst);
                idle = 0;
            }
        }
    }
}

fn doze(ns: u64) {
    let t = libc::timespec { tv_sec: 0, tv_nsec: ns as libc::c_long };
    // SAFETY: `t` is valid.
    unsafe { libc::nanosleep(&t, ptr::null_mut()) };
}

/// Reads every armed beat once; how long to sleep, or `None` where nothing is armed.
fn look() -> Option<u64> {
    let now = mono_ns();
    let mut pause = None;
    let mut at = BEATS.load(Acquire);
    // SAFETY: beats are leaked.
    while let Some(beat) = unsafe { at.as_ref() } {
        let armed = beat.armed.load(SeqCst);
        if armed != 0 {
            let due = check(beat, armed, now).saturating_sub(now).clamp(SHORTEST, LONGEST);
            // A hard stop that came at a bad moment is tried again soon.
            let due = if beat.stage.load(Relaxed) == STAGE_HARD { RETRY } else { due };
            pause = Some(pause.map_or(due, |p: u64| p.min(due)));
        }
        at = beat.next.load(Acquire);
    }
    pause
}

/// Acts on one beat; the next time at which it is worth a look.
fn check(beat: &Beat, armed: u64, now: u64) -> u64 {
    match beat.stage.load(Relaxed) {
        0 => {
            if now >= beat.look.load(Relaxed) {
                look_at(beat, armed, now);
            }
            let (cpu, from, wall) =
                (beat.cpu.load(Relaxed), beat.cpu_from.load(Relaxed), beat.wall.load(Relaxed));
            let why = if now >= wall {
                WHY_WALL
            } else if cpu != NEVER && now >= from {
                let used = thread_clock(beat.tid.load(Relaxed));
                match used {
                    Some(used) if used < cpu => return now.saturating_add(cpu - used).min(wall),
                    // A thread whose clock can't be read is stopped by real time instead.
                    _ => WHY_CPU,
                }
            } else {
                return from.min(wall);
            };
            let used = thread_clock(beat.tid.load(Relaxed)).unwrap_or(0);
            beat.since_cpu.store(used, Relaxed);
            strike(beat, armed, STAGE_SOFT, why, now);
        }
        stage if stage == STAGE_SOFT && now.saturating_sub(beat.since.load(Relaxed)) >= GRACE_NS => {
            let used = thread_clock(beat.tid.load(Relaxed)).unwrap_or(u64::MAX);
            let ran = used.saturating_sub(beat.since_cpu.load(Relaxed));
            let stage = if ran >= GRACE_CPU_NS { STAGE_HARD } else { STAGE_SOFT };
            strike(beat, armed, stage, beat.why.load(Relaxed), beat.since.load(Relaxed));
        }
        // Again: the last signal may have come while the thread was between its own stack and the box's.
        stage => strike(beat, armed, stage, beat.why.load(Relaxed), beat.since.load(Relaxed)),
    }
    now
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
