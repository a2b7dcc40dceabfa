//! The buffers of one crossing, and the desk that lends them.
//!
//! A buffer outlives the code that fills it: bare code may be stopped, or raise, at any point, so what it writes to belongs to a
//! [`Desk`], which belongs to a run or to a realm. A desk's exchanges are taken and given back in stack order.
//!
//! # Safety
//! An exchange is boxed, so its address holds while its desk grows; a desk is used by the one thread that runs its Lua state.
#![allow(unsafe_code)]

use std::ptr;
use std::rc::Rc;

use super::encode::Side;
use super::memo::Memo;
use super::transit::Transit;
use crate::engine::heap::Budget;

/// Capacity that an idle buffer may keep.
const KEEP: usize = 4096;
/// Idle exchanges that a desk keeps.
const SPARE: usize = 32;

/// There is no memory, or no budget, for a buffer to grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoMemory;

/// What a budget was charged for something that lies outside any heap.
#[derive(Default)]
pub struct Bill {
    payer: Option<Rc<Budget>>,
    charged: usize,
}

impl Bill {
    /// Charges so much that `total` bytes are paid for.
    pub fn raise_to(&mut self, total: usize) -> Result<(), NoMemory> {
        let more = total.saturating_sub(self.charged);
        if let Some(budget) = &self.payer {
            if !budget.charge_outside(more) {
                return Err(NoMemory);
            }
        }
        self.charged += more;
        Ok(())
    }

    /// Gives back what goes beyond `total` bytes.
    pub fn lower_to(&mut self, total: usize) {
        let less = self.charged.saturating_sub(total);
        if let Some(budget) = &self.payer {
            budget.release_outside(less);
        }
        self.charged -= less;
    }

    /// Makes `payer` pay for `total` bytes from now on.
    pub fn pay_by(&mut self, payer: Option<Rc<Budget>>, total: usize) -> Result<(), NoMemory> {
        self.refund();
        self.payer = payer;
        self.raise_to(total)
    }

    /// Gives everything back; nobody pays any more.
    pub fn refund(&mut self) {
        self.lower_to(0);
        self.payer = None;
    }

    /// How many more bytes the payer could be charged for.
    fn headroom(&self) -> usize {
        self.payer.as_ref().map_or(usize::MAX, |budget| budget.headroom())
    }
}

impl Drop for Bill {
    fn drop(&mut self) {
        self.refund();
    }
}

/// Bytes that are charged to a budget.
#[derive(Default)]
pub struct Buffer {
    bytes: Vec<u8>,
    bill: Bill,
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
        self.bill.headroom().saturating_add(self.bill.charged).saturating_sub(self.bytes.len())
    }

    /// Room for `n` more bytes, charged.
    pub fn reserve(&mut self, n: usize) -> Result<(), NoMemory> {
        let wanted = self.bytes.len().checked_add(n).ok_or(NoMemory)?;
        if wanted <= self.bytes.capacity() {
            return Ok(());
        }
        let grown = wanted.max(self.bytes.capacity().saturating_mul(2)).max(256);
        for size in [grown, wanted] {
            if self.bill.raise_to(size).is_ok() {
                let more = size - self.bytes.len();
                return self.bytes.try_reserve_exact(more).map_err(|_| NoMemory);
            }
        }
        Err(NoMemory)
    }

    pub fn append(&mut self, s: &[u8]) -> Result<(), NoMemory> {
        self.reserve(s.len())?;
        self.bytes.extend_from_slice(s);
        Ok(())
    }

    /// Appends both if there is room: false, and nothing has been done, where there is none. No memory moves, so that a stop in the
    /// middle of it leaves a buffer that can be used, or dropped.
    #[inline]
    pub fn append_ready(&mut self, head: &[u8], rest: &[u8]) -> bool {
        let len = self.bytes.len();
        let room = self.bytes.capacity() - len;
        if head.len() > room || rest.len() > room - head.len() {
            return false;
        }
        // SAFETY: there is room for both behind the first `len` bytes; the slices lie elsewhere.
        unsafe {
            let place = self.bytes.as_mut_ptr().add(len);
            ptr::copy_nonoverlapping(head.as_ptr(), place, head.len());
            ptr::copy_nonoverlapping(rest.as_ptr(), place.add(head.len()), rest.len());
            self.bytes.set_len(len + head.len() + rest.len());
        }
        true
    }

    /// Charges what the vector has grown to behind our back.
    pub fn settle(&mut self) -> Result<(), NoMemory> {
        self.bill.raise_to(self.bytes.capacity())
    }

    /// Has room for `size` bytes, or for what it holds if that is more.
    fn set_room(&mut self, size: usize) -> Result<(), NoMemory> {
        let size = size.max(self.bytes.len());
        if size != self.bytes.capacity() {
            let mut bytes = Vec::new();
            bytes.try_reserve_exact(size).map_err(|_| NoMemory)?;
            bytes.extend_from_slice(&self.bytes);
            self.bytes = bytes;
        }
        self.bill.lower_to(size);
        self.bill.raise_to(size)
    }

    /// Makes `payer` pay for what the buffer holds, from now on.
    fn pay_by(&mut self, payer: Option<Rc<Budget>>) -> Result<(), NoMemory> {
        self.bill.pay_by(payer, self.bytes.capacity())
    }

    /// Empties the buffer, and gives back what it was charged.
    pub fn reset(&mut self) {
        self.bytes.clear();
        if self.bytes.capacity() > KEEP {
            self.bytes = Vec::new();
        }
        self.bill.refund();
    }
}

