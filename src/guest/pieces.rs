//! Reading from what comes in pieces: files, and streams over functions. The piece at hand lies in the handle's user table.
//!
//! All of it is bare code.

use std::os::raw::c_int;

use super::made::FAILED;
use super::stream::{push_failure, Failure, Handle};
use super::{disk, made};
use crate::gate::encode::Side;
use crate::gate::exchange::Exchange;
use crate::gate::level::Level;
use crate::gate::request::Format;
use crate::lua::{Kind, State};

/// Field of the user table: the piece at hand. Those below are the functions of a made stream.
const PIECE: i64 = 4;

/// How much is asked for at once; of a file that is read in large parts, up to so much.
pub const PIECE_SIZE: usize = 4096;
const LARGE_PIECE: usize = 65536;

/// Forgets the piece at hand.
pub fn forget(s: State, index: c_int) {
    s.push_user_table(index);
    s.push_nil();
    s.raw_seti(-2, PIECE);
    s.pop(1);
}

/// Makes sure that something is left of the piece at hand, by asking for another of about `size` bytes if need be. False at the end.
fn fill(s: State, index: c_int, handle: &mut Handle, size: usize) -> Result<bool, Failure> {
    s.push_user_table(index);
    s.raw_geti(-1, PIECE);
    let left = s.bytes(-1).map_or(0, |piece| piece.len().saturating_sub(handle.at));
    s.pop(1);
    if left > 0 {
        s.pop(1);
        return Ok(true);
    }
    s.pop(1);
    if let Some(number) = handle.file() {
        disk::ask_piece(s, handle, number, size)?;
    } else {
        made::ask_reader(s, index, handle)?;
    }
    let more = match s.kind(-1) {
        Kind::String | Kind::Number => {
            s.to_text(-1);
            s.bytes(-1).is_some_and(|piece| !piece.is_empty())
        }
        Kind::Nil => false,
        _ => {
            s.pop(1);
            return Err(FAILED);
        }
    };
    let size = s.raw_len(-1) as u64;
    s.push_user_table(index);
    s.insert(-2);
    s.raw_seti(-2, PIECE);
    s.pop(1);
    handle.at = 0;
    if handle.file().is_some() {
        handle.position = handle.position.saturating_add(size);
    }
    Ok(more)
}

/// What is left of the piece at hand; it stays where it is as long as the handle's table holds it.
pub fn left<'a>(s: State, index: c_int, handle: &Handle) -> &'a [u8] {
    s.push_user_table(index);
    s.raw_geti(-1, PIECE);
    let piece = s.bytes(-1).unwrap_or_default();
    s.pop(2);
    piece.get(handle.at..).unwrap_or_default()
}

/// Reads one item. Pushes it, or nil, or a failure: how many values.
pub fn read(s: State, index: c_int, handle: &mut Handle, format: Format) -> c_int {
    let level = Level::of(s);
    let height = level.height();
    let exchange = level.take(s);
    let result = gather(s, level, index, handle, format, exchange);
    let n = match result {
        Err(failure) => push_failure(s, failure),
        Ok(None) => {
            s.push_nil();
            1
        }
        Ok(Some(())) => {
            s.push_bytes(level.raw(exchange, Side::Out));
            if format == Format::Number {
                s.text_to_number();
            }
            1
        }
    };
    level.lower(height);
    n
}

/// Collects one item in the exchange; `None` at the end.
fn gather(
    s: State,
    level: Level,
    index: c_int,
    handle: &mut Handle,
    format: Format,
    exchange: *mut Exchange,
) -> Result<Option<()>, Failure> {
    let append = |bytes: &[u8]| {
        if !level.with_exchange(exchange, |e| e.out.append(bytes).is_ok()) {
            s.no_memory();
        }
    };
    let size = match format {
        Format::All => LARGE_PIECE,
        Format::Count(n) => n.clamp(PIECE_SIZE, LARGE_PIECE),
        _ => PIECE_SIZE,
    };
    let mut any = false;
    match format {
        Format::Line { keep } => {
            while fill(s, index, handle, size)? {
                any = true;
                let piece = left(s, index, handle);
                match piece.iter().position(|&b| b == b'\n') {
                    Some(end) => {
                        append(piece.get(..end + usize::from(keep)).unwrap_or_default());
                        handle.at += end + 1;
                        return Ok(Some(()));
                    }
                    None => {
                        append(piece);
                        handle.at += piece.len();
                    }
                }
            }
            Ok(any.then_some(()))
        }
        Format::All => {
            while fill(s, index, handle, size)? {
                let piece = left(s, index, handle);
                append(piece);
                handle.at += piece.len();
            }
            Ok(Some(()))
        }
        Format::Piece => {
            if fill(s, index, handle, size)? {
                any = true;
                let piece = left(s, index, handle);
                append(piece);
                handle.at += piece.len();
            }
            Ok(any.then_some(()))
        }
        Format::Count(0) => Ok(fill(s, index, handle, size)?.then_some(())),
        Format::Count(mut n) => {
            while n > 0 && fill(s, index, handle, size)? {
                any = true;
                let piece = left(s, index, handle);
                let piece = piece.get(..n).unwrap_or(piece);
                append(piece);
                handle.at += piece.len();
                n -= piece.len();
            }
            Ok(any.then_some(()))
        }
        Format::Number => {
            let mut scanner = super::number::Scanner::new();
            while fill(s, index, handle, size)? {
                let piece = left(s, index, handle);
                let Some(&byte) = piece.first() else { break };
                if !scanner.take(byte) {
                    break;
                }
                handle.at += 1;
            }
            append(scanner.text());
            Ok(Some(()))
        }
    }
}
