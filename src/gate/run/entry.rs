//! What a call's thread runs under the handler: what the host has asked for, and the errors that come of it.

use std::os::raw::c_int;

use crate::gate::decode::decode;
use crate::gate::encode::{Encoder, Side};
use crate::gate::level::Level;
use crate::gate::link::Link;
use crate::gate::request::Entry;
use crate::gate::{answer, autopsy};
use crate::guest;
use crate::lua::{compat, State};

use super::{protect_collect, Run};

/// What a call's thread runs under the handler.
pub(super) fn entry(s: State) -> c_int {
    let level = Level::of(s);
    let Some(run) = level.run() else { return 0 };
    Link::Owner.settle_held(s, level);
    Link::Owner.settle_releases(s, level);
    s.set_top(0);
    if level.guarded(|| run.core.unseeded.replace(false)) {
        guest::math::seed_copy(s);
    }
    make_room(s, level, run);
    let n = decode(s, level, run.exchange.get(), Side::Out, Link::Owner);
    // What was sent lies in the box's heap now: it need not be paid for twice.
    level.with_exchange(run.exchange.get(), |e| e.out.reset());
    let results = match run.entry {
        Entry::Code => {
            compile(s);
            s.replace(1);
            s.remove(2);
            s.call(n - 2, State::ALL);
            s.top()
        }
        Entry::Load => {
            let bytes = s.bytes(1).unwrap_or_default();
            if s.load_text(bytes, s.c_str(2)) {
                s.replace(1);
                s.set_top(1);
            } else {
                s.push_nil();
                s.replace(1);
                s.replace(2);
            }
            s.top()
        }
        Entry::Get => {
            s.push_globals();
            s.insert(1);
            s.raw_get(1);
            s.remove(1);
            s.set_top(1);
            1
        }
        Entry::Set => {
            s.set_top(2);
            s.push_globals();
            s.insert(1);
            s.raw_set(1);
            s.set_top(0);
            0
        }
        Entry::Function(number) => {
            if !Link::Owner.push_export(s, number) {
                s.raise(c"the function is gone");
            }
            s.insert(1);
            s.call(n, State::ALL);
            s.top()
        }
        Entry::Stream { number, op } => {
            if !Link::Owner.push_export(s, number) {
                s.raise(c"the stream is gone");
            }
            s.insert(1);
            guest::operate::perform(s, 1, op)
        }
        Entry::OpenLibrary => {
            crate::host::open_in_box(s);
            s.set_top(0);
            0
        }
        Entry::Modules => {
            s.set_top(1);
            guest::package::grant(s);
            0
        }
        Entry::Steady => {
            s.set_top(0);
            guest::steady::settle(s);
            s.set_top(0);
            0
        }
        Entry::Autopsy => {
            autopsy::examine(s, level, run);
            s.set_top(0);
            0
        }
        Entry::Open | Entry::Check | Entry::Rehash | Entry::Short => 0,
        #[cfg(test)]
        Entry::Shut => 0,
    };
    Encoder::new(s, level, run.exchange.get(), Side::Back, Link::Owner).named(c"result").encode(
        s.top() - results + 1,
        results,
        1,
    );
    0
}

/// Makes the box pay for what the host has sent. What fills a box may be garbage that no allocation of Lua's own has made it
/// collect (Lua 5.1 and LuaJIT never collect because memory runs out): then it does so first.
fn make_room(s: State, level: Level, run: &Run) {
    let core = &run.core;
    let pays = || level.guarded(|| answer::charge_exchange(run.exchange.get(), core));
    let filling = compat::V51 && core.is_filling();
    if !filling && pays() {
        return;
    }
    // LuaJIT gives its buffers back by halves.
    for _ in 0..8 {
        let before = core.budget.used();
        // In Lua 5.1, what a finalizer raises comes out there; it is no matter of this call's.
        protect_collect(s);
        core.collected.set(core.budget.used());
        if pays() {
            return;
        }
        if core.budget.used() >= before {
            break;
        }
    }
    s.no_memory()
}

fn compile(s: State) {
    let bytes = s.bytes(1).unwrap_or_default();
    if !s.load_text(bytes, s.c_str(2)) {
        s.error();
    }
}

/// Sends the error object.
pub(super) fn send_error(s: State) -> c_int {
    let level = Level::of(s);
    if let Some(run) = level.run() {
        Encoder::new(s, level, run.exchange.get(), Side::Back, Link::Owner)
            .named(c"error value")
            .encode(1, 1, 0);
    }
    0
}
