//! The events of a journal, as bytes and back: see `docs/journal.md`.
//!
//! The low three bits of an event's first byte say which it is, the others what follows.

use super::crossing::{entry, put_entry};
use super::frame::{put, put_bytes, Reader};

pub use super::crossing::Parcel;
use crate::gate::core::Kind;
use crate::gate::exchange::Sizes;
use crate::gate::limits::TABLE;
use crate::gate::request::{Entry, Reply};

/// How a call was stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Where the run does the same again: at the gate, or by count.
    Again,
    /// By the clock, softly: what the heap was then follows.
    Soft,
    /// The box was killed.
    Hard,
}

/// What the run of a thread has asked, and the answer.
#[derive(Debug, PartialEq)]
pub struct Answered<'a> {
    pub thread: usize,
    pub asked: &'a [u8],
    pub reply: Reply,
    pub parcel: Parcel<'a>,
    pub sizes: Option<Sizes>,
    pub charged: bool,
    pub paid: bool,
}

/// An event.
#[derive(Debug, PartialEq)]
pub enum Event<'a> {
    /// The host calls into the box. `alone`: no other call is under way, but for those that wait.
    Call {
        thread: usize,
        alone: bool,
        entry: Entry,
        parcel: Parcel<'a>,
    },
    Reply(Answered<'a>),
    /// What the run of that thread has read (`data`) or written without the driver: see `gate::near`.
    Near {
        thread: usize,
        asked: &'a [u8],
        data: &'a [u8],
        charged: bool,
    },
    /// A call has come out: length, checksum and, of an error, the text.
    End {
        thread: usize,
        reply: Reply,
        len: u64,
        check: u32,
        text: &'a [u8],
    },
    Stop(Stop<'a>),
    /// What the host was sent it had already; the box gets so many bytes back.
    Known {
        weight: u64,
    },
    /// The host lets go of what the box has exported.
    Gone {
        number: u64,
        count: u64,
        weight: u64,
    },
    /// The host has been told of one that the box let go of.
    Told,
    /// The host sets limits; how long the slot may be then.
    Limits {
        parcel: Parcel<'a>,
        capacity: u64,
    },
    /// The host assigns a stream, or nothing.
    Bind {
        stream: u8,
        assigned: bool,
    },
    /// A call that waited is given up.
    Abandon {
        thread: usize,
    },
    /// The box has been closed.
    Closed,
    /// The recording was ended.
    Over,
}

/// A call has been stopped.
#[derive(Debug, PartialEq)]
pub struct Stop<'a> {
    pub thread: usize,
    pub way: Way,
    pub kind: Kind,
    pub message: &'a [u8],
    pub traceback: Option<&'a [u8]>,
    /// Of a soft one: what the box was then; empty where it can't be had again.
    pub state: &'a [u8],
}

const CALL: u8 = 0;
const REPLY: u8 = 1;
const END: u8 = 2;
const STOP: u8 = 3;
const LEDGER: u8 = 4;
const LIMITS: u8 = 5;
const BIND: u8 = 6;
const OTHER: u8 = 7;

/// A thread's number follows; else it is 1.
const THREAD: u8 = 8;
const SIZES: u8 = 16;
const CHARGED: u8 = 32;
const KIND: u8 = 64;
const UNPAID: u8 = 128;
const ALONE: u8 = 16;
const NEAR: u8 = 24;

fn head(to: &mut Vec<u8>, kind: u8, thread: usize, flags: u8) {
    if thread == 1 {
        to.push(kind | flags);
    } else {
        to.push(kind | flags | THREAD);
        put(to, thread as u64);
    }
}

fn reply_code(reply: Reply) -> u8 {
    match reply {
        Reply::Values => 0,
        Reply::Error => 1,
        Reply::NoMemory => 2,
        Reply::Misuse(arg) => 3_u8.saturating_add(arg),
    }
}

