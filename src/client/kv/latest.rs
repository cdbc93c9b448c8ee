//! The latest entries of all keys that match, without values, and none of them missing.

use futures_util::future;
use futures_util::stream::{self, StreamExt, TryStreamExt};

use super::entry::{Entry, Operation};
use super::filters::Filters;
use super::handle::{Bucket, AT_A_TIME};
use super::listing::{Listing, Patience};
use super::watch_options::WatchOptions;
use crate::client::error::Result;
use crate::client::jetstream::JsonExt;

/// How often a listing is made again, for keys that are always short of their number are no fault of the count.
const AGAIN: u32 = 4;

/// Reads the latest entry of each key, deletions included. A key that is written meanwhile may come more than once.
///
/// Beside the listing the server is asked how many subjects there are. What is left for a consumer it counts one too
/// few for each update that has replaced an entry and was not counted itself yet: on a busy machine that may be all of
/// them, and the listing of a busy bucket ends before these keys have come. The number of subjects is right all the
/// time. Then the listing is made again.
pub(super) struct Latest {
    bucket: Bucket,
    filters: Filters,
    patience: Patience,
    what: &'static str,
    listing: Listing<LatestEntry>,
    /// Subjects when the listing began, if that is known.
    subjects: Option<u64>,
    /// How often it may still be made again.
    again: u32,
}

/// The latest entry of a key, as far as it matters here.
pub(super) struct LatestEntry {
    pub(super) key: Box<str>,
    pub(super) revision: u64,
    /// Milliseconds since the epoch.
    pub(super) created: i64,
    pub(super) is_put: bool,
    /// It is a deletion. (It may be neither: something that this client does not know.)
    pub(super) is_marker: bool,
    /// None of this key has come before in this listing.
    pub(super) is_first: bool,
}

impl From<Entry> for LatestEntry {
    fn from(entry: Entry) -> LatestEntry {
        LatestEntry {
            key: entry.key().into(),
            revision: entry.revision,
            created: entry.created,
            is_put: entry.is_put(),
            is_marker: matches!(entry.operation, Operation::Delete | Operation::Purge),
            is_first: entry.is_first,
        }
    }
}

/// What comes next.
pub(super) enum Turn {
    Entries(Vec<LatestEntry>),
    /// The listing begins once more.
    Again,
}

impl Latest {
    /// `what` is gathered, as the message of a `Timeout` says.
    ///
    /// # Errors
    /// Those of [`Listing::begin`].
    pub(super) async fn begin(
        bucket: &Bucket,
        filters: Filters,
        patience: Patience,
        what: &'static str,
    ) -> Result<Latest> {
        let (subjects, listing) = begin(bucket, &filters, patience, what).await;
        Ok(Latest {
            listing: listing?,
            bucket: bucket.clone(),
            filters,
            patience,
            what,
            subjects,
            again: AGAIN,
        })
    }

    /// # Errors
    /// Those of [`Listing::next`] and [`Listing::begin`].
    pub(super) async fn next(&mut self) -> Result<Option<Turn>> {
        if let Some(entries) = self.listing.next().await? {
            return Ok(Some(Turn::Entries(entries)));
        }
        if self.again == 0 || !self.is_short().await {
            return Ok(None);
        }
        self.again -= 1;
        let again = begin(&self.bucket, &self.filters, self.patience, self.what);
        let (subjects, listing) = again.await;
        self.subjects = subjects;
        self.listing = listing?;
        Ok(Some(Turn::Again))
    }

    /// Whether there were more keys at the beginning than have come, and they have not been removed meanwhile.
    async fn is_short(&self) -> bool {
        let is_more = |subjects: u64| subjects > self.listing.distinct;
        if !self.subjects.is_some_and(is_more) {
            return false;
        }
        let subjects = self.bucket.count_subjects(&self.filters).await;
        subjects.is_some_and(is_more)
    }

    /// Whether keys may have come more than once in the present listing.
    pub(super) fn has_repeated(&self) -> bool {
        self.listing.distinct != self.listing.entries
    }
}

/// Also the number of subjects, if that can be had.
async fn begin(
    bucket: &Bucket,
    filters: &Filters,
    patience: Patience,
    what: &'static str,
) -> (Option<u64>, Result<Listing<LatestEntry>>) {
    let options = WatchOptions {
        meta_only: true,
        ..WatchOptions::default()
    };
    let listing = Listing::begin(bucket, filters, options, patience, what, LatestEntry::from);
    tokio::join!(bucket.count_subjects(filters), listing)
}

impl Bucket {
    /// How many subjects there are that the filters let pass; `None` if that cannot be had.
    async fn count_subjects(&self, filters: &Filters) -> Option<u64> {
        let (js, stream) = (self.js(), self.stream());
        if filters.patterns() == [">"] {
            // The server need not look for them.
            let info = js.stream_info(stream).await.ok()?;
            return info.object("state")?.number("num_subjects");
        }
        let subjects = self.filter_subjects(filters).into_iter();
        let counts = subjects.map(|subject| js.count_subjects(stream, &subject));
        let counts = stream::iter(counts).buffer_unordered(AT_A_TIME);
        let sum = counts.try_fold(0, |sum, count| future::ready(Ok(sum + count)));
        sum.await.ok()
    }
}
