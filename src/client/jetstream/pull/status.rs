//! What the server says about a pull request: messages with a status line and no place in the stream.
//!
//! The numbers are few and shared by many meanings; the words behind them decide.

use async_nats::header::HeaderName;

use super::demand::Amount;
use crate::client::error::{Code, Error};
use crate::client::jetstream::metadata::Metadata;
use crate::client::message::{self, Message};

static PENDING_MESSAGES: HeaderName = HeaderName::from_static("Nats-Pending-Messages");
static PENDING_BYTES: HeaderName = HeaderName::from_static("Nats-Pending-Bytes");

/// The status number of what came on the inbox of a pull request; `None` for a message of the stream,
/// which may have been stored with a status line of its own.
pub(super) fn number(message: &Message) -> Option<u16> {
    let status = message::status(message)?;
    let delivered = message.reply.as_deref().and_then(Metadata::parse);
    delivered.is_none().then_some(status)
}

/// A status, as continuous consumption understands it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Status {
    /// The request is known and waits.
    Heartbeat,
    /// A request has ended, and this is what will not come of it; `None` if the server does not say.
    Over(Option<Amount>),
    /// As `Over`, because the next message is longer than what the request allowed.
    TooLong(Amount),
    /// Nobody takes requests for this consumer at the moment.
    NoResponders,
    /// Requests are forgotten: the consumer has moved, or another client has its place.
    Forgotten(Error),
    /// The request was refused, and so would be the next one for a while.
    Refused(Error),
    /// There is no point in asking again.
    Final(Error),
}

impl Status {
    /// Reads a message that has a status [`number`].
    pub(super) fn of(number: u16, message: &Message) -> Status {
        let words = message.description.as_deref().unwrap_or_default();
        let rest = rest(message);
        let lower = words.to_lowercase();
        let says = |text| lower.contains(text);
        match number {
            100 => Status::Heartbeat,
            404 | 408 => Status::Over(rest),
            503 => Status::NoResponders,
            400 => Status::Final(error(number, words)),
            423 => Status::Forgotten(error(number, words)),
            409 if says("consumer deleted") => {
                Status::Final(Error::new(Code::ConsumerNotFound, words))
            }
            409 if says("push based") => Status::Final(error(number, words)),
            409 if says("leadership change") || says("server shutdown") => {
                Status::Forgotten(error(number, words))
            }
            409 if says("message size exceeds") => match rest {
                Some(rest) => Status::TooLong(rest),
                None => Status::Refused(error(number, words)),
            },
            409 if says("batch completed") => Status::Over(rest),
            _ => Status::Refused(error(number, words)),
        }
    }
}

/// A status has no number of the JetStream API: that place is 0.
fn error(number: u16, words: &str) -> Error {
    let code = Code::JsResponse {
        code: number.into(),
        err_code: 0,
    };
    Error::new(code, words)
}

fn rest(message: &Message) -> Option<Amount> {
    let headers = message.headers.as_ref()?;
    let number = |name: &HeaderName| headers.get(name.clone())?.as_str().parse().ok();
    Some(Amount {
        messages: number(&PENDING_MESSAGES)?,
        bytes: number(&PENDING_BYTES).unwrap_or(0),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use async_nats::{HeaderMap, StatusCode};

    fn message(number: u16, words: &str, pending: Option<(&str, &str)>) -> Message {
        let headers = pending.map(|(messages, bytes)| {
            let mut headers = HeaderMap::new();
            headers.insert("Nats-Pending-Messages", messages);
            headers.insert("Nats-Pending-Bytes", bytes);
            headers
        });
        Message {
            subject: "_INBOX.x".into(),
            reply: None,
            payload: "".into(),
            headers,
            status: StatusCode::from_u16(number).ok(),
            description: Some(words.to_owned()),
            length: 0,
        }
    }

    fn status(number: u16, words: &str, pending: Option<(&str, &str)>) -> Status {
        Status::of(number, &message(number, words, pending))
    }

    #[test]
    fn ends_of_requests() {
        let rest = Amount {
            messages: 3,
            bytes: 40,
        };
        let pending = Some(("3", "40"));
        assert_eq!(
            status(408, "Request Timeout", pending),
            Status::Over(Some(rest))
        );
        assert_eq!(status(404, "No Messages", None), Status::Over(None));
        assert_eq!(
            status(409, "Batch Completed", pending),
            Status::Over(Some(rest))
        );
        assert_eq!(
            status(409, "Message Size Exceeds MaxBytes", pending),
            Status::TooLong(rest)
        );
        assert_eq!(
            status(408, "Request Timeout", Some(("x", "y"))),
            Status::Over(None)
        );
    }

    #[test]
    fn what_is_final_and_what_is_not() {
        let final_code = |number, words| match status(number, words, None) {
            Status::Final(error) => Some(error.code),
            _ => None,
        };
        let status_code = |code| Some(Code::JsResponse { code, err_code: 0 });
        assert_eq!(
            final_code(409, "Consumer Deleted"),
            Some(Code::ConsumerNotFound)
        );
        assert_eq!(final_code(409, "Consumer is push based"), status_code(409));
        assert_eq!(final_code(400, "Bad Request"), status_code(400));
        for words in ["Exceeded MaxWaiting", "Exceeded MaxRequestBatch of 2", ""] {
            assert!(matches!(status(409, words, None), Status::Refused(_)));
        }
        for words in ["Leadership Change", "Server Shutdown"] {
            assert!(matches!(status(409, words, None), Status::Forgotten(_)));
        }
        assert!(matches!(
            status(423, "Nats-Wrong-Pin-Id", None),
            Status::Forgotten(_)
        ));
        assert_eq!(status(503, "", None), Status::NoResponders);
    }

    #[test]
    fn a_stored_message_has_no_status() {
        let mut stored = message(503, "", None);
        assert_eq!(number(&stored), Some(503));
        stored.reply = Some("$JS.ACK.S.C.1.2.3.4.5".into());
        assert_eq!(number(&stored), None);
    }
}
