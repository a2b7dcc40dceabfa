//! One call into a box, as its own stack sees it: bare code, from the first to the last.
//!
//! # Safety
//! [`body`] runs on the box's stack with the [`Run`] that the driver made for it; the run outlives the stack's use.
#![allow(unsafe_code)]

mod entry;

use std::cell::{Cell, RefCell};
use std::os::raw::{c_int, c_void};
use std::rc::Rc;
use std::sync::atomic::Ordering::Relaxed;

use mlua::ffi::{lua_CFunction, lua_State};

use super::core::Core;
use super::exchange::{Desk, Exchange};
use super::level::Level;
use super::realm::Realm;
use super::request::{Entry, Id, Reply, Request};
use super::serve::{Call, What};
use super::wall::Kept;
use super::{opening, short};
use crate::engine::clock::Beat;
use crate::engine::seat::Seat;
use crate::engine::stack::BoxStack;
use crate::engine::switch::{rest, run_on, Task};
use crate::engine::zone::{ZONE_HOST, ZONE_VM};
use crate::lua::{compat, function, Key, State};

/// A call into a box.
pub struct Run {
    pub core: Rc<Core>,
    pub realm: *const Realm,
    pub entry: Entry,
    /// Arguments and results of the call; the caller's.
    pub exchange: Cell<*mut Exchange>,
    /// Lends exchanges to the code in the box.
    pub desk: RefCell<Desk>,
    /// Number of the Lua thread that the call runs on: see [`super::threads`].
    pub thread: usize,
    /// How the call came out.
    pub outcome: Cell<Reply>,
    /// What is asked of the level above, and the answer.
    pub request: Cell<Request>,
    pub asked: Cell<*mut Exchange>,
    pub reply: Cell<Reply>,
    /// What is to be served for a box below, and how that came out.
    pub call: Cell<Call>,
    pub served: Cell<Reply>,
    /// The deadline of a call that waits.
    pub kept: Cell<Kept>,
    /// Whether a traceback has been kept of what ended the call.
    pub traced: Cell<bool>,
    /// Whether all that is asked now is asked for a box below, with no code of this box in between.
    pub passing: Cell<bool>,
    /// For [`Entry::Autopsy`]: the thread that was left.
    pub left: Cell<*mut lua_State>,
    /// Whether what has come of the call, or of what was asked, lies in the realm's scalars: see [`super::short`].
    pub by_scalars: Cell<bool>,
    /// The Lua thread of a call on the short road, and the number of the function.
    pub ready: Cell<Option<State>>,
    pub number: Cell<u64>,
    /// An address in the stack frame of the bare code that has asked something without an exchange.
    pub taker: Cell<usize>,
}

impl Run {
    pub fn new(core: Rc<Core>, realm: &Realm, entry: Entry, exchange: *mut Exchange, thread: usize) -> Run {
        let nothing = Call { id: Id::NONE, what: What::Getenv, exchange: std::ptr::null_mut() };
        let kept = Cell::new(core.wall.keep());
        Run {
            kept,
            realm,
            entry,
            exchange: Cell::new(exchange),
            desk: RefCell::new(Desk::new(Some(Rc::clone(&core.budget)))),
            thread,
            core,
            outcome: Cell::new(Reply::NoMemory),
            request: Cell::new(Request::Clock),
            asked: Cell::new(std::ptr::null_mut()),
            reply: Cell::new(Reply::NoMemory),
            call: Cell::new(nothing),
            served: Cell::new(Reply::NoMemory),
            traced: Cell::new(false),
            passing: Cell::new(false),
            left: Cell::new(std::ptr::null_mut()),
            by_scalars: Cell::new(false),
            taker: Cell::new(0),
            ready: Cell::new(None),
            number: Cell::new(0),
        }
    }

    /// Lends an exchange to the code in the box that has asked without one; null where there is no memory.
    pub fn lend(&self) -> *mut Exchange {
        let taken = self.desk.try_borrow_mut().ok().and_then(|mut desk| desk.take(self.taker.get()).ok());
        self.asked.set(taken.unwrap_or(std::ptr::null_mut()));
        self.asked.get()
    }

