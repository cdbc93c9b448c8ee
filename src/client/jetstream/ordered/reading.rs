//! Messages that the transport cannot read, and those around them, by way of the API.
//!
//! A message whose headers the transport cannot read breaks the link each time a consumer delivers it. So when
//! there is a new link and the server has sent what did not arrive, the supervisor looks whether one of the next
//! messages is such a one. If so, they are read with `STREAM.MSG.GET` and delivered in their places: only when a
//! number of them in a row would not have broken the link is a consumer trusted again.
//!
//! A consumer that shows the latest messages of their subjects cannot be made to begin behind one of them.
//! Unless its stream has one message per subject, the latest ones up to that moment are then read one by one.

use std::time::Duration;

use futures_util::stream::{self, StreamExt, TryStreamExt};
use serde_json::{json, Value};

use super::shared::Shared;
use super::supervisor::Cause;
use super::types::{DeliverPolicy, Delivery, Opening};
use crate::client::error::{Code, Error, Result};
use crate::client::jetstream::{units, Json, JsonExt, StoredMessage};

/// After so many readable messages in a row a consumer is trusted again.
const READABLE_ENOUGH: u64 = 256;

/// How many messages are handed over before the owner has to be done with them.
const UNANSWERED: u64 = 64;

/// Requests on their way at a time.
const AT_A_TIME: usize = 64;

/// Messages read in the search for the latest ones are kept up to this size together, else read again.
const KEPT_BYTES: usize = 8 * 1024 * 1024;

/// How many messages ahead the one is looked for that the link broke upon. It may have been another consumer's,
/// and then those before it are lost, too.
const LOOKED_AT: usize = 16;

/// How long a message may take that the server has sent.
const ON_ITS_WAY: Duration = Duration::from_millis(250);

/// How many messages the search for the next one that is its subject's latest passes over.
const PASSED_OVER: usize = 256;

/// Looks.
impl Shared {
    /// What is wrong when there is a new link. Messages that were sent on the one before may be lost, and the
    /// next heartbeat, which would show it, may be far away.
    pub(super) async fn broken_by(&self) -> Option<Cause> {
        if self.is_blind() {
            return None;
        }
        let name = self.state().name.clone();
        let info = match self.js.consumer_info(&self.config.stream, &name).await {
            Ok(info) => info,
            // Whether the consumer is gone is for the heartbeats to tell.
            Err(error) => return self.broken_by_unreadable(&error).await,
        };
        let sent = |key| info.object("delivered").and_then(|sent| sent.number(key));
        let is_missing = || sent("consumer_seq") > Some(self.flow().tracker.consumer_seq());
        if !is_missing() {
            return None;
        }
        if self.is_stuck(sent("stream_seq")).await.unwrap_or(false) {
            return Some(Cause::Unreadable);
        }
        // It may be on its way on the new link.
        tokio::time::sleep(ON_ITS_WAY).await;
        is_missing().then_some(Cause::Mismatch)
    }

    /// What is wrong if the server does not say how much it has sent.
    async fn broken_by_unreadable(&self, error: &Error) -> Option<Cause> {
        match self.is_stuck(None).await {
            Ok(stuck) => stuck.then_some(Cause::Unreadable),
            Err(other) => {
                let is_denied = |error: &Error| error.code == Code::Permissions;
                if is_denied(error) && is_denied(&other) {
                    self.be_blind();
                }
                None
            }
        }
    }

    /// Whether one of the next messages is one that the transport cannot read, or of those up to a sequence.
    ///
    /// # Errors
    /// Those of [`JetStream::stream_msg_get`](crate::client::jetstream::JetStream::stream_msg_get).
    pub(super) async fn is_stuck(&self, up_to: Option<u64>) -> Result<bool> {
        loop {
            let at = self.flow().tracker.stream_seq();
            let stuck = self.is_unreadable(at + 1, up_to.unwrap_or(u64::MAX)).await;
            // What had arrived on the link before may have been handed over meanwhile.
            if self.flow().tracker.stream_seq() == at {
                return stuck;
            }
        }
    }

