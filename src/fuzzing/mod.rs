//! What the fuzzers and `cargo test` feed with bytes: [`parcel`], [`options`] and [`image`]. Each panics where a promise is broken.
//!
//! | promise | seen how |
//! |---|---|
//! | any bytes decode to values or are refused by an ordinary error | what is raised is one of [`parcel::REFUSALS`] |
//! | decoding takes no more memory than the bytes warrant | the heap is measured |
//! | what has crossed to another state and back is the same | `same.lua`, with cycles, sharing, functions and streams |
//! | any table of options makes a box that keeps to them, or an error that names what is wrong | `options.lua` |
//! | any saved image, whatever its tag, is an error, nonsense, or a snapshot that is written as it was read | it is written again |
//!
//! # Safety
//! The states are made here, used by the thread that made them, and never closed (a fuzzer ends by its own exit).
#![allow(unsafe_code)]

mod options;
mod parcel;
mod program;
#[cfg(test)]
pub mod random;
#[cfg(test)]
mod replay;

pub use options::options;
pub use parcel::parcel;

use std::ffi::CStr;
use std::os::raw::{c_int, c_void};

use mlua::ffi::{luaL_newstate, luaL_openlibs};

use crate::gate::copies::saved;
use crate::gate::exchange::Exchange;
use crate::gate::link::Link;
use crate::gate::request::Id;
use crate::host::handle;
use crate::lua::{function, State};

/// Takes bytes for a saved image whose tag nobody checks, and for the body of one.
pub fn image(data: &[u8]) {
    // Most are errors, and that is all that is asked of them.
    let _ = saved::try_open(data, false);
    let _ = saved::try_body(data);
}

/// What a job for a Lua state is given: bytes in, and how it went.
struct Job<'a> {
    data: &'a [u8],
    exchange: *mut Exchange,
    /// Bytes of the heap in use.
    heap: usize,
    /// Whether a value was made that can't cross.
    foreign: bool,
}

/// A Lua state with this library, and a wall to another such: functions and streams can cross to it and from it.
struct Host(State);

impl Host {
    fn new() -> Host {
        // SAFETY: a fresh state, which is given its libraries under protection.
        let state = unsafe { State::new(luaL_newstate()) };
        let host = Host(state);
        assert!(state.protected(function(open), std::ptr::null_mut()), "no Lua state: {}", host.message());
        host
    }

    /// Runs bare code with the job; what it raised, if it did.
    fn run(&self, f: mlua::ffi::lua_CFunction, job: &mut Job<'_>) -> Result<(), String> {
        let ok = self.0.protected(f, job as *mut Job<'_> as *mut c_void);
        let result = if ok { Ok(()) } else { Err(self.message()) };
        self.0.set_top(0);
        result
    }

    /// The error value on top, which must be a string.
    fn message(&self) -> String {
        match self.0.bytes(-1) {
            Some(text) => String::from_utf8_lossy(text).into_owned(),
            None => format!("(an error value of kind {:?})", self.0.kind(-1)),
        }
    }
}

/// Bare: the job that this call was given.
fn job(s: State) -> &'static mut Job<'static> {
    // SAFETY: `Host::run` passes it, and it outlives the call. Bare code holds `&mut` into it between two calls of Lua's only.
    unsafe { &mut *(s.userdata(1) as *mut Job<'static>) }
}

fn open(s: State) -> c_int {
    // SAFETY: bare code, in a state of its own.
    unsafe { luaL_openlibs(s.as_ptr()) };
    crate::host::open_in_host(s);
    s.push_globals();
    s.copy(-2);
    s.raw_set_field(-2, c"sandbox");
    // The other side of the wall is, to this side's bookkeeping, a box.
    s.raw_field(-1, c"sandbox");
    s.raw_field(-1, c"new");
    s.new_table();
    s.push_number(f64::INFINITY);
    s.raw_set_field(-2, c"memory");
    s.call(1, 1);
    s.push_number(handle::id_at(s, -1).0 as f64);
    s.raw_set_field(State::REGISTRY, OTHER);
    s.raw_set_field(State::REGISTRY, HANDLE);
    s.pop(1);
    load(s, include_bytes!("same.lua"), c"same");
    load(s, include_bytes!("options.lua"), c"try_options");
    s.new_table();
    s.raw_set_field(State::REGISTRY, KEPT);
    s.new_table();
    s.raw_set_field(State::REGISTRY, FUNCTIONS);
    0
}

/// The handle of the box that stands for the other side, and its number.
const HANDLE: &CStr = c"safelua.fuzz.handle";
const OTHER: &CStr = c"safelua.fuzz.other";

/// Bare: the other side.
fn link(s: State) -> Link {
    s.raw_field(State::REGISTRY, OTHER);
    let id = Id(s.number(-1) as u64);
    s.pop(1);
    Link::Below(id)
}

/// Where the values of one step wait for the next.
const KEPT: &CStr = c"safelua.fuzz.kept";
/// Functions and streams that programs send.
const FUNCTIONS: &CStr = c"safelua.fuzz.functions";

/// Bare: makes what the chunk returns a field of the registry.
fn load(s: State, code: &[u8], name: &CStr) {
    if !s.load_text(code, name) {
        s.error();
    }
    s.call(0, 1);
    s.raw_set_field(State::REGISTRY, name);
}
