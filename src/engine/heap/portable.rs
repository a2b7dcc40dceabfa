//! A heap at rest as bytes that another process can take up.
//!
//! Words that point into the heap are moved with it; words that point into a loaded object (the interpreter, this library) are moved with
//! that object, which must be the same build: it is known by its build id. Both are told by their looks, as for the image of a fresh state.
//! PUC Lua hashes an address by its low 32 bits, so the new slot has the same; LuaJIT hashes all of it: there it is the same slot.
//!
//! # Safety
//! Bytes are copied between a heap that nobody runs and a buffer. What is loaded is believed: a heap is as powerful as machine code, and
//! whoever loads one has checked where it comes from.
#![allow(unsafe_code)]

use std::ffi::CStr;
use std::os::raw::{c_int, c_void};
use std::ptr;

use super::arena::Arena;
use super::image::points_into;
use super::Heap;

const WORD: usize = size_of::<u64>();

/// A loaded object.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Object {
    pub name: Vec<u8>,
    /// Its build id; empty where it has none.
    pub id: Vec<u8>,
    pub start: u64,
    pub end: u64,
}

impl Object {
    fn contains(&self, word: u64) -> bool {
        self.start <= word && word < self.end
    }

    /// Whether this is the same build as `other`.
    fn is_build_of(&self, other: &Object) -> bool {
        let same_size = self.end.wrapping_sub(self.start) == other.end.wrapping_sub(other.start);
        same_size && if other.id.is_empty() { self.name == other.name } else { self.id == other.id }
    }

    /// Its name and build id, for a message.
    fn shown(&self) -> String {
        let name =
            if self.name.is_empty() { "the interpreter".into() } else { String::from_utf8_lossy(&self.name) };
        let id: String = self.id.iter().take(8).map(|b| format!("{b:02x}")).collect();
        format!("{name} ({})", if id.is_empty() { "no build id" } else { &id })
    }
}

/// A heap as bytes.
#[derive(Debug, Default, PartialEq)]
pub struct Portable {
    pub base: u64,
    /// How long the slot was.
    pub size: u64,
    pub words: Vec<u64>,
    /// The loaded objects that it points into.
    pub objects: Vec<Object>,
}

/// All loaded objects of this process.
fn loaded() -> Vec<Object> {
    unsafe extern "C" fn note(info: *mut libc::dl_phdr_info, _: usize, data: *mut c_void) -> c_int {
        let all = &mut *(data as *mut Vec<Object>);
        let info = &*info;
        if info.dlpi_phdr.is_null() || all.try_reserve(1).is_err() {
            return 0;
        }
        let mut object = Object { start: u64::MAX, ..Object::default() };
        if !info.dlpi_name.is_null() {
            object.name.extend_from_slice(CStr::from_ptr(info.dlpi_name).to_bytes());
        }
        for header in std::slice::from_raw_parts(info.dlpi_phdr, usize::from(info.dlpi_phnum)) {
            let start = info.dlpi_addr + header.p_vaddr;
            match header.p_type {
                libc::PT_LOAD => {
                    object.start = object.start.min(start);
                    object.end = object.end.max(start + header.p_memsz);
                }
                libc::PT_NOTE if object.id.is_empty() => {
                    let notes = std::slice::from_raw_parts(start as *const u8, header.p_memsz as usize);
                    object.id = build_id(notes).unwrap_or_default().to_vec();
                }
                _ => {}
            }
        }
        if object.start < object.end {
            all.push(object);
        }
        0
    }
    let mut all: Vec<Object> = Vec::new();
    // SAFETY: the callback gets the pointer that is passed here; headers, names and notes of an object are mapped while it is loaded.
    unsafe { libc::dl_iterate_phdr(Some(note), (&raw mut all).cast()) };
    all
}

/// The build id among the notes of an object.
fn build_id(mut notes: &[u8]) -> Option<&[u8]> {
    const BUILD_ID: u32 = 3;
    let word = |at: usize, notes: &[u8]| Some(u32::from_ne_bytes(notes.get(at..at + 4)?.try_into().ok()?));
    loop {
        let (name, desc, kind) = (word(0, notes)? as usize, word(4, notes)? as usize, word(8, notes)?);
        let from = 12 + name.next_multiple_of(4);
        if kind == BUILD_ID && notes.get(12..12 + name)? == b"GNU\0" {
            return notes.get(from..from + desc);
        }
        notes = notes.get(from + desc.next_multiple_of(4)..)?;
    }
}

