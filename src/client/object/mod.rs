//! Object stores: buckets of things of any size, in chunks ([ADR-20]).
//!
//! A bucket is a stream with two sorts of subjects. The bytes of an object are messages of one subject, named by a *nuid*
//! that is new with every put; what it is called, how long it is and which nuid it has is its *meta*, one message of a
//! subject made of its name. So an object is there from the moment when its meta is stored, and whoever dies before
//! leaves chunks that nobody knows, never a wrong object.
//!
//! - `names`: what buckets and objects may be called, and their subjects
//! - `digest`: the checksum of all bytes
//! - [`meta`]: what is stored of an object
//! - `configuration`: the stream of a bucket; `manage`: creating, binding, changing, sealing, listing buckets
//! - `handle`: a bucket that exists; `call`: requests of one of its methods: metas read and written
//! - [`transfer`]: where bytes come from and go to, and how far a call is; `files`: files of the system
//! - `lot`: bytes that another thread gets together
//! - `upload`: chunks on their way, over broken links; `put`: storing an object
//! - `download`: chunks of one object as they come; `get`: reading it, whatever happens to it meanwhile
//! - `change`: deleting, changing, renaming; `links`
//! - [`watch`]: metas as they are stored; `list`: all of them
//! - `sweep`: chunks that nobody knows
//!
//! async-nats' own object store is not used: it has one chunk in flight, waits for ever for chunks that are gone, and
//! does not read what other clients write.
//!
//! [ADR-20]: https://github.com/nats-io/nats-architecture-and-design/blob/main/adr/ADR-20.md

mod call;
mod change;
mod configuration;
mod digest;
mod download;
mod files;
mod get;
mod handle;
mod links;
mod list;
mod lot;
mod manage;
pub mod meta;
mod names;
mod put;
mod sweep;
pub mod transfer;
mod upload;
pub mod watch;

pub use change::MetaChanges;
pub use configuration::StoreOptions;
pub use files::{FileSink, FileSource};
pub use get::{changed, GetOptions};
pub use handle::Store;
pub use manage::{bind, create, delete, list, update};
pub use meta::Info;
pub use names::check_object;
pub use put::PutOptions;
pub use sweep::Swept;
