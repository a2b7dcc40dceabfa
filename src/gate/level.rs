//! Which side of which wall a Lua state is on: the host's, or inside a box. Code that Lua calls asks here how to get across.
//!
//! # Safety
//! A [`Level`] is found from the running state and used by the same call only. The host's realm lives as long as its state; a
//! box's run lives as long as its stack is used. Exchanges belong to the level's desk and are used in stack order.
#![allow(unsafe_code)]

use std::os::raw::c_int;
use std::ptr;

use super::core::Core;
use super::encode::Side;
use super::exchange::Exchange;
use super::parcel::{Reader, Writer};
use super::pen::Pen;
use super::realm::{self, Realm};
use super::request::{Reply, Request};
use super::run::Run;
use super::serve::{self, direct};
use super::trace;
use crate::engine::seat::{seat_of, Seat};
use crate::engine::switch::{ask, leave, ours, run_on};
use crate::engine::{luajit, Event, Message};
use crate::lua::State;

/// Where a Lua state is.
#[derive(Clone, Copy)]
pub enum Level {
    /// In the process' own Lua.
    Host(*mut Realm),
    /// In a box that runs on this seat.
    Box(&'static Seat),
}

impl Level {
    /// Bare: the level of the running state.
    pub fn of(s: State) -> Level {
        // SAFETY: `s` is the state that calls; if it is a box's, this is its stack.
        match unsafe { seat_of(s.as_ptr()) } {
            Some(seat) => Level::Box(seat),
            None => Level::Host(realm::of(s)),
        }
    }

    /// Bare: the same, where the running state is a box's.
    #[inline(always)]
    pub fn in_box(s: State) -> Option<Level> {
        // SAFETY: as in `of`.
        unsafe { seat_of(s.as_ptr()) }.map(Level::Box)
    }

    /// The run that a box's code belongs to.
    pub fn run(self) -> Option<&'static Run> {
        match self {
            Level::Host(_) => None,
            // SAFETY: the driver set the run before it went to this stack, and drops it after.
            Level::Box(seat) => unsafe { (seat.run.get() as *const Run).as_ref() },
        }
    }

