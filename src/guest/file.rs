//! The files that the host has granted, as code in a box gets at them.

use std::os::raw::c_int;

use crate::gate::decode::decode;
use crate::gate::encode::{Encoder, Side};
use crate::gate::level::Level;
use crate::gate::link::Link;
use crate::gate::request::{Reply, Request};
use crate::lua::State;

/// Bare: asks something of the file whose name is at `index`. Pushes the answer: how many values, and whether they are an error's.
fn ask(s: State, index: c_int, request: Request) -> (c_int, bool) {
    let index = s.absolute(index);
    let level = Level::of(s);
    let height = level.height();
    let exchange = level.take(s);
    Encoder::new(s, level, exchange, Side::Out, Link::Owner).encode(index, 1, 1);
    let reply = level.cross(s, request, exchange);
    if !matches!(reply, Reply::Values | Reply::Error) {
        s.push_cstr(c"not enough memory");
        s.error();
    }
    let n = decode(s, level, exchange, Side::Back, Link::Owner);
    level.lower(height);
    (n, reply == Reply::Error)
}

/// Bare: reads the whole file whose name (a string) is at `index`, as a chunk to be compiled: without a byte order mark, and without
/// what stands in a first line that begins with `#`. Pushes the text and gives true; or pushes a message in stock `loadfile`'s words
/// (`cannot open a.lua: No such file or directory`) and gives false. Whether it is bytecode is for the compiler to say.
pub fn source(s: State, index: c_int) -> bool {
    !ask(s, index, Request::Source).1
}

/// Bare: the same, but that the message speaks of `shown`.
pub fn source_as(s: State, index: c_int, shown: &[u8]) -> bool {
    let index = s.absolute(index);
    if source(s, index) {
        return true;
    }
    let (name, said) = (s.bytes(index).unwrap_or_default(), s.bytes(-1).unwrap_or_default());
    // `cannot open `, the name, the reason
    for verb in [c"cannot open ", c"cannot read "] {
        let reason = said.strip_prefix(verb.to_bytes()).and_then(|rest| rest.strip_prefix(name));
        if let Some(reason) = reason {
            s.push_cstr(verb);
            s.push_bytes(shown);
            s.push_bytes(reason);
            s.concat(3);
            return false;
        }
    }
    false
}

/// Bare: whether the box has a file of the name (a string) at `index` that it may read.
pub fn readable(s: State, index: c_int) -> bool {
    let (n, _) = ask(s, index, Request::Readable);
    let readable = s.truth(-1);
    s.pop(n);
    readable
}
