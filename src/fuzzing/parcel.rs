//! Parcels: any bytes to the decoder, and values there and back again.

use std::os::raw::c_int;

use super::program::Program;
use super::{job, link, Host, Job, FUNCTIONS, HANDLE, KEPT};
use crate::gate::decode::decode;
use crate::gate::encode::{Encoder, Side};
use crate::gate::exchange::Exchange;
use crate::gate::level::Level;
use crate::gate::parcel::{Item, Reader};
use crate::lua::{function, Key, State};

/// How the errors end that refuse a parcel.
pub const REFUSALS: [&str; 4] = [
    "broken parcel",
    "tables nested too deep",
    "too many values to cross (stack overflow)",
    "what was sent home is gone",
];

/// Heap that a byte of a parcel may take. An empty table of 2 bytes gets the most: itself (64 bytes), and its places in the hash part
/// around it, in the list of tables and in the list of what is kept.
const HEAP_PER_BYTE: usize = 256;
/// Heap that a stream takes besides, which is a handle with its callbacks.
const HEAP_PER_STREAM: usize = 8 << 10;
/// Heap that an empty parcel may take: an error message, a stack that has grown.
const HEAP: usize = 64 << 10;

/// The values that were sent.
static SENT: Key = Key::new();

/// Two states on either side of a wall.
struct Pair {
    here: Host,
    there: Host,
    exchange: Box<Exchange>,
}

impl Pair {
    fn new() -> Pair {
        let mut pair = Pair { here: Host::new(), there: Host::new(), exchange: Box::default() };
        // Each has functions of its own, and one of the other's.
        for (from, to) in [(0, 1), (1, 0)] {
            pair.must(from, function(make_functions), &[]);
            pair.must(from, function(send_function), &[]);
            pair.must(to, function(take_function), &[]);
        }
        pair
    }

    /// How it went, and whether a value was made that can't cross.
    fn run(&mut self, side: usize, f: mlua::ffi::lua_CFunction, data: &[u8]) -> (Result<(), String>, bool) {
        let host = if side == 0 { &self.here } else { &self.there };
        let mut job = Job { data, exchange: &mut *self.exchange, heap: 0, foreign: false };
        let result = host.run(f, &mut job);
        (result, job.foreign)
    }

    /// Bytes in use by the heap there.
    fn figure(&mut self, f: mlua::ffi::lua_CFunction) -> usize {
        let mut job = Job { data: &[], exchange: &mut *self.exchange, heap: 0, foreign: false };
        let result = self.there.run(f, &mut job);
        assert!(result.is_ok(), "{result:?}");
        job.heap
    }

    fn must(&mut self, side: usize, f: mlua::ffi::lua_CFunction, data: &[u8]) {
        let (result, _) = self.run(side, f, data);
        assert!(result.is_ok(), "{result:?}");
    }
}

thread_local! {
    static PAIR: std::cell::RefCell<Option<Pair>> = const { std::cell::RefCell::new(None) };
}

/// The first byte decides: the rest is a parcel, or a program that makes values.
pub fn parcel(data: &[u8]) {
    let Some((&mode, data)) = data.split_first() else { return };
    PAIR.with_borrow_mut(|pair| {
        let pair = pair.get_or_insert_with(Pair::new);
        if mode & 1 == 0 {
            received(pair, data);
        } else {
            made(pair, data);
        }
    });
}

/// What a program's values are sent as, as something to feed to [`parcel`]; `None` for what is no program, or where they can't cross.
#[cfg(test)]
pub fn sent(data: &[u8]) -> Option<Vec<u8>> {
    let (&mode, program) = data.split_first()?;
    if mode & 1 == 0 {
        return None;
    }
    PAIR.with_borrow_mut(|pair| {
        let pair = pair.get_or_insert_with(Pair::new);
        let (result, _) = pair.run(0, function(make), program);
        let sent = [&[0], pair.exchange.out.as_slice()].concat();
        pair.must(0, function(tidy), &[]);
        result.is_ok().then_some(sent)
    })
}

/// Bytes that came from nobody knows where.
fn received(pair: &mut Pair, bytes: &[u8]) {
    let mut reader = Reader::new(bytes);
    let (mut items, mut streams) = (0, 0);
    while let Some(item) = reader.item() {
        // That takes no byte of its own.
        items += usize::from(item != Item::Listed);
        streams += usize::from(matches!(item, Item::Stream(_)));
        assert!(items <= bytes.len(), "more items than bytes");
    }
    pair.exchange.out.clear();
    assert!(pair.exchange.out.append(bytes).is_ok());
    let before = pair.figure(function(measure));
    let (result, _) = pair.run(1, function(keep), &[]);
    let grown = pair.figure(function(measure_again)).saturating_sub(before);
    let most = HEAP + HEAP_PER_BYTE * bytes.len() + HEAP_PER_STREAM * streams;
    assert!(grown <= most, "{grown} bytes of heap for a parcel of {}", bytes.len());
    match result {
        Err(message) => refused(&message),
        Ok(()) => there_and_back(pair, 1, true),
    }
    pair.must(1, function(tidy), &[]);
}

