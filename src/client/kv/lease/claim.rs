//! What a holder writes, and how it knows its own writes again.
//!
//! Each write has an id of its own ([`repeatable`](super::super::repeatable)), with the name of the holder, and the moment
//! when it was sent, from which the lease counts.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;

use super::super::call::{expect, Call};
use super::super::entry::Entry;
use super::super::handle::Bucket;
use super::super::repeatable::{id_of, identify, is_ambiguous};
use super::super::ttl::TimeToLive;
use super::clock::Moment;
use super::terms::Terms;
use crate::client::error::{Code, Result};
use crate::client::jetstream::Deadline;

/// A write of this holder's that the server has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stored {
    pub revision: u64,
    pub sent: Moment,
}

/// The latest entry of a key, as its stream's leader knows it.
#[derive(Debug)]
pub(super) enum Latest {
    Ours(Stored),
    /// A value of somebody else.
    Value(Box<Entry>),
    Deletion(Box<Entry>),
    Nothing,
}

/// A holder, or somebody who wants to be one.
pub(super) struct Claim {
    pub bucket: Bucket,
    pub key: String,
    pub terms: Terms,
    value: Mutex<Bytes>,
    /// What nobody else's ids begin with.
    name: String,
    /// Whether a write was sent whose answer did not come.
    unsettled: AtomicBool,
}

impl Claim {
    pub(super) fn new(bucket: Bucket, key: &str, value: Bytes, terms: Terms) -> Claim {
        Claim {
            bucket,
            key: key.to_owned(),
            terms,
            value: Mutex::new(value),
            name: format!("{:032x}", rand::random::<u128>()),
            unsettled: AtomicBool::new(false),
        }
    }

