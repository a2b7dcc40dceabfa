//! Going through the pairs of tables.

use std::os::raw::c_int;

use super::super::exchange::Exchange;
use super::super::parcel::{tag, Sizes, LISTED};
use super::super::path::{self, AS_KEY, AS_VALUE};
use super::open::Open;
use super::{Walk, PUT_OFF, REACH};
use crate::lua::Kind;

/// Slots that one table takes at most, with what is at hand in it.
const SLOTS: c_int = 8;
/// Slots that are asked for at once: fewer than a C function has anyway, so that a stack grows for tables around tables only.
const MORE: c_int = 16;

impl Walk {
    /// Writes the pairs of `table`, at `base`, which has been begun, and pops it.
    pub(super) fn walk(&mut self, mut table: Open, base: c_int, number: c_int) {
        let s = self.state;
        // On the stack: for each table around, the table, the key, and for the innermost what is at hand. Where the innermost key is:
        let mut top = base + 1;
        loop {
            let mut flag = 0;
            if s.next(-2) {
                // table, key, value
                table.pairs = table.pairs.saturating_add(1);
                match s.kind(-2) {
                    Kind::String => self.put_name(s.string_bytes(-2)),
                    Kind::Number => flag = self.number_key(&mut table),
                    Kind::Boolean => self.put([if s.truth(-2) { tag::TRUE } else { tag::FALSE }], &[]),
                    kind => {
                        s.copy(-2);
                        if !self.leaf(kind, 0, top + 1, base, number) {
                            table = self.begin(AS_KEY, 0, top + 2, base, number, table);
                            top += 3;
                            continue;
                        }
                        s.pop(1);
                    }
                }
            } else {
                // table
                let (phase, around) = self.end(table);
                table = around;
                s.pop(1);
                if top == base + 1 {
                    return;
                }
                if phase == AS_VALUE {
                    // table, key
                    top -= 2;
                    continue;
                }
                top -= 3;
            }
            // table, key, value: the key has been written
            let kind = s.kind(-1);
            if self.plain(kind, -1, flag) || self.leaf(kind, flag, top + 1, base, number) {
                s.pop(1);
            } else {
                table = self.begin(AS_VALUE, flag, top + 1, base, number, table);
                top += 2;
            }
        }
    }

    /// Writes the key, a number, at -2, unless it is the next index of a list: then the flag of its value says so.
    #[inline(always)]
    fn number_key(&mut self, table: &mut Open) -> u8 {
        let s = self.state;
        let next = table.listed.saturating_add(1);
        if s.is_integer(-2) {
            let n = s.integer(-2);
            if n != i64::from(next) {
                table.numbers = true;
                self.put_word(tag::INTEGER, n as u64);
                return 0;
            }
        } else {
            let n = s.number(-2);
            if n != f64::from(next) {
                table.numbers = true;
                self.put_word(tag::FLOAT, n.to_bits());
                return 0;
            }
        }
        table.listed = next;
        LISTED
    }

    /// Writes the value on top of the stack, of this kind, which is not plain, unless it is a table that is to be walked: that has its number
    /// then. Leaves it there; with what lies below it is at `top`.
    pub(super) fn leaf(&mut self, kind: Kind, flag: u8, top: c_int, base: c_int, number: c_int) -> bool {
        if kind != Kind::Table {
            self.foreign(kind, flag, base, number);
            return true;
        }
        let address = self.state.pointer(-1);
        let met = self.level.at_hand(self.exchange, |e| e.memo.meet_ready(address));
        let (n, known) = match met {
            Some(met) => met,
            None => self.meet(address),
        };
        if known {
            self.shared = true;
            self.put_word(tag::AGAIN | flag, u64::from(n));
        } else if top - base < REACH {
            return false;
        } else {
            self.put_off(flag, number);
        }
        true
    }

    /// The number of the table at `address`, and whether it had one, where memory has to be made.
    #[cold]
    fn meet(&mut self, address: usize) -> (u32, bool) {
        for again in [false, true] {
            match self.with(|e, _| e.memo.meet(address).ok()) {
                Some(met) => return met,
                None if again || !self.relieve() => break,
                None => {}
            }
        }
        self.state.no_memory()
    }

    /// Leaves the pairs of the table on top for [`Walk::rest`].
    #[cold]
    fn put_off(&mut self, flag: u8, number: c_int) {
        let s = self.state;
        self.put([tag::LATER | flag], &[]);
        s.check_stack(4, c"tables nested too deep");
        self.names.forget();
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
        self.shared = true;
    }

    /// Begins the table on top, at `top`, in the middle of `around`: pushes the first key.
    pub(super) fn begin(
        &mut self,
        phase: u8,
        flag: u8,
        top: c_int,
        base: c_int,
        number: c_int,
        around: Open,
    ) -> Open {
        let at = self.pen.written();
        self.put_word(tag::SIZED | flag, 0);
        self.open(phase, top, base, number, around);
        Open { at, ..Open::NONE }
    }

    /// Ends the innermost table: how it hangs on the one around it, and that one.
    fn end(&mut self, table: Open) -> (u8, Open) {
        // A table that was put off has no place for its sizes.
        if table.at > 0 {
            let array = match table.numbers {
                true => u32::try_from(self.state.raw_len(-1)).unwrap_or(u32::MAX).min(table.pairs),
                // Those are what `#` would tell.
                false => table.listed,
            };
            self.pen.amend(table.at + 1, Sizes { array, hash: table.pairs.saturating_sub(array) }.word());
        }
        self.put([tag::END], &[]);
        self.level.at_hand(self.exchange, |e| Open::take(e.frames.vec()))
    }

    pub(super) fn open(&mut self, phase: u8, top: c_int, base: c_int, number: c_int, around: Open) {
        let s = self.state;
        let frame = around.bytes(phase);
        let note = |e: &mut Exchange| e.frames.append_ready(&frame, &[]);
        if !self.level.at_hand(self.exchange, note) {
            let grow = |e: &mut Exchange, _| e.frames.reserve(frame.len()).is_ok();
            if !self.with_room(grow) || !self.level.at_hand(self.exchange, note) {
                self.state.no_memory();
            }
        }
        if top + SLOTS > self.room {
            match s.makes_room_for(MORE, SLOTS) {
                Some(n) => self.room = top + n,
                None => {
                    s.set_top(base);
                    path::push_name(s, self.what, number % PUT_OFF);
                    s.push_cstr(c": tables nested too deep");
                    s.concat(2);
                    s.error();
                }
            }
        }
        s.push_nil();
    }
}
