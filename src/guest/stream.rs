//! The file handles of a box: its three standard streams, which lie behind the gate, those that it was given by another side, files that
//! it has opened, and those
//! that it makes over functions of its own. A handle that the box closes is closed for the box alone.
//!
//! # Safety
//! A handle's userdata holds a [`Handle`], which is recognised by its size and by the [`MARK`] that it begins with: all userdata in a box are
//! made by this library, and no script can write to one.
#![allow(unsafe_code)]

use std::mem;
use std::os::raw::c_int;

use super::{disk, made, pieces};
use crate::gate::level::Level;
use crate::gate::link::Link;
use crate::gate::near::{self, Whose};
use crate::gate::proxy::crossing;
use crate::gate::request::{Format, Request, Stream, StreamOp};
use crate::gate::streams;
use crate::host::stream::buffer::PLACE;
use crate::lua::{Key, Kind, State};

static METATABLE: Key = Key::new();

/// What a handle begins with, and no other userdata of this library does.
const MARK: u64 = 0x6b1e_5afe_10a0_f11e;

/// What lies in a handle's userdata.
#[repr(C)]
pub struct Handle {
    mark: u64,
    kind: Behind,
    /// Of a standard stream: the assignment that the box has closed (counted from 1). Of others: 1 where it is closed. 0 for open.
    pub closed: u64,
    /// The call (by its Lua thread) that is in one of the stream's own functions; 0 for none.
    pub busy: usize,
    /// How much of the piece that came last has been read.
    pub at: usize,
    /// Of a file: where that piece ends, or [`super::disk::LAST_WRITE`].
    pub position: u64,
}

/// What a handle stands for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Behind {
    Standard(Stream),
    /// Functions in the handle's user table.
    Functions,
    /// A file that the box has opened, by its number.
    File(u64),
    /// A stream of another side, exported under this number; its proxy is in the handle's user table.
    Given(Link, u64),
}

/// Where a stream comes from, as it matters when it crosses.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    Standard(Stream),
    Made {
        reads: bool,
        writes: bool,
    },
    /// The other side of that link has exported it under this number.
    Given(Link, u64),
}

/// Field of the user table of a given stream: its proxy.
const PROXY: i64 = 1;
/// The handle of the box that has it, if it is one below.
const OWNER: i64 = 2;

/// An error of the system: errno and its words.
pub type Failure = (c_int, &'static std::ffi::CStr);
pub const BAD_FILE: Failure = (libc::EBADF, c"Bad file descriptor");
const NO_SEEK: Failure = (libc::ESPIPE, c"Illegal seek");

/// Bare: pops a table and makes it the metatable of handles.
pub fn set_metatable(s: State) {
    s.registry_set(&METATABLE);
}

fn push(s: State, kind: Behind) {
    let place = s.new_userdata(mem::size_of::<Handle>()) as *mut Handle;
    // SAFETY: fresh memory of that size.
    unsafe {
        place.write(Handle {
            mark: MARK,
            kind,
            closed: u64::from(!matches!(kind, Behind::Standard(_))),
            busy: 0,
            at: 0,
            position: 0,
        })
    };
    s.registry_get(&METATABLE);
    s.set_metatable(-2);
}

/// Bare: pushes a handle of one of the three standard streams.
pub fn push_standard(s: State, stream: Stream) {
    push(s, Behind::Standard(stream));
}

/// Bare: pushes a handle over the functions at arguments 1 to 3.
pub fn push_made(s: State) {
    push(s, Behind::Functions);
    made::push_functions(s);
    furnish(s);
}

/// Bare: puts a handle in place of what is on top: the proxy of a stream that the other side has exported under `number`, and the handle
/// of the box that has it, or nil.
pub fn push_given(s: State, link: Link, number: u64) {
    push(s, Behind::Given(link, number));
    s.insert(-3);
    s.new_table_sized(2, 0);
    s.insert(-3);
    s.raw_seti(-3, OWNER);
    s.raw_seti(-2, PROXY);
    furnish(s);
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
        handle.position = if end { disk::LAST_WRITE } else { 0 };
        handle.kind = Behind::File(number);
        handle.closed = 0;
    }
}

