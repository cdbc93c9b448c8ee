//! Messages and their header blocks: the transport's own types, under the names used here.

pub use async_nats::{HeaderMap, HeaderName, Message, StatusCode};

/// The status number of a header line such as `NATS/1.0 503`, if there is one.
pub fn status(message: &Message) -> Option<u16> {
    message.status.map(|s| s.as_u16())
}
