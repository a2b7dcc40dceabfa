//! The handle of a box, and its methods. The same code serves the host and a box that has boxes below it.
//!
//! # Safety
//! A handle's userdata holds the box's number; it is recognised by its metatable, which no script can set.
#![allow(unsafe_code)]

mod streams;

use std::mem;
use std::os::raw::c_int;

use super::copies;
use super::journal;
use super::options::flatten;
use crate::gate::decode::decode;
use crate::gate::encode::{Encoder, Side};
use crate::gate::level::Level;
use crate::gate::link::{self, Link};
use crate::gate::realm;
use crate::gate::request::{Entry as Into, Id, Request};
use crate::gate::waiting::{self, wrap, Road, DIRECT};
use crate::lua::{compat, function, Entry, Key, Kind, State};

static METATABLE: Key = Key::new();

/// Bare: makes the metatable of handles, if the state has none.
pub fn open(s: State) {
    s.registry_get(&METATABLE);
    let there = !s.is_nil(-1);
    s.pop(1);
    if there {
        return;
    }
    s.new_table();
    s.new_table();
    s.set_functions(METHODS);
    s.set_functions(copies::METHODS);
    wrap::methods(s, &[c"dofile", c"dostring"]);
    s.raw_set_field(-2, c"__index");
    s.set_functions(METAMETHODS);
    s.push_cstr(c"sandbox");
    s.raw_set_field(-2, c"__name");
    s.push_cstr(c"sandbox");
    s.raw_set_field(-2, c"__metatable");
    s.registry_set(&METATABLE);
    copies::open(s);
}

/// What a handle's userdata holds.
#[repr(C)]
pub struct Place {
    /// The number of its box; 0 once that is closed.
    id: u64,
    /// The same, and it stays: [`link::NAME`].
    name: u64,
}

const _: () = assert!(mem::offset_of!(Place, name) == link::NAME * size_of::<u64>());

/// Bare: pushes a handle of no box.
pub fn push_closed(s: State) {
    let place = s.new_userdata(size_of::<Place>()) as *mut Place;
    // SAFETY: fresh memory of that size.
    unsafe { place.write(Place { id: 0, name: 0 }) };
    link::leave_unlinked(s, -1);
    s.registry_get(&METATABLE);
    s.set_metatable(-2);
}

/// Bare: makes the handle at `index` that of the box `id`.
pub fn set_id(s: State, index: c_int, id: Id) {
    if let Some(place) = place_at(s, index) {
        *place = Place { id: id.0, name: id.0 };
    }
    link::remember_box(s, id, index);
}

/// The number in the handle at `index`, if it is one.
fn place_at<'a>(s: State, index: c_int) -> Option<&'a mut Place> {
    let place = s.userdata_of(index, &METATABLE) as *mut Place;
    // SAFETY: only `push_closed` gives out this metatable, with memory of this size; the value stays on the stack.
    unsafe { place.as_mut() }
}

/// Bare: the box of the handle at `index`.
#[cfg(any(test, fuzzing))]
pub fn id_at(s: State, index: c_int) -> Id {
    place_at(s, index).map_or(Id(0), |place| Id(place.id))
}

/// Bare: what the handle holds that a method was called on, of a box that is open or not.
fn own_place<'a>(s: State) -> &'a mut Place {
    match place_at(s, 1) {
        Some(place) => place,
        None => s.type_error(1, c"sandbox"),
    }
}

/// Bare: the box of the handle that a method was called on, open or not.
fn any(s: State) -> Id {
    Id(own_place(s).id)
}

/// Bare: the same, if it is open.
pub fn check(s: State, level: Level) -> Id {
    let id = any(s);
    let open = level.guarded(|| realm::known(level, id).is_some());
    if !open {
        s.raise(c"sandbox is closed");
    }
    id
}

