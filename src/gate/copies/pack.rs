//! A snapshot as bytes, and back: plain numbers, little-endian, one behind the other. What comes back is checked for sense, for a fuzzer
//! gets here without a key; the words of heaps can't be.
//!
//! Marks and open files stay behind: they belong to the process.

use std::rc::Weak;

use super::marks::Marks;
use super::{Below, Settings, Snapshot};
use crate::engine::heap::{HeapCopy, HeapParts};
use crate::gate::allowance::{Limits, Spent};
use crate::gate::core::{Kind, Status};
use crate::gate::exchange::NoMemory;
use crate::gate::grants::Grants;
use crate::gate::ledger::Kept;
use crate::gate::limits::{Asked, Per, MAX_DEPTH, TABLE};
use crate::gate::opened;
use crate::gate::request::{Bound, Id};
use crate::gate::threads::Threads;

/// Writes numbers and strings.
#[derive(Default)]
pub struct Packer(pub Vec<u8>);

impl Packer {
    pub fn bytes(&mut self, bytes: &[u8]) -> Result<(), NoMemory> {
        self.number(bytes.len() as u64)?;
        self.0.try_reserve(bytes.len()).map_err(|_| NoMemory)?;
        self.0.extend_from_slice(bytes);
        Ok(())
    }

    pub fn number(&mut self, n: u64) -> Result<(), NoMemory> {
        self.0.try_reserve(8).map_err(|_| NoMemory)?;
        self.0.extend_from_slice(&n.to_le_bytes());
        Ok(())
    }

    pub fn numbers(&mut self, all: impl IntoIterator<Item = u64>) -> Result<(), NoMemory> {
        all.into_iter().try_for_each(|n| self.number(n))
    }
}

/// Reads them again; `None` where there is nothing, or no sense.
pub struct Unpacker<'a>(pub &'a [u8]);

impl<'a> Unpacker<'a> {
    pub fn number(&mut self) -> Option<u64> {
        let (word, rest) = self.0.split_first_chunk::<8>()?;
        self.0 = rest;
        Some(u64::from_le_bytes(*word))
    }

    pub fn size(&mut self) -> Option<usize> {
        usize::try_from(self.number()?).ok()
    }

    pub fn flag(&mut self) -> Option<bool> {
        match self.number()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    pub fn bytes(&mut self) -> Option<&'a [u8]> {
        let len = self.size()?;
        let (bytes, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(bytes)
    }

    /// A list whose items take `least` bytes each.
    pub fn list<T>(&mut self, least: usize, mut item: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let len = self.size()?;
        if len > self.0.len() / least.max(1) {
            return None;
        }
        let mut list = Vec::new();
        list.try_reserve_exact(len).ok()?;
        for _ in 0..len {
            list.push(item(self)?);
        }
        Some(list)
    }
}

impl Snapshot {
    pub(super) fn pack(&self, to: &mut Packer) -> Result<(), NoMemory> {
        to.number(u64::from(self.heap.is_some()))?;
        if let Some(copy) = &self.heap {
            let parts = copy.parts();
            to.numbers([parts.base, parts.page, parts.live, parts.brk].map(|n| n as u64))?;
            for list in [parts.pieces, parts.gone] {
                to.number(list.len() as u64)?;
                to.numbers(list.iter().flat_map(|&(at, len)| [at as u64, len as u64]))?;
            }
            to.number(parts.words.len() as u64)?;
            to.0.try_reserve(parts.words.len() * 8).map_err(|_| NoMemory)?;
            to.numbers(parts.words.iter().copied())?;
        }
        to.number(self.main as u64)?;
        let threads = self.threads.made();
        to.number(threads.len() as u64)?;
        to.numbers(threads.iter().map(|&made| u64::from(made)))?;
        to.number(self.collected as u64)?;
        to.numbers([self.counted, self.compiles, self.unseeded].map(u64::from))?;
        to.numbers(self.random)?;
        to.numbers([self.secret, self.era, self.exported])?;
        self.wall.pack(to)?;
        let settings = &self.settings;
        to.numbers(
            settings.limits.asked().values.iter().map(|value| value.unwrap_or(f64::INFINITY).to_bits()),
        )?;
        to.number(u64::from(settings.limits.per == Per::Call))?;
        to.number(u64::from(matches!(settings.status, Status::Killed(_))))?;
        to.bytes(&settings.stopped)?;
        for (bound, number) in settings.streams {
            to.numbers([u64::from(bound == Bound::Object), number])?;
        }
        to.number(u64::from(settings.environment))?;
        to.number(self.below.len() as u64)?;
        for below in &self.below {
            to.number(below.name.0)?;
            below.snapshot.pack(to)?;
        }
        Ok(())
    }

