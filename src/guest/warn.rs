//! `warn` of Lua 5.4: stock writes to the process' stderr, this one to the box's. What the collector warns of isn't told, as long as
//! warnings are off in stock Lua.

use std::os::raw::c_int;

use super::stream;
use crate::gate::request::{Stream, StreamOp};
use crate::lua::{compat, function, State};

pub fn open(s: State) {
    if !compat::CLOSING {
        return;
    }
    s.push_globals();
    stream::push_standard(s, Stream::Err);
    s.push_bool(false);
    s.push_closure(function(warn), 2);
    s.raw_set_field(-2, c"warn");
    s.pop(1);
}

/// `warn(message, ...)`: upvalues are the box's stderr and whether warnings are on.
fn warn(s: State) -> c_int {
    s.check_bytes(1);
    for arg in 2..=s.top() {
        s.check_bytes(arg);
    }
    if s.top() == 1 {
        let control = s.bytes(1).and_then(|text| text.strip_prefix(b"@"));
        if let Some(control) = control {
            if control == b"on" || control == b"off" {
                s.push_bool(control == b"on");
                s.replace(State::upvalue(2));
            }
            return 0;
        }
    }
    if s.truth(State::upvalue(2)) {
        let n = s.top();
        s.check_stack(6, c"warn");
        s.push_cstr(c"Lua warning: ");
        s.insert(1);
        s.push_cstr(c"\n");
        s.concat(n + 2);
        s.copy(State::upvalue(1));
        s.insert(-2);
        stream::write(s, -2, StreamOp::Write);
    }
    0
}
