//! A call of one of a bucket's methods: one request, or several within one time limit.

use super::entry::Entry;
use super::features::{counters_only, Features, Needed};
use super::handle::{not_found, Bucket};
use crate::client::connection::Publish;
use crate::client::error::{Code, Error, Result};
use crate::client::jetstream::{DirectQuery, JetStream, Json, JsonExt, StoredMessage};

/// The bucket, and a handle whose requests share the time limit.
pub(super) struct Call {
    pub bucket: Bucket,
    pub js: JetStream,
}

/// What the server says of a stream to which nobody listens.
pub(super) enum Presence {
    /// It has this configuration.
    There(Json),
    Gone,
    /// The server does not say.
    Unknown,
}

/// The server's word for a value that is written to a counter.
const NO_INCREMENT: Code = Code::JsResponse {
    code: 400,
    err_code: 10169,
};

/// Reads.
impl Call {
    /// An entry of a key, be it a value or a deletion.
    pub(super) async fn entry(&self, key: &str, revision: Option<u64>) -> Result<Entry> {
        let subject = self.bucket.subjects().stored(key);
        let message = self.stored(&subject, revision).await;
        self.entry_of(key, &subject, message)
    }

    /// The same, as the stream's leader knows it, which never lags behind.
    pub(super) async fn entry_at_leader(&self, key: &str) -> Result<Entry> {
        let subject = self.bucket.subjects().stored(key);
        let message = self.stored_at_leader(&subject, None).await;
        self.entry_of(key, &subject, message)
    }

    fn entry_of(&self, key: &str, subject: &str, message: Result<StoredMessage>) -> Result<Entry> {
        let bucket = &self.bucket;
        match message {
            Ok(message) if *message.subject == *subject => {
                Entry::from_stored(message, bucket.subjects().prefix())
            }
            Ok(_) => Err(bucket.no_key(key)),
            Err(error) => Err(match error.code {
                Code::MsgNotFound => bucket.no_key(key),
                Code::StreamNotFound => not_found(bucket.name()),
                _ => error,
            }),
        }
    }

    /// No question whether the stream exists comes first: its mirrors may answer without it. The ways that
    /// are rarely gone are boxed, so that the others' futures stay small.
    async fn stored(&self, subject: &str, revision: Option<u64>) -> Result<StoredMessage> {
        if !self.bucket.is_direct() {
            return Box::pin(self.stored_at_leader(subject, revision)).await;
        }
        let query = revision.map(by_sequence);
        let query = match &query {
            Some(query) => DirectQuery::Json(query),
            None => DirectQuery::LastBySubject(subject),
        };
        let found = self.js.stream_direct_get(self.bucket.stream(), query);
        match found.await {
            Err(error) if error.code == Code::NoResponders => {
                Box::pin(self.stored_unless_direct(subject, revision)).await
            }
            found => found,
        }
    }

    /// Nobody answers direct reads: the bucket may be gone, or have no leader, or have been told not to.
    async fn stored_unless_direct(
        &self,
        subject: &str,
        revision: Option<u64>,
    ) -> Result<StoredMessage> {
        let bucket = &self.bucket;
        match presence(&self.js, bucket.stream()).await? {
            Presence::There(config) if !config.flag("allow_direct") => {
                self.stored_at_leader(subject, revision).await
            }
            Presence::There(_) => Err(leaderless(bucket.name())),
            Presence::Gone => Err(not_found(bucket.name())),
            Presence::Unknown => Err(unreachable(bucket.name())),
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
        self.js.stream_msg_get(self.bucket.stream(), &query).await
    }
}

/// What the bucket can do.
impl Call {
    /// The bucket's features, among which must be what is needed. If that is not known to be there the server is
    /// asked.
    ///
    /// # Errors
    /// `NotSupported` without it; `BucketNotFound`; those of [`JetStream::api`].
    pub(super) async fn able(&self, needed: Needed) -> Result<Features> {
        if let Some(features) = self.bucket.learned().with(needed) {
            return Ok(features);
        }
        let features = Box::pin(self.fresh_features()).await?;
        match features.has(needed) {
            true => Ok(features),
            false if features.counters => Err(counters_only(self.bucket.name())),
            false => Err(needed.missing_in(self.bucket.name())),
        }
    }

