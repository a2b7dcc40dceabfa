//! The signals of faults: what the interpreter does to itself ends its box; all else goes on to whoever handled it before.
//!
//! # Safety
//! As [`super::signal`]: handlers touch seats (never freed) and the interrupted context only; they take no lock and allocate nothing.
#![allow(unsafe_code)]

use std::mem;
use std::os::raw::{c_int, c_void};
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering::*};

use super::signal::{redirect, set, stack_pointer, Handler, ALTERNATE_SIZE};
use crate::engine::spare::room_for;
use crate::engine::stack;
use crate::engine::switch::{Cause, Finish};
use crate::engine::zone::{ZONE_ALLOC, ZONE_VM};

pub const FAULTS: [c_int; 5] = [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE, libc::SIGABRT];

/// Leaked `sigaction` that stood where ours was put, per entry of `FAULTS`; and the one that stood there the first time.
static BEFORE: [AtomicUsize; FAULTS.len()] = [const { AtomicUsize::new(0) }; FAULTS.len()];
static FIRST: [AtomicUsize; FAULTS.len()] = [const { AtomicUsize::new(0) }; FAULTS.len()];
/// Stack address of the call that passes a fault on; 0 for none.
static FORWARDING: AtomicUsize = AtomicUsize::new(0);

/// Puts our handlers of faults in front of whatever stands there now.
pub fn take() -> bool {
    for ((before, first), &signal) in BEFORE.iter().zip(&FIRST).zip(&FAULTS) {
        // SAFETY: sigaction on valid values; what was there is kept for ever, since a handler may be looking at it.
        unsafe {
            let mut old: libc::sigaction = mem::zeroed();
            if libc::sigaction(signal, ptr::null(), &mut old) != 0 {
                return false;
            }
            if old.sa_sigaction == on_fault as Handler as usize {
                continue;
            }
            if !room_for::<libc::sigaction>() {
                return false;
            }
            let kept = Box::leak(Box::new(old)) as *mut libc::sigaction as usize;
            before.store(kept, SeqCst);
            let _ = first.compare_exchange(0, kept, SeqCst, SeqCst);
            if !set(signal, on_fault, libc::SA_NODEFER, ptr::null_mut()) {
                return false;
            }
        }
    }
    true
}

/// A host may have put handlers of its own over ours since the last run: then ours go in front again, and pass on what is no box's.
pub fn ensure() {
    // SAFETY: only reads the disposition.
    let ours = unsafe {
        let mut now: libc::sigaction = mem::zeroed();
        libc::sigaction(libc::SIGSEGV, ptr::null(), &mut now) == 0
            && now.sa_sigaction == on_fault as Handler as usize
    };
    if !ours {
        take();
    }
}

/// # Safety
/// The kernel calls it, for a signal that was set with [`set`].
unsafe extern "C" fn on_fault(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: see the module's text.
    unsafe {
        let sp = stack_pointer(context);
        if let Some(seat) = stack::seat_at(sp) {
            let zone = seat.zone.zone.load(Relaxed);
            if zone == ZONE_VM || zone == ZONE_ALLOC {
                let address = if signal == libc::SIGSEGV { (*info).si_addr() as usize } else { 0 };
                let overflow = stack::in_guard(sp) || (address != 0 && stack::in_guard(address));
                let cause = if overflow { Cause::Stack } else { Cause::Fault };
                if redirect(seat, context, Finish::Killed(cause)) {
                    return;
                }
            }
        }
        forward(signal, info, context);
    }
}

/// Passes a fault on to whoever handled it before us.
///
/// # Safety
/// The arguments are what the kernel has passed to [`on_fault`].
unsafe fn forward(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: what was installed before us is called as the kernel would have called it.
    unsafe {
        let Some(index) = FAULTS.iter().position(|&s| s == signal) else { return };
        // A handler that stands over ours, and calls ours for what it doesn't know, comes here from inside the call below: it gets the
        // one that was there before both. (One that jumped away left its mark, but is no caller of this.)
        let here = (&raw const index) as usize;
        let outer = FORWARDING.load(SeqCst);
        let again = here < outer && outer - here < ALTERNATE_SIZE;
        let table = if again { &FIRST } else { &BEFORE };
        let Some(old) = table.get(index).and_then(|e| (e.load(SeqCst) as *const libc::sigaction).as_ref())
        else {
            return;
        };
        FORWARDING.store(here, SeqCst);
        match old.sa_sigaction {
            libc::SIG_IGN => {}
            libc::SIG_DFL => {
                // A real fault comes back at once and ends the process as it would have without us.
                let mut action: libc::sigaction = mem::zeroed();
                action.sa_sigaction = libc::SIG_DFL;
                libc::sigaction(signal, &action, ptr::null_mut());
                if (*info).si_code <= 0 {
                    libc::raise(signal);
                }
            }
            handler if old.sa_flags & libc::SA_SIGINFO != 0 => {
                mem::transmute::<usize, Handler>(handler)(signal, info, context);
            }
            handler => mem::transmute::<usize, unsafe extern "C" fn(c_int)>(handler)(signal),
        }
        FORWARDING.store(outer, SeqCst);
    }
}
