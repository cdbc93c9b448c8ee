//! Where entries are written: several at once, those of one key one after the other.

use std::collections::{HashMap, HashSet};
use std::future::{poll_fn, Future};
use std::hash::{BuildHasher, RandomState};
use std::task::Poll;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt};

use super::record::{Record, Rest};
use super::report::Imported;
use crate::client::error::{Code, Error, Result};
use crate::client::kv::call::expect;
use crate::client::kv::entry::{Operation, KV_OPERATION};
use crate::client::kv::features::Needed;
use crate::client::kv::filters::Filters;
use crate::client::kv::handle::Bucket;
use crate::client::kv::latest::{Latest, Turn};
use crate::client::kv::listing::Patience;
use crate::client::kv::rewrite::own_headers;
use crate::client::kv::store::WriteOptions;
use crate::client::kv::ttl::TimeToLive;
use crate::client::message::HeaderMap;

/// So many bytes of values are in flight at most, unless one is longer.
const BYTES: usize = 8 << 20;

/// What becomes of a key that exists already.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Exists {
    #[default]
    Overwrite,
    Skip,
    Error,
}

/// What has become of an earlier entry of the same key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Former {
    None,
    /// It was written with this revision.
    Written(u64),
    /// The key is somebody else's.
    Skipped,
}

/// A write that is over.
struct Landed {
    key: Box<str>,
    bytes: usize,
    /// The new revision; `None`: the key existed.
    outcome: Result<Option<u64>>,
}

/// Writes to a bucket.
pub(super) struct Target {
    bucket: Bucket,
    exists: Exists,
    window: usize,
    in_flight: FuturesUnordered<BoxFuture<'static, Landed>>,
    busy: HashSet<Box<str>>,
    bytes: usize,
    /// By the hashes of keys, which take less memory. Two keys with the same hash are one in more than 10^12 for a
    /// million keys.
    formers: HashMap<u64, Former>,
    hasher: RandomState,
    /// The keys that came, if they matter.
    seen: Option<HashSet<u64>>,
    can_expire: Option<bool>,
    pub(super) done: Imported,
}

impl Target {
    pub(super) fn new(bucket: &Bucket, exists: Exists, window: usize, deletes: bool) -> Target {
        Target {
            bucket: bucket.clone(),
            exists,
            window,
            in_flight: FuturesUnordered::new(),
            busy: HashSet::new(),
            bytes: 0,
            formers: HashMap::new(),
            hasher: RandomState::new(),
            seen: deletes.then(HashSet::new),
            can_expire: None,
            done: Imported::default(),
        }
    }

