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
#[derive(Default)]
pub struct Scalars {
    len: Cell<usize>,
    places: [Place; MOST],
}

/// One value: as two words of their own, since a processor waits where it is to load as one what it has just stored as two.
#[derive(Default)]
struct Place {
    kind: Cell<u64>,
    bits: Cell<u64>,
}

const NIL: u64 = 0;
const BOOLEAN: u64 = 1;
const INTEGER: u64 = 2;
const FLOAT: u64 = 3;

impl Place {
    #[inline(always)]
    fn set(&self, value: Scalar) {
        let (kind, bits) = match value {
            Scalar::Nil => (NIL, 0),
            Scalar::Boolean(b) => (BOOLEAN, u64::from(b)),
            Scalar::Integer(n) => (INTEGER, n as u64),
            Scalar::Float(n) => (FLOAT, n.to_bits()),
        };
        self.kind.set(kind);
        self.bits.set(bits);
    }

    #[inline(always)]
    fn get(&self) -> Scalar {
        match (self.kind.get(), self.bits.get()) {
            (INTEGER, bits) => Scalar::Integer(bits as i64),
            (FLOAT, bits) => Scalar::Float(f64::from_bits(bits)),
            (BOOLEAN, bits) => Scalar::Boolean(bits != 0),
            _ => Scalar::Nil,
        }
    }
}

impl Scalars {
    /// Takes what lies on the stack from `first` on; false where that can't go this way. Neither raises nor allocates.
    #[inline(always)]
    pub fn take(&self, s: State, first: c_int) -> bool {
        let n = (s.top() - first + 1).max(0) as usize;
        let Some(places) = self.places.get(..n) else { return false };
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
    #[inline(always)]
    pub fn push(&self, s: State) -> c_int {
        let n = self.len.get();
        for place in self.places.iter().take(n) {
            s.push_scalar(place.get());
        }
        n as c_int
    }

    /// Writes them to a parcel after all.
    pub fn write(&self, to: &mut Writer<'_>) -> Result<(), NoMemory> {
        for place in self.places.iter().take(self.len.get()) {
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