/// Bare: closes the box of the handle at `index`.
pub fn close_at(s: State, index: c_int) {
    let index = s.absolute(index);
    let Some(place) = place_at(s, index) else { return };
    let id = Id(mem::take(&mut place.id));
    if id == Id::NONE {
        return;
    }
    let level = Level::of(s);
    let running = level.guarded(|| realm::known(level, id).is_some_and(|core| core.running.get() > 0));
    level.cross(s, Request::Close { id }, Level::nothing());
    if !running {
        // A handle that is kept need not keep what the box was given.
        link::forget(s, index);
    }
}

/// Sends the values from index 2 on, asks, and pushes the answer.
fn exchange(s: State, level: Level, request: Request) -> c_int {
    let height = level.height();
    let exchange = level.take(s);
    let n = (s.top() - 1).max(0);
    Encoder::new(s, level, exchange, Side::Out, Link::Owner).encode(2, n, 1);
    level.ask(s, request, exchange);
    let n = decode(s, level, exchange, Side::Back, Link::Owner);
    level.lower(height);
    n
}

/// Calls into the box with the values from index 2 on.
fn enter(s: State, level: Level, id: Id, entry: Into, road: Road) -> c_int {
    waiting::enter(s, level, id, entry, 2, road)
}

/// `box:dostring(code, ...)`
pub fn dostring(s: State) -> c_int {
    dostring_by(s, DIRECT)
}

/// Bare: the same, on the road given.
pub fn dostring_by(s: State, road: Road) -> c_int {
    let level = Level::of(s);
    let id = check(s, level);
    s.check_bytes(2);
    s.copy(2);
    s.insert(3);
    enter(s, level, id, Into::Code, road)
}

/// `box:dofile(path, ...)`
pub fn dofile(s: State) -> c_int {
    dofile_by(s, DIRECT)
}

/// Bare: the same, on the road given.
pub fn dofile_by(s: State, road: Road) -> c_int {
    let level = Level::of(s);
    let id = check(s, level);
    s.check_bytes(2);
    let height = level.height();
    let exchange = level.take(s);
    Encoder::new(s, level, exchange, Side::Out, Link::Owner).encode(2, 1, 1);
    level.ask(s, Request::ReadFile { id }, exchange);
    decode(s, level, exchange, Side::Back, Link::Owner);
    level.lower(height);
    s.insert(2);
    s.push_cstr(c"@");
    s.copy(3);
    s.concat(2);
    s.replace(3);
    enter(s, level, id, Into::Code, road)
}

/// `box:load(code [, chunkname])`
fn load(s: State) -> c_int {
    check(s, Level::of(s));
    s.check_bytes(2);
    if s.is_none_or_nil(3) {
        s.set_top(2);
        s.copy(2);
    } else {
        s.check_bytes(3);
        s.set_top(3);
    }
    s.push_function(function(load_in));
    s.insert(1);
    if s.pcall(3, State::ALL, 0) {
        return s.top();
    }
    // As with any compiler: code that is too large is a message, too. A stop is raised.
    if s.bytes(-1) != Some(compat::NO_MEMORY.as_bytes()) {
        s.error();
    }
    s.push_nil();
    s.insert(-2);
    2
}

fn load_in(s: State) -> c_int {
    let level = Level::of(s);
    let id = check(s, level);
    enter(s, level, id, Into::Load, Road::Plain)
}

/// `box:get(name)`
fn get(s: State) -> c_int {
    let level = Level::of(s);
    let id = check(s, level);
    s.check_bytes(2);
    s.set_top(2);
    enter(s, level, id, Into::Get, Road::Plain)
}

/// `box:set(name, value)`
fn set(s: State) -> c_int {
    let level = Level::of(s);
    let id = check(s, level);
    s.check_bytes(2);
    s.check_any(3);
    s.set_top(3);
    enter(s, level, id, Into::Set, Road::Plain)
}

/// `box:opensandbox()`
fn opensandbox(s: State) -> c_int {
    let level = Level::of(s);
    let id = check(s, level);
    s.set_top(1);
    let taped =
        level.guarded(|| realm::with(level, |realm| realm.find(id).is_some_and(|core| !core.tape.is_off())));
    if taped == Some(true) {
        s.raise(c"a box that is recorded can have no boxes below it");
    }
    enter(s, level, id, Into::OpenLibrary, Road::Plain)
}

