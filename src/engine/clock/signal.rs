//! The signal that stops a run; those of faults are in [`fault`].
//!
//! A handler finds out from the stack pointer that it interrupted whether a box was running, and whose. A soft stop sets a count
//! hook on the Lua thread that runs; a hard stop makes the box's coroutine return by rewriting the interrupted registers.
//!
//! # Safety
//! Handlers touch seats and beats (never freed) and the interrupted context only; they take no lock and allocate nothing.
//! `lua_sethook` is documented as callable from a signal handler; it is called on the very thread that runs the state.
#![allow(unsafe_code)]
// Registers are found by constants of the C library, which fit the array they are for.
#![allow(clippy::indexing_slicing)]

use std::mem;
use std::os::raw::{c_int, c_void};
use std::ptr;
use std::sync::atomic::{AtomicI32, Ordering::*};

use mlua::ffi::{lua_sethook, LUA_MASKCOUNT};

use super::fault::{self, FAULTS};
use super::Beat;
use crate::engine::luajit;
use crate::engine::seat::{Seat, STAGE_HARD, STAGE_SOFT};
use crate::engine::stack;
use crate::engine::switch::{stop_hook, Cause, Finish};
use crate::engine::zone::ZONE_VM;

pub(super) const ALTERNATE_SIZE: usize = 64 << 10;
/// What a handler of ours needs at least, the kernel's frame (AVX-512 included) with it.
const ALTERNATE_LEAST: usize = 8 << 10;

static NUMBER: AtomicI32 = AtomicI32::new(0);

pub(super) type Handler = unsafe extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void);

/// Signals the thread of that id, if it is one of ours.
pub fn send(tid: i32) {
    // SAFETY: plain system calls; a thread that is gone gives ESRCH.
    unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), tid, NUMBER.load(Relaxed)) };
}

/// Installs the handlers. False where no real-time signal is free.
pub fn install() -> bool {
    // SAFETY: sigaction on valid values; the handlers have the signature that SA_SIGINFO asks for.
    unsafe {
        let Some(number) = (libc::SIGRTMIN() + 2..=libc::SIGRTMAX() - 3).rev().find(|&n| is_free(n)) else {
            return false;
        };
        NUMBER.store(number, Relaxed);
        // No SA_RESTART: a read or write that blocks for a box is to end.
        if !set(number, on_clock, 0, ptr::null_mut()) {
            return false;
        }
    }
    fault::take()
}

fn is_free(signal: c_int) -> bool {
    // SAFETY: only reads the disposition.
    unsafe {
        let mut old: libc::sigaction = mem::zeroed();
        libc::sigaction(signal, ptr::null(), &mut old) == 0 && old.sa_sigaction == libc::SIG_DFL
    }
}

/// # Safety
/// `handler` does as the module says; `old` is null or may be written to.
pub(super) unsafe fn set(signal: c_int, handler: Handler, flags: c_int, old: *mut libc::sigaction) -> bool {
    // SAFETY: a complete sigaction for a handler of the right signature.
    unsafe {
        let mut action: libc::sigaction = mem::zeroed();
        action.sa_sigaction = handler as usize;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | flags;
        libc::sigemptyset(&mut action.sa_mask);
        libc::sigaction(signal, &action, old) == 0
    }
}

/// Gives the calling thread an alternate signal stack if it has none, and lets our signals through: what to pass to
/// [`drop_alternate_stack`] when the thread ends (null if the thread had one).
pub fn make_alternate_stack() -> Option<*mut c_void> {
    // SAFETY: plain calls on local values and on a fresh mapping.
    unsafe {
        let mut now: libc::stack_t = mem::zeroed();
        if libc::sigaltstack(ptr::null(), &mut now) == 0
            && now.ss_flags & libc::SS_DISABLE == 0
            && now.ss_size >= ALTERNATE_LEAST
        {
            return Some(ptr::null_mut());
        }
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_STACK;
        let memory =
            libc::mmap(ptr::null_mut(), ALTERNATE_SIZE, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0);
        if memory == libc::MAP_FAILED {
            return None;
        }
        let stack = libc::stack_t { ss_sp: memory, ss_flags: 0, ss_size: ALTERNATE_SIZE };
        if libc::sigaltstack(&stack, ptr::null_mut()) != 0 {
            libc::munmap(memory, ALTERNATE_SIZE);
            return None;
        }
        Some(memory)
    }
}

/// Takes the alternate stack from the calling thread again.
///
/// # Safety
/// `memory` comes from [`make_alternate_stack`] on the same thread.
pub unsafe fn drop_alternate_stack(memory: *mut c_void) {
    if memory.is_null() {
        return;
    }
    // SAFETY: the mapping is ours; it is unmapped only once the kernel no longer uses it.
    unsafe {
        let mut now: libc::stack_t = mem::zeroed();
        if libc::sigaltstack(ptr::null(), &mut now) == 0 && now.ss_sp == memory {
            let none = libc::stack_t { ss_sp: ptr::null_mut(), ss_flags: libc::SS_DISABLE, ss_size: 0 };
            if libc::sigaltstack(&none, ptr::null_mut()) != 0 {
                return;
            }
        }
        libc::munmap(memory, ALTERNATE_SIZE);
    }
}

