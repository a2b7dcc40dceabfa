//! How the writer of a parcel appends to it: at once where there is room, guarded where memory moves.

use super::super::exchange::Exchange;
use super::super::level::Level;
use super::super::parcel::tagged;
use super::{Encoder, Side};

impl Encoder {
    /// Runs `f` on the buffer, guarded against a stop while memory moves.
    pub(super) fn with<R: Copy>(&self, f: impl FnOnce(&mut Exchange, Side) -> R) -> R {
        self.level.with_exchange(self.exchange, |exchange| f(exchange, self.side))
    }

    #[inline]
    fn ready(&self, head: &[u8], rest: &[u8]) -> bool {
        self.level.at_hand(self.exchange, |e| e.buffer(self.side).append_ready(head, rest))
    }

    pub(super) fn put(&self, s: &[u8]) {
        if !self.ready(s, &[]) {
            self.put_grown(s, &[]);
        }
    }

    pub(super) fn put_word(&self, tag: u8, word: u64) {
        self.put_both(tagged(tag, word), &[]);
    }

    #[inline]
    pub(super) fn put_both(&self, head: [u8; 9], rest: &[u8]) {
        if !self.ready(&head, rest) {
            self.put_grown(&head, rest);
        }
    }

    /// The same where the buffer has to grow.
    #[cold]
    fn put_grown(&self, head: &[u8], rest: &[u8]) {
        let size = head.len().saturating_add(rest.len());
        if !self.with_room(|e, side| e.buffer(side).reserve(size).is_ok()) || !self.ready(head, rest) {
            self.no_memory();
        }
    }

    pub(super) fn no_memory(&self) -> ! {
        self.state.push_cstr(c"not enough memory");
        self.state.error()
    }

    /// Tries `f`, once more after a collection where a box has no room for it.
    pub(super) fn with_room(&self, f: impl Fn(&mut Exchange, Side) -> bool) -> bool {
        self.with(&f) || (self.relieve() && self.with(&f))
    }

    /// Collects, once, where a box has no room: what is charged outside its heap makes no Lua collect.
    #[cold]
    pub(super) fn relieve(&self) -> bool {
        let first = self.with(|e, _| !std::mem::replace(&mut e.relieved, true));
        if !first || !matches!(self.level, Level::Box(_)) || !self.state.collector_runs() {
            return false;
        }
        self.state.collect();
        true
    }
}
