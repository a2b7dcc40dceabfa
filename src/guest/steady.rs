//! A state whose like can be had in another process, where the interpreter lies elsewhere: for boxes that are to be recorded.
//!
//! From Lua 5.2 on a C function without upvalues is a bare address of code, which a table hashes and `tostring` shows. So each one that code
//! can get at is put into a closure, an object of the heap; and so is what `pairs`, `ipairs` and `utf8.codes` give. (Lua 5.1 and LuaJIT have
//! no others.) The registry keeps nothing under an address of code or data either: where its other keys lie would hang on that.

use std::os::raw::c_int;

use super::base::call_stock;
use crate::engine::objects::holder;
use crate::lua::{compat, function, Kind, State};

/// Bare: does so in a state that has run nothing yet, and collects what it was made of.
pub fn settle(s: State) {
    if !compat::V51 {
        // 1: address -> closure; 2: table -> true.
        s.new_table();
        s.new_table();
        s.push_registry();
        walk(s);
        // Lua 5.4 has arithmetic there.
        s.push_cstr(c"");
        if s.metatable(-1) {
            walk(s);
        }
        s.pop(1);
        forget_addresses(s);
        s.push_globals();
        let globals = s.top();
        s.raw_field(globals, c"next");
        s.raw_field(globals, c"pairs");
        s.push_closure(function(pairs), 2);
        s.raw_set_field(globals, c"pairs");
        s.raw_field(globals, c"ipairs");
        s.copy(-1);
        s.new_table();
        s.call(1, 1);
        close_over(s);
        s.insert(-2);
        s.push_closure(function(ipairs), 2);
        s.raw_set_field(globals, c"ipairs");
        s.raw_field(globals, c"utf8");
        if s.kind(-1) == Kind::Table {
            settle_codes(s);
        }
    }
    s.set_top(0);
    s.collect();
    s.collect();
}

/// Goes through the table on top and all below it; pops it.
fn walk(s: State) {
    s.check_stack(12, c"libraries");
    let table = s.top();
    s.copy(table);
    s.raw_get(2);
    let known = !s.is_nil(-1);
    s.pop(1);
    if known {
        s.set_top(table - 1);
        return;
    }
    s.copy(table);
    s.push_bool(true);
    s.raw_set(2);
    if s.metatable(table) {
        walk(s);
    }
    s.push_nil();
    while s.next(table) {
        match s.kind(-1) {
            Kind::Table => walk(s),
            Kind::Userdata if s.metatable(-1) => {
                walk(s);
                s.pop(1);
            }
            Kind::Function if close_over(s) => {
                s.copy(-2);
                s.insert(-2);
                s.raw_set(table);
            }
            _ => s.pop(1),
        }
    }
    s.set_top(table - 1);
}

/// Puts a closure in place of the C function without upvalues on top; false where it is none.
fn close_over(s: State) -> bool {
    if !s.is_c_function(-1) {
        return false;
    }
    if s.push_upvalue_of(-1, 1) {
        s.pop(1);
        return false;
    }
    s.copy(-1);
    s.raw_get(1);
    if !s.is_nil(-1) {
        s.replace(-2);
        return true;
    }
    s.pop(1);
    // The function, as the key of its closure.
    s.copy(-1);
    let Some(f) = s.c_function(-1) else { return false };
    s.push_nil();
    s.push_closure(f, 1);
    s.copy(-1);
    s.insert(-3);
    s.raw_set(1);
    s.replace(-2);
    true
}

/// Takes out of the registry what stands under the address of something loaded. Lua 5.3 has one such table, of the C libraries that it has
/// opened: a box opens none.
fn forget_addresses(s: State) {
    s.push_registry();
    let registry = s.top();
    s.push_nil();
    while s.next(registry) {
        s.pop(1);
        if s.kind(-1) == Kind::LightUserdata && holder(s.userdata(-1) as u64).is_some() {
            s.copy(-1);
            s.push_nil();
            s.raw_set(registry);
        }
    }
    s.pop(1);
}

/// Replaces `codes` in the library on top.
fn settle_codes(s: State) {
    let library = s.top();
    s.raw_field(library, c"codes");
    // What it gives, by its second argument.
    for lax in [false, true] {
        s.copy(library + 1);
        s.push_cstr(c"");
        s.push_bool(lax);
        s.call(2, 1);
        close_over(s);
    }
    s.push_closure(function(codes), 3);
    s.raw_set_field(library, c"codes");
}

/// `utf8.codes(s [, lax])`: upvalues are the stock one, and the two iterators that it gives.
fn codes(s: State) -> c_int {
    let lax = s.truth(2);
    call_stock(s, s.top(), 3);
    s.copy(State::upvalue(if lax { 3 } else { 2 }));
    s.replace(-4);
    3
}

/// `pairs(t)`: upvalues are `next`, and the stock one for what has a metamethod.
fn pairs(s: State) -> c_int {
    if has_field(s, c"__pairs") {
        return stock(s);
    }
    if compat::V52 {
        s.check_table(1);
    }
    s.check_any(1);
    s.copy(State::upvalue(1));
    s.copy(1);
    s.push_nil();
    3
}

/// `ipairs(t)`: likewise; the iterator begins at 0.
fn ipairs(s: State) -> c_int {
    if compat::V52 {
        if has_field(s, c"__ipairs") {
            return stock(s);
        }
        s.check_table(1);
    }
    s.check_any(1);
    s.copy(State::upvalue(1));
    s.copy(1);
    s.push_integer(0);
    3
}

fn has_field(s: State, name: &'static std::ffi::CStr) -> bool {
    let has = s.metafield(1, name);
    if has {
        s.pop(1);
    }
    has
}

fn stock(s: State) -> c_int {
    s.copy(State::upvalue(2));
    s.insert(1);
    s.call(s.top() - 1, 3);
    3
}
