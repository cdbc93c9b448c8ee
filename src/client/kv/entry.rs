//! A stored message as a key-value entry.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use async_nats::header::{
    HeaderName, HeaderValue, NATS_BATCH_COMMIT, NATS_BATCH_ID, NATS_BATCH_SEQUENCE,
    NATS_MARKER_REASON, NATS_MESSAGE_TTL,
};
use async_nats::Subject;
use bytes::Bytes;

use super::count::{self, Count};
use super::ttl::TimeToLive;
use crate::client::error::{Code, Error, Result};
use crate::client::headers::Headers;
use crate::client::jetstream::ordered::Delivery;
use crate::client::jetstream::{units, StoredMessage};
use crate::client::message::{Delivered, HeaderMap};

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
}

/// Why there is a marker that no client has written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The key expired.
    MaxAge,
    /// The key was purged.
    Purge,
    /// The key's message was removed.
    Remove,
    /// The bucket was deleted and made anew: no message of the stream says so.
    Recreated,
}

impl Reason {
    /// What a server writes ([ADR-43]).
    ///
    /// [ADR-43]: https://github.com/nats-io/nats-architecture-and-design/blob/main/adr/ADR-43.md
    fn read(header: &str) -> Option<Reason> {
        Some(match header {
            "MaxAge" => Reason::MaxAge,
            "Purge" => Reason::Purge,
            "Remove" => Reason::Remove,
            _ => return None,
        })
    }

    /// The word scripts see, which is that of the header.
    pub fn as_str(self) -> &'static str {
        match self {
            Reason::MaxAge => "MaxAge",
            Reason::Purge => "Purge",
            Reason::Remove => "Remove",
            Reason::Recreated => "Recreated",
        }
    }

    fn operation(self) -> Operation {
        match self {
            Reason::MaxAge | Reason::Purge => Operation::Purge,
            Reason::Remove | Reason::Recreated => Operation::Delete,
        }
    }
}

/// What the headers of a message say of its entry.
#[derive(Default)]
struct Said<'a> {
    operation: Option<&'a str>,
    reason: Option<&'a str>,
    ttl: Option<&'a str>,
    batch: Option<&'a str>,
    batch_sequence: Option<&'a str>,
    commit: Option<&'a str>,
    increment: Option<&'a str>,
    sources: Option<&'a str>,
}

impl<'a> Said<'a> {
    /// Takes the first value of a header.
    fn take(&mut self, name: &str, value: Option<&'a str>) {
        if name == KV_OPERATION.as_ref() as &str {
            self.operation = value;
        } else if name == NATS_MARKER_REASON.as_ref() as &str {
            self.reason = value;
        } else if name == NATS_MESSAGE_TTL.as_ref() as &str {
            self.ttl = value;
        } else if name == NATS_BATCH_ID.as_ref() as &str {
            self.batch = value;
        } else if name == NATS_BATCH_SEQUENCE.as_ref() as &str {
            self.batch_sequence = value;
        } else if name == NATS_BATCH_COMMIT.as_ref() as &str {
            self.commit = value;
        } else if name == count::INCREMENT.as_ref() as &str {
            self.increment = value;
        } else if name == count::SOURCES.as_ref() as &str {
            self.sources = value;
        }
    }

