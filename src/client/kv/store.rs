//! A bucket's reads and writes (kv.md §5, §6).

use std::future::Future;
use std::sync::Arc;

use async_nats::header::{NATS_EXPECTED_LAST_SUBJECT_SEQUENCE, NATS_ROLLUP};
use async_nats::HeaderMap;
use bytes::Bytes;

use super::bucket::stream_name;
use super::entry::{Entry, KV_OPERATION};
use super::names::check_key;
use super::subjects::Subjects;
use crate::client::connection::Publish;
use crate::client::error::{Code, Error, Result};
use crate::client::jetstream::{DirectQuery, JetStream, Json, JsonExt, StoredMessage};
use crate::client::subject;

/// A key-value bucket. Cloning it is cheap.
#[derive(Clone)]
pub struct Bucket(Arc<Inner>);

struct Inner {
    js: JetStream,
    name: String,
    stream: String,
    subjects: Subjects,
    /// Whether any server that has the data may answer reads.
    direct: bool,
    /// When the stream was created: a bucket that was deleted and made anew has another time.
    created: String,
}

impl Bucket {
    /// `info` is the server's description of the bucket's stream.
    pub(super) fn new(js: JetStream, name: String, info: &Json) -> Bucket {
        let none = Json::new();
        let config = info.object("config").unwrap_or(&none);
        Bucket(Arc::new(Inner {
            stream: stream_name(&name),
            subjects: Subjects::new(js.prefix(), &name, config),
            direct: config.flag("allow_direct"),
            created: info.text("created").unwrap_or_default().to_owned(),
            js,
            name,
        }))
    }

    /// The name without the `KV_` of its stream.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    pub(super) fn js(&self) -> &JetStream {
        &self.0.js
    }

    pub(super) fn subjects(&self) -> &Subjects {
        &self.0.subjects
    }

    pub(super) fn stream_created(&self) -> &str {
        &self.0.created
    }
}

/// Reads.
impl Bucket {
    /// The latest entry of a key, or one of its revisions.
    ///
    /// # Errors
    /// `InvalidArg` for a malformed key or revision 0; `KeyNotFound` if there is no such entry or
    /// it is a deletion; `BucketNotFound`; those of [`JetStream::api`].
    pub fn get(
        &self,
        key: &str,
        revision: Option<u64>,
    ) -> impl Future<Output = Result<Entry>> + Send + 'static {
        let checked = check_key(key).and_then(|()| match revision {
            Some(0) => Err(Error::invalid_arg("Revisions begin with 1")),
            _ => Ok(()),
        });
        let (bucket, key) = (self.clone(), key.to_owned());
        async move {
            checked?;
            let entry = bucket.look_up(&key, revision).await?;
            if !entry.is_put() {
                return Err(bucket.no_key(&key));
            }
            Ok(entry)
        }
    }

    /// An entry of a key, be it a value or a deletion.
    async fn look_up(&self, key: &str, revision: Option<u64>) -> Result<Entry> {
        let subject = self.subjects().stored(key);
        let message = self.stored(&subject, revision).await;
        self.entry_of(key, &subject, message)
    }

    fn entry_of(&self, key: &str, subject: &str, message: Result<StoredMessage>) -> Result<Entry> {
        match message {
            Ok(message) if *message.subject == *subject => {
                Entry::from_stored(message, self.subjects().prefix())
            }
            Ok(_) => Err(self.no_key(key)),
            Err(error) => Err(match error.code {
                Code::MsgNotFound => self.no_key(key),
                Code::StreamNotFound => not_found(self.name()),
                _ => error,
            }),
        }
    }

    /// No question whether the stream exists comes first: its mirrors may answer without it. The ways that
    /// are rarely gone are boxed, so that the others' futures stay small.
    async fn stored(&self, subject: &str, revision: Option<u64>) -> Result<StoredMessage> {
        if !self.0.direct {
            return Box::pin(self.stored_at_leader(subject, revision)).await;
        }
        let query = revision.map(by_sequence);
        let query = match &query {
            Some(query) => DirectQuery::Json(query),
            None => DirectQuery::LastBySubject(subject),
        };
        match self.js().stream_direct_get(&self.0.stream, query).await {
            Err(error) if error.code == Code::NoResponders => {
                Box::pin(self.stored_unless_direct(subject, revision, error)).await
            }
            found => found,
        }
    }

    /// Nobody answers direct reads: the bucket may be gone, or have been told not to.
    async fn stored_unless_direct(
        &self,
        subject: &str,
        revision: Option<u64>,
        error: Error,
    ) -> Result<StoredMessage> {
        match self.js().stream_info(&self.0.stream).await {
            Ok(info)
                if !info
                    .object("config")
                    .is_some_and(|c| c.flag("allow_direct")) =>
            {
                self.stored_at_leader(subject, revision).await
            }
            Err(missing) if missing.code == Code::StreamNotFound => Err(missing),
            _ => Err(error),
        }
    }

    async fn stored_at_leader(
        &self,
        subject: &str,
        revision: Option<u64>,
    ) -> Result<StoredMessage> {
        let query = revision.map_or_else(
            || Json::from_iter([("last_by_subj".to_owned(), subject.into())]),
            by_sequence,
        );
        self.js().stream_msg_get(&self.0.stream, &query).await
    }
}

