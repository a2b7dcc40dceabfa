//! What each side of a wall keeps of the other: what it has exported, the proxies of what it has been given, and who lets go.
//!
//! Each side keeps a table for the other: a box for its owner in its registry, an owner for each box as the user value
//! of the box's handle (so that cycles through both sides are collected). Functions and streams are exported under numbers, and
//! counted, since one may be sent again while the other side is already letting go of it. The proxies are in [`super::proxy`] and
//! [`super::streams`].

mod tables;

use std::os::raw::c_int;

use super::level::Level;
use super::proxy;
use super::realm;
use super::request::Id;
use crate::lua::{Kind, State};
pub use tables::{field, forget, leave_unlinked, open, push_table_of};
use tables::{is_unlinked, push_boxes, push_boxes_if_any, OWNER};

/// The other side of a wall.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// The level above this box.
    Owner,
    /// A box of this level.
    Below(Id),
}

/// Notes the handle at `index` as that of the box `id`. In the host's table each place serves one box after the other; a box may know boxes
/// below it by the numbers of others, so there whole numbers are the keys.
pub fn remember_box(s: State, id: Id, index: c_int) {
    let index = s.absolute(index);
    push_boxes(s);
    if Level::in_box(s).is_none() {
        s.copy(index);
        s.raw_seti(-2, place_of(id));
    } else {
        s.push_number(id.0 as f64);
        s.copy(index);
        s.raw_set(-3);
    }
    s.pop(1);
}

/// Where a box's handle lies in the host's table.
fn place_of(id: Id) -> i64 {
    realm::index_of(id) as i64 + 1
}

/// Which word of a handle tells whose it is, also when the box is closed.
pub const NAME: usize = 1;

impl Link {
    pub fn number(self) -> u64 {
        match self {
            Link::Owner => 0,
            Link::Below(id) => id.0,
        }
    }

    pub fn numbered(number: u64) -> Link {
        match number {
            0 => Link::Owner,
            id => Link::Below(Id(id)),
        }
    }

    /// Pushes this side's table for the other, which is made if there is none yet; false (and nothing pushed) where the handle is gone.
    pub fn push_table(self, s: State) -> bool {
        self.push_table_by(s, push_table_of)
    }

    fn push_table_by(self, s: State, push: impl FnOnce(State, c_int)) -> bool {
        match self {
            Link::Owner => s.registry_get(&OWNER),
            Link::Below(_) => {
                self.push_handle(s);
                if s.userdata(-1).is_null() {
                    s.pop(1);
                    return false;
                }
                push(s, -1);
                s.remove(-2);
            }
        }
        if s.kind(-1) != Kind::Table {
            s.pop(1);
            return false;
        }
        true
    }

    /// Pushes the handle of the box, or nil for the owner: what a proxy keeps alive.
    pub fn push_handle(self, s: State) {
        match self {
            Link::Owner => s.push_nil(),
            Link::Below(id) => {
                push_boxes_if_any(s);
                if s.is_nil(-1) {
                    return;
                }
                if Level::in_box(s).is_none() {
                    s.raw_geti(-1, place_of(id));
                    if s.userdata_word(-1, NAME) != Some(id.0) {
                        s.pop(1);
                        s.push_nil();
                    }
                } else {
                    s.push_number(id.0 as f64);
                    s.raw_get(-2);
                }
                s.remove(-2);
            }
        }
    }

    pub fn push_part(self, s: State, part: i64) {
        if !self.push_table(s) {
            s.raise(c"sandbox is closed");
        }
        self.push_field(s, s.top(), part);
        s.remove(-2);
    }

