//! What the driver does with a host's file handle for a box: the answer is a parcel of what the stock function would give.
//!
//! # Safety
//! A bound handle's userdata is kept alive by the box's own handle, which is on the stack of whoever calls the box.
#![allow(unsafe_code)]

use std::cell::Cell;

use super::stream::buffer::{self, Place, Ready};
use super::stream::patience::Patience;
use super::stream::stdio::{self, Errno, Failure, ReadFormat, ReadResult};
use super::stream::{stdio_out, Closed, FileRef};
use crate::gate::answer::{exchange_of, values};
use crate::gate::exchange::{Exchange, NoMemory};
use crate::gate::parcel::Writer;
use crate::gate::request::{Format, Reply, StreamOp};
use crate::lua::{compat, State};

/// The address of the stock handle at `index`; `None` where it is none.
pub fn host_file(s: State, index: std::os::raw::c_int) -> Option<Result<usize, Closed>> {
    // SAFETY: a host's state, with room; nothing is raised.
    unsafe {
        let file = FileRef::of(s.as_ptr(), index)?;
        Some(file.current().map(|_| file.userdata as usize).ok_or(Closed))
    }
}

/// What a stream that is bound to nothing does: like /dev/null.
pub fn null(op: StreamOp, exchange: *mut Exchange) -> Reply {
    values(exchange, |w| match op {
        StreamOp::Read(Format::All) => w.string(b""),
        StreamOp::Read(_) => w.nil(),
        StreamOp::Seek { .. } => w.integer(0),
        StreamOp::Write | StreamOp::Forward | StreamOp::Flush => w.boolean(true),
    })
}

/// The box's time was up before the host's file was done with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stopped;

/// Does `op` on the handle whose userdata is at `address`, no longer than until `deadline` (monotonic, ns) or a stop of the run.
pub fn operate(
    address: usize,
    op: StreamOp,
    payload: &[u8],
    exchange: *mut Exchange,
    deadline: u64,
) -> Result<Reply, Stopped> {
    let handle = FileRef { userdata: address as *mut _ };
    // SAFETY: see the module's text.
    let Some(file) = (unsafe { handle.current() }) else {
        return Ok(closed(exchange));
    };
    let patience = Patience::of_run(deadline);
    // SAFETY: the file is open, and stays so while the driver has the thread.
    unsafe {
        match op {
            StreamOp::Read(Format::Number) => read_number(file, exchange, patience),
            StreamOp::Read(format) => read(file, format, exchange, patience),
            StreamOp::Write | StreamOp::Forward => done(stdio_out::write(file, payload, patience), exchange),
            StreamOp::Flush => done(stdio_out::flush(file, patience), exchange),
            StreamOp::Seek { whence, offset } => {
                let whence = match whence {
                    0 => libc::SEEK_SET,
                    1 => libc::SEEK_CUR,
                    _ => libc::SEEK_END,
                };
                match stdio_out::seek(file, whence, offset, patience) {
                    Ok(at) => Ok(values(exchange, |w| w.integer(at))),
                    Err(Failure::System(e)) => Ok(refused(e, exchange)),
                    Err(Failure::Stopped) => Err(Stopped),
                }
            }
        }
    }
}

/// Takes an item that lies whole in the file's buffer. Runs on a box's stack.
pub fn read_at_once(address: usize, format: Format, place: &mut Place) -> Option<&[u8]> {
    let wanted = match format {
        Format::Line { keep } => Ready::Line { keep },
        Format::Count(count) if count > 0 => Ready::Count(count),
        _ => return None,
    };
    let handle = FileRef { userdata: address as *mut _ };
    // SAFETY: see the module's text.
    unsafe { buffer::read(handle.current()?, wanted, place) }
}

/// Takes a line without its end, if that waits for nobody. Runs on a box's stack.
#[inline(always)]
pub fn read_line_at_once<'a>(
    address: usize,
    positioned: &Cell<usize>,
    place: &'a mut Place,
) -> Option<&'a [u8]> {
    let handle = FileRef { userdata: address as *mut _ };
    // SAFETY: see the module's text.
    unsafe { buffer::read_line(handle.current()?, positioned, place) }
}