/// Opens the handle below the table on top, which becomes its user table.
fn furnish(s: State) {
    s.set_user_table(-2);
    if let Some(handle) = at(s, -1) {
        handle.closed = 0;
    }
}

/// Bare: pushes the proxy of the given stream at `index`, or nil.
pub fn push_proxy_of(s: State, index: c_int) {
    if !matches!(at(s, index).map(|handle| handle.kind), Some(Behind::Given(..))) {
        s.push_nil();
        return;
    }
    s.push_user_table(index);
    s.raw_geti(-1, PROXY);
    s.remove(-2);
}

/// Bare: where the stream at `index` comes from; `None` where it is none.
pub fn origin(s: State, index: c_int) -> Option<Origin> {
    Some(match at(s, index)?.kind {
        Behind::Standard(stream) => Origin::Standard(stream),
        Behind::Functions => {
            let (reads, writes) = made::abilities(s, index);
            Origin::Made { reads, writes }
        }
        Behind::File(_) => Origin::Made { reads: true, writes: true },
        Behind::Given(link, number) => Origin::Given(link, number),
    })
}

/// The handle at `index`, if it is one.
pub fn at<'a>(s: State, index: c_int) -> Option<&'a mut Handle> {
    let place = s.userdata(index) as *mut Handle;
    // A light userdata has no length.
    if place.is_null() || s.raw_len(index) != mem::size_of::<Handle>() {
        return None;
    }
    // SAFETY: a userdata of this size, aligned as Lua aligns them, which has been written to since it was made; the value stays where it is.
    unsafe { ((*place).mark == MARK).then(|| &mut *place) }
}

/// Whether the stream at `index` lies behind the gate.
pub fn is_behind_gate(s: State, index: c_int) -> bool {
    at(s, index)
        .is_some_and(|handle| matches!(handle.kind, Behind::Standard(_) | Behind::Given(Link::Owner, _)))
}

