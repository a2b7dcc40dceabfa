//! What a box gets of its host's: streams and environment.

use std::os::raw::c_int;

use super::{check, keep, push_kept};
use crate::gate::level::Level;
use crate::gate::link::field;
use crate::gate::request::{Bound, Request, Stream};
use crate::guest;
use crate::host::driver_io;
use crate::lua::{Kind, State};

pub(super) fn bind(s: State, stream: Stream) -> c_int {
    let level = Level::of(s);
    let id = check(s, level);
    let index = field::STREAMS + stream.index() as i64;
    if s.top() < 2 {
        push_kept(s, index);
        return 1;
    }
    s.set_top(2);
    let bound = if s.is_nil(2) { Bound::Nothing } else { stream_at(s, level, 2) };
    keep(s, index);
    level.ask(s, Request::Bind { id, stream, bound }, Level::nothing());
    1
}

/// Bare: the open stream at `arg`.
fn stream_at(s: State, level: Level, arg: c_int) -> Bound {
    match level {
        Level::Host(_) => match driver_io::host_file(s, arg) {
            Some(Ok(address)) => Bound::File(address),
            Some(Err(_)) => s.raise(c"attempt to use a closed file"),
            None => s.type_error(arg, c"FILE*"),
        },
        Level::Box(_) => match guest::io::is_open(s, arg) {
            Some(true) => Bound::Object,
            Some(false) => s.raise(c"attempt to use a closed file"),
            None => s.type_error(arg, c"FILE*"),
        },
    }
}

/// `box:stdin([file])`
pub(super) fn stdin(s: State) -> c_int {
    bind(s, Stream::In)
}

/// `box:stdout([file])`
pub(super) fn stdout(s: State) -> c_int {
    bind(s, Stream::Out)
}

/// `box:stderr([file])`
pub(super) fn stderr(s: State) -> c_int {
    bind(s, Stream::Err)
}

/// `box:env([t])`
pub(super) fn env(s: State) -> c_int {
    let level = Level::of(s);
    let id = check(s, level);
    if s.top() < 2 {
        push_kept(s, field::ENVIRONMENT);
        return 1;
    }
    s.set_top(2);
    if !matches!(s.kind(2), Kind::Nil | Kind::Table | Kind::Function) {
        s.type_error(2, c"table or function");
    }
    keep(s, field::ENVIRONMENT);
    let set = !s.is_nil(2);
    level.ask(s, Request::Environment { id, set }, Level::nothing());
    1
}
