//! Writes that can be repeated.
//!
//! An answer may get lost, and nobody knows then whether the write was stored. So it has an id of its own,
//! `Nats-Msg-Id`, which is stored with it, and is sent once more with the same one. Old servers answer that it is a
//! duplicate. From 2.12 on they look at the expected revision first, and refuse the write for the one before it: then
//! the key's latest message tells whose it is.

use async_nats::header::{HeaderName, NATS_MESSAGE_ID};

use super::call::Call;
use super::entry::Entry;
use super::handle::not_found;
use crate::client::connection::Publish;
use crate::client::error::{Code, Error, Result};
use crate::client::jetstream::{Json, JsonExt};

/// Gives a message its id. No other write may have the same one, also of another key: it would be taken for a
/// duplicate.
pub(super) fn identify(message: &mut Publish, id: &str) {
    let headers = message.headers.get_or_insert_default();
    headers.insert(NATS_MESSAGE_ID, id);
}

/// The id that an entry was written with.
pub(super) fn id_of(entry: &Entry) -> Option<&str> {
    let name: HeaderName = NATS_MESSAGE_ID;
    entry.headers.as_ref()?.first(name.as_ref())
}

/// Whether a write with this error may be stored all the same.
pub(super) fn is_ambiguous(error: &Error) -> bool {
    matches!(
        error.code,
        Code::Timeout | Code::ConnectionClosed | Code::Protocol
    )
}

impl Call {
    /// As [`Call::write`], but waits no longer than there is the link on which the answer would come.
    ///
    /// # Errors
    /// `Timeout`, also if the link has broken; those of [`Bucket::put`](super::handle::Bucket::put).
    pub(super) async fn write_on_this_link(&self, message: Publish) -> Result<u64> {
        let relinked = self.js.connection.relinked();
        tokio::select! {
            biased;
            answer = self.write(message) => answer,
            () = relinked => Err(Error::new(Code::Timeout, "The link broke before the answer came")),
        }
    }

    /// A key's latest entry, by way of the leader of the stream that takes the writes, who is never behind; `None` if
    /// there is nothing.
    ///
    /// # Errors
    /// `BucketNotFound`; those of [`Bucket::get`](super::handle::Bucket::get).
    pub(super) async fn latest(&self, key: &str) -> Result<Option<Entry>> {
        let entry = match self.entry_of_taker(key).await {
            Err(error) if error.code == Code::Permissions && self.bucket.is_direct() => {
                self.entry(key, None).await
            }
            found => found,
        };
        match entry {
            Ok(entry) => Ok(Some(entry)),
            Err(error) => match error.code {
                Code::MsgNotFound | Code::KeyNotFound => Ok(None),
                Code::StreamNotFound => Err(not_found(self.bucket.name())),
                _ => Err(error),
            },
        }
    }

    async fn entry_of_taker(&self, key: &str) -> Result<Entry> {
        let taker = self.bucket.subjects().taker();
        let subject = [&*taker.prefix, key].concat();
        let query = Json::from_iter([("last_by_subj".to_owned(), subject.into())]);
        let js = self.js.at(&taker.api);
        let message = js.stream_msg_get(&taker.stream, &query).await?;
        Entry::from_stored(message, &taker.prefix)
    }

    /// Whether that leader knows of a revision which is stored. One that has not read all of its log does not.
    ///
    /// # Errors
    /// Those of [`JetStream::api`](crate::client::jetstream::JetStream::api).
    pub(super) async fn taker_has_got_to(&self, revision: u64) -> Result<bool> {
        let taker = self.bucket.subjects().taker();
        let info = self.js.at(&taker.api).stream_info(&taker.stream).await?;
        let last = info
            .object("state")
            .and_then(|state| state.number("last_seq"));
        Ok(last.is_some_and(|last| last >= revision))
    }
}
