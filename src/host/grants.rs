//! The option `files`: which directories the box sees, and where.

use std::os::raw::c_int;

use crate::lua::{Kind, State};

/// Bare: pushes what the option `files` of the options at `arg` grants, made ready to be sent: path inside -> `r` or `w`, and the path of
/// the directory. Nil where it grants nothing (a number is a limit).
pub fn push(s: State, arg: c_int) {
    if s.kind(arg) != Kind::Table {
        s.push_nil();
        return;
    }
    s.raw_field(arg, c"files");
    match s.kind(-1) {
        Kind::Nil => return,
        Kind::Number => {
            s.pop(1);
            s.push_nil();
            return;
        }
        Kind::Table => {}
        _ => wrong(s, arg, 0, c"", c"table or number expected, got "),
    }
    let given = s.top();
    s.new_table();
    s.push_nil();
    // given, plain, path inside, grant
    while s.next(given) {
        let at = given + 2;
        if s.kind(at) != Kind::String {
            s.arg_error(arg, c"option 'files': paths inside are strings");
        }
        s.copy(at);
        push_plain(s, arg, at);
        s.raw_set(given + 1);
        s.set_top(at);
    }
    s.remove(given);
}

/// Bare: puts what [`push`] has left on top in the plain options at `arg`, and pops it.
pub fn put(s: State, arg: c_int) {
    if s.is_nil(-1) {
        s.pop(1);
    } else {
        s.raw_set_field(arg, c"files");
    }
}

/// Pushes one grant, which lies behind its path inside at `at`.
fn push_plain(s: State, arg: c_int, at: c_int) {
    let grant = at + 1;
    if s.kind(grant) == Kind::String {
        s.push_cstr(c"r");
        s.copy(grant);
        s.concat(2);
        return;
    }
    if s.kind(grant) != Kind::Table {
        s.copy(grant);
        wrong(s, arg, at, c"", c"table or string expected, got ");
    }
    let top = s.top();
    s.push_nil();
    while s.next(grant) {
        if !matches!(s.bytes(-2), Some(b"path" | b"write")) {
            s.push_cstr(c"unknown option 'files[\"");
            s.copy(at);
            s.push_cstr(c"\"].");
            s.copy(-5);
            if !matches!(s.kind(-1), Kind::String | Kind::Number) {
                s.push_type_name(-1);
                s.replace(-2);
            }
            s.push_cstr(c"'");
            s.concat(5);
            s.arg_error_top(arg);
        }
        s.pop(1);
    }
    s.raw_field(grant, c"write");
    if !matches!(s.kind(-1), Kind::Nil | Kind::Boolean) {
        wrong(s, arg, at, c".write", c"boolean expected, got ");
    }
    let write = s.truth(-1);
    s.set_top(top);
    s.push_cstr(if write { c"w" } else { c"r" });
    s.raw_field(grant, c"path");
    if s.kind(-1) != Kind::String {
        wrong(s, arg, at, c".path", c"string expected, got ");
    }
    s.concat(2);
}

/// Pushes `option 'files["/inside"].path'`; without a path inside where `at` is 0.
fn push_option(s: State, at: c_int, field: &'static std::ffi::CStr) {
    if at == 0 {
        s.push_cstr(c"option 'files'");
        return;
    }
    s.push_cstr(c"option 'files[\"");
    s.copy(at);
    s.push_cstr(c"\"]");
    s.push_cstr(field);
    s.push_cstr(c"'");
    s.concat(5);
}

/// Raises that the value on top is of a wrong type.
fn wrong(
    s: State,
    arg: c_int,
    at: c_int,
    field: &'static std::ffi::CStr,
    what: &'static std::ffi::CStr,
) -> ! {
    let value = s.top();
    push_option(s, at, field);
    s.push_cstr(c": ");
    s.push_cstr(what);
    s.push_type_name(value);
    s.concat(4);
    s.arg_error_top(arg)
}
