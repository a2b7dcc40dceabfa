//! Options: any bytes as the parcel that the host's side sends, and any table to `sandbox.new` and `box:limits`.

use std::os::raw::c_int;

use super::program::Program;
use super::{job, Host, Job};
use crate::gate::limits::{nanoseconds, slot_size, Asked, Limit, TABLE};
use crate::gate::options::read;
use crate::gate::parcel::Reader;
use crate::lua::{function, Kind, State};

thread_local! {
    static HOST: std::cell::OnceCell<Host> = const { std::cell::OnceCell::new() };
}

/// The first byte decides: the rest is a parcel, or a program that makes two tables of options.
pub fn options(data: &[u8]) {
    let Some((&mode, data)) = data.split_first() else { return };
    if mode & 1 == 0 {
        let mut grants = Vec::new();
        match read(Reader::new(data), (mode & 3 == 0).then_some(&mut grants)) {
            Ok(asked) => check(&asked),
            Err(text) => {
                // A byte that is no text is shown as three, and a float may have some 300 digits.
                assert!(!text.is_empty() && text.len() <= 400 + 3 * data.len(), "what is wrong: {text:?}");
            }
        }
        return;
    }
    HOST.with(|host| {
        let host = host.get_or_init(Host::new);
        let mut job = Job { data, exchange: std::ptr::null_mut(), heap: 0, foreign: false };
        let result = host.run(function(make), &mut job);
        assert!(result.is_ok(), "{result:?}");
    });
}

/// Whatever is asked for makes figures that the engine can work with.
fn check(asked: &Asked) {
    for definition in &TABLE {
        let Some(value) = asked.get(definition.limit) else { continue };
        assert!(value >= 0.0, "{} is {value}", definition.name);
        assert!(value > 0.0 || definition.zero, "{} is 0", definition.name);
        assert!(definition.limit.message(value).starts_with(definition.name));
        match definition.limit {
            Limit::Memory => {
                let size = slot_size(value);
                assert!((1 << 20..=1 << 40).contains(&size), "a slot of {size} bytes");
                assert!(value > 1e11 || size as f64 >= value, "a slot of {size} bytes for {value}");
            }
            Limit::Cpu | Limit::Wall => {
                let ns = nanoseconds(value);
                assert!(value < 1e-9 || ns > 0, "{value} s are no time");
            }
            _ => {}
        }
    }
}

fn make(s: State) -> c_int {
    let mut program = Program::new(job(s).data);
    s.set_top(0);
    s.check_stack(40, c"options");
    s.raw_field(State::REGISTRY, c"try_options");
    push_options(&mut program, s);
    push_options(&mut program, s);
    s.call(2, 0);
    0
}

/// Pushes a table of options, most times, or any other value.
fn push_options(program: &mut Program<'_>, s: State) {
    let Some(size) = program.byte() else {
        s.push_nil();
        return;
    };
    if size >= 250 {
        program.value(s);
        return;
    }
    s.new_table();
    for _ in 0..size % 8 {
        push_key(program, s);
        push_value(program, s);
        let usable = match s.kind(-2) {
            Kind::Nil => false,
            Kind::Number => !s.number(-2).is_nan(),
            _ => true,
        };
        if usable {
            s.raw_set(-3);
        } else {
            s.pop(2);
        }
    }
}

const OTHERS: [&[u8]; 7] = [b"modules", b"files", b"memroy", b"", b"cpu\0", b"Wall", b"'\xff\n"];

fn push_key(program: &mut Program<'_>, s: State) {
    let choice = usize::from(program.byte().unwrap_or(0));
    let names = TABLE.iter().map(|d| d.name.as_bytes());
    let mut keys = names.clone().chain(names).chain([b"per" as &[u8]]).chain(OTHERS);
    match keys.nth(choice % 24) {
        Some(key) => s.push_bytes(key),
        None => program.value(s),
    }
}

const NUMBERS: [f64; 16] = [
    0.0,
    -0.0,
    f64::NAN,
    f64::INFINITY,
    f64::NEG_INFINITY,
    1.0,
    -1.0,
    0.5,
    2.0,
    9.0,
    5e-324,
    1e6,
    9_007_199_254_740_993.0,
    9_223_372_036_854_775_808.0,
    1e300,
    1_610_612_736.0,
];

fn push_value(program: &mut Program<'_>, s: State) {
    let choice = program.byte().unwrap_or(0);
    match choice {
        0..=127 => s.push_number(NUMBERS.get(usize::from(choice) % 16).copied().unwrap_or(0.0)),
        128..=159 => s.push_bytes(if choice & 1 == 0 { b"life" } else { b"call" }),
        _ => program.value(s),
    }
}
