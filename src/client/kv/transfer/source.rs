//! The entries of a bucket, up to the revision that it had at the beginning.

use crate::client::error::{Code, Error, Result};
use crate::client::jetstream::{Json, JsonExt};
use crate::client::kv::entry::Entry;
use crate::client::kv::filters::Filters;
use crate::client::kv::handle::{not_found, Bucket};
use crate::client::kv::listing::{Listing, Patience};
use crate::client::kv::operations::Operations;
use crate::client::kv::watch_options::WatchOptions;

/// Which entries.
#[derive(Debug, Clone, Default)]
pub struct SourceOptions {
    /// Key patterns; none means all keys.
    pub keys: Vec<String>,
    /// All that are stored, deletions included, instead of the latest value of each key.
    pub history: bool,
}

/// Reads entries in the order of their revisions, at the pace of whoever takes them.
///
/// Entries behind the bucket's revision are left out. Where it keeps one revision of each key, such an entry may have
/// replaced one that had not come yet; then it is taken for that.
pub(super) struct Source {
    bucket: Bucket,
    listing: Listing<Entry>,
    /// Of the bucket, when it was opened.
    pub(super) revision: u64,
    pub(super) config: Json,
    /// Whether an entry can have been replaced before it came.
    pub(super) keeps_one: bool,
    takes_replaced: bool,
    /// Of the entry that came last.
    last: u64,
    /// Entries that there were and will be.
    pub(super) total: u64,
    /// Something was written meanwhile.
    pub(super) has_changed: bool,
}

impl Source {
    /// # Errors
    /// `BucketNotFound`; `Timeout`; `ConnectionClosed`; those of
    /// [`JetStream::api`](crate::client::jetstream::JetStream::api).
    pub(super) async fn open(
        bucket: &Bucket,
        filters: &Filters,
        history: bool,
        is_exact: bool,
    ) -> Result<Source> {
        let options = WatchOptions {
            include_history: history,
            headers: true,
            operations: match history {
                true => Operations::ALL,
                false => Operations::PUT,
            },
            ..WatchOptions::default()
        };
        let listing = Listing::begin(
            bucket,
            filters,
            options,
            Patience::Silence,
            "entries",
            |entry| entry,
        );
        let listing = listing.await.map_err(|error| named(bucket, error))?;
        let mut info = info(bucket).await?;
        let config = match info.shift_remove("config") {
            Some(serde_json::Value::Object(config)) => config,
            _ => Json::new(),
        };
        let keeps_one = config.number("max_msgs_per_subject") == Some(1);
        Ok(Source {
            bucket: bucket.clone(),
            listing,
            revision: last_of(&info),
            keeps_one,
            takes_replaced: keeps_one && !history && !is_exact,
            config,
            last: 0,
            total: 0,
            has_changed: false,
        })
    }

    /// Some entries, maybe none; `None` at the end.
    ///
    /// # Errors
    /// `BucketNotFound`, also if it was made anew; `Timeout`; `ConnectionClosed`.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<Entry>>> {
        let entries = self.listing.next().await;
        let Some(entries) = entries.map_err(|error| named(&self.bucket, error))? else {
            return Ok(None);
        };
        let mut wanted = Vec::with_capacity(entries.len());
        for entry in entries {
            if entry.revision <= self.last {
                return Err(self.made_anew());
            }
            self.last = entry.revision;
            let is_later = entry.revision > self.revision;
            self.has_changed |= is_later;
            if !is_later || (self.takes_replaced && entry.is_first) {
                self.total = self
                    .total
                    .max(self.listing.entries + entry.delta.unwrap_or(0));
                wanted.push(entry);
            }
        }
        Ok(Some(wanted))
    }

    /// Whether nothing was written since it was opened.
    ///
    /// # Errors
    /// Those of [`Source::open`].
    pub(super) async fn is_quiet(&self) -> Result<bool> {
        Ok(!self.has_changed && last_of(&info(&self.bucket).await?) == self.revision)
    }

    fn made_anew(&self) -> Error {
        let message = format!("Bucket {} was deleted and made anew", self.bucket.name());
        Error::new(Code::BucketNotFound, message)
    }
}

async fn info(bucket: &Bucket) -> Result<Json> {
    let info = bucket.js().stream_info_in_ns(bucket.stream()).await;
    info.map_err(|error| named(bucket, error))
}

fn last_of(info: &Json) -> u64 {
    let state = info.object("state");
    state
        .and_then(|state| state.number("last_seq"))
        .unwrap_or(0)
}

fn named(bucket: &Bucket, error: Error) -> Error {
    match error.code {
        Code::StreamNotFound | Code::BucketNotFoundBare => not_found(bucket.name()),
        _ => error,
    }
}
