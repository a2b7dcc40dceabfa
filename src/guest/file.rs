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

/// Bare: whether the box has a file of the name (a string) at `index` that it may read.
#[allow(dead_code)] // for `require`
pub fn readable(s: State, index: c_int) -> bool {
    let (n, _) = ask(s, index, Request::Readable);
    let readable = s.truth(-1);
    s.pop(n);
    readable
}
