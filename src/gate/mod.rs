//! The gate: the one place where a box meets the world.
//!
//! | module | is |
//! |---|---|
//! | [`request`] | all that a level can ask of the one above it, and the answers |
//! | [`parcel`], [`encode`], [`decode`] | values as bytes |
//! | [`exchange`] | the buffers of one crossing, and the desk that lends them |
//! | [`link`] | functions that cross: exports, proxies, releases |
//! | [`level`] | which side of which wall a Lua state is on |
//! | [`limits`] | the table of limits, and reading what is asked for |
//! | [`allowance`] | the limits of a box in force, what was spent of each |
//! | [`core`] | what is known of a box outside its heap |
//! | [`counting`] | instructions: counted while they are limited |
//! | [`realm`] | all boxes of one host state |
//! | [`run`] | one call into a box, as its own stack sees it |
//! | [`driver`] | the flat loop that runs boxes and answers what they ask |

pub mod allowance;
pub mod answer;
pub mod autopsy;
pub mod core;
pub mod counting;
pub mod decode;
pub mod driver;
pub mod encode;
pub mod exchange;
pub mod files;
pub mod level;
pub mod limits;
pub mod link;
pub mod meter;
pub mod options;
pub mod parcel;
pub mod random;
pub mod realm;
pub mod request;
pub mod run;
pub mod serve;
