//! `box:save` and `sandbox.restore`: which values of the host's an image may refer to.

use std::os::raw::c_int;

use super::options::flatten;
use super::{copies, driver_io, grants, handle};
use crate::gate::decode::decode;
use crate::gate::encode::{Encoder, Side};
use crate::gate::level::Level;
use crate::gate::link::{field, Link};
use crate::gate::realm;
use crate::gate::request::{Entry as Into, Id, Reply, Request};
use crate::lua::{function, Kind, State};

/// The host's values in a box that is saved: the three streams, the environment; then number, count and name of each that the box was given.
const SETTINGS: [i64; 4] = [field::STREAMS, field::STREAMS + 1, field::STREAMS + 2, field::ENVIRONMENT];

/// An image is as powerful as machine code, and shows addresses: nothing for code in a box.
fn host_only(s: State) -> Level {
    match Level::of(s) {
        Level::Box(_) => s.raise(c"images are not for code in a sandbox"),
        level => level,
    }
}

/// Pushes the options `key`, a string or false, and `names`, a table or nil, of the options at `arg`.
fn push_key_and_names(s: State, arg: c_int) {
    if s.is_none_or_nil(arg) {
        s.push_bool(false);
        s.push_nil();
        return;
    }
    s.check_table(arg);
    s.raw_field(arg, c"key");
    match s.kind(-1) {
        Kind::String => {}
        Kind::Nil => {
            s.pop(1);
            s.push_bool(false);
        }
        _ => wrong(s, arg, c"option 'key': string expected, got "),
    }
    s.raw_field(arg, c"names");
    if !matches!(s.kind(-1), Kind::Nil | Kind::Table) {
        wrong(s, arg, c"option 'names': table expected, got ");
    }
}

fn wrong(s: State, arg: c_int, what: &std::ffi::CStr) -> ! {
    s.push_cstr(what);
    s.push_type_name(-2);
    s.concat(2);
    s.arg_error_top(arg)
}

/// Pushes in place of the value on top its name in the table of names by value at `names`, or false.
fn name(s: State, names: c_int) {
    if s.is_nil(-1) {
        s.pop(1);
        s.push_bool(false);
        return;
    }
    s.raw_get(names);
    if s.is_nil(-1) {
        s.pop(1);
        s.push_bool(false);
    }
}

/// `box:save([options])`
pub fn save(s: State) -> c_int {
    let level = host_only(s);
    let id = handle::check(s, level);
    s.set_top(2);
    push_key_and_names(s, 2);
    if !s.is_nil(2) {
        s.push_nil();
        while s.next(2) {
            s.pop(1);
            if !matches!(s.bytes(-1), Some(b"key" | b"names")) {
                unknown(s);
            }
        }
    }
    // handle, options, key, names
    s.new_table();
    if s.kind(4) == Kind::Table {
        s.push_nil();
        while s.next(4) {
            if s.kind(-2) != Kind::String {
                s.arg_error(2, c"option 'names': names are strings");
            }
            s.copy(-2);
            s.raw_set(5);
        }
    }
    s.replace(4);
    Link::Below(id).settle_releases(s, level);
    handle::push_own_table(s, 1);
    let height = level.height();
    let exchange = level.take(s);
    copies::push_given(s, 5);
    // handle, options, key, names by value, handle's table, by number, by value, sent
    let first = s.top() + 1;
    s.copy(3);
    for part in SETTINGS {
        s.raw_geti(5, part);
        name(s, 4);
    }
    s.push_nil();
    while s.next(6) {
        // number, value
        s.check_stack(12, c"functions");
        s.copy(-2);
        s.raw_get(8);
        if s.is_nil(-1) {
            s.pop(1);
            s.push_number(1.0);
        }
        s.copy(-2);
        name(s, 4);
        // number, value, count, name
        s.remove(-3);
        s.copy(-3);
        // The key for the next is on top; below it number, count, name.
    }
    let n = s.top() - first + 1;
    Encoder::new(s, level, exchange, Side::Out, Link::Owner).encode(first, n, 1);
    level.ask(s, Request::Save { id }, exchange);
    s.set_top(first - 1);
    let n = decode(s, level, exchange, Side::Back, Link::Owner);
    level.lower(height);
    n
}