    /// Makes ready for another call, on the stack that waits with it.
    pub fn renew(
        &mut self,
        core: &Rc<Core>,
        realm: &Realm,
        entry: Entry,
        exchange: *mut Exchange,
        thread: usize,
    ) {
        if !Rc::ptr_eq(&self.core, core) {
            self.core = Rc::clone(core);
            self.desk.get_mut().serve(Rc::clone(&core.budget));
        }
        if !core.tape.is_off() {
            // What room is left from other calls must not show in what a recorded box pays.
            *self.desk.get_mut() = Desk::new(Some(Rc::clone(&core.budget)));
        }
        self.realm = realm;
        self.entry = entry;
        self.exchange.set(exchange);
        self.thread = thread;
        self.outcome.set(Reply::NoMemory);
        self.traced.set(false);
        self.passing.set(false);
        self.left.set(std::ptr::null_mut());
        self.by_scalars.set(false);
    }
}

/// Puts a run on a stack, ready to go.
pub fn prepare(stack: BoxStack, run: &Run) -> Task {
    let argument = run as *const Run as *mut c_void;
    stack.seat().run.set(argument);
    // SAFETY: `body` is bare code; the driver keeps the run for as long as the task.
    unsafe { Task::new(stack, body, argument) }
}

/// Tells the box's heap and the signal handler who runs now.
pub fn take_seat(core: &Core, seat: &'static Seat, beat: &'static Beat) {
    seat.beat.set(beat);
    if let Ok(heap) = core.heap.try_borrow() {
        if let Some(heap) = heap.as_ref() {
            // SAFETY: the header lives as long as the heap; no code of the box runs now.
            unsafe { (*heap.header()).seat.set(&seat.zone) };
        }
    }
}

// What a call starts with: pushing these allocates nothing, so it can be done outside a protected call.
static MAKE_THREAD: Key = Key::new();
pub(super) static THREADS: Key = Key::new();
pub(super) static HANDLER: Key = Key::new();
static ENTRY: Key = Key::new();
static SEND_ERROR: Key = Key::new();
static COLLECT: Key = Key::new();
pub(super) static SEND: Key = Key::new();