/// `box:limits([t])`
fn limits(s: State) -> c_int {
    let level = Level::of(s);
    let id = check(s, level);
    s.set_top(2);
    flatten(s, 2);
    exchange(s, level, Request::Limits { id })
}

/// `box:usage()`
fn usage(s: State) -> c_int {
    let level = Level::of(s);
    let id = check(s, level);
    s.set_top(1);
    exchange(s, level, Request::Usage { id })
}

/// `box:traceback()`
fn traceback(s: State) -> c_int {
    let level = Level::of(s);
    let id = check(s, level);
    s.set_top(1);
    exchange(s, level, Request::Traceback { id })
}

/// `box:status()`; also of a closed box
fn status(s: State) -> c_int {
    let id = any(s);
    s.set_top(1);
    exchange(s, Level::of(s), Request::Status { id })
}

/// `box:close()`
fn close(s: State) -> c_int {
    let place = own_place(s);
    if close_or_fail(s, place) {
        s.error();
    }
    0
}

/// `__gc`, `__close`
fn collect(s: State) -> c_int {
    // Most have been closed before; nor is there anything to do for what is no handle.
    if s.userdata_word(1, 0) == Some(0) {
        return 0;
    }
    if let Some(place) = place_at(s, 1) {
        // What its writer says now nobody is left to hear.
        close_or_fail(s, place);
    }
    0
}

/// Closes the box of the handle at 1. Where the writer of its journal has failed, pushes what is to be said of
/// it, and gives true.
fn close_or_fail(s: State, place: &mut Place) -> bool {
    let id = Id(place.id);
    if id == Id::NONE {
        return false;
    }
    if let Level::Host(realm) = Level::of(s) {
        if realm::close_at_once(realm, id) {
            place.id = 0;
            link::forget(s, 1);
            return false;
        }
    }
    let failed = journal::close(s, id);
    close_at(s, 1);
    failed
}

fn tostring(s: State) -> c_int {
    let id = any(s);
    s.push_bytes(&name_of(id.0));
    1
}

/// What `tostring` makes of the handle of the box of that number.
pub fn name_of(id: u64) -> [u8; 19] {
    let mut text = *b"sandbox: 0x00000000";
    let mut n = id.wrapping_mul(0x9e37_79b9) & 0xffff_ffff;
    for place in text.iter_mut().rev().take(8) {
        let digit = (n & 15) as u8;
        *place = if digit < 10 { b'0' + digit } else { b'a' + digit - 10 };
        n >>= 4;
    }
    text
}

/// Pushes the table of the handle at `index`, which a host's `debug` library reaches.
pub fn push_own_table(s: State, index: c_int) {
    link::push_table_of(s, index);
    if s.kind(-1) != Kind::Table {
        s.raise(c"sandbox is closed");
    }
}

/// Keeps the value at 2 in the handle's table under `index`, or forgets what is there.
fn keep(s: State, index: i64) {
    push_own_table(s, 1);
    s.copy(2);
    s.raw_seti(-2, index);
    s.pop(1);
}

fn push_kept(s: State, index: i64) {
    push_own_table(s, 1);
    s.raw_geti(-1, index);
    s.remove(-2);
}

const METHODS: &[Entry] = &[
    (c"stdin", function(streams::stdin)),
    (c"stdout", function(streams::stdout)),
    (c"stderr", function(streams::stderr)),
    (c"env", function(streams::env)),
    (c"opensandbox", function(opensandbox)),
    (c"dofile", function(dofile)),
    (c"dostring", function(dostring)),
    (c"load", function(load)),
    (c"get", function(get)),
    (c"set", function(set)),
    (c"limits", function(limits)),
    (c"usage", function(usage)),
    (c"status", function(status)),
    (c"traceback", function(traceback)),
    (c"record", function(journal::record)),
    (c"close", function(close)),
];

const METAMETHODS: &[Entry] =
    &[(c"__gc", function(collect)), (c"__close", function(collect)), (c"__tostring", function(tostring))];
