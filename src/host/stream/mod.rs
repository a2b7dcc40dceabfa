//! Streams of the host: `sandbox.newstream`, and what the driver does with a host's file handle.
//!
//! | module | is |
//! |---|---|
//! | [`newstream`] | the function itself: the handle is made closed, then opened |
//! | [`handle`] | the userdata of the stock `file` type; one file for PUC Lua, one for LuaJIT |
//! | [`cookie`] | what glibc calls for a stream's `FILE`: read, write, seek, close |
//! | [`callback`] | running a stream's functions, on the stream's own Lua thread |
//! | [`held`] | bytes that wait until Lua may run |
//! | [`moment`], [`jit`] | whether Lua may run right now, or what is written must be held until it may |
//! | [`lines`], [`write`] | the methods `lines` and `write` of such a handle |
//! | [`iterator`] | what `lines` gives; one file for PUC Lua, one for LuaJIT |
//! | [`life`] | what the streams of one Lua state share, and how they learn that the state is gone |
//! | [`stdio`], [`stdio_out`], [`numeral`] | reading and writing any `FILE`, with a bound on memory and no Lua |
//! | [`patience`], [`buffer`] | waiting for a descriptor no longer than a box may last; what a `FILE`'s buffer holds |
//! | [`scan`] | where a line ends |
//! | [`file_ref`] | finding the `FILE` of a handle, each time anew |
//!
//! # How one `f:write` runs
//! Stock `f:write` puts bytes into the `FILE`'s buffer. When that is full, glibc calls [`cookie`], which asks [`moment`] whether Lua may
//! run. If so, [`callback`] swaps the handle's `FILE` for one that answers "busy" to everything, and calls the writer on the stream's own
//! Lua thread under `lua_pcall`. If not (LuaJIT's compiled code calls `fwrite` itself; another thread says `fflush(NULL)`), the bytes
//! are held and go first at the next chance, at close at the latest.
//!
//! # Who keeps what alive
//! ```text
//! handle (userdata) ─► anchor (table) ─► Lua thread ─► reader, writer, cleaner, handle, running, and via call ─► guard (userdata) ─► anchor
//! FILE ─► cookie (heap)                      cookie ◄──► guard: each tells the other when it goes
//! ```
//! There are no registry references, so cycles through a stream's functions are collected. The handle's own `__gc` closes the `FILE` and
//! with it frees the cookie. The guard covers what stock handles don't: a host that takes the anchor away with `debug` functions, and
//! a handle that is collected inside its own callback. While a callback runs, `running` keeps its thread alive.
//!
//! # Safety
//! glibc's stdio and the C API of Lua meet here. Functions that call raising API hold `Copy` values only; all else runs under
//! `lua_pcall`, so that nothing leaves through a stdio frame. Cookies are reached by pointer, under their `FILE`'s lock. The library must be
//! linked `nodelete`: a `FILE` may outlive its Lua state, and `exit` still flushes it.
#![allow(unsafe_code)]

pub mod buffer;
mod callback;
mod cookie;
mod file_ref;
#[cfg_attr(feature = "luajit", path = "handle_luajit.rs")]
#[cfg_attr(not(feature = "luajit"), path = "handle_puc.rs")]
mod handle;
mod held;
#[cfg_attr(feature = "luajit", path = "lines_luajit.rs")]
#[cfg_attr(not(feature = "luajit"), path = "lines_puc.rs")]
mod iterator;
#[cfg_attr(not(feature = "luajit"), path = "no_jit.rs")]
mod jit;
mod life;
mod lines;
mod moment;
mod newstream;
mod numeral;
pub mod patience;
mod scan;
pub mod stdio;
pub mod stdio_out;
#[cfg(test)]
mod tests;
mod write;

#[cfg(test)]
use file_ref::file_of;
pub use file_ref::{Closed, FileRef};
pub use newstream::push_newstream;