/// What lies in the registry under these.
pub(super) fn functions() -> [(&'static Key, lua_CFunction); 6] {
    [
        (&MAKE_THREAD, function(make_thread)),
        (&HANDLER, function(super::trace::handler)),
        (&ENTRY, function(entry::entry)),
        (&SEND_ERROR, function(entry::send_error)),
        (&COLLECT, function(collect)),
        (&SEND, function(short::send)),
    ]
}

/// What runs on a box's stack.
///
/// # Safety
/// See the module's text: `argument` is the seat's run.
pub unsafe fn body(seat: &'static Seat, argument: *mut c_void) {
    loop {
        // SAFETY: as for this function. The driver changes the run between two turns only.
        let run = unsafe { &*(argument as *const Run) };
        turn(seat, run);
        // SAFETY: this is the seat's stack, and no Lua code runs on it.
        unsafe { rest(seat) };
    }
}

/// One call.
fn turn(seat: &'static Seat, run: &Run) {
    seat.zone.zone.store(ZONE_VM, Relaxed);
    let outcome = match run.entry {
        Entry::Open => opening::open(seat, run),
        Entry::Check => opening::check(seat, run),
        Entry::Rehash => opening::rehash(seat, run),
        #[cfg(test)]
        Entry::Shut => opening::shut(seat, run),
        Entry::Short => short::call(seat, run),
        _ => call(seat, run),
    };
    seat.zone.zone.store(ZONE_HOST, Relaxed);
    run.outcome.set(outcome);
}

/// Runs any entry but the first, on a Lua thread of its own: a soft stop leaves that one, and the main thread stays whole.
fn call(seat: &'static Seat, run: &Run) -> Reply {
    // SAFETY: the box has been opened, and this is its stack.
    let main = unsafe { State::new(run.core.main.get()) };
    // SAFETY: nothing of the box runs yet.
    unsafe { run_on(seat, main.as_ptr()) };
    seat.base.set(main.as_ptr());
    if run.entry == Entry::Autopsy {
        // No finalizer gets a turn after a stop, not even at the end of this; and nobody would answer what it asks.
        main.stop_collector();
    }
    let (threads, number) = (&run.core.threads, run.thread);
    if !threads.is_made(number) {
        let mut made = add_thread(main, number);
        if run.entry == Entry::Autopsy {
            main.stop_collector();
        }
        if !made && compat::STARVES && run.entry != Entry::Autopsy {
            // Finalizers run without hooks here, so a stop among them is a hard one.
            protect_collect(main);
            made = add_thread(main, number);
        }
        if !made {
            return if unseen(run) { left_unseen(main) } else { Reply::NoMemory };
        }
        threads.note_made(number);
    }
    main.registry_get(&THREADS);
    main.raw_geti(-1, number as i64);
    let thread = main.thread(-1);
    main.pop(2);
    let Some(thread) = thread else { return Reply::NoMemory };
    // SAFETY: likewise; finalizers may have run on the main thread.
    unsafe { run_on(seat, thread.as_ptr()) };
    seat.base.set(thread.as_ptr());
    let level = Level::Box(seat);
    short::base(thread);
    thread.registry_get(&ENTRY);
    let ok = thread.pcall(0, 0, short::HANDLER);
    let no_memory = !ok && thread.bytes(-1) == Some(compat::NO_MEMORY.as_bytes());
    if no_memory && unseen(run) {
        return left_unseen(main);
    }
    let reply = if ok { Reply::Values } else { failed(thread, level, run) };
    short::base(thread);
    threads.note_ready(number, thread);
    if run.entry == Entry::Autopsy {
        main.restart_collector();
    }
    if run.entry != Entry::Autopsy {
        relieve(thread, run, no_memory);
    }
    reply
}

/// A call has ended: where nothing was or will be collected for lack of memory, the next would find the heap as full.
pub(super) fn relieve(thread: State, run: &Run, no_memory: bool) {
    if compat::STARVES && (no_memory || at_brim(run)) {
        protect_collect(thread);
    }
}

/// Sends the error object on top of the stack, with which a call has failed.
pub(super) fn failed(thread: State, level: Level, run: &Run) -> Reply {
    super::autopsy::keep_message(thread, level);
    // handler, the error object
    thread.registry_get(&SEND_ERROR);
    thread.insert(-2);
    if thread.pcall(1, 0, 0) {
        Reply::Error
    } else {
        failure(thread, level, run)
    }
}

/// Makes one more thread for calls; false where there is no memory for it.
fn add_thread(main: State, number: usize) -> bool {
    // No collection here: a finalizer would run on the main thread, which must not be left.
    main.stop_collector();
    main.registry_get(&MAKE_THREAD);
    main.push_number(number as f64);
    let made = main.pcall(1, 0, 0);
    main.set_top(0);
    main.restart_collector();
    made
}

/// Whether this is an autopsy that may as well be left undone: finalizers of Lua 5.1 and 5.2 run without hooks, so a soft stop always
/// leaves a whole heap there.
fn unseen(run: &Run) -> bool {
    compat::STARVES && !compat::JIT && run.entry == Entry::Autopsy
}

/// Ends an autopsy of which that holds.
fn left_unseen(main: State) -> Reply {
    main.restart_collector();
    Reply::Values
}

/// Whether hardly any memory is left to begin another call with.
fn at_brim(run: &Run) -> bool {
    run.core.budget.headroom() < run.core.budget.used() / 32
}

/// A full collection; what finalizers raise is forgotten.
fn protect_collect(s: State) {
    s.registry_get(&COLLECT);
    if !s.pcall(0, 0, 0) {
        s.pop(1);
    }
}

/// Makes the thread of the number given.
fn make_thread(s: State) -> c_int {
    s.registry_get(&THREADS);
    s.new_thread();
    s.raw_seti(-2, s.number(1) as i64);
    0
}

/// Sends the error string on top of the stack; gives `NoMemory` where there is none.
pub(super) fn failure(s: State, level: Level, run: &Run) -> Reply {
    let text = s.bytes(-1).unwrap_or(b"error in error handling");
    let reply = level.tell(run.exchange.get(), text);
    s.pop(1);
    reply
}

fn collect(s: State) -> c_int {
    s.collect();
    0
}