impl Heap {
    /// This heap as bytes; nobody runs in it. `None` where there is no memory for them.
    pub fn portable(&self) -> Option<Portable> {
        let arena = self.arena();
        let (base, top, brk) = (self.header() as usize, arena.top.get(), arena.brk.get());
        let mut words: Vec<u64> = Vec::new();
        words.try_reserve_exact(top / WORD + 1).ok()?;
        // SAFETY: `top` bytes from the base on are the heap's own; the vector has room for as many. Blocks are multiples of 16.
        unsafe {
            ptr::copy_nonoverlapping(base as *const u64, words.as_mut_ptr(), top / WORD);
            words.set_len(top / WORD);
        }
        let head = size_of::<Arena>() / WORD;
        let mut objects = loaded();
        let mut met = vec![false; objects.len()];
        for &word in words.iter().skip(head) {
            if points_into(word, base, brk) {
                continue;
            }
            if let Some((_, met)) = objects.iter().zip(&mut met).find(|(object, _)| object.contains(word)) {
                *met = true;
            }
        }
        let mut met = met.into_iter();
        objects.retain(|_| met.next() == Some(true));
        // Where this process keeps its own pointers is nobody's business.
        if let Some(head) = words.get_mut(..head) {
            Arena::blind(head);
        }
        Some(Portable { base: base as u64, size: arena.capacity() as u64, words, objects })
    }

    /// Makes this heap what `image` was; the slot has to lie as the image asks. On failure the heap can't be used any more.
    pub fn load(&self, image: &Portable) -> Result<(), String> {
        let arena = self.arena();
        let (base, len) = (self.header() as u64, image.words.len() * WORD);
        let like =
            if cfg!(feature = "luajit") { base == image.base } else { base as u32 == image.base as u32 };
        if !like {
            return Err("the heap can't have the place that it needs".to_owned());
        }
        let broken = || Err("broken heap".to_owned());
        let size = usize::try_from(image.size).unwrap_or(usize::MAX);
        if len < size_of::<Arena>() || len > size || size > self.slot_size() {
            return broken();
        }
        let here = loaded();
        let mut moves = Vec::new();
        for object in &image.objects {
            match here.iter().find(|other| other.is_build_of(object)) {
                Some(other) => moves.push((object, other.start.wrapping_sub(object.start))),
                None => {
                    let other = here.iter().find(|other| other.name == object.name);
                    let found =
                        other.map_or("not loaded here".to_owned(), |other| format!("here {}", other.shown()));
                    return Err(format!("other build: {}, {found}", object.shown()));
                }
            }
        }
        let budget = arena.budget_pointer();
        let before = arena.sizes().0;
        // SAFETY: the slot is as long as was checked; nobody runs in the heap. The arena's own pointers are put back.
        unsafe {
            let (owner, seat) = (arena.owner.get(), arena.seat.get());
            ptr::copy_nonoverlapping(image.words.as_ptr(), base as *mut u64, image.words.len());
            arena.adopt(size, budget);
            arena.owner.set(owner);
            arena.seat.set(seat);
        }
        if arena.top.get() != len || arena.brk.get() < len || arena.brk.get() > size {
            return broken();
        }
        let (old, brk) = (image.base as usize, arena.brk.get());
        let delta = base.wrapping_sub(image.base);
        for at in size_of::<Arena>() / WORD..image.words.len() {
            let place = (base as *mut u64).wrapping_add(at);
            // SAFETY: below `len`, which the slot has.
            unsafe {
                let word = *place;
                if points_into(word, old, brk) {
                    *place = word.wrapping_add(delta);
                } else if let Some((_, by)) = moves.iter().find(|(object, _)| object.contains(word)) {
                    *place = word.wrapping_add(*by);
                }
            }
        }
        self.budget.release(before);
        if !self.budget.charge(arena.sizes().0) {
            return Err(crate::lua::compat::NO_MEMORY.to_owned());
        }
        Ok(())
    }

    /// How long the slot really is.
    fn slot_size(&self) -> usize {
        self.slot.as_ref().map_or(0, |slot| slot.size())
    }
}
