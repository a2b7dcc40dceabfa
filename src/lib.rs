//! `require "sandbox"`: separate Lua states ("boxes") for code that nobody vouches for, each with a heap, a stack and a clock of its
//! own, which meet the world in one place, the gate.
//!
//! # The map
//!
//! ```text
//! host Lua state ──► handle (box:dofile …) ──► driver ──resume──► box's stack: stock Lua VM + stock pure libraries
//!                         ▲                      ▲                    │
//!                         │                      └────── Request ─────┘
//!                         └── the driver answers on the host's own stack, in the host's own state
//! ```
//!
//! | folder | lives there | may use |
//! |---|---|---|
//! | [`host`] | what the host's Lua calls: the module, the handle's methods, options, host streams | gate, engine, lua |
//! | [`gate`] | requests, parcels, the driver that runs boxes and answers what they ask | engine, lua |
//! | [`guest`] | what code in a box sees: base, io, os, math, coroutine, package | gate (to ask), lua |
//! | [`engine`] | heap (slots, arena, budgets), stack, clock (deadlines, watchdog, signals) | lua |
//! | [`lua`] | the fence around the C API | – |
//!
//! `unsafe` lives in `lua`, `engine`, `host::stream` and the few lines of the other folders that say why they need it.
//!
//! # The life of one `box:dofile(path, x)`
//!
//! 1. Lua calls `host::handle::dofile`, *bare* code (see [`lua`]): it checks its arguments, finds out which [`gate::level::Level`] it is
//!    on, and asks for the file's text ([`gate::request::Request::ReadFile`]).
//! 2. Text, name and `x` are written to a parcel ([`gate::encode`]) in an exchange that the level's desk lends
//!    ([`gate::exchange`]), and sent with `Request::Run`. On the host that calls [`gate::driver`] there and then; in a box the stack is
//!    suspended, and the same driver, further down on the host's stack, sees the request.
//! 3. The driver takes a C stack from the pool ([`engine::stack`]), puts a [`gate::run::Run`] on it, starts the stop watch
//!    ([`gate::meter`]), which arms the thread's deadlines ([`engine::clock`]), and goes over ([`engine::switch`]).
//! 4. On the box's stack [`gate::run::body`] takes a Lua thread for the call and runs the entry under `lua_pcall`: the parcel is decoded, the
//!    text compiled, the chunk called. All memory comes from the box's arena ([`engine::heap`]), charged to its chain of budgets.
//! 5. What the code asks of the world (`print`, `os.getenv`, a host function …) suspends the stack with a request. The driver answers
//!    it ([`gate::answer`]), or has it served by the level above ([`gate::serve`]), and resumes. A host function that may yield is
//!    called with the driver put away ([`gate::parked`], [`gate::waiting`]): nothing of ours is on the C stack meanwhile.
//! 6. If a deadline passes, the watchdog signals the thread. A soft stop sets a hook, which leaves the stack at the next instruction;
//!    12 ms later a hard stop leaves it where it stands. Nothing unwinds, so nothing of the box's runs. The driver looks at what
//!    is left ([`gate::autopsy`]) and raises the limit's message.
//! 7. Otherwise results or the error value come back as a parcel, the stack goes back to the pool, and the bare code of step 1 decodes
//!    and returns, or raises.
#![deny(unsafe_code)]

#[cfg(not(any(
    feature = "lua51",
    feature = "lua52",
    feature = "lua53",
    feature = "lua54",
    feature = "lua55",
    feature = "luajit"
)))]
compile_error!("name the Lua to build for: one of the features lua51, lua52, lua53, lua54, lua55, luajit");

#[cfg(any(
    all(
        feature = "lua51",
        any(feature = "lua52", feature = "lua53", feature = "lua54", feature = "lua55", feature = "luajit")
    ),
    all(feature = "lua52", any(feature = "lua53", feature = "lua54", feature = "lua55", feature = "luajit")),
    all(feature = "lua53", any(feature = "lua54", feature = "lua55", feature = "luajit")),
    all(feature = "lua54", any(feature = "lua55", feature = "luajit")),
    all(feature = "lua55", feature = "luajit"),
))]
compile_error!(
    "only one of the features lua51, lua52, lua53, lua54, lua55, luajit can be on: one build for each Lua"
);

mod engine;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod gate;
mod guest;
mod host;
mod lua;

use std::os::raw::c_int;

use mlua::ffi::lua_State;

/// The entry that a stock `require "sandbox"` calls.
///
/// # Safety
/// Called by Lua with the state that loads the library.
#[no_mangle]
#[allow(unsafe_code)]
pub unsafe extern "C-unwind" fn luaopen_sandbox(state: *mut lua_State) -> c_int {
    // SAFETY: Lua passes the running state.
    let state = unsafe {
        engine::code::learn(state);
        lua::State::new(state)
    };
    host::open_in_host(state);
    1
}
