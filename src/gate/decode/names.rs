//! The names of a parcel, on Lua's stack while it is read: the string that was made for the first serves the others, which costs a sixth of having Lua look
//! it up by its bytes.

use std::os::raw::c_int;

use super::super::parcel::NAMES;
use crate::lua::State;

/// Bare code, so `Copy`.
#[derive(Clone, Copy)]
pub(super) struct Names {
    /// The slot before the first one.
    base: c_int,
    count: u8,
    /// A bit for each that is there.
    there: u32,
}

const _: () = assert!(NAMES as u32 <= u32::BITS);

impl Names {
    /// Takes `count` slots.
    pub fn new(s: State, base: c_int, count: u8) -> Names {
        if count > 0 {
            s.set_top(base + c_int::from(count));
        }
        Names { base, count, there: 0 }
    }

    /// Pushes the string of these bytes, which has this number from now on; false if there is no such number. May raise.
    #[inline(always)]
    pub fn remember(&mut self, s: State, number: u8, bytes: &[u8]) -> bool {
        if number >= self.count {
            return false;
        }
        s.push_bytes(bytes);
        s.copy(-1);
        s.replace(self.base + 1 + c_int::from(number));
        self.there |= 1 << number;
        true
    }

    /// Pushes the string with this number; false if there is none.
    #[inline(always)]
    pub fn push(&self, s: State, number: u8) -> bool {
        if number >= self.count || self.there >> number & 1 == 0 {
            return false;
        }
        s.copy(self.base + 1 + c_int::from(number));
        true
    }
}