    fn in_map(headers: Option<&'a HeaderMap>) -> Said<'a> {
        // Going through the few that there are takes less time than looking one up.
        let mut said = Said::default();
        for (name, values) in headers.iter().flat_map(|headers| headers.iter()) {
            said.take(name.as_ref(), values.first().map(HeaderValue::as_str));
        }
        said
    }

    fn in_headers(headers: &'a Headers) -> Said<'a> {
        let mut said = Said::default();
        for (name, values) in headers.fields() {
            said.take(name, values.first().map(String::as_str));
        }
        said
    }

    fn of_delivery(message: &'a Delivered) -> Said<'a> {
        match message.headers_looked_up() {
            Some(headers) => Said::in_headers(headers),
            None => Said::in_map(message.headers.as_ref()),
        }
    }

    fn meaning(self) -> Meaning {
        // A client's word counts more than the reason that a server gives.
        let reason = match self.operation {
            None => self.reason.and_then(Reason::read),
            Some(_) => None,
        };
        let operation = match (self.operation, reason) {
            (Some("DEL"), _) => Operation::Delete,
            (Some("PURGE"), _) => Operation::Purge,
            (Some(other), _) if other != "PUT" => Operation::Other(other.to_owned()),
            (None, Some(reason)) => reason.operation(),
            _ => Operation::Put,
        };
        let ttl = self.ttl.filter(|_| operation == Operation::Put);
        let count = Count::read(self.increment, self.sources);
        Meaning {
            count: count.filter(|_| operation == Operation::Put).map(Box::new),
            operation,
            reason,
            ttl: ttl.and_then(TimeToLive::read),
            batch: self.batch.map(Box::from),
            batch_sequence: self
                .batch_sequence
                .and_then(|text| text.parse().ok())
                .unwrap_or_default(),
            completes_batch: self.commit.is_some(),
        }
    }
}

/// What they mean.
struct Meaning {
    operation: Operation,
    reason: Option<Reason>,
    ttl: Option<TimeToLive>,
    batch: Option<Box<str>>,
    batch_sequence: u32,
    completes_batch: bool,
    count: Option<Box<Count>>,
}

impl Meaning {
    /// The value that a payload is. That of a counter is its total, if it was sent at all; anything else in it means
    /// that it is no counter.
    fn value(&mut self, payload: Bytes) -> Bytes {
        if self.count.is_some() && !payload.is_empty() {
            match count::total(&payload) {
                Some(total) => return total,
                None => self.count = None,
            }
        }
        self.operation.value(payload)
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
    /// The same in nanoseconds.
    pub(super) created_ns: i64,
    /// How many entries follow it in its watch; not known for single reads.
    pub delta: Option<u64>,
    pub operation: Operation,
    /// Of a marker that no client has written.
    pub reason: Option<Reason>,
    /// How long a value lives that has a time to live of its own.
    pub ttl: Option<TimeToLive>,
    /// The transaction that it is a part of.
    pub batch: Option<Box<str>>,
    /// Which part of that it is, from 1; 0 if it is none.
    pub batch_sequence: u32,
    /// It is the last part of that.
    pub completes_batch: bool,
    /// Of a counter, whose total is the value.
    pub count: Option<Box<Count>>,
    /// All that are stored with it, if they were asked for and there are any.
    pub headers: Option<Box<Headers>>,
    /// In a watch of latest entries: it is certain that none of this key has come before, as it is as long
    /// as the watch counts.
    pub is_first: bool,
}

impl Entry {
    pub fn key(&self) -> &str {
        self.subject.get(self.prefix..).unwrap_or_default()
    }

    /// Under which it is stored.
    pub(super) fn subject(&self) -> &str {
        &self.subject
    }

    pub fn is_put(&self) -> bool {
        self.operation == Operation::Put
    }

    /// Whether it tells that a bucket was made anew.
    pub fn is_of_former(&self) -> bool {
        self.reason == Some(Reason::Recreated)
    }

    /// The entry a consumer delivered; `None` if it is not one of this prefix.
    pub(super) fn from_delivery(
        delivery: Delivery,
        prefix: &str,
        shown: HeadersShown,
    ) -> Option<Entry> {
        if !delivery.message.subject.starts_with(prefix) {
            return None;
        }
        let meaning = Said::of_delivery(&delivery.message).meaning();
        let headers = shown.of(&delivery.message);
        let message = delivery.message.into_message();
        Some(Entry {
            revision: delivery.stream_seq,
            created: units::ms_from_ns(delivery.timestamp_ns),
            created_ns: delivery.timestamp_ns,
            delta: Some(delivery.pending),
            headers,
            ..Entry::new((message.subject, prefix), message.payload, meaning)
        })
    }

    /// The deletion of a key that went with its bucket when that was made anew. The revision is one that a
    /// deletion could have had there; `delta` more follow.
    pub(super) fn of_former(prefix: &str, key: &str, revision: u64, delta: u64) -> Entry {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.map_or(0, |now| now.as_millis());
        let reason = Reason::Recreated;
        let meaning = Meaning {
            operation: reason.operation(),
            reason: Some(reason),
            ttl: None,
            batch: None,
            batch_sequence: 0,
            completes_batch: false,
            count: None,
        };
        let subject = [prefix, key].concat().into();
        Entry {
            revision,
            created: i64::try_from(now).unwrap_or(i64::MAX),
            delta: Some(delta),
            ..Entry::new((subject, prefix), Bytes::new(), meaning)
        }
    }

    /// The entry that was read, whose subject was compared already. It has its headers.
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
        let meaning = Said::in_headers(&message.headers).meaning();
        Ok(Entry {
            revision: message.sequence,
            created: units::ms_from_ns(created),
            created_ns: created,
            headers: boxed(message.headers),
            ..Entry::new((message.subject, prefix), message.payload, meaning)
        })
    }

    fn new((subject, prefix): (Subject, &str), payload: Bytes, mut meaning: Meaning) -> Entry {
        Entry {
            subject,
            prefix: prefix.len(),
            value: meaning.value(payload),
            revision: 0,
            created: 0,
            created_ns: 0,
            delta: None,
            operation: meaning.operation,
            reason: meaning.reason,
            ttl: meaning.ttl,
            batch: meaning.batch,
            batch_sequence: meaning.batch_sequence,
            completes_batch: meaning.completes_batch,
            count: meaning.count,
            headers: None,
            is_first: false,
        }
    }
}

#[cfg(test)]
impl Entry {
    /// As a watch would tell it; `None`: a deletion.
    pub(super) fn sample(key: &str, revision: u64, value: Option<&str>) -> Entry {
        let operation = match value {
            Some(_) => Operation::Put,
            None => Operation::Delete,
        };
        Entry {
            revision,
            operation,
            value: value.unwrap_or_default().to_owned().into(),
            reason: None,
            ..Entry::of_former("", key, revision, 0)
        }
    }
}

/// Whether entries of a consumer show their headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HeadersShown {
    No,
    Yes,
    /// Those that are stored: a consumer without values adds their lengths.
    WithoutSize,
}

impl HeadersShown {
    fn of(self, message: &Delivered) -> Option<Box<Headers>> {
        let without: &[HeaderName] = match self {
            HeadersShown::No => return None,
            HeadersShown::Yes => &[],
            HeadersShown::WithoutSize => &[MSG_SIZE],
        };
        boxed(match message.headers_looked_up() {
            Some(headers) => headers.without(without),
            None => Headers::from_map(message.headers.as_ref()?, without),
        })
    }
}

const MSG_SIZE: HeaderName = HeaderName::from_static("Nats-Msg-Size");

fn boxed(headers: Headers) -> Option<Box<Headers>> {
    let is_empty = headers.fields().next().is_none();
    (!is_empty).then(|| Box::new(headers))
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

    /// What headers mean, in short; the same in both forms in which they come.
    fn meaning(headers: &[(&str, &str)]) -> String {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, *value);
        }
        let short = |meaning: Meaning| {
            let operation = meaning.operation.as_str().to_owned();
            let reason = meaning.reason.map(|reason| reason.as_str().to_owned());
            let ttl = meaning.ttl.map(TimeToLive::header);
            let batch = meaning.batch.map(String::from);
            let parts = [Some(operation), reason, ttl, batch];
            parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
        };
        let meaning = short(Said::in_map(Some(&map)).meaning());
        let headers = Headers::from_map(&map, &[]);
        assert_eq!(short(Said::in_headers(&headers).meaning()), meaning);
        meaning
    }

