//! The gate: the one place where a box meets the world.
//!
//! | module | is |
//! |---|---|
//! | [`request`] | all that a level can ask of the one above it, and the answers |
//! | [`parcel`], [`encode`], [`decode`], [`path`] | values as bytes; where one sits that can't be |
//! | [`exchange`], [`pen`], [`memo`] | the buffers of one crossing, and the desk that lends them |
//! | [`link`], [`proxy`] | functions that cross: exports, proxies, releases |
//! | [`streams`] | file handles that cross |
//! | [`ledger`], [`transit`] | what of that lies outside both heaps; what is on its way |
//! | [`level`] | which side of which wall a Lua state is on |
//! | [`grants`], [`opened`] | what a box sees of the file system, and the files that it has open |
//! | [`files`] | chunks read from files |
//! | [`limits`] | the table of limits, and reading what is asked for |
//! | [`allowance`] | the limits of a box in force, what was spent of each |
//! | [`core`] | what is known of a box outside its heap |
//! | [`copies`] | boxes at rest: marks to go back to, clones |
//! | [`counting`] | instructions: counted while they are limited |
//! | [`realm`], [`places`] | all boxes of one host state, and numbers for them |
//! | [`threads`] | the Lua threads that calls into a box run on |
//! | [`parked`], [`waiting`] | calls of the host's that wait while a host function runs, and the Lua side of them |
//! | [`wall`] | real time of the calls into one box |
//! | [`making`], [`spare`] | how a box is made; what is left of others for it |
//! | [`image`] | what most boxes are copies of when they are new |
//! | [`workers`] | stacks that wait for the next call |
//! | [`scalars`], [`short`], [`serve::direct`] | calls with scalars alone, on a shorter road |
//! | [`opening`] | the first turn of a box |
//! | [`journal`] | what crosses, written down, and boxes that run again by it |
//! | [`run`] | one call into a box, as its own stack sees it |
//! | [`autopsy`], [`trace`] | what is told of a box that was stopped, and of an error that went through several sides |
//! | [`near`] | what of a host's file crosses without the driver |
//! | [`driver`] | the flat loop that runs boxes and answers what they ask |

pub mod allowance;
pub mod answer;
pub mod autopsy;
pub mod copies;
pub mod core;
pub mod counting;
pub mod decode;
pub mod driver;
pub mod encode;
pub mod exchange;
pub mod files;
pub mod grants;
pub mod image;
pub mod journal;
pub mod ledger;
pub mod level;
pub mod limits;
pub mod link;
mod making;
mod memo;
pub mod meter;
pub mod near;
pub mod opened;
mod opening;
pub mod options;
pub mod parcel;
pub mod parked;
mod path;
mod pen;
mod places;
pub mod proxy;
pub mod random;
pub mod realm;
pub mod request;
pub mod run;
pub mod scalars;
pub mod serve;
mod short;
mod spare;
pub mod streams;
pub mod threads;
pub mod trace;
mod transit;
pub mod waiting;
pub mod wall;
pub mod workers;
