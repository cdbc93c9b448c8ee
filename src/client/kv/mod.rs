//! Key-value buckets: a stream whose subjects are keys ([ADR-8]).
//!
//! A bucket has no state on the client side but its name and the subjects it uses; every operation
//! is one or two JetStream requests. The exception is a watch, which is an ordered consumer that
//! reads messages as entries and knows when it has shown all there was.
//!
//! - `names`: what buckets, keys and patterns may be called
//! - `subjects`: where the entries of a bucket are read and written
//! - [`entry`]: a message as an entry
//! - [`options`]: the options of buckets
//! - `ttl`: how long an entry lives
//! - `features`: what a bucket can do that not all can
//! - [`bucket`]: the stream configurations of buckets, aggregates and mirrors
//! - `manage`: creating, binding, deleting, listing
//! - `update`: changing them, `configuration`: all of a stream's at once
//! - `origins`: what buckets collect from others, `collected`: what they have of it
//! - `statuses`: the states of all buckets
//! - `differences`: what a stream that exists has otherwise than one that was asked for
//! - `handle`: a bucket that exists
//! - `store`: reads and writes, each of them a `call`
//! - `expiry`: writes of entries that expire
//! - `counter`: values that the server counts, `count`: what their messages say
//! - `create`: creating a key while others delete it
//! - [`filters`], `pattern_tree`: several key patterns as what a consumer filters by
//! - `transact`: several keys all or none
//! - `rewrite`: replacing what is there while others write
//! - `repeatable`: writes that can be repeated when nobody knows whether they were stored
//! - [`writeback`]: an array whose changes are written
//! - [`watch`], `watch_options`, `watch_item`: entries as they happen, how, and what is told
//! - `reader`: messages as entries
//! - `operations`, [`states`], `transactions`, `resume`: which entries, how a watch stands, entries that belong
//!   together, watches that go on where others have ended
//! - `listing`: a watch that ends when the present is reached; `latest`: one that finds each key
//! - `collect`, `key_batches`: what listings are for: keys, their number, their history
//! - `housekeeping`: removing markers and earlier revisions
//! - [`codec`]: keys and values stored other than they are seen
//! - `get_many`: many keys as they were at one moment
//! - [`transfer`]: buckets to files and back, and to other buckets
//! - [`lease`]: keys that live only as long as their holder renews them
//!
//! async-nats' own `kv::Store` is not used: it falls short of the documented behaviour.
//!
//! [ADR-8]: https://github.com/nats-io/nats-architecture-and-design/blob/main/adr/ADR-8.md

pub mod bucket;
mod call;
pub mod codec;
mod collect;
mod collected;
mod configuration;
mod count;
mod counter;
mod create;
mod differences;
pub mod entry;
mod expiry;
mod features;
pub mod filters;
mod get_many;
mod handle;
mod housekeeping;
mod key_batches;
mod latest;
pub mod lease;
mod listing;
mod manage;
mod names;
mod operations;
pub mod options;
mod origins;
mod pattern_tree;
mod reader;
mod repeatable;
mod resume;
mod rewrite;
pub mod states;
mod statuses;
mod store;
mod subjects;
mod transact;
mod transactions;
pub mod transfer;
mod ttl;
mod update;
pub mod watch;
mod watch_item;
mod watch_options;
pub mod writeback;

pub use bucket::Origin;
pub use collect::KeyPart;
pub use count::{Count, Integer};
pub use entry::{Entry, Operation};
pub use filters::{Filters, KeySet};
pub use get_many::{ManyOptions, Moment, Snapshot};
pub use handle::Bucket;
pub use key_batches::KeyBatch;
pub use lease::LockOptions;
pub use manage::{bind, create, create_aggregate, create_mirror, delete, empty, list};
pub use names::{check_bucket, check_key, check_mirror, check_pattern, is_pattern};
pub use operations::Operations;
pub(crate) use options::fields;
pub use options::CreateOptions;
pub use origins::{add_origin, remove_origin};
pub use states::WatchState;
pub use statuses::statuses;
pub use store::WriteOptions;
pub use transact::{Action, Step};
pub use ttl::TimeToLive;
pub(crate) use update::keep_servers;
pub use update::{create_or_update, update, Changes};
pub use watch::Watch;
pub use watch_item::{WatchItem, WatchObserver};
pub use watch_options::WatchOptions;
