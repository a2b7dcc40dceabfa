//! What lies in the buffer of a `FILE`: how much can be read without a system call, and what is still to be written.
//!
//! # Safety
//! The fields are those of glibc's `struct _IO_FILE` in `bits/types/struct_FILE.h`. They are part of its binary interface: programs have
//! had them compiled in, through the macros of `getc` and `putc`, since 1997. They are read here, never written.
#![allow(unsafe_code)]

use libc::{size_t, FILE};

use super::stdio::{Errno, Failure};

#[repr(C)]
struct Layout {
    flags: i32,
    read_ptr: *const u8,
    read_end: *const u8,
    read_base: *const u8,
    write_base: *const u8,
    write_ptr: *const u8,
    write_end: *const u8,
    buf_base: *const u8,
    buf_end: *const u8,
    save_base: *const u8,
    backup_base: *const u8,
    save_end: *const u8,
}

/// Set while bytes that were put back are read: the rest of the buffer waits between `save_base` and `save_end`.
const IN_BACKUP: i32 = 0x100;

extern "C" {
    fn __fpending(file: *mut FILE) -> size_t;
    fn __fpurge(file: *mut FILE);
}

/// How many bytes can be read without a system call.
///
/// # Safety
/// The file is open and locked.
#[inline]
pub unsafe fn ahead(file: *mut FILE) -> usize {
    // SAFETY: see the module; the fields are read one by one, as they are now.
    unsafe {
        let layout = file as *const Layout;
        let now = ((*layout).read_end as usize).saturating_sub((*layout).read_ptr as usize);
        if (*layout).flags & IN_BACKUP == 0 {
            return now;
        }
        now.saturating_add(((*layout).save_end as usize).saturating_sub((*layout).save_base as usize))
    }
}

/// Takes what is still to be written out of the buffer.
///
/// # Safety
/// The file is open and locked.
pub unsafe fn take_pending(file: *mut FILE) -> Result<Vec<u8>, Failure> {
    let mut taken = Vec::new();
    // SAFETY: what is pending begins at `write_base`; while something is, nothing that was read lies in the buffer.
    unsafe {
        let pending = __fpending(file);
        if pending > 0 {
            let from = (*(file as *const Layout)).write_base;
            taken.try_reserve_exact(pending).map_err(|_| Failure::System(Errno(libc::ENOMEM)))?;
            taken.extend_from_slice(std::slice::from_raw_parts(from, pending));
            __fpurge(file);
        }
    }
    Ok(taken)
}
