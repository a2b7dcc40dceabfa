//! Functions that cross: what one side has exported to the other, the proxies of what it has been given, and who lets go.
//!
//! Each side of a wall keeps a table for the other: a box for its owner in its registry, an owner for each box as the user value
//! of the box's handle (so that cycles through both sides are collected). A proxy is a C closure over a small userdata and, in an
//! owner, the handle; a weak table finds it again, so a function that is sent twice arrives as the same one, and one that is sent home becomes the
//! original. Exports are counted, since one may be sent again while the other side is already letting go of it.
//!
//! # Safety
//! Userdata with the proxy metatable, which no script can reach, hold a [`Proxy`].
#![allow(unsafe_code)]

use std::mem;
use std::os::raw::{c_int, c_void};

use super::encode::{Encoder, Side};
use super::exchange::Exchange;
use super::level::Level;
use super::parcel::tag;
use super::request::{Entry, Id, Request};
use super::waiting::{self, wrap, Road};
use crate::lua::{function, Kind, State};

/// Fields of a link's table.
pub mod field {
    /// number -> function, what this side has exported.
    pub const BY_NUMBER: i64 = 1;
    /// function -> number.
    pub const BY_FUNCTION: i64 = 2;
    /// number -> how often it was sent.
    pub const SENT: i64 = 3;
    /// number -> proxy (weak), what this side has been given.
    pub const PROXIES: i64 = 4;
    /// The number given last.
    pub const LAST: i64 = 5;
    /// The handles bound to the three streams.
    pub const STREAMS: i64 = 6;
    /// The environment: a table or a function.
    pub const ENVIRONMENT: i64 = 9;
}

/// Keys of the registry: addresses of things that are told apart.
static KEYS: [u8; 3] = [1, 2, 3];

fn owner_key() -> *const c_void {
    &KEYS[0] as *const u8 as *const c_void
}

fn boxes_key() -> *const c_void {
    &KEYS[1] as *const u8 as *const c_void
}

fn proxy_key() -> *const c_void {
    &KEYS[2] as *const u8 as *const c_void
}

/// The other side of a wall.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// The level above this box.
    Owner,
    /// A box of this level.
    Below(Id),
}

/// What a proxy's userdata holds.
struct Proxy {
    link: u64,
    number: u64,
    /// How many sendings it stands for.
    count: u64,
}

/// Pushes an empty link table.
pub fn push_new_table(s: State) {
    s.new_table_sized(9, 0);
    for index in [field::BY_NUMBER, field::BY_FUNCTION, field::SENT, field::PROXIES] {
        s.new_table();
        if index == field::PROXIES {
            s.new_table();
            s.push_cstr(c"v");
            s.raw_set_field(-2, c"__mode");
            s.set_metatable(-2);
        }
        s.raw_seti(-2, index);
    }
}

/// Prepares a state for links: the table of boxes below, the metatable of proxies, and in a box the owner's link.
pub fn open(s: State, in_box: bool) {
    s.new_table();
    s.new_table();
    s.push_cstr(c"v");
    s.raw_set_field(-2, c"__mode");
    s.set_metatable(-2);
    s.registry_set(boxes_key());
    s.new_table();
    s.push_function(function(collect));
    s.raw_set_field(-2, c"__gc");
    s.push_bool(false);
    s.raw_set_field(-2, c"__metatable");
    s.registry_set(proxy_key());
    if in_box {
        push_new_table(s);
        s.registry_set(owner_key());
    }
}

/// Notes the handle at `index` as that of the box `id`.
pub fn remember_box(s: State, id: Id, index: c_int) {
    let index = s.absolute(index);
    s.registry_get(boxes_key());
    s.push_number(id.0 as f64);
    s.copy(index);
    s.raw_set(-3);
    s.pop(1);
}

impl Link {
    fn number(self) -> u64 {
        match self {
            Link::Owner => 0,
            Link::Below(id) => id.0,
        }
    }

    /// Pushes this side's table for the other; false (and nothing pushed) where the handle is gone.
    pub fn push_table(self, s: State) -> bool {
        match self {
            Link::Owner => s.registry_get(owner_key()),
            Link::Below(_) => {
                self.push_handle(s);
                if s.userdata(-1).is_null() {
                    s.pop(1);
                    return false;
                }
                s.push_user_table(-1);
                s.remove(-2);
            }
        }
        if s.kind(-1) != Kind::Table {
            s.pop(1);
            return false;
        }
        true
    }

