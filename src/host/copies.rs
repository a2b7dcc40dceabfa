//! `box:checkpoint`, `box:rollback` and `box:clone`: the owner's side of copies. What the owner has given to the box is kept with the copy.
//!
//! A mark is a userdata; it holds the numbers of its box and of the snapshot that the box keeps (`gate::copies`), and its user table what the
//! box had of the owner at the time.
//!
//! # Safety
//! Userdata with the metatable of marks, which no script can set, hold a [`Mark`].
#![allow(unsafe_code)]

use std::mem;
use std::os::raw::c_int;

use super::handle;
use super::images;
use super::options::flatten;
use crate::gate::encode::{Encoder, Side};
use crate::gate::exchange::Exchange;
use crate::gate::level::Level;
use crate::gate::link::{field, Link};
use crate::gate::parcel::Item;
use crate::gate::realm;
use crate::gate::request::{Id, Request};
use crate::lua::{function, Entry, Key, Kind, State};

static METATABLE: Key = Key::new();

/// What a mark's userdata holds.
#[derive(Clone, Copy)]
struct Mark {
    id: Id,
    /// 0 for none.
    number: u64,
}

/// What a box has of its owner: parts of the handle's table, and where a mark keeps a copy of each.
const GIVEN: [i64; 3] = [field::BY_NUMBER, field::BY_VALUE, field::SENT];

/// Bare: makes the metatable of marks.
pub fn open(s: State) {
    s.new_table();
    s.set_functions(METAMETHODS);
    s.push_cstr(c"mark");
    s.raw_set_field(-2, c"__name");
    s.push_cstr(c"mark");
    s.raw_set_field(-2, c"__metatable");
    s.registry_set(&METATABLE);
}

fn mark_at<'a>(s: State, index: c_int) -> Option<&'a mut Mark> {
    let place = s.userdata_of(index, &METATABLE) as *mut Mark;
    // SAFETY: only `push_mark` gives out this metatable, with memory of this size; the value stays on the stack.
    unsafe { place.as_mut() }
}

fn push_mark(s: State, id: Id) {
    let place = s.new_userdata(mem::size_of::<Mark>()) as *mut Mark;
    // SAFETY: fresh memory of that size.
    unsafe { place.write(Mark { id, number: 0 }) };
    s.registry_get(&METATABLE);
    s.set_metatable(-2);
}

/// How many pairs there are in a part of the table at `table`.
fn count(s: State, table: c_int, part: i64) -> c_int {
    s.raw_geti(table, part);
    let mut n = 0;
    if s.kind(-1) == Kind::Table {
        s.push_nil();
        while s.next(-2) {
            s.pop(1);
            n += 1;
        }
    }
    s.pop(1);
    n
}

/// Pushes copies of what a box has been given, which the tables in the table at `from` say. Once it is done nothing has been allocated since
/// they were read: no finalizer has had a turn, and they are right until one has.
pub fn push_given(s: State, from: c_int) {
    let top = s.top();
    loop {
        let before = GIVEN.map(|part| count(s, from, part));
        for n in before {
            s.new_table_sized(0, n);
        }
        let after = GIVEN.map(|part| count(s, from, part));
        if after.iter().zip(before).all(|(&after, before)| after <= before) {
            break;
        }
        s.set_top(top);
    }
    for (part, to) in GIVEN.into_iter().zip(top + 1..) {
        s.raw_geti(from, part);
        if s.kind(-1) == Kind::Table {
            s.push_nil();
            while s.next(-2) {
                s.copy(-2);
                s.insert(-2);
                s.raw_set(to);
            }
        }
        s.pop(1);
    }
}

/// Pops what [`push_given`] has pushed into the table at `to`.
fn keep_given(s: State, to: c_int) {
    for part in GIVEN.into_iter().rev() {
        s.raw_seti(to, part);
    }
}

/// The number in the answer.
fn answered(s: State, level: Level, exchange: *mut Exchange) -> u64 {
    match level.reader(exchange, Side::Back).item() {
        Some(Item::Float(n)) => n as u64,
        _ => s.raise(c"broken parcel"),
    }
}

/// `box:checkpoint()`
fn checkpoint(s: State) -> c_int {
    let level = Level::of(s);
    let id = handle::check(s, level);
    s.set_top(1);
    realm::collect_marks(s, level);
    Link::Below(id).settle_releases(s, level);
    push_mark(s, id);
    handle::push_own_table(s, 1);
    s.new_table_sized(3, 0);
    let height = level.height();
    let exchange = level.take(s);
    // handle, mark, handle's table, mark's table
    push_given(s, 3);
    level.ask(s, Request::Checkpoint { id }, exchange);
    let number = answered(s, level, exchange);
    if let Some(mark) = mark_at(s, 2) {
        mark.number = number;
    }
    keep_given(s, 4);
    level.lower(height);
    s.copy(4);
    s.set_user_table(2);
    s.set_top(2);
    1
}

