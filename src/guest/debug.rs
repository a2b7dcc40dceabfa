//! `debug.traceback`, and nothing else of the debug library: the rest reaches into other functions, the registry and hooks.

use std::os::raw::c_int;

use crate::lua::{compat, function, Entry, Kind, State};

pub fn open(s: State) {
    s.new_table();
    s.set_functions(FUNCTIONS);
    super::publish(s, c"debug");
}

/// `debug.traceback([thread,] [message [, level]])`
fn traceback(s: State) -> c_int {
    let (of, arg) = match s.thread(1) {
        Some(co) => (co, 1),
        None => (s, 0),
    };
    let message = arg + 1;
    let untouched = match s.kind(message) {
        Kind::None | Kind::String | Kind::Number => false,
        Kind::Nil => compat::V51,
        _ => true,
    };
    if untouched {
        s.set_top(message);
        return 1;
    }
    let level = s.opt_integer(arg + 2, if of == s { 1 } else { 0 });
    let level = level.clamp(-1, i64::from(c_int::MAX)) as c_int;
    if s.is_none_or_nil(message) {
        s.push_cstr(c"");
        s.append_traceback(of, level);
        // Without a message the text begins with its own heading.
        let text = s.bytes(-1).unwrap_or_default();
        s.push_bytes(text.get(1..).unwrap_or_default());
        return 1;
    }
    s.copy(message);
    s.to_text(-1);
    s.append_traceback(of, level);
    1
}

const FUNCTIONS: &[Entry] = &[(c"traceback", function(traceback))];
