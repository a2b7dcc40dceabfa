//! The zone flag: what kind of code runs on a box's stack at this very instruction.
//!
//! A hard stop abandons the box's stack between two machine instructions. That is sound only while the Lua VM or a
//! pure library function runs. So each of our functions and the allocator put their own mark here for as long as
//! they run; the signal handler reads it, and where it may not stop it leaves `pending` behind. Whoever then gives
//! the VM its turn back makes up for the stop.
//!
//! Thread and signal handler are the same thread: compiler fences are all the order there has to be.
//!
//! # Safety
//! The only unsafe act is calling what `set_on_pending` was given, under the contract of [`OnPending`].
#![allow(unsafe_code)]

use std::ptr;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::atomic::{compiler_fence, AtomicPtr, AtomicU8};

/// The host's code runs, on the host's stack.
pub const ZONE_HOST: u8 = 0;
/// The VM or a pure library function runs: may be abandoned at any instruction.
pub const ZONE_VM: u8 = 1;
/// One of our functions runs on the box's stack.
pub const ZONE_OURS: u8 = 2;
/// The allocator runs: the heap is between two states.
pub const ZONE_ALLOC: u8 = 3;

/// What makes up for a stop that came at a bad moment. It may switch stacks away and never return, so its callers
/// hold nothing that needs dropping.
pub type OnPending = unsafe extern "C-unwind" fn(*const Zone);

/// Shared by a running box, its allocator and the signal handler of its thread.
#[repr(C)]
pub struct Zone {
    /// One of the `ZONE_*` values.
    pub zone: AtomicU8,
    /// Not zero: a stop is due as soon as the VM would run again.
    pub pending: AtomicU8,
    /// An [`OnPending`], or null.
    on_pending: AtomicPtr<()>,
}

impl Default for Zone {
    fn default() -> Self {
        Self::new()
    }
}

impl Zone {
    pub const fn new() -> Self {
        Zone {
            zone: AtomicU8::new(ZONE_HOST),
            pending: AtomicU8::new(0),
            on_pending: AtomicPtr::new(ptr::null_mut()),
        }
    }

    /// Says what [`Zone::leave_alloc`] calls when a stop is due.
    pub fn set_on_pending(&self, f: Option<OnPending>) {
        self.on_pending.store(f.map_or(ptr::null_mut(), |f| f as *mut ()), Relaxed);
    }

    /// The allocator begins; the answer is for [`Zone::leave_alloc`].
    #[inline]
    pub fn enter_alloc(&self) -> u8 {
        let prev = self.zone.load(Relaxed);
        self.zone.store(ZONE_ALLOC, Relaxed);
        compiler_fence(SeqCst);
        prev
    }

    /// The allocator is done. Does not return if a stop came meanwhile and the VM would run on.
    #[inline]
    pub fn leave_alloc(&self, prev: u8) {
        if self.leave(prev) {
            self.make_up();
        }
    }

    /// The same, but for [`Zone::make_up`]: says whether the caller has to call it, as the last thing that it does.
    #[inline(always)]
    #[must_use]
    pub fn leave(&self, prev: u8) -> bool {
        compiler_fence(SeqCst);
        self.zone.store(prev, Relaxed);
        compiler_fence(SeqCst);
        prev == ZONE_VM && self.pending.load(Relaxed) != 0
    }

    /// Whether a stop waits for the allocator: long work may then be cut short.
    #[inline]
    pub fn is_due(&self) -> bool {
        self.pending.load(Relaxed) != 0
    }

    /// Makes up for a stop that came meanwhile. Does not return if the VM would run on.
    #[cold]
    #[inline(never)]
    pub fn make_up(&self) {
        let f = self.on_pending.load(Relaxed);
        if !f.is_null() {
            // SAFETY: `set_on_pending` is the only writer, and stores nothing but an `OnPending` or null.
            let f: OnPending = unsafe { std::mem::transmute(f) };
            // SAFETY: the contract of `OnPending`; nothing here needs dropping.
            unsafe { f(self) }
        }
    }
}
