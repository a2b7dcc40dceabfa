//! What a box does with the files that it has opened. Where reading has got to the box itself knows, so that what it asked for in a call
//! that was stopped it can ask for again; where writing has got to the other side knows, since a stop may come in the middle of it.
//!
//! All of it is bare code.

use std::os::raw::c_int;

use super::made::FAILED;
use super::pieces;
use super::stream::{push_failure, Failure, Handle, BAD_FILE};
use crate::gate::decode::decode;
use crate::gate::encode::{Encoder, Side};
use crate::gate::level::Level;
use crate::gate::link::Link;
use crate::gate::request::{FileOp, Request};
use crate::lua::State;

/// A position that only the other side knows: that after the last write.
pub const LAST_WRITE: u64 = u64::MAX;

const INVALID: Failure = (libc::EINVAL, c"Invalid argument");
const STALE: Failure = (libc::ESTALE, c"Stale file handle");

/// Goes to a position, and forgets the piece at hand.
fn go(handle: &mut Handle, position: u64) {
    handle.position = position;
    handle.at = usize::MAX;
}

/// Sends a request, with the string on top if there is a payload. `now` is called when nothing can fail any more until it is done. Pushes
/// the answer: how many values. Not inlined: an exchange may be lent to the caller, who must be less deep.
#[inline(never)]
fn send(s: State, number: u64, op: FileOp, payload: bool, now: impl FnOnce()) -> c_int {
    let level = Level::of(s);
    let height = level.height();
    let exchange = level.take(s);
    Encoder::new(s, level, exchange, Side::Out, Link::Owner).encode(-1, c_int::from(payload), 1);
    now();
    level.ask(s, Request::File { number, op }, exchange);
    let n = decode(s, level, exchange, Side::Back, Link::Owner);
    level.lower(height);
    n
}

/// Writes the string on top of the stack. Pushes true, or a failure: how many values.
pub fn write(s: State, index: c_int, handle: &mut Handle, number: u64, charge: bool) -> c_int {
    let unread = pieces::left(s, index, handle).len() as u64;
    let at = (handle.position != LAST_WRITE).then(|| handle.position.saturating_sub(unread));
    send(s, number, FileOp::Write { charge, at }, true, || go(handle, LAST_WRITE))
}

/// Closes. Needs no memory, so that a finalizer can't fail.
pub fn close(s: State, index: c_int, number: u64) {
    Level::of(s).cross(s, Request::File { number, op: FileOp::Close }, Level::nothing());
    pieces::forget(s, index);
}

/// Bare: seeks in the file `number`.
pub fn seek(s: State, index: c_int, handle: &mut Handle, number: u64, whence: u8, offset: i64) -> c_int {
    let from = match whence {
        0 => Ok(0),
        1 => position(s, handle, number)
            .map(|at| at.saturating_sub(pieces::left(s, index, handle).len() as u64)),
        _ => ask_number(s, number, FileOp::Length),
    };
    match from.map(|from| from.checked_add_signed(offset)) {
        Err(n) => n,
        Ok(Some(to)) if i64::try_from(to).is_ok() => {
            go(handle, to);
            s.push_integer(to as i64);
            1
        }
        Ok(_) => push_failure(s, INVALID),
    }
}

/// Where the piece at hand of a file ends; or a failure on the stack, of so many values.
fn position(s: State, handle: &mut Handle, number: u64) -> Result<u64, c_int> {
    if handle.position == LAST_WRITE {
        handle.position = ask_number(s, number, FileOp::Tell)?;
    }
    Ok(handle.position)
}

/// Asks for a number; or leaves a failure on the stack, of so many values.
fn ask_number(s: State, number: u64, op: FileOp) -> Result<u64, c_int> {
    match send(s, number, op, false, || {}) {
        1 => {
            let n = s.integer(-1);
            s.pop(1);
            Ok(n as u64)
        }
        n => Err(n),
    }
}

/// Asks for the next piece of a file. Leaves it on the stack.
pub fn ask_piece(s: State, handle: &mut Handle, number: u64, most: usize) -> Result<(), Failure> {
    let n = match position(s, handle, number) {
        Ok(at) => send(s, number, FileOp::Read { at, most }, false, || {}),
        Err(n) => n,
    };
    if n == 1 {
        return Ok(());
    }
    let number = s.integer(-1);
    s.pop(n);
    Err(match i32::try_from(number) {
        Ok(libc::EBADF) => BAD_FILE,
        Ok(libc::ESTALE) => STALE,
        _ => FAILED,
    })
}
