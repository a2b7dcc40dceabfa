//! What others have done with the streams of a box: the boxes below it, which write to them or were given them, and its owner.

use std::os::raw::c_int;

use super::io::is_open;
use super::stream;
use crate::gate::encode::{Encoder, Side};
use crate::gate::exchange::Exchange;
use crate::gate::level::Level;
use crate::gate::link::Link;
use crate::gate::parcel::Item;
use crate::gate::request::{Format, Reply, StreamOp};
use crate::lua::{Kind, State};

/// Bare: does `op` on the stream at `index`; for a write the text is on top. Pushes what comes of it: how many values.
pub fn perform(s: State, index: c_int, op: StreamOp) -> c_int {
    let index = s.absolute(index);
    if is_open(s, index) != Some(true) {
        return stream::push_failure(s, stream::BAD_FILE);
    }
    match op {
        StreamOp::Read(format) => {
            let n = stream::read(s, index, format);
            // A number is sent as it was read: whoever asked converts it anew.
            if n == 1 && format == Format::Number && s.kind(-1) == Kind::Number {
                s.to_text(-1);
            }
            n
        }
        StreamOp::Flush => stream::flush(s, index),
        StreamOp::Seek { whence, offset } => stream::seek(s, index, whence, offset),
        StreamOp::Write | StreamOp::Forward => stream::write(s, index, op),
    }
}

/// Bare: does for a box below what it asks of the stream on top of the stack.
pub fn operate(s: State, level: Level, op: StreamOp, exchange: *mut Exchange) -> Reply {
    let index = s.top();
    level.set_passing(stream::is_behind_gate(s, index));
    if matches!(op, StreamOp::Write | StreamOp::Forward) {
        match level.reader(exchange, Side::Out).item() {
            Some(Item::String(bytes)) => s.push_bytes(bytes),
            _ => s.push_cstr(c""),
        }
    }
    let n = perform(s, index, op);
    Encoder::new(s, level, exchange, Side::Back, Link::Owner).named(c"result").encode(-n, n, 1);
    Reply::Values
}
