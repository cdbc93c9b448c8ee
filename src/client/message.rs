//! Messages: the transport's own types, under the names used here, and what consumers deliver.

use std::ops::Deref;

use bytes::Bytes;

pub use async_nats::{HeaderMap, HeaderName, Message, StatusCode};

use super::headers::Headers;

/// The status number of a header line such as `NATS/1.0 503`, if there is one.
pub fn status(message: &Message) -> Option<u16> {
    message.status.map(|s| s.as_u16())
}

/// A message that a consumer delivered, or one that was looked up in its place because the transport cannot
/// read it.
#[derive(Debug)]
pub struct Delivered {
    message: Message,
    /// Of a message that was looked up: its headers, of which `message` has none.
    headers: Option<Box<Headers>>,
}

impl Delivered {
    /// A message that was looked up.
    pub fn looked_up(message: Message, headers: Headers) -> Delivered {
        Delivered {
            message,
            headers: Some(Box::new(headers)),
        }
    }

    /// The headers of a message that was looked up.
    pub fn headers_looked_up(&self) -> Option<&Headers> {
        self.headers.as_deref()
    }

    /// Gives the payload memory of its own. As it comes from the transport it keeps all that was read with it, which may
    /// be twice as much.
    pub fn detach(&mut self) {
        self.message.payload = Bytes::copy_from_slice(&self.message.payload);
    }

    /// The message, without what was looked up.
    pub fn into_message(self) -> Message {
        self.message
    }
}

impl From<Message> for Delivered {
    fn from(message: Message) -> Delivered {
        Delivered {
            message,
            headers: None,
        }
    }
}

impl Deref for Delivered {
    type Target = Message;

    fn deref(&self) -> &Message {
        &self.message
    }
}
