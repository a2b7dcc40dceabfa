//! The io library of a box: its three streams, streams over functions of its own, and the files that were granted to it.

mod lines;
mod reading;

use std::os::raw::c_int;

use super::{file, stream};
use crate::gate::grants::Mode;
use crate::gate::request::{Format, Stream, StreamOp};
use crate::lua::{compat, function, Entry, Key, Kind, State};

static DEFAULT_INPUT: Key = Key::new();
static DEFAULT_OUTPUT: Key = Key::new();
/// For `print`.
static STANDARD_OUTPUT: Key = Key::new();

fn default_key(which: Stream) -> &'static Key {
    if which == Stream::In {
        &DEFAULT_INPUT
    } else {
        &DEFAULT_OUTPUT
    }
}

pub fn open(s: State) {
    s.new_table();
    s.new_table();
    s.set_functions(METHODS);
    s.raw_set_field(-2, c"__index");
    s.set_functions(METAMETHODS);
    if compat::CLOSING {
        s.set_functions(&[(c"__close", function(file_gc))]);
    }
    s.push_cstr(c"FILE*");
    s.raw_set_field(-2, c"__name");
    // As in stock Lua, code can get at this table and change it.
    stream::set_metatable(s);
    s.new_table();
    s.set_functions(FUNCTIONS);
    let names = [(Stream::In, c"stdin"), (Stream::Out, c"stdout"), (Stream::Err, c"stderr")];
    for (which, name) in names {
        stream::push_standard(s, which);
        if which != Stream::Err {
            s.copy(-1);
            s.registry_set(default_key(which));
        }
        if which == Stream::Out {
            s.copy(-1);
            s.registry_set(&STANDARD_OUTPUT);
        }
        s.raw_set_field(-2, name);
    }
    super::publish(s, c"io");
}

/// Bare: writes the string on top to a standard stream, and pops it. What goes wrong is not told, as in stock `print`.
pub fn write_standard(s: State, _stream: Stream) {
    s.registry_get(&STANDARD_OUTPUT);
    s.insert(-2);
    let n = stream::write(s, -2, StreamOp::Write);
    s.pop(n + 2);
}

/// Bare: reads from standard input; pushes what came, or an empty string.
pub fn read_standard(s: State, format: Format) {
    stream::push_standard(s, Stream::In);
    let n = stream::read(s, -1, format);
    s.pop(n - 1);
    s.remove(-2);
    if s.bytes(-1).is_none() {
        s.pop(1);
        s.push_cstr(c"");
    }
}

/// Whether the stream at `index` is open; `None` where it is no stream.
pub fn is_open(s: State, index: c_int) -> Option<bool> {
    stream::at(s, index).map(|handle| handle.is_open(s))
}

/// `sandbox.newstream([reader [, writer [, cleaner]]])` inside a box
pub fn newstream(s: State) -> c_int {
    s.set_top(3);
    for arg in 1..=3 {
        if !s.is_nil(arg) {
            s.check_function(arg);
        }
    }
    stream::push_made(s);
    1
}

/// The open handle at `arg`.
fn check_open(s: State, arg: c_int) {
    match is_open(s, arg) {
        Some(true) => {}
        Some(false) => s.raise(c"attempt to use a closed file"),
        None => s.type_error(arg, c"FILE*"),
    }
}

fn push_default(s: State, which: Stream) {
    s.registry_get(default_key(which));
    if is_open(s, -1) != Some(true) {
        let name = if which == Stream::In { c"input" } else { c"output" };
        if compat::JIT {
            s.raise(c"standard file is closed");
        }
        s.push_where(1);
        s.push_cstr(if compat::CLOSING { c"default " } else { c"standard " });
        s.push_cstr(name);
        s.push_cstr(c" file is closed");
        s.concat(4);
        s.error();
    }
}

/// Writes the arguments from `first` to `last` to the handle at `index`.
fn write_by(s: State, index: c_int, first: c_int, last: c_int) -> c_int {
    let index = s.absolute(index);
    for arg in first..=last {
        if !matches!(s.kind(arg), Kind::String | Kind::Number) {
            s.check_bytes(arg);
        }
    }
    s.check_stack(last - first + 12, c"too many arguments");
    if last >= first {
        for arg in first..=last {
            s.copy(arg);
            plain_text(s);
        }
        s.concat(last - first + 1);
        let n = stream::write(s, index, StreamOp::Write);
        if n != 1 {
            return n;
        }
    }
    s.copy(index);
    written(s)
}

/// What `write` gives, with the handle on top: that, from Lua 5.2 on.
fn written(s: State) -> c_int {
    if compat::V51 {
        s.push_bool(true);
    }
    1
}

/// Turns the number on top into the text that `write` gives it: unlike `tostring`, without the `.0` of a whole float.
fn plain_text(s: State) {
    let float = s.kind(-1) == Kind::Number && !s.is_integer(-1);
    s.to_text(-1);
    if float && compat::INTEGERS {
        if let Some(short) = s.bytes(-1).and_then(|text| text.strip_suffix(b".0")) {
            s.push_bytes(short);
            s.replace(-2);
        }
    }
}

