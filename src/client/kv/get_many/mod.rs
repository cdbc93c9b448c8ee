//! Many keys as they were at one moment.
//!
//! From server 2.11 on one question brings the latest message of each of up to 1024 subjects. Where there is no such
//! question, or too much to answer, an ordered consumer of its own reads the same.
//!
//! - `request`: which keys, as of when
//! - `snapshot`: what has been read
//! - `read`: a call, and which way it goes
//! - `direct`: by that question, page by page
//! - `goal`: how far whoever answers must have got, and the pauses until then
//! - `leader`: what the stream's leader says of it
//! - `consumer`: by a consumer, up to a revision
//! - `collected`: what a consumer has brought up to there

mod collected;
mod consumer;
mod direct;
mod goal;
mod leader;
mod read;
mod request;
mod snapshot;

pub use request::{ManyOptions, Moment};
pub use snapshot::Snapshot;
