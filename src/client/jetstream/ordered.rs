//! The ordered consumer: every message of a stream once and in order, whatever happens in between
//! ([ADR-17], jetstream.md §11).
//!
//! It is an ephemeral push consumer that acknowledges nothing. Instead each message carries the
//! consumer's sequence number, and heartbeats carry the last one sent: a gap or a silence means that
//! something was lost, and the consumer is created anew behind the last message that arrived.
//!
//! - `tracker`: the rules, without any input or output
//! - `creation`: what is asked of the server
//! - `flow`: the way of a message from the subscription through the rules to the observer
//! - `supervisor`: the task that notices silence, creates the consumer again, retries, gives up
//!
//! A message passes from the connection's task to the [`Observer`] in one call: no task, queue or
//! allocation of its own.
//!
//! # Locks
//!
//! *Flow* holds the sequence state and the observer. Only the connection's tasks and the supervisor
//! take it, and it stays locked while the observer is called: so deliveries of an old subscription
//! cannot overtake those of its successor. *Face* holds what owners ask for (name, info, …). Flow
//! may be held when face is taken, never the other way round; no owner's call waits for flow. Hence
//! an observer must not block, but may take any lock that its owner holds while calling in here.
//!
//! [ADR-17]: https://github.com/nats-io/nats-architecture-and-design/blob/main/adr/ADR-17.md

mod creation;
mod flow;
mod supervisor;
mod tracker;

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::time::Duration;

use async_nats::{Message, Subject};
use bytes::Bytes;
use tokio::task::AbortHandle;

use super::{JetStream, Json};
use crate::client::connection::{Connection, Publish};
use crate::client::error::{Error, Result};
use supervisor::Shared;

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
    pub message: Message,
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
pub struct FlowControl {
    connection: Connection,
    subject: Subject,
    outstanding: Arc<AtomicBool>,
}

impl FlowControl {
    /// Tells the server to go on. A lost answer is made good by the server's repetition.
    pub fn answer(self) {
        let answer = Publish::new(self.subject.clone(), Bytes::new());
        let _ = self.connection.publish(answer);
    }
}

impl fmt::Debug for FlowControl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FlowControl").field(&self.subject).finish()
    }
}

impl Drop for FlowControl {
    fn drop(&mut self) {
        self.outstanding.store(false, Ordering::Release);
    }
}

/// A change of the consumer itself.
#[derive(Debug, Clone)]
pub enum Change {
    /// A reset begins: there is no consumer, its name is empty.
    Resetting,
    /// A reset succeeded: the consumer's new name and information.
    Created { name: String, info: Json },
    /// The consumer's last error; worth a warning in a log.
    Error(Error),
    /// The consumer has stopped for good, for the reason told before.
    Stopped,
}

/// A running ordered consumer. Dropping it stops it.
pub struct OrderedConsumer {
    shared: Arc<Shared>,
    supervisor: AbortHandle,
}

impl OrderedConsumer {
    /// Creates the consumer on the server. The observer hears nothing before
    /// [`OrderedConsumer::start`]; what arrives earlier is kept.
    ///
    /// # Errors
    /// `StreamNotFound`, `JsResponse` for settings the server refuses; those of
    /// [`JetStream::api`]. Nothing is left behind then.
    pub async fn create(
        js: &JetStream,
        config: OrderedConfig,
        observer: Box<dyn Observer>,
    ) -> Result<OrderedConsumer> {
        let shared = Shared::new(js.clone(), config, observer);
        shared.open(Opening::First).await?;
        let supervisor = tokio::spawn(shared.clone().supervise()).abort_handle();
        Ok(OrderedConsumer { shared, supervisor })
    }

    /// Lets deliveries begin.
    pub fn start(&self) {
        self.shared.start();
    }

    /// The name the server gave it; empty during a reset and after the end.
    pub fn name(&self) -> String {
        self.shared.face().name.clone()
    }

    /// The reply to its latest creation, durations in milliseconds.
    pub fn info(&self) -> Json {
        self.shared.face().info.clone()
    }

    /// What went wrong last; never cleared.
    pub fn last_error(&self) -> Option<Error> {
        self.shared.face().last_error.clone()
    }

    /// How long to wait after a failed reset, 10 s unless set. Read when a wait begins.
    pub fn set_retry_interval(&self, interval: Duration) {
        self.shared.face().retry_interval = interval;
    }

    /// As [`OrderedConsumer::stop`], and the server removes the consumer at once: for consumers so
    /// short-lived that many could add up in those 2 s. Nothing is waited for.
    pub(crate) fn remove(&self) {
        let name = self.name();
        self.stop();
        if !name.is_empty() {
            self.shared.delete(&name);
        }
    }

    /// Ends the consumption. The server removes the consumer after 2 s without interest. A
    /// delivery that is under way may still complete.
    pub fn stop(&self) {
        self.supervisor.abort();
        self.shared.stop();
    }
}

impl Drop for OrderedConsumer {
    fn drop(&mut self) {
        self.stop();
    }
}
