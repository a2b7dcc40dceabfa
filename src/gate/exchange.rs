//! The buffers of one crossing, and the desk that lends them.
//!
//! A buffer outlives the code that fills it: bare code may be stopped, or raise, at any point, so what it writes to belongs to a
//! [`Desk`], which belongs to a run or to a realm. A desk's exchanges are taken and given back in stack order.
//!
//! # Safety
//! An exchange is boxed, so its address holds while its desk grows; a desk is used by the one thread that runs its Lua state.
#![allow(unsafe_code)]

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::rc::Rc;

use crate::engine::heap::Budget;

/// Capacity that an idle buffer may keep.
const KEEP: usize = 4096;
/// Idle exchanges that a desk keeps.
const SPARE: usize = 32;

/// There is no memory, or no budget, for a buffer to grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoMemory;

/// Bytes that are charged to a budget.
#[derive(Default)]
pub struct Buffer {
    bytes: Vec<u8>,
    payer: Option<Rc<Budget>>,
    charged: usize,
}

impl Buffer {
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes
    }

    /// The same, for as long as the buffer is neither written to nor dropped.
    ///
    /// # Safety
    /// The caller sees to that: see [`super::level`].
    pub unsafe fn as_slice_static(&self) -> &'static [u8] {
        // SAFETY: as for this function.
        unsafe { std::slice::from_raw_parts(self.bytes.as_ptr(), self.bytes.len()) }
    }

    pub fn clear(&mut self) {
        self.bytes.clear();
    }

    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Direct access for code that appends through `Vec`; settle with [`Buffer::settle`] afterwards.
    pub fn vec(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    pub fn truncate(&mut self, len: usize) {
        self.bytes.truncate(len);
    }

    /// How many more bytes the payer could be charged for.
    pub fn allowance(&self) -> usize {
        match &self.payer {
            Some(budget) => budget.headroom().saturating_add(self.charged).saturating_sub(self.bytes.len()),
            None => usize::MAX,
        }
    }

    /// Room for `n` more bytes, charged.
    pub fn reserve(&mut self, n: usize) -> Result<(), NoMemory> {
        let wanted = self.bytes.len().checked_add(n).ok_or(NoMemory)?;
        if wanted <= self.bytes.capacity() {
            return Ok(());
        }
        let grown = wanted.max(self.bytes.capacity().saturating_mul(2)).max(256);
        for size in [grown, wanted] {
            if self.charge(size).is_ok() {
                let more = size - self.bytes.len();
                return self.bytes.try_reserve_exact(more).map_err(|_| NoMemory);
            }
        }
        Err(NoMemory)
    }

    fn charge(&mut self, capacity: usize) -> Result<(), NoMemory> {
        let more = capacity.saturating_sub(self.charged);
        if let Some(budget) = &self.payer {
            if !budget.charge(more) {
                return Err(NoMemory);
            }
        }
        self.charged += more;
        Ok(())
    }

    pub fn append(&mut self, s: &[u8]) -> Result<(), NoMemory> {
        self.reserve(s.len())?;
        self.bytes.extend_from_slice(s);
        Ok(())
    }

    /// Charges what the vector has grown to behind our back.
    pub fn settle(&mut self) -> Result<(), NoMemory> {
        self.charge(self.bytes.capacity())
    }

    /// Makes `payer` pay for what the buffer holds, from now on.
    fn pay_by(&mut self, payer: Option<Rc<Budget>>) -> Result<(), NoMemory> {
        self.refund();
        self.payer = payer;
        self.charge(self.bytes.capacity())
    }

    fn refund(&mut self) {
        if let Some(budget) = self.payer.take() {
            budget.release(self.charged);
        }
        self.charged = 0;
    }

    /// Empties the buffer, and gives back what it was charged.
    pub fn reset(&mut self) {
        self.bytes.clear();
        if self.bytes.capacity() > KEEP {
            self.bytes = Vec::new();
        }
        self.refund();
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.refund();
    }
}

/// Multiplies: table addresses need no more.
#[derive(Default)]
pub struct AddressHasher(u64);

impl Hasher for AddressHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &b in bytes {
            self.0 = (self.0 ^ u64::from(b)).wrapping_mul(0x100_0000_01b3);
        }
    }

    fn write_usize(&mut self, n: usize) {
        let mixed = (n as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = mixed ^ (mixed >> 32);
    }
}