fn unknown(s: State) -> ! {
    s.push_cstr(c"unknown option '");
    s.copy(-2);
    s.to_text(-1);
    s.push_cstr(c"'");
    s.concat(3);
    s.arg_error_top(2)
}

/// What stands for a function of the host's that no name was given for.
fn nameless(s: State) -> c_int {
    s.raise(c"the image refers to a function of the host that has no name")
}

/// `sandbox.restore(image [, options])`
pub fn restore(s: State) -> c_int {
    let level = host_only(s);
    s.check_bytes(1);
    s.set_top(2);
    push_key_and_names(s, 2);
    grants::push(s, 2);
    flatten(s, 2);
    grants::put(s, 2);
    if !s.is_nil(2) {
        for name in [c"key", c"names"] {
            s.push_nil();
            s.raw_set_field(2, name);
        }
    }
    s.set_top(4);
    realm::collect_forgotten(s, level);
    handle::push_closed(s);
    handle::push_own_table(s, 5);
    // image, options, key, names, handle, its table
    let height = level.height();
    let exchange = level.take(s);
    s.copy(1);
    s.copy(3);
    s.copy(2);
    Encoder::new(s, level, exchange, Side::Out, Link::Owner).encode(7, 3, 1);
    s.set_top(6);
    level.ask(s, Request::Restore, exchange);
    let n = decode(s, level, exchange, Side::Back, Link::Owner);
    let id = Id(s.number(7) as u64);
    handle::set_id(s, 5, id);
    if s.truth(8) {
        let request = Request::Run { id, entry: Into::Rehash };
        let reply = level.cross(s, request, exchange);
        if reply != Reply::Values {
            handle::close_at(s, 5);
            level.settle(s, request, reply, exchange);
        }
    }
    level.lower(height);
    for (index, part) in SETTINGS.into_iter().enumerate() {
        push_named(s, 9 + index as c_int);
        assign(s, part);
    }
    // number, count, name, number ...
    for at in (13..7 + n).step_by(3) {
        give(s, level, id, at);
    }
    s.set_top(5);
    1
}

/// Pushes what the name at `index` stands for, or nil.
fn push_named(s: State, index: c_int) {
    if s.kind(index) == Kind::String && s.kind(4) == Kind::Table {
        s.copy(index);
        s.raw_get(4);
    } else {
        s.push_nil();
    }
}

/// Pops a stream or an environment and assigns it, unless it is nil.
fn assign(s: State, part: i64) {
    if s.is_nil(-1) {
        s.pop(1);
        return;
    }
    let method = match part {
        field::ENVIRONMENT => c"env",
        _ if part == field::STREAMS => c"stdin",
        _ if part == field::STREAMS + 1 => c"stdout",
        _ => c"stderr",
    };
    s.get_field(5, method);
    s.copy(5);
    s.copy(-3);
    s.call(2, 0);
    s.pop(1);
}

/// Gives the box again what it had under the number at `at`, with count and name behind it.
fn give(s: State, level: Level, id: Id, at: c_int) {
    let (number, count) = (s.number(at) as i64, s.number(at + 1));
    push_named(s, at + 2);
    if s.is_nil(-1) {
        s.pop(1);
        // A function of its own for each, since functions are known by themselves.
        s.push_number(number as f64);
        s.push_closure(function(nameless), 1);
    }
    match driver_io::host_file(s, -1) {
        Some(Ok(address)) => {
            level.guarded(|| {
                realm::known(level, id)
                    .is_some_and(|core| core.ledger.note_file(number as u64, address).is_ok())
            });
        }
        Some(Err(_)) => s.raise(c"attempt to use a closed file"),
        None if s.kind(-1) != Kind::Function => s.raise(c"option 'names': functions and streams expected"),
        None => {}
    }
    s.raw_geti(6, field::BY_NUMBER);
    s.copy(-2);
    s.raw_seti(-2, number);
    s.raw_geti(6, field::BY_VALUE);
    s.copy(-3);
    s.push_number(number as f64);
    s.raw_set(-3);
    if count > 1.0 {
        s.raw_geti(6, field::SENT);
        s.push_number(count);
        s.raw_seti(-2, number);
        s.pop(1);
    }
    s.raw_geti(6, field::LAST);
    if s.number(-1) < number as f64 {
        s.push_number(number as f64);
        s.raw_seti(6, field::LAST);
    }
    s.pop(4);
}
