//! Finding the end of a line and copying the line, in one pass: most lines are short, and a call of `memchr`, one of `memcpy` and a second
//! search for zero bytes cost more than the bytes themselves.
//!
//! # Safety
//! Reads nothing behind the bytes that it is given, and writes as many at most.
#![allow(unsafe_code)]

use std::ptr;

use crate::lua::compat;

/// What is looked through step by step; of a longer line the rest is left to the C library, which takes larger steps.
const SHORT: usize = 256;

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The line ends after so many bytes, which have been copied.
    Line(usize),
    /// None of the bytes ends it. All have been copied.
    Open,
    /// Stock Lua would not read this text whole: 5.1, 5.2 and LuaJIT lose what follows a zero byte.
    Zero,
}

/// Copies the line that begins at `from` to `to`, without its end. Zero bytes matter where it is to be a `text`.
///
/// # Safety
/// `ahead` bytes can be read at `from`, and as many written at `to`, which don't overlap.
#[inline(always)]
pub unsafe fn copy_line(from: *const u8, ahead: usize, to: *mut u8, text: bool) -> End {
    let text = text && (compat::V51 || compat::V52);
    // SAFETY: all offsets are at most `ahead`.
    unsafe {
        let mut at = 0;
        while at + 2 * steps::WIDTH <= ahead.min(SHORT) {
            if let Some(found) = steps::copy_two(from.add(at), to.add(at), text) {
                return end_at(from, at + found, text);
            }
            at += 2 * steps::WIDTH;
        }
        copy_rest(from, at, ahead, to, text)
    }
}

/// What the byte at `length` says.
///
/// # Safety
/// It can be read.
#[inline(always)]
unsafe fn end_at(from: *const u8, length: usize, text: bool) -> End {
    // SAFETY: see above.
    if text && unsafe { *from.add(length) } == 0 {
        End::Zero
    } else {
        End::Line(length)
    }
}

/// The same from the byte at `at` on.
///
/// # Safety
/// As [`copy_line`]; `at` is at most `ahead`.
#[inline(never)]
unsafe fn copy_rest(from: *const u8, mut at: usize, ahead: usize, to: *mut u8, text: bool) -> End {
    // SAFETY: as there.
    unsafe {
        if at < SHORT && at + steps::WIDTH <= ahead {
            if let Some(found) = steps::copy(from.add(at), to.add(at), text) {
                return end_at(from, at + found, text);
            }
            at += steps::WIDTH;
        }
        let (rest, left) = (from.add(at), ahead - at);
        let end = libc::memchr(rest.cast(), b'\n'.into(), left);
        let length = if end.is_null() { left } else { end as usize - rest as usize };
        if text && !libc::memchr(rest.cast(), 0, length).is_null() {
            return End::Zero;
        }
        ptr::copy_nonoverlapping(rest, to.add(at), length);
        if end.is_null() {
            End::Open
        } else {
            End::Line(at + length)
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod steps {
    use std::arch::x86_64::*;

    pub const WIDTH: usize = 16;

    /// Copies [`WIDTH`] bytes; gives the place of the first end of a line or, in a `text`, zero byte among them.
    ///
    /// # Safety
    /// So many bytes can be read and written.
    #[inline(always)]
    pub unsafe fn copy(from: *const u8, to: *mut u8, text: bool) -> Option<usize> {
        // SAFETY: passed on.
        first(unsafe { ends(from, to, text) })
    }

    /// The same with twice as many.
    ///
    /// # Safety
    /// As there.
    #[inline(always)]
    pub unsafe fn copy_two(from: *const u8, to: *mut u8, text: bool) -> Option<usize> {
        // SAFETY: passed on.
        unsafe { first(ends(from, to, text) | ends(from.add(WIDTH), to.add(WIDTH), text) << WIDTH) }
    }

    fn first(ends: u32) -> Option<usize> {
        (ends != 0).then(|| ends.trailing_zeros() as usize)
    }

    /// Copies [`WIDTH`] bytes; gives a bit for each, which is set where it ends a line or, in a `text`, is zero.
    ///
    /// # Safety
    /// So many bytes can be read and written.
    #[inline(always)]
    unsafe fn ends(from: *const u8, to: *mut u8, text: bool) -> u32 {
        // SAFETY: loads and stores that need no alignment; every x86-64 has these instructions.
        unsafe {
            let bytes = _mm_loadu_si128(from.cast());
            _mm_storeu_si128(to.cast(), bytes);
            let mut ends = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(b'\n' as i8));
            if text {
                ends = _mm_or_si128(ends, _mm_cmpeq_epi8(bytes, _mm_setzero_si128()));
            }
            _mm_movemask_epi8(ends) as u32
        }
    }
}

#[cfg(not(target_arch = "x86_64"))]
mod steps {
    /// No step is so wide.
    pub const WIDTH: usize = usize::MAX / 4;

    /// # Safety
    /// None: it is never called.
    pub unsafe fn copy(_from: *const u8, _to: *mut u8, _text: bool) -> Option<usize> {
        None
    }

    /// # Safety
    /// None: it is never called.
    pub unsafe fn copy_two(_from: *const u8, _to: *mut u8, _text: bool) -> Option<usize> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_lines_of_any_length() {
        for length in [0, 1, 15, 16, 17, 31, 32, 33, 63, 64, 255, 256, 257, 1000] {
            for behind in [0, 1, 16, 40] {
                let mut text = vec![b'x'; length];
                text.push(b'\n');
                text.extend(std::iter::repeat_n(b'\n', behind));
                let mut to = vec![b'?'; text.len()];
                // SAFETY: both are as long.
                let found = unsafe { copy_line(text.as_ptr(), text.len(), to.as_mut_ptr(), true) };
                assert_eq!(found, End::Line(length));
                assert_eq!(to.get(..length), text.get(..length));
                let mut open = vec![b'?'; length];
                // SAFETY: as above, without what ends the line.
                let found = unsafe { copy_line(text.as_ptr(), length, open.as_mut_ptr(), true) };
                assert_eq!(found, End::Open);
                assert_eq!(Some(open.as_slice()), text.get(..length));
            }
        }
    }

    #[test]
    fn zero_bytes_are_no_text_where_stock_lua_loses_them() {
        for length in [1, 16, 20, 300] {
            for zero in [0, length / 2, length - 1] {
                let mut line = vec![b'x'; length];
                line[zero] = 0;
                line.push(b'\n');
                let mut to = vec![b'?'; line.len()];
                // SAFETY: both are as long.
                let (any, text) = unsafe {
                    let any = copy_line(line.as_ptr(), line.len(), to.as_mut_ptr(), false);
                    (any, copy_line(line.as_ptr(), line.len(), to.as_mut_ptr(), true))
                };
                assert_eq!(any, End::Line(length));
                let loses = compat::V51 || compat::V52;
                assert_eq!(text, if loses { End::Zero } else { End::Line(length) });
                // A zero byte behind the line is none of its own.
                line[zero] = b'x';
                line.push(0);
                let mut to = vec![b'?'; line.len()];
                // SAFETY: as above.
                let found = unsafe { copy_line(line.as_ptr(), line.len(), to.as_mut_ptr(), true) };
                assert_eq!(found, End::Line(length));
            }
        }
    }
}