    /// Pushes the handle of the box, or nil for the owner: what a proxy keeps alive.
    pub fn push_handle(self, s: State) {
        match self {
            Link::Owner => s.push_nil(),
            Link::Below(id) => {
                s.registry_get(boxes_key());
                s.push_number(id.0 as f64);
                s.raw_get(-2);
                s.remove(-2);
            }
        }
    }

    fn push_part(self, s: State, part: i64) {
        if !self.push_table(s) {
            s.raise(c"sandbox is closed");
        }
        s.raw_geti(-1, part);
        s.remove(-2);
        // A host's `debug` library reaches the table that holds it.
        if s.kind(-1) != Kind::Table {
            s.raise(c"sandbox is closed");
        }
    }

    /// How the function at `index` is sent: exported, or home.
    pub fn send_function(self, s: State, index: c_int) -> (u8, u64) {
        let index = s.absolute(index);
        s.check_stack(8, c"functions");
        if let Some(proxy) = proxy_at(s, index) {
            if proxy.link == self.number() {
                return (tag::HOME, proxy.number);
            }
        }
        self.push_part(s, field::BY_FUNCTION);
        s.copy(index);
        s.raw_get(-2);
        let known = s.number(-1) as u64;
        s.pop(1);
        let number = if known != 0 { known } else { self.export(s, index) };
        s.pop(1);
        self.push_part(s, field::SENT);
        s.raw_geti(-1, number as i64);
        let sent = s.number(-1) + 1.0;
        s.pop(1);
        s.push_number(sent);
        s.raw_seti(-2, number as i64);
        s.pop(1);
        (tag::EXPORT, number)
    }

    /// Gives the function at `index` a number. The table of functions is on top of the stack.
    fn export(self, s: State, index: c_int) -> u64 {
        if !self.push_table(s) {
            s.raise(c"sandbox is closed");
        }
        s.raw_geti(-1, field::LAST);
        let number = s.number(-1) as u64 + 1;
        s.pop(1);
        s.push_number(number as f64);
        s.raw_seti(-2, field::LAST);
        s.pop(1);
        self.push_part(s, field::BY_NUMBER);
        s.copy(index);
        s.raw_seti(-2, number as i64);
        s.pop(1);
        s.copy(index);
        s.push_number(number as f64);
        s.raw_set(-3);
        number
    }

    /// Pushes the function that this side has exported under `number`.
    pub fn push_export(self, s: State, number: u64) -> bool {
        self.push_part(s, field::BY_NUMBER);
        s.raw_geti(-1, number as i64);
        s.remove(-2);
        if s.is_nil(-1) {
            s.pop(1);
            return false;
        }
        true
    }

    /// Pushes an own function that has come home.
    pub fn receive_home(self, s: State, number: u64) {
        if !self.push_export(s, number) {
            s.raise(c"the function is gone");
        }
    }

    /// Pushes the proxy of a function that the other side has exported.
    pub fn receive_export(self, s: State, number: u64) {
        s.check_stack(8, c"functions");
        self.push_part(s, field::PROXIES);
        s.raw_geti(-1, number as i64);
        if let Some(proxy) = proxy_at(s, -1) {
            proxy.count += 1;
            s.remove(-2);
            return;
        }
        s.pop(1);
        let place = s.new_userdata(mem::size_of::<Proxy>()) as *mut Proxy;
        // SAFETY: fresh memory of that size, aligned as Lua aligns userdata; no metatable looks at it before.
        unsafe { place.write(Proxy { link: self.number(), number, count: 1 }) };
        s.registry_get(proxy_key());
        s.set_metatable(-2);
        // The handle goes with it: a box lives as long as one of its functions is in use.
        self.push_handle(s);
        s.push_closure(
            if wrap::NEEDED && self != Link::Owner { function(call_waiting) } else { function(call) },
            2,
        );
        wrap::push_wrapped(s);
        s.copy(-1);
        s.raw_seti(-3, number as i64);
        s.remove(-2);
    }

