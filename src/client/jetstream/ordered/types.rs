//! What is consumed, and what comes of it.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_nats::Subject;
use bytes::Bytes;
use tokio::sync::oneshot;

use crate::client::connection::{Connection, Hold, Publish};
use crate::client::error::Error;
use crate::client::jetstream::Json;
use crate::client::message::Delivered;

/// Batches above this size do not keep their memory afterwards.
pub(crate) const KEPT_CAPACITY: usize = 64;

/// Where a consumer begins in its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliverPolicy {
    All,
    Last,
    New,
    ByStartSequence,
    ByStartTime,
    LastPerSubject,
}

impl DeliverPolicy {
    /// All policies, in the order in which the server documents them.
    pub const ALL: [DeliverPolicy; 6] = [
        DeliverPolicy::All,
        DeliverPolicy::Last,
        DeliverPolicy::New,
        DeliverPolicy::ByStartSequence,
        DeliverPolicy::ByStartTime,
        DeliverPolicy::LastPerSubject,
    ];

    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            DeliverPolicy::All => "all",
            DeliverPolicy::Last => "last",
            DeliverPolicy::New => "new",
            DeliverPolicy::ByStartSequence => "by_start_sequence",
            DeliverPolicy::ByStartTime => "by_start_time",
            DeliverPolicy::LastPerSubject => "last_per_subject",
        }
    }

    /// The policy a word names.
    pub fn from_word(word: &str) -> Option<DeliverPolicy> {
        Self::ALL.into_iter().find(|policy| policy.as_str() == word)
    }
}

/// What to consume.
#[derive(Debug, Clone)]
pub struct OrderedConfig {
    pub stream: String,
    /// `None`: all subjects.
    pub filter_subject: Option<String>,
    /// Several filters, instead of one.
    pub filter_subjects: Option<Vec<String>>,
    pub description: Option<String>,
    pub headers_only: Option<bool>,
    pub deliver_policy: DeliverPolicy,
    /// Where [`DeliverPolicy::ByStartSequence`] begins.
    pub opt_start_seq: Option<u64>,
    /// Where [`DeliverPolicy::ByStartTime`] begins, in the server's notation.
    pub opt_start_time: Option<String>,
    pub idle_heartbeat: Duration,
    /// The stream's `created`, if known. Then a consumer that vanished makes this one look whether
    /// the stream is still the same, and start over if it was deleted and made anew.
    pub stream_created: Option<String>,
}

impl OrderedConfig {
    /// All messages of a stream, with a heartbeat every 5 s.
    pub fn new(stream: &str) -> OrderedConfig {
        OrderedConfig {
            stream: stream.to_owned(),
            filter_subject: None,
            filter_subjects: None,
            description: None,
            headers_only: None,
            deliver_policy: DeliverPolicy::All,
            opt_start_seq: None,
            opt_start_time: None,
            idle_heartbeat: Duration::from_secs(5),
            stream_created: None,
        }
    }

    /// The stream sequence before which nothing is wanted, if it is known.
    pub(super) fn first_sequence(&self) -> Option<u64> {
        let first = self.opt_start_seq.filter(|first| *first > 0);
        first.filter(|_| self.deliver_policy == DeliverPolicy::ByStartSequence)
    }

    /// Only messages whose subjects match one of the filters, of which no two may overlap; none: all messages.
    /// A server knows several filters from 2.10 on.
    pub fn filtered_by(mut self, filters: Vec<String>) -> OrderedConfig {
        (self.filter_subject, self.filter_subjects) = match <[String; 1]>::try_from(filters) {
            Ok([filter]) => (Some(filter), None),
            Err(filters) => (None, (!filters.is_empty()).then_some(filters)),
        };
        self
    }
}

/// Receives what an ordered consumer has to say, one call at a time, on a runtime thread.
///
/// Must not block, and must not call back into the consumer (see the module documentation).
pub trait Observer: Send + 'static {
    /// In stream order. What is left in the vector is dropped; it may be taken as a whole.
    fn deliver(&mut self, items: &mut Vec<Item>);

    /// Something about the consumer itself has changed.
    fn changed(&mut self, change: Change);

    /// Asked after a delivery: whether a pause matters so much that [`Item::CaughtUp`] shall not
    /// wait for a heartbeat.
    fn is_impatient(&self) -> bool {
        false
    }

    /// Asked after a delivery: when the observer wants to be told how late it is, unless something comes before
    /// that.
    fn waits_until(&self) -> Option<Instant> {
        None
    }

    /// The time that [`Observer::waits_until`] named has come.
    fn waited(&mut self) {}

    /// The connection is drained. Whether the consumer shall end with what has come; the observer may keep
    /// `hold` until it has dealt with that. Else it goes on until its owner has enough.
    fn drain(&mut self, _hold: &Hold) -> bool {
        true
    }

    /// Asked at a reset: how to go on.
    fn resume(&mut self) -> Resume {
        Resume::FromNext
    }
}

