//! Values as bytes: how they cross the wall.
//!
//! Layout: 24 bits number of values, 8 bits how many names are remembered, `u32` number of tables (0 where none is met twice), then the values. A table
//! is its pairs between [`tag::BEGIN`] (or [`tag::SIZED`], so that the receiver makes it as large as it will be) and [`tag::END`]; one that was met before
//! is [`tag::AGAIN`] and its number, so cycles and sharing are kept. A value whose tag has [`LISTED`] set has no key before it: it stands at the next
//! index of its table, from 1. A key that may come again is a [`tag::NAME`], and then [`tag::KNOWN`]. Integers are 8 bytes, little-endian.
//! Nothing in a parcel is a pointer. Encoding and decoding walk with Lua's stack, never with C's; what lies deeper than
//! that holds is a [`tag::LATER`] in its place, and its pairs follow all values, in the order of those tags.

use super::exchange::{Buffer, NoMemory};
use super::streams;

pub mod tag {
    pub const NIL: u8 = 0;
    pub const FALSE: u8 = 1;
    pub const TRUE: u8 = 2;
    pub const INTEGER: u8 = 3;
    pub const FLOAT: u8 = 4;
    pub const STRING: u8 = 5;
    pub const BEGIN: u8 = 6;
    pub const END: u8 = 7;
    pub const AGAIN: u8 = 8;
    /// A function that the sender has exported under this number.
    pub const EXPORT: u8 = 9;
    /// A function or stream that the receiver once exported under this number, coming home.
    pub const HOME: u8 = 10;
    /// A table whose pairs come after the values.
    pub const LATER: u8 = 11;
    /// A stream that the sender has exported, and what can be done with it: see [`super::super::streams`].
    pub const STREAM: u8 = 12;
    /// One of the sender's three standard streams, as the receiver has assigned it.
    pub const STANDARD: u8 = 13;
    /// [`BEGIN`] of a table that is so large: `u32` how many of its pairs lie at 1, 2, 3 and so on, `u32` how many elsewhere.
    pub const SIZED: u8 = 14;
    /// A string that is a key and is remembered: a byte its number, a byte its length.
    pub const NAME: u8 = 15;
    /// The last [`NAME`] with this number, a byte: a key. `u32` where it stands among the values.
    pub const KNOWN: u8 = 16;
}

/// Set in the tag of a value that stands at the next index of its table.
pub const LISTED: u8 = 0x80;

pub const HEADER: usize = 8;
/// Numbers that names may have.
pub const NAMES: u8 = 32;
/// Bits of a header's first word that count values.
const COUNT: u32 = 0x00ff_ffff;

/// The first word of a header.
pub fn head(count: u32, names: u8) -> u32 {
    (count & COUNT) | u32::from(names) << 24
}

/// Writing a parcel from plain Rust: what the driver answers with.
pub struct Writer<'a> {
    to: &'a mut Buffer,
    count: u32,
}

