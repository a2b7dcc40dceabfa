//! Counting VM instructions, exactly: one allowance for all Lua threads of a run, by a count hook on the one that runs.
//!
//! The hook's period is 1, but its first wait is set to what is left of the allowance and one more ([`layout`]): so it
//! fires at the very instruction that is one too many, and nothing is called before. When another thread is to run, and when
//! the run stops to ask something, what the wait has gone down by is noted as used.
//!
//! Finalizers run without hooks, but PUC Lua counts there all the same: where the wait ends among them, the period of 1
//! makes the hook fire at the first instruction after. (LuaJIT doesn't count in finalizers.) One that asks something then, or goes
//! on, is stopped hard: the watchdog has the run look for that now and then ([`Counter::is_stuck`]).
//!
//! Where the wait can't be read, the hook's period is at most [`CHUNK`], and each switch is charged a whole one.
//!
//! # Safety
//! Functions here are called on the OS thread that runs the seat's box, with Lua threads of that box that are live.
#![allow(unsafe_code)]

use std::cell::Cell;
use std::ffi::c_void;
use std::os::raw::c_int;
use std::ptr;
use std::sync::atomic::Ordering::Relaxed;

use mlua::ffi::{lua_Debug, lua_State, lua_gethook, lua_sethook, LUA_MASKCOUNT};

pub mod layout;

use self::layout::{hooks_are_off, layout, left_of, Layout};
use super::clock::signal::soften;
use super::seat::{seat_of, STAGE_NONE};
use super::switch::{self, leave, stop_hook};
use super::zone::ZONE_VM;
use super::Event;
use crate::lua::compat::JIT;

/// Longest wait that is set at once.
const LONGEST: u64 = 1 << 30;
/// The same, where it can't be read how much of it is left.
const CHUNK: u64 = 1000;

/// How long a finalizer may go on when nothing is left, ns.
const PATIENCE_NS: u64 = 10_000_000;

/// The count of one run.
pub struct Counter {
    /// Instructions that may be used; `None`: not counted.
    allowed: Cell<Option<u64>>,
    /// Used, up to when the wait was set last.
    used: Cell<u64>,
    /// What the wait was set to; 0: none was.
    armed: Cell<c_int>,
    /// Whether threads of this box may have been left with the hook of a limit that has been lifted.
    lifted: Cell<bool>,
    /// Whether the run was left because nothing was left.
    ended: Cell<bool>,
    /// The thread's CPU clock when the run was first found stuck, ns; 0: it was not.
    stuck_since: Cell<u64>,
    /// LuaJIT: where the state's one count lies.
    main: Cell<*mut lua_State>,
}

impl Counter {
    pub const fn new() -> Counter {
        Counter {
            allowed: Cell::new(None),
            used: Cell::new(0),
            armed: Cell::new(0),
            lifted: Cell::new(false),
            ended: Cell::new(false),
            stuck_since: Cell::new(0),
            main: Cell::new(ptr::null_mut()),
        }
    }

    pub fn is_on(&self) -> bool {
        self.allowed.get().is_some()
    }

    /// Whether threads may have hooks of ours that count, or did: else there is nothing to note where one gives way to another.
    pub fn has_hooks(&self) -> bool {
        self.is_on() || self.lifted.get()
    }

    /// Whether the allowance ended, and the run was left for that.
    pub fn has_ended(&self) -> bool {
        self.ended.get()
    }

    /// Starts to count what `thread` runs from now on (null: nothing does yet; [`Counter::enter`] follows). `lifted` says
    /// that this box was counted before.
    ///
    /// # Safety
    /// See the module's text; `main` is the box's main thread.
    pub unsafe fn begin(
        &self,
        thread: *mut lua_State,
        main: *mut lua_State,
        allowed: Option<u64>,
        lifted: bool,
    ) {
        if allowed.is_some() {
            // Found out here, on the host's stack, if not yet.
            layout();
        }
        self.allowed.set(allowed);
        self.used.set(0);
        self.armed.set(0);
        self.lifted.set(lifted);
        self.ended.set(false);
        self.main.set(main);
        if thread.is_null() {
            self.stuck_since.set(0);
        } else {
            // SAFETY: as for this function.
            unsafe { self.enter(thread) };
        }
    }

    /// Nothing is to be counted, in a box that never was.
    pub fn idle(&self, main: *mut lua_State) {
        self.allowed.set(None);
        self.used.set(0);
        self.armed.set(0);
        self.lifted.set(false);
        self.ended.set(false);
        self.stuck_since.set(0);
        self.main.set(main);
    }

    /// `thread` runs next.
    ///
    /// # Safety
    /// See the module's text.
    pub unsafe fn enter(&self, thread: *mut lua_State) {
        let Some(allowed) = self.allowed.get() else {
            // SAFETY: as for this function. The thread gets its full speed back.
            unsafe {
                if self.lifted.get() && is_counted(thread) {
                    lua_sethook(thread, None, 0, 0);
                }
            }
            return;
        };
        // The instruction after the last that is allowed.
        let wait = allowed.saturating_sub(self.used.get()).saturating_add(1);
        let layout = layout();
        let wait = wait.min(if layout.is_some() { LONGEST } else { CHUNK }) as c_int;
        self.armed.set(wait);
        // SAFETY: as for this function; the layout has been verified.
        unsafe { set_wait(thread, self.field_owner(thread), layout, wait) };
    }

