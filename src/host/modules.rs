//! The option `modules`: what `require` gives inside. A string is the path of a Lua file, anything else the value itself.

use std::os::raw::c_int;

use super::handle;
use crate::gate::encode::{Encoder, Side};
use crate::gate::files;
use crate::gate::level::Level;
use crate::gate::link::{field, Link};
use crate::gate::request::{Entry, Id, Request};
use crate::lua::{compat, function, Kind, State};

/// Bare: pushes what the option `modules` of the options at `arg` grants, as two tables: name -> value, where a string stands for any
/// path, and name -> path. Two nils if the option wasn't given.
pub fn push(s: State, arg: c_int) {
    if s.kind(arg) == Kind::Table {
        s.raw_field(arg, c"modules");
    } else {
        s.push_nil();
    }
    if s.is_nil(-1) {
        s.push_nil();
        return;
    }
    let given = s.top();
    if s.kind(given) != Kind::Table {
        s.push_cstr(c"option 'modules': table expected, got ");
        s.push_type_name(given);
        s.concat(2);
        s.arg_error_top(arg);
    }
    s.new_table();
    s.new_table();
    s.push_nil();
    // given, values, paths, name, value
    while s.next(given) {
        let name = s.top() - 1;
        if s.kind(name) != Kind::String {
            s.arg_error(arg, c"option 'modules': names of modules are strings");
        }
        s.copy(name);
        match s.bytes(name + 1) {
            Some(path) => {
                check(s, arg, name, path);
                s.copy(name + 1);
                s.raw_set(given + 2);
                s.copy(name);
                s.push_cstr(c"");
            }
            None => s.copy(name + 1),
        }
        s.raw_set(given + 1);
        s.set_top(name);
    }
    s.remove(given);
}

/// Bare: takes the option out of the plain options at `arg`: it isn't sent with the others.
pub fn take(s: State, arg: c_int) {
    if s.kind(arg) == Kind::Table {
        s.push_nil();
        s.raw_set_field(arg, c"modules");
    }
}

/// Raises where the file that a module is to be read from isn't there. A box's own files are looked at when they are read.
fn check(s: State, arg: c_int, name: c_int, path: &[u8]) {
    if matches!(Level::of(s), Level::Box(_)) {
        return;
    }
    if let Err(refusal) = files::check(path) {
        let mut buffer = [0; 256];
        s.push_cstr(c"option 'modules.");
        s.copy(name);
        s.push_cstr(c"': cannot open ");
        // A message of Lua's ends at a zero byte.
        s.push_cstr(s.c_str(name + 1));
        s.push_cstr(c": ");
        s.push_cstr(refusal.text(&mut buffer));
        s.concat(6);
        s.arg_error_top(arg);
    }
}

/// Bare: grants what [`push`] has left at `granted` to the box `id`, whose handle is on top. If that fails the box is closed.
pub fn grant(s: State, granted: c_int, id: Id) {
    if s.is_nil(granted) {
        return;
    }
    let new = s.top();
    handle::push_own_table(s, new);
    s.copy(granted + 1);
    s.raw_seti(-2, field::MODULES);
    s.pop(1);
    s.push_function(function(send));
    s.copy(granted);
    s.push_number(id.0 as f64);
    if !s.pcall(2, 0, 0) {
        handle::close_at(s, new);
        if s.bytes(-1).is_some_and(|text| text != compat::NO_MEMORY.as_bytes()) {
            s.push_where(1);
            s.insert(-2);
            s.concat(2);
        }
        s.error();
    }
}

/// Sends the table at 1 to the box of the number at 2.
fn send(s: State) -> c_int {
    let level = Level::of(s);
    let id = Id(s.number(2) as u64);
    let exchange = level.take(s);
    Encoder::new(s, level, exchange, Side::Out, Link::Below(id)).named(c"option modules").encode(1, 1, 0);
    level.ask(s, Request::Run { id, entry: Entry::Modules }, exchange);
    0
}
