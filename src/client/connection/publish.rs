//! What is published.

use async_nats::message::OutboundMessage;
use async_nats::Subject;
use bytes::Bytes;

use crate::client::message::HeaderMap;

/// A message to be published.
#[derive(Debug, Clone)]
pub struct Publish {
    pub subject: Subject,
    pub payload: Bytes,
    /// Empty is the same as none.
    pub headers: Option<HeaderMap>,
    pub reply: Option<Subject>,
    /// The only link that it may go out on ([`Connection::link`](super::Connection::link)): once there is no hope for
    /// that, the message is dropped and nobody told. For those who keep an order by themselves.
    pub link: Option<u64>,
}

impl Publish {
    /// A message with a payload, and nothing else.
    pub fn new(subject: impl Into<Subject>, payload: impl Into<Bytes>) -> Self {
        Publish {
            subject: subject.into(),
            payload: payload.into(),
            headers: None,
            reply: None,
            link: None,
        }
    }

    pub(super) fn has_headers(&self) -> bool {
        self.headers.as_ref().is_some_and(|h| !h.is_empty())
    }
}

impl From<Publish> for OutboundMessage {
    fn from(message: Publish) -> Self {
        OutboundMessage {
            subject: message.subject,
            reply: message.reply,
            payload: message.payload,
            headers: message.headers,
        }
    }
}