impl<'a> Writer<'a> {
    pub fn new(to: &'a mut Buffer) -> Result<Writer<'a>, NoMemory> {
        to.clear();
        to.append(&[0; HEADER])?;
        Ok(Writer { to, count: 0 })
    }

    fn counted(&mut self) {
        self.count += 1;
        let count = self.count.to_le_bytes();
        if let Some(place) = self.to.vec().get_mut(..4) {
            place.copy_from_slice(&count);
        }
    }

    pub fn nil(&mut self) -> Result<(), NoMemory> {
        self.to.append(&[tag::NIL])?;
        self.counted();
        Ok(())
    }

    pub fn boolean(&mut self, b: bool) -> Result<(), NoMemory> {
        self.to.append(&[if b { tag::TRUE } else { tag::FALSE }])?;
        self.counted();
        Ok(())
    }

    pub fn string(&mut self, s: &[u8]) -> Result<(), NoMemory> {
        append_string(self.to, s)?;
        self.counted();
        Ok(())
    }

    pub fn integer(&mut self, n: i64) -> Result<(), NoMemory> {
        append_word(self.to, tag::INTEGER, n as u64)?;
        self.counted();
        Ok(())
    }

    pub fn float(&mut self, n: f64) -> Result<(), NoMemory> {
        append_word(self.to, tag::FLOAT, n.to_bits())?;
        self.counted();
        Ok(())
    }

    /// A string that is written in place by `fill`, which gets the buffer and must only append. What it gives back is kept or,
    /// on `Err`, taken away again.
    pub fn string_with<E>(
        &mut self,
        fill: impl FnOnce(&mut Vec<u8>, usize) -> Result<(), E>,
    ) -> Result<Result<(), E>, NoMemory> {
        let start = self.to.len();
        append_word(self.to, tag::STRING, 0)?;
        let body = self.to.len();
        let allowance = self.to.allowance();
        let result = fill(self.to.vec(), allowance);
        self.to.settle()?;
        let len = (self.to.len().saturating_sub(body)) as u64;
        match result {
            Ok(()) => {
                if let Some(place) = self.to.vec().get_mut(start + 1..body) {
                    place.copy_from_slice(&len.to_le_bytes());
                }
                self.counted();
                Ok(Ok(()))
            }
            Err(e) => {
                self.to.truncate(start);
                Ok(Err(e))
            }
        }
    }

    /// A table of named numbers, and of what `more` adds.
    pub fn record(&mut self, fields: &[(&str, Field<'_>)]) -> Result<(), NoMemory> {
        self.to.append(&[tag::BEGIN])?;
        for (name, field) in fields {
            if matches!(field, Field::Absent) {
                continue;
            }
            append_string(self.to, name.as_bytes())?;
            match field {
                Field::Integer(n) => append_word(self.to, tag::INTEGER, *n as u64)?,
                Field::Float(n) => append_word(self.to, tag::FLOAT, n.to_bits())?,
                Field::String(s) => append_string(self.to, s)?,
                Field::Absent => {}
            }
        }
        self.to.append(&[tag::END])?;
        self.counted();
        Ok(())
    }
}

/// A field of a [`Writer::record`].
#[derive(Clone, Copy)]
pub enum Field<'a> {
    Integer(i64),
    Float(f64),
    String(&'a [u8]),
    Absent,
}

/// A word behind its tag.
#[inline]
pub fn tagged(tag: u8, word: u64) -> [u8; 9] {
    let w = word.to_le_bytes();
    [tag, w[0], w[1], w[2], w[3], w[4], w[5], w[6], w[7]]
}

pub fn append_word(to: &mut Buffer, tag: u8, word: u64) -> Result<(), NoMemory> {
    to.append(&tagged(tag, word))
}

pub fn append_string(to: &mut Buffer, s: &[u8]) -> Result<(), NoMemory> {
    to.reserve(s.len().saturating_add(9))?;
    append_word(to, tag::STRING, s.len() as u64)?;
    to.append(s)
}

/// Reads a parcel.
#[derive(Clone, Copy)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    /// All values: what a [`tag::KNOWN`] leads to lies there.
    all: &'a [u8],
    /// The tag that a [`Item::Listed`] was read from.
    listed: Option<u8>,
    pub count: u32,
    pub names: u8,
    pub tables: u32,
}

/// How many pairs a table will have: at 1, 2, 3 and so on, and elsewhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sizes {
    pub array: u32,
    pub hash: u32,
}

impl Sizes {
    /// Bytes that so many pairs take at least: a value in a list has no key.
    pub fn least(self) -> u64 {
        u64::from(self.array) + 2 * u64::from(self.hash)
    }

    pub fn word(self) -> u64 {
        u64::from(self.array) | u64::from(self.hash) << 32
    }
}

impl From<u64> for Sizes {
    fn from(word: u64) -> Sizes {
        Sizes { array: word as u32, hash: (word >> 32) as u32 }
    }
}

/// One item of a parcel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Item<'a> {
    Nil,
    Boolean(bool),
    Integer(i64),
    Float(f64),
    String(&'a [u8]),
    Begin(Sizes),
    Later,
    End,
    Again(u32),
    Export(u64),
    Home(u64),
    Stream(u64),
    Standard(u64),
    /// In the place of a key: the table's next index.
    Listed,
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Reader<'a> {
        let word =
            |at: usize| bytes.get(at..at + 4).and_then(|b| b.try_into().ok()).map_or(0, u32::from_le_bytes);
        let values = bytes.get(HEADER..).unwrap_or_default();
        let (count, names) = (word(0) & COUNT, (word(0) >> 24) as u8);
        Reader { bytes: values, all: values, listed: None, count, names, tables: word(4) }
    }

