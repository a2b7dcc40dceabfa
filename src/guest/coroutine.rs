//! Coroutines: the stock library, but that each switch notes which Lua thread runs, since PUC Lua's hooks belong to one thread.

use std::os::raw::c_int;

use crate::gate::level::Level;
use crate::lua::{compat, function, Entry, Kind, State};

pub fn open(s: State) {
    s.push_globals();
    s.raw_field(-1, c"coroutine");
    s.set_functions(&[(c"running", function(running))]);
    if !compat::JIT {
        s.set_functions(SWITCHES);
    }
    if !compat::V51 {
        s.set_functions(&[(c"yield", function(yield_up))]);
    }
    if compat::CLOSING {
        s.set_functions(CLOSING);
    }
    s.pop(2);
}

fn check_thread(s: State, arg: c_int) -> State {
    match s.thread(arg) {
        Some(co) => co,
        None if compat::CLOSING => s.type_error(arg, c"thread"),
        None if compat::INTEGERS => s.arg_error(arg, c"thread expected"),
        None => s.arg_error(arg, c"coroutine expected"),
    }
}

const YIELDED: c_int = mlua::ffi::LUA_YIELD;

/// What a coroutine is doing, in stock words.
fn state_of(s: State, co: State) -> &'static std::ffi::CStr {
    if co == s {
        return c"running";
    }
    match co.status() {
        YIELDED => c"suspended",
        0 if co.has_calls() => c"normal",
        0 if co.top() == 0 => c"dead",
        0 => c"suspended",
        _ => c"dead",
    }
}

/// So many values fit on the stack of a C function, beyond its arguments, and of a coroutine that waits to be resumed: stock Lua sees to
/// `LUA_MINSTACK` (20).
const FEW: c_int = 16;

/// Resumes `co` with the `args` values on top: how many values are on top now, or `Err` with an error object there.
fn resume_with(s: State, co: State, args: c_int) -> Result<c_int, ()> {
    if args > FEW && !co.has_room(args) {
        s.push_cstr(c"too many arguments to resume");
        return Err(());
    }
    // The usual case first: telling the others takes as long as the switch.
    let waits = co != s && co.status() == YIELDED;
    if !waits && state_of(s, co) != c"suspended" {
        let state = state_of(s, co);
        // Lua 5.2 and 5.3 tell the dead by their empty stack.
        let empty = !compat::V51 && !compat::CLOSING && co.status() == 0 && co.top() == 0;
        s.push_cstr(match state.to_bytes() {
            _ if empty => c"cannot resume dead coroutine",
            b"dead" => c"cannot resume dead coroutine",
            b"normal" if !compat::V51 => c"cannot resume non-suspended coroutine",
            b"running" if !compat::V51 => c"cannot resume non-suspended coroutine",
            b"normal" => c"cannot resume normal coroutine",
            _ => c"cannot resume running coroutine",
        });
        return Err(());
    }
    if args > 0 {
        s.move_to(co, args);
    }
    let level = Level::of(s);
    level.note_thread(co);
    let result = s.resume(co, args);
    level.note_thread(s);
    match result {
        Ok((n, _)) => {
            if n >= FEW && !s.has_room(n + 1) {
                co.pop(n);
                s.push_cstr(c"too many results to resume");
                return Err(());
            }
            if n > 0 {
                co.move_to(s, n);
            }
            Ok(n)
        }
        Err(()) => {
            co.move_to(s, 1);
            Err(())
        }
    }
}

/// `coroutine.resume(co, ...)`
fn resume(s: State) -> c_int {
    let co = check_thread(s, 1);
    match resume_with(s, co, s.top() - 1) {
        Ok(n) => {
            s.push_bool(true);
            s.insert(-(n + 1));
            n + 1
        }
        Err(()) => {
            s.push_bool(false);
            s.insert(-2);
            2
        }
    }
}

/// `coroutine.wrap(f)`
fn wrap(s: State) -> c_int {
    if compat::V51 && (s.kind(1) != Kind::Function || s.is_c_function(1)) {
        s.arg_error(1, c"Lua function expected");
    }
    s.check_function(1);
    let co = s.new_thread();
    s.copy(1);
    s.move_to(co, 1);
    s.push_closure(function(call_wrapped), 1);
    1
}

fn call_wrapped(s: State) -> c_int {
    let Some(co) = s.thread(State::upvalue(1)) else { return 0 };
    match resume_with(s, co, s.top()) {
        Ok(n) => n,
        Err(()) => {
            if compat::CLOSING && co.status() > mlua::ffi::LUA_YIELD {
                // A coroutine that died of an error has its pending variables closed, and may die of another.
                let level = Level::of(s);
                level.note_thread(co);
                let closed = co.close_thread(s);
                level.note_thread(s);
                if !closed {
                    s.pop(1);
                    co.move_to(s, 1);
                }
            }
            let is_text = if compat::CLOSING {
                s.kind(-1) == Kind::String
            } else {
                matches!(s.kind(-1), Kind::String | Kind::Number)
            };
            if is_text {
                s.push_where(1);
                s.insert(-2);
                s.concat(2);
            }
            s.error()
        }
    }
}

/// `coroutine.yield(...)`: stock, but that the thread of a call is taken for the main one.
fn yield_up(s: State) -> c_int {
    // From Lua 5.3 on a thread knows whether it was resumed, which that of a call never was.
    if !(compat::INTEGERS && s.can_yield()) && Level::of(s).is_base(s) {
        s.push_cstr(c"attempt to yield from outside a coroutine");
        s.error();
    }
    s.yield_up(s.top())
}

/// `coroutine.running()`: the thread that a call from the host runs on is the box's main one.
fn running(s: State) -> c_int {
    let main = Level::of(s).is_base(s);
    if main && compat::V51 {
        s.push_nil();
        return 1;
    }
    s.push_thread();
    if compat::V51 {
        return 1;
    }
    s.push_bool(main);
    2
}

/// `coroutine.close(co)`
fn close(s: State) -> c_int {
    let co = check_thread(s, 1);
    let state = state_of(s, co);
    if state != c"dead" && state != c"suspended" {
        s.push_where(1);
        s.push_cstr(c"cannot close a ");
        s.push_cstr(state);
        s.push_cstr(c" coroutine");
        s.concat(4);
        s.error();
    }
    let level = Level::of(s);
    level.note_thread(co);
    let closed = co.close_thread(s);
    level.note_thread(s);
    s.push_bool(closed);
    if closed {
        return 1;
    }
    co.move_to(s, 1);
    2
}

const SWITCHES: &[Entry] = &[(c"resume", function(resume)), (c"wrap", function(wrap))];
const CLOSING: &[Entry] = &[(c"close", function(close))];