/// Tables already in a parcel, by address.
pub type Memo = HashMap<usize, u32, BuildHasherDefault<AddressHasher>>;

/// One crossing under way: what is sent, and what comes back.
#[derive(Default)]
pub struct Exchange {
    pub out: Buffer,
    pub back: Buffer,
    pub memo: Memo,
    pub phases: Vec<u8>,
    /// Whether a table has been met more than once.
    pub shared: bool,
}

impl Exchange {
    /// Makes `payer` pay for both buffers.
    pub fn pay_by(&mut self, payer: Option<Rc<Budget>>) -> Result<(), NoMemory> {
        self.out.pay_by(payer.clone())?;
        self.back.pay_by(payer)
    }

    fn reset(&mut self) {
        self.out.reset();
        self.back.reset();
        if self.memo.capacity() > 256 {
            self.memo = Memo::default();
        } else {
            self.memo.clear();
        }
        if self.phases.capacity() > KEEP {
            self.phases = Vec::new();
        } else {
            self.phases.clear();
        }
    }
}

/// Lends exchanges in stack order.
///
/// Bare code that raises doesn't give back what it has taken. So each loan notes how deep in the C stack its taker was: when one
/// takes that is no deeper, the others are gone. (No code takes twice without giving back in between.)
#[derive(Default)]
pub struct Desk {
    // Boxed, so that an exchange's address holds while the vector grows.
    #[allow(clippy::vec_box)]
    all: Vec<Box<Exchange>>,
    /// Stack address of the taker, of each exchange that is lent.
    takers: Vec<usize>,
    busy: usize,
    payer: Option<Rc<Budget>>,
}

impl Desk {
    pub fn new(payer: Option<Rc<Budget>>) -> Desk {
        Desk { all: Vec::new(), takers: Vec::new(), busy: 0, payer }
    }

    /// How many exchanges are lent.
    pub fn height(&self) -> usize {
        self.busy
    }

    /// An empty exchange; it is this desk's, and good until the desk is brought back to the height it has now. `taker` is an
    /// address in the C stack frame that asks.
    pub fn take(&mut self, taker: usize) -> Result<*mut Exchange, NoMemory> {
        self.reclaim(taker);
        self.takers.try_reserve(1).map_err(|_| NoMemory)?;
        if self.busy == self.all.len() {
            self.all.try_reserve(1).map_err(|_| NoMemory)?;
            self.all.push(Box::default());
        }
        let payer = self.payer.clone();
        let exchange = self.all.get_mut(self.busy).ok_or(NoMemory)?;
        exchange.reset();
        exchange.pay_by(payer)?;
        self.takers.push(taker);
        self.busy += 1;
        Ok(&mut **exchange)
    }

    /// Takes an exchange that is lent out of the stack order, for a call that waits. It keeps its address.
    pub fn detach(&mut self, exchange: *const Exchange) -> Option<Box<Exchange>> {
        let index = self.all.iter().take(self.busy).position(|e| std::ptr::eq(&**e, exchange))?;
        if index < self.takers.len() {
            self.takers.remove(index);
        }
        self.busy -= 1;
        Some(self.all.remove(index))
    }

    /// Puts such an exchange back in order, as if `taker` had just taken it; gives the height before. It is gone if there is no memory.
    pub fn attach(&mut self, exchange: Box<Exchange>, taker: usize) -> Result<usize, NoMemory> {
        self.reclaim(taker);
        let height = self.busy;
        self.all.try_reserve(1).map_err(|_| NoMemory)?;
        self.takers.try_reserve(1).map_err(|_| NoMemory)?;
        self.all.insert(height, exchange);
        self.takers.push(taker);
        self.busy += 1;
        Ok(height)
    }

    /// Takes back what was lent to code that is gone.
    fn reclaim(&mut self, taker: usize) {
        while self.busy > 0 && self.takers.get(self.busy - 1).is_some_and(|&t| t <= taker) {
            self.lower(self.busy - 1);
        }
        self.takers.truncate(self.busy);
    }

    /// Takes back everything that was lent above `height`.
    pub fn lower(&mut self, height: usize) {
        while self.busy > height {
            self.busy -= 1;
            if let Some(exchange) = self.all.get_mut(self.busy) {
                exchange.reset();
            }
        }
        // Calls that have waited bring their own.
        self.all.truncate(self.busy + SPARE);
    }
}