    #[test]
    fn operations() {
        assert_eq!(Said::in_map(None).meaning().operation, Operation::Put);
        assert_eq!(meaning(&[("Other", "DEL")]), "PUT");
        assert_eq!(meaning(&[("KV-Operation", "DEL")]), "DEL");
        assert_eq!(meaning(&[("KV-Operation", "PURGE")]), "PURGE");
        assert_eq!(meaning(&[("KV-Operation", "PUT")]), "PUT");
        assert_eq!(meaning(&[("KV-Operation", "MOVE")]), "MOVE");
        assert_eq!(meaning(&[("kv-operation", "DEL")]), "PUT");
    }

    #[test]
    fn markers_of_the_server() {
        assert_eq!(meaning(&[("Nats-Marker-Reason", "MaxAge")]), "PURGE MaxAge");
        assert_eq!(meaning(&[("Nats-Marker-Reason", "Purge")]), "PURGE Purge");
        assert_eq!(meaning(&[("Nats-Marker-Reason", "Remove")]), "DEL Remove");
        assert_eq!(meaning(&[("Nats-Marker-Reason", "?")]), "PUT");
        for word in ["DEL", "PUT"] {
            assert_eq!(
                meaning(&[("Nats-Marker-Reason", "MaxAge"), ("KV-Operation", word)]),
                word
            );
        }
    }

    #[test]
    fn times_to_live_are_those_of_values() {
        assert_eq!(meaning(&[("Nats-TTL", "1m")]), "PUT 60");
        assert_eq!(meaning(&[("Nats-TTL", "never")]), "PUT never");
        assert_eq!(meaning(&[("Nats-TTL", "")]), "PUT");
        assert_eq!(
            meaning(&[("Nats-TTL", "5"), ("KV-Operation", "PURGE")]),
            "PURGE"
        );
        assert_eq!(
            meaning(&[("Nats-TTL", "5"), ("Nats-Marker-Reason", "MaxAge")]),
            "PURGE MaxAge"
        );
    }