/// Puts `data` into the file's buffer if it fits there and `agreed` then. False: nothing has been done. Runs on a box's stack.
pub fn write_at_once(address: usize, data: &[u8], agreed: impl FnOnce() -> bool) -> bool {
    let handle = FileRef { userdata: address as *mut _ };
    // SAFETY: see the module's text.
    unsafe { handle.current().is_some_and(|file| buffer::write(file, data, agreed)) }
}

/// What is done with a handle that is closed.
pub fn closed(exchange: *mut Exchange) -> Reply {
    refused(Errno(libc::EBADF), exchange)
}

/// What a stream says whose box's time is up, where somebody is left to hear it.
pub fn interrupted(exchange: *mut Exchange) -> Reply {
    refused(Errno(libc::EINTR), exchange)
}

fn refused(e: Errno, exchange: *mut Exchange) -> Reply {
    values(exchange, |w| failed(w, e))
}

fn done(result: Result<(), Failure>, exchange: *mut Exchange) -> Result<Reply, Stopped> {
    match result {
        Ok(()) => Ok(values(exchange, |w| w.boolean(true))),
        Err(Failure::System(e)) => Ok(refused(e, exchange)),
        Err(Failure::Stopped) => Err(Stopped),
    }
}

/// nil, message, number.
fn failed(w: &mut Writer<'_>, e: Errno) -> Result<(), NoMemory> {
    w.nil()?;
    w.string(e.message().as_bytes())?;
    w.integer(i64::from(e.0))
}

/// # Safety
/// The file is open.
unsafe fn read(
    file: *mut libc::FILE,
    format: Format,
    exchange: *mut Exchange,
    patience: Patience,
) -> Result<Reply, Stopped> {
    if exchange_of(exchange).is_none() {
        return Ok(Reply::NoMemory);
    }
    let wanted = match format {
        Format::Line { keep } => ReadFormat::Line { keep },
        Format::All => ReadFormat::All,
        Format::Number => ReadFormat::Number,
        Format::Count(n) => ReadFormat::Count(n),
        // Up to where an interactive file pauses.
        Format::Piece => ReadFormat::Line { keep: true },
    };
    let stopped = Cell::new(false);
    let reply = values(exchange, |w| {
        let outcome = w.string_with(|to, allowance| {
            // SAFETY: as for this function.
            match unsafe { stdio::read(file, wanted, allowance, to, patience) } {
                ReadResult::Data => Ok(()),
                other => Err(other),
            }
        })?;
        match outcome {
            Ok(()) => Ok(()),
            Err(ReadResult::Error(e)) => failed(w, e),
            Err(ReadResult::OutOfMemory) => Err(NoMemory),
            Err(other) => {
                stopped.set(other == ReadResult::Stopped);
                w.nil()
            }
        }
    });
    if stopped.get() {
        return Err(Stopped);
    }
    Ok(reply)
}

/// The number is sent as its text where Lua itself knows best what the text means (integers), else as `fscanf` would read it.
///
/// # Safety
/// The file is open.
unsafe fn read_number(
    file: *mut libc::FILE,
    exchange: *mut Exchange,
    patience: Patience,
) -> Result<Reply, Stopped> {
    let mut text = Vec::new();
    // SAFETY: as for this function. No numeral is longer.
    let outcome = unsafe { stdio::read(file, ReadFormat::Number, 4096, &mut text, patience) };
    if outcome == ReadResult::Stopped {
        return Err(Stopped);
    }
    Ok(values(exchange, |w| match outcome {
        ReadResult::Data if compat::INTEGERS => w.string(&text),
        ReadResult::Data => match stdio::value(&text) {
            Some(n) => w.float(n),
            None => w.nil(),
        },
        ReadResult::Error(e) => failed(w, e),
        ReadResult::OutOfMemory => Err(NoMemory),
        ReadResult::End | ReadResult::Stopped => w.nil(),
    }))
}
