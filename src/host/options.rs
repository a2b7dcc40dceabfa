//! The table of options, made ready to be sent: read once, without metamethods, so that nothing of it can change or run meanwhile.

use std::os::raw::c_int;

use super::modules;
use crate::lua::{Kind, State};

/// Bare: the same for the options of a new box, but that `modules` are pushed apart: see [`modules::read`].
pub fn flatten_new(s: State, arg: c_int) {
    if s.is_none_or_nil(arg) {
        s.push_nil();
        s.push_nil();
        return;
    }
    s.check_table(arg);
    s.raw_field(arg, c"modules");
    modules::read(s, arg);
    flatten(s, arg);
    // The copy is ours to change.
    s.push_nil();
    s.raw_set_field(arg, c"modules");
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
