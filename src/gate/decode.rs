//! A parcel to Lua values: bare code that builds tables with Lua's stack.

use std::os::raw::c_int;

mod names;

use names::Names;

use super::encode::Side;
use super::exchange::Exchange;
use super::level::Level;
use super::link::Link;
use super::parcel::{tag, Reader, Sizes, LISTED};
use super::streams;
use crate::lua::State;

/// What the innermost table waits for: a key, the value of that, the value at its next index.
const KEY: u64 = 0;
const VALUE: u64 = 1;
const NEXT: u64 = 2;
/// Bits of a frame that say so; above them stands how many indices the table has.
const WAITS: u32 = 2;

/// Slots that one table takes at most, with what is at hand in it.
const SLOTS: c_int = 10;
/// Slots that are asked for at once: fewer than a C function has anyway, so that a stack grows for tables around tables only.
const MORE: c_int = 16;

/// Pushes the values of a parcel; how many. Raises where there is no room for them, or where the parcel is none that
/// [`super::encode`] writes: nothing of it is trusted.
pub fn decode(s: State, level: Level, exchange: *mut Exchange, side: Side, link: Link) -> c_int {
    let reader = level.reader(exchange, side);
    let count = reader.count as c_int;
    if !reader.is_plausible() {
        broken(s);
    }
    if count < 0 || !s.makes_room(count.saturating_add(c_int::from(reader.names) + SLOTS)) {
        s.raise(c"too many values to cross (stack overflow)");
    }
    let base = s.top();
    let names = Names::new(s, base, reader.names);
    // Tables by number, where some are met again.
    let list = if reader.tables > 0 {
        s.new_table_sized(reader.tables.min(1 << 20) as c_int, 0);
        s.top()
    } else {
        0
    };
    let spare = reader.left() as u64;
    let mut decoder = Decoder {
        state: s,
        level,
        exchange,
        side,
        link,
        reader,
        list,
        names,
        spare,
        tables: 0,
        later: 0,
        room: 0,
    };
    for _ in 0..count {
        decoder.value();
    }
    decoder.rest();
    if !decoder.reader.is_at_end() || (list != 0 && decoder.tables != i64::from(reader.tables)) {
        broken(s);
    }
    let below = c_int::from(reader.names) + c_int::from(list != 0);
    if below == 1 {
        s.remove(base + 1);
    } else if below > 0 {
        for at in base + 1..=base + count {
            s.copy(at + below);
            s.replace(at);
        }
        s.set_top(base + count);
    }
    count
}

fn broken(s: State) -> ! {
    s.raise(c"broken parcel")
}

/// Bare code, so `Copy`.
#[derive(Clone, Copy)]
struct Decoder {
    state: State,
    level: Level,
    exchange: *mut Exchange,
    side: Side,
    link: Link,
    reader: Reader<'static>,
    /// Where on the stack the tables lie by number, and after those the ones whose pairs come later; 0 if nowhere.
    list: c_int,
    names: Names,
    /// Bytes of the parcel that no table's size speaks of yet: no more room is made than they warrant.
    spare: u64,
    tables: i64,
    later: i64,
    /// Lua's stack has room up to here.
    room: c_int,
}

impl Decoder {
    /// Pushes one value, however deep.
    fn value(&mut self) {
        self.level.with_exchange(self.exchange, |e| e.frames.clear());
        self.walk(0);
    }

    /// Fills the tables whose pairs come after the values.
    fn rest(&mut self) {
        let total = i64::from(self.reader.tables);
        let mut filled = 0;
        while filled < self.later {
            filled += 1;
            self.state.raw_geti(self.list, total + filled);
            self.level.with_exchange(self.exchange, |e| e.frames.clear());
            self.note_frame(KEY);
            self.walk(1);
            self.state.pop(1);
        }
    }

    /// Pushes a new table with the next number, which comes to lie at `top`.
    #[inline(always)]
    fn begin(&mut self, sizes: Sizes, top: c_int) {
        let s = self.state;
        if top + SLOTS > self.room {
            self.make_room(top);
        }
        match self.spare.checked_sub(sizes.least()) {
            Some(left) => self.spare = left,
            None => broken(s),
        }
        s.new_table_sized(sizes.array as c_int, sizes.hash as c_int);
        self.tables += 1;
        if self.list != 0 {
            // Behind that many lie the tables that come later.
            if self.tables > i64::from(self.reader.tables) {
                broken(s);
            }
            s.copy(-1);
            s.raw_seti(self.list, self.tables);
        }
    }

    #[cold]
    fn make_room(&mut self, top: c_int) {
        match self.state.makes_room_for(MORE, SLOTS) {
            Some(n) => self.room = top + n,
            None => self.state.raise(c"tables nested too deep"),
        }
    }

    #[inline(always)]
    fn note_frame(&self, frame: u64) {
        let frame = frame.to_le_bytes();
        let at_hand = self.level.at_hand(self.exchange, |e| e.frames.append_ready(&frame, &[]));
        if !at_hand && !self.level.with_exchange(self.exchange, |e| e.frames.append(&frame).is_ok()) {
            self.state.no_memory();
        }
    }

