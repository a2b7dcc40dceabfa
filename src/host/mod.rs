//! What the host's Lua calls: the module, the handle's methods, host streams.
//!
//! | module | is |
//! |---|---|
//! | [`module`] | `sandbox.new`, `run`, `newstream` |
//! | [`handle`] | the box's handle and its methods |
//! | [`copies`] | marks, clones |
//! | [`driver_io`] | the host's file handles, for the driver |
//! | [`grants`] | the option `files` |
//! | [`images`] | `box:save`, `sandbox.restore` |
//! | [`journal`] | `box:record`, `sandbox.replay` |
//! | [`modules`] | the option `modules` |
//! | [`options`] | the table of options, made ready to be sent |
//! | [`stream`] | stock file handles over functions, and stdio for the driver |
//! | [`stack_room`] | how much of the host's C stack is left |

mod copies;
pub mod driver_io;
pub mod grants;
pub mod handle;
mod images;
pub mod journal;
pub mod module;
pub mod modules;
pub mod options;
pub mod stack_room;
pub mod stream;

pub use module::{open_in_box, open_in_host};
pub use stack_room::room_on_stack;
