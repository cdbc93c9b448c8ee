//! Writes back what a script changes of the keys that a watch shows it.
//!
//! The owner shows the entries of a watch, and tells a [`Writeback`] what was shown and what was changed. That says what
//! is to be done next ([`Task`]): it knows for each key which revision the script has seen, has one write in flight at
//! most and one change waiting, the newest, and finds out about conflicts. It does nothing by itself, knows no clock and
//! no network, and needs as much memory as there are keys.
//!
//! - `change`: what a key is to be
//! - `key`: how a key stands
//! - `queue`: what is to be sent, and when
//! - `machine`: the rules
//! - `conflict`: what comes of a conflict
//! - `write`: a write on the network
//! - `writable`: what can be written at all

mod change;
mod conflict;
mod key;
mod machine;
#[cfg(test)]
mod model;
mod queue;
#[cfg(test)]
mod tests;
mod writable;
mod write;

pub use change::{Change, Operation};
pub use machine::{Policy, Rules, Task, Writeback};
pub use write::{Outcome, Write, Writer};
