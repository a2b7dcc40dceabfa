//! `box:record` and `sandbox.replay`. Bare code.

use std::os::raw::c_int;

use super::driver_io;
use super::handle;
use crate::gate::answer::exchange_of;
use crate::gate::core::Core;
use crate::gate::decode::decode;
use crate::gate::encode::{Encoder, Side};
use crate::gate::exchange::Exchange;
use crate::gate::journal::event::Event;
use crate::gate::journal::{opened, record as recording, replay as replaying};
use crate::gate::level::Level;
use crate::gate::link::{field, Link};
use crate::gate::realm::{self, Realm};
use crate::gate::request::{Entry, Id, Reply, Request};
use crate::lua::{Kind, State};

/// `box:record(writer)`
pub fn record(s: State) -> c_int {
    let level = Level::of(s);
    let id = handle::check(s, level);
    let Level::Host(realm) = level else { s.raise(c"a box below a box can't be recorded") };
    s.check_any(2);
    s.set_top(2);
    if s.is_nil(2) {
        if end(s, realm, id, &Event::Over) {
            s.error();
        }
        return 0;
    }
    check_writer(s);
    let core = || realm::with(level, |realm| realm.find(id)).flatten();
    if let Some(why) = core().and_then(|core| recording::refusal(&core)) {
        s.raise(why);
    }
    let height = level.height();
    let exchange = level.take(s);
    Encoder::new(s, level, exchange, Side::Out, Link::Owner).encode(1, 0, 1);
    level.ask(s, Request::Run { id, entry: Entry::Steady }, exchange);
    handle::push_own_table(s, 1);
    s.copy(2);
    s.raw_seti(-2, field::RECORDER);
    s.pop(1);
    sheltered(s, realm, exchange, |realm| {
        let core = realm.find(id).ok_or("sandbox is closed")?;
        recording::start(s, &core)
    });
    level.lower(height);
    0
}

/// Raises where the value at 2 is nothing that can be written to.
fn check_writer(s: State) {
    if s.kind(2) == Kind::Function {
        return;
    }
    match driver_io::host_file(s, 2) {
        Some(Ok(_)) => {}
        Some(Err(_)) => s.raise(c"attempt to use a closed file"),
        None => s.type_error(2, c"function or file"),
    }
}

/// Runs sheltered code; raises what it says is wrong.
fn sheltered<R: Copy>(
    s: State,
    realm: *mut Realm,
    exchange: *mut Exchange,
    f: impl FnOnce(&Realm) -> Result<R, String>,
) -> R {
    match attempt(realm, exchange, f) {
        Ok(result) => result,
        Err(reply) => refuse(s, realm, reply, exchange),
    }
}

/// Raises a reply, with the position of the caller.
fn refuse(s: State, realm: *mut Realm, reply: Reply, exchange: *mut Exchange) -> ! {
    Level::Host(realm).settle(s, Request::New, reply, exchange);
    s.raise(c"not enough memory")
}

/// The same, but that what is wrong is left in the exchange.
fn attempt<R: Copy>(
    realm: *mut Realm,
    exchange: *mut Exchange,
    f: impl FnOnce(&Realm) -> Result<R, String>,
) -> Result<R, Reply> {
    let said = match realm::sheltered(realm, f) {
        Some(Ok(result)) => return Ok(result),
        Some(Err(said)) => said,
        None => "sandbox: internal error".to_owned(),
    };
    match crate::gate::answer::error(exchange, &said) {
        Reply::Error => Err(Reply::Misuse(0)),
        reply => Err(reply),
    }
}

/// Ends a recording, if there is one. Where its writer has failed, pushes what is to be said of it, and gives true.
fn end(s: State, realm: *mut Realm, id: Id, last: &Event<'_>) -> bool {
    let level = Level::Host(realm);
    let recorded = |core: &std::rc::Rc<Core>| core.tape.is_recording();
    if realm::with(level, |realm| realm.find(id).filter(recorded).is_some()) != Some(true) {
        return false;
    }
    let height = level.height();
    let exchange = level.take(s);
    let ended = attempt(realm, exchange, |realm| match realm.find(id) {
        Some(core) => recording::finish(s, &core, last),
        None => Ok(()),
    });
    if ended.is_ok() {
        level.lower(height);
        return false;
    }
    s.push_where(1);
    if decode(s, level, exchange, Side::Back, Link::Owner) == 0 {
        s.push_cstr(c"not enough memory");
    }
    level.lower(height);
    s.concat(2);
    true
}

/// Ends the recording of a box that is about to be closed: see [`end`].
pub fn close(s: State, id: Id) -> bool {
    match Level::of(s) {
        Level::Host(realm) => end(s, realm, id, &Event::Closed),
        Level::Box(_) => false,
    }
}

