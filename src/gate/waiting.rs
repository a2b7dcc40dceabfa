//! Calls into a box by a coroutine of the host's: host functions that the box calls run on that coroutine with none of our frames
//! below them that could not be left, so they may yield it.
//!
//! The driver says which function it wants called ([`Progress::Host`]) and is put away ([`super::parked`]); a *token* on the
//! coroutine's stack stands for it. Then the function runs under a protected call that may yield: from Lua 5.2 on `lua_pcallk`; in
//! LuaJIT and Lua 5.1 the method is a small Lua function around ours ([`wrap`]), since only Lua frames can be left there. What comes of it
//! is sent to the box, and the driver goes on.
//!
//! A coroutine that is never resumed takes its token with it when it is collected (or closed, in Lua 5.4): the call is given up.
//!
//! # Safety
//! Userdata with the metatable of tokens, which no script can reach, hold a [`Ticket`].
#![allow(unsafe_code)]

use std::mem;
use std::os::raw::c_int;

use super::decode::decode;
use super::driver;
use super::encode::{Encoder, Side};
use super::level::Level;
use super::link::Link;
use super::parked::{Done, Progress, Ticket};
use super::proxy;
use super::realm::{self, Realm};
use super::request::{Entry, Id, Reply, Request};
use super::serve::{direct, Call, What};
use crate::engine::luajit;
use crate::lua::{function, Key, State};

#[cfg_attr(not(any(feature = "lua51", feature = "luajit")), path = "waiting/direct.rs")]
#[cfg_attr(feature = "lua51", path = "waiting/apart.rs")]
#[cfg_attr(feature = "luajit", path = "waiting/through_pcall.rs")]
mod host;
pub mod wrap;

/// How a call into a box is made.
#[derive(Clone, Copy)]
pub enum Road {
    /// Host functions are called from within the driver, and can't yield.
    Plain,
    /// They can, where the caller can. `close`: the box is closed when the call is over.
    Waiting { close: bool },
}

/// The road of a C function that Lua calls directly.
pub const DIRECT: Road = if wrap::NEEDED { Road::Plain } else { Road::Waiting { close: false } };

static METATABLE: Key = Key::new();
static HOLD: Key = Key::new();
static PREPARE: Key = Key::new();
static DELIVER: Key = Key::new();

/// Bare: prepares a host's state.
pub fn open(s: State) {
    s.new_table();
    for name in [c"__gc", c"__close"] {
        s.push_function(function(release));
        s.raw_set_field(-2, name);
    }
    s.push_bool(false);
    s.raw_set_field(-2, c"__metatable");
    s.registry_set(&METATABLE);
    for (key, f) in [(&HOLD, function(hold)), (&PREPARE, function(prepare)), (&DELIVER, function(deliver))] {
        s.push_function(f);
        s.registry_set(key);
    }
    wrap::open(s);
}

/// Bare: a call from this level into a box: see [`super::proxy::crossing`]; on the road given.
#[inline(always)]
pub fn enter(s: State, level: Level, id: Id, entry: Entry, first: c_int, road: Road) -> c_int {
    if let (Entry::Function(number), Level::Host(realm)) = (entry, level) {
        if let Some(n) = short(s, realm, (id, number), first, road) {
            return n;
        }
    }
    let request = Request::Run { id, entry };
    match (road, level) {
        (Road::Waiting { close }, Level::Host(realm)) if s.can_yield() => {
            crossing(s, realm, id, request, first, close)
        }
        (Road::Waiting { .. }, Level::Host(_)) => {
            let n = proxy::crossing(s, level, Link::Below(id), request, first);
            results(s, n)
        }
        _ => proxy::crossing(s, level, Link::Below(id), request, first),
    }
}

/// Bare: the call on the short road, if it can go there. Not inlined: the address of its frame tells how deep it is.
#[inline(never)]
fn short(s: State, realm: *mut Realm, to: (Id, u64), first: c_int, road: Road) -> Option<c_int> {
    let frame = 0_u8;
    let taker = &frame as *const u8 as usize;
    let waits = matches!(road, Road::Waiting { .. });
    match realm::call_short(realm, s, to, first, waits, taker) {
        driver::Short::No => return None,
        driver::Short::Taken => {
            let over = waits && wrap::NEEDED;
            if over {
                // No token: it is over.
                s.push_bool(false);
            }
            // SAFETY: a realm outlives every call of its state.
            return Some(c_int::from(over) + unsafe { (*realm).scalars.push(s) });
        }
        driver::Short::Long => {}
    }
    let progress = back(s, realm::go_on_long(realm, s));
    s.set_top(first - 1);
    match (waits, progress) {
        (false, Progress::Done(Done { reply, exchange, height })) => {
            let (level, link) = (Level::Host(realm), Link::Below(to.0));
            let request = Request::Run { id: to.0, entry: Entry::Function(to.1) };
            level.settle(s, request, reply, exchange);
            let n = decode(s, level, exchange, Side::Back, link);
            if let Some(height) = height {
                level.lower(height);
            }
            Some(n)
        }
        _ => Some(proceed(s, realm, Errand { id: to.0, close: false, at: first }, progress, taker)),
    }
}

