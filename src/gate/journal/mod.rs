//! Journals: `box:record` writes down all that crosses the gate of a box, `sandbox.replay` runs a box again by what was written.
//!
//! | module | is |
//! |---|---|
//! | [`frame`] | what keeps a journal readable where it was cut, and numbers as bytes |
//! | [`event`], [`crossing`], [`asked`] | what is written down of a crossing: its values, what a run has asked |
//! | [`state`], [`header`] | a box at rest as bytes, and what a journal begins with |
//! | [`tape`] | what a box knows of its recording or replay: the hooks of the driver end here |
//! | [`record`] | beginning, delivering, ending a recording |
//! | [`opened`], [`replay`], [`under`] | running a box by a journal; the calls under way meanwhile |
//!
//! `docs/journal.md` tells the format, and what makes a run repeat.

pub mod asked;
mod crossing;
pub mod event;
pub mod frame;
pub mod header;
pub mod opened;
pub mod record;
pub mod replay;
pub mod state;
pub mod tape;
#[cfg(test)]
mod tests;
pub mod under;

pub use tape::Tape;
