//! What a run has asked, as a few bytes: written down by a recording, compared by a replay, shown where the two differ.
//!
//! They are a byte for the kind, its numbers, and of what was sent its length, its checksum, and the first bytes of a name.

use super::frame::{put, put_bytes, Reader};
use crate::gate::grants::Mode;
use crate::gate::parcel::{Item, Reader as Parcel, HEADER};
use crate::gate::request::{FileOp, Format, Request, Stream, StreamOp};

/// As much of a name as a message shows.
const NAME: usize = 40;

mod kind {
    pub const READ: u8 = 1;
    pub const WRITE: u8 = 2;
    pub const FLUSH: u8 = 3;
    pub const SEEK: u8 = 4;
    pub const GETENV: u8 = 5;
    pub const CALL: u8 = 6;
    pub const MODULE: u8 = 7;
    pub const CLOCK: u8 = 8;
    pub const TIME: u8 = 9;
    pub const OPEN: u8 = 10;
    pub const FILE: u8 = 11;
    pub const SOURCE: u8 = 12;
    pub const READABLE: u8 = 13;
    pub const OTHER: u8 = 14;
}

/// The stream of a request: 0 to 2, or 3 and what the owner has exported it under.
#[inline(always)]
pub fn stream_of(request: Request) -> Option<(u64, StreamOp)> {
    match request {
        Request::Stream { stream, op } => Some((stream.index() as u64, op)),
        Request::Given { number, op } => Some((number.saturating_add(2), op)),
        _ => None,
    }
}

/// Appends what was asked; `sent` is the parcel that went with it.
pub fn write(to: &mut Vec<u8>, request: Request, sent: &[u8]) {
    if let Some((stream, op)) = stream_of(request) {
        match op {
            StreamOp::Read(format) => {
                to.push(kind::READ);
                put(to, stream);
                let (code, n) = match format {
                    Format::Line { keep } => (u64::from(keep), 0),
                    Format::All => (2, 0),
                    Format::Number => (3, 0),
                    Format::Count(n) => (4, n as u64),
                    Format::Piece => (5, 0),
                };
                put(to, code);
                if code == 4 {
                    put(to, n);
                }
            }
            StreamOp::Write | StreamOp::Forward => {
                to.push(kind::WRITE);
                put(to, stream);
                put_sent(to, sent);
            }
            StreamOp::Flush => {
                to.push(kind::FLUSH);
                put(to, stream);
            }
            StreamOp::Seek { whence, offset } => {
                to.push(kind::SEEK);
                put(to, stream);
                put(to, u64::from(whence));
                put(to, offset as u64);
            }
        }
        return;
    }
    match request {
        Request::Getenv => put_name(to, kind::GETENV, sent),
        Request::Module => put_name(to, kind::MODULE, sent),
        Request::Source => put_name(to, kind::SOURCE, sent),
        Request::Readable => put_name(to, kind::READABLE, sent),
        Request::Clock => to.push(kind::CLOCK),
        Request::Time => to.push(kind::TIME),
        Request::Call { function } => {
            to.push(kind::CALL);
            put(to, function);
            put_sent(to, sent);
        }
        Request::OpenFile { mode: Mode { read, write, append, create, new, truncate } } => {
            put_name(to, kind::OPEN, sent);
            let bits = [read, write, append, create, new, truncate];
            put(to, bits.into_iter().fold(0, |n, bit| 2 * n + u64::from(bit)));
        }
        Request::File { number, op } => {
            to.push(kind::FILE);
            put(to, number);
            let (code, numbers) = match op {
                FileOp::Read { at, most } => (0, [at, most as u64]),
                FileOp::Write { charge, at } => {
                    (1, [u64::from(charge), at.map_or(0, |at| at.wrapping_add(1))])
                }
                FileOp::Tell => (2, [0; 2]),
                FileOp::Length => (3, [0; 2]),
                FileOp::Close => (4, [0; 2]),
            };
            to.push(code);
            if code < 2 {
                numbers.into_iter().for_each(|n| put(to, n));
            }
            if code == 1 {
                put_sent(to, sent);
            }
        }
        _ => to.push(kind::OTHER),
    }
}

/// Length and checksum of what was sent.
fn put_sent(to: &mut Vec<u8>, sent: &[u8]) {
    put_checked(to, text(sent).unwrap_or_else(|| sent.get(HEADER..).unwrap_or_default()));
}

