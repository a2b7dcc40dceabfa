//! Answers that need nobody: what already lies in the buffer of the host's file crosses without a change of stacks, and what still fits
//! in there is put there. It is what the driver would do (`host::driver_io`), done on the box's own stack in a few instructions that no
//! stop interrupts; for a line the buffer of a regular file is filled, too. Whatever could wait, fail, run Lua or meet a limit is left to
//! the driver.
//!
//! All of it is bare code.

use std::cell::Cell;

use super::core::{Core, Status};
use super::level::Level;
use super::request::{Bound, Format, Request, Stream, StreamOp};
use crate::host::driver_io;
use crate::host::stream::buffer::Place;

const LINE: Format = Format::Line { keep: false };

/// What a box asks for: one of its three streams, or a stream that its owner has given it under this number.
#[derive(Clone, Copy)]
pub enum Whose {
    Standard(Stream),
    Given(u64),
}

/// The host's file behind a stream of the box, and whether what is written to it counts as output; `None` where there is another side
/// in between.
#[inline(always)]
fn file_of(core: &Core, whose: Whose) -> Option<(usize, bool)> {
    if core.parent.is_some() || core.status.get() != Status::Ready {
        return None;
    }
    let file = |stream: Stream| match core.binding(stream).0 {
        Bound::File(address) => Some(address),
        _ => None,
    };
    match whose {
        Whose::Standard(stream) => Some((file(stream)?, stream != Stream::In)),
        Whose::Given(number) => {
            let address = core.ledger.file(number)?;
            Some((address, file(Stream::Out) == Some(address) || file(Stream::Err) == Some(address)))
        }
    }
}

impl Whose {
    #[inline(always)]
    fn request(self, op: StreamOp) -> Request {
        match self {
            Whose::Standard(stream) => Request::Stream { stream, op },
            Whose::Given(number) => Request::Given { number, op },
        }
    }
}

/// Reads a line without its end, by way of `place`. `None`: it has to be asked for.
#[inline(always)]
pub fn read_line(level: Level, whose: Whose, place: &mut Place) -> Option<&[u8]> {
    let core = level.core()?;
    if !core.tape.is_off() {
        return read_line_taped(level, core, whose, place);
    }
    level.guarded(|| line(core, whose, place))
}

#[inline(always)]
fn line<'a>(core: &Core, whose: Whose, place: &'a mut Place) -> Option<&'a [u8]> {
    let (file, _) = file_of(core, whose)?;
    match whose {
        Whose::Standard(_) => driver_io::read_line_at_once(file, &core.positioned, place),
        // Nobody says when such a handle is let go of, and another file may have its place.
        Whose::Given(_) => driver_io::read_line_at_once(file, &Cell::new(0), place),
    }
}

/// The same where the box is recorded or replayed.
#[cold]
#[inline(never)]
fn read_line_taped<'a>(level: Level, core: &Core, whose: Whose, place: &'a mut Place) -> Option<&'a [u8]> {
    let thread = level.run()?.thread;
    if core.tape.is_replaying() {
        return read(level, whose, LINE, place);
    }
    level.guarded(|| {
        core.tape.note_line(thread, whose.request(StreamOp::Read(LINE)), || line(core, whose, place))
    })
}

/// Reads one item, by way of `place`. `None`: it has to be asked for.
pub fn read(level: Level, whose: Whose, format: Format, place: &mut Place) -> Option<&[u8]> {
    let (core, thread) = (level.core()?, level.run()?.thread);
    let request = whose.request(StreamOp::Read(format));
    level.guarded(|| {
        if core.tape.is_replaying() {
            let (at, len, _) = core.tape.answer_near(request, &[])?;
            // SAFETY: the tape keeps it until the next read, which comes after the caller has made a string of it.
            #[allow(unsafe_code)]
            return Some(unsafe { std::slice::from_raw_parts(at, len) });
        }
        let (address, _) = file_of(core, whose)?;
        let bytes = driver_io::read_at_once(address, format, place)?;
        if core.tape.is_recording() {
            core.tape.note_near(thread, request, bytes, false);
        }
        Some(bytes)
    })
}

/// Writes `data`, and charges it as output. False: nothing has been done.
pub fn write(level: Level, whose: Whose, data: &[u8]) -> bool {
    let (Some(core), Some(run)) = (level.core(), level.run()) else { return false };
    let request = whose.request(StreamOp::Write);
    level.guarded(|| {
        if core.tape.is_replaying() {
            let Some((.., charged)) = core.tape.answer_near(request, data) else { return false };
            return !charged || core.charge_output_whole(data.len());
        }
        let Some((address, output)) = file_of(core, whose) else { return false };
        let done =
            driver_io::write_at_once(address, data, || !output || core.charge_output_whole(data.len()));
        if done && core.tape.is_recording() {
            core.tape.note_near(run.thread, request, data, output);
        }
        done
    })
}
