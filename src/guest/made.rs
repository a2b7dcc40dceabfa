//! Streams that a box makes over functions of its own: `sandbox.newstream` inside.
//!
//! All of it is bare code.

use std::os::raw::c_int;

use super::stream::{push_failure, Failure, Handle, BAD_FILE};
use crate::gate::level::Level;
use crate::lua::State;

/// Fields of the user table of a stream over functions.
const READER: i64 = 1;
const WRITER: i64 = 2;
const CLEANER: i64 = 3;

pub const FAILED: Failure = (libc::EIO, c"Input/output error");
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
    // Nil and a message is how stock functions fail: a function may pass on what that of another stream gave.
    let failed = !ok || (field != CLEANER && s.is_nil(-2) && !s.is_nil(-1));
    s.pop(1);
    if !failed {
        return Ok(());
    }
    if ok {
        s.pop(1);
    }
    Err(FAILED)
}

/// Asks the stream's reader for the next piece. Leaves what it gives on the stack: nil where there is none.
pub fn ask_reader(s: State, index: c_int, handle: &mut Handle) -> Result<(), Failure> {
    if !push_function(s, index, READER) {
        // Only written to: it can't be read; a null device is at its end.
        if push_function(s, index, WRITER) {
            s.pop(1);
            return Err(BAD_FILE);
        }
        s.push_nil();
        return Ok(());
    }
    s.push_integer(super::pieces::PIECE_SIZE as i64);
    call(s, handle, READER, 1)
}
