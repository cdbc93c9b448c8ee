//! What listings are made for: keys, how many they are, the history of keys.

use std::collections::HashSet;
use std::future::Future;

use super::entry::Entry;
use super::filters::Filters;
use super::handle::Bucket;
use super::latest::{Latest, LatestEntry, Turn};
use super::listing::{Listing, Patience};
use super::watch_options::WatchOptions;
use crate::client::error::{Code, Error, Result};

/// A part of a listing of keys.
#[derive(Debug)]
pub enum KeyPart {
    /// A key, and whether it has a value; else it was deleted.
    Key(String, bool),
    /// The listing begins again: what came before does not count.
    Again,
}

impl Bucket {
    /// Lists the keys that match one of the patterns, without patterns all, in the order in which their latest values
    /// were stored. The function is called on a runtime thread and must not block. The result says whether keys may
    /// have come more than once, as they do when they are written meanwhile: the last time counts.
    ///
    /// # Errors
    /// Those of [`Bucket::filters`]; `BucketNotFoundBare`; `Timeout`; `ConnectionClosed`.
    pub fn keys(
        &self,
        patterns: &[String],
        mut sink: impl FnMut(Vec<KeyPart>) + Send + 'static,
    ) -> impl Future<Output = Result<bool>> + Send + 'static {
        let filters = self.filters_or_all(patterns);
        let bucket = self.clone();
        async move {
            let mut latest = Latest::begin(&bucket, filters?, Patience::Whole, "keys").await?;
            while let Some(turn) = latest.next().await? {
                sink(parts(turn));
            }
            Ok(latest.has_repeated())
        }
    }

    /// How many keys there are that match one of the patterns, without patterns all. The time limit is for each
    /// silence.
    ///
    /// # Errors
    /// Those of [`Bucket::filters`]; `BucketNotFound`; `Timeout`; `ConnectionClosed`.
    pub fn count_keys(
        &self,
        patterns: &[String],
    ) -> impl Future<Output = Result<u64>> + Send + 'static {
        let filters = self.filters_or_all(patterns);
        let bucket = self.clone();
        async move {
            let tally = bucket.tally(filters?).await;
            tally.map_err(|error| bucket.named(error))
        }
    }

    async fn tally(&self, filters: Filters) -> Result<u64> {
        let mut latest = Latest::begin(self, filters, Patience::Silence, "keys").await?;
        let mut tally = Tally::default();
        while let Some(turn) = latest.next().await? {
            match turn {
                Turn::Entries(entries) => entries.into_iter().for_each(|entry| tally.add(entry)),
                Turn::Again => tally = Tally::default(),
            }
        }
        Ok(tally.keys)
    }

    /// Lists all entries of the keys that match a pattern, in stream order, deletions included. The
    /// function is called on a runtime thread and must not block.
    ///
    /// # Errors
    /// `InvalidArg` for a malformed pattern; `KeyNotFound` if there is none; `BucketNotFoundBare`;
    /// `Timeout`; `ConnectionClosed`.
    pub fn history(
        &self,
        pattern: &str,
        mut sink: impl FnMut(Vec<Entry>) + Send + 'static,
    ) -> impl Future<Output = Result<()>> + Send + 'static {
        let options = WatchOptions {
            include_history: true,
            ..WatchOptions::default()
        };
        let filters = self.filter(pattern);
        let bucket = self.clone();
        let pattern = pattern.to_owned();
        async move {
            let (filters, patience) = (filters?, Patience::Whole);
            let begun = Listing::begin(&bucket, &filters, options, patience, "history", |entry| {
                entry
            });
            let mut listing = begun.await?;
            while let Some(entries) = listing.next().await? {
                sink(entries);
            }
            match listing.entries {
                0 => Err(bucket.no_key(&pattern)),
                _ => Ok(()),
            }
        }
    }

    /// The error of a bucket that has no keys that match one of the patterns.
    pub fn no_keys(&self, patterns: &[String]) -> Error {
        let which = match patterns {
            [] => String::new(),
            [all] if all == ">" => String::new(),
            patterns => format!(" that match {}", patterns.join(" ")),
        };
        let message = format!("There are no keys{which} in bucket {}", self.name());
        Error::new(Code::KeyNotFound, message)
    }

    /// Which keys are wanted: those that match one of the patterns, without patterns all.
    ///
    /// # Errors
    /// Those of [`Bucket::filters`].
    pub(super) fn filters_or_all(&self, patterns: &[String]) -> Result<Filters> {
        match patterns {
            [] => self.filter(">"),
            patterns => self.filters(patterns),
        }
    }
}

fn parts(turn: Turn) -> Vec<KeyPart> {
    match turn {
        Turn::Entries(entries) => {
            let keys = entries.into_iter();
            keys.map(|entry| KeyPart::Key(entry.key.into(), entry.is_put))
                .collect()
        }
        Turn::Again => vec![KeyPart::Again],
    }
}

/// Counts the keys of a listing that have a value. It needs the names of those only that were deleted.
#[derive(Default)]
struct Tally {
    keys: u64,
    deleted: HashSet<Box<str>>,
}

impl Tally {
    fn add(&mut self, entry: LatestEntry) {
        match (entry.is_put, entry.is_first) {
            (true, true) => self.keys += 1,
            (true, false) => self.keys += u64::from(self.deleted.remove(&entry.key)),
            (false, is_first) => {
                let was_there = self.deleted.insert(entry.key) && !is_first;
                self.keys = self.keys.saturating_sub(was_there.into());
            }
        }
    }
}
