//! The messages of a transaction, and what is expected of its keys.

use std::collections::HashSet;
use std::ops::Range;

use async_nats::header::HeaderName;

use super::step::{Action, Step};
use crate::client::connection::Publish;
use crate::client::error::{Error, Result};
use crate::client::jetstream::MOST;
use crate::client::kv::call::{expect, Call};
use crate::client::kv::handle::Bucket;
use crate::client::kv::lease::Fence;
use crate::client::kv::store::WriteOptions;
use crate::client::kv::ttl::TimeToLive;

/// Of which key the expected revision is, if not of that which is written.
const EXPECTED_OF: HeaderName =
    HeaderName::from_static("Nats-Expected-Last-Subject-Sequence-Subject");

/// All that is to be done, and what it depends on.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) writes: Vec<Write>,
    /// In the order in which they were given.
    pub(super) expectations: Vec<Expectation>,
}

/// A message to be.
#[derive(Debug)]
pub(super) struct Write {
    pub(super) key: String,
    message: Publish,
    /// How long what it stores lives, if that is limited.
    lifetime: Option<Lifetime>,
    /// The place of what it expects, of its own key or of one that is only looked at.
    expects: Option<usize>,
}

#[derive(Debug, Clone, Copy)]
enum Lifetime {
    Value(TimeToLive),
    Marker(TimeToLive),
}

/// The revision that a key is expected to have.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Expectation {
    pub(super) key: String,
    /// 0: no entry, not even a marker.
    pub(super) revision: u64,
    pub(super) kind: Kind,
}

/// What a revision is expected of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Known,
    /// A key to be created: a marker of any revision will do as well.
    New,
    /// The key of a lock: its holder knows the revision.
    Lock,
}

impl Plan {
    /// # Errors
    /// `InvalidArg` for malformed keys, headers and times to live; without writes, or for more than [`MOST`]; for a
    /// key that is there twice, or is that of the lock; for more checks than writes that can carry them; for a lock of
    /// another bucket or connection. `Locked` if the lock is known to be lost.
    pub(super) fn new(bucket: &Bucket, steps: Vec<Step>, fence: Option<&Fence>) -> Result<Plan> {
        check_keys(&steps, fence)?;
        let mut plan = Plan {
            writes: Vec::with_capacity(steps.len()),
            expectations: Vec::new(),
        };
        let mut checks = Vec::new();
        for Step { key, action } in steps {
            match action {
                Action::Check(revision) => {
                    bucket.check_key(&key)?;
                    checks.push(plan.expect(key, revision, Kind::Known));
                }
                action => plan.add(bucket, key, action)?,
            }
        }
        plan.check_count()?;
        if let Some(fence) = fence {
            checks.push(plan.expect(fence.key().to_owned(), 0, Kind::Lock));
        }
        plan.carry(checks)?;
        if let Some(fence) = fence {
            fence.check(bucket)?;
        }
        Ok(plan)
    }

    /// Adds an expectation; returns its place.
    fn expect(&mut self, key: String, revision: u64, kind: Kind) -> usize {
        self.expectations.push(Expectation {
            key,
            revision,
            kind,
        });
        self.expectations.len() - 1
    }

    /// Adds a write.
    fn add(&mut self, bucket: &Bucket, key: String, action: Action) -> Result<()> {
        let value = |value, options: WriteOptions| {
            if let Some(ttl) = options.ttl {
                bucket.check_ttl(ttl)?;
            }
            let message = bucket.checked_message(&key, value, options.headers)?;
            Ok::<_, Error>((message, options.ttl.map(Lifetime::Value)))
        };
        let (written, expected, kind) = match action {
            Action::Put(bytes, options) => (value(bytes, options)?, None, Kind::Known),
            Action::Create(bytes, options) => (value(bytes, options)?, Some(0), Kind::New),
            Action::Update(bytes, revision, options) => {
                (value(bytes, options)?, Some(revision), Kind::Known)
            }
            Action::Delete(revision) => {
                let revision = revision.filter(|revision| *revision > 0);
                ((bucket.deletion(&key)?, None), revision, Kind::Known)
            }
            Action::Purge(revision, ttl) => {
                let lifetime = ttl.map(Lifetime::Marker);
                ((bucket.purging(&key)?, lifetime), revision, Kind::Known)
            }
            // It has no message.
            Action::Check(_) => return Ok(()),
        };
        let (message, lifetime) = written;
        let expects = expected.map(|revision| self.expect(key.clone(), revision, kind));
        self.writes.push(Write {
            key,
            message,
            lifetime,
            expects,
        });
        Ok(())
    }

    fn check_count(&self) -> Result<()> {
        let count = self.writes.len();
        match (1..=MOST).contains(&count) {
            true => Ok(()),
            false => Err(Error::invalid_arg(format!(
                "A transaction has 1 to {MOST} writes, not {count}"
            ))),
        }
    }

    /// Has writes that expect nothing of their own keys carry the expectations of others.
    fn carry(&mut self, checks: Vec<usize>) -> Result<()> {
        let mut checks = checks.into_iter();
        let free = self
            .writes
            .iter_mut()
            .filter(|write| write.expects.is_none());
        for write in free {
            write.expects = checks.next();
        }
        match checks.len() {
            0 => Ok(()),
            left => Err(Error::invalid_arg(format!(
                "Each check, and a lock, needs a write of its own that expects no revision: there are {left} too few of them"
            ))),
        }
    }

    /// Has what is written live as long as it shall, if the bucket knows of such times.
    ///
    /// # Errors
    /// `NotSupported`; `InvalidArg` for a time that is shorter than that of the bucket's markers.
    pub(super) async fn expire(&mut self, call: &Call) -> Result<()> {
        for write in &mut self.writes {
            match write.lifetime {
                Some(Lifetime::Value(ttl)) => call.expire(&mut write.message, ttl).await?,
                Some(Lifetime::Marker(ttl)) => call.expire_marker(&mut write.message, ttl).await?,
                None => {}
            }
        }
        Ok(())
    }

    /// The messages, in the order of the writes. `locked`: the revision of the lock's key, if there is a lock.
    pub(super) fn messages(&self, bucket: &Bucket, locked: Option<u64>) -> Vec<Publish> {
        let messages = self.writes.iter().map(|write| {
            let mut message = write.message.clone();
            if let Some(expectation) = write.expects.and_then(|at| self.expectations.get(at)) {
                let revision = locked.filter(|_| expectation.kind == Kind::Lock);
                expect(&mut message, revision.unwrap_or(expectation.revision));
                if expectation.key != write.key {
                    let subject = bucket.subjects().stored(&expectation.key);
                    let headers = message.headers.get_or_insert_default();
                    headers.insert(EXPECTED_OF, subject);
                }
            }
            message
        });
        messages.collect()
    }

    /// The revisions that the writes have got, the last one of them this.
    pub(super) fn revisions(&self, last: u64) -> Range<u64> {
        let end = last + 1;
        end.saturating_sub(self.writes.len() as u64)..end
    }
}

fn check_keys(steps: &[Step], fence: Option<&Fence>) -> Result<()> {
    let mut keys = HashSet::new();
    for Step { key, .. } in steps {
        if fence.is_some_and(|fence| fence.key() == key) {
            let message = format!("Key {key} is that of the lock: a transaction cannot have it");
            return Err(Error::invalid_arg(message));
        }
        if !keys.insert(key) {
            let message = format!("Key {key} occurs more than once in the transaction");
            return Err(Error::invalid_arg(message));
        }
    }
    Ok(())
}