/// How a consumer goes on after a reset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resume {
    /// With the message after the last one delivered.
    FromNext,
    /// As at first, with the same policy: the observer drops what it has seen already.
    Replay,
}

/// Which beginning this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opening {
    /// The consumer's first one.
    First,
    /// After a reset, [`Resume::FromNext`].
    Resumed,
    /// After a reset, [`Resume::Replay`].
    Replayed,
    /// The stream was deleted and made anew: sequences begin again, everything in it is unseen.
    Recreated,
}

/// A step in the life of what a consumer delivers.
#[derive(Debug)]
pub enum Item {
    /// A consumer was created; so many messages waited for it at that moment.
    Created { num_pending: u64, opening: Opening },
    /// The next message.
    Message(Delivery),
    /// The server has nothing more at the moment, as a heartbeat says, or for an impatient observer
    /// a quarter of a second of silence. Said once per pause.
    CaughtUp,
    /// The server waits for an answer before it sends more.
    FlowControl(FlowControl),
}

/// A message with its place in the stream.
#[derive(Debug)]
pub struct Delivery {
    pub message: Delivered,
    pub stream_seq: u64,
    pub consumer_seq: u64,
    /// When it was stored, in nanoseconds since the epoch.
    pub timestamp_ns: i64,
    /// Messages left for the consumer after this one.
    pub pending: u64,
}

/// A question of the server's: was everything up to here dealt with?
///
/// Until it is answered the server sends a limited amount more, which is what keeps memory bounded
/// when the receiver is slow. The server repeats an unanswered question with each heartbeat; that
/// yields no second item while the first one exists. Dropping it unanswered lets the repetition
/// through.
pub struct FlowControl(pub(super) Asker);

pub(super) enum Asker {
    Server {
        connection: Connection,
        subject: Subject,
        outstanding: Arc<AtomicBool>,
    },
    /// What reads messages in the server's place; it goes on when this is dropped.
    Reader { _waits: oneshot::Sender<()> },
}

impl FlowControl {
    /// Tells the server to go on. A lost answer is made good by the server's repetition.
    pub fn answer(self) {
        if let Asker::Server {
            connection,
            subject,
            ..
        } = &self.0
        {
            let _ = connection.publish_control(Publish::new(subject.clone(), Bytes::new()));
        }
    }

    pub(super) fn of_reader(waits: oneshot::Sender<()>) -> FlowControl {
        FlowControl(Asker::Reader { _waits: waits })
    }
}

impl fmt::Debug for FlowControl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let subject = match &self.0 {
            Asker::Server { subject, .. } => subject.as_str(),
            Asker::Reader { .. } => "",
        };
        f.debug_tuple("FlowControl").field(&subject).finish()
    }
}

impl Drop for FlowControl {
    fn drop(&mut self) {
        if let Asker::Server { outstanding, .. } = &self.0 {
            outstanding.store(false, Ordering::Release);
        }
    }
}

/// A change of the consumer itself.
#[derive(Debug, Clone)]
pub enum Change {
    /// The link broke: nothing comes before there is another one.
    Unlinked,
    /// A reset begins: there is no consumer, its name is empty.
    Resetting,
    /// A reset succeeded: the consumer's new name and information.
    Created { name: String, info: Json },
    /// The consumer's last error; worth a warning in a log.
    Error(Error),
    /// The consumer has stopped for good, for the reason told before.
    Stopped,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_filter_and_several() {
        let filtered = |filters: &[&str]| {
            let filters = filters.iter().map(|&filter| filter.to_owned()).collect();
            let config = OrderedConfig::new("S").filtered_by(filters);
            (config.filter_subject, config.filter_subjects)
        };
        assert_eq!(filtered(&[]), (None, None));
        assert_eq!(filtered(&["a"]), (Some("a".into()), None));
        let several = vec!["a".to_owned(), "b".to_owned()];
        assert_eq!(filtered(&["a", "b"]), (None, Some(several)));
    }
}
