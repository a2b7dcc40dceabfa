//! What crosses, as a journal has it: values, and what a call into a box is to do.

use super::frame::{put, put_bytes, Reader};
use crate::gate::exchange::{Buffer, NoMemory};
use crate::gate::parcel::{append_string, tag, HEADER};
use crate::gate::request::{Entry, Format, StreamOp};

/// Values as they crossed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Parcel<'a> {
    Nothing,
    /// One string, or nil, or true: what most answers are.
    String(&'a [u8]),
    Nil,
    True,
    /// Any other: the two words of the header, and the values.
    Values(u32, u32, &'a [u8]),
}

impl<'a> Parcel<'a> {
    /// The parcel in these bytes.
    pub fn of(bytes: &'a [u8]) -> Parcel<'a> {
        let Some((head, values)) = bytes.split_at_checked(HEADER) else { return Parcel::Nothing };
        let word =
            |at: usize| head.get(at..at + 4).and_then(|b| b.try_into().ok()).map_or(0, u32::from_le_bytes);
        let (count, tables) = (word(0), word(4));
        match values {
            [tag::NIL] if count == 1 && tables == 0 => Parcel::Nil,
            [tag::TRUE] if count == 1 && tables == 0 => Parcel::True,
            [tag::STRING, rest @ ..] if count == 1 && tables == 0 => match rest.split_first_chunk::<8>() {
                Some((len, text)) if u64::from_le_bytes(*len) == text.len() as u64 => Parcel::String(text),
                _ => Parcel::Values(count, tables, values),
            },
            _ => Parcel::Values(count, tables, values),
        }
    }

    pub fn write(self, to: &mut Vec<u8>) {
        match self {
            Parcel::Nothing => to.push(0),
            Parcel::Nil => to.push(1),
            Parcel::True => to.push(2),
            Parcel::String(text) => {
                to.push(3);
                put_bytes(to, text);
            }
            Parcel::Values(count, tables, values) => {
                to.push(4);
                put(to, u64::from(count));
                put(to, u64::from(tables));
                put_bytes(to, values);
            }
        }
    }

    pub fn read(r: &mut Reader<'a>) -> Option<Parcel<'a>> {
        Some(match r.byte()? {
            0 => Parcel::Nothing,
            1 => Parcel::Nil,
            2 => Parcel::True,
            3 => Parcel::String(r.bytes()?),
            4 => {
                let (count, tables) = (r.number()?, r.number()?);
                Parcel::Values(u32::try_from(count).ok()?, u32::try_from(tables).ok()?, r.bytes()?)
            }
            _ => return None,
        })
    }

    /// Puts the parcel's bytes where they lay.
    pub fn fill(self, to: &mut Buffer) -> Result<(), NoMemory> {
        to.clear();
        let (count, tables) = match self {
            Parcel::Nothing => return Ok(()),
            Parcel::Values(count, tables, _) => (count, tables),
            _ => (1, 0),
        };
        to.append(&count.to_le_bytes())?;
        to.append(&tables.to_le_bytes())?;
        match self {
            Parcel::Nothing => Ok(()),
            Parcel::Nil => to.append(&[tag::NIL]),
            Parcel::True => to.append(&[tag::TRUE]),
            Parcel::String(text) => append_string(to, text),
            Parcel::Values(_, _, values) => to.append(values),
        }
    }
}

/// Appends what a call is to do.
pub fn put_entry(to: &mut Vec<u8>, entry: Entry) {
    let (code, number) = match entry {
        Entry::Code => (0, 0),
        Entry::Load => (1, 0),
        Entry::Get => (2, 0),
        Entry::Set => (3, 0),
        Entry::Function(number) => (4, number),
        Entry::Stream { number, .. } => (5, number),
        // None of these is ever recorded.
        _ => (6, 0),
    };
    to.push(code);
    if matches!(code, 4 | 5) {
        put(to, number);
    }
    let Entry::Stream { op, .. } = entry else { return };
    match op {
        StreamOp::Read(format) => {
            let (code, n) = match format {
                Format::Line { keep } => (u8::from(keep), 0),
                Format::All => (2, 0),
                Format::Number => (3, 0),
                Format::Count(n) => (4, n),
                Format::Piece => (5, 0),
            };
            to.push(code);
            put(to, n as u64);
        }
        StreamOp::Write => to.push(10),
        StreamOp::Forward => to.push(11),
        StreamOp::Flush => to.push(12),
        StreamOp::Seek { whence, offset } => {
            to.extend_from_slice(&[13, whence]);
            put(to, offset as u64);
        }
    }
}

/// Reads what [`put_entry`] has written.
pub fn entry(r: &mut Reader<'_>) -> Option<Entry> {
    Some(match r.byte()? {
        0 => Entry::Code,
        1 => Entry::Load,
        2 => Entry::Get,
        3 => Entry::Set,
        4 => Entry::Function(r.number()?),
        5 => {
            let number = r.number()?;
            let op = match r.byte()? {
                10 => StreamOp::Write,
                11 => StreamOp::Forward,
                12 => StreamOp::Flush,
                13 => StreamOp::Seek { whence: r.byte()?, offset: r.number()? as i64 },
                code => {
                    let n = r.size()?;
                    StreamOp::Read(match code {
                        0 | 1 => Format::Line { keep: code == 1 },
                        2 => Format::All,
                        3 => Format::Number,
                        4 => Format::Count(n),
                        5 => Format::Piece,
                        _ => return None,
                    })
                }
            };
            Entry::Stream { number, op }
        }
        _ => return None,
    })
}
