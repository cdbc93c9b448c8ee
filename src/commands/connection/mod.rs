//! Class `nats::connection`: the object, and a file for each of its concerns.

mod backlog;
mod class;
mod config;
mod core;
mod deliveries;
mod flood;
mod identity;
mod log;
mod opening;
mod replies;
mod requests;
mod sentinel;
mod signals;

pub use self::core::{Connection, Core};
pub use backlog::{Admitted, Backlog};
pub use deliveries::{Answer, Answers, Owner, Request};
pub use opening::{open, options_of_connect};
