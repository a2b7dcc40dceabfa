//! Instructions of a box: counted while a limit of its own, or of a box above it, is in force; charged to the whole chain.
//!
//! # Safety
//! The driver calls these between two turns of the stack whose seat it passes: nothing runs in the box meanwhile.
#![allow(unsafe_code)]

use std::sync::atomic::Ordering::Relaxed;

use super::core::Core;
use super::request::Entry;
use crate::engine::clock::Beat;
use crate::engine::luajit;
use crate::engine::seat::Seat;
use crate::lua::compat::JIT;

impl Core {
    /// Whether instructions are limited here or above.
    pub fn is_counted(&self) -> bool {
        self.chain().any(|core| core.instructions_left().is_some())
    }
}

/// Has what runs next on the seat counted, if it is to be. Compiled code of LuaJIT can't be: the compiler is off meanwhile.
pub fn begin(core: &Core, seat: &Seat, beat: &Beat, entry: Entry) {
    // Nothing of the box's code runs then.
    let idle = entry.is_opening() || entry == Entry::Autopsy;
    let allowed = if idle { None } else { core.chain().filter_map(Core::instructions_left).min() };
    let main = core.main.get();
    let thread = seat.current.load(Relaxed);
    let compiles = allowed.is_none() && !core.tape.is_plain() && entry != Entry::Steady;
    if compiles != core.compiles.get() && !idle {
        let fresh = thread.is_null() && core.running.get() == 1;
        // SAFETY: see the module's text; `main` is set once the box has been opened.
        if unsafe { luajit::set_compiler(main, compiles, fresh) } {
            core.compiles.set(compiles);
        }
    }
    core.counted.set(core.counted.get() || allowed.is_some());
    // SAFETY: see the module's text; the thread is the one that was left to ask, or null.
    unsafe { seat.count.begin(thread, main, allowed, core.counted.get()) };
    if allowed.is_some() && !JIT {
        beat.begin_looks();
    }
}

/// Charges what has run since [`begin`]; whether it is a finalizer that has nothing left, where no hook can stop it.
pub fn settle(core: &Core, seat: &Seat, beat: &Beat) -> bool {
    if !seat.count.is_on() {
        return false;
    }
    if !JIT {
        beat.end_looks();
    }
    let thread = seat.current.load(Relaxed);
    // SAFETY: see the module's text. After a crash the thread may hold anything, but is still mapped.
    let (stuck, used) = unsafe { (seat.count.is_stuck(thread), seat.count.settle(thread)) };
    core.charge_instructions(used);
    stuck
}
