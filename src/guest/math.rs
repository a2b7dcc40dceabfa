//! Random numbers of the box's own. Lua 5.1 to 5.3 use the C library's one generator for the whole process; Lua 5.4 keeps one per
//! state but seeds it with an address, which `randomseed` shows.
//!
//! The generator is xoshiro256** by D. Blackman and S. Vigna, the one that Lua 5.4 has.

use std::os::raw::c_int;

use super::base::{call_stock, wrap_stock};
use crate::gate::level::Level;
use crate::lua::{compat, function, Entry, State};

pub fn open(s: State) {
    s.push_globals();
    s.raw_field(-1, c"math");
    if compat::CLOSING {
        wrap_stock(s, c"randomseed", function(reseed));
        s.raw_field(-1, c"randomseed");
        s.call(0, 0);
    } else if !compat::JIT {
        s.set_functions(FUNCTIONS);
    }
    s.pop(2);
}

/// Bare: seeds the generator of a box that is a copy, before anything else runs there.
pub fn seed_copy(s: State) {
    s.push_globals();
    s.raw_field(-1, c"math");
    s.raw_field(-1, c"randomseed");
    s.call(0, 0);
    s.pop(2);
}

/// The next 64 random bits of the box.
fn next(s: State) -> u64 {
    let Some(core) = Level::of(s).core() else { return 0 };
    let [mut a, mut b, mut c, mut d] = core.random.get();
    let result = b.wrapping_mul(5).rotate_left(7).wrapping_mul(9);
    let t = b << 17;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= t;
    d = d.rotate_left(45);
    core.random.set([a, b, c, d]);
    result
}

/// `math.randomseed` of Lua 5.4: stock, but seeded by the system where no seed is given.
fn reseed(s: State) -> c_int {
    if s.top() == 0 {
        s.push_integer(next(s) as i64);
        s.push_integer(next(s) as i64);
    }
    call_stock(s, s.top(), State::ALL);
    s.top()
}

/// `math.random([m [, n]])` of Lua 5.1 to 5.3.
fn random(s: State) -> c_int {
    let unit = (next(s) >> 11) as f64 / (1_u64 << 53) as f64;
    let (low, high) = match s.top() {
        0 => {
            s.push_number(unit);
            return 1;
        }
        1 => (1, s.check_integer(1)),
        2 => (s.check_integer(1), s.check_integer(2)),
        _ => s.raise(c"wrong number of arguments"),
    };
    let blamed = if compat::INTEGERS { 1 } else { s.top() };
    if low > high {
        s.arg_error(blamed, c"interval is empty");
    }
    if compat::INTEGERS && low < 0 && high > i64::MAX + low {
        s.arg_error(blamed, c"interval too large");
    }
    let width = high.wrapping_sub(low) as u64;
    s.push_integer(low.wrapping_add(below(s, width) as i64));
    1
}

/// A random number from 0 to `width`, each as likely as another.
fn below(s: State, width: u64) -> u64 {
    let mask = u64::MAX >> width.leading_zeros().min(63);
    loop {
        let n = next(s) & mask;
        if n <= width {
            return n;
        }
    }
}

/// `math.randomseed(x)` of Lua 5.1 to 5.3.
fn randomseed(s: State) -> c_int {
    let mut x = s.check_number(1).to_bits();
    let mut word = || {
        // splitmix64, by S. Vigna: what xoshiro's authors seed it with.
        x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = x;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    let seeded = [word(), word(), word(), word()];
    if let Some(core) = Level::of(s).core() {
        core.random.set(seeded);
    }
    0
}

const FUNCTIONS: &[Entry] = &[(c"random", function(random)), (c"randomseed", function(randomseed))];
