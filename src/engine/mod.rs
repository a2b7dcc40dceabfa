//! The engine room: a box's heap, stack and clock. It knows nothing of what crosses the wall.
//!
//! | module | is |
//! |---|---|
//! | [`heap`] | slots of address space, the arena inside one, the chain of budgets |
//! | [`stack`] | C stacks with guards, pooled and found by address |
//! | [`seat`], [`zone`] | what the signal handler and the allocator know of a run |
//! | [`switch`] | going from the driver to a box's stack and back, or leaving it behind |
//! | [`clock`] | deadlines, the watchdog thread that reads them, the signals that stop a run |
//! | [`count`] | VM instructions, counted by a hook |
//! | [`luajit`] | what LuaJIT keeps where its API doesn't reach |
//! | [`locale`] | the C locale, while a box runs |
//! | [`spare`] | whether the process has memory left |
//! | [`code`] | which addresses of what is loaded a heap holds |
//! | [`objects`] | the program and its libraries: where they lie, which builds they are |
//! | [`process`] | what is set up once: signal handlers, fork handlers |

pub mod clock;
pub mod code;
pub mod count;
pub mod heap;
pub mod locale;
#[cfg_attr(not(feature = "luajit"), path = "no_luajit.rs")]
pub mod luajit;
pub mod objects;
pub mod process;
pub mod seat;
pub mod spare;
pub mod stack;
pub mod switch;
pub mod zone;

pub use switch::{Cause, Event, Finish, Message};
