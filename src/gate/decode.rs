//! A parcel to Lua values: bare code that builds tables with Lua's stack.

use std::os::raw::c_int;

mod keys;

use keys::Keys;

use super::encode::Side;
use super::exchange::Exchange;
use super::level::Level;
use super::link::Link;
use super::parcel::{Item, Reader, Sizes};
use crate::lua::State;

/// What the innermost table waits for.
const KEY: u8 = 0;
const VALUE: u8 = 1;

/// Pushes the values of a parcel; how many. Raises where there is no room for them, or where the parcel is none that
/// [`super::encode`] writes: nothing of it is trusted.
pub fn decode(s: State, level: Level, exchange: *mut Exchange, side: Side, link: Link) -> c_int {
    let reader = level.reader(exchange, side);
    let count = reader.count as c_int;
    if !reader.is_plausible() {
        broken(s);
    }
    if count < 0 || !s.has_room(count.saturating_add(10)) {
        s.raise(c"too many values to cross (stack overflow)");
    }
    // Tables by number, where some are met again.
    let list = if reader.tables > 0 {
        s.new_table_sized(reader.tables.min(1 << 20) as c_int, 0);
        s.top()
    } else {
        0
    };
    // A pair takes two bytes at least.
    let pairs = reader.left() as u64 / 2;
    let keys = Keys::new(s, reader.left());
    let mut decoder =
        Decoder { state: s, level, exchange, side, link, reader, list, keys, pairs, tables: 0, later: 0 };
    for _ in 0..count {
        decoder.value();
    }
    decoder.rest();
    if !decoder.reader.is_at_end() || (list != 0 && decoder.tables != i64::from(reader.tables)) {
        broken(s);
    }
    decoder.keys.remove(s);
    if list != 0 {
        s.remove(list);
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
    keys: Keys,
    /// Pairs that there can still be in the parcel: no more room is made than it warrants.
    pairs: u64,
    tables: i64,
    later: i64,
}

impl Decoder {
    /// Pushes one value, however deep.
    fn value(&mut self) {
        self.level.with_exchange(self.exchange, |e| e.phases.clear());
        self.walk(0);
    }

    /// Fills the tables whose pairs come after the values.
    fn rest(&mut self) {
        let total = i64::from(self.reader.tables);
        let mut filled = 0;
        while filled < self.later {
            filled += 1;
            self.state.raw_geti(self.list, total + filled);
            self.level.with_exchange(self.exchange, |e| e.phases.clear());
            self.note_phase(KEY);
            self.walk(1);
            self.state.pop(1);
        }
    }

    /// Pushes a new table with the next number.
    fn begin(&mut self, sizes: Sizes) {
        let s = self.state;
        if !s.has_room(10) {
            s.raise(c"tables nested too deep");
        }
        match self.pairs.checked_sub(sizes.pairs()) {
            Some(left) => self.pairs = left,
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

    fn note_phase(&self, waits: u8) {
        let at_hand = self.level.at_hand(self.exchange, |e| e.phases.append_ready(&[waits], &[]));
        if !at_hand && !self.level.with_exchange(self.exchange, |e| e.phases.append(&[waits]).is_ok()) {
            self.state.push_cstr(c"not enough memory");
            self.state.error();
        }
    }

    fn note_received(&self, again: bool) {
        self.level.with_exchange(self.exchange, |e| e.transit(self.side).receive(again));
    }

    /// Reads up to the end of one value, with `depth` tables around what comes next.
    fn walk(&mut self, mut depth: usize) {
        let (s, level, exchange) = (self.state, self.level, self.exchange);
        // Of the innermost table; of those around it the exchange has it.
        let mut waits = KEY;
        loop {
            let Some(item) = self.reader.item() else { broken(s) };
            // Whether it may stand in a table: as a key, as a value.
            let mut fits = [true; 2];
            match item {
                Item::Nil => {
                    s.push_nil();
                    fits = [false; 2];
                }
                Item::Boolean(b) => s.push_bool(b),
                Item::Integer(n) => s.push_integer(n),
                Item::Float(n) => {
                    s.push_number(n);
                    fits = [!n.is_nan(), true];
                }
                Item::String(bytes) if waits == KEY && depth > 0 => self.keys.push(s, bytes),
                Item::String(bytes) => s.push_bytes(bytes),
                Item::Again(n) => {
                    if self.list == 0 || i64::from(n) >= self.tables {
                        broken(s);
                    }
                    s.raw_geti(self.list, i64::from(n) + 1);
                }
                Item::Export(n) => {
                    let again = self.link.receive_export(s, level, n);
                    self.note_received(again);
                }
                Item::Home(n) => {
                    self.link.receive_home(s, n);
                    fits = [!s.is_nil(-1); 2];
                }
                Item::Stream(word) => {
                    let again = self.link.receive_stream(s, level, word);
                    self.note_received(again);
                }
                Item::Standard(n) => {
                    self.link.receive_standard(s, n);
                    fits = [!s.is_nil(-1); 2];
                }
                Item::Later => {
                    if self.list == 0 {
                        broken(s);
                    }
                    self.begin(Sizes::default());
                    self.later += 1;
                    s.copy(-1);
                    s.raw_seti(self.list, i64::from(self.reader.tables) + self.later);
                }
                Item::Begin(sizes) => {
                    self.begin(sizes);
                    self.note_phase(waits);
                    waits = KEY;
                    depth += 1;
                    continue;
                }
                Item::End => {
                    // A key without its value would stand where the table is expected.
                    if depth == 0 || waits != KEY {
                        broken(s);
                    }
                    waits = level.at_hand(exchange, |e| e.phases.vec().pop()).unwrap_or(KEY);
                    depth -= 1;
                    // The finished table is on top: a value like any other.
                }
            }
            if depth == 0 {
                return;
            }
            let [as_key, as_value] = fits;
            if waits == KEY {
                if !as_key {
                    broken(s);
                }
                waits = VALUE;
            } else {
                if !as_value {
                    broken(s);
                }
                s.raw_set(-3);
                waits = KEY;
            }
        }
    }
}
