//! JetStream: the request API, publishing with acknowledgement, streams, ordered consumers.
//!
//! Everything starts at the [`JetStream`] handle, which stands for "this connection, this API
//! prefix, this time limit". It holds no state of the server's: cloning it is cheap, and any number
//! of handles may share a connection. Replies stay generic JSON up to the place where a script sees
//! them, so that fields which a newer server adds are not lost on the way.
//!
//! - `api`: requests, replies, error objects, paging
//! - `context`: that handle; `deadline`: time limits that requests share
//! - `retry`: requests that are sent again while a stream has no leader
//! - `stream`, `consumer`, `stored`, `publish`: what the API offers, a concept a file
//! - `publish_many`: messages of which many are in flight, `atomic`: of which all are stored or none
//! - `batched`: several messages by one question, `latest`: those of many subjects at one moment, `several`: these and
//!   others, whatever comes in between
//! - `names`: what streams and consumers may be called
//! - `feature`: what not all servers know, `level`: whether these do
//! - `metadata`: what the reply subject of a delivered message says
//! - `end_of_data`: when a consumer has delivered all that was there at its beginning
//! - `present`: where a watch is; `follow`: an ordered consumer that a task reads
//! - `ordered`: the consumer that neither loses nor repeats a message
//! - `pull`: fetching messages, and consuming them without end
//! - `suspects`: which messages of a pull consumer broke the link
//! - `units`: milliseconds here, nanoseconds there
//!
//! The wire format is that of the [JetStream API reference].
//!
//! [JetStream API reference]: https://docs.nats.io/reference/reference-protocols/nats_api_reference

mod api;
mod atomic;
mod batched;
mod consumer;
mod context;
mod deadline;
mod end_of_data;
mod feature;
mod follow;
mod latest;
mod level;
pub mod metadata;
pub mod names;
pub mod ordered;
mod present;
mod publish;
mod publish_many;
pub mod pull;
mod retry;
mod several;
mod stored;
mod stream;
mod subscription;
mod suspects;
pub mod units;

pub(crate) use api::JsonExt;
pub use api::{ApiError, Json};
pub(crate) use atomic::{Batch, MOST};
pub(crate) use batched::Batched;
pub use consumer::Action;
pub use context::{domain_prefix, server_at_least, JetStream, DEFAULT_PREFIX};
pub use deadline::Deadline;
pub(crate) use feature::lost_feature;
pub(crate) use follow::Following;
pub(crate) use latest::Latest;
pub(crate) use present::Present;
pub(crate) use publish::sequence;
pub use publish_many::{Acknowledgement, Failure, Pace, Stored};
pub(crate) use several::Selection;
pub use stored::{DirectQuery, StoredMessage};
