//! Streams that cross. Whoever is given one gets a stream of its own kind, whose every call goes to the side that has the original; sent
//! home it is the original again.
//!
//! | from | to | arrives as |
//! |---|---|---|
//! | a host's file handle | a box | a file object of the box; the driver works on the `FILE` itself |
//! | a box's file object | a box below it | a file object; the box above serves its calls |
//! | a box's file object | the box above it | a file object; its calls are calls into the box below |
//! | a box's file object | the host | a `newstream` whose functions call into the box |
//! | one of a box's three streams, if its owner has assigned it | the owner | what the owner has assigned |

use std::os::raw::c_int;

use super::level::Level;
use super::link::{field, Link};
use super::parcel::tag;
use super::proxy::{crossing, proxy_at, proxy_in, Proxy};
use super::realm;
use super::request::{Bound, Entry, Format, Request, Stream, StreamOp};
use crate::guest::stream::{self as inside, Origin};
use crate::host::{driver_io, module};
use crate::lua::{function, Kind, State};

/// Why a userdata can't be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    NoStream,
    Closed,
}

/// What can be done with an exported stream: the low bits of its word in a parcel.
pub const READS: u64 = 1;
pub const WRITES: u64 = 2;
pub const BITS: u32 = 2;

/// What a stream of a box costs the host that keeps a handle over it, bytes: the `FILE` and its buffer, a Lua thread, closures, tables.
pub const FILE: usize = 12 << 10;

impl Link {
    /// How the userdata at `index` is sent if it is a stream: exported, or home.
    pub fn send_stream(self, s: State, level: Level, index: c_int) -> Result<(u8, u64), Refusal> {
        let index = s.absolute(index);
        s.check_stack(10, c"streams");
        match level {
            Level::Host(_) => self.send_file(s, level, index),
            Level::Box(_) => self.send_object(s, level, index),
        }
    }

    fn send_file(self, s: State, level: Level, index: c_int) -> Result<(u8, u64), Refusal> {
        let file = driver_io::host_file(s, index).ok_or(Refusal::NoStream)?;
        let Link::Below(id) = self else { return Err(Refusal::NoStream) };
        self.push_part(s, field::HANDLES);
        s.copy(index);
        s.raw_get(-2);
        let home = proxy_in(s, -1).map(|proxy| proxy.number);
        s.pop(2);
        if let Some(number) = home {
            return Ok((tag::HOME, number));
        }
        let address = file.map_err(|_| Refusal::Closed)?;
        let number = self.export(s, index);
        let noted = level.guarded(|| {
            realm::known(level, id).is_none_or(|core| core.ledger.note_file(number, address).is_ok())
        });
        if !noted {
            s.no_memory();
        }
        Ok((tag::STREAM, number << BITS | READS | WRITES))
    }

    fn send_object(self, s: State, level: Level, index: c_int) -> Result<(u8, u64), Refusal> {
        let origin = inside::origin(s, index).ok_or(Refusal::NoStream)?;
        let abilities = match origin {
            Origin::Given(link, number) if link == self => return Ok((tag::HOME, number)),
            Origin::Standard(stream) if self == Link::Owner && is_assigned(level, stream) => {
                return Ok((tag::STANDARD, stream.index() as u64));
            }
            Origin::Made { reads, writes } => {
                (if reads { READS } else { 0 }) | (if writes { WRITES } else { 0 })
            }
            Origin::Given(..) | Origin::Standard(_) => READS | WRITES,
        };
        if !inside::at(s, index).is_some_and(|handle| handle.is_open(s)) {
            return Err(Refusal::Closed);
        }
        Ok((tag::STREAM, self.export(s, index) << BITS | abilities))
    }

    /// Pushes what stands for a stream that the other side has exported: the same as long as it is open. Whether it was there before.
    pub fn receive_stream(self, s: State, level: Level, word: u64) -> bool {
        let (number, abilities) = (word >> BITS, word & (READS | WRITES));
        s.check_stack(12, c"streams");
        self.push_part(s, field::PROXIES);
        s.raw_geti(-1, number as i64);
        if self.known_again(s, level) {
            s.remove(-2);
            return true;
        }
        s.pop(1);
        self.push_proxy(s, level, number, FILE);
        match level {
            Level::Host(_) => self.make_file(s, abilities),
            Level::Box(_) => {
                self.push_handle(s);
                inside::push_given(s, self, number);
            }
        }
        s.copy(-1);
        s.raw_seti(-3, number as i64);
        s.remove(-2);
        false
    }