/// Writes. Each returns the new revision, unless stated otherwise.
impl Bucket {
    /// Stores a value.
    ///
    /// # Errors
    /// `InvalidArg` for a malformed key; `BucketNotFound`, also for a bucket that cannot be
    /// written; `MaxPayload`; `JsResponse`, such as 400/10054 for a value that is too long for the
    /// bucket; `Timeout`, after which it may be stored all the same; `ConnectionClosed`.
    pub fn put(
        &self,
        key: &str,
        value: Bytes,
    ) -> impl Future<Output = Result<u64>> + Send + 'static {
        self.write(key, value, None)
    }

    /// Stores a value if the key's latest revision is the given one; 0: if there is none.
    ///
    /// # Errors
    /// `WrongLastSequence`; those of [`Bucket::put`].
    pub fn update(
        &self,
        key: &str,
        value: Bytes,
        revision: u64,
    ) -> impl Future<Output = Result<u64>> + Send + 'static {
        self.write(key, value, Some(expecting(HeaderMap::new(), revision)))
    }

    /// Stores a value if the key has none: it never had one, or was deleted, or it expired.
    ///
    /// # Errors
    /// `WrongLastSequence`; those of [`Bucket::put`] and [`Bucket::get`].
    pub fn create(
        &self,
        key: &str,
        value: Bytes,
    ) -> impl Future<Output = Result<u64>> + Send + 'static {
        let first = self.update(key, value.clone(), 0);
        let (bucket, key) = (self.clone(), key.to_owned());
        async move {
            let conflict = match first.await {
                Err(error) if error.code == Code::WrongLastSequence => error,
                outcome => return outcome,
            };
            match bucket.conflicting(&key, last_sequence(&conflict)).await {
                Ok(entry) if !entry.is_put() => bucket.update(&key, value, entry.revision).await,
                Ok(_) => Err(conflict),
                // A mirror that lags behind does not know of the entry yet.
                Err(error) if error.code == Code::KeyNotFound => Err(conflict),
                Err(error) => Err(error),
            }
        }
    }

    /// The entry that a new one is in conflict with. A replica that lags behind may not know of it
    /// yet; the leader, which has refused the new one, does.
    async fn conflicting(&self, key: &str, revision: Option<u64>) -> Result<Entry> {
        match self.look_up(key, revision).await {
            Err(error) if error.code == Code::KeyNotFound => {}
            found => return found,
        }
        let subject = self.subjects().stored(key);
        let message = self.stored_at_leader(&subject, revision).await;
        self.entry_of(key, &subject, message)
    }

    /// Marks a key as deleted, whether it exists or not; its history stays. With a revision other
    /// than 0 only if that is the latest.
    ///
    /// # Errors
    /// `WrongLastSequence`; those of [`Bucket::put`].
    pub fn delete(
        &self,
        key: &str,
        revision: Option<u64>,
    ) -> impl Future<Output = Result<()>> + Send + 'static {
        let mut headers = HeaderMap::new();
        headers.insert(KV_OPERATION.clone(), "DEL");
        if let Some(revision) = revision.filter(|revision| *revision > 0) {
            headers = expecting(headers, revision);
        }
        let written = self.write(key, Bytes::new(), Some(headers));
        async move { written.await.map(drop) }
    }

    /// Deletes a key with its history, whether it exists or not.
    ///
    /// # Errors
    /// Those of [`Bucket::put`].
    pub fn purge(&self, key: &str) -> impl Future<Output = Result<()>> + Send + 'static {
        let mut headers = HeaderMap::new();
        headers.insert(KV_OPERATION.clone(), "PURGE");
        headers.insert(NATS_ROLLUP, "sub");
        let written = self.write(key, Bytes::new(), Some(headers));
        async move { written.await.map(drop) }
    }

    /// Stores the value of an earlier revision again, byte by byte.
    ///
    /// # Errors
    /// Those of [`Bucket::get`] and [`Bucket::put`].
    pub fn revert(
        &self,
        key: &str,
        revision: u64,
    ) -> impl Future<Output = Result<u64>> + Send + 'static {
        let entry = self.get(key, Some(revision));
        let (bucket, key) = (self.clone(), key.to_owned());
        async move { bucket.put(&key, entry.await?.value).await }
    }

    fn write(
        &self,
        key: &str,
        value: Bytes,
        headers: Option<HeaderMap>,
    ) -> impl Future<Output = Result<u64>> + Send + 'static {
        let sent = self.publish(key, value, headers);
        let bucket = self.clone();
        async move {
            match sent?.await {
                // No stream listens.
                Err(error) if error.code == Code::NoResponders => Err(not_found(bucket.name())),
                outcome => outcome,
            }
        }
    }

    fn publish(
        &self,
        key: &str,
        value: Bytes,
        headers: Option<HeaderMap>,
    ) -> Result<impl Future<Output = Result<u64>> + Send + 'static> {
        check_key(key)?;
        let subject = self.subjects().written(key);
        subject::check_publish(&subject, true)?;
        let mut message = Publish::new(subject, value);
        message.headers = headers;
        let limit = Some(self.js().timeout());
        Ok(self.js().publish_for_sequence(message, limit))
    }
}