/// `box:rollback(mark)`
fn rollback(s: State) -> c_int {
    let level = Level::of(s);
    let id = handle::check(s, level);
    let number = match mark_at(s, 2) {
        Some(mark) if mark.id != id => s.arg_error(2, c"mark of another sandbox"),
        Some(mark) => mark.number,
        None => s.type_error(2, c"mark"),
    };
    s.set_top(2);
    handle::push_own_table(s, 1);
    handle::push_own_table(s, 2);
    let link = Link::Below(id);
    let height = level.height();
    let exchange = level.take(s);
    // handle, mark, handle's table, mark's table, copies of what that holds, what the owner has of the box
    push_given(s, 4);
    s.push_number(number as f64);
    let held = push_held(s, level, link, 3);
    Encoder::new(s, level, exchange, Side::Out, link).encode(8, held + 1, 1);
    s.set_top(7);
    level.ask(s, Request::Rollback { id }, exchange);
    keep_given(s, 3);
    let era = level.guarded(|| link.wall(level).map_or(0, |core| core.copies.era.get()));
    each_held(s, level, link, 3, |_, proxy| {
        proxy.era = era;
    });
    level.lower(height);
    0
}

/// Pushes number and count of all that this side has of the box, whose link's table is at `table`: how many values.
fn push_held(s: State, level: Level, link: Link, table: c_int) -> c_int {
    let mut n = 0;
    each_held(s, level, link, table, |s, proxy| {
        s.check_stack(12, c"functions");
        s.push_number(proxy.number as f64);
        s.push_number(proxy.count() as f64);
        // Below the part, the key and the value that are being looked at.
        s.insert(-5);
        s.insert(-5);
        n += 2;
    });
    n
}

/// Calls `f` with every proxy that this side has of the box's functions and streams: above what `f` leaves lie three values.
fn each_held(
    s: State,
    level: Level,
    link: Link,
    table: c_int,
    mut f: impl FnMut(State, &mut crate::gate::proxy::Proxy),
) {
    s.check_stack(16, c"functions");
    s.raw_geti(table, field::PROXIES);
    if s.kind(-1) == Kind::Table {
        s.push_nil();
        while s.next(-2) {
            if let Some(proxy) = link.proxy_of(s, level) {
                f(s, proxy);
            }
            s.pop(1);
        }
    }
    s.pop(1);
}

/// `box:clone([options])`
fn clone(s: State) -> c_int {
    let level = Level::of(s);
    let id = handle::check(s, level);
    s.set_top(2);
    if !s.is_none_or_nil(2) {
        s.check_table(2);
    }
    flatten(s, 2);
    realm::collect_forgotten(s, level);
    Link::Below(id).settle_releases(s, level);
    handle::push_closed(s);
    handle::push_own_table(s, 1);
    handle::push_own_table(s, 3);
    let height = level.height();
    let exchange = level.take(s);
    Encoder::new(s, level, exchange, Side::Out, Link::Owner).encode(2, 1, 2);
    // handle, options, clone, the tables of both
    for part in [
        field::STREAMS,
        field::STREAMS + 1,
        field::STREAMS + 2,
        field::ENVIRONMENT,
        field::MODULES,
        field::LAST,
    ] {
        s.raw_geti(4, part);
        s.raw_seti(5, part);
    }
    push_given(s, 4);
    level.ask(s, Request::Clone { id }, exchange);
    let clone = Id(answered(s, level, exchange));
    keep_given(s, 5);
    level.lower(height);
    handle::set_id(s, 3, clone);
    s.set_top(3);
    1
}

/// `__gc` of a mark, `__close`
fn release(s: State) -> c_int {
    let Some(mark) = mark_at(s, 1) else { return 0 };
    let Mark { id, number } = mem::replace(mark, Mark { id: mark.id, number: 0 });
    if number != 0 {
        let level = Level::of(s);
        level.guarded(|| {
            if let Some(core) = realm::known(level, id) {
                core.copies.drop_mark(number);
            }
        });
    }
    0
}

fn tostring(s: State) -> c_int {
    let Some(&mut Mark { id, number }) = mark_at(s, 1) else { s.type_error(1, c"mark") };
    let name = handle::name_of(id.0 ^ number.wrapping_mul(0x9e37_79b9));
    s.push_cstr(c"mark");
    s.push_bytes(name.get(7..).unwrap_or_default());
    s.concat(2);
    1
}

/// The methods of a box.
pub const METHODS: &[Entry] = &[
    (c"checkpoint", function(checkpoint)),
    (c"rollback", function(rollback)),
    (c"clone", function(clone)),
    (c"save", function(images::save)),
];

const METAMETHODS: &[Entry] =
    &[(c"__gc", function(release)), (c"__close", function(release)), (c"__tostring", function(tostring))];