/// `sandbox.replay(journal [, options])`
pub fn replay(s: State) -> c_int {
    s.set_top(2);
    let level = Level::of(s);
    let Level::Host(realm) = level else { s.raise(c"a journal can't be replayed inside a box") };
    let (to, streams) = options(s);
    let height = level.height();
    let exchange = level.take(s);
    read(s, exchange);
    handle::push_closed(s);
    let new = s.top();
    let journal = || match s.bytes(1) {
        Some(bytes) => bytes,
        None => exchange_of(exchange).map_or(&[][..], |e| e.out.as_slice()),
    };
    let id = sheltered(s, realm, exchange, |realm| opened::prepare(realm, journal()));
    handle::set_id(s, new, id);
    handle::push_own_table(s, new);
    s.push_number(replaying::FIRST_NUMBER as f64);
    s.raw_seti(-2, field::LAST);
    for (index, name) in STREAMS {
        if streams.get(index).copied().flatten().is_some() {
            s.raw_field(2, name);
            s.raw_seti(-2, field::STREAMS + index as i64);
        }
    }
    s.pop(1);
    let options = replaying::Options { to, streams };
    let played = attempt(realm, exchange, |realm| replaying::run(realm, s, id, journal(), options));
    match played {
        Ok(played) => {
            level.lower(height);
            s.set_top(new);
            s.push_integer(played.events as i64);
            if played.truncated {
                s.push_cstr(c"truncated");
            } else {
                s.push_nil();
            }
            3
        }
        Err(reply) => {
            handle::close_at(s, new);
            refuse(s, realm, reply, exchange)
        }
    }
}

const STREAMS: [(usize, &std::ffi::CStr); 2] = [(1, c"stdout"), (2, c"stderr")];

/// The options at 2.
fn options(s: State) -> (Option<u64>, [Option<usize>; 3]) {
    let (mut to, mut streams) = (None, [None; 3]);
    if s.is_none_or_nil(2) {
        return (to, streams);
    }
    s.check_table(2);
    s.push_nil();
    while s.next(2) {
        let name = s.bytes(-2).unwrap_or_default();
        let stream = STREAMS.iter().find(|(_, stream)| stream.to_bytes() == name).map(|(index, _)| *index);
        if name == b"to" {
            to = Some(event_number(s));
        } else if let (Some(index), Some(place)) = (stream, stream.and_then(|index| streams.get_mut(index))) {
            match driver_io::host_file(s, -1) {
                Some(Ok(address)) => *place = Some(address),
                _ => {
                    s.push_cstr(c"option '");
                    s.push_cstr(STREAMS.get(index - 1).map_or(c"", |(_, name)| name));
                    s.push_cstr(c"': file expected, got ");
                    s.push_type_name(-4);
                    s.concat(4);
                    s.arg_error_top(2);
                }
            }
        } else {
            s.push_cstr(c"unknown option '");
            s.copy(-3);
            if !matches!(s.kind(-1), Kind::String | Kind::Number) {
                s.push_type_name(-1);
                s.replace(-2);
            }
            s.push_cstr(c"'");
            s.concat(3);
            s.arg_error_top(2);
        }
        s.pop(1);
    }
    (to, streams)
}

/// The number of an event on top of the stack.
fn event_number(s: State) -> u64 {
    let n = if s.kind(-1) == Kind::Number { s.number(-1) } else { f64::NAN };
    if n >= 0.0 && n.fract() == 0.0 {
        // A float-to-integer cast saturates.
        return n as u64;
    }
    s.push_cstr(c"option 'to': number of an event expected, got ");
    if s.kind(-2) == Kind::Number {
        s.copy(-2);
    } else {
        s.push_type_name(-2);
    }
    s.concat(2);
    s.arg_error_top(2)
}

/// Makes what is at 1 the journal's bytes: a string there, or what a reader gives in the exchange.
fn read(s: State, exchange: *mut Exchange) {
    if s.kind(1) == Kind::String {
        return;
    }
    if s.kind(1) == Kind::Function {
        loop {
            s.copy(1);
            s.call(0, 1);
            match (s.kind(-1), s.bytes(-1)) {
                (Kind::Nil, _) | (_, Some(b"")) => return s.pop(1),
                (_, Some(piece)) => {
                    if exchange_of(exchange).is_none_or(|e| e.out.append(piece).is_err()) {
                        s.raise(c"not enough memory");
                    }
                }
                _ => s.raise(c"the reader of a journal must return a string"),
            }
            s.pop(1);
        }
    }
    match driver_io::host_file(s, 1) {
        Some(Ok(_)) => {}
        Some(Err(_)) => s.raise(c"attempt to use a closed file"),
        None => s.type_error(1, c"string, function or file"),
    }
    s.get_field(1, c"read");
    s.copy(1);
    s.push_cstr(c"*a");
    s.call(2, 2);
    if s.bytes(-2).is_none() {
        if s.bytes(-1).is_none() {
            s.raise(c"the journal can't be read");
        }
        s.error();
    }
    s.pop(1);
    s.replace(1);
}
