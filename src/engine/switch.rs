//! Going over to a box's stack, and back: by asking, by finishing, or by leaving it behind.
//!
//! What passes between the two sides lies in the run (`gate::run`); the messages here only say which turn it is, so that a
//! suspended stack owns nothing and can be dropped without running anything.
//!
//! # Safety
//! [`ask`], [`leave`] and [`kill`] are called on a box's own stack, whose seat holds the `Yielder` that its coroutine was given.
//! [`Task::abandon`] drops a suspended stack without unwinding it: what ran there held nothing that needs dropping.
#![allow(unsafe_code)]

use std::os::raw::c_void;
use std::sync::atomic::compiler_fence;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};

use corosensei::{Coroutine, CoroutineResult, Yielder};
use mlua::ffi::{lua_Debug, lua_State};

use super::clock::signal::soften;
use super::seat::{Position, Seat, POSITION_SIZE, STAGE_HARD, STAGE_NONE};
use super::stack::BoxStack;
use super::zone::{ZONE_HOST, ZONE_OURS, ZONE_VM};

/// From the driver to a box's stack.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Message {
    /// Begin.
    Go,
    /// The answer to what was asked lies in the run.
    Reply,
    /// Before the answer comes, serve a call that lies in the run.
    Serve,
}

/// From a box's stack to the driver.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Event {
    /// A request lies in the run.
    Ask,
    /// The call to be served has been; what came of it lies in the run.
    Served,
    /// A soft stop: the stack has been left and is never to be resumed.
    Left,
    /// The code called `os.exit`: likewise.
    Exited,
    /// The heap can't go on: see [`Cause`].
    Killed(Cause),
    /// An exchange is needed for what comes of the call.
    Room,
    /// The turn has come to its end; the stack waits for the next.
    Done,
}

/// Why a stack was left in the middle of something.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cause {
    /// A deadline, whose kind the driver knows.
    Deadline,
    /// The C stack ran into its guard.
    Stack,
    /// The interpreter crashed.
    Fault,
}

/// What a coroutine returns.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Finish {
    Done,
    Killed(Cause),
}

type Switcher = Yielder<Message, Event>;

/// A run on a stack of its own.
pub struct Task {
    coroutine: Coroutine<Message, Event, Finish, BoxStack>,
    seat: &'static Seat,
    deep: bool,
}

impl Task {
    /// Prepares `body(argument)` to run on `stack`.
    ///
    /// # Safety
    /// `body` must hold nothing that needs dropping whenever it suspends or is stoppable; `argument` must outlive the task.
    pub unsafe fn new(
        stack: BoxStack,
        body: unsafe fn(&'static Seat, *mut c_void),
        argument: *mut c_void,
    ) -> Task {
        let seat = stack.seat();
        let coroutine = Coroutine::with_stack(stack, move |yielder: &Switcher, _first| {
            seat.yielder.set(yielder as *const Switcher as *const c_void);
            // SAFETY: the caller of `Task::new` vouches for body and argument.
            unsafe { body(seat, argument) };
            Finish::Done
        });
        seat.trap.set(Some(coroutine.trap_handler()));
        Task { coroutine, seat, deep: false }
    }

    pub fn seat(&self) -> &'static Seat {
        self.seat
    }

    /// Runs until the box's side has something to say.
    pub fn resume(&mut self, message: Message) -> Result<Event, Finish> {
        match self.coroutine.resume(message) {
            CoroutineResult::Yield(event) => Ok(event),
            CoroutineResult::Return(finish) => {
                self.deep = finish != Finish::Done;
                Err(finish)
            }
        }
    }

    /// Drops what is left of the run, without unwinding, and gives the stack back.
    pub fn abandon(mut self) {
        if !self.coroutine.done() {
            self.deep = self.coroutine.started();
            // SAFETY: see the module's text: nothing on that stack needs dropping; nor does the closure of a run that has not begun.
            unsafe { self.coroutine.force_reset() };
        }
        self.finish();
    }

    /// Ends a stack that waits for its next turn, and gives it back to the pool.
    pub fn retire(mut self) {
        // SAFETY: as in `abandon`; it stands in `rest`.
        unsafe { self.coroutine.force_reset() };
        self.finish();
    }

    /// Gives the stack of a run that has ended back to the pool.
    pub fn finish(self) {
        let Task { coroutine, deep, .. } = self;
        if coroutine.done() {
            let mut stack = coroutine.into_stack();
            if deep {
                stack.mark_deep();
            }
        }
    }
}

/// # Safety
/// Called on the seat's own stack.
unsafe fn suspend(seat: &Seat, event: Event) -> Message {
    let yielder = seat.yielder.get() as *const Switcher;
    // SAFETY: `Task::new` put it there; it lives as long as the coroutine does.
    unsafe { (*yielder).suspend(event) }
}

/// Hands `event` to the driver and comes back with its message.
///
/// # Safety
/// Called on the seat's own stack, by code that holds nothing that needs dropping.
pub unsafe fn ask(seat: &Seat, event: Event) -> Message {
    let zone = seat.zone.zone.load(Relaxed);
    seat.zone.zone.store(ZONE_OURS, Relaxed);
    // SAFETY: as for this function.
    let message = unsafe { suspend(seat, event) };
    seat.zone.zone.store(zone, Relaxed);
    message
}

/// Ends a turn, and waits for the next.
///
/// # Safety
/// As [`ask`], by code that no Lua code has called.
pub unsafe fn rest(seat: &Seat) {
    seat.zone.zone.store(ZONE_HOST, Relaxed);
    // SAFETY: as for this function.
    unsafe { suspend(seat, Event::Done) };
}