/// Errors that name what is missing.
impl Bucket {
    pub(super) fn no_key(&self, key: &str) -> Error {
        Error::new(
            Code::KeyNotFound,
            format!("Key {key} not found in bucket {}", self.name()),
        )
    }

    /// The bucket is gone, for the methods that have always spelled the code without `Err`.
    pub(super) fn missing_bare(&self) -> Error {
        Error {
            code: Code::BucketNotFoundBare,
            ..not_found(self.name())
        }
    }
}

pub(super) fn not_found(bucket: &str) -> Error {
    Error::new(Code::BucketNotFound, format!("Bucket {bucket} not found"))
}

fn by_sequence(sequence: u64) -> Json {
    Json::from_iter([("seq".to_owned(), sequence.into())])
}

fn expecting(mut headers: HeaderMap, revision: u64) -> HeaderMap {
    headers.insert(NATS_EXPECTED_LAST_SUBJECT_SEQUENCE, revision.to_string());
    headers
}

/// The key's last sequence, which a conflict names at its end ("wrong last sequence: 17"). To ask
/// for that very message is better than for the latest, of which a replica may have an older idea.
fn last_sequence(conflict: &Error) -> Option<u64> {
    let (_, number) = conflict.message.rsplit_once(' ')?;
    number.parse().ok().filter(|sequence| *sequence > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_sequence_in_a_conflict() {
        let named = |text| last_sequence(&Error::new(Code::WrongLastSequence, text));
        assert_eq!(named("wrong last sequence: 17"), Some(17));
        assert_eq!(named("wrong last sequence: 0"), None);
        assert_eq!(named("wrong last sequence"), None);
        assert_eq!(named(""), None);
    }

    #[test]
    fn expected_revisions() {
        let headers = expecting(HeaderMap::new(), 5);
        let name = "Nats-Expected-Last-Subject-Sequence";
        assert_eq!(headers.get(name).map(|value| value.as_str()), Some("5"));
    }
}