/// How long what was found of handlers and mask is taken to hold: the two looks are system calls, which cost more than a short call into a box.
const WINDOW: u64 = 20_000;

/// Sees that stops and faults reach our handlers on this thread for the time of a run that begins `now`; the mask to hand to [`restore_mask`]
/// afterwards, if the host has blocked any of our signals. The beat is told what else is blocked.
pub fn prepare(beat: &Beat, now: u64) -> Option<u64> {
    // When this thread's handlers and mask were last found well, on the monotonic clock, ns.
    let found = &beat.own.found;
    if now.saturating_sub(found.load(Relaxed)) < WINDOW {
        return None;
    }
    look(beat, now)
}

#[cold]
fn look(beat: &Beat, now: u64) -> Option<u64> {
    let found = &beat.own.found;
    fault::ensure();
    let mask = unblock();
    beat.set_mask(bits(&mask));
    if is_blocking(&mask) {
        found.store(0, Relaxed);
        return Some(bits(&mask));
    }
    found.store(now, Relaxed);
    None
}

/// Lets the signals that stops are made of through on this thread; the mask that was there.
fn unblock() -> libc::sigset_t {
    // SAFETY: plain calls on local values.
    unsafe {
        let mut ours: libc::sigset_t = mem::zeroed();
        let mut old: libc::sigset_t = mem::zeroed();
        libc::sigemptyset(&mut ours);
        libc::sigaddset(&mut ours, NUMBER.load(Relaxed));
        for signal in FAULTS {
            libc::sigaddset(&mut ours, signal);
        }
        libc::pthread_sigmask(libc::SIG_UNBLOCK, &ours, &mut old);
        old
    }
}

/// Whether the mask blocks any of our signals.
fn is_blocking(mask: &libc::sigset_t) -> bool {
    // SAFETY: only reads a mask that `unblock` filled.
    unsafe {
        libc::sigismember(mask, NUMBER.load(Relaxed)) == 1
            || FAULTS.iter().any(|&signal| libc::sigismember(mask, signal) == 1)
    }
}

/// The signals of a set, one bit each.
fn bits(set: &libc::sigset_t) -> u64 {
    // SAFETY: a set is at least 64 bits long, and begins with those of the signals that Linux has.
    unsafe { (set as *const libc::sigset_t as *const u64).read_unaligned() }
}

/// Puts back the mask that [`prepare`] found.
pub fn restore_mask(old: u64) {
    // SAFETY: a set begins with the bits of the signals that Linux has: see `bits`.
    unsafe {
        let mut mask: libc::sigset_t = mem::zeroed();
        (&raw mut mask).cast::<u64>().write_unaligned(old);
        libc::pthread_sigmask(libc::SIG_SETMASK, &mask, ptr::null_mut());
    }
}

/// # Safety
/// `context` is what the kernel passes to a handler.
#[cfg(target_arch = "x86_64")]
pub(super) unsafe fn stack_pointer(context: *mut c_void) -> usize {
    // SAFETY: the kernel passes a ucontext_t.
    unsafe { (*(context as *mut libc::ucontext_t)).uc_mcontext.gregs[libc::REG_RSP as usize] as usize }
}

/// # Safety
/// `context` is what the kernel passes to a handler.
#[cfg(target_arch = "aarch64")]
pub(super) unsafe fn stack_pointer(context: *mut c_void) -> usize {
    // SAFETY: the kernel passes a ucontext_t.
    unsafe { (*(context as *mut libc::ucontext_t)).uc_mcontext.sp as usize }
}

/// # Safety
/// `context` is what the kernel passes to a handler.
#[cfg(target_arch = "x86_64")]
unsafe fn program_counter(context: *mut c_void) -> usize {
    // SAFETY: the kernel passes a ucontext_t.
    unsafe { (*(context as *mut libc::ucontext_t)).uc_mcontext.gregs[libc::REG_RIP as usize] as usize }
}

/// # Safety
/// `context` is what the kernel passes to a handler.
#[cfg(target_arch = "aarch64")]
unsafe fn program_counter(context: *mut c_void) -> usize {
    // SAFETY: the kernel passes a ucontext_t.
    unsafe { (*(context as *mut libc::ucontext_t)).uc_mcontext.pc as usize }
}

