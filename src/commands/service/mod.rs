//! Classes `nats::service` and `nats::service_group`, and the discovery of services.

mod answers;
mod class;
mod discovery;
mod endpoints;
mod group;
mod handling;
mod requests;
mod running;
mod shared;
mod statistics;
mod stopping;

pub use class::{create, Service};
pub use discovery::discover;
pub use group::ServiceGroup;
pub use handling::serve;
