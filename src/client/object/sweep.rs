//! Chunks that nobody knows: of puts that did not come to their end.

use std::collections::HashSet;
use std::future::Future;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::call::{last_of, Call};
use super::handle::Store;
use super::names::{chunks, is_nuid, metas};
use crate::client::error::{Code, Result};
use crate::client::jetstream::{units, Json};

/// How often all metas are read, while others change them.
const LISTINGS: usize = 5;

/// Chunks of no object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Swept {
    pub nuid: String,
    /// How many.
    pub chunks: u64,
}

impl Store {
    /// Removes chunks that belong to no object and of which the last one is older than that; with `dry_run` they are only
    /// told. Each request has the time limit for itself.
    ///
    /// # Errors
    /// `BucketNotFound`; those of [`JetStream::api`](crate::client::jetstream::JetStream::api).
    pub fn sweep(
        &self,
        older_than: Duration,
        dry_run: bool,
    ) -> impl Future<Output = Result<Vec<Swept>>> + Send + 'static {
        let call = Call {
            js: self.js().clone(),
            store: self.clone(),
        };
        async move { call.sweep(older_than, dry_run).await }
    }
}

impl Call {
    async fn sweep(&self, older_than: Duration, dry_run: bool) -> Result<Vec<Swept>> {
        let Call { js, store } = self;
        let filter = chunks(store.name(), ">");
        let subjects = js.subject_pages(store.stream(), &filter).all().await;
        let subjects = subjects.map_err(|error| store.missing(error))?;
        if subjects.is_empty() {
            return Ok(Vec::new());
        }
        // Metas are read after the chunks: what has come meanwhile is not among these.
        let known = self.known().await?;
        let prefix = chunks(store.name(), "");
        let mut swept = Vec::new();
        for (subject, count) in subjects {
            let nuid = subject.strip_prefix(&prefix).unwrap_or_default();
            if !is_nuid(nuid)
                || known.contains(nuid)
                || !self.is_older(&subject, older_than).await?
            {
                continue;
            }
            if !dry_run {
                self.remove(&subject).await?;
            }
            swept.push(Swept {
                nuid: nuid.to_owned(),
                chunks: count,
            });
        }
        Ok(swept)
    }

    /// The nuids of all metas. One that is renamed while they are read may be missed under both names; so they are read
    /// until nothing has changed meanwhile.
    async fn known(&self) -> Result<HashSet<String>> {
        let mut known = HashSet::new();
        let mut before = self.last_change().await?;
        for _ in 0..LISTINGS {
            let infos = self.list().await?;
            known.extend(infos.iter().map(|info| info.meta.nuid().to_owned()));
            let after = self.last_change().await?;
            if after == before {
                break;
            }
            before = after;
        }
        Ok(known)
    }

    /// The sequence of the last meta; 0: there is none.
    async fn last_change(&self) -> Result<u64> {
        Ok(self.last_on(&metas(self.store.name())).await?.0)
    }

    /// Whether the last message of a subject was stored so long ago. One that is gone needs nothing.
    async fn is_older(&self, subject: &str, than: Duration) -> Result<bool> {
        let (sequence, time) = self.last_on(subject).await?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let age = now
            .unwrap_or_default()
            .checked_sub(Duration::from_nanos(u64::try_from(time).unwrap_or(0)));
        Ok(sequence > 0 && age.is_some_and(|age| age >= than))
    }

    /// Sequence and time (ns since the epoch) of the last message of a subject; 0 if there is none.
    async fn last_on(&self, subject: &str) -> Result<(u64, i64)> {
        let Call { js, store } = self;
        match js.stream_msg_get(store.stream(), &last_of(subject)).await {
            Ok(message) => {
                let time = units::ns_from_time(&message.time);
                Ok((message.sequence, time.unwrap_or(i64::MAX)))
            }
            Err(error) if error.code == Code::MsgNotFound => Ok((0, 0)),
            Err(error) => Err(store.missing(error)),
        }
    }

    async fn remove(&self, subject: &str) -> Result<()> {
        let Call { js, store } = self;
        let query = Json::from_iter([("filter".to_owned(), subject.into())]);
        let purged = js.purge_stream(store.stream(), &query).await;
        purged.map(drop).map_err(|error| store.missing(error))
    }
}