/// Bare: as [`proxy::crossing`], from the host's coroutine `s`.
fn crossing(s: State, realm: *mut Realm, id: Id, request: Request, first: c_int, close: bool) -> c_int {
    let frame = 0_u8;
    let taker = &frame as *const u8 as usize;
    let level = Level::Host(realm);
    let height = level.height();
    let exchange = proxy::send(s, level, Link::Below(id), request, first);
    s.check_stack(direct::ROOM, c"arguments");
    let begun = realm::begin(realm, s, request, exchange);
    let progress = match back(s, begun) {
        Progress::Done(done) => Progress::Done(Done { height: Some(height), ..done }),
        progress => progress,
    };
    proceed(s, realm, Errand { id, close, at: first }, progress, taker)
}

/// What is the same all through a call.
#[derive(Clone, Copy)]
struct Errand {
    id: Id,
    close: bool,
    /// Where the token is, or will be; nothing lies above it between two steps.
    at: c_int,
}

/// Meanwhile other threads of the host may have run: see [`Level::cross`].
fn back(s: State, progress: Progress) -> Progress {
    // SAFETY: bare code runs on the thread that it was called on.
    unsafe { luajit::set_running(s.as_ptr(), s.as_ptr()) };
    progress
}

/// Calls the host's functions for as long as the driver wants any.
fn proceed(s: State, realm: *mut Realm, errand: Errand, progress: Progress, taker: usize) -> c_int {
    let mut progress = progress;
    loop {
        let ticket = match progress {
            Progress::Done(done) => return conclude(s, realm, errand, done),
            Progress::Strange => s.raise(c"the call does not wait for a host function"),
            Progress::Host(ticket) => ticket,
        };
        let reply = if s.top() < errand.at && !push_token(s, ticket, errand) {
            let reply = failure(s, realm, ticket);
            s.set_top(errand.at - 1);
            reply
        } else {
            let ready = moving(s, realm, ticket, |s| {
                s.registry_get(&PREPARE);
                s.copy(errand.at);
                s.pcall(1, State::ALL, 0)
            });
            if ready {
                match host::call(s, errand.at) {
                    host::Called::Over(ok) => send(s, realm, ticket, errand.at, ok),
                    host::Called::Return(n) => return n,
                }
            } else {
                let reply = failure(s, realm, ticket);
                s.set_top(errand.at);
                reply
            }
        };
        progress = back(s, realm::go_on(realm, s, ticket, reply, taker));
    }
}

/// The host function has come out, with what lies above the token at `at`: the driver goes on.
fn resumed(s: State, ok: bool, at: c_int) -> c_int {
    let frame = 0_u8;
    let taker = &frame as *const u8 as usize;
    let Level::Host(realm) = Level::of(s) else { return 0 };
    let Some((ticket, errand)) = token(s, at) else { s.raise(c"the call does not wait for a host function") };
    let reply = send(s, realm, ticket, at, ok);
    let progress = back(s, realm::go_on(realm, s, ticket, reply, taker));
    proceed(s, realm, Errand { at, ..errand }, progress, taker)
}

/// The call is over: pushes its results, or raises.
fn conclude(s: State, realm: *mut Realm, errand: Errand, done: Done) -> c_int {
    let level = Level::Host(realm);
    if errand.close {
        level.cross(s, Request::Close { id: errand.id }, Level::nothing());
    }
    let request = Request::Run { id: errand.id, entry: Entry::Code };
    level.settle(s, request, done.reply, done.exchange);
    let n = decode(s, level, done.exchange, Side::Back, Link::Below(errand.id));
    if let Some(height) = done.height {
        level.lower(height);
    }
    results(s, n)
}

/// Bare: what a function of ours gives back when a call into a box has given the `n` values on top.
pub fn results(s: State, n: c_int) -> c_int {
    if !wrap::NEEDED {
        return n;
    }
    // No token: it is over.
    s.push_bool(false);
    s.insert(s.top() - n);
    n + 1
}

/// What a token holds.
#[derive(Clone, Copy)]
struct Token {
    ticket: u64,
    id: u64,
    close: bool,
}

/// The token at `index`.
fn token(s: State, index: c_int) -> Option<(Ticket, Errand)> {
    let place = s.userdata_of(index, &METATABLE) as *const Token;
    // SAFETY: only `hold` gives out this metatable, with memory of this size; the value stays on the stack.
    let &Token { ticket, id, close } = unsafe { place.as_ref()? };
    Some((Ticket(ticket), Errand { id: Id(id), close, at: index }))
}