/// How much the buffers of an exchange have room for: out, back, frames, tables, and what is on its way out and back.
pub type Sizes = [usize; 6];

/// One crossing under way: what is sent, and what comes back.
#[derive(Default)]
pub struct Exchange {
    pub out: Buffer,
    pub back: Buffer,
    pub memo: Memo,
    /// What is kept of each table around the value that is written or read: see the walkers.
    pub frames: Buffer,
    /// Functions and streams that are on their way, out and back.
    transits: [Transit; 2],
}

impl Exchange {
    /// Makes `payer` pay for everything in it.
    pub fn pay_by(&mut self, payer: Option<Rc<Budget>>) -> Result<(), NoMemory> {
        self.out.pay_by(payer.clone())?;
        self.back.pay_by(payer.clone())?;
        self.frames.pay_by(payer.clone())?;
        for transit in &mut self.transits {
            transit.numbers.pay_by(payer.clone())?;
        }
        self.memo.pay_by(payer)
    }

    pub fn transit(&mut self, side: Side) -> &mut Transit {
        let [out, back] = &mut self.transits;
        match side {
            Side::Out => out,
            Side::Back => back,
        }
    }

    /// Room that is there, and paid for.
    pub fn sizes(&self) -> Sizes {
        let [out, back] = &self.transits;
        let room = |buffer: &Buffer| buffer.bytes.capacity();
        [
            room(&self.out),
            room(&self.back),
            room(&self.frames),
            self.memo.room(),
            room(&out.numbers),
            room(&back.numbers),
        ]
    }

    /// Makes the room what it was in another process.
    pub fn set_sizes(&mut self, sizes: &Sizes) -> Result<(), NoMemory> {
        let [out, back, frames, memo, first, second] = *sizes;
        self.memo.set_room(memo)?;
        let [sent, returned] = &mut self.transits;
        let buffers = [
            (&mut self.out, out),
            (&mut self.back, back),
            (&mut self.frames, frames),
            (&mut sent.numbers, first),
            (&mut returned.numbers, second),
        ];
        for (buffer, size) in buffers {
            buffer.set_room(size)?;
        }
        Ok(())
    }

    /// Leaves no room but for what is to be sent, whatever the exchange was used for before.
    pub fn tighten(&mut self) -> Result<(), NoMemory> {
        let [out, back] = &mut self.transits;
        back.end();
        let (sent, on_way) = (self.out.len(), out.numbers.len());
        self.back.clear();
        self.frames.clear();
        self.memo.clear();
        self.set_sizes(&[sent, 0, 0, 0, on_way, 0])
    }

    /// Whether somebody pays for it.
    pub fn is_paid(&self) -> bool {
        self.back.bill.payer.is_some()
    }

    fn reset(&mut self) {
        self.out.reset();
        self.back.reset();
        self.frames.reset();
        self.memo.reset();
        for transit in &mut self.transits {
            transit.end();
            transit.numbers.reset();
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

    /// Gives back all that was lent; another pays from now on.
    pub fn serve(&mut self, payer: Rc<Budget>) {
        self.lower(0);
        self.payer = Some(payer);
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
