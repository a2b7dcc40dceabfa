//! Images that nobody has saved: whatever the bytes are, opening them is a value or an error, and none passes the tag.
//!
//! # Safety
//! The Lua states are made here, used by the thread that made them, and never closed.
#![allow(unsafe_code)]

mod altered;
mod builds;
mod shut;

use std::os::raw::{c_int, c_void};

use mlua::ffi::{luaL_newstate, luaL_openlibs};

use super::pack::Packer;
use super::saved::try_open;
use super::seal::{open, seal, sign, FORMAT, MAGIC, TAG};
use crate::gate::limits::TABLE;
use crate::lua::{function, State};

/// A chunk for a Lua state with this library, its argument and what it returned.
struct Job<'a> {
    code: &'a [u8],
    given: &'a [u8],
    result: Vec<u8>,
}

/// Bare.
fn run(s: State) -> c_int {
    // SAFETY: `lua` passes it, and it outlives the call. The state is one of its own.
    let job = unsafe {
        luaL_openlibs(s.as_ptr());
        &mut *(s.userdata(1) as *mut Job<'static>)
    };
    crate::host::open_in_host(s);
    s.push_globals();
    s.copy(-2);
    s.raw_set_field(-2, c"sandbox");
    if !s.load_text(job.code, c"=test") {
        s.error();
    }
    s.push_bytes(job.given);
    s.call(1, 1);
    job.result = s.bytes(-1).unwrap_or(b"(no string)").to_vec();
    0
}

/// What a chunk returns, in a state of its own.
fn lua(code: &str, given: &[u8]) -> Vec<u8> {
    run_in(code, given).1
}

/// The same, and the state.
fn run_in(code: &str, given: &[u8]) -> (State, Vec<u8>) {
    // SAFETY: a fresh state; the job outlives the call.
    let s = unsafe { State::new(luaL_newstate()) };
    let mut job = Job { code: code.as_bytes(), given, result: Vec::new() };
    let done = s.protected(function(run), (&raw mut job).cast::<c_void>());
    assert!(done, "{}", String::from_utf8_lossy(s.bytes(-1).unwrap_or(b"?")));
    (s, job.result)
}

/// The image of a box with a coroutine, a box below and a function that its owner has.
fn real() -> Vec<u8> {
    lua(
        "local box = sandbox.new() box:opensandbox()
         box:dostring [[
           t = {} for i = 1, 20 do t[i] = { i, 'x' .. i } end
           co = coroutine.wrap(function() coroutine.yield(1) end) co()
           below = sandbox.new() below:dostring 'n = 1'
           function f() end
         ]]
         f = box:get 'f'
         return box:save()",
        b"",
    )
}

/// The body of a box that was killed before it had a heap, and of such a box below it, `depth` times.
fn small_body(depth: usize) -> Vec<u8> {
    let mut body = Packer::default();
    let mut write = |numbers: &[u64]| body.numbers(numbers.iter().copied()).map_err(|_| ()).unwrap();
    // Boxes made; the host's notes: nothing, a number, a name of eight bytes.
    write(&[9, 3, 0, 1, 77, 2, 8, u64::from_le_bytes(*b"stdout\0\0")]);
    for level in 0..=depth {
        // No heap, main, two threads, collected, flags.
        write(&[0, 0, 2, 1, 0, 4096, 1, 0, 1]);
        write(&[1, 2, 3, 4, 5, 6, 7]);
        // Both sides' releases, crowds.
        write(&[3, 1, 7, 2, 0, 0, 16, 16]);
        write(&TABLE.each_ref().map(|limit| limit.default.to_bits()));
        // Per life, killed, why.
        write(&[0, 1, 8, u64::from_le_bytes(*b"was shot")]);
        write(&[0, 1, 1, 2, 0, 3, 1, u64::from(level < depth)]);
        if level < depth {
            write(&[20 + level as u64]);
        }
    }
    body.0
}

fn small() -> Vec<u8> {
    seal(&small_body(2), None).unwrap()
}

#[test]
fn images_are_what_they_were_made_of() {
    assert_eq!(try_open(&small(), true), Ok(true));
    assert_eq!(try_open(&real(), true), Ok(true));
    assert_eq!(open(&small(), None, true), Ok((small_body(2), vec![])));
    // As deep as boxes go, and deeper.
    let depth = crate::gate::limits::MAX_DEPTH as usize;
    for (depth, sense) in [(depth, true), (depth + 1, false)] {
        assert_eq!(try_open(&seal(&small_body(depth), None).unwrap(), true), Ok(sense), "{depth}");
    }
}
