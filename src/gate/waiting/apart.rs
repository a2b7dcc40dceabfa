//! Lua 5.1: its `pcall` can't be yielded across. The host function runs on a coroutine of its own, and Lua code passes on what that yields
//! to the coroutine that called the box.

use std::os::raw::c_int;

use super::wrap::push_own;
use super::{resumed, token};
use crate::lua::{function, Kind, State};

/// Where the token's table keeps the coroutine.
const COROUTINE: i64 = 3;

/// What has come of a call: see `direct.rs`.
pub enum Called {
    Over(bool),
    Return(c_int),
}

/// Moves the function and its `n` arguments to the coroutine. The token is at 1.
pub fn place(s: State, n: c_int) -> c_int {
    s.push_user_table(1);
    s.raw_geti(-1, COROUTINE);
    if s.thread(-1).is_none() {
        s.pop(1);
        s.new_thread();
        s.copy(-1);
        s.raw_seti(-3, COROUTINE);
    }
    let own = s.thread(-1);
    s.pop(2);
    if let Some(own) = own {
        own.set_top(0);
        if !own.has_room(n + 2) {
            s.raise(c"too many arguments (stack overflow)");
        }
        push_own(s, c"body");
        s.move_to(own, 1);
        s.move_to(own, n + 1);
    }
    0
}

/// The coroutine that belongs to the token at `at`.
fn own(s: State, at: c_int) -> Option<State> {
    s.push_user_table(at);
    if s.kind(-1) != Kind::Table {
        s.pop(1);
        return None;
    }
    s.raw_geti(-1, COROUTINE);
    let own = s.thread(-1);
    s.pop(2);
    own
}

/// Calls the function that [`place`] has put on the coroutine.
pub fn call(s: State, at: c_int) -> Called {
    match own(s, at) {
        Some(own) => run(s, own, at, own.top() - 1),
        None => Called::Over(false),
    }
}

/// Lets the coroutine run with the `n` values on its stack, until it ends or yields; what it gives comes to lie above the token.
fn run(s: State, own: State, at: c_int, n: c_int) -> Called {
    let (count, called) = match s.resume(own, n) {
        Ok((count, false)) => (count, Called::Over(true)),
        Ok((count, true)) => (count, Called::Return(s.top() - at + 1 + count)),
        Err(()) => {
            // It can't be used again.
            s.push_user_table(at);
            s.push_nil();
            s.raw_seti(-2, COROUTINE);
            s.pop(1);
            (1, Called::Over(false))
        }
    };
    if !s.has_room(count + 8) {
        own.pop(count);
        s.push_cstr(c"stack overflow (too many results)");
        return Called::Over(false);
    }
    own.move_to(s, count);
    called
}

/// Pushes what passes on a yield.
pub fn push_pass(s: State) -> bool {
    s.push_function(function(|s: State| s.yield_up(s.top())));
    true
}

/// What is called with the token and what the coroutine was resumed with.
pub fn step(s: State) -> c_int {
    let Some((..)) = token(s, 1) else { s.raise(c"the call does not wait for a host function") };
    let n = s.top() - 1;
    let called = match own(s, 1) {
        Some(own) if own.has_yielded() && own.has_room(n + 1) => {
            s.move_to(own, n);
            run(s, own, 1, n)
        }
        _ => {
            s.set_top(1);
            s.push_cstr(c"the host function's coroutine was resumed by someone else");
            Called::Over(false)
        }
    };
    match called {
        Called::Over(ok) => resumed(s, ok, 1),
        Called::Return(n) => n,
    }
}
