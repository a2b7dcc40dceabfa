//! The base library: text chunks only, output through the gate, no addresses.

use std::ffi::CStr;
use std::hash::Hasher;
use std::os::raw::c_int;

use super::{file, io};
use crate::gate::level::Level;
use crate::gate::request::{Format, Stream};
use crate::lua::{compat, function, Entry, Kind, State};

pub fn open(s: State) {
    s.push_globals();
    wrap_stock(s, c"load", function(load));
    // Lua 5.2 still has this one, too.
    wrap_stock(s, c"loadstring", function(load));
    s.set_functions(FUNCTIONS);
    s.pop(1);
}

/// Replaces the function in the table on top by ours, with the stock one as its upvalue.
pub fn wrap_stock(s: State, name: &CStr, ours: mlua::ffi::lua_CFunction) {
    s.raw_field(-1, name);
    if s.is_nil(-1) {
        s.pop(1);
        return;
    }
    s.push_closure(ours, 1);
    s.raw_set_field(-2, name);
}

/// Calls the stock function behind ours with the `n` arguments on top, and raises what it raises as if it were ours: stock code that C
/// calls knows neither its own name nor the position of its caller.
pub fn call_stock(s: State, n: c_int, results: c_int) {
    s.copy(State::upvalue(1));
    s.insert(-(n + 1));
    if s.pcall(n, results, 0) {
        return;
    }
    match s.bytes(-1) {
        Some(text) if text != compat::NO_MEMORY.as_bytes() => {
            if let Some((arg, said)) = misuse(text) {
                s.push_bytes(said);
                s.arg_error_top(arg);
            }
            s.push_where(1);
            s.insert(-2);
            s.concat(2);
        }
        _ => {}
    }
    s.error()
}

/// The argument that a message blames, and what it says of it.
fn misuse(text: &[u8]) -> Option<(c_int, &[u8])> {
    let rest = text.strip_prefix(b"bad argument #")?;
    let digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
    let (number, rest) = rest.split_at_checked(digits)?;
    let said = rest.strip_prefix(b" to '?' (")?.strip_suffix(b")")?;
    Some((std::str::from_utf8(number).ok()?.parse().ok()?, said))
}

/// An identity for the object at `index`: a keyed hash (SipHash) of its address, which tells nothing of memory.
fn identity(s: State, index: c_int) -> u64 {
    let core = Level::of(s).core();
    let secret = core.map_or(0, |core| core.secret);
    // Counted from where the heap, or the code, begins: so it is the same where that lies elsewhere.
    let address = s.pointer(index);
    let base = core.and_then(|core| Some(core.heap.try_borrow().ok()?.as_ref()?.start_around(address)));
    let mut hasher = std::collections::hash_map::DefaultHasher::new();
    hasher.write_u64(secret);
    hasher.write_u64(address.wrapping_sub(base.unwrap_or(0)) as u64);
    hasher.finish() & 0xffff_ffff_ffff
}

/// Pushes `0x` and the identity of the object at `index`.
pub fn push_identity(s: State, index: c_int) {
    let mut text = *b"0x000000000000";
    let mut n = identity(s, index);
    for place in text.iter_mut().rev().take(12) {
        let digit = (n & 15) as u8;
        *place = if digit < 10 { b'0' + digit } else { b'a' + digit - 10 };
        n >>= 4;
    }
    s.push_bytes(&text);
}

/// Pushes what `tostring` shows of the value at `index`.
pub fn push_string(s: State, index: c_int) {
    let index = s.absolute(index);
    if s.metafield(index, c"__tostring") {
        s.copy(index);
        s.call(1, 1);
        if compat::INTEGERS && !matches!(s.kind(-1), Kind::String | Kind::Number) {
            s.raise(c"'__tostring' must return a string");
        }
        if !compat::V51 && s.kind(-1) == Kind::Number {
            s.to_text(-1);
        }
        return;
    }
    match s.kind(index) {
        Kind::Nil | Kind::None => s.push_cstr(c"nil"),
        Kind::Boolean if s.truth(index) => s.push_cstr(c"true"),
        Kind::Boolean => s.push_cstr(c"false"),
        Kind::Number => {
            s.copy(index);
            s.to_text(-1);
        }
        Kind::String => s.copy(index),
        Kind::Other => {
            // LuaJIT's 64-bit numbers and complex ones: their text holds no address.
            s.push_type_name(index);
        }
        _ => {
            let named = compat::INTEGERS && s.metafield(index, c"__name");
            if named && s.kind(-1) != Kind::String {
                s.pop(1);
                s.push_type_name(index);
            } else if !named {
                s.push_type_name(index);
            }
            s.push_cstr(c": ");
            push_identity(s, index);
            s.concat(3);
        }
    }
}

/// `tostring(v)`
fn tostring(s: State) -> c_int {
    s.check_any(1);
    push_string(s, 1);
    1
}

