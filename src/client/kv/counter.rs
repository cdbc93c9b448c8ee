//! Counters ([ADR-49]): what is written is what is added, and the server keeps the total.
//!
//! [ADR-49]: https://github.com/nats-io/nats-architecture-and-design/blob/main/adr/ADR-49.md

use std::future::Future;

use async_nats::header::NATS_MESSAGE_ID;
use bytes::Bytes;

use super::call::Call;
use super::count::{Integer, INCREMENT};
use super::entry::Entry;
use super::features::{counters_only, no_counters, Needed};
use super::handle::{not_found, Bucket};
use crate::client::connection::Publish;
use crate::client::error::{Code, Result};
use crate::client::jetstream::{Json, JsonExt};
use crate::client::message::HeaderMap;

impl Bucket {
    /// Adds to a counter; one that does not exist begins with 0. Returns the new total. With an id the server knows
    /// the same again, for as long as its duplicate window is: then nothing is added, and the present total returned.
    ///
    /// # Errors
    /// `InvalidArg` for a malformed key; `NotCounter` if the bucket's values are none; `Timeout`, after which it may
    /// have been added all the same; those of [`Bucket::put`] and, with an id, of [`Bucket::get`].
    pub fn incr(
        &self,
        key: &str,
        increment: &Integer,
        id: Option<&str>,
    ) -> impl Future<Output = Result<Integer>> + Send + 'static {
        let message = self.increment(key, increment, id);
        let (call, key) = (self.call(), key.to_owned());
        async move {
            let message = message?;
            call.able(Needed::Counters).await?;
            call.add(&key, message).await
        }
    }

    /// Takes from a counter what it has, so that increments that come in between survive. Returns what is left.
    ///
    /// # Errors
    /// `KeyNotFound`; those of [`Bucket::incr`] and [`Bucket::get`].
    pub fn reset(&self, key: &str) -> impl Future<Output = Result<Integer>> + Send + 'static {
        let checked = self.check_key(key);
        let (call, key) = (self.call(), key.to_owned());
        async move {
            checked?;
            call.able(Needed::Counters).await?;
            let total = call.total(&key).await?;
            let message = call.bucket.increment(&key, &total.negated(), None)?;
            call.add(&key, message).await
        }
    }

    /// Whether the values are known to be counters.
    pub fn counts(&self) -> bool {
        let known = self.learned().known();
        known.is_some_and(|features| features.counters)
    }

    /// Whether values can be written, other than counted.
    ///
    /// # Errors
    /// `NotCounter`; those of [`Bucket::get`].
    pub fn check_values(&self) -> impl Future<Output = Result<()>> + Send + 'static {
        let call = self.call();
        async move { call.writes_values().await }
    }

    /// The message that adds to a counter.
    fn increment(&self, key: &str, increment: &Integer, id: Option<&str>) -> Result<Publish> {
        let mut headers = HeaderMap::new();
        headers.insert(INCREMENT, increment.as_str());
        if let Some(id) = id {
            headers.insert(NATS_MESSAGE_ID, id);
        }
        self.message(key, Bytes::new(), Some(headers))
    }
}

impl Call {
    /// Whether the values are counters. If it is known so far that they are the server is asked, for the bucket may
    /// have been made anew.
    ///
    /// # Errors
    /// Those of [`Call::able`].
    pub(super) async fn counts(&self) -> Result<bool> {
        if !self.bucket.counts() {
            return Ok(false);
        }
        match Box::pin(self.fresh_features()).await {
            Ok(features) => Ok(features.counters),
            Err(error) if error.code == Code::Permissions => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// Whether values are written as they are.
    ///
    /// # Errors
    /// `NotCounter`; those of [`Call::able`].
    pub(super) async fn writes_values(&self) -> Result<()> {
        match self.counts().await? {
            true => Err(counters_only(self.bucket.name())),
            false => Ok(()),
        }
    }

    /// Publishes an increment.
    async fn add(&self, key: &str, message: Publish) -> Result<Integer> {
        let acknowledgement = match self.js.publish_within(message).await {
            Ok(acknowledgement) => acknowledgement,
            Err(error) if error.code == DISABLED => return Err(no_counters(self.bucket.name())),
            Err(error) => return Err(Box::pin(self.refusal(error)).await),
        };
        if let Some(revision) = acknowledgement.number("seq") {
            self.bucket.wrote(revision);
        }
        match acknowledgement.text("val").and_then(Integer::read) {
            Some(total) => Ok(total),
            // It says only that it has had this before.
            None if acknowledgement.flag("duplicate") => self.total(key).await,
            // It was stored like any other message.
            None => Err(no_counters(self.bucket.name())),
        }
    }

    /// What a counter has, as the leader knows it if it may be asked.
    async fn total(&self, key: &str) -> Result<Integer> {
        let entry = self.entry_once_more(key).await?;
        total_of(&entry).ok_or_else(|| no_counters(self.bucket.name()))
    }

    /// Has a counter begin with 0 again, without a marker.
    pub(super) async fn forget(&self, key: &str) -> Result<()> {
        let taker = self.bucket.subjects().taker();
        let filter = self.bucket.subjects().stored(key);
        let filter = Json::from_iter([("filter".to_owned(), filter.into())]);
        let purged = self.js.at(&taker.api).purge_stream(&taker.stream, &filter);
        match purged.await {
            Err(error) if error.code == Code::StreamNotFound => Err(not_found(self.bucket.name())),
            purged => purged.map(drop),
        }
    }
}

fn total_of(entry: &Entry) -> Option<Integer> {
    entry.count.as_ref()?;
    Integer::read(std::str::from_utf8(&entry.value).ok()?)
}

/// The server's word for an increment where values are no counters.
const DISABLED: Code = Code::JsResponse {
    code: 400,
    err_code: 10168,
};
