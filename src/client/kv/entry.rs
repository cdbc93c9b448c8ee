//! A stored message as a key-value entry (kv.md §4).

use std::fmt;

use async_nats::header::{HeaderName, HeaderValue, NATS_MARKER_REASON};
use async_nats::{HeaderMap, Subject};
use bytes::Bytes;

use crate::client::error::{Code, Error, Result};
use crate::client::jetstream::ordered::Delivery;
use crate::client::jetstream::{units, StoredMessage};

pub(super) static KV_OPERATION: HeaderName = HeaderName::from_static("KV-Operation");

/// What an entry does to its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    Put,
    Delete,
    Purge,
    /// A text this client does not know; anything but a put.
    Other(String),
}

impl Operation {
    /// A marker has no value, whatever was stored with it.
    fn value(&self, payload: Bytes) -> Bytes {
        match self {
            Operation::Delete | Operation::Purge => Bytes::new(),
            _ => payload,
        }
    }

    /// The word scripts see, which is that of the header.
    pub fn as_str(&self) -> &str {
        match self {
            Operation::Put => "PUT",
            Operation::Delete => "DEL",
            Operation::Purge => "PURGE",
            Operation::Other(text) => text,
        }
    }

    /// A client's word counts more than the reason the server gives. The latter is in the markers
    /// which servers write when keys expire ([ADR-43]).
    ///
    /// [ADR-43]: https://github.com/nats-io/nats-architecture-and-design/blob/main/adr/ADR-43.md
    fn from_headers(headers: Option<&HeaderMap>) -> Operation {
        let Some(headers) = headers else {
            return Operation::Put;
        };
        // Going through the few that there are takes less time than looking one up.
        let mut reason = None;
        for (name, values) in headers.iter() {
            let Some(value) = values.first().map(HeaderValue::as_str) else {
                continue;
            };
            if *name == KV_OPERATION {
                return match value {
                    "PUT" => Operation::Put,
                    "DEL" => Operation::Delete,
                    "PURGE" => Operation::Purge,
                    other => Operation::Other(other.to_owned()),
                };
            }
            if *name == NATS_MARKER_REASON {
                reason = Some(value);
            }
        }
        match reason {
            Some("MaxAge" | "Purge") => Operation::Purge,
            Some("Remove") => Operation::Delete,
            _ => Operation::Put,
        }
    }
}

/// An entry of a bucket. It shares the memory the message arrived in.
#[derive(Clone)]
pub struct Entry {
    subject: Subject,
    /// Length of what the subject has in front of the key.
    prefix: usize,
    pub value: Bytes,
    pub revision: u64,
    /// When it was stored, in milliseconds since the epoch.
    pub created: i64,
    /// How many entries follow it in its watch; not known for single reads.
    pub delta: Option<u64>,
    pub operation: Operation,
    /// In a watch of latest entries: it is certain that none of this key has come before, as it is as long
    /// as the watch counts.
    pub is_first: bool,
}

impl Entry {
    pub fn key(&self) -> &str {
        self.subject.get(self.prefix..).unwrap_or_default()
    }

    pub fn is_put(&self) -> bool {
        self.operation == Operation::Put
    }

    /// The entry a consumer delivered; `None` if it is not one of this prefix.
    pub(super) fn from_delivery(delivery: Delivery, prefix: &str) -> Option<Entry> {
        let message = delivery.message;
        if !message.subject.starts_with(prefix) {
            return None;
        }
        let operation = Operation::from_headers(message.headers.as_ref());
        Some(Entry {
            prefix: prefix.len(),
            value: operation.value(message.payload),
            operation,
            revision: delivery.stream_seq,
            created: units::ms_from_ns(delivery.timestamp_ns),
            delta: Some(delivery.pending),
            is_first: false,
            subject: message.subject,
        })
    }

