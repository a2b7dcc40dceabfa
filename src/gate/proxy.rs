//! Proxies: what stands for the other side's function or stream.
//!
//! The proxy of a function is a C closure over a small userdata and, in an owner, the box's handle and what [`direct`] needs. A weak table finds it again, so a
//! function that is sent twice arrives as the same one, and one that is sent home becomes the original.
//!
//! # Safety
//! Userdata with the proxy metatable, which no script can reach, hold a [`Proxy`].
#![allow(unsafe_code)]

use std::mem;
use std::os::raw::c_int;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::core::Core;
use super::encode::{Encoder, Side};
use super::exchange::Exchange;
use super::journal::event::Event;
use super::ledger::Way;
use super::level::Level;
use super::link::{field, Link};
use super::parcel::tag;
use super::random;
use super::realm::{self, Realm};
use super::request::{Entry, Request};
use super::serve::direct;
use super::short;
use super::trace;
use super::waiting::{self, wrap, Road};
use crate::lua::{function, Key, State};

/// What a proxy's userdata holds.
#[derive(Clone, Copy)]
pub struct Proxy {
    link: u64,
    pub number: u64,
    /// How many sendings it stands for.
    count: u64,
    /// What the box that has the original pays for it, bytes.
    weight: usize,
    /// In an owner: how the box stood to its marks when it was told of this last.
    pub era: u64,
    /// In the host's state its realm, and what tells that this is a proxy: a number that nobody knows. In a box both are 0.
    realm: *mut Realm,
    seal: u64,
}

/// The seal of this process.
static SEAL: AtomicU64 = AtomicU64::new(0);

/// The proxy behind the upvalue of the running function, and whose code has called it. A host with `debug` can put any userdata there;
/// code in a box can't change upvalues.
fn own_proxy(s: State) -> Option<(Level, Link, u64)> {
    let index = State::upvalue(1);
    let place = s.userdata(index) as *const Proxy;
    if s.raw_len(index) != mem::size_of::<Proxy>() {
        return None;
    }
    // SAFETY: a userdata of that length (a light one has none), aligned as Lua aligns them; all its bytes are initialised numbers, or it
    // has no seal.
    let proxy = unsafe { place.as_ref()? };
    let level = if proxy.seal == SEAL.load(Relaxed) && proxy.seal != 0 {
        Level::Host(proxy.realm)
    } else {
        Level::in_box(s)?
    };
    Some((level, proxy.link(), proxy.number))
}

/// Bytes of heap that may be looked through for each proxy where a side collects for the sake of the other.
const HEAP_OF_ONE: usize = 8192;

/// What a function of a box costs the host that keeps its proxy, bytes: closure, userdata and places in tables.
pub const FUNCTION: usize = 256;

static METATABLE: Key = Key::new();

impl Proxy {
    pub fn link(&self) -> Link {
        Link::numbered(self.link)
    }
}

/// The proxy in the userdata at `index`, if it is one.
pub fn proxy_in<'a>(s: State, index: c_int) -> Option<&'a mut Proxy> {
    let place = s.userdata_of(index, &METATABLE) as *mut Proxy;
    // SAFETY: only `push_proxy` gives out this metatable, with memory of this size; the value on the stack keeps it alive.
    unsafe { place.as_mut() }
}

/// The proxy behind the function at `index`, if it is one.
pub fn proxy_at<'a>(s: State, index: c_int) -> Option<&'a mut Proxy> {
    let wrapped = wrap::unwrap(s, index);
    let at = if wrapped { -1 } else { index };
    let ours = [function(call), function(call_waiting)];
    let made = s.c_function(at).is_some_and(|f| ours.iter().any(|&ours| std::ptr::fn_addr_eq(f, ours)));
    let mut proxy = None;
    if made && s.push_upvalue_of(at, 1) {
        proxy = proxy_in(s, -1);
        s.pop(1);
    }
    if wrapped {
        s.pop(1);
    }
    proxy
}

impl Proxy {
    /// How many sendings it stands for.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// It has been sent once more.
    pub fn again(&mut self) {
        self.count += 1;
    }
}

/// Makes the metatable of proxies.
pub fn open(s: State) {
    if SEAL.load(Relaxed) == 0 {
        let [word, ..] = random::seed();
        let _ = SEAL.compare_exchange(0, word | 1, Relaxed, Relaxed);
    }
    s.new_table();
    s.push_function(function(collect));
    s.raw_set_field(-2, c"__gc");
    s.push_bool(false);
    s.raw_set_field(-2, c"__metatable");
    s.registry_set(&METATABLE);
}

impl Link {
    /// How the function at `index` is sent: exported, or home.
    pub fn send_function(self, s: State, index: c_int) -> (u8, u64) {
        let index = s.absolute(index);
        s.check_stack(8, c"functions");
        match proxy_at(s, index) {
            Some(proxy) if proxy.link() == self => (tag::HOME, proxy.number),
            _ => (tag::EXPORT, self.export(s, index)),
        }
    }

