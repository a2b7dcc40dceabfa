//! What the signal handler, the allocator and the guest's functions know of the run that sits on a stack.
//!
//! # Safety
//! A `Seat` is made once per stack, never moves and is never freed, so a pointer to one is always good. All of it is touched
//! by one OS thread at a time: the one that runs the stack (the handler interrupts that same thread). The watchdog never
//! sees a seat, only [`super::clock::Beat`].
#![allow(unsafe_code)]

use std::cell::Cell;
use std::os::raw::c_void;
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU8, Ordering::Relaxed};

use corosensei::trap::CoroutineTrapHandler;
use mlua::ffi::lua_State;

use super::clock::Beat;
use super::count::Counter;
use super::heap::{allocate, Arena};
use super::switch::on_pending;
use super::zone::Zone;
use super::Finish;

/// No stop is wanted of this run.
pub const STAGE_NONE: u8 = 0;
/// A hook has been asked for; the run is to be left at its next instruction.
pub const STAGE_SOFT: u8 = 1;
/// The run did not come back in time: its stack is to be left at once.
pub const STAGE_HARD: u8 = 2;

/// Longest source name that a position keeps; Lua's own `LUA_IDSIZE` is 60.
pub const POSITION_SIZE: usize = 60;

/// Where the code stood when a soft stop reached it.
#[derive(Clone, Copy)]
pub struct Position {
    pub source: [u8; POSITION_SIZE],
    pub line: i32,
}

impl Position {
    pub const UNKNOWN: Position = Position { source: [0; POSITION_SIZE], line: -1 };

    /// `source:line: `, or nothing where it is unknown.
    pub fn prefix(&self) -> String {
        if self.line <= 0 {
            return String::new();
        }
        let name: Vec<u8> = self.source.iter().copied().take_while(|&b| b != 0).collect();
        format!("{}:{}: ", String::from_utf8_lossy(&name), self.line)
    }
}

/// The run that sits on one stack.
#[repr(C)]
pub struct Seat {
    /// Which code is running: see [`Zone`]. First, so that the allocator can take a `*const Seat` for a `*const Zone`.
    pub zone: Zone,
    /// `STAGE_*`: how far a stop of this run has gone. Written by the handler and by hooks.
    pub stage: AtomicU8,
    /// The Lua thread that runs now: hooks belong to one thread in PUC Lua.
    pub current: AtomicPtr<lua_State>,
    /// The Lua thread that the call started on: what the code in the box takes for its main thread.
    pub base: Cell<*mut lua_State>,
    /// `Yielder` of the coroutine that occupies the stack.
    pub yielder: Cell<*const c_void>,
    /// How a hard stop makes that coroutine return.
    pub trap: Cell<Option<CoroutineTrapHandler<Finish>>>,
    /// The deadline record of the OS thread that resumed this stack last.
    pub beat: Cell<*const Beat>,
    /// The run's own data, see `gate::run::Run`.
    pub run: Cell<*mut c_void>,
    pub position: Cell<Position>,
    /// VM instructions, where they are limited.
    pub count: Counter,
    /// Lowest address of the stack that may be used.
    pub floor: Cell<usize>,
}

/// The seat that the box of this state runs on now; `None` for a state that is no box of ours.
///
/// # Safety
/// `state` is live; if it is a box's, it is called on the box's own stack.
#[inline(always)]
pub unsafe fn seat_of(state: *mut lua_State) -> Option<&'static Seat> {
    let mut data = ptr::null_mut();
    // SAFETY: as for this function; our allocator's data is the arena's header, whose seat is set while the box runs.
    unsafe {
        if !std::ptr::eq(
            mlua::ffi::lua_getallocf(state, &mut data) as *const c_void,
            allocate as *const c_void,
        ) {
            return None;
        }
        ((*(data as *const Arena)).seat.get() as *const Seat).as_ref()
    }
}

impl Seat {
    pub fn new() -> Seat {
        let zone = Zone::new();
        zone.set_on_pending(Some(on_pending));
        Seat {
            zone,
            stage: AtomicU8::new(STAGE_NONE),
            current: AtomicPtr::new(ptr::null_mut()),
            base: Cell::new(ptr::null_mut()),
            yielder: Cell::new(ptr::null()),
            trap: Cell::new(None),
            beat: Cell::new(ptr::null()),
            run: Cell::new(ptr::null_mut()),
            position: Cell::new(Position::UNKNOWN),
            count: Counter::new(),
            floor: Cell::new(0),
        }
    }

    /// Forgets how the last turn went, before the next on the same stack.
    pub fn renew(&self) {
        self.zone.pending.store(0, Relaxed);
        self.stage.store(STAGE_NONE, Relaxed);
        self.current.store(ptr::null_mut(), Relaxed);
        if self.position.get().line > 0 {
            self.position.set(Position::UNKNOWN);
        }
    }

    /// Forgets the last run, before the stack goes back to the pool or takes a new one.
    pub fn clear(&self) {
        self.zone.zone.store(super::zone::ZONE_HOST, Relaxed);
        self.zone.pending.store(0, Relaxed);
        self.stage.store(STAGE_NONE, Relaxed);
        self.current.store(ptr::null_mut(), Relaxed);
        self.base.set(ptr::null_mut());
        self.yielder.set(ptr::null());
        self.trap.set(None);
        self.beat.set(ptr::null());
        self.run.set(ptr::null_mut());
        self.position.set(Position::UNKNOWN);
    }
}
