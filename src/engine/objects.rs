//! What is loaded into the process: the program and its libraries, where they lie, and which builds they are.
//!
//! # Safety
//! The dynamic linker lists objects that are loaded; notes are read where their program headers say that they lie in memory.
#![allow(unsafe_code)]

use std::ffi::CStr;
use std::os::raw::{c_int, c_void};

use once_cell::sync::Lazy;

/// A loaded program or library.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Object {
    /// Its path; the program has none.
    pub name: Vec<u8>,
    /// What its linker has written into it to tell it from others; empty if it has not.
    pub build: Vec<u8>,
    pub start: u64,
    pub end: u64,
}

impl Object {
    pub fn contains(&self, address: u64) -> bool {
        self.start <= address && address < self.end
    }

    /// Whether this is the same build as `other`.
    pub fn is_build_of(&self, other: &Object) -> bool {
        let same_size = self.end.wrapping_sub(self.start) == other.end.wrapping_sub(other.start);
        same_size && if other.build.is_empty() { self.name == other.name } else { self.build == other.build }
    }

    /// Its name and build id, for a message.
    pub fn shown(&self) -> String {
        let name =
            if self.name.is_empty() { "the interpreter".into() } else { String::from_utf8_lossy(&self.name) };
        let id = self.build_shown();
        format!("{name} ({})", if id.is_empty() { "no build id" } else { &id })
    }

    /// The beginning of its build id, for a message.
    pub fn build_shown(&self) -> String {
        self.build.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }
}

static LOADED: Lazy<Vec<Object>> = Lazy::new(|| {
    let mut objects: Vec<Object> = Vec::new();
    // SAFETY: the callback gets the pointer that is passed here.
    unsafe { libc::dl_iterate_phdr(Some(note), (&raw mut objects).cast()) };
    objects
});

/// The objects that were loaded when this was first asked. Those that hold code of Lua's or ours are never unloaded.
pub fn loaded() -> &'static [Object] {
    &LOADED
}

/// The object that an address lies in.
pub fn holder(address: u64) -> Option<&'static Object> {
    loaded().iter().find(|object| object.contains(address))
}

/// # Safety
/// `dl_iterate_phdr` calls it with a valid record; `data` is the list that is made.
unsafe extern "C" fn note(info: *mut libc::dl_phdr_info, _: usize, data: *mut c_void) -> c_int {
    // SAFETY: the dynamic linker passes a valid record; `data` is the list.
    let (info, objects) = unsafe { (&*info, &mut *(data as *mut Vec<Object>)) };
    if info.dlpi_phdr.is_null() {
        return 0;
    }
    // SAFETY: as above.
    let headers = unsafe { std::slice::from_raw_parts(info.dlpi_phdr, usize::from(info.dlpi_phnum)) };
    let mut object = Object { start: u64::MAX, ..Object::default() };
    if !info.dlpi_name.is_null() {
        // SAFETY: as above: a string.
        object.name.extend_from_slice(unsafe { CStr::from_ptr(info.dlpi_name) }.to_bytes());
    }
    for header in headers {
        let at = info.dlpi_addr.wrapping_add(header.p_vaddr);
        match header.p_type {
            libc::PT_LOAD => {
                object.start = object.start.min(at);
                object.end = object.end.max(at.saturating_add(header.p_memsz));
            }
            libc::PT_NOTE => {
                // SAFETY: notes are part of what is loaded.
                let notes = unsafe { std::slice::from_raw_parts(at as *const u8, header.p_memsz as usize) };
                if let Some(id) = build_id(notes) {
                    object.build = id.to_vec();
                }
            }
            _ => {}
        }
    }
    if object.start < object.end {
        objects.push(object);
    }
    0
}

/// The description of the note `NT_GNU_BUILD_ID`, if it is among these.
fn build_id(mut notes: &[u8]) -> Option<&[u8]> {
    const BUILD_ID: u32 = 3;
    let word = |bytes: &[u8]| bytes.try_into().ok().map(u32::from_le_bytes);
    loop {
        let (header, rest) = notes.split_at_checked(12)?;
        let (name, description) = (word(header.get(..4)?)? as usize, word(header.get(4..8)?)? as usize);
        let body = rest.get(name.checked_next_multiple_of(4)?..)?;
        if word(header.get(8..)?)? == BUILD_ID && CStr::from_bytes_until_nul(rest).ok()? == c"GNU" {
            return body.get(..description);
        }
        notes = body.get(description.checked_next_multiple_of(4)?..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_program_is_loaded_and_has_a_build() {
        let own = holder(build_id as *const () as u64).expect("this very code");
        assert!(own.start < own.end);
        assert!(holder(8).is_none());
        assert!(LOADED.iter().any(|object| object.build.len() >= 8));
    }

    #[test]
    fn notes_are_read_as_far_as_they_go() {
        let note = |kind: u8, name: &[u8], text: &[u8]| {
            let mut bytes = vec![name.len() as u8, 0, 0, 0, text.len() as u8, 0, 0, 0, kind, 0, 0, 0];
            bytes.extend_from_slice(name);
            bytes.resize(bytes.len().next_multiple_of(4), 0);
            bytes.extend_from_slice(text);
            bytes.resize(bytes.len().next_multiple_of(4), 0);
            bytes
        };
        let mut both = note(1, b"GNU\0", b"abi");
        both.extend(note(3, b"GNU\0", b"12345678"));
        assert_eq!(build_id(&both), Some(&b"12345678"[..]));
        for len in 0..both.len() {
            assert_eq!(build_id(&both[..len]), None, "{len}");
        }
        assert_eq!(build_id(&[255; 40]), None);
    }
}
