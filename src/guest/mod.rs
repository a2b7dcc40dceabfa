//! What code in a box sees: the stock libraries of its Lua, less what reaches outside, plus our own where the stock one would.
//!
//! | module | stands in for |
//! |---|---|
//! | [`base`] | `print`, `tostring`, `load` and its kin |
//! | [`coroutine`] | `resume`, `wrap`, `running`, `close`: they note which Lua thread runs |
//! | [`debug`] | `traceback`, and nothing else |
//! | [`io`], [`stream`], [`made`], [`number`] | the three streams, those given and those made inside |
//! | [`operate`] | (what boxes below and the owner do with its streams) |
//! | [`file`], [`disk`], [`pieces`] | files that the host has granted |
//! | [`math`] | random numbers |
//! | [`os`], [`date`] | clocks, dates, the environment, `exit` |
//! | [`package`], [`search`] | `require`, `package.searchpath` |
//! | [`string`] | `format` |
//! | [`steady`] | (what makes a state one whose like can be had in another process) |
//! | [`warn`] | `warn` |
//!
//! All of it is bare code.

pub mod base;
pub mod coroutine;
pub mod date;
pub mod debug;
mod disk;
pub mod file;
pub mod io;
mod made;
pub mod math;
#[cfg(test)]
mod names;
pub mod number;
pub mod operate;
pub mod os;
pub mod package;
mod pieces;
pub mod search;
pub mod steady;
pub mod stream;
pub mod string;
pub mod warn;

use crate::lua::State;

/// Bare: opens everything in a new box. `tidy` is called where there is garbage whose place can serve what comes next.
pub fn open(s: State, tidy: fn(State)) {
    s.open_pure_libraries();
    tidy(s);
    package::open(s);
    base::open(s);
    coroutine::open(s);
    string::open(s);
    math::open(s);
    tidy(s);
    debug::open(s);
    io::open(s);
    os::open(s);
    warn::open(s);
}

/// Bare: makes the table on top of the stack the library `name`: a global, and what `require` gives. Pops it.
fn publish(s: State, name: &std::ffi::CStr) {
    package::preset(s, name);
    s.push_globals();
    s.insert(-2);
    s.raw_set_field(-2, name);
    s.pop(1);
}