/// Values that are as they may be.
fn made(pair: &mut Pair, program: &[u8]) {
    let (result, foreign) = pair.run(0, function(make), program);
    if let Err(message) = &result {
        // The path may hold any bytes.
        let refused = foreign && message.contains("cannot cross");
        assert!(refused, "values that don't cross: {message}");
    } else {
        there_and_back(pair, 0, false);
    }
    pair.must(0, function(tidy), &[]);
}

/// Sends what `from` keeps to the other side and back. `strange` are values that hold functions which nobody has sent.
fn there_and_back(pair: &mut Pair, from: usize, strange: bool) {
    for (side, step) in [
        (from, function(send)),
        (1 - from, function(keep)),
        (1 - from, function(send)),
        (from, function(compare)),
    ] {
        if let Err(message) = pair.run(side, step, &[]).0 {
            let gone = strange && message.ends_with("what was sent home is gone");
            assert!(gone, "what could be decoded does not cross: {message}");
            break;
        }
    }
    pair.must(1 - from, function(tidy), &[]);
}

fn refused(message: &str) {
    let known = REFUSALS.iter().any(|known| message.ends_with(known));
    assert!(known, "not a clean refusal: {message}");
}

// ---- bare code, run in one of the states

/// Puts the `n` values on top of the stack, and nothing else is on it, into the list that is kept.
fn keep_values(s: State, n: c_int) {
    s.new_table();
    s.insert(1);
    for i in (1..=n).rev() {
        s.raw_seti(1, i64::from(i));
    }
    s.push_integer(i64::from(n));
    s.raw_set_field(1, c"n");
    s.raw_set_field(State::REGISTRY, KEPT);
}

/// Decodes the exchange, and keeps the values.
fn keep(s: State) -> c_int {
    let exchange = job(s).exchange;
    s.set_top(0);
    let n = decode(s, Level::of(s), exchange, Side::Out, link(s));
    if s.top() != n {
        s.raise(c"as many values as were announced must be on the stack");
    }
    keep_values(s, n);
    0
}

/// Tells how much of the heap is in use, and keeps the collector from changing that.
fn measure(s: State) -> c_int {
    s.stop_collector();
    job(s).heap = s.heap_in_use();
    0
}

fn measure_again(s: State) -> c_int {
    job(s).heap = s.heap_in_use();
    s.restart_collector();
    0
}

/// Sends what is kept.
fn send(s: State) -> c_int {
    let exchange = job(s).exchange;
    s.set_top(0);
    s.raw_field(State::REGISTRY, KEPT);
    s.raw_field(1, c"n");
    let n = s.number(-1) as c_int;
    s.pop(1);
    s.check_stack(n + 20, c"values");
    for i in 1..=n {
        s.raw_geti(1, i64::from(i));
    }
    Encoder::new(s, Level::of(s), exchange, Side::Out, link(s)).encode(2, n, 1);
    0
}

/// Decodes the exchange, and compares with what is kept.
fn compare(s: State) -> c_int {
    let exchange = job(s).exchange;
    s.set_top(0);
    s.raw_field(State::REGISTRY, KEPT);
    s.registry_set(&SENT);
    let n = decode(s, Level::of(s), exchange, Side::Out, link(s));
    keep_values(s, n);
    s.raw_field(State::REGISTRY, c"same");
    s.registry_get(&SENT);
    s.raw_field(State::REGISTRY, KEPT);
    s.call(2, 0);
    0
}

/// Makes values and sends them.
fn make(s: State) -> c_int {
    let job = job(s);
    s.set_top(0);
    let mut program = Program::new(job.data);
    program.run(s);
    job.foreign = program.foreign;
    let n = s.top();
    keep_values(s, n);
    s.push_light(job as *mut Job<'static> as *mut _);
    send(s)
}

/// Lets go of everything. What has been collected is told to the other side by the next call there.
fn tidy(s: State) -> c_int {
    s.set_top(0);
    s.raw_field(State::REGISTRY, HANDLE);
    s.get_field(-1, c"dostring");
    s.insert(-2);
    s.push_bytes(b"");
    s.call(2, 0);
    s.new_table();
    s.raw_set_field(State::REGISTRY, KEPT);
    s.push_nil();
    s.registry_set(&SENT);
    0
}

fn make_functions(s: State) -> c_int {
    s.set_top(0);
    s.raw_field(State::REGISTRY, FUNCTIONS);
    s.push_globals();
    s.raw_field(-1, c"print");
    s.raw_seti(1, 1);
    s.raw_field(State::REGISTRY, c"same");
    s.raw_seti(1, 2);
    s.get_field(2, c"io");
    s.raw_field(-1, c"stdout");
    s.raw_seti(1, 4);
    0
}

fn send_function(s: State) -> c_int {
    let exchange = job(s).exchange;
    s.set_top(0);
    s.push_globals();
    s.raw_field(-1, c"pcall");
    Encoder::new(s, Level::of(s), exchange, Side::Out, link(s)).encode(-1, 1, 1);
    0
}

fn take_function(s: State) -> c_int {
    let exchange = job(s).exchange;
    s.set_top(0);
    s.raw_field(State::REGISTRY, FUNCTIONS);
    decode(s, Level::of(s), exchange, Side::Out, link(s));
    s.raw_seti(1, 3);
    0
}
