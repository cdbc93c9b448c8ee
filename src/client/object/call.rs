//! A call of one of a bucket's methods: metas are read and written.

use std::future::Future;

use async_nats::header::{NATS_EXPECTED_LAST_SUBJECT_SEQUENCE, NATS_ROLLUP};
use async_nats::HeaderMap;
use bytes::Bytes;
use serde_json::json;

use super::handle::{corrupt, no_bucket, no_object, Store};
use super::meta::{Info, Meta};
use super::names::check_object;
use crate::client::connection::{Level, Publish};
use crate::client::error::{Code, Error, Result};
use crate::client::jetstream::{units, JetStream, Json, StoredMessage};

/// How often a change is tried while others change the same object.
pub(super) const TRIES: usize = 20;

/// The bucket, and a handle whose requests share a time limit.
#[derive(Clone)]
pub(super) struct Call {
    pub store: Store,
    pub js: JetStream,
}

/// The last message of an object's meta.
pub(super) struct Found {
    pub sequence: u64,
    /// In ms since the epoch.
    pub mtime: i64,
    /// None if it cannot be read.
    pub meta: Option<Meta>,
    payload: Bytes,
}

impl Store {
    /// The beginning of a call, from which its time counts.
    pub(super) fn call(&self) -> Call {
        Call {
            js: self.js().for_one_call(),
            store: self.clone(),
        }
    }

    /// What is known of an object; of a deleted one only if that is wanted.
    ///
    /// # Errors
    /// `InvalidArg` for a malformed name; `ObjectNotFound`; `ObjectCorrupt`; `BucketNotFound`; those of
    /// [`JetStream::api`].
    pub fn info(
        &self,
        name: &str,
        show_deleted: bool,
    ) -> impl Future<Output = Result<Info>> + Send + 'static {
        let checked = check_object(name);
        let (call, name) = (self.call(), name.to_owned());
        async move {
            checked?;
            let info = call.info(&name).await?;
            match info.meta.is_deleted() && !show_deleted {
                true => Err(no_object(&name)),
                false => Ok(info),
            }
        }
    }
}

/// Reads.
impl Call {
    /// The last meta of a name, as the stream's leader knows it, which never lags behind.
    pub(super) async fn last(&self, name: &str) -> Result<Option<Found>> {
        let query = last_of(&self.store.meta(name));
        match self.js.stream_msg_get(self.store.stream(), &query).await {
            Ok(message) => Ok(Some(Found::from(message))),
            Err(error) if error.code == Code::MsgNotFound => Ok(None),
            Err(error) => Err(self.store.missing(error)),
        }
    }

    /// The object of a name, be it deleted.
    pub(super) async fn info(&self, name: &str) -> Result<Info> {
        let found = self.last(name).await?.ok_or_else(|| no_object(name))?;
        let Found {
            sequence, mtime, ..
        } = found;
        Ok(self.describe(found.meta_of(name)?, sequence, mtime))
    }

    /// The object of a name, unless it is deleted.
    pub(super) async fn existing(&self, name: &str) -> Result<Info> {
        let info = self.info(name).await?;
        match info.meta.is_deleted() {
            true => Err(no_object(name)),
            false => Ok(info),
        }
    }

    /// A meta with its place in the stream.
    pub(super) fn describe(&self, meta: Meta, revision: u64, mtime: i64) -> Info {
        Info {
            bucket: self.store.name().to_owned(),
            meta,
            revision,
            mtime,
        }
    }
}

impl Found {
    /// The meta of an object, which is called what it was asked for by, whatever the meta says: changes go there.
    ///
    /// # Errors
    /// `ObjectCorrupt`
    pub(super) fn meta_of(self, name: &str) -> Result<Meta> {
        let meta = self.meta;
        let mut meta = meta.ok_or_else(|| corrupt(name, "meta", "meta cannot be read"))?;
        meta.set_name(name);
        Ok(meta)
    }

    /// Whether there is an object: one that cannot be read is one.
    pub(super) fn is_there(&self) -> bool {
        !self.meta.as_ref().is_some_and(Meta::is_deleted)
    }
}

impl From<StoredMessage> for Found {
    fn from(message: StoredMessage) -> Found {
        let time = units::ns_from_time(&message.time);
        Found {
            sequence: message.sequence,
            mtime: units::ms_from_ns(time.unwrap_or(0)),
            meta: Meta::read(&message.payload),
            payload: message.payload,
        }
    }
}

