//! The keys that a parcel repeats. In a list of records each has the same ones: the string that was made for the first serves the others,
//! which costs a sixth of having Lua look it up by its bytes.

use std::os::raw::c_int;

use crate::lua::State;

/// Keys that are remembered: each has its place, by its looks.
const PLACES: usize = 16;
/// A smaller parcel repeats too little.
const SMALLEST: usize = 512;
/// Longer keys are not remembered.
const LONGEST: usize = 32;
/// How many keys may be new, beyond three for each that was met again, before this is given up.
const PATIENCE: u32 = 48;

/// Bare code, so `Copy`.
#[derive(Clone, Copy)]
pub(super) struct Keys {
    /// Where on the stack the table lies that has the strings by place; 0 if nowhere.
    table: c_int,
    /// The bytes of each, where they stood in the parcel.
    known: [&'static [u8]; PLACES],
    patience: u32,
}

impl Keys {
    /// For a parcel of so many bytes. May raise.
    pub fn new(s: State, size: usize) -> Keys {
        let mut table = 0;
        if size >= SMALLEST {
            s.new_table_sized(PLACES as c_int, 0);
            table = s.top();
        }
        Keys { table, known: [&[]; PLACES], patience: PATIENCE }
    }

    /// Pushes the string of these bytes. May raise.
    #[inline]
    pub fn push(&mut self, s: State, bytes: &'static [u8]) {
        let (Some(&first), Some(&last)) = (bytes.first(), bytes.last()) else { return s.push_bytes(bytes) };
        if self.table == 0 || bytes.len() > LONGEST || self.patience == 0 {
            return s.push_bytes(bytes);
        }
        let place = (usize::from(first) ^ (usize::from(last) << 1) ^ bytes.len()) % PLACES;
        let Some(known) = self.known.get_mut(place) else { return s.push_bytes(bytes) };
        if *known == bytes {
            self.patience = self.patience.saturating_add(3);
            s.raw_geti(self.table, place as i64 + 1);
            return;
        }
        self.patience -= 1;
        s.push_bytes(bytes);
        s.copy(-1);
        s.raw_seti(self.table, place as i64 + 1);
        // Last: had anything raised, the table would not have it.
        *known = bytes;
    }

    /// Takes the table off the stack.
    pub fn remove(&self, s: State) {
        if self.table != 0 {
            s.remove(self.table);
        }
    }
}