impl Handle {
    /// The number of the file that it stands for, if it is one.
    pub fn file(&self) -> Option<u64> {
        match self.kind {
            Behind::File(number) => Some(number),
            _ => None,
        }
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

/// Bare: has `op` done by the side that has the stream; for a write the text is on top. Pushes the answer: how many values.
fn ask(s: State, kind: Behind, op: StreamOp) -> c_int {
    let (link, request) = match kind {
        Behind::Standard(stream) => (Link::Owner, Request::Stream { stream, op }),
        Behind::Given(link, number) => (link, streams::request(link, number, op)),
        Behind::Functions | Behind::File(_) => return push_failure(s, BAD_FILE),
    };
    let payload = matches!(op, StreamOp::Write | StreamOp::Forward);
    let first = s.top() + 1 - c_int::from(payload);
    crossing(s, Level::of(s), link, request, first)
}

/// Bare: writes the string on top of the stack to the handle at `index`; `op` is `Write` or `Forward`. Pushes true, or a failure: how
/// many values.
pub fn write(s: State, index: c_int, op: StreamOp) -> c_int {
    let index = s.absolute(index);
    let Some(handle) = at(s, index) else { return push_failure(s, BAD_FILE) };
    match handle.kind {
        Behind::Functions => made::write(s, index, handle),
        Behind::File(number) => disk::write(s, index, handle, number, op != StreamOp::Forward),
        kind if op == StreamOp::Write && write_near(s, kind, -1) => {
            s.push_bool(true);
            1
        }
        // What was counted here and above has not been counted below.
        kind @ Behind::Given(Link::Below(_), _) => ask(s, kind, StreamOp::Write),
        kind => ask(s, kind, op),
    }
}

/// The stream behind `kind`, as far as it may lie near.
#[inline(always)]
fn whose(kind: Behind) -> Option<Whose> {
    match kind {
        Behind::Standard(stream) => Some(Whose::Standard(stream)),
        Behind::Given(Link::Owner, number) => Some(Whose::Given(number)),
        _ => None,
    }
}

/// Bare: writes the string at `text` to the handle at `index` if that needs nobody. False: nothing has been done.
pub fn write_at_once(s: State, index: c_int, text: c_int) -> bool {
    let open = at(s, index).filter(|handle| handle.closed == 0);
    open.is_some_and(|handle| write_near(s, handle.kind, text))
}

/// Bare: reads and pushes a line from the handle that is the running function's first upvalue, if that needs nobody. False: nothing has
/// been done.
#[inline(always)]
pub fn read_line_at_once(s: State) -> bool {
    let handle = s.userdata(State::upvalue(1)) as *const Handle;
    // SAFETY: the iterator behind `lines`, whose first upvalue no script can change.
    let kind = unsafe { handle.as_ref() }.filter(|handle| handle.closed == 0).map(|handle| handle.kind);
    let (Some(whose), Some(level)) = (kind.and_then(whose), Level::in_box(s)) else { return false };
    let mut place = PLACE;
    match near::read_line(level, whose, &mut place) {
        Some(line) => {
            s.push_bytes(line);
            true
        }
        None => false,
    }
}

fn write_near(s: State, kind: Behind, text: c_int) -> bool {
    let Some(whose) = whose(kind) else { return false };
    s.bytes(text).is_some_and(|bytes| near::write(Level::of(s), whose, bytes))
}

fn read_near(s: State, kind: Behind, format: Format) -> bool {
    let Some(whose) = whose(kind) else { return false };
    let (level, mut place) = (Level::of(s), PLACE);
    let read = match format {
        Format::Line { keep: false } => near::read_line(level, whose, &mut place),
        _ => near::read(level, whose, format, &mut place),
    };
    match read {
        Some(bytes) => {
            s.push_bytes(bytes);
            true
        }
        None => false,
    }
}

/// Bare: flushes.
pub fn flush(s: State, index: c_int) -> c_int {
    match at(s, index).map(|h| h.kind) {
        // Nothing is held back.
        Some(Behind::Functions | Behind::File(_)) => {
            s.push_bool(true);
            1
        }
        Some(kind) => ask(s, kind, StreamOp::Flush),
        None => push_failure(s, BAD_FILE),
    }
}

/// Bare: seeks.
pub fn seek(s: State, index: c_int, whence: u8, offset: i64) -> c_int {
    let index = s.absolute(index);
    let Some(handle) = at(s, index) else { return push_failure(s, BAD_FILE) };
    match handle.kind {
        Behind::Functions => push_failure(s, NO_SEEK),
        Behind::File(number) => disk::seek(s, index, handle, number, whence, offset),
        kind => ask(s, kind, StreamOp::Seek { whence, offset }),
    }
}

/// Bare: reads one item. Pushes it, or nil, or a failure: how many values.
pub fn read(s: State, index: c_int, format: Format) -> c_int {
    let index = s.absolute(index);
    let Some(handle) = at(s, index) else { return push_failure(s, BAD_FILE) };
    match handle.kind {
        Behind::Functions | Behind::File(_) => pieces::read(s, index, handle, format),
        kind if read_near(s, kind, format) => 1,
        kind => {
            let n = ask(s, kind, StreamOp::Read(format));
            if format == Format::Number && n == 1 && s.kind(-1) == Kind::String {
                s.text_to_number();
            }
            n
        }
    }
}

/// Bare: closes the handle: what `close` gives. What others have behind it stays open.
pub fn close(s: State, index: c_int) -> c_int {
    let index = s.absolute(index);
    let Some(handle) = at(s, index) else { return push_failure(s, BAD_FILE) };
    if let Behind::File(number) = handle.kind {
        handle.closed = 1;
        disk::close(s, index, number);
    } else if handle.kind == Behind::Functions {
        if let Err(failure) = made::close(s, index, handle) {
            return push_failure(s, failure);
        }
    } else {
        handle.closed = handle.assignment(s);
    }
    s.push_bool(true);
    1
}