    /// What the stream can do that takes the writes, which is another one if the bucket is a mirror.
    pub(super) async fn fresh_features(&self) -> Result<Features> {
        let taker = self.bucket.subjects().taker();
        match self.js.at(&taker.api).stream_info(&taker.stream).await {
            Ok(info) => {
                let none = Json::new();
                let features = Features::of(info.object("config").unwrap_or(&none));
                self.bucket.learned().learn(features);
                Ok(features)
            }
            Err(error) if error.code == Code::StreamNotFound => Err(not_found(self.bucket.name())),
            Err(error) => Err(error),
        }
    }
}

/// Writes.
impl Call {
    /// Stores a message that [`Bucket::message`] has made; returns its revision.
    pub(super) async fn write(&self, message: Publish) -> Result<u64> {
        self.writes_values().await?;
        match self.js.publish_for_sequence(message).await {
            Err(error) => Err(Box::pin(self.refusal(error)).await),
            outcome => outcome.inspect(|revision| self.bucket.wrote(*revision)),
        }
    }

    /// The error of a message that was to be stored, in the words of buckets.
    pub(super) async fn refusal(&self, error: Error) -> Error {
        match error.code {
            Code::NoResponders => self.untaken().await,
            NO_INCREMENT => counters_only(self.bucket.name()),
            _ => error,
        }
    }

    /// Why nobody listens to a write: an election is no deletion.
    async fn untaken(&self) -> Error {
        let bucket = self.bucket.name();
        let taker = self.bucket.subjects().taker();
        match presence(&self.js.at(&taker.api), &taker.stream).await {
            Ok(Presence::There(config)) if config.contains_key("subjects") => leaderless(bucket),
            // A stream without subjects, such as a read-only aggregate, will never listen.
            Ok(Presence::There(_) | Presence::Gone) => not_found(bucket),
            Ok(Presence::Unknown) => unreachable(bucket),
            Err(error) => error,
        }
    }
}

/// # Errors
/// `ConnectionClosed`: there is nobody to ask any more.
pub(super) async fn presence(js: &JetStream, stream: &str) -> Result<Presence> {
    match js.for_a_look().stream_info(stream).await {
        Ok(mut info) => Ok(match info.shift_remove("config") {
            Some(serde_json::Value::Object(config)) => Presence::There(config),
            _ => Presence::Unknown,
        }),
        Err(error) => match error.code {
            Code::StreamNotFound => Ok(Presence::Gone),
            Code::ConnectionClosed => Err(error),
            _ => Ok(Presence::Unknown),
        },
    }
}

fn leaderless(bucket: &str) -> Error {
    let message = format!("Bucket {bucket} has no leader at the moment");
    Error::new(Code::NoResponders, message)
}

pub(super) fn unreachable(bucket: &str) -> Error {
    let message = format!(
        "Nobody answers for bucket {bucket}: it has no leader at the moment, or is out of reach"
    );
    Error::new(Code::NoResponders, message)
}

fn by_sequence(sequence: u64) -> Json {
    Json::from_iter([("seq".to_owned(), sequence.into())])
}

/// Has a write refused unless the key's latest revision is this one; 0: there is none.
pub(super) fn expect(message: &mut Publish, revision: u64) {
    let name = async_nats::header::NATS_EXPECTED_LAST_SUBJECT_SEQUENCE;
    let headers = message.headers.get_or_insert_default();
    headers.insert(name, revision.to_string());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expected_revisions() {
        let mut message = Publish::new("s", "");
        for revision in [4, 5] {
            expect(&mut message, revision);
        }
        let headers = message.headers.unwrap();
        let name = "Nats-Expected-Last-Subject-Sequence";
        assert_eq!(headers.get(name).map(|value| value.as_str()), Some("5"));
        assert_eq!(headers.len(), 1);
    }
}