    /// Later writes have this value. Returns the one before.
    pub(super) fn set_value(&self, value: Bytes) -> Bytes {
        let mut present = self.value.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *present, value)
    }

    fn value(&self) -> Bytes {
        let value = self.value.lock().unwrap_or_else(PoisonError::into_inner);
        value.clone()
    }

    pub(super) fn is_unsettled(&self) -> bool {
        self.unsettled.load(Ordering::Relaxed)
    }

    /// The id of a write that is sent now.
    fn id(&self, sent: Moment) -> String {
        format!("{}.{}", self.name, sent.number())
    }

    /// When a write with this id was sent, if it is one of this holder's.
    fn sent(&self, id: &str) -> Option<Moment> {
        let number = id.strip_prefix(&*self.name)?.strip_prefix('.')?;
        number.parse().ok().map(Moment::from_number)
    }

    /// Writes the value if the key's latest revision is the expected one.
    ///
    /// # Errors
    /// `WrongLastSequence`; `Timeout` if there is no answer in time, or the link has broken; those of
    /// [`Bucket::put`].
    pub(super) async fn write(&self, expected: u64, limit: Deadline) -> Result<Stored> {
        let mut message = self.bucket.message(&self.key, self.value(), None)?;
        let sent = Moment::now();
        identify(&mut message, &self.id(sent));
        let call = self.call(limit);
        if let Some(ttl) = self.terms.ttl {
            call.expire(&mut message, ttl).await?;
        }
        expect(&mut message, expected);
        self.unsettled.store(true, Ordering::Relaxed);
        let answer = call.write_on_this_link(message).await;
        if !matches!(&answer, Err(error) if is_ambiguous(error)) {
            self.unsettled.store(false, Ordering::Relaxed);
        }
        Ok(Stored {
            revision: answer?,
            sent,
        })
    }

    /// What the key has now.
    ///
    /// # Errors
    /// `BucketNotFound`; those of [`Bucket::get`].
    pub(super) async fn latest(&self, limit: Deadline) -> Result<Latest> {
        let latest = self.call(limit).latest(&self.key).await?;
        Ok(latest.map_or(Latest::Nothing, |entry| self.judge(entry)))
    }

    pub(super) fn judge(&self, entry: Entry) -> Latest {
        if !entry.is_put() {
            return Latest::Deletion(Box::new(entry));
        }
        match id_of(&entry).and_then(|id| self.sent(id)) {
            Some(sent) => Latest::Ours(Stored {
                revision: entry.revision,
                sent,
            }),
            None => Latest::Value(Box::new(entry)),
        }
    }

    /// Gives up what is held at a revision.
    ///
    /// # Errors
    /// Those of [`Bucket::purge`] but `WrongLastSequence`: somebody else has the key then.
    pub(super) async fn surrender(&self, mut revision: u64) -> Result<()> {
        let limit = self.bucket.js().deadline();
        let limit = limit.or(Deadline::after(self.terms.lasts));
        loop {
            let surrendered = match self.terms.ttl {
                Some(_) => {
                    let purge = self
                        .bucket
                        .purge(&self.key, Some(revision), Some(MARKER_TTL));
                    purge.await
                }
                None => self.bucket.delete(&self.key, Some(revision)).await,
            };
            match surrendered {
                Ok(_) => return Ok(()),
                Err(error) => match error.code {
                    Code::BucketNotFound => return Ok(()),
                    Code::WrongLastSequence => {}
                    _ => return Err(error),
                },
            }
            match self.latest(limit).await {
                Ok(Latest::Ours(stored)) if stored.revision > revision => {
                    revision = stored.revision;
                    continue;
                }
                // A leader may not have read all of its log when it refuses what others do.
                Ok(Latest::Ours(_)) if limit.allows(PAUSE) => {}
                Ok(_) => return Ok(()),
                Err(error) if error.code == Code::BucketNotFound => return Ok(()),
                Err(error) => return Err(error),
            }
            self.bucket.js().connection.pause(PAUSE).await?;
        }
    }

    /// Whether the leader knows of a revision that is stored.
    ///
    /// # Errors
    /// Those of [`JetStream::api`](crate::client::jetstream::JetStream::api).
    pub(super) async fn has_got_to(&self, revision: u64, limit: Deadline) -> Result<bool> {
        self.call(limit).taker_has_got_to(revision).await
    }

    /// The beginning of a call that has to be over by then.
    fn call(&self, limit: Deadline) -> Call {
        Call {
            js: self.bucket.js().until(limit),
            bucket: self.bucket.clone(),
        }
    }
}

/// The time between a failure and the next attempt.
pub(super) const PAUSE: Duration = Duration::from_millis(250);

/// How long the trace of a release stays.
const MARKER_TTL: TimeToLive = TimeToLive::For(Duration::from_secs(1));

/// The name of the holder who has written an entry, if it was one.
pub(super) fn holder_of(entry: &Entry) -> Option<&str> {
    let (name, _) = id_of(entry)?.split_once('.')?;
    Some(name)
}

/// How much longer than it says an entry may live on a server.
const LATE: Duration = Duration::from_millis(500);

/// When an entry that was seen now is gone if nobody renews it.
pub(super) fn lapse(entry: &Entry, terms: &Terms) -> Option<Moment> {
    let lives = match (entry.ttl, terms.ttl) {
        (Some(TimeToLive::For(time)), _) => time + LATE,
        (None, None) => terms.lasts,
        _ => return None,
    };
    Some(Moment::now().after(lives))
}

/// What a key has as its value unless the holder says otherwise: `<host>:<process id>`.
pub fn default_value() -> String {
    format!("{}:{}", host(), std::process::id())
}

#[cfg(unix)]
fn host() -> String {
    rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned()
}

/// The name that Windows gives to every process, written as Tcl has it.
#[cfg(not(unix))]
fn host() -> String {
    let name = std::env::var("COMPUTERNAME").unwrap_or_else(|_| "localhost".into());
    name.to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holders_know_their_names() {
        let value = default_value();
        let (host, process) = value.rsplit_once(':').unwrap();
        assert!(!host.is_empty());
        assert_eq!(process, std::process::id().to_string());
    }
}