    /// `thread` runs no more, or is about to be looked at: notes what it has used.
    ///
    /// # Safety
    /// See the module's text.
    pub unsafe fn leave(&self, thread: *mut lua_State) {
        let wait = self.armed.replace(0);
        if wait == 0 || thread.is_null() {
            return;
        }
        // SAFETY: as for this function. Where a stop has put its own hook there, it has noted what was used.
        unsafe {
            if is_counted(thread) {
                let used = used_of(self.field_owner(thread), layout(), wait);
                self.used.set(self.used.get().saturating_add(used));
            }
        }
    }

    /// What was used since [`Counter::begin`], no more than was allowed.
    ///
    /// # Safety
    /// See the module's text; `thread` ran last.
    pub unsafe fn settle(&self, thread: *mut lua_State) -> u64 {
        // SAFETY: as for this function.
        unsafe {
            if !self.is_stuck(thread) {
                self.stuck_since.set(0);
            }
            self.leave(thread);
        }
        let used = self.used.replace(0);
        self.allowed.replace(None).map_or(0, |allowed| used.min(allowed))
    }

    /// Whether `thread` is in a finalizer, where no hook fires, with nothing left.
    ///
    /// # Safety
    /// See the module's text. Safe to call from a signal handler.
    pub unsafe fn is_stuck(&self, thread: *mut lua_State) -> bool {
        let (Some(allowed), wait) = (self.allowed.get(), self.armed.get()) else { return false };
        // A wait that was cut short at `LONGEST` says nothing of the allowance.
        let whole = u64::try_from(wait).is_ok_and(|wait| wait > allowed.saturating_sub(self.used.get()));
        if JIT || !whole || thread.is_null() {
            return false;
        }
        let Some(layout) = layout() else { return false };
        // SAFETY: as for this function.
        unsafe {
            left_of(layout, thread).read_volatile() <= 1
                && hooks_are_off(layout, thread.cast())
                && is_counted(thread)
        }
    }

    /// Whether a run that `is_stuck` has been so for longer than a finalizer may take to come to its end: then it is to be
    /// left. CPU time tells, so that a busy machine makes no difference.
    pub fn is_patience_over(&self, cpu_ns: u64) -> bool {
        if self.stuck_since.get() == 0 {
            self.stuck_since.set(cpu_ns.max(1));
        }
        cpu_ns.saturating_sub(self.stuck_since.get()) >= PATIENCE_NS
    }

    /// Ends the run of `is_stuck`, for the driver to find.
    pub fn end(&self) {
        self.ended.set(true);
    }

    fn field_owner(&self, thread: *mut lua_State) -> *mut lua_State {
        if JIT {
            self.main.get()
        } else {
            thread
        }
    }
}

/// Whether `thread` has our hook.
///
/// # Safety
/// `thread` is live.
unsafe fn is_counted(thread: *mut lua_State) -> bool {
    // SAFETY: `thread` is live.
    let hook = unsafe { lua_gethook(thread) };
    hook.is_some_and(|hook| ptr::eq(hook as *const c_void, count_hook as *const c_void))
}

/// Makes our hook fire at the instruction of that number from here.
///
/// # Safety
/// Both threads are live, `thread` runs nothing now, and `owner` is its [`Counter::field_owner`].
unsafe fn set_wait(thread: *mut lua_State, owner: *mut lua_State, layout: Option<Layout>, wait: c_int) {
    // SAFETY: `thread` is live and runs nothing now; `owner` holds the field.
    unsafe {
        match layout {
            Some(layout) => {
                // Lua 5.4 walks the call list when a hook is set: not at each switch.
                if !is_counted(thread) {
                    lua_sethook(thread, Some(count_hook), LUA_MASKCOUNT, 1);
                }
                left_of(layout, owner).write_volatile(wait);
            }
            None => {
                lua_sethook(thread, Some(count_hook), LUA_MASKCOUNT, wait);
            }
        }
    }
}

/// How many instructions have been begun since [`set_wait`]; where it can't be read, as many as there may have been.
///
/// # Safety
/// As for [`set_wait`]; `owner`'s memory is still there, even if what ran has crashed.
unsafe fn used_of(owner: *mut lua_State, layout: Option<Layout>, wait: c_int) -> u64 {
    let left = match layout {
        // SAFETY: as for `set_wait`.
        Some(layout) => unsafe { left_of(layout, owner).read_volatile() },
        None => 1,
    };
    // What a crash has left there may be anything.
    u64::try_from(wait.saturating_sub(left.clamp(0, wait))).unwrap_or(0)
}

/// The hook of a counted thread: fires at the first instruction that is not allowed any more, or after [`LONGEST`].
///
/// # Safety
/// Set as a hook on threads of boxes, which run on their own stack.
pub unsafe extern "C-unwind" fn count_hook(state: *mut lua_State, ar: *mut lua_Debug) {
    // SAFETY: as for `stop_hook`: the heap is consistent, and this stack holds no value of ours that needs dropping.
    unsafe {
        let Some(seat) = seat_of(state) else { return };
        let counter = &seat.count;
        let Some(allowed) = counter.allowed.get() else {
            // A limit that has been lifted.
            lua_sethook(state, None, 0, 0);
            return;
        };
        if seat.stage.load(Relaxed) != STAGE_NONE {
            return stop_hook(state, ar);
        }
        let used = counter.used.get().saturating_add(counter.armed.replace(0) as u64);
        counter.used.set(used);
        if used > allowed && seat.zone.zone.load(Relaxed) == ZONE_VM {
            counter.ended.set(true);
            seat.position.set(switch::position_of(state, ar));
            leave(seat, Event::Left);
        }
        counter.enter(state);
        if seat.stage.load(Relaxed) != STAGE_NONE {
            soften(seat);
        }
    }
}

#[cfg(test)]
mod tests;
