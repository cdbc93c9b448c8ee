//! Changing objects that exist: deleting, describing otherwise, renaming.

use std::future::Future;

use serde_json::json;

use super::call::{Call, Found, KnownBy, TRIES};
use super::handle::{conflict, exists, Store};
use super::meta::{Info, Lists, Meta, Texts};
use super::names::check_object;
use crate::client::error::{Code, Error, Result};
use crate::client::jetstream::Json;
use crate::client::nuid::nuid;

/// What is to be otherwise with an object; what is `None` stays.
#[derive(Debug, Clone, Default)]
pub struct MetaChanges {
    /// Another name.
    pub name: Option<String>,
    /// Empty: none.
    pub description: Option<String>,
    pub headers: Option<Lists>,
    pub metadata: Option<Texts>,
    /// Only if this is the object's revision.
    pub revision: Option<u64>,
}

impl MetaChanges {
    fn applied_to(&self, meta: &Meta) -> Meta {
        let mut meta = meta.clone();
        if let Some(name) = &self.name {
            meta.set_name(name);
        }
        if let Some(description) = &self.description {
            meta.set_description(description);
        }
        if let Some(headers) = &self.headers {
            meta.set_headers(headers);
        }
        if let Some(metadata) = &self.metadata {
            meta.set_metadata(metadata);
        }
        meta
    }
}

impl Store {
    /// Marks an object as deleted and removes its bytes; of a link only the link. One that is deleted already stays so,
    /// and nothing is sent. With a revision only if that is the object's.
    ///
    /// # Errors
    /// `InvalidArg` for a malformed name; `ObjectNotFound` if there never was one; `WrongLastSequence`; `ObjectCorrupt`;
    /// `BucketNotFound`; those of [`JetStream::api`](crate::client::jetstream::JetStream::api).
    pub fn delete(
        &self,
        name: &str,
        revision: Option<u64>,
    ) -> impl Future<Output = Result<()>> + Send + 'static {
        let checked = check_object(name);
        let (call, name) = (self.call(), name.to_owned());
        async move {
            checked?;
            call.delete(&name, revision).await
        }
    }

    /// Describes an object otherwise, or gives it another name. Links to the old name lead nowhere then.
    ///
    /// # Errors
    /// `InvalidArg` for a malformed name; `ObjectNotFound`, also for a deleted object; `ObjectExists` if there is one of
    /// the new name; `WrongLastSequence`; `ObjectCorrupt`; `MaxPayload`; `BucketNotFound`; those of
    /// [`JetStream::api`](crate::client::jetstream::JetStream::api).
    pub fn update_meta(
        &self,
        name: &str,
        changes: MetaChanges,
    ) -> impl Future<Output = Result<Info>> + Send + 'static {
        let new_name = changes.name.as_deref();
        let checked = check_object(name).and_then(|()| new_name.map_or(Ok(()), check_object));
        let (call, name) = (self.call(), name.to_owned());
        async move {
            checked?;
            match changes.name.as_deref() {
                Some(new) if new != name => call.rename(&name, new, &changes).await,
                _ => call.describe_otherwise(&name, &changes).await,
            }
        }
    }
}

/// Whether a change that failed may be tried again: somebody was faster, and it is not said which revision it must be.
pub(super) fn may_repeat(error: &Error, revision: Option<u64>) -> bool {
    error.code == Code::WrongLastSequence && revision.is_none()
}

impl Call {
    async fn delete(&self, name: &str, revision: Option<u64>) -> Result<()> {
        let mut tries = TRIES;
        loop {
            let info = self.info(name).await?;
            if info.meta.is_deleted() {
                return Ok(());
            }
            check_revision(&info, revision)?;
            let deleted = info.meta.deleted(info.meta.nuid());
            match self.write(&deleted, info.revision, KnownBy::Payload).await {
                Err(error) if may_repeat(&error, revision) && tries > 1 => tries -= 1,
                Err(error) => return Err(error),
                Ok(_) => {
                    if info.meta.has_chunks() {
                        self.purge_chunks(info.meta.nuid()).await;
                    }
                    return Ok(());
                }
            }
        }
    }