/// `print(...)`: everything in one write.
fn print(s: State) -> c_int {
    let n = s.top();
    s.check_stack(6, c"print");
    if n == 0 {
        s.push_cstr(c"\n");
        io::write_standard(s, Stream::Out);
        return 0;
    }
    for i in 1..=n {
        if compat::CLOSING {
            push_string(s, i);
        } else {
            // Up to Lua 5.3 `print` calls the global of that name.
            s.push_globals();
            s.get_field(-1, c"tostring");
            s.remove(-2);
            s.copy(i);
            s.call(1, 1);
        }
        if !matches!(s.kind(-1), Kind::String | Kind::Number) {
            s.raise(c"'tostring' must return a string to 'print'");
        }
        s.push_cstr(if i < n { c"\t" } else { c"\n" });
        s.concat(2);
        s.replace(i);
    }
    s.concat(n);
    io::write_standard(s, Stream::Out);
    0
}

/// `load`, and `loadstring` of Lua 5.1: stock, but for text only, whatever mode is asked for.
fn load(s: State) -> c_int {
    // A string that is text may name any mode: the stock function refuses what doesn't fit, in its own words.
    let text = s.bytes(1).is_some_and(|code| code.first() != Some(&0x1b));
    if compat::V51 && !compat::JIT {
        refuse_binary(s);
    } else if s.top() > 0 && !text {
        if s.top() < 3 {
            s.set_top(3);
        }
        let wants_text = match s.bytes(3) {
            Some(mode) => mode.contains(&b't'),
            None => s.is_none_or_nil(3),
        };
        // No chunk passes the mode "-", whose name the stock message then shows.
        s.push_cstr(if wants_text { c"t" } else { c"-" });
        s.replace(3);
    }
    // What a reader function will give can't be looked at before.
    if compat::JIT && !s.prepare_text(s.bytes(1)) {
        s.push_nil();
        s.insert(-2);
        return 2;
    }
    call_stock(s, s.top(), State::ALL);
    if s.bytes(-1) == Some(b"reader function must return a string") {
        s.push_where(1);
        s.insert(-2);
        s.concat(2);
    }
    s.top()
}

/// Lua 5.1 has no mode: a string is looked at, a reader function watched.
fn refuse_binary(s: State) {
    match s.kind(1) {
        Kind::String if s.bytes(1).is_some_and(|code| code.first() == Some(&0x1b)) => {
            s.push_function(function(binary));
            s.replace(1);
            // `loadstring` would not take a function; what it says of one is beside the point.
            s.push_globals();
            s.raw_field(-1, c"load");
            s.remove(-2);
            s.push_upvalue_of(-1, 1);
            s.replace(State::upvalue(1));
            s.pop(1);
        }
        Kind::Function => {
            s.copy(1);
            s.push_bool(false);
            s.push_closure(function(watch), 2);
            s.replace(1);
        }
        _ => {}
    }
}

const BINARY: &CStr = c"attempt to load a binary chunk (mode is 't')";

fn binary(s: State) -> c_int {
    s.push_cstr(BINARY);
    s.error()
}

/// Reader between `load` and the reader function of the box.
fn watch(s: State) -> c_int {
    s.copy(State::upvalue(1));
    s.call(0, 1);
    if !s.truth(State::upvalue(2)) {
        if let Some(piece) = s.bytes(-1) {
            if piece.first() == Some(&0x1b) {
                s.push_cstr(BINARY);
                s.error();
            }
            if !piece.is_empty() {
                s.push_bool(true);
                s.replace(State::upvalue(2));
            }
        }
    }
    1
}

/// Loads the chunk in the file at argument 1, one that the host has granted, or in the box's standard input.
fn load_file(s: State) -> bool {
    if s.is_none_or_nil(1) {
        io::read_standard(s, Format::All);
        let bytes = s.bytes(-1).unwrap_or_default();
        return s.load_text(bytes, c"=stdin");
    }
    s.check_bytes(1);
    s.push_cstr(c"@");
    s.copy(1);
    s.concat(2);
    let name = s.top();
    if !file::source(s, 1) {
        return false;
    }
    let bytes = s.bytes(-1).unwrap_or_default();
    s.load_text(bytes, s.c_str(name))
}

/// Whether the mode at argument 2 lets text pass; pushes a message if not. Lua 5.1 has no mode.
fn takes_text(s: State) -> bool {
    if compat::V51 && !compat::JIT {
        return true;
    }
    match s.opt_bytes(2) {
        Some(mode) if !mode.contains(&b't') => {
            s.push_cstr(c"attempt to load a text chunk (mode is '");
            s.copy(2);
            s.push_cstr(c"')");
            if compat::JIT {
                s.push_cstr(c"attempt to load chunk with wrong mode");
            } else {
                s.concat(3);
            }
            false
        }
        _ => true,
    }
}

/// `loadfile([name [, mode [, env]]])`
fn loadfile(s: State) -> c_int {
    let env = !compat::V51 && s.kind(3) != Kind::None;
    s.set_top(3);
    if takes_text(s) && load_file(s) {
        if env {
            s.copy(3);
            s.set_upvalue(-2, 1);
        }
        return 1;
    }
    s.push_nil();
    s.insert(-2);
    2
}

/// `dofile([name])`
fn dofile(s: State) -> c_int {
    s.set_top(1);
    if !load_file(s) {
        s.error();
    }
    s.replace(1);
    s.set_top(1);
    s.call(0, State::ALL);
    s.top()
}

const FUNCTIONS: &[Entry] = &[
    (c"dofile", function(dofile)),
    (c"loadfile", function(loadfile)),
    (c"print", function(print)),
    (c"tostring", function(tostring)),
];
