//! Recordings: how they begin, how what is written reaches the host's writer, and how they end.
//!
//! The writer lies in the box's handle, as its streams do. It is called between two turns of the box, never while one of its own calls is
//! under way; what it raises ends the recording, and is raised by the call into the box that is under way, or by the next.

use std::os::raw::{c_int, c_void};

use super::event::Event;
use super::frame::{seal, MAGIC};
use super::header;
use crate::gate::answer;
use crate::gate::core::{Core, Status};
use crate::gate::exchange::Exchange;
use crate::gate::level::Level;
use crate::gate::link::{field, Link};
use crate::gate::realm;
use crate::gate::request::{Id, Reply};
use crate::lua::{compat, function, Kind, State};

/// What keeps a box from being recorded.
pub fn refusal(core: &Core) -> Option<&'static std::ffi::CStr> {
    if core.parent.is_some() {
        return Some(c"a box below a box can't be recorded");
    }
    if !core.tape.is_off() {
        return Some(c"the box is being recorded already");
    }
    if core.tape.was_called() || core.running.get() > 0 || core.status.get() != Status::Ready {
        return Some(c"a recording begins before the first call into the box");
    }
    None
}

/// Begins to record a box, which has been made ready for that.
fn begin(core: &Core) -> Result<(), String> {
    let no_memory = || compat::NO_MEMORY.to_owned();
    let header = header::write(core).ok_or_else(no_memory)?;
    let mut ready = MAGIC.to_vec();
    if !seal(&header, &mut ready) {
        return Err(no_memory());
    }
    core.tape.begin_recording();
    core.tape.with(|recorder| recorder.ready = ready);
    Ok(())
}

/// Sheltered: the same, and hands the beginning to the writer.
pub fn start(root: State, core: &Core) -> Result<(), String> {
    begin(core)?;
    deliver(root, core);
    take_failure(core).map_or(Ok(()), Err)
}

/// Sheltered: hands what has been written down to the writer. What goes wrong is kept.
pub fn deliver(root: State, core: &Core) {
    let wanted = core.tape.with(|recorder| {
        // What the writer itself does with the box comes with the next frame.
        if recorder.busy {
            return false;
        }
        recorder.seal();
        recorder.failed.is_none() && !recorder.ready.is_empty()
    });
    if wanted != Some(true) {
        return;
    }
    let top = root.top();
    core.tape.with(|recorder| recorder.busy = true);
    let id = core.id.0;
    let well = root.protected(function(write), &raw const id as *mut c_void);
    let said =
        if well { None } else { Some(root.bytes(-1).unwrap_or(b"(error object is no string)").to_vec()) };
    root.set_top(top);
    core.tape.with(|recorder| {
        recorder.busy = false;
        recorder.ready.clear();
        if said.is_some() {
            recorder.failed = said;
        }
    });
}

/// The frames that wait for the writer of a box. They stay as they are while the recorder is busy.
fn ready(s: State, id: Id) -> &'static [u8] {
    let level = Level::of(s);
    let core = realm::with(level, |realm| realm.find(id)).flatten();
    let bytes =
        core.and_then(|core| core.tape.with(|recorder| (recorder.ready.as_ptr(), recorder.ready.len())));
    let Some((at, len)) = bytes else { return &[] };
    // SAFETY: `deliver` clears them only when this call is over; a box that is closed meanwhile has its tape ended after that.
    #[allow(unsafe_code)]
    unsafe {
        std::slice::from_raw_parts(at, len)
    }
}

/// Bare: calls the writer of the box whose number the light userdata points to.
fn write(s: State) -> c_int {
    // SAFETY: `deliver` passes the address of a number, which outlives the protected call.
    #[allow(unsafe_code)]
    let id = Id(unsafe { *(s.userdata(1) as *const u64) });
    if !Link::Below(id).push_table(s) {
        s.raise(c"sandbox is closed");
    }
    s.raw_geti(-1, field::RECORDER);
    match s.kind(-1) {
        Kind::Function => {
            s.push_bytes(ready(s, id));
            s.call(1, 0);
        }
        Kind::Userdata => {
            s.get_field(-1, c"write");
            s.copy(-2);
            s.push_bytes(ready(s, id));
            s.call(2, 2);
            if !s.truth(-2) {
                if s.bytes(-1).is_none() {
                    s.raise(c"the journal can't be written");
                }
                s.error();
            }
        }
        _ => s.raise(c"the journal has no writer"),
    }
    0
}

/// Sheltered: a call into a recorded box is over: what it has led to is delivered, and a failure of the writer takes the place of its
/// outcome.
pub fn end_of_call(root: State, core: &Core, exchange: *mut Exchange, reply: Reply) -> Reply {
    deliver(root, core);
    match take_failure(core) {
        Some(text) => answer::error(exchange, &text),
        None => reply,
    }
}

/// Ends a recording whose writer has failed: what to say of it.
fn take_failure(core: &Core) -> Option<String> {
    let said = core.tape.with(|recorder| recorder.failed.take()).flatten()?;
    core.tape.end();
    Some(format!("recording ended: {}", String::from_utf8_lossy(&said)))
}

/// Sheltered: ends a recording, if there is one, with `last` as its last event; what went wrong with it.
pub fn finish(root: State, core: &Core, last: &Event<'_>) -> Result<(), String> {
    if !core.tape.is_recording() {
        return Ok(());
    }
    core.tape.note(last);
    deliver(root, core);
    match take_failure(core) {
        Some(text) => Err(text),
        None => {
            // The writer itself may have called for this.
            if core.tape.with(|recorder| recorder.busy) != Some(true) {
                core.tape.end();
            }
            Ok(())
        }
    }
}