/// What code of ours needs of a box's stack, calls of the C library included.
const ROOM: usize = 48 << 10;

/// Runs code of ours that must not be stopped: it moves memory or holds a lock. `f` must be short, and must not touch Lua.
///
/// # Safety
/// Called on the seat's own stack.
#[inline(always)]
pub unsafe fn ours<R: Copy>(seat: &Seat, f: impl FnOnce() -> R) -> R {
    let here = 0_u8;
    if (&here as *const u8 as usize).wrapping_sub(seat.floor.get()) < ROOM {
        // SAFETY: as for this function. A fault in the guard could not be told from one of ours any more.
        unsafe { leave(seat, Event::Killed(Cause::Stack)) };
    }
    let zone = seat.zone.zone.load(Relaxed);
    seat.zone.zone.store(ZONE_OURS, Relaxed);
    compiler_fence(SeqCst);
    let result = f();
    compiler_fence(SeqCst);
    seat.zone.zone.store(zone, Relaxed);
    result
}

/// Hands `event` to the driver for good: this stack is never resumed.
///
/// # Safety
/// As [`ask`].
pub unsafe fn leave(seat: &Seat, event: Event) -> ! {
    seat.zone.zone.store(ZONE_HOST, Relaxed);
    loop {
        // SAFETY: as for this function. The driver never resumes; the loop only satisfies the type.
        unsafe { suspend(seat, event) };
    }
}

/// Notes which Lua thread of the box runs from now on; a soft stop that was asked for meanwhile goes to that one.
///
/// # Safety
/// Called on the seat's own stack, between two instructions of the box; both threads are live.
pub unsafe fn run_on(seat: &Seat, thread: *mut lua_State) {
    // SAFETY: as for this function.
    unsafe {
        if seat.count.has_hooks() {
            seat.count.leave(seat.current.load(Relaxed));
            seat.current.store(thread, Relaxed);
            seat.count.enter(thread);
        } else {
            seat.current.store(thread, Relaxed);
        }
        compiler_fence(SeqCst);
        if seat.stage.load(Relaxed) != STAGE_NONE {
            soften(seat);
        }
    }
}

/// Ends the box from its own stack, where the interpreter gives up (its panic function).
///
/// # Safety
/// As [`ask`].
pub unsafe extern "C-unwind" fn panic(state: *mut lua_State) -> std::os::raw::c_int {
    // SAFETY: the panic function is installed in boxes only, which run on their own stack.
    unsafe {
        if let Some(seat) = super::seat::seat_of(state) {
            leave(seat, Event::Killed(Cause::Fault));
        }
    }
    0
}

/// What [`super::zone::Zone`] calls when a critical section ends while a stop is wanted: only a hard stop can't wait for the hook.
///
/// # Safety
/// `zone` is the first field of a [`Seat`], on whose stack this is called.
pub unsafe extern "C-unwind" fn on_pending(zone: *const super::zone::Zone) {
    // SAFETY: as for this function.
    unsafe {
        let seat = &*(zone as *const Seat);
        if seat.stage.load(Relaxed) == STAGE_HARD {
            leave(seat, Event::Killed(Cause::Deadline));
        }
    }
}

/// The count hook of a soft stop: fires at an instruction boundary of the thread it was set on.
///
/// # Safety
/// Set as a hook on a thread of a box that runs on its own stack.
pub unsafe extern "C-unwind" fn stop_hook(state: *mut lua_State, ar: *mut lua_Debug) {
    // SAFETY: as for this function; the hook of PUC Lua runs at a point where the heap is consistent, and this stack holds
    // no value of ours that needs dropping wherever Lua code may run.
    unsafe {
        let Some(seat) = super::seat::seat_of(state) else { return };
        if seat.stage.load(Relaxed) == STAGE_NONE {
            // Left over from a stop that the run has outrun.
            mlua::ffi::lua_sethook(state, None, 0, 0);
            seat.count.enter(state);
            return;
        }
        if seat.zone.zone.load(Relaxed) != ZONE_VM {
            return;
        }
        if seat.position.get().line <= 0 {
            seat.position.set(position_of(state, ar));
        }
        leave(seat, Event::Left);
    }
}

/// How far up from where a box's code asked something its nearest line of Lua is looked for.
const NEAR: std::os::raw::c_int = 16;

/// Where the code on a seat stands: as a stop's hook has noted, or, while it waits for an answer, where it asked.
pub fn standing(seat: &Seat) -> Position {
    let noted = seat.position.get();
    let current = seat.current.load(Relaxed);
    if noted.line > 0 || current.is_null() {
        return noted;
    }
    // SAFETY: the thread belongs to the box whose stack is suspended in a call of ours; looking at its call list changes and
    // raises nothing.
    unsafe {
        let mut ar: lua_Debug = std::mem::zeroed();
        for level in 0..NEAR {
            if mlua::ffi::lua_getstack(current, level, &mut ar) == 0 {
                break;
            }
            let position = position_of(current, &mut ar);
            if position.line > 0 {
                return position;
            }
        }
    }
    noted
}

/// # Safety
/// `ar` is what a hook of `state` was given, or `lua_getstack` has filled.
pub(super) unsafe fn position_of(state: *mut lua_State, ar: *mut lua_Debug) -> Position {
    let mut position = Position::UNKNOWN;
    // SAFETY: "Sl" fills fixed fields and allocates nothing.
    unsafe {
        if mlua::ffi::lua_getinfo(state, c"Sl".as_ptr(), ar) != 0 {
            position.line = (*ar).currentline;
            for (to, from) in position.source.iter_mut().take(POSITION_SIZE - 1).zip((*ar).short_src.iter()) {
                *to = *from as u8;
            }
        }
    }
    position
}
