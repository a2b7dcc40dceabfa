//! The way in from Lua: [`allocate`], with what is done most often by the shortest road: a small block comes from its quick list or goes
//! there, in a box with none above it. All else is the arena's (`Space::serve`).
//!
//! # Safety
//! `allocate` follows `lua_Alloc`'s contract; see `arena` and `blocks`. Nothing here keeps anything that needs dropping.
#![allow(unsafe_code)]

use std::ffi::c_void;
use std::ptr;

use super::arena::charge_of;
use super::blocks::{block_size, Space, HEADER, QUICK_MAX, UNIT};
use crate::engine::zone::Zone;

/// The `lua_Alloc` of a heap; `ud` is its header.
///
/// # Safety
/// `ud` is the header of a living heap; `ptr` is null or a block of it; nobody else is in this heap meanwhile.
pub unsafe extern "C-unwind" fn allocate(
    ud: *mut c_void,
    ptr: *mut c_void,
    osize: usize,
    nsize: usize,
) -> *mut c_void {
    // SAFETY: the caller's promise.
    let space = unsafe { Space::at(ud.cast()) };
    let ptr: *mut u8 = ptr.cast();
    let seat = space.seat.get();
    if seat.is_null() {
        return space.serve(ptr, osize, nsize).cast();
    }
    // SAFETY: whoever sets a seat takes it away before it goes.
    let seat = unsafe { &*seat };
    let prev = seat.enter_alloc();
    // What is done most often comes first, without a call: the rest are calls in the last place, for which no register has to be kept.
    if nsize == 0 {
        if !ptr.is_null() && !space.free_quickly(space.offset(ptr), osize) {
            return space.serve_seated(ptr, osize, nsize, seat, prev).cast();
        }
        return left(seat, prev, ptr::null_mut()).cast();
    }
    if ptr.is_null() {
        let block = space.obtain_quickly(nsize);
        if block != 0 {
            return left(seat, prev, space.ptr(block)).cast();
        }
    }
    space.serve_seated(ptr, osize, nsize, seat, prev).cast()
}

/// The allocator has done its work.
#[inline(always)]
fn left(seat: &Zone, prev: u8, block: *mut u8) -> *mut u8 {
    if seat.leave(prev) {
        return made_up(seat, block);
    }
    block
}

#[cold]
#[inline(never)]
fn made_up(seat: &Zone, block: *mut u8) -> *mut u8 {
    seat.make_up();
    block
}

impl Space {
    /// A block for `n` bytes, charged, if one lies on the quick list; else 0, and nothing has happened.
    #[inline(always)]
    fn obtain_quickly(self, n: usize) -> usize {
        if n > QUICK_MAX {
            return 0;
        }
        let size = block_size(n);
        let Some(head) = self.quick.get(size / UNIT) else { return 0 };
        let block = head.get() as usize * UNIT;
        let charge = charge_of(n);
        if block == 0 || !self.budget().charge_alone(charge) {
            return 0;
        }
        self.live.set(self.live.get() + charge);
        head.set((self.next(block) / UNIT) as u32);
        self.quick_bytes.set(self.quick_bytes.get() - size);
        block
    }

    /// Puts a block on its quick list, if it has one and that is not full; else nothing has happened.
    #[inline(always)]
    fn free_quickly(self, block: usize, osize: usize) -> bool {
        let size = self.size_of(block);
        let Some(head) = self.quick.get(size / UNIT) else { return false };
        if self.is_quick_full() {
            return false;
        }
        let charge = charge_of(osize.min(size - HEADER));
        if !self.budget().release_alone(charge) {
            return false;
        }
        self.live.set(self.live.get().saturating_sub(charge));
        self.set_half(block, head.get() as usize);
        head.set((block / UNIT) as u32);
        self.quick_bytes.set(self.quick_bytes.get() + size);
        true
    }

    /// [`Space::serve`] for a box that runs.
    #[inline(never)]
    fn serve_seated(self, ptr: *mut u8, osize: usize, nsize: usize, seat: &Zone, prev: u8) -> *mut u8 {
        let block = self.serve(ptr, osize, nsize);
        seat.leave_alloc(prev);
        block
    }
}