fn reply_of(code: u8) -> Reply {
    match code {
        0 => Reply::Values,
        1 => Reply::Error,
        2 => Reply::NoMemory,
        arg => Reply::Misuse(arg - 3),
    }
}

fn kind_code(kind: Kind) -> u8 {
    match kind {
        Kind::Stack => 100,
        Kind::Fault => 101,
        Kind::Limit(limit) => limit as u8,
    }
}

fn kind_of(code: u8) -> Option<Kind> {
    match code {
        100 => Some(Kind::Stack),
        101 => Some(Kind::Fault),
        _ => TABLE.get(usize::from(code)).map(|definition| Kind::Limit(definition.limit)),
    }
}

fn put_sizes(to: &mut Vec<u8>, sizes: &Sizes) {
    sizes.iter().for_each(|&n| put(to, n as u64));
}

fn sizes(r: &mut Reader<'_>) -> Option<Sizes> {
    let mut sizes = Sizes::default();
    for place in &mut sizes {
        // More than any box may hold is no size.
        *place = r.size().filter(|&n| n < 1 << 40)?;
    }
    Some(sizes)
}

impl<'a> Event<'a> {
    /// Bytes that it takes at most.
    pub fn room(&self) -> usize {
        let of = |parcel: &Parcel<'_>| match parcel {
            Parcel::String(text) | Parcel::Values(_, _, text) => text.len(),
            _ => 0,
        };
        let more = match self {
            Event::Call { parcel, .. } | Event::Limits { parcel, .. } => of(parcel),
            Event::Reply(Answered { asked, parcel, .. }) => asked.len() + of(parcel),
            Event::Near { asked, data, .. } => return Event::near_room(asked, data),
            Event::End { text, .. } => text.len(),
            Event::Stop(stop) => {
                stop.message.len() + stop.traceback.map_or(0, <[u8]>::len) + stop.state.len()
            }
            _ => 0,
        };
        more.saturating_add(256)
    }

    /// Bytes that [`Event::Near`] takes at most.
    #[inline]
    pub fn near_room(asked: &[u8], data: &[u8]) -> usize {
        (asked.len() + data.len()).saturating_add(64)
    }

    /// Writes [`Event::Near`]: one for each line that is read.
    #[inline]
    pub fn write_near(to: &mut Vec<u8>, thread: usize, asked: &[u8], data: &[u8], charged: bool) {
        to.push(OTHER | NEAR | if charged { CHARGED } else { 0 });
        put(to, thread as u64);
        put_bytes(to, asked);
        put_bytes(to, data);
    }

    pub fn write(&self, to: &mut Vec<u8>) {
        match *self {
            Event::Call { thread, alone, entry, parcel } => {
                head(to, CALL, thread, if alone { ALONE } else { 0 });
                put_entry(to, entry);
                parcel.write(to);
            }
            Event::Reply(Answered { thread, asked, reply, parcel, ref sizes, charged, paid }) => {
                let mut flags = 0;
                for (flag, set) in [
                    (SIZES, sizes.is_some()),
                    (CHARGED, charged),
                    (KIND, reply != Reply::Values),
                    (UNPAID, !paid),
                ] {
                    flags |= if set { flag } else { 0 };
                }
                head(to, REPLY, thread, flags);
                put_bytes(to, asked);
                if reply != Reply::Values {
                    to.push(reply_code(reply));
                }
                parcel.write(to);
                if let Some(sizes) = sizes {
                    put_sizes(to, sizes);
                }
            }
            Event::End { thread, reply, len, check, text } => {
                head(to, END, thread, 0);
                to.push(reply_code(reply));
                put(to, len);
                to.extend_from_slice(&check.to_le_bytes());
                put_bytes(to, text);
            }
            Event::Stop(Stop { thread, way, kind, message, traceback, state }) => {
                head(to, STOP, thread, 0);
                let way = match way {
                    Way::Again => 0,
                    Way::Soft => 1,
                    Way::Hard => 2,
                };
                to.extend_from_slice(&[way, kind_code(kind)]);
                put_bytes(to, message);
                to.push(u8::from(traceback.is_some()));
                put_bytes(to, traceback.unwrap_or_default());
                put_bytes(to, state);
            }
            Event::Known { weight } => {
                to.push(LEDGER);
                put(to, weight);
            }
            Event::Gone { number, count, weight } => {
                to.push(LEDGER | 8);
                [number, count, weight].into_iter().for_each(|n| put(to, n));
            }
            Event::Told => to.push(LEDGER | 16),
            Event::Limits { parcel, capacity } => {
                to.push(LIMITS);
                parcel.write(to);
                put(to, capacity);
            }
            Event::Bind { stream, assigned } => to.push(BIND | stream.min(2) << 3 | u8::from(assigned) << 5),
            Event::Abandon { thread } => {
                to.push(OTHER);
                put(to, thread as u64);
            }
            Event::Near { thread, asked, data, charged } => {
                Event::write_near(to, thread, asked, data, charged);
            }
            Event::Closed => to.push(OTHER | 8),
            Event::Over => to.push(OTHER | 16),
        }
    }

    /// The next event of a frame; `None` where there is none that could be meant.
    pub fn read(r: &mut Reader<'a>) -> Option<Event<'a>> {
        let first = r.byte()?;
        let flags = first & !7;
        let thread = |r: &mut Reader<'a>| if flags & THREAD != 0 { r.size() } else { Some(1) };
        Some(match first & 7 {
            CALL => {
                let thread = thread(r)?;
                Event::Call { thread, alone: flags & ALONE != 0, entry: entry(r)?, parcel: Parcel::read(r)? }
            }
            REPLY => {
                let thread = thread(r)?;
                let asked = r.bytes()?;
                let reply = if flags & KIND != 0 { reply_of(r.byte()?) } else { Reply::Values };
                let parcel = Parcel::read(r)?;
                let sizes = if flags & SIZES != 0 { Some(sizes(r)?) } else { None };
                let (charged, paid) = (flags & CHARGED != 0, flags & UNPAID == 0);
                Event::Reply(Answered { thread, asked, reply, parcel, sizes, charged, paid })
            }
            END => {
                let thread = thread(r)?;
                let reply = reply_of(r.byte()?);
                let len = r.number()?;
                let check = u32::from_le_bytes(r.take(4)?.try_into().ok()?);
                Event::End { thread, reply, len, check, text: r.bytes()? }
            }
            STOP => {
                let thread = thread(r)?;
                let way = match r.byte()? {
                    0 => Way::Again,
                    1 => Way::Soft,
                    2 => Way::Hard,
                    _ => return None,
                };
                let kind = kind_of(r.byte()?)?;
                let message = r.bytes()?;
                let traced = r.byte()? != 0;
                let traceback = r.bytes()?;
                let traceback = traced.then_some(traceback);
                Event::Stop(Stop { thread, way, kind, message, traceback, state: r.bytes()? })
            }
            LEDGER => match flags {
                0 => Event::Known { weight: r.number()? },
                8 => Event::Gone { number: r.number()?, count: r.number()?, weight: r.number()? },
                16 => Event::Told,
                _ => return None,
            },
            LIMITS => Event::Limits { parcel: Parcel::read(r)?, capacity: r.number()? },
            BIND => Event::Bind { stream: (flags >> 3 & 3).min(2), assigned: flags & 32 != 0 },
            _ => match flags {
                0 => Event::Abandon { thread: r.size()? },
                _ if flags & !CHARGED == NEAR => {
                    let charged = flags & CHARGED != 0;
                    Event::Near { thread: r.size()?, asked: r.bytes()?, data: r.bytes()?, charged }
                }
                8 => Event::Closed,
                16 => Event::Over,
                _ => return None,
            },
        })
    }
}