/// Pushes a new token; false, and an error object, where there is no memory.
fn push_token(s: State, ticket: Ticket, errand: Errand) -> bool {
    s.registry_get(&HOLD);
    s.push_number(ticket.0 as f64);
    s.push_number(errand.id.0 as f64);
    s.push_bool(errand.close);
    if !s.pcall(3, 1, 0) {
        return false;
    }
    s.close_on_return();
    true
}

/// Makes the token for a ticket, a box and whether that is to be closed. It keeps the handle and the coroutine alive.
fn hold(s: State) -> c_int {
    let token = Token { ticket: s.number(1) as u64, id: s.number(2) as u64, close: s.truth(3) };
    let place = s.new_userdata(mem::size_of::<Token>()) as *mut Token;
    // SAFETY: fresh memory of that size, aligned as Lua aligns userdata.
    unsafe { place.write(token) };
    s.new_table_sized(3, 0);
    Link::Below(Id(token.id)).push_handle(s);
    s.raw_seti(-2, 1);
    s.push_thread();
    s.raw_seti(-2, 2);
    s.set_user_table(-2);
    s.registry_get(&METATABLE);
    s.set_metatable(-2);
    1
}

/// `__gc` and `__close` of a token.
fn release(s: State) -> c_int {
    // A host's `debug` library reaches this function, too.
    if let (Level::Host(realm), Some((ticket, _))) = (Level::of(s), token(s, 1)) {
        realm::abandon(realm, s, ticket);
    }
    0
}

/// Runs `f`, which moves values of the call: the box can't be closed under its hands.
fn moving<R: Copy>(s: State, realm: *mut Realm, ticket: Ticket, f: impl FnOnce(State) -> R) -> R {
    let set = |moving| realm::with(Level::Host(realm), |realm| realm.parking.set_moving(ticket, moving));
    set(true);
    let result = f(s);
    set(false);
    result
}

/// What the driver wants called.
fn wanted(realm: *mut Realm, ticket: Ticket) -> Option<Call> {
    realm::with(Level::Host(realm), |realm| realm.parking.call(ticket)).flatten()
}

/// Sends what lies above the token at `at`.
fn send(s: State, realm: *mut Realm, ticket: Ticket, at: c_int, ok: bool) -> Reply {
    if !s.has_room(8) {
        s.set_top(at);
        return Reply::NoMemory;
    }
    s.registry_get(&DELIVER);
    s.insert(at + 1);
    s.copy(at);
    s.insert(at + 2);
    s.push_bool(ok);
    s.insert(at + 3);
    let args = s.top() - at - 1;
    let sent = moving(s, realm, ticket, |s| s.pcall(args, 0, 0));
    let reply = match sent {
        false => failure(s, realm, ticket),
        true if ok => Reply::Values,
        true => Reply::Error,
    };
    s.set_top(at);
    reply
}

/// Sends the error string on top of the stack.
fn failure(s: State, realm: *mut Realm, ticket: Ticket) -> Reply {
    let text = s.bytes(-1).unwrap_or(b"error in error handling");
    let Some(call) = wanted(realm, ticket) else { return Reply::Error };
    Level::Host(realm).tell(call.exchange, text)
}

/// Called with a token: gives the host function and its arguments.
fn prepare(s: State) -> c_int {
    let level = Level::of(s);
    let (Level::Host(realm), Some((ticket, _))) = (level, token(s, 1)) else { return 0 };
    let Some(Call { id, what: What::Function(number), exchange }) = wanted(realm, ticket) else {
        s.raise(c"sandbox is closed");
    };
    let link = Link::Below(id);
    link.settle_releases(s, level);
    if !link.push_export(s, number) {
        s.raise(c"the function is gone");
    }
    let n = decode(s, level, exchange, Side::Out, link);
    host::place(s, n)
}

/// Called with a token, whether the host function went well, and its results or its error object: sends these.
fn deliver(s: State) -> c_int {
    let level = Level::of(s);
    let (Level::Host(realm), Some((ticket, _))) = (level, token(s, 1)) else { return 0 };
    if s.top() < 3 && !s.truth(2) {
        s.push_nil();
    }
    // Where the box has been closed nobody wants them.
    if let Some(call) = wanted(realm, ticket) {
        let encoder = Encoder::new(s, level, call.exchange, Side::Back, Link::Below(call.id));
        if s.truth(2) {
            encoder.named(c"result").encode(3, s.top() - 2, 1);
        } else {
            encoder.named(c"error value").encode(3, 1, 1);
        }
    }
    0
}
