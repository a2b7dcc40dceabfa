//! Where a value sits among those that are sent: `argument 2.users[3].handle`. Bare code.

use std::ffi::CStr;
use std::os::raw::c_int;

use crate::lua::{Kind, State};

/// How a nested table hangs on the one around it.
pub const AS_KEY: u8 = 0;
pub const AS_VALUE: u8 = 1;

/// Steps that are shown from either end of a long path.
const SHOWN: usize = 10;
/// Bytes of a key that are shown.
const LONGEST: usize = 40;

/// Pushes the name of a value: `argument 1`; the number is left out where it is 0.
pub fn push_name(s: State, what: &CStr, number: c_int) {
    s.push_cstr(what);
    if number != 0 {
        s.push_cstr(c" ");
        s.push_integer(i64::from(number));
        s.concat(3);
    }
}

/// Appends to the string on top the way from the table at `base` to what is at hand. On the stack lies, for each table around, the
/// table, the key, and the value where the next table is that key; `phases` tells how each hangs on the one before.
pub fn append_steps(s: State, base: c_int, phases: impl ExactSizeIterator<Item = u8>) {
    let steps = phases.len();
    let mut at = base;
    for (i, phase) in phases.enumerate() {
        if i > 0 {
            at += if phase == AS_KEY { 3 } else { 2 };
        }
        if i < SHOWN || i + SHOWN >= steps {
            push_step(s, at + 1);
            s.concat(2);
        } else if i == SHOWN {
            s.push_cstr(c"...");
            s.concat(2);
        }
    }
}

/// Pushes the key at `index` as one step of a path.
fn push_step(s: State, index: c_int) {
    match s.kind(index) {
        Kind::String => push_named_step(s, s.bytes(index).unwrap_or_default()),
        Kind::Number => {
            s.push_cstr(c"[");
            s.copy(index);
            s.to_text(-1);
            s.push_cstr(c"]");
            s.concat(3);
        }
        Kind::Boolean => s.push_cstr(if s.truth(index) { c"[true]" } else { c"[false]" }),
        _ => {
            s.push_cstr(c"[");
            s.push_type_name(index);
            s.push_cstr(c"]");
            s.concat(3);
        }
    }
}

fn is_identifier(name: &[u8]) -> bool {
    name.first().is_some_and(|b| !b.is_ascii_digit())
        && name.len() <= LONGEST
        && name.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'_')
}

fn push_named_step(s: State, name: &[u8]) {
    if is_identifier(name) {
        s.push_cstr(c".");
        s.push_bytes(name);
        s.concat(2);
        return;
    }
    // Quoted as Lua writes it; a byte becomes four at most.
    let mut quoted = [0_u8; 4 * LONGEST];
    let mut len = 0;
    let mut put = |b: u8| {
        if let Some(place) = quoted.get_mut(len) {
            *place = b;
            len += 1;
        }
    };
    for &b in name.iter().take(LONGEST) {
        match b {
            b'"' | b'\\' => {
                put(b'\\');
                put(b);
            }
            0..=31 | 127 => {
                put(b'\\');
                for digit in [b / 100, b / 10 % 10, b % 10] {
                    put(b'0' + digit);
                }
            }
            _ => put(b),
        }
    }
    s.push_cstr(c"[\"");
    s.push_bytes(quoted.get(..len).unwrap_or_default());
    s.push_cstr(if name.len() > LONGEST { c"...\"]" } else { c"\"]" });
    s.concat(3);
}