    /// Of values without a header.
    pub fn headless(bytes: &'a [u8]) -> Reader<'a> {
        Reader { bytes, all: bytes, listed: None, count: 0, names: 0, tables: 0 }
    }

    #[inline(always)]
    pub fn byte(&mut self) -> Option<u8> {
        let (&byte, rest) = self.bytes.split_first()?;
        self.bytes = rest;
        Some(byte)
    }

    #[inline(always)]
    pub fn word(&mut self) -> Option<u64> {
        let (word, rest) = self.bytes.split_first_chunk::<8>()?;
        self.bytes = rest;
        Some(u64::from_le_bytes(*word))
    }

    /// As many bytes.
    #[inline(always)]
    pub fn take(&mut self, len: u64) -> Option<&'a [u8]> {
        let (s, rest) = self.bytes.split_at_checked(usize::try_from(len).ok()?)?;
        self.bytes = rest;
        Some(s)
    }

    /// What follows a [`tag::NAME`]: number and bytes.
    #[inline(always)]
    pub fn name(&mut self) -> Option<(u8, &'a [u8])> {
        let (number, len) = (self.byte()?, self.byte()?);
        Some((number, self.take(len.into())?))
    }

    /// What follows a [`tag::KNOWN`]: number, and where the name stands.
    #[inline(always)]
    pub fn known(&mut self) -> Option<(u8, u32)> {
        let (&[number, a, b, c, d], rest) = self.bytes.split_first_chunk::<5>()?;
        self.bytes = rest;
        Some((number, u32::from_le_bytes([a, b, c, d])))
    }

    /// The name that stands there, with that number.
    fn name_at(&self, number: u8, at: u32) -> Option<&'a [u8]> {
        let before = self.all.len().checked_sub(self.bytes.len())?;
        let mut there = Reader::headless(self.all.get(at as usize..before)?);
        let (tag, name) = (there.byte()?, there.name()?);
        (tag == tag::NAME && name.0 == number).then_some(name.1)
    }

    /// The next item; `None` at the end, or where the parcel is broken.
    pub fn item(&mut self) -> Option<Item<'a>> {
        let mut tag = match self.listed.take() {
            Some(tag) => tag,
            None => self.byte()?,
        };
        if tag & LISTED != 0 {
            tag &= !LISTED;
            self.listed = Some(tag);
            return Some(Item::Listed);
        }
        Some(match tag {
            tag::NIL => Item::Nil,
            tag::FALSE => Item::Boolean(false),
            tag::TRUE => Item::Boolean(true),
            tag::INTEGER => Item::Integer(self.word()? as i64),
            tag::FLOAT => Item::Float(f64::from_bits(self.word()?)),
            tag::STRING => {
                let len = self.word()?;
                Item::String(self.take(len)?)
            }
            tag::NAME => Item::String(self.name()?.1),
            tag::KNOWN => {
                let (number, at) = self.known()?;
                Item::String(self.name_at(number, at)?)
            }
            tag::BEGIN => Item::Begin(Sizes::default()),
            tag::SIZED => Item::Begin(self.word()?.into()),
            tag::LATER => Item::Later,
            tag::END => Item::End,
            tag::AGAIN => Item::Again(u32::try_from(self.word()?).ok()?),
            tag::EXPORT => Item::Export(self.number(0)?),
            tag::HOME => Item::Home(self.number(0)?),
            tag::STREAM => Item::Stream(self.number(streams::BITS)?),
            tag::STANDARD => Item::Standard(self.word().filter(|&n| n < 3)?),
            _ => return None,
        })
    }

    /// A word whose bits above the lowest are a number that the sender has given, which Lua holds as a float.
    pub fn number(&mut self, lowest: u32) -> Option<u64> {
        self.word().filter(|n| (1..=1 << 53).contains(&(n >> lowest)))
    }

    /// Whether the header promises no more than may follow: each value and each table takes a byte at least, so that what is made
    /// room for is bounded by what was sent.
    pub fn is_plausible(&self) -> bool {
        let most = self.bytes.len() as u64;
        u64::from(self.count) <= most && u64::from(self.tables) <= most && self.names <= NAMES
    }

    /// Bytes that have not been read.
    pub fn left(&self) -> usize {
        self.bytes.len()
    }

    pub fn is_at_end(&self) -> bool {
        self.bytes.is_empty()
    }
}

#[cfg(test)]
mod tests;