    /// `depth` levels may lie below.
    pub(super) fn unpack(from: &mut Unpacker<'_>, depth: u32) -> Option<Snapshot> {
        let heap = match from.flag()? {
            true => Some(unpack_heap(from)?),
            false => None,
        };
        let main = from.size()?;
        if heap.as_ref().is_some_and(|copy| !copy.holds(main)) {
            return None;
        }
        let made = from.list(8, Unpacker::flag)?;
        let collected = from.size()?;
        let (counted, compiles, unseeded) = (from.flag()?, from.flag()?, from.flag()?);
        let random = [from.number()?, from.number()?, from.number()?, from.number()?];
        let (secret, era, exported) = (from.number()?, from.number()?, from.number()?);
        let wall = Kept::unpack(from)?;
        let mut asked = Asked::default();
        for (place, definition) in asked.values.iter_mut().zip(&TABLE) {
            let value = f64::from_bits(from.number()?);
            if definition.refuse(value).is_some() {
                return None;
            }
            *place = Some(value);
        }
        asked.per = Some(if from.flag()? { Per::Call } else { Per::Life });
        let killed = from.flag()?;
        let mut stopped = Vec::new();
        let text = from.bytes()?;
        stopped.try_reserve_exact(text.len()).ok()?;
        stopped.extend_from_slice(text);
        let mut streams = [(Bound::Nothing, 1); 3];
        for place in &mut streams {
            let object = from.flag()?;
            *place = (if object { Bound::Object } else { Bound::Nothing }, from.number()?);
        }
        let environment = from.flag()?;
        let below = from.list(16, |from| {
            let name = Id(from.number()?);
            let snapshot = Snapshot::unpack(from, depth.checked_sub(1)?)?;
            Some(Below { name, core: Weak::new(), snapshot })
        })?;
        let status = if killed { Status::Killed(Kind::Fault) } else { Status::Ready };
        Some(Snapshot {
            heap,
            main,
            threads: Threads::of(&made)?,
            collected,
            counted,
            compiles,
            unseeded,
            random,
            secret,
            files: opened::Kept::default(),
            wall,
            era,
            exported,
            settings: Settings {
                limits: Limits::of(&asked),
                spent: Spent::default(),
                status,
                stopped,
                traceback: None,
                streams,
                environment,
                grants: Grants::default(),
            },
            below,
            marks: Marks::default(),
        })
    }

    /// From the outermost level on.
    pub(super) fn unpack_all(from: &mut Unpacker<'_>) -> Option<Snapshot> {
        Snapshot::unpack(from, MAX_DEPTH)
    }
}

fn unpack_heap(from: &mut Unpacker<'_>) -> Option<HeapCopy> {
    let (base, page, live, brk) = (from.size()?, from.size()?, from.size()?, from.size()?);
    let pair = |from: &mut Unpacker<'_>| Some((from.size()?, from.size()?));
    let (pieces, gone) = (from.list(16, pair)?, from.list(16, pair)?);
    let words = from.list(8, Unpacker::number)?;
    HeapCopy::of_parts(HeapParts { base, page, live, brk, pieces: &pieces, gone: &gone, words: &words })
}