    #[test]
    fn parts_of_transactions() {
        assert_eq!(meaning(&[("Nats-Batch-Id", "id")]), "PUT id");
        assert_eq!(
            meaning(&[("Nats-Batch-Id", "id"), ("KV-Operation", "DEL")]),
            "DEL id"
        );
    }

    #[test]
    fn values_of_counters_are_their_totals() {
        let value = |headers: &[(&str, &str)], payload: &'static str| {
            let mut map = HeaderMap::new();
            for (name, value) in headers {
                map.insert(*name, *value);
            }
            let mut meaning = Said::in_map(Some(&map)).meaning();
            let value = meaning.value(payload.into());
            let value = String::from_utf8(value.to_vec()).unwrap();
            (value, meaning.count.is_some())
        };
        let pair = |value: &str, is_counter| (value.to_owned(), is_counter);
        let total = r#"{"val":"12"}"#;
        assert_eq!(value(&[("Nats-Incr", "5")], total), pair("12", true));
        assert_eq!(value(&[("Nats-Incr", "5")], ""), pair("", true));
        assert_eq!(value(&[("Nats-Incr", "5")], "12"), pair("12", false));
        assert_eq!(value(&[("Nats-Incr", "x")], total), pair(total, false));
        assert_eq!(value(&[], total), pair(total, false));
        let deleted = [("Nats-Incr", "0"), ("KV-Operation", "DEL")];
        assert_eq!(value(&deleted, total), pair("", false));
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
            }
            .into(),
            stream_seq: 7,
            consumer_seq: 1,
            timestamp_ns: 1_669_123_895_451_999_999,
            pending: 3,
        };
        let read = |subject| Entry::from_delivery(delivery(subject), "$KV.b.", HeadersShown::No);
        let entry = read("$KV.b.a.b").unwrap();
        assert_eq!(entry.key(), "a.b");
        assert_eq!(entry.value, "v");
        assert_eq!(entry.revision, 7);
        assert_eq!(entry.created, 1_669_123_895_451);
        assert_eq!(entry.delta, Some(3));
        assert!(entry.is_put());
        assert!(read("$KV.c.a").is_none());
    }

    #[test]
    fn headers_of_entries() {
        let shown = |headers: &[(&str, &str)], shown: HeadersShown| {
            let mut map = HeaderMap::new();
            for (name, value) in headers {
                map.append(*name, *value);
            }
            let message = Message {
                subject: "$KV.b.k".into(),
                reply: None,
                payload: Bytes::new(),
                headers: Some(map.clone()),
                status: None,
                description: None,
                length: 0,
            };
            let looked_up = Delivered::looked_up(message.clone(), Headers::from_map(&map, &[]));
            let found = shown.of(&message.into());
            assert_eq!(found, shown.of(&looked_up));
            found.map(|headers| {
                let fields = headers.fields();
                fields
                    .map(|(name, values)| format!("{name}={}", values.join("|")))
                    .collect::<String>()
            })
        };
        let headers = [("A", "1"), ("A", "2"), ("Nats-Msg-Size", "5")];
        assert_eq!(shown(&headers, HeadersShown::No), None);
        assert_eq!(
            shown(&headers, HeadersShown::Yes).unwrap(),
            "A=1|2Nats-Msg-Size=5"
        );
        assert_eq!(shown(&headers, HeadersShown::WithoutSize).unwrap(), "A=1|2");
        assert_eq!(shown(&headers[2..], HeadersShown::WithoutSize), None);
        assert_eq!(shown(&[], HeadersShown::Yes), None);
    }

    #[test]
    fn entries_that_were_read() {
        let stored = |time: &str| StoredMessage {
            subject: "$KV.b.k".into(),
            sequence: 9,
            time: time.into(),
            headers: Headers::default(),
            payload: Bytes::new(),
            is_readable: true,
        };
        let entry = Entry::from_stored(stored("2022-11-22T13:31:35.012Z"), "$KV.b.").unwrap();
        assert_eq!(entry.key(), "k");
        assert_eq!(entry.created, 1_669_123_895_012);
        assert_eq!(entry.delta, None);
        let error = Entry::from_stored(stored("now"), "$KV.b.").unwrap_err();
        assert_eq!(error.code, Code::Protocol);
    }
}
