//! The file handles of a box: its three standard streams, which lie behind the gate, files that it has opened, which do, too, and those
//! that it makes over functions of its own. A handle that the box closes is closed for the box alone.
//!
//! # Safety
//! A handle's userdata holds a [`Handle`]; it is recognised by its metatable, which no script can set.
#![allow(unsafe_code)]

mod position;
mod read;

use std::mem;
use std::os::raw::{c_int, c_void};

use crate::gate::decode::decode;
use crate::gate::encode::{Encoder, Side};
use crate::gate::level::Level;
use crate::gate::link::Link;
use crate::gate::request::{FileOp, Format, Request, Stream, StreamOp};
use crate::lua::{Kind, State};

static KEY: u8 = 0;

/// What lies in a handle's userdata.
pub struct Handle {
    kind: Behind,
    /// Of a standard stream: the assignment that the box has closed (counted from 1). Of others: 1 where it is closed. 0 for open.
    closed: u64,
    /// The call (by its Lua thread) that is in one of the stream's own functions; 0 for none.
    busy: usize,
    /// How much of the piece that came last has been read.
    at: usize,
    /// Of a file: where that piece ends; [`LAST_WRITE`] after a write.
    position: u64,
}

/// What a handle stands for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Behind {
    Standard(Stream),
    /// Functions in the handle's user table.
    Functions,
    /// A file that the box has opened, by its number.
    File(u64),
}

/// Fields of the user table of a stream over functions.
const READER: i64 = 1;
const WRITER: i64 = 2;
const CLEANER: i64 = 3;
const PIECE: i64 = 4;

