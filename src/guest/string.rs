//! `string.format`: stock, but that `%s` and `%p` of an object show its identity and not its address.

use std::os::raw::c_int;

use super::base::{call_stock, push_identity, push_string, wrap_stock};
use crate::lua::{compat, function, Kind, State};

pub fn open(s: State) {
    s.push_globals();
    s.raw_field(-1, c"string");
    wrap_stock(s, c"format", function(format));
    s.pop(2);
}

fn is_object(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Table | Kind::Function | Kind::Userdata | Kind::LightUserdata | Kind::Thread | Kind::Other
    )
}

/// `string.format(format, ...)`
fn format(s: State) -> c_int {
    let n = s.top();
    if (2..=n).any(|i| is_object(s.kind(i))) || has_pointer(s) {
        show_objects(s, n);
    }
    call_stock(s, n, 1);
    1
}

/// Whether the stock function would show an object's address here: Lua 5.1 takes strings alone, LuaJIT quotes anything.
fn shows_object(conversion: u8) -> bool {
    match conversion {
        b's' => !compat::V51 || compat::JIT,
        b'q' => compat::JIT,
        _ => false,
    }
}

/// `%p` is of Lua 5.4 and LuaJIT.
fn has_pointer(s: State) -> bool {
    (compat::CLOSING || compat::JIT)
        && s.bytes(1).is_some_and(|text| text.contains(&b'p') && text.contains(&b'%'))
}

/// Puts the text of each object in its place, and `%s` for each `%p`.
fn show_objects(s: State, n: c_int) {
    let Some(text) = s.bytes(1) else { return };
    s.check_stack(8, c"format");
    // What has been copied of the format, if any of it had to be changed, is on top.
    s.push_cstr(c"");
    let mut copied = 0;
    let mut arg = 1;
    let mut at = 0;
    while let Some(&b) = text.get(at) {
        at += 1;
        if b != b'%' {
            continue;
        }
        if text.get(at) == Some(&b'%') {
            at += 1;
            continue;
        }
        while text.get(at).is_some_and(|c| b"-+ #0123456789.".contains(c)) {
            at += 1;
        }
        let Some(&conversion) = text.get(at) else { break };
        at += 1;
        arg += 1;
        if arg > n {
            break;
        }
        match conversion {
            c if shows_object(c) && is_object(s.kind(arg)) => {
                push_string(s, arg);
                s.replace(arg);
            }
            b'p' if compat::CLOSING || compat::JIT => {
                if is_object(s.kind(arg)) || (compat::CLOSING && s.kind(arg) == Kind::String) {
                    push_identity(s, arg);
                } else {
                    s.push_cstr(if compat::JIT { c"NULL" } else { c"(null)" });
                }
                s.replace(arg);
                s.push_bytes(text.get(copied..at - 1).unwrap_or_default());
                s.push_cstr(c"s");
                s.concat(3);
                copied = at;
            }
            _ => {}
        }
    }
    s.push_bytes(text.get(copied..).unwrap_or_default());
    s.concat(2);
    s.replace(1);
}
