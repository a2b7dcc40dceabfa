//! Streams that a box makes over functions of its own: `sandbox.newstream` inside.
//!
//! All of it is bare code.

use std::os::raw::c_int;

use super::stream::{push_failure, Failure, Handle, BAD_FILE};
use crate::gate::encode::Side;
use crate::gate::exchange::Exchange;
use crate::gate::level::Level;
use crate::gate::request::Format;
use crate::lua::{Kind, State};

/// Fields of the user table of a stream over functions.
const READER: i64 = 1;
const WRITER: i64 = 2;
const CLEANER: i64 = 3;
const PIECE: i64 = 4;

const FAILED: Failure = (libc::EIO, c"Input/output error");
const BUSY: Failure = (libc::EDEADLK, c"Resource deadlock avoided");

/// Pushes the user table of a stream over the functions at arguments 1 to 3.
pub fn push_functions(s: State) {
    s.new_table_sized(4, 0);
    for (arg, field) in [(1, READER), (2, WRITER), (3, CLEANER)] {
        s.copy(arg);
        s.raw_seti(-2, field);
    }
}

/// Whether the stream at `index` can be read, and written to.
pub fn abilities(s: State, index: c_int) -> (bool, bool) {
    let has = |field| {
        let has = push_function(s, index, field);
        if has {
            s.pop(1);
        }
        has
    };
    (has(READER), has(WRITER))
}

/// Writes the string on top of the stack. Pushes true, or a failure: how many values.
pub fn write(s: State, index: c_int, handle: &mut Handle) -> c_int {
    let text = s.top();
    if s.bytes(text).is_some_and(<[u8]>::is_empty) {
        s.push_bool(true);
        return 1;
    }
    if !push_function(s, index, WRITER) {
        // Nobody reads and nobody writes: a null device. A stream that is only read can't be written to.
        let null = !push_function(s, index, READER);
        if null {
            s.push_bool(true);
            return 1;
        }
        return push_failure(s, BAD_FILE);
    }
    s.copy(text);
    match call(s, handle, WRITER, 1) {
        Ok(()) => {
            s.push_bool(true);
            1
        }
        Err(failure) => push_failure(s, failure),
    }
}

/// Closes: refused inside one of the stream's own functions; the cleaner is called once.
pub fn close(s: State, index: c_int, handle: &mut Handle) -> Result<(), Failure> {
    if handle.busy != 0 && handle.busy == Level::of(s).base_address() {
        return Err(BUSY);
    }
    handle.closed = 1;
    if push_function(s, index, CLEANER) {
        // Forgotten first, so that it is called once.
        s.push_user_table(index);
        s.push_nil();
        s.raw_seti(-2, CLEANER);
        s.pop(1);
        call(s, handle, CLEANER, 0)?;
    }
    Ok(())
}

/// Pushes a function of a made stream; false (and nothing pushed) where it has none.
fn push_function(s: State, index: c_int, field: i64) -> bool {
    s.push_user_table(index);
    s.raw_geti(-1, field);
    s.remove(-2);
    if s.is_nil(-1) {
        s.pop(1);
        return false;
    }
    true
}

/// Calls the stream's function below `args` arguments; leaves one result.
fn call(s: State, handle: &mut Handle, field: i64, args: c_int) -> Result<(), Failure> {
    let now = Level::of(s).base_address();
    if handle.busy == now {
        s.pop(args + 1);
        return Err(BUSY);
    }
    // A call that was stopped inside never came back to clear its mark.
    handle.busy = now;
    let ok = s.pcall(args, 2, 0);
    handle.busy = 0;
    // Nil and a message is how stock functions fail: a reader may pass on what one below it gave.
    let failed = !ok || (field == READER && s.is_nil(-2) && !s.is_nil(-1));
    s.pop(1);
    if !failed {
        return Ok(());
    }
    if ok {
        s.pop(1);
    }
    Err(FAILED)
}

/// Makes sure that something is left of the piece at hand, by asking the reader if need be. False at the end.
fn fill(s: State, index: c_int, handle: &mut Handle) -> Result<bool, Failure> {
    s.push_user_table(index);
    s.raw_geti(-1, PIECE);
    let left = s.bytes(-1).map_or(0, |piece| piece.len().saturating_sub(handle.at));
    s.pop(1);
    if left > 0 {
        s.pop(1);
        return Ok(true);
    }
    s.pop(1);
    if !push_function(s, index, READER) {
        // Only written to: it can't be read; a null device is at its end.
        if push_function(s, index, WRITER) {
            s.pop(1);
            return Err(BAD_FILE);
        }
        return Ok(false);
    }
    s.push_integer(4096);
    call(s, handle, READER, 1)?;
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
    s.push_user_table(index);
    s.insert(-2);
    s.raw_seti(-2, PIECE);
    s.pop(1);
    handle.at = 0;
    Ok(more)
}

/// What is left of the piece at hand; it stays where it is as long as the handle's table holds it.
fn left<'a>(s: State, index: c_int, handle: &Handle) -> &'a [u8] {
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
            s.push_cstr(c"not enough memory");
            s.error();
        }
    };
    let mut any = false;
    match format {
        Format::Line { keep } => {
            while fill(s, index, handle)? {
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
            while fill(s, index, handle)? {
                let piece = left(s, index, handle);
                append(piece);
                handle.at += piece.len();
            }
            Ok(Some(()))
        }
        Format::Piece => {
            if fill(s, index, handle)? {
                any = true;
                let piece = left(s, index, handle);
                append(piece);
                handle.at += piece.len();
            }
            Ok(any.then_some(()))
        }
        Format::Count(0) => Ok(fill(s, index, handle)?.then_some(())),
        Format::Count(mut n) => {
            while n > 0 && fill(s, index, handle)? {
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
            while fill(s, index, handle)? {
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
