//! What `box:traceback()` tells of an error that went through several sides: each side's part of the stack, from where it was raised
//! outwards.
//!
//! A side notes its part in a message handler, when the error is about to leave it. On the next side it is known again by its value,
//! if that side raises it further as it is. What a level may see of it is its own part and those of the boxes below it.

use std::cell::RefCell;
use std::os::raw::c_int;

use super::core::Core;
use super::level::Level;
use super::limits::MAX_DEPTH;
use super::realm;
use super::serve;
use crate::host::handle;
use crate::lua::{function, End, Kind, State};

/// Longest traceback that is kept, and longest part of one, bytes.
pub const LONGEST: usize = 16 << 10;
const LONGEST_PART: usize = 4 << 10;
/// Parts that are kept of an error that went through more: so many from either end.
const KEPT: usize = 8;

/// One side's part.
struct Part {
    /// The side's number and those of all boxes above it; 0 where there are no more. The host has none.
    chain: [u64; MAX_DEPTH as usize],
    text: Vec<u8>,
    /// Whether parts that came before this one have been left out.
    gap: bool,
}

/// The error that went across a wall last.
#[derive(Default)]
pub struct Trace {
    parts: Vec<Part>,
    /// Its parts have been noted, and it has not arrived yet.
    under_way: bool,
    /// Which value it has become where it arrived.
    arrived: Option<u64>,
}

impl Trace {
    fn note(&mut self, core: Option<&Core>, text: &[u8]) {
        let mut part = Part { chain: [0; MAX_DEPTH as usize], text: Vec::new(), gap: false };
        if let Some(core) = core {
            for (place, core) in part.chain.iter_mut().zip(core.chain()) {
                *place = core.id.0;
            }
        }
        let text = text.get(..LONGEST_PART).unwrap_or(text);
        if part.text.try_reserve_exact(text.len()).is_err() || self.parts.try_reserve(1).is_err() {
            return;
        }
        part.text.extend_from_slice(text);
        if self.parts.len() >= 2 * KEPT {
            self.parts.remove(KEPT);
            if let Some(next) = self.parts.get_mut(KEPT) {
                next.gap = true;
            }
        }
        self.parts.push(part);
        self.under_way = true;
        self.arrived = None;
    }

    /// What arrived before is over.
    pub fn forget(&mut self) {
        if self.arrived.is_some() {
            self.clear();
        }
    }

    fn clear(&mut self) {
        self.parts.clear();
        self.under_way = false;
        self.arrived = None;
    }

    /// Writes all parts, as the owner of `core` may see them.
    fn write(&self, core: &Core, to: &mut Vec<u8>) {
        let owner = core.parent.as_ref().map_or(0, |parent| parent.id.0);
        let visible = |part: &Part| owner == 0 || part.chain.contains(&owner);
        for (i, part) in self.parts.iter().enumerate() {
            if i > 0 {
                append(to, if part.gap { b"\n\t..." } else { b"" });
                append(to, b"\n\t(called from ");
                match part.chain.first() {
                    _ if !visible(part) => append(to, b"outside"),
                    Some(&side) if side == core.id.0 => append(to, b"the box"),
                    Some(&side) if side == owner => append(to, b"the host"),
                    side => append(to, &handle::name_of(side.copied().unwrap_or(0))),
                }
                append(to, b")");
            }
            append(to, if visible(part) { &part.text } else { b"\n\t..." });
        }
    }
}

fn append(to: &mut Vec<u8>, text: &[u8]) {
    let text = text.get(..LONGEST.saturating_sub(to.len())).unwrap_or(text);
    if to.try_reserve(text.len()).is_ok() {
        to.extend_from_slice(text);
    }
}

/// Tells values apart well enough to know an error again.
fn fingerprint(s: State, index: c_int) -> u64 {
    let mix = |hash: u64, n: u64| (hash ^ n).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(23);
    match s.kind(index) {
        Kind::String => {
            let bytes = s.bytes(index).unwrap_or_default();
            bytes.iter().take(1000).fold(bytes.len() as u64, |hash, &b| mix(hash, u64::from(b)))
        }
        Kind::Number => mix(1, s.number(index).to_bits()),
        Kind::Boolean => mix(2, u64::from(s.truth(index))),
        Kind::Nil | Kind::None => 3,
        _ => mix(4, s.pointer(index) as u64),
    }
}

#[inline(always)]
fn with(level: Level, f: impl FnOnce(&mut Trace)) {
    level.guarded(|| {
        realm::with(level, |realm| {
            let trace: &RefCell<Trace> = &realm.trace;
            if let Ok(mut trace) = trace.try_borrow_mut() {
                f(&mut trace);
            }
        });
    });
}

/// A new call goes out: what arrived before is over.
#[inline(always)]
pub fn forget(level: Level) {
    with(level, Trace::forget);
}

/// The error value on top of the stack has come across a wall, and is about to be raised.
pub fn arrived(s: State, level: Level) {
    let value = fingerprint(s, -1);
    with(level, |trace| {
        if trace.under_way {
            trace.under_way = false;
            trace.arrived = Some(value);
        } else {
            // The driver's own words.
            trace.clear();
        }
    });
}

/// Notes this side's part, the text on top of the stack, of the error at index 1.
fn note(s: State, level: Level) {
    let text = s.bytes(-1).unwrap_or_default();
    let value = fingerprint(s, 1);
    with(level, |trace| {
        if trace.arrived != Some(value) {
            trace.clear();
        }
        trace.note(level.core(), text);
    });
}

/// Message handler of every call into a box: keeps the traceback, and passes the error object on as it is.
pub fn handler(s: State) -> c_int {
    let level = Level::of(s);
    s.set_top(1);
    s.push_cstr(c"");
    s.append_frames(s, 1, End::Bottom);
    note(s, level);
    match s.bytes(1) {
        Some(_) => s.copy(1),
        None => {
            s.push_cstr(c"(error object is a ");
            s.push_type_name(1);
            s.push_cstr(c" value)");
            s.concat(3);
        }
    }
    let said = s.bytes(-1).unwrap_or_default();
    with(level, |trace| {
        let (Some(run), Some(core)) = (level.run(), level.core()) else { return };
        run.traced.set(true);
        if let Ok(mut place) = core.traceback.try_borrow_mut() {
            let mut text = place.take().unwrap_or_default();
            text.clear();
            append(&mut text, said);
            append(&mut text, b"\nstack traceback:");
            trace.write(core, &mut text);
            *place = Some(text);
        }
    });
    s.set_top(1);
    1
}

/// Message handler of every call of a function that a box below has been given: notes this side's part.
pub fn serving_handler(s: State) -> c_int {
    note_up_to(s, Level::of(s), End::Before(function(serve::perform)))
}

/// The same where it has been called by the very function that has called the box.
pub fn direct_handler(s: State) -> c_int {
    let level = Level::of(s);
    let caller = realm::with(level, |realm| realm.caller.get()).unwrap_or(0);
    note_up_to(s, level, End::Caller(caller))
}

/// Message handler's work: notes this side's part, which ends there.
pub fn note_up_to(s: State, level: Level, end: End) -> c_int {
    s.set_top(1);
    if s.has_room(20) {
        s.push_cstr(c"");
        s.append_frames(s, 1, end);
        note(s, level);
        s.set_top(1);
    }
    1
}
