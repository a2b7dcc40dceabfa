//! Lua values to a parcel: bare code that walks tables with Lua's stack, so that no depth of nesting hurts C's.

use std::ffi::CStr;
use std::os::raw::c_int;

mod open;
mod put;

use open::Open;

use super::exchange::{Buffer, Exchange};
use super::ledger::Way;
use super::level::Level;
use super::link::Link;
use super::parcel::{tag, tagged, Sizes, HEADER};
use super::path::{self, AS_KEY, AS_VALUE};
use super::proxy;
use super::streams::{self, Refusal};
use crate::lua::{Kind, State};

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
    /// Where on the stack the list lies of tables that are out of the walk's reach, each with the number of its value; nil while
    /// there are none.
    later: c_int,
}

impl Encoder {
    pub fn new(state: State, level: Level, exchange: *mut Exchange, side: Side, link: Link) -> Encoder {
        Encoder { state, level, exchange, side, link, what: c"argument", later: 0 }
    }

    pub fn named(mut self, what: &'static CStr) -> Encoder {
        self.what = what;
        self
    }

    /// Encodes the values at `from` and after, `n` of them. Raises where one can't cross; `first` is the number that the path
    /// gives to the first.
    pub fn encode(mut self, from: c_int, n: c_int, first: c_int) {
        let s = self.state;
        let from = s.absolute(from);
        self.with(|e, side| {
            e.memo.clear();
            e.phases.clear();
            e.places.clear();
            e.shared = false;
            e.relieved = false;
            e.buffer(side).clear();
            // Of an attempt that failed.
            e.transit(side).end();
        });
        self.put(&[0; HEADER]);
        s.check_stack(9, c"too many values");
        s.push_nil();
        self.later = s.top();
        for i in 0..n {
            if !self.plain(s.kind(from + i), from + i) {
                s.copy(from + i);
                self.value(first + i);
            }
        }
        self.rest();
        s.pop(1);
        let tables = self.with(|e, _| if e.shared { e.memo.len() as u32 } else { 0 });
        self.with(|e, side| {
            if let Some(header) = e.buffer(side).vec().get_mut(..HEADER) {
                let (count, rest) = header.split_at_mut(4);
                count.copy_from_slice(&(n as u32).to_le_bytes());
                rest.copy_from_slice(&tables.to_le_bytes());
            }
        });
    }

    /// Writes the value at `index`, of this kind, if it is neither table nor function nor foreign.
    #[inline]
    fn plain(&self, kind: Kind, index: c_int) -> bool {
        let s = self.state;
        match kind {
            Kind::Nil | Kind::None => self.put(&[tag::NIL]),
            Kind::Boolean => self.put(&[if s.truth(index) { tag::TRUE } else { tag::FALSE }]),
            Kind::Number if s.is_integer(index) => self.put_word(tag::INTEGER, s.integer(index) as u64),
            Kind::Number => self.put_word(tag::FLOAT, s.number(index).to_bits()),
            Kind::String => {
                let bytes = s.string_bytes(index);
                self.put_both(tagged(tag::STRING, bytes.len() as u64), bytes);
            }
            _ => return false,
        }
        true
    }

    /// Writes the value on top of the stack and pops it. `number` is the value's place among those that are sent.
    fn value(&self, number: c_int) {
        let s = self.state;
        let base = s.top();
        if self.leaf_at(-1, base, number) {
            s.pop(1);
            return;
        }
        let table = self.begin(AS_VALUE, base, number, Open::NONE);
        self.walk(table, base, number);
    }

