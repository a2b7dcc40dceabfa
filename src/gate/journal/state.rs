//! What a box is at rest, as bytes: its heap, and what of it lies outside. A recording begins with that, and a soft stop by the clock
//! writes it down, since where such a stop came can't be told by any count.

use std::rc::Rc;

use super::frame::{put, put_bytes, Reader};
use crate::engine::code;
use crate::engine::heap::{Budget, Heap, HeapCopy, HeapParts, Slot};
use crate::engine::objects::{loaded, Object};
use crate::gate::core::Core;
use crate::gate::ledger::{Books, Way};
use crate::lua::compat::NO_MEMORY;

/// No box has more Lua threads, or releases under way.
const MOST: usize = 1 << 24;

/// What of a box lies outside its heap and changes as it runs.
#[derive(Debug, Default, PartialEq)]
pub struct Outside {
    pub random: [u64; 4],
    pub unseeded: bool,
    pub collected: u64,
    pub main: u64,
    /// Of each Lua thread for calls, whether it lies ready; none is busy.
    pub threads: Vec<bool>,
    /// Instructions and output: of the allowance, and in all.
    pub spent: [u64; 4],
    pub exit: Option<i64>,
    pub books: [Books; 2],
}

impl Outside {
    pub fn of(core: &Core) -> Option<Outside> {
        let spent = core.spent.get();
        let main = core.heap.try_borrow().ok()?.as_ref()?.header() as usize;
        Some(Outside {
            random: core.random.get(),
            unseeded: core.unseeded.get(),
            collected: core.collected.get() as u64,
            main: (core.main.get() as usize).wrapping_sub(main) as u64,
            threads: core.threads.made(),
            spent: [spent.instructions, spent.output, spent.instructions_total, spent.output_total],
            exit: core.exit.get(),
            books: [core.ledger.books(Way::Up)?, core.ledger.books(Way::Down)?],
        })
    }

    pub fn restore(&self, core: &Core) -> Option<()> {
        let header = core.heap.try_borrow().ok()?.as_ref()?.header();
        core.main.set(header.cast::<u8>().wrapping_add(self.main as usize).cast_mut().cast());
        core.random.set(self.random);
        core.unseeded.set(self.unseeded);
        core.collected.set(self.collected as usize);
        core.threads.set_ready(&self.threads);
        let mut spent = core.spent.get();
        [spent.instructions, spent.output, spent.instructions_total, spent.output_total] = self.spent;
        core.spent.set(spent);
        core.exit.set(self.exit);
        let [up, down] = &self.books;
        core.ledger.set_books(Way::Up, up)?;
        core.ledger.set_books(Way::Down, down)
    }

    fn write(&self, to: &mut Vec<u8>) {
        self.random.iter().for_each(|word| to.extend_from_slice(&word.to_le_bytes()));
        to.push(u8::from(self.unseeded));
        put(to, self.collected);
        put(to, self.main);
        put(to, self.threads.len() as u64);
        to.extend(self.threads.iter().map(|&ready| u8::from(ready)));
        self.spent.iter().for_each(|&n| put(to, n));
        to.push(u8::from(self.exit.is_some()));
        put(to, self.exit.unwrap_or(0) as u64);
        for Books { list, expected, capacity, crowd } in &self.books {
            put(to, list.len() as u64);
            for &(number, count) in list {
                put(to, number);
                put(to, count);
            }
            [expected, capacity, crowd].into_iter().for_each(|&n| put(to, n as u64));
        }
    }

    fn read(r: &mut Reader<'_>) -> Option<Outside> {
        let mut outside = Outside::default();
        for word in &mut outside.random {
            *word = r.word()?;
        }
        outside.unseeded = r.byte()? != 0;
        outside.collected = r.number()?;
        outside.main = r.number()?;
        let threads = r.size().filter(|&n| n < MOST)?;
        outside.threads = r.take(threads)?.iter().map(|&ready| ready != 0).collect();
        for n in &mut outside.spent {
            *n = r.number()?;
        }
        let exited = r.byte()? != 0;
        let code = r.number()? as i64;
        outside.exit = exited.then_some(code);
        for books in &mut outside.books {
            let len = r.size().filter(|&n| n < MOST && n <= r.0.len())?;
            for _ in 0..len {
                books.list.push((r.number()?, r.number()?));
            }
            for place in [&mut books.expected, &mut books.capacity, &mut books.crowd] {
                *place = r.size().filter(|&n| n < MOST || n == usize::MAX)?;
            }
        }
        Some(outside)
    }
}

/// A box at rest.
#[cfg_attr(test, derive(Debug, PartialEq))]
pub struct State {
    pub outside: Outside,
    /// How long the slot was: where the heap ends, memory does.
    pub size: u64,
    pub heap: HeapCopy,
    /// Lua and this library, which the heap points into.
    pub objects: Vec<Object>,
}

