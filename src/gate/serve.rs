//! A level serves what a box below it asks: its functions, its environment, its own streams. A function of the host's that is called
//! with scalars is called in another way: see [`direct`].

pub mod direct;

use std::cell::Cell;
use std::os::raw::{c_int, c_void};

use super::answer;
use super::decode::decode;
use super::encode::{Encoder, Side};
use super::exchange::Exchange;
use super::level::Level;
use super::link::{field, Link};
use super::parcel::Writer;
use super::realm;
use super::request::{Id, Reply, Stream, StreamOp};
use super::streams::is_output;
use super::trace;
use crate::guest;
use crate::lua::{function, Kind, State};

/// What is asked of a level, and by which box.
#[derive(Clone, Copy)]
pub struct Call {
    pub id: Id,
    pub what: What,
    pub exchange: *mut Exchange,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    Function(u64),
    Getenv,
    Module,
    Stream(Stream, StreamOp),
    Given(u64, StreamOp),
}

struct Frame {
    call: Call,
    level: Level,
    reply: Cell<Reply>,
}

/// Serves one call in the state `s`; sheltered.
pub fn serve(s: State, level: Level, call: Call) -> Reply {
    let frame = Frame { call, level, reply: Cell::new(Reply::NoMemory) };
    let top = s.top();
    if !s.protected(function(perform), &frame as *const Frame as *mut c_void) {
        let text = s.bytes(-1).unwrap_or(b"error in error handling");
        let written = level.with_exchange(call.exchange, |e| {
            Writer::new(&mut e.back).and_then(|mut w| w.string(text)).is_ok()
        });
        frame.reply.set(if written { Reply::Error } else { Reply::NoMemory });
    }
    level.set_passing(false);
    s.set_top(top);
    frame.reply.get()
}

/// The C function under which a level serves; where its part of a traceback ends.
pub fn perform(s: State) -> c_int {
    // SAFETY: `serve` passes its frame, which outlives the protected call.
    #[allow(unsafe_code)]
    let frame = unsafe { &*(s.userdata(1) as *const Frame) };
    let Frame { call, level, .. } = *frame;
    let link = Link::Below(call.id);
    link.settle_releases(s, level);
    let reply = match call.what {
        What::Function(number) => perform_function(s, level, call, link, number),
        What::Getenv => perform_getenv(s, level, call, link),
        What::Module => perform_module(s, level, call, link),
        What::Stream(stream, op) => {
            if !link.push_table(s) {
                s.raise(c"sandbox is closed");
            }
            s.raw_geti(-1, field::STREAMS + stream.index() as i64);
            // It has been counted as the output of the box that writes and of all above it.
            let op = if op == StreamOp::Write { StreamOp::Forward } else { op };
            guest::operate::operate(s, level, op, call.exchange)
        }
        What::Given(number, op) => {
            if !link.push_export(s, number) {
                s.raise(c"the stream is gone");
            }
            let op = match op {
                StreamOp::Write if is_output(s, link) => count_output(level, call),
                op => op,
            };
            guest::operate::operate(s, level, op, call.exchange)
        }
    };
    frame.reply.set(reply);
    0
}

/// What a box writes to its own stdout or stderr is its output, whichever way it came by the stream.
fn count_output(level: Level, call: Call) -> StreamOp {
    level.guarded(|| {
        if let Some(core) = realm::known(level, call.id) {
            answer::limit_output(&core, call.exchange, answer::Place::HOST);
        }
    });
    StreamOp::Forward
}

fn perform_function(s: State, level: Level, call: Call, link: Link, number: u64) -> Reply {
    if !link.push_export(s, number) {
        s.raise(c"the function is gone");
    }
    let n = decode(s, level, call.exchange, Side::Out, link);
    finish(s, level, call, link, n)
}

/// Calls what lies below `n` arguments at index 2, and sends what comes of it.
fn finish(s: State, level: Level, call: Call, link: Link, n: c_int) -> Reply {
    s.push_function(function(trace::serving_handler));
    s.insert(2);
    let ok = s.pcall(n, State::ALL, 2);
    send_from(s, level, call.exchange, link, ok, 3)
}

/// Sends what has come of a call: results from index `first` on, or the error value on top.
fn send_from(s: State, level: Level, exchange: *mut Exchange, link: Link, ok: bool, first: c_int) -> Reply {
    let encoder = Encoder::new(s, level, exchange, Side::Back, link);
    if ok {
        encoder.named(c"result").encode(first, s.top() - first + 1, 1);
        Reply::Values
    } else {
        encoder.named(c"error value").encode(-1, 1, 0);
        Reply::Error
    }
}

fn perform_getenv(s: State, level: Level, call: Call, link: Link) -> Reply {
    if !link.push_table(s) {
        s.raise(c"sandbox is closed");
    }
    s.raw_geti(-1, field::ENVIRONMENT);
    s.replace(2);
    s.set_top(2);
    decode(s, level, call.exchange, Side::Out, link);
    match s.kind(2) {
        Kind::Function => finish(s, level, call, link, 1),
        Kind::Table => {
            s.get_table(2);
            Encoder::new(s, level, call.exchange, Side::Back, link).named(c"result").encode(-1, 1, 1);
            Reply::Values
        }
        _ => {
            s.push_nil();
            Encoder::new(s, level, call.exchange, Side::Back, link).encode(-1, 1, 1);
            Reply::Values
        }
    }
}

/// Reads the file of a granted module. What is said of it names the file as the box knows it.
fn perform_module(s: State, level: Level, call: Call, link: Link) -> Reply {
    if !link.push_table(s) {
        s.raise(c"sandbox is closed");
    }
    s.raw_geti(-1, field::MODULES);
    if s.kind(-1) != Kind::Table {
        s.raise(c"sandbox is closed");
    }
    decode(s, level, call.exchange, Side::Out, link);
    // modules, name, shown
    s.insert(-2);
    s.raw_get(-3);
    let (shown, path) = (s.bytes(-2).unwrap_or_default(), s.bytes(-1).unwrap_or_default());
    match level {
        Level::Host(_) => super::files::read(path, shown, call.exchange, usize::MAX),
        Level::Box(_) => {
            let found = guest::file::source_as(s, -1, shown);
            Encoder::new(s, level, call.exchange, Side::Back, link).encode(-1, 1, 1);
            if found {
                Reply::Values
            } else {
                Reply::Error
            }
        }
    }
}
