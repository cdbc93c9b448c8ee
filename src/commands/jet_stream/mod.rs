//! Class `nats::jet_stream`: the object, and a file for each group of its methods.

mod acknowledge;
mod bucket_changes;
mod buckets;
mod class;
mod consumers;
mod fetch;
mod object_stores;
mod publish;
mod publish_many;
mod schedule;
mod shared;
mod stored;
mod streams;

pub use class::create;
pub use shared::{JetStream, Shared};
pub use streams::{REPUBLISH, SOURCE, STREAM, TRANSFORM};
