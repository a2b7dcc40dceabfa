//! Iterators over the lines of a stream, or what else its formats ask for.

use std::os::raw::c_int;

use super::reading::read_by;
use super::{check_open, is_open, push_default};
use crate::gate::grants::Mode;
use crate::gate::request::Stream;
use crate::guest::{file, stream};
use crate::lua::{compat, function, Kind, State};

/// What is added to the number of formats behind `lines` where the file is to be closed at its end.
const TO_CLOSE: c_int = 1000;

/// The iterator behind `lines`: upvalues are the handle, the number of formats, and the formats.
fn next_line(s: State) -> c_int {
    s.set_top(0);
    s.copy(State::upvalue(1));
    if is_open(s, 1) != Some(true) {
        s.raise(if compat::JIT { c"attempt to use a closed file" } else { c"file is already closed" });
    }
    let number = s.number(State::upvalue(2)) as c_int;
    let (formats, closing) = (number % TO_CLOSE, number >= TO_CLOSE);
    s.check_stack(formats + 12, c"too many arguments");
    for i in 0..formats {
        s.copy(State::upvalue(3 + i));
    }
    let n = read_by(s, 1, 2, 1 + formats);
    if n == 3 && s.is_nil(-3) && s.kind(-2) == Kind::String && s.kind(-1) == Kind::Number && formats < 3 {
        s.pop(1);
        s.push_where(1);
        s.insert(-2);
        s.concat(2);
        s.error();
    }
    if closing && s.is_nil(-n) {
        stream::close(s, 1);
        return 0;
    }
    n
}

/// The same without formats.
fn next_plain_line(s: State) -> c_int {
    if stream::read_line_at_once(s) {
        return 1;
    }
    next_line(s)
}

/// Pushes the iterator over the handle at 1, by the formats from 2 on.
fn push_lines(s: State, closing: bool) -> c_int {
    let formats = if compat::V51 && !compat::JIT { 0 } else { s.top() - 1 };
    if formats > 250 {
        s.arg_error(252, c"too many arguments");
    }
    s.set_top(1 + formats);
    s.copy(1);
    s.push_number(f64::from(formats + if closing { TO_CLOSE } else { 0 }));
    for i in 0..formats {
        s.copy(2 + i);
    }
    let next = if formats == 0 { function(next_plain_line) } else { function(next_line) };
    s.push_closure(next, 2 + formats);
    1
}

/// `io.lines([name, ...])`
pub(super) fn lines(s: State) -> c_int {
    if s.is_none_or_nil(1) {
        if compat::V51 && !compat::JIT && s.top() > 0 {
            s.type_error(1, c"FILE*");
        }
        if s.top() == 0 {
            s.push_nil();
        }
        push_default(s, Stream::In);
        s.replace(1);
        return push_lines(s, false);
    }
    s.check_bytes(1);
    file::open_or_raise(s, 1, Mode::READ);
    s.replace(1);
    push_lines(s, true);
    if !compat::CLOSING {
        return 1;
    }
    // A generic `for` closes the file where it ends, however it ends.
    s.push_nil();
    s.push_nil();
    s.copy(1);
    4
}

/// `file:lines(...)`
pub(super) fn file_lines(s: State) -> c_int {
    check_open(s, 1);
    push_lines(s, false)
}
