//! Removing what nobody needs any more: markers of deleted keys, and earlier revisions.
//!
//! Each key is purged by a request of its own, up to a sequence or down to a number of messages, so that nothing is
//! lost that is written meanwhile.

use std::future::Future;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::future;
use futures_util::stream::{self, StreamExt, TryStreamExt};

use super::features::Features;
use super::filters::Filters;
use super::handle::{Bucket, AT_A_TIME};
use super::latest::{Latest, LatestEntry, Turn};
use super::listing::Patience;
use super::names::is_pattern;
use crate::client::error::{Error, Result};
use crate::client::jetstream::{units, Json, JsonExt};

/// Which markers go.
struct Age {
    /// Those created up to this moment, in milliseconds since the epoch.
    up_to: i64,
    /// The bucket keeps what was before a marker.
    has_history: bool,
}

impl Age {
    /// By the clock of the server, at the moment of its answer.
    fn of(info: &Json, older_than: Duration) -> Age {
        let history = info
            .object("config")
            .and_then(|config| config.get("max_msgs_per_subject")?.as_i64());
        let now = units::time_field(info, "ts").map_or_else(now, units::ms_from_ns);
        let age = i64::try_from(older_than.as_millis()).unwrap_or(i64::MAX);
        Age {
            // Some may be created while they are listed.
            up_to: match age {
                0 => i64::MAX,
                age => now.saturating_sub(age),
            },
            has_history: history != Some(1),
        }
    }

    /// The sequence below which the messages of a marker's key go; `None` if there are none.
    fn end(&self, marker: &LatestEntry) -> Option<u64> {
        if marker.created <= self.up_to {
            return Some(marker.revision + 1);
        }
        self.has_history.then_some(marker.revision)
    }
}

/// The clock of this machine, for servers that do not tell theirs.
fn now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |now| i64::try_from(now.as_millis()).unwrap_or(i64::MAX))
}

impl Bucket {
    /// Removes the markers of deleted keys that match one of the patterns, without patterns all: those that are at
    /// least so old, with what is before them; of younger ones only what is before them. Returns how many messages
    /// have gone. The time limit is for each step.
    ///
    /// # Errors
    /// Those of [`Bucket::filters`]; `BucketNotFound`; those of
    /// [`JetStream::purge_stream`](crate::client::jetstream::JetStream::purge_stream). What is gone by then stays so.
    pub fn purge_deletes(
        &self,
        patterns: &[String],
        older_than: Duration,
    ) -> impl Future<Output = Result<u64>> + Send + 'static {
        let filters = self.filters_or_all(patterns);
        let bucket = self.clone();
        async move {
            let purged = bucket.purge_markers(filters?, older_than).await;
            purged.map_err(|error| bucket.named(error))
        }
    }

    async fn purge_markers(&self, filters: Filters, older_than: Duration) -> Result<u64> {
        let info = self.js().stream_info(self.stream()).await?;
        if info
            .object("config")
            .is_some_and(|config| Features::of(config).counters)
        {
            // What others may have marked as deleted still has the total that the next increment goes on from.
            return Ok(0);
        }
        let age = Age::of(&info, older_than);
        let markers = self.markers(filters).await?;
        let purges = markers.into_iter().filter_map(|marker| {
            let end = age.end(&marker)?;
            self.purge_of(&marker.key, "seq", end)
        });
        self.purge_all(purges).await
    }

    async fn markers(&self, filters: Filters) -> Result<Vec<LatestEntry>> {
        let begun = Latest::begin(self, filters, Patience::Silence, "deleted keys");
        let mut latest = begun.await?;
        let mut markers = Vec::new();
        while let Some(turn) = latest.next().await? {
            match turn {
                Turn::Entries(entries) => {
                    markers.extend(entries.into_iter().filter(|entry| entry.is_marker));
                }
                Turn::Again => markers.clear(),
            }
        }
        Ok(markers)
    }

    /// Removes all but the latest revisions, `keep` of them, of each key that matches one of the patterns, without
    /// patterns of all. Returns how many messages have gone. The time limit is for each step.
    ///
    /// # Errors
    /// `InvalidArg` if none is to be kept; those of [`Bucket::purge_deletes`].
    pub fn compact(
        &self,
        patterns: &[String],
        keep: u64,
    ) -> impl Future<Output = Result<u64>> + Send + 'static {
        let filters = self
            .filters_or_all(patterns)
            .and_then(|filters| match keep {
                0 => Err(Error::invalid_arg("At least one revision has to be kept")),
                _ => Ok(filters),
            });
        let bucket = self.clone();
        async move {
            let purged = bucket.purge_revisions(filters?, keep).await;
            purged.map_err(|error| bucket.named(error))
        }
    }

    async fn purge_revisions(&self, filters: Filters, keep: u64) -> Result<u64> {
        let prefix = self.subjects().prefix();
        let mut keys = Vec::new();
        for filter in self.filter_subjects(&filters) {
            let mut pages = self.js().subject_pages(self.stream(), &filter);
            while let Some(page) = pages.next().await? {
                let long = page.iter().filter(|(_, messages)| *messages > keep);
                let found = long.filter_map(|(subject, _)| subject.strip_prefix(prefix));
                let wanted = found.filter(|key| filters.admits(key));
                keys.extend(wanted.map(str::to_owned));
            }
        }
        let purges = keys.into_iter();
        self.purge_all(purges.filter_map(|key| self.purge_of(&key, "keep", keep)))
            .await
    }

    /// The request that purges a key; `None` for one that would be taken for a pattern.
    pub(super) fn purge_of(&self, key: &str, limit: &str, number: u64) -> Option<Json> {
        (!is_pattern(key)).then(|| {
            Json::from_iter([
                ("filter".to_owned(), self.subjects().stored(key).into()),
                (limit.to_owned(), number.into()),
            ])
        })
    }

    /// Purges one key after the other, some at a time. Returns how many messages have gone.
    pub(super) async fn purge_all(&self, purges: impl Iterator<Item = Json> + Send) -> Result<u64> {
        let (js, stream) = (self.js(), self.stream());
        let counts = purges.map(|purge| js.purge_stream(stream, &purge));
        let counts = stream::iter(counts).buffer_unordered(AT_A_TIME);
        counts
            .try_fold(0, |sum, count| future::ready(Ok(sum + count)))
            .await
    }
}
