//! Values that cross without a parcel: a few scalars at a time, in a place that both sides of every wall of a realm know.
//!
//! They are read and written by plain stores, one side at a time, and taken out before anything else runs: a stop can strike anywhere.

use std::cell::Cell;
use std::os::raw::c_int;

use super::exchange::NoMemory;
use super::parcel::Writer;
use crate::lua::{Scalar, State};

/// Most that go at once. Every C function has room for some more on its Lua stack.
pub const MOST: usize = 8;

/// Scalars on their way.
pub struct Scalars {
    len: Cell<usize>,
    values: [Cell<Scalar>; MOST],
}

impl Default for Scalars {
    fn default() -> Scalars {
        Scalars { len: Cell::new(0), values: [const { Cell::new(Scalar::Nil) }; MOST] }
    }
}

impl Scalars {
    /// Takes what lies on the stack from `first` on; false where that can't go this way. Neither raises nor allocates.
    pub fn take(&self, s: State, first: c_int) -> bool {
        let n = (s.top() - first + 1).max(0) as usize;
        let Some(places) = self.values.get(..n) else { return false };
        for (place, index) in places.iter().zip(first..) {
            match s.scalar(index) {
                Some(value) => place.set(value),
                None => return false,
            }
        }
        self.len.set(n);
        true
    }

    /// Pushes them: how many. Neither raises nor allocates.
    pub fn push(&self, s: State) -> c_int {
        let n = self.len.get();
        for place in self.values.iter().take(n) {
            s.push_scalar(place.get());
        }
        n as c_int
    }

    /// Writes them to a parcel after all.
    pub fn write(&self, to: &mut Writer<'_>) -> Result<(), NoMemory> {
        for place in self.values.iter().take(self.len.get()) {
            match place.get() {
                Scalar::Nil => to.nil()?,
                Scalar::Boolean(b) => to.boolean(b)?,
                Scalar::Integer(n) => to.integer(n)?,
                Scalar::Float(n) => to.float(n)?,
            }
        }
        Ok(())
    }
}