    /// Whether values can be written there.
    ///
    /// # Errors
    /// Those of [`Bucket::check_values`].
    pub(super) fn check(&self) -> impl Future<Output = Result<()>> + Send + 'static {
        self.bucket.check_values()
    }

    /// Whether entries may have times to live there.
    ///
    /// # Errors
    /// `BucketNotFound`; those of [`JetStream::api`](crate::client::jetstream::JetStream::api).
    pub(super) async fn can_expire(&mut self) -> Result<bool> {
        if let Some(known) = self.can_expire {
            return Ok(known);
        }
        let able = match self.bucket.call().able(Needed::Ttl).await {
            Ok(_) => true,
            Err(error) if error.code == Code::NotSupported => false,
            Err(error) => return Err(error),
        };
        self.can_expire = Some(able);
        Ok(able)
    }

    /// The error of a bucket whose entries may have none.
    pub(super) fn cannot_expire(&self) -> Error {
        Needed::Ttl.missing_in(self.bucket.name())
    }

    /// Writes an entry, once there is room for it.
    ///
    /// # Errors
    /// Of this one or one before: those of [`Bucket::put`]; `WrongLastSequence` for a key that exists and must not.
    pub(super) async fn write(&mut self, record: Record) -> Result<()> {
        let hash = self.hasher.hash_one(&record.key);
        if let Some(seen) = &mut self.seen {
            seen.insert(hash);
        }
        let ttl = match record.rest() {
            Rest::Over => {
                self.done.skipped += 1;
                return Ok(());
            }
            Rest::Open => None,
            Rest::Time(_) if !self.can_expire().await? => return Err(self.cannot_expire()),
            Rest::Time(ttl) => Some(self.bucket.raised(ttl)),
        };
        self.make_room(&record.key, record.value.len()).await?;
        let former = self.formers.get(&hash).copied().unwrap_or(Former::None);
        if former == Former::Skipped {
            self.done.skipped += 1;
            return Ok(());
        }
        let write = store(self.bucket.clone(), record, ttl, self.exists, former);
        self.launch(write).await
    }

    /// Waits until a write of this key may begin.
    async fn make_room(&mut self, key: &str, bytes: usize) -> Result<()> {
        while !self.in_flight.is_empty()
            && (self.busy.contains(key)
                || self.in_flight.len() >= self.window
                || self.bytes + bytes > BYTES)
        {
            self.land().await?;
        }
        Ok(())
    }

    /// Begins a write: its message is on its way when this returns, so that writes keep their order.
    async fn launch(&mut self, write: Write) -> Result<()> {
        let Write { key, bytes, work } = write;
        self.busy.insert(key.clone());
        self.bytes += bytes;
        let mut work: BoxFuture<'static, Landed> = Box::pin(async move {
            let outcome = work.await;
            Landed {
                key,
                bytes,
                outcome,
            }
        });
        match poll_fn(|context| Poll::Ready(work.as_mut().poll(context))).await {
            Poll::Ready(landed) => self.landed(landed),
            Poll::Pending => {
                self.in_flight.push(work);
                Ok(())
            }
        }
    }

    async fn land(&mut self) -> Result<()> {
        match self.in_flight.next().await {
            Some(landed) => self.landed(landed),
            None => Ok(()),
        }
    }

    fn landed(&mut self, landed: Landed) -> Result<()> {
        self.busy.remove(&landed.key);
        self.bytes -= landed.bytes;
        let former = match landed.outcome? {
            Some(revision) => {
                self.done.written += 1;
                Former::Written(revision)
            }
            None => {
                self.done.skipped += 1;
                Former::Skipped
            }
        };
        if self.exists != Exists::Overwrite {
            let hash = self.hasher.hash_one(&*landed.key);
            self.formers.insert(hash, former);
        }
        Ok(())
    }

    /// Waits for all writes.
    ///
    /// # Errors
    /// The first of them that has failed.
    pub(super) async fn settle(&mut self) -> Result<()> {
        let mut outcome = Ok(());
        while !self.in_flight.is_empty() {
            let landed = self.land().await;
            outcome = outcome.and(landed);
        }
        outcome
    }

    /// Purges the keys that match and did not come.
    ///
    /// # Errors
    /// Those of [`Bucket::purge`] and of listings.
    pub(super) async fn delete_others(&mut self, filters: Filters) -> Result<()> {
        let Some(seen) = self.seen.take() else {
            return Ok(());
        };
        let written = self.done.written;
        let begun = Latest::begin(&self.bucket, filters, Patience::Silence, "keys");
        let mut latest = begun.await.map_err(|error| self.bucket.named(error))?;
        let mut purged = HashSet::new();
        while let Some(turn) = latest.next().await? {
            let Turn::Entries(entries) = turn else {
                continue;
            };
            for entry in entries.into_iter().filter(|entry| entry.is_put) {
                let hash = self.hasher.hash_one(&*entry.key);
                if !seen.contains(&hash) && purged.insert(hash) {
                    self.make_room(&entry.key, 0).await?;
                    self.launch(purge(self.bucket.clone(), entry.key)).await?;
                }
            }
        }
        self.settle().await?;
        self.done.deleted = self.done.written - written;
        self.done.written = written;
        Ok(())
    }
}

/// A write that is to begin.
struct Write {
    key: Box<str>,
    bytes: usize,
    work: BoxFuture<'static, Result<Option<u64>>>,
}