    /// Gives the value at `index` a number, if it has none, and counts this sending. Where memory runs out, nothing has changed.
    pub fn export(self, s: State, index: c_int) -> u64 {
        let index = s.absolute(index);
        if !self.push_table(s) {
            s.raise(c"sandbox is closed");
        }
        let table = s.top();
        self.push_field(s, table, field::BY_VALUE);
        s.copy(index);
        s.raw_get(-2);
        let known = s.number(-1) as u64;
        s.pop(1);
        let number = if known != 0 {
            // One sending is not written down.
            self.push_field(s, table, field::SENT);
            s.raw_geti(-1, known as i64);
            let sent = s.number(-1).max(1.0) + 1.0;
            s.pop(1);
            s.push_number(sent);
            s.raw_seti(-2, known as i64);
            known
        } else {
            s.raw_geti(table, field::LAST);
            let number = self.number_after(s, s.number(-1) as u64);
            s.pop(1);
            self.push_field(s, table, field::BY_NUMBER);
            s.copy(index);
            s.raw_seti(-2, number as i64);
            s.pop(1);
            s.copy(index);
            s.push_number(number as f64);
            s.raw_set(-3);
            // Last: if memory ran out before, the number is still free.
            s.push_number(number as f64);
            s.raw_seti(table, field::LAST);
            number
        };
        s.set_top(table - 1);
        number
    }

    /// The number after `last`. In a box that goes back to a mark its own count does, too: none is to mean two things to its owner.
    fn number_after(self, s: State, last: u64) -> u64 {
        let level = Level::of(s);
        match (self, level.core()) {
            (Link::Owner, Some(core)) => level.guarded(|| core.copies.number_after(last)),
            _ => last + 1,
        }
    }

    /// In a box that has gone back to a mark, or is a copy: forgets what the owner has let go of since, or never had.
    pub fn settle_held(self, s: State, level: Level) {
        let Some(core) = level.core().filter(|core| level.guarded(|| core.copies.is_held_known())) else {
            return;
        };
        if !self.push_table(s) {
            return;
        }
        let table = s.top();
        for part in [field::BY_VALUE, field::SENT, field::BY_NUMBER] {
            self.push_field(s, table, part);
        }
        s.push_nil();
        // table, by value, sent, by number, number, value
        while s.next(table + 3) {
            let number = s.number(-2) as i64;
            let held = level.guarded(|| core.copies.held(number as u64));
            if held > 1 {
                s.push_number(held as f64);
            } else {
                s.push_nil();
            }
            s.raw_seti(table + 2, number);
            if held == 0 {
                s.push_nil();
                s.raw_set(table + 1);
                s.push_nil();
                s.raw_seti(table + 3, number);
            } else {
                s.pop(1);
            }
        }
        level.guarded(|| core.copies.forget_held());
        s.set_top(table - 1);
    }

    /// Pushes what this side has exported under `number`.
    pub fn push_export(self, s: State, number: u64) -> bool {
        self.push_part(s, field::BY_NUMBER);
        s.raw_geti(-1, number as i64);
        s.remove(-2);
        if s.is_nil(-1) {
            s.pop(1);
            return false;
        }
        true
    }

    /// Forgets `count` sendings of what the other side no longer has. Allocates nothing.
    pub fn release(self, s: State, level: Level, number: u64, count: u64) {
        if !self.push_table_by(s, State::push_user_table) {
            return;
        }
        let table = s.top();
        if is_unlinked(s) {
            return s.pop(1);
        }
        let mut left = 1.0 - count as f64;
        if self.push_field_if_any(s, table, field::SENT) {
            s.raw_geti(-1, number as i64);
            left = s.number(-1).max(1.0) - count as f64;
            s.pop(1);
            if left > 1.0 {
                s.push_number(left);
            } else {
                s.push_nil();
            }
            s.raw_seti(-2, number as i64);
        }
        if left < 1.0 {
            if self != Link::Owner {
                level.guarded(|| {
                    if let Some(core) = self.wall(level) {
                        core.ledger.forget_file(number);
                    }
                });
            }
            if self.push_field_if_any(s, table, field::BY_VALUE)
                && self.push_field_if_any(s, table, field::BY_NUMBER)
            {
                s.raw_geti(-1, number as i64);
                if !s.is_nil(-1) {
                    s.push_nil();
                    s.raw_set(-4);
                    s.push_nil();
                    s.raw_seti(-2, number as i64);
                }
            }
        }
        s.set_top(table - 1);
    }
}