    async fn is_unreadable(&self, mut from: u64, up_to: u64) -> Result<bool> {
        let latest_only = self.resume() == Opening::Replayed;
        let mut ahead = 0;
        for _ in 0..PASSED_OVER {
            let message = self.next_stored(from).await?;
            let Some(message) = message.filter(|message| message.sequence <= up_to) else {
                return Ok(false);
            };
            from = message.sequence + 1;
            if latest_only && !self.is_latest(&message).await? {
                continue;
            }
            ahead += 1;
            if !message.is_readable || ahead == LOOKED_AT {
                return Ok(!message.is_readable);
            }
        }
        // To read the latest ones one by one takes less time than to look on.
        Ok(true)
    }

    async fn is_latest(&self, message: &StoredMessage) -> Result<bool> {
        let latest = self.found([("last_by_subj", message.subject.as_str().into())]);
        // A subject that JSON cannot express is not found.
        Ok(latest
            .await?
            .is_none_or(|latest| latest.sequence == message.sequence))
    }

    async fn next_stored(&self, from: u64) -> Result<Option<StoredMessage>> {
        let filters: Vec<&str> = self.filters().collect();
        self.js.next_of(&self.config.stream, &filters, from).await
    }

    async fn found<const N: usize>(
        &self,
        query: [(&str, Value); N],
    ) -> Result<Option<StoredMessage>> {
        let query = query.map(|(key, value)| (key.to_owned(), value));
        let query = Json::from_iter(query);
        self.js.stored(&self.config.stream, &query).await
    }

    fn filters(&self) -> impl Iterator<Item = &str> {
        let several = self.config.filter_subjects.iter().flatten();
        let filters = self.config.filter_subject.iter().chain(several);
        let all = match (&self.config.filter_subject, &self.config.filter_subjects) {
            (None, None) => Some(">"),
            _ => None,
        };
        filters.map(String::as_str).chain(all)
    }
}

/// Reading in a consumer's place.
impl Shared {
    /// Delivers what a consumer cannot, up to where one can be trusted again.
    pub(super) async fn read_on(&self, opening: Opening) -> Result<()> {
        let mut at = self.flow().tracker.stream_seq();
        let info = self.sound(Opening::Resumed, at + 1).await?;
        let name = info.text("name").unwrap_or_default();
        if opening == Opening::Replayed && self.keeps_several().await? {
            return self.read_latest(name).await;
        }
        let pending = info.number("num_pending").unwrap_or(0);
        let mut stand_in = StandIn::new(self, name, pending);
        let mut readable = 0;
        while readable < READABLE_ENOUGH {
            let Some(message) = self.next_stored(at + 1).await? else {
                break;
            };
            readable = if message.is_readable { readable + 1 } else { 0 };
            at = message.sequence;
            stand_in.deliver(message).await?;
        }
        Ok(())
    }

    /// Whether the stream may have several messages of a subject.
    async fn keeps_several(&self) -> Result<bool> {
        let info = self.js.stream_info(&self.config.stream).await?;
        let config = info.object("config");
        let most = config.and_then(|config| config.number("max_msgs_per_subject"));
        Ok(self.config.deliver_policy == DeliverPolicy::LastPerSubject && most != Some(1))
    }

