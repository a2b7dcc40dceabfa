//! Writing to a buffer that has room already: what goes into a parcel goes there by some instructions for each value.
//!
//! # Safety
//! A [`Pen`] holds addresses in the buffer that it was taken from. From [`Buffer::pen`] to [`Buffer::lay_down`] nothing else writes to that buffer, or
//! lets it grow. A stop, or an error, may come in between: then the buffer has the length that it had, and what lies behind that is no part of it.
#![allow(unsafe_code)]

use std::ptr;

use super::exchange::Buffer;

/// Where the next byte goes.
#[derive(Clone, Copy)]
pub struct Pen {
    start: *mut u8,
    at: *mut u8,
    end: *mut u8,
}

impl Buffer {
    /// A pen at the buffer's end.
    ///
    /// # Safety
    /// Until it is laid down or forgotten, the buffer is neither written to nor dropped, and does not grow.
    pub unsafe fn pen(&mut self) -> Pen {
        let bytes = self.vec();
        let (len, capacity) = (bytes.len(), bytes.capacity());
        let start = bytes.as_mut_ptr();
        // SAFETY: both lie within what the vector has, or right behind it.
        unsafe { Pen { start, at: start.add(len), end: start.add(capacity) } }
    }

    /// The buffer holds what the pen has written.
    ///
    /// # Safety
    /// The pen is this buffer's, and [`Buffer::pen`]'s promise was kept.
    pub unsafe fn lay_down(&mut self, pen: Pen) {
        // SAFETY: what lies before the pen was in the buffer or has been written by it, and there was room.
        unsafe { self.vec().set_len(pen.written()) }
    }
}

impl Pen {
    /// How many bytes the buffer holds now.
    #[inline(always)]
    pub fn written(&self) -> usize {
        self.at as usize - self.start as usize
    }

    #[inline(always)]
    fn room(&self) -> usize {
        self.end as usize - self.at as usize
    }

    /// Writes both, if there is room: false, and nothing has been done, where there is none.
    #[inline(always)]
    #[must_use]
    pub fn put<const N: usize>(&mut self, head: [u8; N], rest: &[u8]) -> bool {
        let room = self.room();
        if room < N || room - N < rest.len() {
            return false;
        }
        // SAFETY: there is room for both; neither lies in the buffer: one is a local, the other Lua's.
        unsafe {
            ptr::copy_nonoverlapping(head.as_ptr(), self.at, N);
            if !rest.is_empty() {
                ptr::copy_nonoverlapping(rest.as_ptr(), self.at.add(N), rest.len());
            }
            self.at = self.at.add(N + rest.len());
        }
        true
    }

    /// Writes over eight bytes that have been written.
    #[inline(always)]
    pub fn amend(&mut self, at: usize, word: u64) {
        if at.saturating_add(8) <= self.written() {
            // SAFETY: that is what was just looked at.
            unsafe { ptr::copy_nonoverlapping(word.to_le_bytes().as_ptr(), self.start.add(at), 8) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_pen_writes_is_in_the_buffer_when_it_is_laid_down() {
        let mut buffer = Buffer::default();
        assert!(buffer.append(b"before").is_ok());
        let kept = buffer.vec().capacity();
        // SAFETY: the buffer is left alone meanwhile.
        let mut pen = unsafe { buffer.pen() };
        assert_eq!(pen.written(), 6);
        assert!(pen.put([0; 8], b" and "));
        assert!(pen.put(*b"after", &[]));
        pen.amend(6, u64::from_le_bytes(*b" in the "));
        // Not all of it has been written.
        pen.amend(17, 0);
        assert!(!pen.put([1; 1], &vec![2; kept]));
        let mut more = 0;
        while pen.put([b'.'; 1], &[]) {
            more += 1;
        }
        assert_eq!(buffer.as_slice(), b"before");
        // SAFETY: as above.
        unsafe { buffer.lay_down(pen) };
        assert_eq!(buffer.len(), kept);
        assert_eq!(buffer.as_slice(), [&b"before in the  and after"[..], &vec![b'.'; more]].concat());
    }
}