    /// Writes the tables that were put off, which may put off others.
    fn rest(&self) {
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
            self.open(AS_VALUE, base, number, Open::NONE);
            self.walk(Open::NONE, base, number);
            n += 2;
        }
    }

    /// Writes the pairs of `table`, at `base`, which has been begun, and pops it.
    fn walk(&self, mut table: Open, base: c_int, number: c_int) {
        let s = self.state;
        // On the stack: for each table around, the table, the key, and for the innermost what is at hand.
        loop {
            if s.next(-2) {
                // table, key, value
                table.pairs = table.pairs.saturating_add(1);
                if !self.leaf_at(-2, base, number) {
                    s.copy(-2);
                    table = self.begin(AS_KEY, base, number, table);
                    continue;
                }
            } else {
                // table
                let length = s.raw_len(-1);
                let (phase, around) = self.end(table, length);
                table = around;
                s.pop(1);
                if s.top() < base {
                    return;
                }
                if phase == AS_VALUE {
                    // table, key
                    continue;
                }
            }
            // table, key, value: the key has been written
            if self.leaf_at(-1, base, number) {
                s.pop(1);
            } else {
                table = self.begin(AS_VALUE, base, number, table);
            }
        }
    }

    /// Writes the value at `index` unless it is a table that is to be walked: that has its number then.
    fn leaf_at(&self, index: c_int, base: c_int, number: c_int) -> bool {
        let s = self.state;
        let kind = s.kind(index);
        if self.plain(kind, index) {
            return true;
        }
        if kind == Kind::Table {
            return self.met(index, base, number);
        }
        s.copy(index);
        self.foreign(kind, base, number);
        s.pop(1);
        true
    }

    /// Whether the table at `index` has been met before, or is put off: then that is written. Else it gets its number.
    fn met(&self, index: c_int, base: c_int, number: c_int) -> bool {
        let s = self.state;
        let address = s.pointer(index);
        let (n, known) = self.number_of(address);
        if known {
            self.put_word(tag::AGAIN, u64::from(n));
            return true;
        }
        if s.top() - base < REACH {
            return false;
        }
        s.copy(index);
        self.put_off(number);
        s.pop(1);
        true
    }

    /// The number of the table at `address`, and whether it had one.
    fn number_of(&self, address: usize) -> (u32, bool) {
        for again in [false, true] {
            let met = self.with(|e, _| {
                let met = e.memo.meet(address).ok();
                e.shared |= met.is_some_and(|(_, known)| known);
                met
            });
            match met {
                Some(met) => return met,
                None if again || !self.relieve() => break,
                None => {}
            }
        }
        self.no_memory()
    }

    /// Writes the value on top, a function or what may be a stream. Leaves it there.
    fn foreign(&self, kind: Kind, base: c_int, number: c_int) {
        let s = self.state;
        match kind {
            Kind::Function => {
                let (tag, n) = self.link.send_function(s, -1);
                if tag == tag::EXPORT {
                    self.note_sent(n, proxy::FUNCTION);
                }
                self.put_word(tag, n);
            }
            Kind::Userdata => match self.link.send_stream(s, self.level, -1) {
                Ok((tag, word)) => {
                    if tag == tag::STREAM {
                        self.note_sent(streams::number_of(word), streams::FILE);
                    }
                    self.put_word(tag, word);
                }
                Err(Refusal::Closed) => self.refuse(base, number, c": a closed file cannot cross"),
                Err(Refusal::NoStream) => self.refuse(base, number, c": a userdata cannot cross"),
            },
            Kind::LightUserdata => self.refuse(base, number, c": a userdata cannot cross"),
            Kind::Thread => self.refuse(base, number, c": a thread cannot cross"),
            _ => self.refuse(base, number, c": a cdata cannot cross"),
        }
    }

    /// Notes that what has been exported under `number` is on its way; the box pays what a host keeps for it.
    fn note_sent(&self, number: u64, weight: usize) {
        let noted = self.with_room(|e, side| {
            self.link.wall(self.level).is_some_and(|core| {
                let (way, above) = if self.link == Link::Owner {
                    (Way::Down, core.parent.is_none())
                } else {
                    (Way::Up, false)
                };
                e.transit(side).send(&core, way, number, if above { weight } else { 0 }).is_ok()
            })
        });
        if !noted {
            self.link.release(self.state, self.level, number, 1);
            self.no_memory();
        }
    }

    /// Leaves the pairs of the table on top for [`Encoder::rest`].
    fn put_off(&self, number: c_int) {
        let s = self.state;
        self.put(&[tag::LATER]);
        s.check_stack(4, c"tables nested too deep");
        if s.is_nil(self.later) {
            s.new_table();
            s.replace(self.later);
        }
        let n = s.raw_len(self.later) as i64;
        s.copy(-1);
        s.raw_seti(self.later, n + 1);
        s.push_integer(i64::from(if number < PUT_OFF { number + PUT_OFF } else { number }));
        s.raw_seti(self.later, n + 2);
        // The receiver needs their numbers to find them again.
        self.with(|e, _| e.shared = true);
    }

    /// Begins the table on top, in the middle of `around`: pushes the first key.
    fn begin(&self, phase: u8, base: c_int, number: c_int, around: Open) -> Open {
        let at = self.level.at_hand(self.exchange, |e| e.buffer(self.side).len());
        self.put_word(tag::SIZED, 0);
        self.open(phase, base, number, around);
        Open { at, pairs: 0 }
    }

    /// Ends the innermost table, whose `#` is `length`: how it hangs on the one around it, and that one.
    fn end(&self, table: Open, length: usize) -> (u8, Open) {
        self.put(&[tag::END]);
        let side = self.side;
        self.level.at_hand(self.exchange, |e| {
            let array = u32::try_from(length).unwrap_or(u32::MAX).min(table.pairs);
            let sizes = Sizes { array, hash: table.pairs - array };
            // A table that was put off has no place for them.
            if table.at > 0 {
                if let Some(place) = e.buffer(side).vec().get_mut(table.at + 1..table.at + 9) {
                    place.copy_from_slice(&sizes.word().to_le_bytes());
                }
            }
            let phase = e.phases.vec().pop().unwrap_or(AS_VALUE);
            (phase, Open::take(e.places.vec()))
        })
    }

    fn open(&self, phase: u8, base: c_int, number: c_int, around: Open) {
        let s = self.state;
        let note = |e: &mut Exchange| {
            e.places.append_ready(&around.bytes(), &[])
                && (e.phases.append_ready(&[phase], &[]) || {
                    Open::take(e.places.vec());
                    false
                })
        };
        let grow = |e: &mut Exchange, _| e.places.reserve(12).is_ok() && e.phases.reserve(1).is_ok();
        let at_hand = || self.level.at_hand(self.exchange, note);
        if !(at_hand() || self.with_room(grow) && at_hand()) {
            self.no_memory();
        }
        if !s.has_room(8) {
            s.set_top(base);
            path::push_name(s, self.what, number % PUT_OFF);
            s.push_cstr(c": tables nested too deep");
            s.concat(2);
            s.error();
        }
        s.push_nil();
    }

    /// Pushes `argument 1`, and the way from there to what is at hand.
    fn push_path(&self, base: c_int, number: c_int) {
        let s = self.state;
        // Of one that was put off, the way to itself is not known any more.
        let put_off = number >= PUT_OFF;
        let shown = if put_off { number - PUT_OFF } else { number };
        path::push_name(s, self.what, shown);
        if put_off {
            s.push_cstr(c"...");
            s.concat(2);
        }
        path::append_steps(s, base, self.level.phases(self.exchange));
    }

    /// Raises the error that names where the value on top sits: `argument 1.users[3]: a thread cannot cross`.
    fn refuse(&self, base: c_int, number: c_int, why: &'static CStr) -> ! {
        let s = self.state;
        s.check_stack(12, c"path");
        s.push_where(1);
        self.push_path(base, number);
        s.push_cstr(why);
        s.concat(3);
        s.error()
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
