//! Reading by formats.

use std::os::raw::c_int;

use super::{check_open, push_default};
use crate::gate::request::{Format, Stream};
use crate::guest::stream;
use crate::lua::{compat, Kind, State};

/// What the format at `arg` asks for; the star in front is left to the caller in every Lua.
pub(super) fn format_at(s: State, arg: c_int) -> Format {
    if s.kind(arg) == Kind::Number {
        let n = s.check_integer(arg);
        return Format::Count(usize::try_from(n).unwrap_or(usize::MAX / 2));
    }
    let text = match s.bytes(arg) {
        Some(text) => text,
        None if compat::V51 || compat::V52 => s.arg_error(arg, c"invalid option"),
        None => s.check_bytes(arg),
    };
    let letter = match text {
        [b'*', rest @ ..] => rest.first(),
        _ => text.first(),
    };
    let letter = letter.copied().unwrap_or(0);
    match letter {
        b'n' => Format::Number,
        b'l' => Format::Line { keep: false },
        b'L' if !compat::V51 || compat::JIT => Format::Line { keep: true },
        b'a' => Format::All,
        _ => s.arg_error(arg, c"invalid format"),
    }
}

/// Reads by the formats from `first` to `last` from the handle at `index`; pushes the results: how many.
pub(super) fn read_by(s: State, index: c_int, first: c_int, last: c_int) -> c_int {
    let index = s.absolute(index);
    s.check_stack(last - first + 12, c"too many arguments");
    if first > last {
        return read_one(s, index, Format::Line { keep: false });
    }
    let mut results = 0;
    for arg in first..=last {
        let n = read_one(s, index, format_at(s, arg));
        results += n;
        if n != 1 {
            // A failure stands alone.
            return n;
        }
        if s.is_nil(-1) {
            break;
        }
    }
    results
}

fn read_one(s: State, index: c_int, format: Format) -> c_int {
    match format {
        // Nothing may be read by a length that no string can have.
        Format::Count(n) if n >= usize::MAX / 2 => s.no_memory(),
        format => stream::read(s, index, format),
    }
}

/// `io.read(...)`
pub(super) fn read(s: State) -> c_int {
    let n = s.top();
    push_default(s, Stream::In);
    read_by(s, -1, 1, n)
}

/// `file:read(...)`
pub(super) fn file_read(s: State) -> c_int {
    check_open(s, 1);
    read_by(s, 1, 2, s.top())
}