fn put_checked(to: &mut Vec<u8>, bytes: &[u8]) {
    put(to, bytes.len() as u64);
    to.extend_from_slice(&crc32fast::hash(bytes).to_le_bytes());
}

/// The same as [`write`], where the driver isn't asked: `data` is what is to be written.
pub fn write_near(to: &mut Vec<u8>, request: Request, data: &[u8]) {
    match stream_of(request) {
        Some((stream, StreamOp::Write)) => {
            to.push(kind::WRITE);
            put(to, stream);
            put_checked(to, data);
        }
        _ => write(to, request, &[]),
    }
}

fn put_name(to: &mut Vec<u8>, kind: u8, sent: &[u8]) {
    to.push(kind);
    let name = text(sent).unwrap_or_default();
    put_bytes(to, name.get(..NAME).unwrap_or(name));
    if name.len() > NAME {
        to.extend_from_slice(&crc32fast::hash(sent).to_le_bytes());
    }
}

/// The first value of a parcel, if it is a string.
fn text(sent: &[u8]) -> Option<&[u8]> {
    match Parcel::new(sent).item() {
        Some(Item::String(s)) => Some(s),
        _ => None,
    }
}

/// What was asked, for a message.
pub fn show(asked: &[u8]) -> String {
    shown(Reader(asked)).unwrap_or_else(|| "something unreadable".to_owned())
}

fn shown(mut r: Reader<'_>) -> Option<String> {
    let quoted = |name: &[u8]| format!("'{}'", String::from_utf8_lossy(name));
    let stream = |r: &mut Reader<'_>| {
        Some(match r.number()? {
            0 => "stdin".to_owned(),
            1 => "stdout".to_owned(),
            2 => "stderr".to_owned(),
            n => format!("stream {}", n - 2),
        })
    };
    let code = r.byte()?;
    Some(match code {
        kind::READ => {
            let from = stream(&mut r)?;
            let what = match r.number()? {
                0 | 1 => "a line".to_owned(),
                2 => "all".to_owned(),
                3 => "a number".to_owned(),
                4 => format!("{} bytes", r.number()?),
                _ => "a piece".to_owned(),
            };
            format!("read of {what} from {from}")
        }
        kind::WRITE => {
            let to = stream(&mut r)?;
            let len = r.number()?;
            let crc: String = r.take(4)?.iter().rev().map(|b| format!("{b:02x}")).collect();
            format!("write of {len} bytes (checksum {crc}) to {to}")
        }
        kind::FLUSH => format!("flush of {}", stream(&mut r)?),
        kind::SEEK => format!("seek in {}", stream(&mut r)?),
        kind::GETENV => format!("getenv of {}", quoted(r.bytes()?)),
        kind::CALL => {
            let function = r.number()?;
            let len = r.number()?;
            let crc: String = r.take(4)?.iter().rev().map(|b| format!("{b:02x}")).collect();
            format!("call of host function {function} with {len} bytes (checksum {crc})")
        }
        kind::MODULE => format!("require of {}", quoted(r.bytes()?)),
        kind::CLOCK => "read of the clock".to_owned(),
        kind::TIME => "read of the time".to_owned(),
        kind::OPEN => format!("open of {}", quoted(r.bytes()?)),
        kind::FILE => {
            let number = r.number()?;
            let what = match r.byte()? {
                0 => format!("read at {}", r.number()?),
                1 => "write".to_owned(),
                2 => "tell".to_owned(),
                3 => "length".to_owned(),
                _ => "close".to_owned(),
            };
            format!("{what} of file {number}")
        }
        kind::SOURCE => format!("source of {}", quoted(r.bytes()?)),
        kind::READABLE => format!("look for {}", quoted(r.bytes()?)),
        _ => "a request of another kind".to_owned(),
    })
}

/// Whether something is written.
pub fn is_write(request: Request) -> bool {
    matches!(stream_of(request), Some((_, StreamOp::Write | StreamOp::Forward)))
}

/// The same of what was written down.
pub fn writes(asked: &[u8]) -> bool {
    asked.first() == Some(&kind::WRITE)
}

/// The output stream that is written to or flushed.
pub fn output(request: Request) -> Option<Stream> {
    match request {
        Request::Stream { stream, op: StreamOp::Write | StreamOp::Forward | StreamOp::Flush } => Some(stream),
        _ => None,
    }
}