    /// Whether the value on top is a stream that came before and is still open; it has come once more then.
    fn known_again(self, s: State, level: Level) -> bool {
        let open = match level {
            Level::Host(_) => matches!(driver_io::host_file(s, -1), Some(Ok(_))),
            Level::Box(_) => inside::at(s, -1).is_some_and(|handle| handle.is_open(s)),
        };
        if !open {
            return false;
        }
        self.push_stream_proxy(s, level);
        let known = proxy_in(s, -1).map(|proxy| proxy.again()).is_some();
        s.pop(1);
        known
    }

    /// The proxy of the function or stream on top, if it is of this link.
    pub fn proxy_of<'a>(self, s: State, level: Level) -> Option<&'a mut Proxy> {
        if s.kind(-1) == Kind::Function {
            return proxy_at(s, -1).filter(|proxy| proxy.link() == self);
        }
        self.push_stream_proxy(s, level);
        let proxy = proxy_in(s, -1);
        s.pop(1);
        proxy
    }

    /// Pushes the proxy behind the stream on top, or nil.
    fn push_stream_proxy(self, s: State, level: Level) {
        match level {
            Level::Host(_) => {
                self.push_part(s, field::HANDLES);
                s.copy(-2);
                s.raw_get(-2);
                s.remove(-2);
            }
            Level::Box(_) => inside::push_proxy_of(s, -1),
        }
    }

    /// Puts in place of the proxy on top a host's file handle over it.
    fn make_file(self, s: State, abilities: u64) {
        let proxy = s.top();
        module::push_newstream(s);
        for (ability, f) in [(READS, function(read)), (WRITES, function(write))] {
            if abilities & ability != 0 {
                // The handle goes with it: a box lives as long as one of its streams is in use.
                s.copy(proxy);
                self.push_handle(s);
                s.push_closure(f, 2);
            } else {
                s.push_nil();
            }
        }
        s.call(2, 1);
        self.push_part(s, field::HANDLES);
        s.copy(-2);
        s.copy(proxy);
        s.raw_set(-3);
        s.pop(1);
        s.replace(proxy);
        s.set_top(proxy);
    }

    /// Pushes what this side has assigned to one of the three streams of the box.
    pub fn receive_standard(self, s: State, index: u64) {
        s.check_stack(8, c"streams");
        if !self.push_table(s) {
            s.raise(c"sandbox is closed");
        }
        s.raw_geti(-1, field::STREAMS + index as i64);
        s.remove(-2);
    }
}

/// The number in a stream's word.
pub fn number_of(word: u64) -> u64 {
    word >> BITS
}

fn is_assigned(level: Level, stream: Stream) -> bool {
    level.core().is_some_and(|core| core.binding(stream).0 != Bound::Nothing)
}

/// Reader of a host's handle over a box's stream.
fn read(s: State) -> c_int {
    s.set_top(0);
    operate(s, StreamOp::Read(Format::Piece))
}

/// Writer of a host's handle over a box's stream.
fn write(s: State) -> c_int {
    s.set_top(1);
    operate(s, StreamOp::Write);
    if s.is_nil(1) {
        s.copy(2);
        s.error();
    }
    0
}

fn operate(s: State, op: StreamOp) -> c_int {
    let Some((link, number)) = proxy_in(s, State::upvalue(1)).map(|p| (p.link(), p.number)) else { return 0 };
    crossing(s, Level::of(s), link, request(link, number, op), 1)
}

/// What to ask for so that `op` is done on the stream that the other side has exported under `number`.
pub fn request(link: Link, number: u64, op: StreamOp) -> Request {
    match link {
        Link::Owner => Request::Given { number, op },
        Link::Below(id) => Request::Run { id, entry: Entry::Stream { number, op } },
    }
}

/// Whether the value on top of the stack is what this side has assigned to the box's stdout or stderr.
pub fn is_output(s: State, link: Link) -> bool {
    [Stream::Out, Stream::Err].iter().any(|stream| {
        link.receive_standard(s, stream.index() as u64);
        let same = s.kind(-1) == Kind::Userdata && s.raw_equal(-1, -2);
        s.pop(1);
        same
    })
}
