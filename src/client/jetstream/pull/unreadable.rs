//! Messages that a pull consumer has sent and the transport cannot read.
//!
//! Such a message breaks the link instead of being delivered, and again whenever its acknowledgement is
//! overdue. The server does not say which messages wait for one; but they lie between what is acknowledged
//! and what was delivered last. Those of them that the transport cannot read, and that must have broken the
//! link ([`Suspects`](crate::client::jetstream::suspects::Suspects)), are delivered in another way, with the
//! reply subject on which they can be acknowledged.

use std::time::Duration;

use crate::client::error::{Code, Error, Result};
use crate::client::jetstream::stored::StoredMessage;
use crate::client::jetstream::suspects::Identity;
use crate::client::jetstream::{units, JetStream, Json, JsonExt};
use crate::client::message::Delivered;

/// How many messages are looked through at most.
const LOOKED_THROUGH: usize = 512;

/// A consumer that has messages to be acknowledged.
struct Pending {
    consumer: Identity,
    filters: Vec<String>,
    headers_only: bool,
    ack_wait: Duration,
    /// Up to there everything is acknowledged: the sequences of the stream and of the consumer.
    floor: (u64, u64),
    /// The last one delivered.
    last: u64,
    num_pending: u64,
}

impl Pending {
    fn read(stream: &str, consumer: &str, info: &Json) -> Option<Pending> {
        let config = info.object("config")?;
        let sequences = |key| {
            let pair = info.object(key)?;
            Some((pair.number("stream_seq")?, pair.number("consumer_seq")?))
        };
        let single = config.text("filter_subject").map(str::to_owned);
        let several = config
            .get("filter_subjects")
            .and_then(|list| list.as_array());
        let several = several.into_iter().flatten();
        let mut filters: Vec<String> = several
            .filter_map(|filter| filter.as_str().map(str::to_owned))
            .chain(single)
            .collect();
        if filters.is_empty() {
            filters.push(">".to_owned());
        }
        (info.number("num_ack_pending")? > 0).then_some(())?;
        Some(Pending {
            consumer: Identity(
                stream.to_owned(),
                consumer.to_owned(),
                info.text("created").unwrap_or_default().to_owned(),
            ),
            filters,
            headers_only: config.flag("headers_only"),
            ack_wait: Duration::from_millis(config.number("ack_wait").unwrap_or(0)),
            floor: sequences("ack_floor")?,
            last: sequences("delivered")?.0,
            num_pending: info.number("num_pending").unwrap_or(0),
        })
    }
}

impl JetStream {
    /// What the link broke upon, when there is a new one: messages of a consumer that wait for their
    /// acknowledgement and that the transport cannot read.
    ///
    /// # Errors
    /// Those of [`JetStream::consumer_info`] and [`JetStream::stream_msg_get`].
    pub(super) async fn unreadable(&self, stream: &str, consumer: &str) -> Result<Vec<Delivered>> {
        let info = self.consumer_info(stream, consumer).await?;
        let Some(pending) = Pending::read(stream, consumer, &info) else {
            return Ok(Vec::new());
        };
        let mut found = Vec::new();
        let (mut at, floor) = pending.floor;
        for consumer_seq in (floor + 1..).take(LOOKED_THROUGH) {
            let next = self.next_of(stream, &pending.filters, at + 1).await?;
            let Some(message) = next.filter(|message| message.sequence <= pending.last) else {
                break;
            };
            at = message.sequence;
            if !message.is_readable {
                found.push((consumer_seq, message));
            }
        }
        let sequences: Vec<u64> = found.iter().map(|(_, message)| message.sequence).collect();
        let guilty = self
            .suspects
            .judge(&pending.consumer, pending.ack_wait, &sequences);
        found
            .into_iter()
            .filter_map(|(consumer_seq, message)| {
                let is_guilty = |(sequence, _): &&(u64, u64)| *sequence == message.sequence;
                let (_, times) = *guilty.iter().find(is_guilty)?;
                Some(pending.deliver(message, consumer_seq, times))
            })
            .collect()
    }
}

impl Pending {
    fn deliver(&self, message: StoredMessage, consumer_seq: u64, times: u64) -> Result<Delivered> {
        let ns = units::ns_from_time(&message.time);
        let ns =
            ns.ok_or_else(|| Error::new(Code::Protocol, "The server sent an unreadable time"))?;
        let Identity(stream, consumer, _) = &self.consumer;
        let reply = format!(
            "$JS.ACK.{stream}.{consumer}.{times}.{}.{consumer_seq}.{ns}.{}",
            message.sequence, self.num_pending
        );
        Ok(message.into_delivered(reply, self.headers_only))
    }
}

/// What `last_error` says of a message that was delivered in another way.
pub(super) fn told(message: &Delivered) -> Error {
    let text = format!(
        "a message on {} has headers that break the connection: it was looked up",
        message.subject
    );
    Error::new(Code::BadHeaderMsg, text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::headers::Headers;
    use serde_json::json;

    fn info() -> Json {
        let info = json!({
            "created": "now",
            "config": {"ack_wait": 30000, "filter_subject": "s.>"},
            "ack_floor": {"stream_seq": 2, "consumer_seq": 1},
            "delivered": {"stream_seq": 9, "consumer_seq": 7},
            "num_ack_pending": 3,
            "num_pending": 4,
        });
        info.as_object().cloned().unwrap_or_default()
    }

    #[test]
    fn consumers_with_nothing_to_acknowledge_have_nothing_to_look_for() {
        let mut info = info();
        let pending = Pending::read("S", "C", &info).unwrap();
        assert_eq!(pending.filters, ["s.>"]);
        assert_eq!(pending.ack_wait, Duration::from_secs(30));
        info.insert("num_ack_pending".into(), 0.into());
        assert!(Pending::read("S", "C", &info).is_none());
        assert!(Pending::read("S", "C", &Json::new()).is_none());
    }

    #[test]
    fn what_is_delivered_can_be_acknowledged() {
        let message = StoredMessage {
            subject: "s.1".into(),
            sequence: 3,
            time: "1970-01-01T00:00:01Z".into(),
            headers: Headers::default(),
            payload: "v".into(),
            is_readable: false,
        };
        let pending = Pending::read("S", "C", &info()).unwrap();
        let delivered = pending.deliver(message, 2, 1).unwrap();
        let reply = delivered.reply.as_deref();
        assert_eq!(reply, Some("$JS.ACK.S.C.1.3.2.1000000000.4"));
        assert_eq!(delivered.payload, "v");
    }
}