fn purge(bucket: Bucket, key: Box<str>) -> Write {
    let work = bucket.purge(&key, None, None);
    Write {
        key,
        bytes: 0,
        work: Box::pin(async move { work.await.map(Some) }),
    }
}

fn store(
    bucket: Bucket,
    record: Record,
    ttl: Option<TimeToLive>,
    exists: Exists,
    former: Former,
) -> Write {
    Write {
        key: record.key.as_str().into(),
        bytes: record.value.len(),
        work: match (exists, former) {
            (Exists::Overwrite, _) => Box::pin(overwrite(bucket, record, ttl, None)),
            (_, Former::Written(revision)) => Box::pin(keep(
                exists,
                overwrite_checked(bucket, record, ttl, revision),
            )),
            _ => Box::pin(keep(exists, add(bucket, record, ttl))),
        },
    }
}

/// A key that exists, and stays as it is or is an error.
async fn keep(
    exists: Exists,
    write: impl Future<Output = (String, Result<Option<u64>>)>,
) -> Result<Option<u64>> {
    match write.await {
        (key, Err(error)) if error.code == Code::WrongLastSequence => match exists {
            Exists::Error => {
                let message = format!("Key {key} exists: {}", error.message);
                Err(Error { message, ..error })
            }
            _ => Ok(None),
        },
        (_, outcome) => outcome,
    }
}

async fn overwrite_checked(
    bucket: Bucket,
    record: Record,
    ttl: Option<TimeToLive>,
    revision: u64,
) -> (String, Result<Option<u64>>) {
    let key = record.key.clone();
    (key, overwrite(bucket, record, ttl, Some(revision)).await)
}

/// Writes an entry, whatever the key has, or if it has this revision.
async fn overwrite(
    bucket: Bucket,
    record: Record,
    ttl: Option<TimeToLive>,
    revision: Option<u64>,
) -> Result<Option<u64>> {
    let key = &record.key;
    let revision = match (&record.operation, revision) {
        (Operation::Delete, revision) => bucket.delete(key, revision).await,
        (Operation::Purge, revision) => bucket.purge(key, revision, None).await,
        (_, None) => {
            let options = write_options(&record, ttl)?;
            bucket.put(key, record.value, options).await
        }
        (_, Some(revision)) => {
            let options = write_options(&record, ttl)?;
            bucket.update(key, record.value, revision, options).await
        }
    };
    revision.map(Some)
}

/// Writes an entry of a key that has no value.
async fn add(
    bucket: Bucket,
    record: Record,
    ttl: Option<TimeToLive>,
) -> (String, Result<Option<u64>>) {
    let key = record.key.clone();
    let added = match record.operation {
        Operation::Delete | Operation::Purge => mark(&bucket, &key, &record.operation).await,
        _ => match write_options(&record, ttl) {
            Ok(options) => bucket.create(&key, record.value, options).await.map(Some),
            Err(error) => Err(error),
        },
    };
    (key, added)
}

/// Writes a deletion of a key of which there is nothing. If there is another deletion it stays.
async fn mark(bucket: &Bucket, key: &str, operation: &Operation) -> Result<Option<u64>> {
    let mut headers = HeaderMap::new();
    headers.insert(KV_OPERATION.clone(), operation.as_str());
    let mut message = bucket.message(key, Bytes::new(), Some(headers))?;
    expect(&mut message, 0);
    match bucket.call().write(message).await {
        Ok(revision) => Ok(Some(revision)),
        Err(conflict) if conflict.code == Code::WrongLastSequence => {
            match bucket.get(key, None).await {
                Err(error) if error.code == Code::KeyNotFound => Ok(None),
                _ => Err(conflict),
            }
        }
        Err(error) => Err(error),
    }
}

fn write_options(record: &Record, ttl: Option<TimeToLive>) -> Result<WriteOptions> {
    let headers = own_headers(&record.headers)?;
    Ok(WriteOptions { ttl, headers })
}
