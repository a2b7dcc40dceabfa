//! Which words of a heap are addresses of code: where a heap is taken up in another process, these move with what is loaded.
//!
//! A word may look like one and be none. A block that is used again holds what it held before wherever nobody has written yet: the one
//! byte of a string and the NUL behind it, or an object's type and mark, over what was a function's address. So what counts in Lua's code and in
//! ours is where a function begins, by the table for unwinding that each loaded object has; and of their data, the few things that Lua keeps the
//! address of. (LuaJIT's frames and dispatch tables lead into the middle of its code. It writes four bytes at once, at least.)
//!
//! # Safety
//! The dynamic linker lists objects that are loaded; their tables are read where their program headers say. Lua and this library are
//! never unloaded.
#![allow(unsafe_code)]

use std::os::raw::{c_int, c_void};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use mlua::ffi::lua_State;
use once_cell::sync::Lazy;

use super::heap::tables;
use super::objects::{holder, Object};
use crate::lua::compat;

/// A loaded object's code.
struct Code {
    object: &'static Object,
    /// From where to where it is executable.
    text: Vec<(u64, u64)>,
    functions: Option<Functions>,
}

/// Where functions begin, counted from `base`, in order.
#[derive(Clone, Copy)]
struct Functions {
    base: u64,
    rows: &'static [[i32; 2]],
}

/// Lua's code and ours.
static OWN: Lazy<Vec<Code>> = Lazy::new(|| {
    let ours: fn(u64) -> bool = is_target;
    [compat::own_address() as u64, ours as usize as u64].into_iter().filter_map(Code::around).collect()
});

/// Addresses in Lua's data that a heap may hold.
static DATA: [AtomicU64; 2] = [const { AtomicU64::new(0) }; 2];

/// Lua and this library, as they are loaded.
pub fn own() -> impl Iterator<Item = &'static Object> {
    OWN.iter().map(|code| code.object)
}

/// Whether a heap may hold this address of something loaded.
pub fn is_target(address: u64) -> bool {
    let Some(code) = OWN.iter().find(|code| code.object.contains(address)) else { return false };
    if compat::JIT {
        return true;
    }
    if code.text.iter().any(|&(start, end)| start <= address && address < end) {
        return code.functions.is_none_or(|functions| functions.has(address));
    }
    DATA.iter().any(|place| place.load(Relaxed) == address)
}

/// Bare: finds out what of Lua's data a heap may hold the address of: the node that all empty tables share, and the version's number.
///
/// # Safety
/// A valid state.
pub unsafe fn learn(state: *mut lua_State) {
    // SAFETY: the caller's promise.
    let addresses = unsafe { [tables::shared_node(state), compat::version_address(state) as u64] };
    for (place, address) in DATA.iter().zip(addresses) {
        place.store(address, Relaxed);
    }
}

impl Functions {
    fn has(self, address: u64) -> bool {
        let offset = address.wrapping_sub(self.base) as i64;
        self.rows.binary_search_by(|row| i64::from(row[0]).cmp(&offset)).is_ok()
    }

    /// What the table of that length at `base` says (`.eh_frame_hdr`), if it is of the usual kind.
    ///
    /// # Safety
    /// It lies there, and stays.
    unsafe fn read(base: u64, len: u64) -> Option<Functions> {
        /// Version 1; addresses of four bytes, a count of four bytes, rows of four bytes counted from the table's beginning.
        const USUAL: [u8; 4] = [1, 0x1b, 3, 0x3b];
        const HEAD: u64 = 12;
        if len < HEAD || !base.is_multiple_of(4) {
            return None;
        }
        // SAFETY: the caller's promise; as long as the head was checked to be, and so are the rows.
        unsafe {
            let count = ((base + 8) as *const u32).read();
            let fits = u64::from(count) * size_of::<[i32; 2]>() as u64 <= len - HEAD;
            if (base as *const [u8; 4]).read() != USUAL || !fits {
                return None;
            }
            let rows = std::slice::from_raw_parts((base + HEAD) as *const [i32; 2], count as usize);
            Some(Functions { base, rows })
        }
    }
}

impl Code {
    /// The code of the object that an address lies in.
    fn around(address: u64) -> Option<Code> {
        let mut code = Code { object: holder(address)?, text: Vec::new(), functions: None };
        // SAFETY: the callback gets the pointer that is passed here.
        unsafe { libc::dl_iterate_phdr(Some(note), (&raw mut code).cast()) };
        Some(code)
    }
}

/// Notes an object's code, if it is the one that is looked for.
///
/// # Safety
/// The dynamic linker calls this; `data` is a [`Code`].
unsafe extern "C" fn note(info: *mut libc::dl_phdr_info, _: usize, data: *mut c_void) -> c_int {
    // SAFETY: the dynamic linker passes a valid record, and what it was given.
    let (info, code) = unsafe { (&*info, &mut *(data as *mut Code)) };
    if info.dlpi_phdr.is_null() {
        return 0;
    }
    // SAFETY: as above.
    let headers = unsafe { std::slice::from_raw_parts(info.dlpi_phdr, usize::from(info.dlpi_phnum)) };
    let place = |header: &libc::Elf64_Phdr| info.dlpi_addr.wrapping_add(header.p_vaddr);
    let is_it =
        |header: &libc::Elf64_Phdr| header.p_type == libc::PT_LOAD && code.object.contains(place(header));
    if !headers.iter().any(is_it) {
        return 0;
    }
    for header in headers {
        let (start, len) = (place(header), header.p_memsz);
        match header.p_type {
            libc::PT_LOAD if header.p_flags & libc::PF_X != 0 => {
                code.text.push((start, start.saturating_add(len)))
            }
            // SAFETY: part of what is loaded, and never unloaded.
            libc::PT_GNU_EH_FRAME => code.functions = unsafe { Functions::read(start, len) },
            _ => {}
        }
    }
    1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_begins_a_function_is_told_from_what_is_inside() {
        assert_eq!(OWN.iter().filter(|code| code.functions.is_some()).count(), OWN.len());
        let begins = note as *const () as u64;
        assert!(is_target(begins));
        assert!(is_target(compat::own_address() as u64) && own().count() == 2);
        if !compat::JIT {
            assert!(!is_target(begins + 1) && !is_target(begins & !0xff | 7));
            // Data that nothing of Lua's refers to, and nothing.
            assert!(!is_target(&raw const DATA as u64) && !is_target(8));
        }
    }

    #[test]
    fn tables_of_another_kind_are_none() {
        let mut table: Vec<i32> = vec![i32::from_le_bytes([1, 0x1b, 3, 0x3b]), 0, 2, -16, 0, 32, 0];
        let read = |table: &[i32]| {
            // SAFETY: as long as it says, and there until the test ends.
            unsafe { Functions::read(table.as_ptr() as u64, size_of_val(table) as u64) }
        };
        let base = table.as_ptr() as u64;
        let found = read(&table).expect("two rows");
        assert!(
            found.has(base - 16)
                && found.has(base + 32)
                && !found.has(base)
                && !found.has(base + (1 << 32) + 32)
        );
        for len in 0..table.len() {
            assert!(read(&table[..len]).is_none(), "{len}");
        }
        table[0] ^= 0x100;
        assert!(read(&table).is_none());
    }
}