/// `io.write(...)`
fn write(s: State) -> c_int {
    let n = s.top();
    if n == 1 {
        s.registry_get(&DEFAULT_OUTPUT);
        if stream::write_at_once(s, -1, 1) {
            return written(s);
        }
        s.pop(1);
    }
    push_default(s, Stream::Out);
    write_by(s, -1, 1, n)
}

/// `file:write(...)`
fn file_write(s: State) -> c_int {
    let n = s.top();
    if n == 2 && stream::write_at_once(s, 1, 2) {
        s.copy(1);
        return written(s);
    }
    check_open(s, 1);
    write_by(s, 1, 2, n)
}

/// `io.type(v)`
fn kind(s: State) -> c_int {
    s.check_any(1);
    match is_open(s, 1) {
        Some(true) => s.push_cstr(c"file"),
        Some(false) => s.push_cstr(c"closed file"),
        None => s.push_nil(),
    }
    1
}

fn choose(s: State, which: Stream) -> c_int {
    if !s.is_none_or_nil(1) {
        if s.bytes(1).is_some() || s.kind(1) == Kind::Number {
            s.check_bytes(1);
            file::open_or_raise(s, 1, if which == Stream::In { Mode::READ } else { Mode::WRITE });
            s.replace(1);
        }
        if is_open(s, 1).is_none() {
            s.type_error(1, c"FILE*");
        }
        s.copy(1);
        s.registry_set(default_key(which));
    }
    s.registry_get(default_key(which));
    1
}

/// `io.input([file])`
fn input(s: State) -> c_int {
    choose(s, Stream::In)
}

/// `io.output([file])`
fn output(s: State) -> c_int {
    choose(s, Stream::Out)
}

/// `io.close([file])`
fn close(s: State) -> c_int {
    if s.top() == 0 {
        s.registry_get(&DEFAULT_OUTPUT);
    }
    file_close(s)
}

/// `file:close()`
fn file_close(s: State) -> c_int {
    if s.top() == 0 {
        s.push_nil();
    }
    check_open(s, 1);
    stream::close(s, 1)
}

fn file_gc(s: State) -> c_int {
    if is_open(s, 1) == Some(true) {
        stream::close(s, 1);
    }
    0
}

/// `file:flush()`, `io.flush()`
fn file_flush(s: State) -> c_int {
    check_open(s, 1);
    stream::flush(s, 1)
}

fn flush(s: State) -> c_int {
    s.set_top(0);
    push_default(s, Stream::Out);
    stream::flush(s, 1)
}

/// The position of the string at `arg` among `names`; raises where it is none of them.
fn option(s: State, arg: c_int, default: &'static [u8], names: &[&[u8]]) -> usize {
    let given = s.opt_bytes(arg).unwrap_or(default);
    match names.iter().position(|name| *name == given) {
        Some(index) => index,
        None => {
            s.push_cstr(c"invalid option '");
            s.push_bytes(given);
            s.push_cstr(c"'");
            s.concat(3);
            s.arg_error_top(arg)
        }
    }
}

/// `file:seek([whence [, offset]])`
fn file_seek(s: State) -> c_int {
    check_open(s, 1);
    let whence = option(s, 2, b"cur", &[b"set", b"cur", b"end"]) as u8;
    if compat::V52 && s.as_number(3).is_some_and(|n| n.fract() != 0.0) {
        s.arg_error(3, c"not an integer in proper range");
    }
    let offset = s.opt_integer(3, 0);
    stream::seek(s, 1, whence, offset)
}

/// `file:setvbuf(mode [, size])`: what a box writes has no buffer of its own, and the host's is not the box's to set.
fn file_setvbuf(s: State) -> c_int {
    check_open(s, 1);
    s.check_bytes(2);
    option(s, 2, b"no", &[b"no", b"full", b"line"]);
    s.opt_integer(3, 0);
    s.push_bool(true);
    1
}

fn file_tostring(s: State) -> c_int {
    match is_open(s, 1) {
        Some(true) => {
            s.push_cstr(c"file (");
            super::base::push_identity(s, 1);
            s.push_cstr(c")");
            s.concat(3);
        }
        Some(false) => s.push_cstr(c"file (closed)"),
        None => s.type_error(1, c"FILE*"),
    }
    1
}

const METAMETHODS: &[Entry] = &[(c"__gc", function(file_gc)), (c"__tostring", function(file_tostring))];

const METHODS: &[Entry] = &[
    (c"close", function(file_close)),
    (c"flush", function(file_flush)),
    (c"lines", function(lines::file_lines)),
    (c"read", function(reading::file_read)),
    (c"seek", function(file_seek)),
    (c"setvbuf", function(file_setvbuf)),
    (c"write", function(file_write)),
];

/// Absent, and why: `popen` starts programs, `tmpfile` makes files that nothing was granted for.
const FUNCTIONS: &[Entry] = &[
    (c"close", function(close)),
    (c"flush", function(flush)),
    (c"input", function(input)),
    (c"lines", function(lines::lines)),
    (c"open", function(file::open)),
    (c"output", function(output)),
    (c"read", function(reading::read)),
    (c"type", function(kind)),
    (c"write", function(write)),
];