    async fn describe_otherwise(&self, name: &str, changes: &MetaChanges) -> Result<Info> {
        let mut tries = TRIES;
        loop {
            let info = self.existing(name).await?;
            check_revision(&info, changes.revision)?;
            let meta = changes.applied_to(&info.meta);
            match self.write(&meta, info.revision, KnownBy::Payload).await {
                Err(error) if may_repeat(&error, changes.revision) && tries > 1 => tries -= 1,
                Err(error) => return Err(error),
                Ok(revision) => return self.stored(meta, revision).await,
            }
        }
    }

    /// A meta that was stored. When, only the server knows.
    pub(super) async fn stored(&self, meta: Meta, revision: u64) -> Result<Info> {
        let query = Json::from_iter([("seq".to_owned(), revision.into())]);
        let message = self.js.stream_msg_get(self.store.stream(), &query).await;
        let mtime = match message {
            Ok(message) => Found::from(message).mtime,
            // Replaced already: it was there a moment ago.
            Err(_) => now(),
        };
        Ok(self.describe(meta, revision, mtime))
    }
}

/// Renaming. A crash between the steps leaves the object under both names.
impl Call {
    async fn rename(&self, old: &str, new: &str, changes: &MetaChanges) -> Result<Info> {
        let mut tries = TRIES;
        loop {
            let info = self.existing(old).await?;
            check_revision(&info, changes.revision)?;
            let (meta, revision) = self.take_name(new, &info, changes).await?;
            match self.leave_name(&info).await {
                Ok(left) => {
                    self.forget_before(old, left).await;
                    return self.stored(meta, revision).await;
                }
                Err(error) if error.code == Code::WrongLastSequence => {
                    // The old name has something else now, and the chunks belong to nobody, or to that.
                    let undone = meta.deleted(&nuid());
                    self.write(&undone, revision, KnownBy::Payload).await?;
                    if !may_repeat(&error, changes.revision) || tries == 1 {
                        return Err(error);
                    }
                    tries -= 1;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Stores the object under a name that must be free.
    async fn take_name(
        &self,
        new: &str,
        info: &Info,
        changes: &MetaChanges,
    ) -> Result<(Meta, u64)> {
        let found = self.last(new).await?;
        if found.as_ref().is_some_and(Found::is_there) {
            return Err(exists(new));
        }
        let expected = found.map_or(0, |found| found.sequence);
        let meta = changes.applied_to(&info.meta);
        match self.write(&meta, expected, KnownBy::Payload).await {
            Ok(revision) => Ok((meta, revision)),
            Err(error) if error.code == Code::WrongLastSequence => Err(exists(new)),
            Err(error) => Err(error),
        }
    }

    /// Marks the old name as deleted, for those who watch. With another nuid, so that nobody takes the chunks for its.
    async fn leave_name(&self, info: &Info) -> Result<u64> {
        let gone = info.meta.deleted(&nuid());
        self.write(&gone, info.revision, KnownBy::Payload).await
    }

    /// Removes what a subject had up to a message: what somebody has put there since stays.
    async fn forget_before(&self, old: &str, last: u64) {
        let query = json!({ "filter": self.store.meta(old), "seq": last + 1 });
        self.purge(&query.as_object().cloned().unwrap_or_default())
            .await;
    }
}

/// # Errors
/// `WrongLastSequence`
fn check_revision(info: &Info, revision: Option<u64>) -> Result<()> {
    match revision.is_none_or(|revision| revision == info.revision) {
        true => Ok(()),
        false => Err(conflict(info.meta.name(), info.revision)),
    }
}

/// What is expected of the state of a name by those who give a revision; 0: that there is nothing.
///
/// # Errors
/// `WrongLastSequence`
pub(super) fn expected(name: &str, found: Option<&Found>, revision: Option<u64>) -> Result<u64> {
    let sequence = found.map_or(0, |found| found.sequence);
    let is_right = match revision {
        None => true,
        Some(0) => !found.is_some_and(Found::is_there),
        Some(revision) => revision == sequence,
    };
    match is_right {
        true => Ok(sequence),
        false => Err(conflict(name, sequence)),
    }
}

/// In ms since the epoch.
fn now() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.map_or(0, |now| i64::try_from(now.as_millis()).unwrap_or(i64::MAX))
}
