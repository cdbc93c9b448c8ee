//! A bucket's reads and writes.

use std::future::Future;

use async_nats::header::NATS_ROLLUP;
use bytes::Bytes;

use super::call::{expect, Call};
use super::entry::{Entry, KV_OPERATION};
use super::handle::Bucket;
use super::names;
use super::ttl::TimeToLive;
use crate::client::connection::Publish;
use crate::client::error::{Error, Result};
use crate::client::message::HeaderMap;
use crate::client::subject;

/// What a value may be stored with.
#[derive(Debug, Clone, Default)]
pub struct WriteOptions {
    /// How long it lives, if that is not left to the bucket.
    pub ttl: Option<TimeToLive>,
    /// Headers of the caller's own.
    pub headers: Option<HeaderMap>,
}

/// The entry of a key that has a value.
async fn value_of(call: &Call, key: &str, revision: Option<u64>) -> Result<Entry> {
    let entry = call.entry(key, revision).await?;
    match entry.is_put() {
        true => Ok(entry),
        false => Err(call.bucket.no_key(key)),
    }
}

/// Reads.
impl Bucket {
    /// The beginning of a call, from which its time counts.
    pub(super) fn call(&self) -> Call {
        Call {
            js: self.js().for_one_call(),
            bucket: self.clone(),
        }
    }

    /// The latest entry of a key, or one of its revisions.
    ///
    /// # Errors
    /// `InvalidArg` for a malformed key or revision 0; `KeyNotFound` if there is no such entry or
    /// it is a deletion; `BucketNotFound`; `NoResponders` if the bucket has no leader, or nobody answers;
    /// those of [`JetStream::api`](crate::client::jetstream::JetStream::api).
    pub fn get(
        &self,
        key: &str,
        revision: Option<u64>,
    ) -> impl Future<Output = Result<Entry>> + Send + 'static {
        let checked = self.check_key(key).and_then(|()| match revision {
            Some(0) => Err(Error::invalid_arg("Revisions begin with 1")),
            _ => Ok(()),
        });
        let (call, key) = (self.call(), key.to_owned());
        async move {
            checked?;
            value_of(&call, &key, revision).await
        }
    }
}