    #[inline(always)]
    fn take_frame(&self) -> u64 {
        self.level.at_hand(self.exchange, |e| {
            let frames = e.frames.vec();
            let Some((rest, frame)) = frames.split_last_chunk::<8>() else { return KEY };
            let (left, frame) = (rest.len(), u64::from_le_bytes(*frame));
            frames.truncate(left);
            frame
        })
    }

    #[cold]
    fn note_received(&self, again: bool) {
        self.level.with_exchange(self.exchange, |e| e.transit(self.side).receive(again));
    }

    /// What follows a tag; the parcel is broken where it is not there.
    #[inline(always)]
    fn expect<T>(&self, what: Option<T>) -> T {
        match what {
            Some(what) => what,
            None => broken(self.state),
        }
    }

    /// Reads up to the end of one value, with `depth` tables around what comes next.
    fn walk(&mut self, mut depth: usize) {
        let s = self.state;
        // Of the innermost table: what it waits for, and how many indices it has; of those around it the exchange has it.
        let (mut waits, mut listed) = (KEY, 0);
        // What comes next will lie behind this slot.
        let mut top = s.top();
        loop {
            let tag = self.reader.byte();
            let mut tag = self.expect(tag);
            if tag & LISTED != 0 {
                if waits != KEY || depth == 0 {
                    broken(s);
                }
                tag &= !LISTED;
                waits = NEXT;
            }
            match tag {
                tag::STRING => {
                    let len = self.reader.word();
                    let bytes = self.reader.take(self.expect(len));
                    s.push_bytes(self.expect(bytes));
                }
                tag::KNOWN => {
                    let known = self.reader.known();
                    if waits != KEY || depth == 0 || !self.names.push(s, self.expect(known).0) {
                        broken(s);
                    }
                }
                tag::FLOAT => {
                    let word = self.reader.word();
                    let n = f64::from_bits(self.expect(word));
                    if waits == KEY && n.is_nan() && depth > 0 {
                        broken(s);
                    }
                    s.push_number(n);
                }
                tag::INTEGER => {
                    let word = self.reader.word();
                    s.push_integer(self.expect(word) as i64);
                }
                tag::FALSE => s.push_bool(false),
                tag::TRUE => s.push_bool(true),
                tag::SIZED | tag::BEGIN => {
                    let sizes = if tag == tag::BEGIN { Some(0) } else { self.reader.word() };
                    // Below a value lies its key.
                    top += if depth > 0 && waits == VALUE { 2 } else { 1 };
                    self.begin(self.expect(sizes).into(), top);
                    self.note_frame(listed << WAITS | waits);
                    (waits, listed) = (KEY, 0);
                    depth += 1;
                    continue;
                }
                tag::END => {
                    // A key without its value would stand where the table is expected.
                    if depth == 0 || waits != KEY {
                        broken(s);
                    }
                    let frame = self.take_frame();
                    (waits, listed) = (frame & ((1 << WAITS) - 1), frame >> WAITS);
                    depth -= 1;
                    top -= if depth > 0 && waits == VALUE { 2 } else { 1 };
                    // The finished table is on top: a value like any other.
                }
                tag::NAME => {
                    let name = self.reader.name();
                    let (number, bytes) = self.expect(name);
                    if waits != KEY || depth == 0 || !self.names.remember(s, number, bytes) {
                        broken(s);
                    }
                }
                tag::NIL if depth == 0 => s.push_nil(),
                tag::AGAIN => {
                    let n = self.reader.word();
                    let n = self.expect(n.and_then(|n| u32::try_from(n).ok()));
                    if self.list == 0 || i64::from(n) >= self.tables {
                        broken(s);
                    }
                    s.raw_geti(self.list, i64::from(n) + 1);
                }
                _ => {
                    self.rare(tag, top);
                    if depth > 0 && s.is_nil(-1) {
                        broken(s);
                    }
                }
            }
            if depth == 0 {
                return;
            }
            match waits {
                KEY => waits = VALUE,
                VALUE => {
                    s.raw_set(-3);
                    waits = KEY;
                }
                _ => {
                    listed += 1;
                    s.raw_seti(-2, listed as i64);
                    waits = KEY;
                }
            }
        }
    }

    /// Pushes what is no plain value; nil for what is there no more.
    #[inline(never)]
    fn rare(&mut self, tag: u8, top: c_int) {
        let (s, level) = (self.state, self.level);
        match tag {
            tag::EXPORT | tag::HOME => {
                let n = self.reader.number(0);
                let n = self.expect(n);
                if tag == tag::HOME {
                    self.link.receive_home(s, n);
                } else {
                    let again = self.link.receive_export(s, level, n);
                    self.note_received(again);
                }
            }
            tag::STREAM => {
                let word = self.reader.number(streams::BITS);
                let again = self.link.receive_stream(s, level, self.expect(word));
                self.note_received(again);
            }
            tag::STANDARD => {
                let n = self.reader.word();
                self.link.receive_standard(s, self.expect(n.filter(|&n| n < 3)));
            }
            tag::LATER => {
                if self.list == 0 {
                    broken(s);
                }
                // A key may lie below it.
                self.begin(Sizes::default(), top + 2);
                self.later += 1;
                s.copy(-1);
                s.raw_seti(self.list, i64::from(self.reader.tables) + self.later);
            }
            _ => broken(s),
        }
    }
}