    /// What is known of the box that this level is; `None` for the host.
    pub fn core(self) -> Option<&'static Core> {
        self.run().map(|run| {
            let core: *const Core = &*run.core;
            // SAFETY: the run holds a reference to the core for as long as code runs in the box.
            unsafe { &*core }
        })
    }

    /// Runs code of ours that must not be stopped in the middle; `f` must be short and must not touch Lua.
    #[inline(always)]
    pub fn guarded<R: Copy>(self, f: impl FnOnce() -> R) -> R {
        match self {
            Level::Host(_) => f(),
            // SAFETY: the code of a level runs on the level's own stack.
            Level::Box(seat) => unsafe { ours(seat, f) },
        }
    }

    /// An empty exchange; raises where there is no memory for one.
    // Not inlined, so that the address of its frame tells how deep its caller is.
    #[inline(never)]
    pub fn take(self, s: State) -> *mut Exchange {
        let frame = 0_u8;
        let here = &frame as *const u8 as usize;
        let taken = self.guarded(|| match self {
            // SAFETY: the realm lives as long as its state.
            Level::Host(realm) => unsafe { (*realm).desk.borrow_mut().take(here).ok() },
            Level::Box(_) => self.run().and_then(|run| run.desk.borrow_mut().take(here).ok()),
        });
        match taken {
            Some(exchange) => exchange,
            None => s.no_memory(),
        }
    }

    /// How many exchanges are lent now: what to hand to [`Level::lower`].
    #[inline(always)]
    pub fn height(self) -> usize {
        match self {
            // SAFETY: as in `take`.
            Level::Host(realm) => unsafe { (*realm).desk.borrow().height() },
            Level::Box(_) => self.run().map_or(0, |run| run.desk.borrow().height()),
        }
    }

    /// Gives back what was taken since [`Level::height`] gave `height`.
    pub fn lower(self, height: usize) {
        self.guarded(|| match self {
            // SAFETY: as in `take`.
            Level::Host(realm) => unsafe { (*realm).desk.borrow_mut().lower(height) },
            Level::Box(_) => {
                if let Some(run) = self.run() {
                    run.desk.borrow_mut().lower(height);
                }
            }
        });
    }

    /// Answers with an error string; gives `NoMemory` where there is none to write it to.
    pub fn tell(self, exchange: *mut Exchange, text: &[u8]) -> Reply {
        let write = |e: &mut Exchange| Writer::new(&mut e.back).and_then(|mut w| w.string(text)).is_ok();
        if self.with_exchange(exchange, write) {
            Reply::Error
        } else {
            Reply::NoMemory
        }
    }

    /// Gives `f` the exchange, guarded against a stop.
    pub fn with_exchange<R: Copy>(self, exchange: *mut Exchange, f: impl FnOnce(&mut Exchange) -> R) -> R {
        // SAFETY: the exchange is lent to this call; nothing else refers to it meanwhile.
        self.guarded(|| f(unsafe { &mut *exchange }))
    }

    /// Gives `f` the exchange unguarded: a stop may come anywhere in it. So it moves no memory and takes nothing out of its place.
    #[inline]
    pub fn at_hand<R: Copy>(self, exchange: *mut Exchange, f: impl FnOnce(&mut Exchange) -> R) -> R {
        // SAFETY: as in `with_exchange`; what a stop leaves behind is an exchange that can be used, or dropped.
        f(unsafe { &mut *exchange })
    }

    /// What the writer keeps of the tables around a value; good until the exchange is written to.
    pub fn frames(self, exchange: *mut Exchange) -> &'static [u8] {
        // SAFETY: as above; no code that writes to the exchange runs while a path is put together.
        unsafe { (*exchange).frames.as_slice_static() }
    }

    /// A pen at the end of one side of an exchange, to which nothing else writes until it is laid down or forgotten.
    pub fn pen(self, exchange: *mut Exchange, side: Side) -> Pen {
        // SAFETY: as above; who takes the pen keeps to that, and an exchange that is lent is not dropped.
        self.at_hand(exchange, |e| unsafe { e.buffer(side).pen() })
    }

    /// What the pen has written is in the exchange. It was taken from the same side.
    pub fn lay_down(self, exchange: *mut Exchange, side: Side, pen: Pen) {
        // SAFETY: as for `pen`.
        self.at_hand(exchange, |e| unsafe { e.buffer(side).lay_down(pen) });
    }

    /// Reads one side of an exchange. The exchange must not be written to while the reader is used.
    pub fn reader(self, exchange: *mut Exchange, side: Side) -> Reader<'static> {
        // SAFETY: as above; what the reader borrows stays where it is until the exchange is given back.
        Reader::new(unsafe { (*exchange).buffer(side).as_slice_static() })
    }

    /// Bare: asks the level above, and waits for the answer. Calls that come from above meanwhile are served.
    pub fn cross(self, s: State, request: Request, exchange: *mut Exchange) -> Reply {
        let reply = self.send(s, request, exchange);
        // Meanwhile other threads of this state may have run, and what called for this may be left by an error next.
        // SAFETY: bare code runs on the thread that it was called on.
        unsafe { luajit::set_running(s.as_ptr(), s.as_ptr()) };
        reply
    }

    fn send(self, s: State, request: Request, exchange: *mut Exchange) -> Reply {
        match self {
            Level::Host(realm) => {
                if matches!(request, Request::Run { .. }) {
                    s.check_stack(direct::ROOM, c"arguments");
                }
                realm::cross(realm, s, request, exchange)
            }
            Level::Box(seat) => match self.run() {
                Some(run) => Level::send_up(s, seat, run, request, exchange),
                None => Reply::NoMemory,
            },
        }
    }

    /// Bare: [`Level::cross`] in a box.
    #[inline(always)]
    pub fn cross_up(
        s: State,
        seat: &'static Seat,
        run: &Run,
        request: Request,
        exchange: *mut Exchange,
    ) -> Reply {
        let reply = Level::send_up(s, seat, run, request, exchange);
        // SAFETY: as in `cross`.
        unsafe { luajit::set_running(s.as_ptr(), s.as_ptr()) };
        reply
    }

    #[inline(always)]
    fn send_up(s: State, seat: &'static Seat, run: &Run, request: Request, exchange: *mut Exchange) -> Reply {
        run.request.set(request);
        run.asked.set(exchange);
        let mut event = Event::Ask;
        loop {
            // SAFETY: bare code, on the box's own stack, holds nothing that needs dropping.
            match unsafe { ask(seat, event) } {
                Message::Serve => {
                    run.served.set(serve::serve(s, Level::Box(seat), run.call.get()));
                    event = Event::Served;
                }
                _ => return run.reply.get(),
            }
        }
    }

    /// Bare: [`Level::cross`], with everything but values raised: a misuse is blamed on the argument it names.
    pub fn ask(self, s: State, request: Request, exchange: *mut Exchange) {
        let reply = self.cross(s, request, exchange);
        self.settle(s, request, reply, exchange);
    }

    /// Bare: raises any reply but values.
    pub fn settle(self, s: State, request: Request, reply: Reply, exchange: *mut Exchange) {
        match reply {
            Reply::Values => {}
            Reply::NoMemory => s.no_memory(),
            Reply::Error => {
                if super::decode::decode(s, self, exchange, Side::Back, self.link_for(request)) == 0 {
                    s.push_nil();
                }
                trace::arrived(s, self);
                s.error()
            }
            Reply::Misuse(arg) => {
                super::decode::decode(s, self, exchange, Side::Back, super::link::Link::Owner);
                if arg == 0 {
                    s.push_where(1);
                    s.insert(-2);
                    s.concat(2);
                    s.error()
                }
                s.arg_error_top(c_int::from(arg))
            }
        }
    }

    /// Notes which Lua thread of a box runs now; a soft stop that was asked for meanwhile goes to that one.
    pub fn note_thread(self, thread: State) {
        if let Level::Box(seat) = self {
            // SAFETY: on the box's own stack, between two of its instructions.
            unsafe { run_on(seat, thread.as_ptr()) };
        }
    }

    /// Bare: ends the box's running call.
    pub fn exit(self, code: i64) {
        if let (Level::Box(seat), Some(core)) = (self, self.core()) {
            core.exit.set(Some(code));
            // SAFETY: bare code, on the box's own stack.
            unsafe { leave(seat, Event::Exited) };
        }
    }

    /// Notes that what is asked from now on is asked for a box below, with no code of this level in between.
    pub fn set_passing(self, passing: bool) {
        if let Some(run) = self.run() {
            run.passing.set(passing);
        }
    }

    /// Whether a call from the level above runs on this very Lua thread.
    pub fn is_base(self, s: State) -> bool {
        matches!(self, Level::Box(seat) if std::ptr::eq(seat.base.get(), s.as_ptr()))
    }

    /// A number for the call under way, other than that of any call that was left.
    pub fn base_address(self) -> usize {
        match self {
            Level::Host(_) => 1,
            Level::Box(seat) => seat.base.get() as usize,
        }
    }

    /// The bytes of one side of an exchange: see [`Level::reader`].
    pub fn raw(self, exchange: *mut Exchange, side: Side) -> &'static [u8] {
        // SAFETY: as for `reader`.
        unsafe { (*exchange).buffer(side).as_slice_static() }
    }

    fn link_for(self, request: Request) -> super::link::Link {
        match request {
            Request::Run { id, .. } => super::link::Link::Below(id),
            _ => super::link::Link::Owner,
        }
    }

    /// A null exchange, for requests that send and get nothing.
    pub fn nothing() -> *mut Exchange {
        ptr::null_mut()
    }
}
