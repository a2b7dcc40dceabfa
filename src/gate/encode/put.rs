//! How the writer of a parcel appends to it: at once where there is room, guarded where memory moves.

use std::os::raw::c_int;

use super::super::exchange::Exchange;
use super::super::level::Level;
use super::super::parcel::{tag, tagged, HEADER};
use super::names::Name;
use super::{Side, Walk};
use crate::lua::Kind;

impl Walk {
    /// Runs `f` on the buffer, guarded against a stop while memory moves.
    pub(super) fn with<R: Copy>(&self, f: impl FnOnce(&mut Exchange, Side) -> R) -> R {
        self.level.with_exchange(self.exchange, |exchange| f(exchange, self.side))
    }

    #[inline(always)]
    pub(super) fn put<const N: usize>(&mut self, head: [u8; N], rest: &[u8]) {
        if !self.pen.put(head, rest) {
            self.make_room(N.saturating_add(rest.len()));
            if !self.pen.put(head, rest) {
                self.state.no_memory();
            }
        }
    }

    #[inline(always)]
    pub(super) fn put_word(&mut self, tag: u8, word: u64) {
        self.put(tagged(tag, word), &[]);
    }

    /// Writes the value at `index`, of this kind, if it is neither table nor function nor foreign. `flag` goes with its tag.
    #[inline(always)]
    pub(super) fn plain(&mut self, kind: Kind, index: c_int, flag: u8) -> bool {
        let s = self.state;
        match kind {
            Kind::String => {
                let bytes = s.string_bytes(index);
                self.put(tagged(tag::STRING | flag, bytes.len() as u64), bytes);
            }
            Kind::Number if s.is_integer(index) => {
                self.put_word(tag::INTEGER | flag, s.integer(index) as u64)
            }
            Kind::Number => self.put_word(tag::FLOAT | flag, s.number(index).to_bits()),
            Kind::Boolean => self.put([flag | if s.truth(index) { tag::TRUE } else { tag::FALSE }], &[]),
            Kind::Nil | Kind::None => self.put([tag::NIL | flag], &[]),
            _ => return false,
        }
        true
    }

    /// Writes a key.
    #[inline(always)]
    pub(super) fn put_name(&mut self, bytes: &[u8]) {
        match self.names.meet(bytes, self.pen.written().saturating_sub(HEADER)) {
            Name::Known(number, at) => {
                let [a, b, c, d] = at.to_le_bytes();
                self.put([tag::KNOWN, number, a, b, c, d], &[]);
            }
            Name::New(number, len) => self.put([tag::NAME, number, len], bytes),
            Name::Plain => self.put(tagged(tag::STRING, bytes.len() as u64), bytes),
        }
    }

    /// Lets the buffer grow by so much.
    #[cold]
    #[inline(never)]
    fn make_room(&mut self, size: usize) {
        self.level.lay_down(self.exchange, self.side, self.pen);
        if !self.with_room(|e, side| e.buffer(side).reserve(size).is_ok()) {
            self.state.no_memory();
        }
        self.pen = self.level.pen(self.exchange, self.side);
    }

    /// Tries `f`, once more after a collection where a box has no room for it.
    pub(super) fn with_room(&mut self, f: impl Fn(&mut Exchange, Side) -> bool) -> bool {
        self.with(&f) || (self.relieve() && self.with(&f))
    }

    /// Collects, once, where a box has no room: what is charged outside its heap makes no Lua collect.
    #[cold]
    pub(super) fn relieve(&mut self) -> bool {
        if self.relieved || !matches!(self.level, Level::Box(_)) || !self.state.collector_runs() {
            return false;
        }
        self.relieved = true;
        self.names.forget();
        self.state.collect();
        true
    }
}
