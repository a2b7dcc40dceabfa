//! The table of options, made ready to be sent: read once, without metamethods, so that nothing of it can change or run meanwhile.

use std::os::raw::c_int;

use crate::gate::limits::Asked;
use crate::lua::{Kind, State};

/// Bare: the limits that the options at `arg` ask for; `None` where they ask for anything else, or where something is wrong with them.
pub fn limits_alone(s: State, arg: c_int) -> Option<Asked> {
    let mut asked = Asked::default();
    match s.kind(arg) {
        Kind::None | Kind::Nil => return Some(asked),
        Kind::Table => {}
        _ => return None,
    }
    let top = s.top();
    s.push_nil();
    while s.next(arg) {
        let name = s.bytes(-2).unwrap_or_default();
        let taken = match s.kind(-1) {
            Kind::Number => asked.set_number(name, s.number(-1)).is_ok(),
            Kind::String => asked.set_string(name, s.string_bytes(-1)).is_ok(),
            _ => false,
        };
        if !taken {
            s.set_top(top);
            return None;
        }
        s.pop(1);
    }
    Some(asked)
}

/// Bare: puts in place of the options at `arg` a plain copy, in which a value of a type that no option has is a table that holds
/// the type's name. Nil stays.
pub fn flatten(s: State, arg: c_int) {
    if s.is_none_or_nil(arg) {
        return;
    }
    s.check_table(arg);
    s.new_table();
    s.push_nil();
    while s.next(arg) {
        if !matches!(s.kind(-2), Kind::String | Kind::Number) {
            s.arg_error(arg, c"names of options are strings");
        }
        if !matches!(s.kind(-1), Kind::Number | Kind::String | Kind::Boolean) {
            s.new_table();
            s.push_type_name(-2);
            s.raw_seti(-2, 1);
            s.replace(-2);
        }
        s.copy(-2);
        s.insert(-2);
        s.raw_set(-4);
    }
    s.replace(arg);
}
