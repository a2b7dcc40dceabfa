//! What the driver does with a host's file handle for a box: the answer is a parcel of what the stock function would give.
//!
//! # Safety
//! A bound handle's userdata is kept alive by the box's own handle, which is on the stack of whoever calls the box.
#![allow(unsafe_code)]

use super::stream::stdio::{self, Errno, ReadFormat, ReadResult};
use super::stream::{Closed, FileRef};
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

/// What is done with a handle that is closed.
pub fn closed(exchange: *mut Exchange) -> Reply {
    values(exchange, |w| failed(w, Errno(libc::EBADF)))
}

/// Does `op` on the handle whose userdata is at `address`.
pub fn operate(address: usize, op: StreamOp, payload: &[u8], exchange: *mut Exchange) -> Reply {
    let handle = FileRef { userdata: address as *mut _ };
    // SAFETY: see the module's text.
    let Some(file) = (unsafe { handle.current() }) else { return closed(exchange) };
    // SAFETY: the file is open, and stays so while the driver has the thread.
    unsafe {
        match op {
            StreamOp::Read(format) => read(file, format, exchange),
            StreamOp::Write | StreamOp::Forward => done(stdio::write(file, payload), exchange),
            StreamOp::Flush => done(stdio::flush(file), exchange),
            StreamOp::Seek { whence, offset } => {
                let whence = match whence {
                    0 => libc::SEEK_SET,
                    1 => libc::SEEK_CUR,
                    _ => libc::SEEK_END,
                };
                match stdio::seek(file, whence, offset) {
                    Ok(at) => values(exchange, |w| w.integer(at)),
                    Err(e) => values(exchange, |w| failed(w, e)),
                }
            }
        }
    }
}

fn done(result: Result<(), Errno>, exchange: *mut Exchange) -> Reply {
    values(exchange, |w| match result {
        Ok(()) => w.boolean(true),
        Err(e) => failed(w, e),
    })
}

/// nil, message, number.
fn failed(w: &mut Writer<'_>, e: Errno) -> Result<(), NoMemory> {
    w.nil()?;
    w.string(e.message().as_bytes())?;
    w.integer(i64::from(e.0))
}

/// # Safety
/// The file is open.
unsafe fn read(file: *mut libc::FILE, format: Format, exchange: *mut Exchange) -> Reply {
    if exchange_of(exchange).is_none() {
        return Reply::NoMemory;
    }
    let wanted = match format {
        Format::Line { keep } => ReadFormat::Line { keep },
        Format::All => ReadFormat::All,
        Format::Number => ReadFormat::Number,
        Format::Count(n) => ReadFormat::Count(n),
        // Up to where an interactive file pauses.
        Format::Piece => ReadFormat::Line { keep: true },
    };
    if format == Format::Number {
        return read_number(file, exchange);
    }
    values(exchange, |w| {
        let outcome = w.string_with(|to, allowance| {
            // SAFETY: as for this function.
            match unsafe { stdio::read(file, wanted, allowance, to) } {
                ReadResult::Data => Ok(()),
                other => Err(other),
            }
        })?;
        match outcome {
            Ok(()) => Ok(()),
            Err(ReadResult::Error(e)) => failed(w, e),
            Err(ReadResult::OutOfMemory) => Err(NoMemory),
            Err(_) => w.nil(),
        }
    })
}

/// The number is sent as its text where Lua itself knows best what the text means (integers), else as `fscanf` would read it.
///
/// # Safety
/// The file is open.
unsafe fn read_number(file: *mut libc::FILE, exchange: *mut Exchange) -> Reply {
    let mut text = Vec::new();
    // SAFETY: as for this function. No numeral is longer.
    let outcome = unsafe { stdio::read(file, ReadFormat::Number, 4096, &mut text) };
    values(exchange, |w| match outcome {
        ReadResult::Data if compat::INTEGERS => w.string(&text),
        ReadResult::Data => match stdio::value(&text) {
            Some(n) => w.float(n),
            None => w.nil(),
        },
        ReadResult::Error(e) => failed(w, e),
        ReadResult::OutOfMemory => Err(NoMemory),
        ReadResult::End => w.nil(),
    })
}
