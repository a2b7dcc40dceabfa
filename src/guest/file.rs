//! The files that the host has granted, as code in a box gets at them.

use std::os::raw::c_int;

use super::stream;
use crate::gate::decode::decode;
use crate::gate::encode::{Encoder, Side};
use crate::gate::grants::Mode;
use crate::gate::level::Level;
use crate::gate::link::Link;
use crate::gate::parcel::Item;
use crate::gate::request::{Reply, Request};
use crate::lua::{compat, State};

/// Bare: asks something of the file whose name is at `index`. Pushes the answer: how many values, and whether they are an error's.
fn ask(s: State, index: c_int, request: Request) -> (c_int, bool) {
    let index = s.absolute(index);
    let level = Level::of(s);
    let height = level.height();
    let exchange = level.take(s);
    Encoder::new(s, level, exchange, Side::Out, Link::Owner).encode(index, 1, 1);
    let reply = level.cross(s, request, exchange);
    if !matches!(reply, Reply::Values | Reply::Error) {
        s.no_memory();
    }
    let n = decode(s, level, exchange, Side::Back, Link::Owner);
    level.lower(height);
    (n, reply == Reply::Error)
}

/// Bare: opens the file whose name (a string) is at `index`. Pushes its handle and gives true; or pushes a message and the number of the
/// error, and gives false.
fn open_handle(s: State, index: c_int, mode: Mode) -> bool {
    let index = s.absolute(index);
    let level = Level::of(s);
    stream::push_unopened(s);
    let mut patience = s.collector_runs();
    loop {
        let height = level.height();
        let exchange = level.take(s);
        Encoder::new(s, level, exchange, Side::Out, Link::Owner).encode(index, 1, 1);
        level.ask(s, Request::OpenFile { mode }, exchange);
        // Nothing may fail until the handle knows the file.
        if let Some(Item::Integer(number)) = level.reader(exchange, Side::Back).item() {
            stream::set_file(s, -1, number as u64, mode.append && !mode.read);
            if let Some(core) = level.core() {
                level.guarded(|| core.files.claim());
            }
            level.lower(height);
            return true;
        }
        decode(s, level, exchange, Side::Back, Link::Owner);
        level.lower(height);
        // handle, nil, message, number
        if !patience || s.integer(-1) != i64::from(libc::EMFILE) {
            s.remove(-3);
            s.remove(-3);
            return false;
        }
        // Files that the code has dropped are closed when they are collected.
        s.pop(3);
        s.collect();
        patience = false;
    }
}

/// `io.open(name [, mode])`
pub fn open(s: State) -> c_int {
    s.check_bytes(1);
    let text = s.opt_bytes(2).unwrap_or(b"r");
    let mode = match text {
        _ if compat::V51 => Mode::of(text),
        [b'r' | b'w' | b'a', b'+', rest @ ..] | [b'r' | b'w' | b'a', rest @ ..]
            if rest.is_empty() || rest == b"b" || (!compat::V52 && rest.iter().all(|&b| b == b'b')) =>
        {
            Mode::of(text)
        }
        _ => s.arg_error(2, c"invalid mode"),
    };
    match mode {
        None => {
            s.push_cstr(c"Invalid argument");
            s.push_integer(i64::from(libc::EINVAL));
        }
        Some(mode) => {
            if open_handle(s, 1, mode) {
                return 1;
            }
        }
    }
    s.push_nil();
    s.copy(1);
    s.push_cstr(c": ");
    s.copy(-5);
    s.concat(3);
    s.copy(-3);
    3
}

/// Bare: pushes the handle of the file whose name is at `arg`; raises where it can't be opened, as `io.lines` and `io.input` do.
pub fn open_or_raise(s: State, arg: c_int, mode: Mode) {
    if open_handle(s, arg, mode) {
        return;
    }
    s.pop(1);
    let said = s.top();
    if compat::V51 {
        s.copy(arg);
        s.push_cstr(c": ");
        s.copy(said);
        s.concat(3);
        s.arg_error_top(arg);
    }
    s.push_where(1);
    s.push_cstr(c"cannot open file '");
    s.copy(arg);
    s.push_cstr(c"' (");
    s.copy(said);
    s.push_cstr(c")");
    s.concat(6);
    s.error()
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