/// An error of the system: errno and its words.
type Failure = (c_int, &'static std::ffi::CStr);
pub const BAD_FILE: Failure = (libc::EBADF, c"Bad file descriptor");
const FAILED: Failure = (libc::EIO, c"Input/output error");
const BUSY: Failure = (libc::EDEADLK, c"Resource deadlock avoided");
const NO_SEEK: Failure = (libc::ESPIPE, c"Illegal seek");
const INVALID: Failure = (libc::EINVAL, c"Invalid argument");

fn key() -> *const c_void {
    &KEY as *const u8 as *const c_void
}

/// Bare: pops a table and makes it the metatable of handles.
pub fn set_metatable(s: State) {
    s.registry_set(key());
}

fn push(s: State, kind: Behind) {
    let place = s.new_userdata(mem::size_of::<Handle>()) as *mut Handle;
    // SAFETY: fresh memory of that size.
    unsafe {
        place.write(Handle {
            kind,
            closed: u64::from(!matches!(kind, Behind::Standard(_))),
            busy: 0,
            at: 0,
            position: 0,
        })
    };
    s.registry_get(key());
    s.set_metatable(-2);
}

/// Bare: pushes a handle of one of the three standard streams.
pub fn push_standard(s: State, stream: Stream) {
    push(s, Behind::Standard(stream));
}

/// Bare: pushes a handle over the functions at arguments 1 to 3.
pub fn push_made(s: State) {
    push(s, Behind::Functions);
    s.new_table_sized(4, 0);
    for (arg, field) in [(1, READER), (2, WRITER), (3, CLEANER)] {
        s.copy(arg);
        s.raw_seti(-2, field);
    }
    s.set_user_table(-2);
    if let Some(handle) = at(s, -1) {
        handle.closed = 0;
    }
}

/// Bare: pushes a closed handle that is to become a file's.
pub fn push_unopened(s: State) {
    push(s, Behind::File(0));
    s.new_table_sized(4, 0);
    s.set_user_table(-2);
}

/// Makes the handle at `index` that of the open file `number`, which is at its beginning or (to append to it) at its end.
pub fn set_file(s: State, index: c_int, number: u64, end: bool) {
    if let Some(handle) = at(s, index) {
        handle.position = if end { LAST_WRITE } else { 0 };
        handle.kind = Behind::File(number);
        handle.closed = 0;
    }
}

/// The handle at `index`, if it is one.
pub fn at<'a>(s: State, index: c_int) -> Option<&'a mut Handle> {
    let place = s.userdata(index) as *mut Handle;
    if place.is_null() || s.kind(index) != Kind::Userdata || !s.metatable(index) {
        return None;
    }
    s.registry_get(key());
    let ours = s.raw_equal(-1, -2);
    s.pop(2);
    // SAFETY: only `push` gives out this metatable, with memory of this size; the value stays on the stack.
    ours.then(|| unsafe { &mut *place })
}

/// Where a file's position is no longer the box's own to know.
const LAST_WRITE: u64 = u64::MAX;

impl Handle {
    /// Goes to a position of a file, and forgets the piece at hand.
    fn go(&mut self, position: u64) {
        self.position = position;
        self.at = usize::MAX;
    }

    /// Bare: whether the box has not closed it, or the owner has assigned another file since.
    pub fn is_open(&self, s: State) -> bool {
        self.closed == 0 || self.closed != self.assignment(s)
    }

    /// The number of the assignment in force; that of a stream over functions is the only one.
    fn assignment(&self, s: State) -> u64 {
        match (self.kind, Level::of(s).core()) {
            (Behind::Standard(stream), Some(core)) => core.binding(stream).1,
            _ => 1,
        }
    }
}

/// Bare: pushes nil, a message and the number of the error: how many values.
pub fn push_failure(s: State, (number, message): Failure) -> c_int {
    s.push_nil();
    s.push_cstr(message);
    s.push_integer(i64::from(number));
    3
}

/// Bare: asks what is behind the gate. Pushes the answer: how many values.
fn ask(s: State, stream: Stream, op: StreamOp, payload: bool) -> c_int {
    send(s, Request::Stream { stream, op }, payload, || {})
}

/// Bare: sends a request, with the string on top if there is a payload. `now` is called when nothing can fail any more until it is done.
/// Pushes the answer: how many values. Not inlined: an exchange may be lent to the caller, who must be less deep.
#[inline(never)]
fn send(s: State, request: Request, payload: bool, now: impl FnOnce()) -> c_int {
    let level = Level::of(s);
    let height = level.height();
    let exchange = level.take(s);
    Encoder::new(s, level, exchange, Side::Out, Link::Owner).encode(-1, c_int::from(payload), 1);
    now();
    level.ask(s, request, exchange);
    let n = decode(s, level, exchange, Side::Back, Link::Owner);
    level.lower(height);
    n
}

/// Bare: writes the string on top of the stack to the handle at `index`; `op` is `Write` or `Forward`. Pushes true, or a failure: how
/// many values.
pub fn write(s: State, index: c_int, op: StreamOp) -> c_int {
    let index = s.absolute(index);
    let Some(handle) = at(s, index) else { return push_failure(s, BAD_FILE) };
    match handle.kind {
        Behind::Standard(stream) => ask(s, stream, op, true),
        Behind::File(number) => {
            let at = (handle.position != LAST_WRITE)
                .then(|| handle.position.saturating_sub(read::left(s, index, handle).len() as u64));
            let op = FileOp::Write { charge: op != StreamOp::Forward, at };
            send(s, Request::File { number, op }, true, || handle.go(LAST_WRITE))
        }
        Behind::Functions => {
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
    }
}

/// Bare: flushes.
pub fn flush(s: State, index: c_int) -> c_int {
    match at(s, index).map(|h| h.kind) {
        Some(Behind::Standard(stream)) => ask(s, stream, StreamOp::Flush, false),
        // Nothing is held back.
        Some(Behind::Functions | Behind::File(_)) => {
            s.push_bool(true);
            1
        }
        None => push_failure(s, BAD_FILE),
    }
}

/// Bare: seeks.
pub fn seek(s: State, index: c_int, whence: u8, offset: i64) -> c_int {
    let index = s.absolute(index);
    let Some(handle) = at(s, index) else { return push_failure(s, BAD_FILE) };
    match handle.kind {
        Behind::Standard(stream) => ask(s, stream, StreamOp::Seek { whence, offset }, false),
        Behind::Functions => push_failure(s, NO_SEEK),
        Behind::File(number) => position::seek(s, index, handle, number, whence, offset),
    }
}

/// Bare: reads one item. Pushes it, or nil, or a failure: how many values.
pub fn read(s: State, index: c_int, format: Format) -> c_int {
    let index = s.absolute(index);
    let Some(handle) = at(s, index) else { return push_failure(s, BAD_FILE) };
    match handle.kind {
        Behind::Standard(stream) => {
            let n = ask(s, stream, StreamOp::Read(format), false);
            if format == Format::Number && n == 1 && s.kind(-1) == Kind::String {
                s.text_to_number();
            }
            n
        }
        Behind::Functions | Behind::File(_) => read::read_pieces(s, index, handle, format),
    }
}

/// Bare: closes the handle: what `close` gives.
pub fn close(s: State, index: c_int) -> c_int {
    let index = s.absolute(index);
    let Some(handle) = at(s, index) else { return push_failure(s, BAD_FILE) };
    if handle.busy != 0 && handle.busy == Level::of(s).base_address() {
        return push_failure(s, BUSY);
    }
    handle.closed = handle.assignment(s);
    if let Behind::File(number) = handle.kind {
        // Needs no memory, so that a finalizer can't fail.
        let request = Request::File { number, op: FileOp::Close };
        Level::of(s).cross(s, request, Level::nothing());
        s.push_user_table(index);
        s.push_nil();
        s.raw_seti(-2, PIECE);
        s.pop(1);
    }
    if handle.kind == Behind::Functions && push_function(s, index, CLEANER) {
        // Forgotten first, so that it is called once.
        s.push_user_table(index);
        s.push_nil();
        s.raw_seti(-2, CLEANER);
        s.pop(1);
        if let Err(failure) = call(s, handle, CLEANER, 0) {
            return push_failure(s, failure);
        }
    }
    s.push_bool(true);
    1
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
