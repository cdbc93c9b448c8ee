//! The configuration of a bucket's stream, read and replaced as a whole.
//!
//! A server can only replace it. Whoever changes a part reads it first and sends all of it back, what it does not know
//! of included. Nothing tells whether somebody else has changed it meanwhile: the last one wins.

use super::bucket::stream_name;
use super::handle::not_found;
use crate::client::error::{Code, Error, Result};
use crate::client::jetstream::{JetStream, Json, JsonExt};

/// The configuration as the server has it, with durations in nanoseconds.
///
/// # Errors
/// `BucketNotFound`, also for a stream that cannot be a bucket; those of [`JetStream::api`].
pub(super) async fn read(js: &JetStream, bucket: &str) -> Result<Json> {
    let info = js.stream_info_in_ns(&stream_name(bucket)).await;
    let info = info.map_err(|error| missing(error, bucket))?;
    let config = info.object("config").cloned().unwrap_or_default();
    match config.number("max_msgs_per_subject").unwrap_or(0) {
        0 => Err(not_found(bucket)),
        _ => Ok(config),
    }
}

/// Gives the stream another configuration. The result describes the stream, with durations in nanoseconds.
///
/// # Errors
/// `BucketNotFound`; `JsResponse`, such as 500/10052 for what cannot be changed; those of [`JetStream::api`].
pub(super) async fn replace(js: &JetStream, bucket: &str, config: &Json) -> Result<Json> {
    let info = js.update_stream_in_ns(config).await;
    info.map_err(|error| missing(error, bucket))
}

/// That there is no stream means that there is no bucket.
pub(super) fn missing(error: Error, bucket: &str) -> Error {
    match error.code {
        Code::StreamNotFound => not_found(bucket),
        _ => error,
    }
}
