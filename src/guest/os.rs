//! The os library of a box: clocks, dates in UTC, the environment that the host gives, and an `exit` that ends the call.

use std::os::raw::c_int;

use super::date;
use crate::gate::decode::decode;
use crate::gate::encode::{Encoder, Side};
use crate::gate::level::Level;
use crate::gate::link::Link;
use crate::gate::request::Request;
use crate::lua::{compat, function, Entry, Kind, State};

pub fn open(s: State) {
    s.new_table();
    s.set_functions(FUNCTIONS);
    super::publish(s, c"os");
    // `io.getenv` is the old name of `os.getenv` in this library.
    s.push_globals();
    s.raw_field(-1, c"io");
    s.push_function(function(getenv));
    s.raw_set_field(-2, c"getenv");
    s.pop(2);
}

/// Asks with the `n` values on top; pushes one value.
fn ask(s: State, request: Request, n: c_int) {
    let level = Level::of(s);
    let height = level.height();
    let exchange = level.take(s);
    Encoder::new(s, level, exchange, Side::Out, Link::Owner).encode(-n, n, 1);
    level.ask(s, request, exchange);
    let top = s.top();
    decode(s, level, exchange, Side::Back, Link::Owner);
    s.set_top(top + 1);
    level.lower(height);
}

/// Seconds since the epoch.
pub fn now(s: State) -> i64 {
    ask(s, Request::Time, 0);
    let now = s.number(-1) as i64;
    s.pop(1);
    now
}

/// `os.clock()`: the box's own CPU time
fn clock(s: State) -> c_int {
    ask(s, Request::Clock, 0);
    1
}

/// `os.difftime(t2, t1)`: times are whole seconds; Lua 5.1 and 5.2 cut off fractions and do without `t1`.
fn difftime(s: State) -> c_int {
    let time = |arg| if compat::INTEGERS { s.check_integer(arg) } else { s.check_number(arg) as i64 };
    let later = time(1);
    let earlier = if !compat::INTEGERS && s.is_none_or_nil(2) { 0 } else { time(2) };
    s.push_number(later as f64 - earlier as f64);
    1
}

/// `os.getenv(name)`
fn getenv(s: State) -> c_int {
    s.check_bytes(1);
    s.set_top(1);
    s.to_text(1);
    ask(s, Request::Getenv, 1);
    match s.kind(-1) {
        Kind::Nil | Kind::String => {}
        Kind::Number => s.to_text(-1),
        _ => s.raise(c"the environment's value is not a string"),
    }
    1
}

/// `os.exit([code])`: ends the running call, not the process. Nothing of the box's code runs after it.
fn exit(s: State) -> c_int {
    let code = match s.kind(1) {
        Kind::None | Kind::Nil => 0,
        Kind::Boolean => i64::from(!s.truth(1)),
        _ => s.check_integer(1),
    };
    Level::of(s).exit(code);
    0
}

const FUNCTIONS: &[Entry] = &[
    (c"clock", function(clock)),
    (c"date", function(date::date)),
    (c"difftime", function(difftime)),
    (c"exit", function(exit)),
    (c"getenv", function(getenv)),
    (c"time", function(date::time)),
];