    /// The entry that was read, whose subject was compared already.
    ///
    /// # Errors
    /// `Protocol` if its time cannot be understood.
    pub(super) fn from_stored(message: StoredMessage, prefix: &str) -> Result<Entry> {
        let created = units::ns_from_time(&message.time).ok_or_else(|| {
            Error::new(
                Code::Protocol,
                format!("The server sent an unreadable time \"{}\"", message.time),
            )
        })?;
        let operation = Operation::from_headers(message.headers.as_ref());
        Ok(Entry {
            prefix: prefix.len(),
            value: operation.value(message.payload),
            operation,
            revision: message.sequence,
            created: units::ms_from_ns(created),
            delta: None,
            is_first: false,
            subject: message.subject,
        })
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry")
            .field("key", &self.key())
            .field("value", &self.value)
            .field("revision", &self.revision)
            .field("created", &self.created)
            .field("delta", &self.delta)
            .field("operation", &self.operation)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use async_nats::Message;

    fn operation(headers: &[(&str, &str)]) -> String {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, *value);
        }
        Operation::from_headers(Some(&map)).as_str().to_owned()
    }

    #[test]
    fn operations() {
        assert_eq!(Operation::from_headers(None), Operation::Put);
        assert_eq!(operation(&[("Other", "DEL")]), "PUT");
        assert_eq!(operation(&[("KV-Operation", "DEL")]), "DEL");
        assert_eq!(operation(&[("KV-Operation", "PURGE")]), "PURGE");
        assert_eq!(operation(&[("KV-Operation", "PUT")]), "PUT");
        assert_eq!(operation(&[("KV-Operation", "MOVE")]), "MOVE");
        assert_eq!(operation(&[("kv-operation", "DEL")]), "PUT");
    }

    #[test]
    fn markers_of_the_server() {
        assert_eq!(operation(&[("Nats-Marker-Reason", "MaxAge")]), "PURGE");
        assert_eq!(operation(&[("Nats-Marker-Reason", "Purge")]), "PURGE");
        assert_eq!(operation(&[("Nats-Marker-Reason", "Remove")]), "DEL");
        assert_eq!(operation(&[("Nats-Marker-Reason", "?")]), "PUT");
        assert_eq!(
            operation(&[("Nats-Marker-Reason", "MaxAge"), ("KV-Operation", "DEL")]),
            "DEL"
        );
    }

    #[test]
    fn entries_of_a_watch() {
        let delivery = |subject: &'static str| Delivery {
            message: Message {
                subject: subject.into(),
                reply: None,
                payload: "v".into(),
                headers: None,
                status: None,
                description: None,
                length: 0,
            },
            stream_seq: 7,
            consumer_seq: 1,
            timestamp_ns: 1_669_123_895_451_999_999,
            pending: 3,
        };
        let entry = Entry::from_delivery(delivery("$KV.b.a.b"), "$KV.b.").unwrap();
        assert_eq!(entry.key(), "a.b");
        assert_eq!(entry.value, "v");
        assert_eq!(entry.revision, 7);
        assert_eq!(entry.created, 1_669_123_895_451);
        assert_eq!(entry.delta, Some(3));
        assert!(entry.is_put());
        assert!(Entry::from_delivery(delivery("$KV.c.a"), "$KV.b.").is_none());
    }

    #[test]
    fn entries_that_were_read() {
        let stored = |time: &str| StoredMessage {
            subject: "$KV.b.k".into(),
            sequence: 9,
            time: time.into(),
            headers: None,
            payload: Bytes::new(),
        };
        let entry = Entry::from_stored(stored("2022-11-22T13:31:35.012Z"), "$KV.b.").unwrap();
        assert_eq!(entry.key(), "k");
        assert_eq!(entry.created, 1_669_123_895_012);
        assert_eq!(entry.delta, None);
        let error = Entry::from_stored(stored("now"), "$KV.b.").unwrap_err();
        assert_eq!(error.code, Code::Protocol);
    }
}