/// Writes.
impl Call {
    /// Stores a meta in the place of the one with the expected sequence (0: of none). Returns its own sequence.
    ///
    /// # Errors
    /// `WrongLastSequence` if somebody was faster; `BucketNotFound`, `NoResponders`, `MaxPayload`, `JsResponse`: it was
    /// not stored; `Timeout`, `ConnectionClosed`: it may have been.
    pub(super) async fn write(&self, meta: &Meta, expected: u64, known_by: KnownBy) -> Result<u64> {
        let message = self.message(meta, expected);
        let payload = message.payload.clone();
        let publish = || self.js.publish_for_sequence(message.clone());
        match self.until_answered(publish).await {
            (Err(error), true) if error.code == Code::WrongLastSequence => {
                // The answer to an earlier attempt may have got lost.
                let found = self.last(meta.name()).await;
                let unknown = |error: Error| Error::new(Code::Timeout, error.message);
                match found.map_err(unknown)? {
                    Some(found)
                        if found.sequence > expected && found.is_of(meta, &payload, known_by) =>
                    {
                        Ok(found.sequence)
                    }
                    _ => Err(error),
                }
            }
            (Err(error), _) if error.code == Code::NoResponders => Err(self.untaken(error).await),
            (outcome, _) => outcome,
        }
    }

    /// The message that stores a meta.
    pub(super) fn message(&self, meta: &Meta, expected: u64) -> Publish {
        let mut message = Publish::new(self.store.meta(meta.name()), meta.write());
        let mut headers = HeaderMap::new();
        headers.insert(NATS_EXPECTED_LAST_SUBJECT_SEQUENCE, expected.to_string());
        headers.insert(NATS_ROLLUP, "sub");
        message.headers = Some(headers);
        message
    }

    /// Removes chunks that nothing refers to any more. If that fails they are garbage, which is worth a warning only.
    pub(super) async fn purge_chunks(&self, nuid: &str) {
        let query = Json::from_iter([("filter".to_owned(), self.store.chunks(nuid).into())]);
        self.purge(&query).await;
    }

    /// Removes messages; as [`Call::purge_chunks`].
    pub(super) async fn purge(&self, query: &Json) {
        let stream = self.store.stream();
        let purged = self.until_answered(|| self.js.purge_stream(stream, query));
        if let (Err(error), _) = purged.await {
            let bucket = self.store.name();
            let text = format!("Object store {bucket}: what is not needed any more stays: {error}");
            self.js.connection.log(Level::Warn, text);
        }
    }

    /// Asks, and asks again when the link breaks before there is an answer. Says whether it was asked more than once.
    async fn until_answered<T, F>(&self, ask: impl Fn() -> F) -> (Result<T>, bool)
    where
        F: Future<Output = Result<T>>,
    {
        let mut again = false;
        loop {
            // Before the question, which may be on its way when the call returns.
            let relinked = self.js.connection.relinked();
            tokio::select! {
                biased;
                answer = ask() => return (answer, again),
                () = relinked => again = true,
            }
        }
    }

    /// Why nobody listens to a write: an election is no deletion.
    pub(super) async fn untaken(&self, error: Error) -> Error {
        let info = self.js.for_a_look().stream_info(self.store.stream());
        match info.await {
            Err(gone) if gone.code == Code::StreamNotFound => no_bucket(self.store.name()),
            Err(closed) if closed.code == Code::ConnectionClosed => closed,
            _ => error,
        }
    }
}

/// How a meta of one's own is recognised.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum KnownBy {
    /// Nobody else has its nuid.
    Nuid,
    Payload,
}

impl Found {
    /// Whether it is what was to be stored. That of a put may have been changed since.
    fn is_of(&self, meta: &Meta, payload: &Bytes, known_by: KnownBy) -> bool {
        match (known_by, &self.meta) {
            (KnownBy::Nuid, Some(found)) => found.nuid() == meta.nuid(),
            _ => self.payload == payload,
        }
    }
}

/// The query for the last message of a subject.
pub(super) fn last_of(subject: &str) -> Json {
    let query = json!({ "last_by_subj": subject });
    query.as_object().cloned().unwrap_or_default()
}