    /// Forgets `count` sendings of an own function that the other side no longer has.
    pub fn release(self, s: State, number: u64, count: u64) {
        if !self.push_table(s) {
            return;
        }
        s.pop(1);
        self.push_part(s, field::SENT);
        s.raw_geti(-1, number as i64);
        let left = s.number(-1) - count as f64;
        s.pop(1);
        if left > 0.0 {
            s.push_number(left);
            s.raw_seti(-2, number as i64);
            s.pop(1);
            return;
        }
        s.push_nil();
        s.raw_seti(-2, number as i64);
        s.pop(1);
        self.push_part(s, field::BY_FUNCTION);
        self.push_part(s, field::BY_NUMBER);
        s.raw_geti(-1, number as i64);
        if !s.is_nil(-1) {
            s.push_nil();
            s.raw_set(-4);
            s.push_nil();
            s.raw_seti(-2, number as i64);
        } else {
            s.pop(1);
        }
        s.pop(2);
    }
}

/// The proxy behind the function at `index`, if it is one.
fn proxy_at(s: State, index: c_int) -> Option<&'static mut Proxy> {
    let wrapped = wrap::unwrap(s, index);
    let at = if wrapped { -1 } else { index };
    let ours = [function(call), function(call_waiting)];
    let made = s.c_function(at).is_some_and(|f| ours.iter().any(|&ours| std::ptr::fn_addr_eq(f, ours)));
    let mut place = std::ptr::null_mut();
    if made && s.push_upvalue_of(at, 1) {
        place = s.userdata(-1) as *mut Proxy;
        s.pop(1);
    }
    if wrapped {
        s.pop(1);
    }
    // SAFETY: closures of these are made by `receive_export` alone; the closure on the stack keeps the userdata alive.
    unsafe { place.as_mut() }
}

/// A proxy is called: the arguments go over, the results come back.
fn call(s: State) -> c_int {
    call_by(s, waiting::DIRECT)
}

/// The same, called by Lua code of ours.
fn call_waiting(s: State) -> c_int {
    call_by(s, Road::Waiting { close: false })
}

fn call_by(s: State, road: Road) -> c_int {
    let place = s.userdata(State::upvalue(1)) as *const Proxy;
    // SAFETY: as in `proxy_at`.
    let Some((link, number)) = (unsafe { place.as_ref() }).map(|p| (p.link, p.number)) else { return 0 };
    let level = Level::of(s);
    match link {
        0 => crossing(s, level, Link::Owner, Request::Call { function: number }, 1),
        id => super::realm::crossing(s, level, Id(id), Entry::Function(number), 1, road),
    }
}

/// Sends all arguments from `first` on with `request`, and pushes what comes back: how many values.
pub fn crossing(s: State, level: Level, link: Link, request: Request, first: c_int) -> c_int {
    let height = level.height();
    let exchange = send(s, level, link, request, first);
    level.ask(s, request, exchange);
    let results = super::decode::decode(s, level, exchange, Side::Back, link);
    level.lower(height);
    results
}

/// Sends all arguments from `first` on, in a new exchange.
pub fn send(s: State, level: Level, link: Link, request: Request, first: c_int) -> *mut Exchange {
    let exchange = level.take(s);
    let n = (s.top() - first + 1).max(0);
    // Code goes over as the code and its name, then the arguments: the first of these is argument 1 of the chunk.
    let number = if matches!(request, Request::Run { entry: Entry::Code, .. }) { -1 } else { 1 };
    Encoder::new(s, level, exchange, Side::Out, link).encode(first, n, number);
    // What stands before the arguments stays: the handle of the box, which may have no other reference.
    s.set_top(first - 1);
    exchange
}

/// `__gc` of a proxy's userdata: the other side is told at the next opportunity.
fn collect(s: State) -> c_int {
    let place = s.userdata(1) as *const Proxy;
    // SAFETY: the metatable is reachable by our code alone.
    let Some(proxy) = (unsafe { place.as_ref() }) else { return 0 };
    let (link, number, count) = (proxy.link, proxy.number, proxy.count);
    match Level::of(s) {
        level @ Level::Box(_) if link == 0 => level.guarded(|| {
            if let Some(core) = level.core() {
                core.release_to_owner(number, count);
            }
        }),
        level => level.guarded(|| super::realm::release_to_box(level, Id(link), number, count)),
    }
    0
}