impl State {
    /// The box's state as bytes; `None` where there is no memory, or where the box has no heap.
    pub fn take(core: &Core) -> Option<Vec<u8>> {
        let outside = Outside::of(core)?;
        let (size, heap) = {
            let heap = core.heap.try_borrow().ok()?;
            let heap = heap.as_ref()?;
            (heap.capacity() as u64, heap.copy()?)
        };
        let objects = code::own().cloned().collect();
        State { outside, size, heap, objects }.bytes()
    }

    /// The heap, in a slot that it has alone. Charged to `budget`.
    pub fn heap_in(&self, slot: Slot, budget: &Rc<Budget>) -> Result<Heap, String> {
        let mut moved = Vec::new();
        for object in &self.objects {
            let Some(other) = loaded().iter().find(|other| other.is_build_of(object)) else {
                let other = loaded().iter().find(|other| other.name == object.name);
                let found =
                    other.map_or("not loaded here".to_owned(), |other| format!("here {}", other.shown()));
                return Err(format!("other build: {}, {found}", object.shown()));
            };
            moved.push((object.start, object.end, other.start.wrapping_sub(object.start)));
        }
        moved.retain(|range| range.2 != 0);
        if !self.heap.fits(&slot) {
            return Err("the heap can't have the place that it needs".to_owned());
        }
        if !budget.charge(self.heap.live()) {
            return Err(NO_MEMORY.to_owned());
        }
        let Some(heap) = Heap::of_copy(slot, Rc::clone(budget), &self.heap, &moved) else {
            budget.release(self.heap.live());
            return Err(NO_MEMORY.to_owned());
        };
        heap.set_capacity(self.size as usize);
        Ok(heap)
    }

    /// The same of one that is there.
    pub fn bytes(&self) -> Option<Vec<u8>> {
        let mut to = Vec::new();
        self.outside.write(&mut to);
        let HeapParts { base, page, live, brk, pieces, gone, words } = self.heap.parts();
        put(&mut to, self.size);
        [base, page, live, brk].into_iter().for_each(|n| put(&mut to, n as u64));
        for list in [pieces, gone] {
            put(&mut to, list.len() as u64);
            for &(at, len) in list {
                put(&mut to, at as u64);
                put(&mut to, len as u64);
            }
        }
        put(&mut to, self.objects.len() as u64);
        for Object { name, build, start, end } in &self.objects {
            put_bytes(&mut to, name);
            put_bytes(&mut to, build);
            put(&mut to, *start);
            put(&mut to, *end);
        }
        let mut raw = Vec::new();
        raw.try_reserve_exact(words.len().checked_mul(8)?).ok()?;
        words.iter().for_each(|word| raw.extend_from_slice(&word.to_le_bytes()));
        // At worst it grows a little.
        to.try_reserve(raw.len() + raw.len() / 64 + 1024).ok()?;
        put(&mut to, raw.len() as u64);
        put_bytes(&mut to, &lz4_flex::block::compress(&raw));
        Some(to)
    }

    pub fn read(bytes: &[u8]) -> Option<State> {
        let r = &mut Reader(bytes);
        let outside = Outside::read(r)?;
        let size = r.number()?;
        let (base, page, live, brk) = (r.size()?, r.size()?, r.size()?, r.size()?);
        let mut lists = [Vec::new(), Vec::new()];
        for list in &mut lists {
            // Each takes two bytes at least.
            for _ in 0..r.size().filter(|&n| n <= r.0.len() / 2)? {
                list.push((r.size()?, r.size()?));
            }
        }
        let count = r.size().filter(|&n| n < 1000)?;
        let mut objects = Vec::new();
        for _ in 0..count {
            let (name, build) = (r.bytes()?.to_vec(), r.bytes()?.to_vec());
            objects.push(Object { name, build, start: r.number()?, end: r.number()? });
        }
        let len = r.size()?;
        let packed = r.bytes()?;
        // LZ4 makes nothing more than 255 times smaller.
        if !r.is_at_end() || len % 8 != 0 || len as u64 > size || len / 256 > packed.len() {
            return None;
        }
        let mut raw = Vec::new();
        raw.try_reserve_exact(len).ok()?;
        raw.resize(len, 0);
        if lz4_flex::block::decompress_into(packed, &mut raw).ok() != Some(len) {
            return None;
        }
        let words: Vec<u64> =
            raw.chunks_exact(8).map(|b| b.try_into().map_or(0, u64::from_le_bytes)).collect();
        let [pieces, gone] = &lists;
        let heap = HeapCopy::of_parts(HeapParts { base, page, live, brk, pieces, gone, words: &words })?;
        (brk as u64 <= size).then_some(State { outside, size, heap, objects })
    }
}
