//! The rules of an ordered consumer: which message may pass, what a heartbeat means.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

use async_nats::header::{HeaderName, HeaderValue, NATS_LAST_CONSUMER};
use async_nats::{Message, Subject};

use super::types::{Asker, Delivery, FlowControl, Item};
use crate::client::connection::Connection;
use crate::client::jetstream::metadata::Metadata;
use crate::client::message;

static CONSUMER_STALLED: HeaderName = HeaderName::from_static("Nats-Consumer-Stalled");

/// The consumer sequence shows that something was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mismatch;

/// Where the consumer stands.
pub(super) struct Tracker {
    connection: Connection,
    /// S: everything up to here was delivered or is not wanted.
    stream_seq: u64,
    /// C: the last one that arrived from the present consumer.
    consumer_seq: u64,
    /// Messages the server had left after the last one.
    pending: u64,
    /// [`Item::CaughtUp`] was said and nothing came since.
    caught_up: bool,
    question: Question,
}

/// The last flow control question.
#[derive(Default)]
struct Question {
    subject: Option<Subject>,
    outstanding: Arc<AtomicBool>,
}

impl Tracker {
    pub(super) fn new(connection: Connection) -> Tracker {
        Tracker {
            connection,
            stream_seq: 0,
            consumer_seq: 0,
            pending: 0,
            caught_up: false,
            question: Question::default(),
        }
    }

    pub(super) fn stream_seq(&self) -> u64 {
        self.stream_seq
    }

    pub(super) fn consumer_seq(&self) -> u64 {
        self.consumer_seq
    }

    /// Everything up to there was delivered in another way.
    pub(super) fn pass(&mut self, stream_seq: u64) {
        self.stream_seq = self.stream_seq.max(stream_seq);
    }

    /// A consumer was created; the sequences are those of its `delivered`.
    pub(super) fn restart(&mut self, stream_seq: u64, consumer_seq: u64) {
        self.stream_seq = stream_seq;
        self.consumer_seq = consumer_seq;
        self.pending = 0;
        self.caught_up = false;
        self.question = Question::default();
    }

    /// Takes in what arrived next and appends what it means.
    ///
    /// # Errors
    /// A gap: the message must not be delivered, nor any after it.
    pub(super) fn accept(
        &mut self,
        message: Message,
        items: &mut Vec<Item>,
    ) -> Result<(), Mismatch> {
        let metadata = message.reply.as_deref().and_then(Metadata::parse);
        let Some(metadata) = metadata else {
            return self.control(message, items);
        };
        if metadata.consumer_seq != self.consumer_seq.wrapping_add(1) {
            return Err(Mismatch);
        }
        self.consumer_seq = metadata.consumer_seq;
        // A replay goes through sequences that were delivered before.
        self.stream_seq = self.stream_seq.max(metadata.stream_seq);
        self.pending = metadata.num_pending;
        self.caught_up = false;
        items.push(Item::Message(Delivery {
            stream_seq: metadata.stream_seq,
            consumer_seq: metadata.consumer_seq,
            timestamp_ns: metadata.timestamp_ns,
            pending: metadata.num_pending,
            message: message.into(),
        }));
        Ok(())
    }

    /// A flow control request has a reply subject, a heartbeat has none. Anybody can publish to an
    /// inbox: what is neither is ignored.
    fn control(&mut self, message: Message, items: &mut Vec<Item>) -> Result<(), Mismatch> {
        if message::status(&message) != Some(100) {
            return Ok(());
        }
        match message.reply {
            Some(subject) => {
                self.ask(subject, items);
                Ok(())
            }
            None => self.heartbeat(&message, items),
        }
    }

