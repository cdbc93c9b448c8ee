//! Class `nats::object_store`: one bucket of objects.
//!
//! - `class`: its table, and the methods that only ask
//! - `transfers`: those that move bytes; `running`: how a script follows and ends them
//! - `pump`: channels, read and written in the event loop; `borrowed`: a channel for the time of a call

mod borrowed;
mod class;
mod pump;
mod running;
mod state;
mod transfers;

pub use class::create;
pub use state::ObjectStore;
