//! The module that `require "sandbox"` gives.

use std::os::raw::c_int;

use super::options::{flatten, limits_alone};
use super::stream;
use super::{grants, handle, journal, modules};
use crate::engine::luajit;
use crate::gate;
use crate::gate::encode::{Encoder, Side};
use crate::gate::level::Level;
use crate::gate::limits::MAX_DEPTH;
use crate::gate::link::Link;
use crate::gate::realm;
use crate::gate::request::{Id, Reply, Request};
use crate::gate::waiting::{self, wrap, Road, DIRECT};
use crate::guest;
use crate::lua::{function, Entry, Key, State};

/// Shown as `sandbox._VERSION`.
const VERSION: &str = concat!("sandbox ", env!("CARGO_PKG_VERSION"));

/// Bare: opens the library in a host's state; leaves the module on the stack.
pub fn open_in_host(s: State) {
    gate::image::settle();
    // SAFETY: the C function that opens the library, on the thread that it was called on.
    #[allow(unsafe_code)]
    unsafe {
        luajit::learn(s.as_ptr());
    }
    realm::open(s);
    push_module(s);
    // SAFETY: a host's state; bare, as all of this.
    #[allow(unsafe_code)]
    unsafe {
        stream::push_newstream(s.as_ptr());
    }
    s.copy(-1);
    s.registry_set(&NEWSTREAM);
    s.raw_set_field(-2, c"newstream");
    s.set_functions(&[(c"replay", function(journal::replay))]);
}

/// Bare: makes the library available in a box: global `sandbox`, and what `require "sandbox"` gives.
pub fn open_in_box(s: State) {
    push_module(s);
    s.push_function(function(guest::io::newstream));
    s.raw_set_field(-2, c"newstream");
    guest::package::preset(s, c"sandbox");
    s.push_globals();
    s.insert(-2);
    s.raw_set_field(-2, c"sandbox");
    s.pop(1);
}

static NEWSTREAM: Key = Key::new();

/// Bare: pushes the host's own `newstream`, for streams of boxes that arrive there.
pub fn push_newstream(s: State) {
    s.registry_get(&NEWSTREAM);
}

fn push_module(s: State) {
    handle::open(s);
    s.new_table();
    s.set_functions(FUNCTIONS);
    wrap::methods(s, &[c"run"]);
    s.push_bytes(VERSION.as_bytes());
    s.raw_set_field(-2, c"_VERSION");
    s.push_integer(i64::from(MAX_DEPTH));
    s.raw_set_field(-2, c"MAX_DEPTH");
}

/// `sandbox.new([options])`
fn new(s: State) -> c_int {
    s.set_top(1);
    make(s, 1);
    1
}

/// Makes a box with the options at `arg` and pushes its handle. It is created closed, then opened.
fn make(s: State, arg: c_int) {
    if make_at_once(s, arg) {
        return;
    }
    let granted = s.top() + 1;
    modules::push(s, arg);
    grants::push(s, arg);
    flatten(s, arg);
    grants::put(s, arg);
    modules::take(s, arg);
    let level = Level::of(s);
    realm::collect_forgotten(s, level);
    handle::push_closed(s);
    let height = level.height();
    let exchange = level.take(s);
    Encoder::new(s, level, exchange, Side::Out, Link::Owner).encode(arg, 1, arg);
    let reply = match level.cross(s, Request::New, exchange) {
        Reply::Misuse(n) if n > 0 => Reply::Misuse(arg as u8),
        reply => reply,
    };
    level.settle(s, Request::New, reply, exchange);
    crate::gate::decode::decode(s, level, exchange, Side::Back, Link::Owner);
    let id = Id(s.number(-1) as u64);
    s.pop(1);
    level.lower(height);
    handle::set_id(s, -1, id);
    modules::grant(s, granted, id);
    s.replace(granted);
    s.set_top(granted);
}

/// The same for a box of the host's own that has nothing but limits, where an image is at hand; false, and nothing pushed, where it is
/// not, or where anything is wrong: then the long way is to be gone, which says what.
fn make_at_once(s: State, arg: c_int) -> bool {
    let level = Level::of(s);
    let Level::Host(realm) = level else { return false };
    let Some(asked) = limits_alone(s, arg) else { return false };
    realm::collect_forgotten(s, level);
    handle::push_closed(s);
    match realm::make_at_once(realm, &asked) {
        Some(id) => handle::set_id(s, -1, id),
        None => {
            s.pop(1);
            return false;
        }
    }
    true
}

/// `sandbox.run(code [, options [, ...]])`
pub fn run(s: State) -> c_int {
    run_by(s, DIRECT)
}

/// Bare: the same, on the road given.
pub fn run_by(s: State, road: Road) -> c_int {
    s.check_bytes(1);
    if s.top() < 2 {
        s.set_top(2);
    }
    make(s, 2);
    s.replace(2);
    // code, handle, arguments...
    s.copy(2);
    s.insert(1);
    s.copy(2);
    s.remove(2);
    s.insert(3);
    if let (Road::Waiting { .. }, Level::Host(_), true) = (road, Level::of(s), s.can_yield()) {
        s.remove(1);
        return handle::dostring_by(s, Road::Waiting { close: true });
    }
    s.push_function(function(handle::dostring));
    s.insert(2);
    // handle, dostring, handle, code, arguments...
    let ok = s.pcall(s.top() - 2, State::ALL, 0);
    handle::close_at(s, 1);
    if !ok {
        s.error();
    }
    let n = s.top() - 1;
    match (road, Level::of(s)) {
        (Road::Waiting { .. }, Level::Host(_)) => waiting::results(s, n),
        _ => n,
    }
}

const FUNCTIONS: &[Entry] =
    &[(c"new", function(new)), (c"run", function(run)), (c"restore", function(super::images::restore))];
