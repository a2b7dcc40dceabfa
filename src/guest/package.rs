//! `require`: the stock one. Its searchers are the stock one of `package.preload` and one of ours, which finds what the host granted:
//! modules by name first, then files along `package.path`. No searcher loads native code.

use std::ffi::CStr;
use std::os::raw::c_int;

use super::{file, search};
use crate::gate::decode::decode;
use crate::gate::encode::{Encoder, Side};
use crate::gate::level::Level;
use crate::gate::link::Link;
use crate::gate::request::{Reply, Request};
use crate::lua::{compat, function, Key, Kind, State};

/// Names taken out of `package`, and why.
const ABSENT: &[(&CStr, &str)] = &[(c"loadlib", "loads C code into the process")];

/// What `package.path` is at first: no directory of a box is more likely to hold modules than its root.
const PATH: &CStr = c"/?.lua;/?/init.lua";

/// The granted modules: name -> value, or a string for a file that the level above reads.
static MODULES: Key = Key::new();

pub fn open(s: State) {
    s.open_package_library();
    // package
    for (name, _why) in ABSENT {
        s.push_nil();
        s.raw_set_field(-2, name);
    }
    for (name, value) in [(c"path", PATH), (c"cpath", c"")] {
        s.push_cstr(value);
        s.raw_set_field(-2, name);
    }
    // What C libraries that are loaded are kept in; none ever is.
    for name in [c"_LOADLIB", c"_CLIBS"] {
        s.raw_field(State::REGISTRY, name);
        let there = !s.is_nil(-1);
        s.pop(1);
        if there {
            s.push_nil();
            s.raw_set_field(State::REGISTRY, name);
        }
    }
    // Lua 5.1 has no `searchpath`.
    super::base::wrap_stock(s, c"searchpath", function(search::searchpath));
    s.raw_field(-1, if compat::V51 { c"loaders" } else { c"searchers" });
    s.copy(-2);
    s.push_closure(function(search), 1);
    s.raw_seti(-2, 2);
    for index in 3..=s.raw_len(-1) {
        s.push_nil();
        s.raw_seti(-2, index as i64);
    }
    if compat::V52 {
        s.copy(-1);
        s.raw_set_field(-3, c"loaders");
    }
    s.pop(2);
}

/// Bare: makes the table on top what `require(name)` gives. Leaves it there.
pub fn preset(s: State, name: &CStr) {
    s.push_loaded();
    s.copy(-2);
    s.raw_set_field(-2, name);
    s.pop(1);
}

/// Bare: makes the table on top the granted modules, and pops it. One that has the name of a library that is loaded takes its place.
pub fn grant(s: State) {
    s.push_loaded();
    s.push_nil();
    while s.next(-3) {
        s.pop(1);
        s.copy(-1);
        s.push_nil();
        s.raw_set(-4);
    }
    s.pop(1);
    s.registry_set(&MODULES);
}

/// Pushes the table of granted modules; false (and nothing pushed) where there are none.
fn push_granted(s: State) -> bool {
    s.registry_get(&MODULES);
    let some = s.kind(-1) == Kind::Table;
    if !some {
        s.pop(1);
    }
    some
}

/// The searcher: gives a loader and what the loader gets as its second argument, or a message.
fn search(s: State) -> c_int {
    s.check_bytes(1);
    s.set_top(1);
    s.push_cstr(c"");
    // name, message
    if push_granted(s) {
        s.copy(1);
        s.raw_get(-2);
        match s.kind(-1) {
            Kind::Nil => s.pop(2),
            Kind::String => return load_granted(s),
            _ => {
                s.push_closure(function(give), 1);
                s.push_cstr(c":modules:");
                return 2;
            }
        }
        s.push_cstr(search::LINE);
        s.push_cstr(c"no module '");
        s.copy(1);
        s.push_cstr(c"' among those granted");
        s.concat(4);
        s.replace(2);
    }
    s.get_field(State::upvalue(1), c"path");
    if !matches!(s.kind(-1), Kind::String | Kind::Number) {
        s.raise(c"'package.path' must be a string");
    }
    s.to_text(-1);
    // name, message, path
    if !search::find(s, s.c_str(1), 3, c".", c"/") {
        if compat::CLOSING && s.raw_len(2) > 0 {
            s.push_cstr(c"\n\t");
            s.insert(-2);
            s.concat(2);
        }
        // message, what was tried
        s.copy(2);
        s.insert(-2);
        s.concat(2);
        return 1;
    }
    let name = s.top();
    s.push_cstr(c"@");
    s.copy(name);
    s.concat(2);
    let good = file::source(s, name) && s.load_text(s.bytes(-1).unwrap_or_default(), s.c_str(name + 1));
    if !good {
        fail(s, name);
    }
    s.copy(name);
    2
}

/// The loader of a granted value: the same one each time.
fn give(s: State) -> c_int {
    s.copy(State::upvalue(1));
    1
}

/// Reads and compiles the file of the granted module whose name is at 1. It is known inside by that name alone.
fn load_granted(s: State) -> c_int {
    s.set_top(1);
    s.gsub(s.c_str(1), c".", c"/");
    s.push_cstr(c".lua");
    s.concat(2);
    s.push_cstr(c"@");
    s.copy(2);
    s.concat(2);
    // name, file, chunk name
    let level = Level::of(s);
    let height = level.height();
    let exchange = level.take(s);
    Encoder::new(s, level, exchange, Side::Out, Link::Owner).encode(1, 2, 1);
    let reply = level.cross(s, Request::Module, exchange);
    let good = match reply {
        Reply::Values => {
            decode(s, level, exchange, Side::Back, Link::Owner);
            level.lower(height);
            s.load_text(s.bytes(-1).unwrap_or_default(), s.c_str(3))
        }
        Reply::Error => {
            decode(s, level, exchange, Side::Back, Link::Owner);
            level.lower(height);
            false
        }
        Reply::NoMemory | Reply::Misuse(_) => s.no_memory(),
    };
    if !good {
        fail(s, 2);
    }
    s.copy(2);
    2
}

/// Raises the message on top: the module whose name is at 1 can't be loaded from the file whose name is at `file`.
fn fail(s: State, file: c_int) -> ! {
    if s.bytes(-1) == Some(compat::NO_MEMORY.as_bytes()) {
        s.error();
    }
    let said = s.top();
    s.push_cstr(c"error loading module '");
    s.copy(1);
    s.push_cstr(c"' from file '");
    s.copy(file);
    s.push_cstr(c"':\n\t");
    s.copy(said);
    s.concat(6);
    s.error()
}
