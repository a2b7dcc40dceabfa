//! Lua values to a parcel: bare code that walks tables with Lua's stack, so that no depth of nesting hurts C's.

use std::ffi::CStr;
use std::os::raw::c_int;

mod foreign;
mod names;
mod open;
mod put;
mod walk;

use names::Names;
use open::Open;

use super::exchange::{Buffer, Exchange};
use super::level::Level;
use super::link::Link;
use super::parcel::{head, HEADER};
use super::path::AS_VALUE;
use super::pen::Pen;
use crate::lua::State;

/// Slots of Lua's stack that one walk may take, two for each table around: Lua 5.1 and LuaJIT give a C function 8,000 in all. A fuzzer
/// wants to get there with few bytes.
const REACH: c_int = if cfg!(any(test, fuzzing)) { 40 } else { 2000 };

/// Added to the number of a value among those sent, for a table within it that was out of the walk's reach.
const PUT_OFF: c_int = 1 << 24;

/// Which buffer of an exchange.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Out,
    Back,
}

/// Bare code that writes the values of a Lua stack to a parcel.
#[derive(Clone, Copy)]
pub struct Encoder {
    state: State,
    level: Level,
    exchange: *mut Exchange,
    side: Side,
    link: Link,
    /// What the path of a value that can't cross begins with, and the number of the value.
    what: &'static CStr,
}

/// A parcel that is being written. Bare code, so `Copy`.
#[derive(Clone, Copy)]
struct Walk {
    state: State,
    level: Level,
    exchange: *mut Exchange,
    side: Side,
    link: Link,
    what: &'static CStr,
    pen: Pen,
    names: Names,
    /// Where on the stack the list lies of tables that are out of the walk's reach, each with the number of its value; nil while
    /// there are none.
    later: c_int,
    /// Lua's stack has room up to here.
    room: c_int,
    /// Whether a table has been met more than once.
    shared: bool,
    /// Whether the sender has collected to make room.
    relieved: bool,
}

impl Encoder {
    pub fn new(state: State, level: Level, exchange: *mut Exchange, side: Side, link: Link) -> Encoder {
        Encoder { state, level, exchange, side, link, what: c"argument" }
    }

    pub fn named(mut self, what: &'static CStr) -> Encoder {
        self.what = what;
        self
    }

    /// Encodes the values at `from` and after, `n` of them. Raises where one can't cross; `first` is the number that the path
    /// gives to the first.
    pub fn encode(self, from: c_int, n: c_int, first: c_int) {
        let Encoder { state: s, level, exchange, side, link, what } = self;
        let from = s.absolute(from);
        level.with_exchange(exchange, |e| {
            e.memo.clear();
            e.frames.clear();
            e.buffer(side).clear();
            // Of an attempt that failed.
            e.transit(side).end();
        });
        s.check_stack(9, c"too many values");
        s.push_nil();
        let mut walk = Walk {
            state: s,
            level,
            exchange,
            side,
            link,
            what,
            pen: level.pen(exchange, side),
            names: Names::new(),
            later: s.top(),
            room: 0,
            shared: false,
            relieved: false,
        };
        walk.put([0; HEADER], &[]);
        for i in 0..n {
            if !walk.plain(s.kind(from + i), from + i, 0) {
                s.copy(from + i);
                walk.value(first + i);
            }
        }
        walk.rest();
        s.pop(1);
        walk.finish(n);
    }
}

impl Walk {
    /// Writes the value on top of the stack, which is not plain, and pops it. `number` is the value's place among those that are sent.
    fn value(&mut self, number: c_int) {
        let base = self.state.top();
        if self.leaf(self.state.kind(-1), 0, base, base, number) {
            self.state.pop(1);
        } else {
            let table = self.begin(AS_VALUE, 0, base, base, number, Open::NONE);
            self.walk(table, base, number);
        }
    }

    /// Writes the tables that were put off, which may put off others.
    fn rest(&mut self) {
        let s = self.state;
        let mut n = 1;
        while !s.is_nil(self.later) {
            s.raw_geti(self.later, n);
            if s.is_nil(-1) {
                s.pop(1);
                return;
            }
            s.raw_geti(self.later, n + 1);
            let number = s.number(-1) as c_int;
            s.pop(1);
            let base = s.top();
            self.open(AS_VALUE, base, base, number, Open::NONE);
            self.walk(Open::NONE, base, number);
            n += 2;
        }
    }

    /// Writes the header of a parcel of `n` values.
    fn finish(&mut self, n: c_int) {
        let tables = match self.shared {
            true => self.level.at_hand(self.exchange, |e| e.memo.len()) as u32,
            false => 0,
        };
        self.pen.amend(0, u64::from(head(n as u32, self.names.count)) | u64::from(tables) << 32);
        self.level.lay_down(self.exchange, self.side, self.pen);
    }
}

impl Exchange {
    pub fn buffer(&mut self, side: Side) -> &mut Buffer {
        match side {
            Side::Out => &mut self.out,
            Side::Back => &mut self.back,
        }
    }
}