/// Makes the coroutine that was interrupted return `finish` as soon as the handler returns.
///
/// # Safety
/// `context` is that of a signal that has interrupted the seat's stack, where nothing needs dropping.
pub(super) unsafe fn redirect(seat: &Seat, context: *mut c_void, finish: Finish) -> bool {
    let Some(trap) = seat.trap.get() else { return false };
    // SAFETY: the caller found the stack pointer of `context` on this seat's stack; what runs there holds nothing that needs
    // dropping (see `engine::switch`); the registers are set as corosensei asks.
    unsafe {
        let context = &mut *(context as *mut libc::ucontext_t);
        let regs = trap.setup_trap_handler(move || finish);
        #[cfg(target_arch = "x86_64")]
        {
            let g = &mut context.uc_mcontext.gregs;
            g[libc::REG_RIP as usize] = regs.rip as i64;
            g[libc::REG_RSP as usize] = regs.rsp as i64;
            g[libc::REG_RBP as usize] = regs.rbp as i64;
            g[libc::REG_RDI as usize] = regs.rdi as i64;
            g[libc::REG_RSI as usize] = regs.rsi as i64;
            // The direction flag may be set in the middle of a string instruction.
            g[libc::REG_EFL as usize] &= !0x400;
        }
        #[cfg(target_arch = "aarch64")]
        {
            let m = &mut context.uc_mcontext;
            m.pc = regs.pc;
            m.sp = regs.sp;
            m.regs[29] = regs.x29;
            m.regs[30] = regs.lr;
            m.regs[0] = regs.x0;
            m.regs[1] = regs.x1;
        }
    }
    seat.trap.set(None);
    true
}

/// # Safety
/// The kernel calls it, for a signal that was set with [`set`].
unsafe extern "C" fn on_clock(_signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: see the module's text.
    unsafe {
        if (*info).si_code != libc::SI_TKILL || (*info).si_pid() != libc::getpid() {
            return;
        }
        let Some(seat) = stack::seat_at(stack_pointer(context)) else { return };
        let Some(beat) = seat.beat.get().as_ref() else { return };
        match beat.stage() {
            STAGE_SOFT => {
                soften(seat);
                beat.meet();
            }
            STAGE_HARD => {
                seat.stage.store(STAGE_HARD, Relaxed);
                seat.zone.pending.store(STAGE_HARD, Relaxed);
                if may_leave(seat, beat, context) {
                    redirect(seat, context, Finish::Killed(Cause::Deadline));
                }
            }
            // A look of the watchdog's: a finalizer that has used up the instructions meets no hook.
            _ => {
                if seat.count.is_stuck(seat.current.load(Relaxed))
                    && seat.count.is_patience_over(super::thread_cpu_ns())
                    && may_leave(seat, beat, context)
                {
                    seat.count.end();
                    redirect(seat, context, Finish::Killed(Cause::Deadline));
                }
            }
        }
    }
}

/// Whether the stack may be left where it was interrupted.
///
/// # Safety
/// `context` is that of a signal that has interrupted the seat's stack.
unsafe fn may_leave(seat: &Seat, beat: &Beat, context: *mut c_void) -> bool {
    // SAFETY: as for this function.
    unsafe {
        let (pc, sp) = (program_counter(context), stack_pointer(context));
        let base = seat.floor.get().saturating_add(stack::STACK_SIZE - stack::GUARD_SIZE);
        // A handler of the host's that runs on this stack must come to its end: its signal would stay blocked.
        let handling = beat.is_interrupted(bits(&(*(context as *mut libc::ucontext_t)).uc_sigmask));
        seat.zone.zone.load(Relaxed) == ZONE_VM && !handling && !luajit::may_hold_lock(pc, sp, base)
    }
}

/// Asks the Lua thread that runs to stop at its next instruction.
///
/// # Safety
/// Called on the thread that runs the seat's stack, between two of its instructions.
pub unsafe fn soften(seat: &Seat) {
    if seat.stage.load(Relaxed) < STAGE_SOFT {
        seat.stage.store(STAGE_SOFT, Relaxed);
    }
    let current = seat.current.load(Relaxed);
    if !current.is_null() {
        // SAFETY: `current` is the thread that runs, kept right by the guest's coroutine functions.
        unsafe {
            seat.count.leave(current);
            lua_sethook(current, Some(stop_hook), LUA_MASKCOUNT, 1);
        }
    }
}

/// Passes on a stop that was asked for while the driver ran, on a stack where the handler can do nothing: a loop of requests may
/// hardly ever be met anywhere else. Called before a box's stack is resumed.
pub fn pass_on(seat: &Seat, beat: &Beat) {
    match beat.stage() {
        STAGE_SOFT => {
            // SAFETY: the driver calls this on the thread that runs the seat's stack, which is suspended.
            unsafe { soften(seat) };
            beat.meet();
        }
        STAGE_HARD => {
            seat.stage.store(STAGE_HARD, Relaxed);
            seat.zone.pending.store(STAGE_HARD, Relaxed);
        }
        _ => {}
    }
}