    fn heartbeat(&mut self, message: &Message, items: &mut Vec<Item>) -> Result<(), Mismatch> {
        let Some(headers) = &message.headers else {
            return Ok(());
        };
        let stalled = headers.get(CONSUMER_STALLED.clone());
        if let Some(subject) = stalled {
            self.ask(subject.as_str().into(), items);
        }
        let last = headers
            .get(NATS_LAST_CONSUMER)
            .map(HeaderValue::as_str)
            .and_then(|last| last.parse::<u64>().ok());
        match last {
            Some(last) if last != self.consumer_seq => Err(Mismatch),
            Some(_) if stalled.is_none() => {
                self.say_caught_up(items);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// The link broke: what the server has is not known before it says so again.
    pub(super) fn doubt(&mut self) {
        self.caught_up = false;
    }

    /// Whether a pause would mean that the server has nothing more.
    pub(super) fn may_be_caught_up(&self) -> bool {
        self.pending == 0 && !self.caught_up
    }

    /// Nothing came for a while.
    pub(super) fn pause(&mut self, items: &mut Vec<Item>) {
        if self.may_be_caught_up() {
            self.say_caught_up(items);
        }
    }

    /// [`Item::CaughtUp`] may be said again.
    pub(super) fn expect_pause(&mut self) {
        self.caught_up = false;
    }

    fn say_caught_up(&mut self, items: &mut Vec<Item>) {
        if !self.caught_up {
            self.caught_up = true;
            items.push(Item::CaughtUp);
        }
    }

    /// Passes a question on, unless it is waiting for its answer already.
    fn ask(&mut self, subject: Subject, items: &mut Vec<Item>) {
        let question = &mut self.question;
        let repeated = question.subject.as_ref() == Some(&subject);
        if repeated && question.outstanding.load(Ordering::Acquire) {
            return;
        }
        let outstanding = Arc::new(AtomicBool::new(true));
        *question = Question {
            subject: Some(subject.clone()),
            outstanding: outstanding.clone(),
        };
        items.push(Item::FlowControl(FlowControl(Asker::Server {
            connection: self.connection.clone(),
            subject,
            outstanding,
        })));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::connection::{Event, Sink};
    use async_nats::{HeaderMap, StatusCode};

    struct Nobody;

    impl Sink for Nobody {
        fn event(&self, _: Event) {}
    }

    fn tracker() -> Tracker {
        Tracker::new(Connection::new(Arc::new(Nobody)))
    }

    fn message(reply: Option<String>, status: Option<u16>, headers: &[(&str, &str)]) -> Message {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, *value);
        }
        Message {
            subject: "s".into(),
            reply: reply.map(Subject::from),
            payload: "".into(),
            headers: Some(map).filter(|map| !map.is_empty()),
            status: status.map(|status| StatusCode::from_u16(status).unwrap()),
            description: None,
            length: 0,
        }
    }

    fn stored(stream_seq: u64, consumer_seq: u64) -> Message {
        let reply = format!("$JS.ACK.S.C.1.{stream_seq}.{consumer_seq}.1000.5");
        message(Some(reply), None, &[])
    }

    fn heartbeat(headers: &[(&str, &str)]) -> Message {
        message(None, Some(100), headers)
    }

    /// Names what came out, for comparison.
    fn feed(tracker: &mut Tracker, items: &mut Vec<Item>, message: Message) -> &'static str {
        let before = items.len();
        match tracker.accept(message, items) {
            Err(Mismatch) => "mismatch",
            Ok(()) => match items[before..] {
                [] => "",
                [Item::Message(_)] => "message",
                [Item::CaughtUp] => "caught up",
                [Item::FlowControl(_)] => "flow control",
                _ => "several",
            },
        }
    }

    #[test]
    fn messages_pass_in_order() {
        let (mut tracker, mut items) = (tracker(), Vec::new());
        tracker.restart(10, 0);
        assert_eq!(feed(&mut tracker, &mut items, stored(12, 1)), "message");
        assert_eq!(feed(&mut tracker, &mut items, stored(15, 2)), "message");
        assert_eq!(tracker.stream_seq(), 15);
        let Item::Message(delivery) = &items[1] else {
            panic!("{items:?}");
        };
        assert_eq!(delivery.stream_seq, 15);
        assert_eq!(delivery.consumer_seq, 2);
        assert_eq!(delivery.timestamp_ns, 1000);
        assert_eq!(delivery.pending, 5);
    }

    #[test]
    fn gaps_and_repetitions_do_not_pass() {
        for consumer_seq in [0, 1, 3] {
            let (mut tracker, mut items) = (tracker(), Vec::new());
            tracker.restart(0, 1);
            let result = feed(&mut tracker, &mut items, stored(7, consumer_seq));
            assert_eq!(result, "mismatch");
            assert_eq!(tracker.stream_seq(), 0);
        }
    }

    #[test]
    fn a_replay_does_not_take_the_stream_sequence_back() {
        let (mut tracker, mut items) = (tracker(), Vec::new());
        tracker.restart(50, 0);
        feed(&mut tracker, &mut items, stored(7, 1));
        assert_eq!(tracker.stream_seq(), 50);
    }

    #[test]
    fn heartbeats_say_once_that_there_is_no_more() {
        let (mut tracker, mut items) = (tracker(), Vec::new());
        let last = |last| heartbeat(&[("Nats-Last-Consumer", last)]);
        assert_eq!(feed(&mut tracker, &mut items, last("0")), "caught up");
        assert_eq!(feed(&mut tracker, &mut items, last("0")), "");
        feed(&mut tracker, &mut items, stored(1, 1));
        assert_eq!(feed(&mut tracker, &mut items, last("1")), "caught up");
        assert_eq!(feed(&mut tracker, &mut items, last("1")), "");
        assert_eq!(feed(&mut tracker, &mut items, last("2")), "mismatch");
        assert_eq!(feed(&mut tracker, &mut items, heartbeat(&[])), "");
    }

    #[test]
    fn a_pause_means_something_only_if_nothing_is_left() {
        let (mut tracker, mut items) = (tracker(), Vec::new());
        feed(&mut tracker, &mut items, stored(1, 1));
        tracker.pause(&mut items);
        assert_eq!(items.len(), 1);
        let last = message(Some("$JS.ACK.S.C.1.2.2.1000.0".into()), None, &[]);
        feed(&mut tracker, &mut items, last);
        tracker.pause(&mut items);
        tracker.pause(&mut items);
        assert!(matches!(items[..], [.., Item::Message(_), Item::CaughtUp]));
    }

    #[test]
    fn a_question_is_passed_on_again_only_after_it_was_dropped() {
        let (mut tracker, mut items) = (tracker(), Vec::new());
        let request = || message(Some("$JS.FC.S.C.x".into()), Some(100), &[]);
        let stalled = || {
            heartbeat(&[
                ("Nats-Last-Consumer", "0"),
                ("Nats-Consumer-Stalled", "$JS.FC.S.C.x"),
            ])
        };
        assert_eq!(feed(&mut tracker, &mut items, request()), "flow control");
        assert_eq!(feed(&mut tracker, &mut items, stalled()), "");
        assert_eq!(feed(&mut tracker, &mut items, stalled()), "");
        items.clear();
        assert_eq!(feed(&mut tracker, &mut items, stalled()), "flow control");
        let other = message(Some("$JS.FC.S.C.y".into()), Some(100), &[]);
        assert_eq!(feed(&mut tracker, &mut items, other), "flow control");
    }

    #[test]
    fn strangers_are_ignored() {
        let (mut tracker, mut items) = (tracker(), Vec::new());
        let stranger = message(Some("_INBOX.x".into()), None, &[]);
        assert_eq!(feed(&mut tracker, &mut items, stranger), "");
        assert_eq!(feed(&mut tracker, &mut items, message(None, None, &[])), "");
    }
}
