//! Where the reading and writing of a file has got to. The box itself knows, except after a write: so what it asked for in a call that was
//! stopped it can ask for again.

use std::os::raw::c_int;

use super::read::left;
use super::{push_failure, send, Handle, INVALID, LAST_WRITE};
use crate::gate::request::{FileOp, Request};
use crate::lua::State;

/// Bare: seeks in the file `number`.
pub(super) fn seek(
    s: State,
    index: c_int,
    handle: &mut Handle,
    number: u64,
    whence: u8,
    offset: i64,
) -> c_int {
    let from = match whence {
        0 => Ok(0),
        1 => position(s, handle, number).map(|at| at.saturating_sub(left(s, index, handle).len() as u64)),
        _ => ask_number(s, number, FileOp::Length),
    };
    match from.map(|from| from.checked_add_signed(offset)) {
        Err(n) => n,
        Ok(Some(to)) if i64::try_from(to).is_ok() => {
            handle.go(to);
            s.push_integer(to as i64);
            1
        }
        Ok(_) => push_failure(s, INVALID),
    }
}

/// Where the piece at hand of a file ends; or a failure on the stack, of so many values.
pub(super) fn position(s: State, handle: &mut Handle, number: u64) -> Result<u64, c_int> {
    if handle.position == LAST_WRITE {
        handle.position = ask_number(s, number, FileOp::Tell)?;
    }
    Ok(handle.position)
}

/// Asks for a number; or leaves a failure on the stack, of so many values.
fn ask_number(s: State, number: u64, op: FileOp) -> Result<u64, c_int> {
    match send(s, Request::File { number, op }, false, || {}) {
        1 => {
            let n = s.integer(-1);
            s.pop(1);
            Ok(n as u64)
        }
        n => Err(n),
    }
}