    /// Delivers the latest messages of all subjects as they are now, but for those that came already.
    async fn read_latest(&self, name: &str) -> Result<()> {
        let (last, subjects) = self.subjects().await?;
        let behind = self.flow().tracker.stream_seq();
        let mut bytes = 0;
        let mut latest: Vec<(u64, Option<StoredMessage>)> = stream::iter(subjects)
            .map(|subject| async move { self.found([("last_by_subj", subject.into())]).await })
            .buffer_unordered(AT_A_TIME)
            .try_filter_map(|message| std::future::ready(Ok(message)))
            // Later ones are for the consumer that follows.
            .try_filter(|message| {
                std::future::ready(message.sequence > behind && message.sequence <= last)
            })
            .map_ok(|message| {
                bytes += self.length(&message);
                (message.sequence, (bytes < KEPT_BYTES).then_some(message))
            })
            .try_collect()
            .await?;
        latest.sort_unstable_by_key(|(sequence, _)| *sequence);
        let mut stand_in = StandIn::new(self, name, latest.len() as u64);
        let mut messages = stream::iter(latest)
            .map(|(sequence, message)| async move {
                match message {
                    Some(message) => Ok(Some(message)),
                    None => self.found([("seq", sequence.into())]).await,
                }
            })
            .buffered(AT_A_TIME);
        while let Some(message) = messages.next().await {
            // One that was replaced meanwhile comes later.
            if let Some(message) = message? {
                stand_in.deliver(message).await?;
            }
        }
        self.flow().tracker.pass(last);
        Ok(())
    }

    /// The stream's last sequence, and all subjects that pass the filters.
    async fn subjects(&self) -> Result<(u64, Vec<String>)> {
        let mut last = None;
        let mut subjects = Vec::new();
        for filter in self.filters() {
            let mut offset = 0;
            loop {
                let query = json!({ "subjects_filter": filter, "offset": offset });
                let call = format!("STREAM.INFO.{}", self.config.stream);
                let info = self.js.read(&call, query.to_string()).await?;
                let state = info.object("state");
                let page = state.and_then(|state| state.object("subjects"));
                let page = page.into_iter().flat_map(|page| page.keys().cloned());
                let known = subjects.len();
                subjects.extend(page);
                last = last.or(state.and_then(|state| state.number("last_seq")));
                offset += subjects.len() - known;
                let total = info.number("total").unwrap_or(0);
                if subjects.len() == known || offset as u64 >= total {
                    break;
                }
            }
        }
        subjects.sort_unstable();
        subjects.dedup();
        Ok((last.unwrap_or(0), subjects))
    }

    fn length(&self, message: &StoredMessage) -> usize {
        match self.config.headers_only {
            Some(true) => 0,
            _ => message.payload.len(),
        }
    }
}

/// Stands in for a consumer.
struct StandIn<'a> {
    shared: &'a Shared,
    /// What the messages name as their consumer.
    name: String,
    /// How many of them there are still to come.
    pending: u64,
    delivered: u64,
}

impl StandIn<'_> {
    fn new<'a>(shared: &'a Shared, name: &str, pending: u64) -> StandIn<'a> {
        shared.flow().begin(pending, Opening::Resumed);
        StandIn {
            shared,
            name: name.to_owned(),
            pending,
            delivered: 0,
        }
    }

    /// Delivers a message, and now and then waits until the owner is done with those before.
    async fn deliver(&mut self, message: StoredMessage) -> Result<()> {
        self.pending = self.pending.saturating_sub(1);
        self.delivered += 1;
        let delivery = self.delivery(message)?;
        let question = {
            let mut flow = self.shared.flow();
            flow.insert(delivery);
            self.delivered
                .is_multiple_of(UNANSWERED)
                .then(|| flow.insert_question())
        };
        if let Some(answer) = question {
            // It is answered by being dropped.
            let _ = answer.await;
        }
        Ok(())
    }

    fn delivery(&self, message: StoredMessage) -> Result<Delivery> {
        let config = &self.shared.config;
        let timestamp_ns = units::ns_from_time(&message.time).ok_or_else(|| {
            let time = &message.time;
            let text = format!("The server sent an unreadable time \"{time}\"");
            Error::new(Code::Protocol, text)
        })?;
        let (stream_seq, consumer_seq, pending) = (message.sequence, self.delivered, self.pending);
        let reply = format!(
            "$JS.ACK.{}.{}.1.{stream_seq}.{consumer_seq}.{timestamp_ns}.{pending}",
            config.stream, self.name
        );
        Ok(Delivery {
            message: message.into_delivered(reply, config.headers_only == Some(true)),
            stream_seq,
            consumer_seq,
            timestamp_ns,
            pending,
        })
    }
}
