//! Two-way arrays: what a script changes of a watched array is written to the bucket.
//!
//! - `options`: those of `watch` that are about it
//! - `elements`: what the script has made of the array, as traces tell it
//! - `two_way`: what is done about it
//! - `judging`: conflicts that a command of the script decides, and what the script is told of its losses
//! - `flush`: waiting until all is written

mod elements;
mod flush;
mod judging;
mod options;
#[allow(clippy::module_inception)]
mod two_way;

pub use options::TwoWayOptions;
pub use two_way::{News, Parts, TwoWay};
