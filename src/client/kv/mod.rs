//! Key-value buckets: a stream whose subjects are keys ([ADR-8]).
//!
//! A bucket has no state on the client side but its name and the subjects it uses; every operation
//! is one or two JetStream requests. The exception is a watch, which is an ordered consumer that
//! reads messages as entries and knows when it has shown all there was.
//!
//! - `names`: what buckets, keys and patterns may be called
//! - `subjects`: where the entries of a bucket are read and written
//! - [`entry`]: a message as an entry
//! - [`bucket`]: the stream configurations of buckets, aggregates and mirrors
//! - `manage`: creating, binding, deleting, listing
//! - `store`: reads and writes
//! - [`watch`], `end_of_data`: entries as they happen, and the moment when the present is reached
//! - `collect`: listings, made of a watch that ends there
//!
//! async-nats' own `kv::Store` is not used: kv.md §12 lists where it falls short of the documented
//! behaviour.
//!
//! [ADR-8]: https://github.com/nats-io/nats-architecture-and-design/blob/main/adr/ADR-8.md

pub mod bucket;
mod collect;
mod end_of_data;
pub mod entry;
mod manage;
mod names;
mod store;
mod subjects;
pub mod watch;

pub use bucket::{CreateOptions, Origin};
pub use collect::KeyPart;
pub use entry::{Entry, Operation};
pub use manage::{bind, create, create_aggregate, create_mirror, delete, empty, list};
pub use names::{check_bucket, check_key, check_mirror, check_pattern};
pub use store::Bucket;
pub use watch::{Watch, WatchItem, WatchObserver, WatchOptions};