    /// Pushes a new proxy's userdata for what the other side has exported under `number`.
    /// Where the host receives it, the box has paid `weight` for it.
    pub fn push_proxy(self, s: State, level: Level, number: u64, weight: usize) {
        let place = s.new_userdata(mem::size_of::<Proxy>()) as *mut Proxy;
        // Of nothing, until it can be collected.
        self.relieve(s, level);
        let era = match self {
            Link::Owner => 0,
            Link::Below(_) => level.guarded(|| self.wall(level).map_or(0, |core| core.copies.era.get())),
        };
        let (weight, realm, seal) = match level {
            Level::Host(realm) => (weight, realm, SEAL.load(Relaxed)),
            Level::Box(_) => (0, std::ptr::null_mut(), 0),
        };
        let proxy = Proxy { link: self.number(), number, count: 0, weight, era, realm, seal };
        // SAFETY: fresh memory of that size, aligned as Lua aligns userdata; no metatable looks at it before.
        unsafe { place.write(proxy) };
        s.registry_get(&METATABLE);
        s.set_metatable(-2);
        // SAFETY: as above; it is on the stack.
        unsafe { (*place).count = 1 };
    }

    /// Pushes the proxy of a function that the other side has exported. Whether it was there before.
    pub fn receive_export(self, s: State, level: Level, number: u64) -> bool {
        s.check_stack(8, c"functions");
        self.push_part(s, field::PROXIES);
        s.raw_geti(-1, number as i64);
        if let Some(proxy) = proxy_at(s, -1) {
            proxy.again();
            s.remove(-2);
            return true;
        }
        s.pop(1);
        self.push_proxy(s, level, number, FUNCTION);
        // The handle goes with it: a box lives as long as one of its functions is in use.
        self.push_handle(s);
        let from_lua = wrap::NEEDED && self != Link::Owner;
        let upvalues = 2 + if self == Link::Owner { 0 } else { direct::push_tools(s) };
        s.push_closure(if from_lua { function(call_waiting) } else { function(call) }, upvalues);
        wrap::push_wrapped(s);
        s.copy(-1);
        s.raw_seti(-3, number as i64);
        s.remove(-2);
        false
    }

    /// Pushes an own function or stream that has come home.
    pub fn receive_home(self, s: State, number: u64) {
        if !self.push_export(s, number) {
            s.raise(c"what was sent home is gone");
        }
    }

    /// What was received before may be garbage here that keeps its originals on the other side, and its own place in the box: if that
    /// is filling the box, and there is so much of it that a collection costs little beside the sending, collects.
    fn relieve(self, s: State, level: Level) {
        let way = if self == Link::Owner { Way::Up } else { Way::Down };
        let crowd = level.guarded(|| {
            let core = self.wall(level)?;
            if core.budget.headroom() >= core.budget.used() / 2 {
                return None;
            }
            let proxies = core.ledger.proxies(way);
            (proxies > core.ledger.crowd(way).get()).then_some(proxies)
        });
        if crowd.is_none_or(|n| n < s.heap_size() / HEAP_OF_ONE) || !s.collector_runs() {
            return;
        }
        s.collect();
        level.guarded(|| {
            if let Some(core) = self.wall(level) {
                core.ledger.crowd(way).set(core.ledger.proxies(way).saturating_mul(2));
            }
        });
    }

    /// The box of the wall that this is a side of.
    pub fn wall(self, level: Level) -> Option<Rc<Core>> {
        match self {
            Link::Owner => level.run().map(|run| Rc::clone(&run.core)),
            Link::Below(id) => realm::known(level, id),
        }
    }

    /// Lets go of what the other side no longer has.
    pub fn settle_releases(self, s: State, level: Level) {
        loop {
            let way = if self == Link::Owner { Way::Down } else { Way::Up };
            let next = level.guarded(|| self.wall(level).and_then(|core| core.ledger.next_release(way)));
            let Some((number, count)) = next else { return };
            if way == Way::Up {
                level.guarded(|| self.wall(level).map_or((), |core| core.tape.note(&Event::Told)));
            }
            self.release(s, level, number, count);
        }
    }
}

/// A proxy is called: the arguments go over, the results come back.
pub fn call(s: State) -> c_int {
    call_by(s, waiting::DIRECT)
}

/// The same, called by Lua code of ours.
fn call_waiting(s: State) -> c_int {
    call_by(s, Road::Waiting { close: false })
}

fn call_by(s: State, road: Road) -> c_int {
    let Some((level, link, number)) = own_proxy(s) else { return 0 };
    match link {
        Link::Owner => short::ask(s, level, number)
            .unwrap_or_else(|| crossing(s, level, link, Request::Call { function: number }, 1)),
        Link::Below(id) => waiting::enter(s, level, id, Entry::Function(number), 1, road),
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
    if let Link::Below(id) = link {
        let known = level.guarded(|| realm::known(level, id).is_some());
        if !known {
            s.raise(c"sandbox is closed");
        }
    }
    link.settle_releases(s, level);
    trace::forget(level);
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
    let Some(Proxy { link, number, count, weight, era, .. }) = proxy_in(s, 1).map(|p| *p) else { return 0 };
    let level = Level::of(s);
    if count == 0 {
        return 0;
    }
    level.guarded(|| match Link::numbered(link) {
        Link::Owner => {
            if let Some(core) = level.core() {
                core.ledger.release(Way::Up, number, count);
            }
        }
        Link::Below(id) => {
            if let Some(core) = realm::known(level, id) {
                if core.copies.era.get() == era {
                    core.ledger.release(Way::Down, number, count);
                    core.tape.note(&Event::Gone { number, count, weight: weight as u64 });
                } else {
                    // The box has gone back, and was told what was left: this was not.
                    core.ledger.unexpect(Way::Down);
                }
                core.budget.release_outside(weight);
            }
        }
    });
    0
}