/// Writes. Each returns the new revision.
impl Bucket {
    /// Stores a value.
    ///
    /// # Errors
    /// `InvalidArg` for a malformed key, for headers whose names are not the caller's to use, and for a time to
    /// live that is shorter than that of the bucket's markers; `NotSupported` for a time to live where the bucket
    /// knows of none; `BucketNotFound`, also for a bucket that cannot be written; `NoResponders` if the bucket has
    /// no leader, or nobody answers; `MaxPayload`; `JsResponse`, such as 400/10054 for a value that is too long
    /// for the bucket; `Timeout`, after which it may be stored all the same; `ConnectionClosed`.
    pub fn put(
        &self,
        key: &str,
        value: Bytes,
        options: WriteOptions,
    ) -> impl Future<Output = Result<u64>> + Send + 'static {
        self.store(key, value, options, None)
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
        options: WriteOptions,
    ) -> impl Future<Output = Result<u64>> + Send + 'static {
        self.store(key, value, options, Some(revision))
    }

    /// Stores a value if the key has none: it never had one, or was deleted, or it expired. If others delete
    /// it meanwhile it goes on, as long as there is time.
    ///
    /// # Errors
    /// `WrongLastSequence`; those of [`Bucket::put`] and [`Bucket::get`].
    pub fn create(
        &self,
        key: &str,
        value: Bytes,
        options: WriteOptions,
    ) -> impl Future<Output = Result<u64>> + Send + 'static {
        let WriteOptions { ttl, headers } = options;
        let message = self.checked_message(key, value, headers);
        let (call, key) = (self.call(), key.to_owned());
        async move {
            let message = call.expiring(message?, ttl).await?;
            call.create(&key, message).await
        }
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
    ) -> impl Future<Output = Result<u64>> + Send + 'static {
        let message = self.deletion(key);
        let revision = revision.filter(|revision| *revision > 0);
        let call = self.call();
        async move { call.write(expecting(message?, revision)).await }
    }

    /// Deletes a key with its history, whether it exists or not; with a revision only if that is the latest, 0:
    /// if there is nothing. The marker itself goes after a time, if one is given. A counter begins with 0 again,
    /// without a marker, and the result is 0.
    ///
    /// # Errors
    /// `WrongLastSequence`; those of [`Bucket::put`].
    pub fn purge(
        &self,
        key: &str,
        revision: Option<u64>,
        ttl: Option<TimeToLive>,
    ) -> impl Future<Output = Result<u64>> + Send + 'static {
        let message = self.purging(key);
        let (call, key) = (self.call(), key.to_owned());
        async move {
            let mut message = expecting(message?, revision);
            if revision.is_none() && ttl.is_none() && call.counts().await? {
                return Box::pin(call.forget(&key)).await.map(|()| 0);
            }
            if let Some(ttl) = ttl {
                Box::pin(call.expire_marker(&mut message, ttl)).await?;
            }
            call.write(message).await
        }
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
        let (call, key) = (self.call(), key.to_owned());
        async move {
            call.writes_values().await?;
            let value = entry.await?.value;
            let message = call.bucket.message(&key, value, None)?;
            call.write(message).await
        }
    }

    fn store(
        &self,
        key: &str,
        value: Bytes,
        options: WriteOptions,
        revision: Option<u64>,
    ) -> impl Future<Output = Result<u64>> + Send + 'static {
        let WriteOptions { ttl, headers } = options;
        let message = self.checked_message(key, value, headers);
        let call = self.call();
        async move {
            let message = call.expiring(expecting(message?, revision), ttl).await?;
            call.write(message).await
        }
    }

    /// As [`Bucket::message`], with headers of the caller's own.
    pub(super) fn checked_message(
        &self,
        key: &str,
        value: Bytes,
        own: Option<HeaderMap>,
    ) -> Result<Publish> {
        let names = own.iter().flat_map(HeaderMap::iter);
        for (name, _) in names {
            names::check_header(name.as_ref())?;
        }
        self.message(key, value, own)
    }

    /// The message that marks a key as deleted.
    pub(super) fn deletion(&self, key: &str) -> Result<Publish> {
        let mut headers = HeaderMap::new();
        headers.insert(KV_OPERATION.clone(), "DEL");
        self.message(key, Bytes::new(), Some(headers))
    }

    /// The message that takes the place of all revisions of a key.
    pub(super) fn purging(&self, key: &str) -> Result<Publish> {
        let mut headers = HeaderMap::new();
        headers.insert(KV_OPERATION.clone(), "PURGE");
        headers.insert(NATS_ROLLUP, "sub");
        self.message(key, Bytes::new(), Some(headers))
    }

    /// The message that writes an entry.
    ///
    /// # Errors
    /// `InvalidArg` for a malformed key; `BadSubject` for an API prefix that cannot be part of a subject.
    pub(super) fn message(
        &self,
        key: &str,
        value: Bytes,
        headers: Option<HeaderMap>,
    ) -> Result<Publish> {
        self.check_key(key)?;
        let subject = self.subjects().written(key);
        subject::check_publish(&subject, true)?;
        let mut message = Publish::new(subject, value);
        message.headers = headers;
        Ok(message)
    }
}

impl Call {
    /// A message, made to let its value expire if that is wanted, which is rare: so it is boxed.
    async fn expiring(&self, mut message: Publish, ttl: Option<TimeToLive>) -> Result<Publish> {
        if let Some(ttl) = ttl {
            Box::pin(self.expire(&mut message, ttl)).await?;
        }
        Ok(message)
    }
}

/// A message that is refused unless the key's latest revision is this one.
fn expecting(mut message: Publish, revision: Option<u64>) -> Publish {
    if let Some(revision) = revision {
        expect(&mut message, revision);
    }
    message
}
