//! Which keys are wanted, and as of when.

use std::collections::HashSet;

use crate::client::error::{Error, Result};
use crate::client::kv::handle::Bucket;
use crate::client::kv::names::is_pattern;
use crate::client::kv::pattern_tree::PatternTree;

/// How many keys are to be read.
#[derive(Debug, Clone, Default)]
pub struct ManyOptions {
    /// As of when; else as they are.
    pub at: Option<Moment>,
    /// Whoever answers must have got so far; by default the newest revision that this handle has written.
    pub min_revision: Option<u64>,
    /// Where nothing exact is to be had, keys may be missing.
    pub accepts_fuzzy: bool,
    /// Entries come with all their headers.
    pub headers: bool,
    /// The revision of the snapshot matters also if there is nothing in it.
    pub needs_revision: bool,
}

/// A moment in the life of a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// When this revision had been stored.
    Revision(u64),
    /// Before this time, in nanoseconds since the epoch.
    Before(i64),
}

/// What is to be read.
pub(super) struct Request {
    /// Keys and patterns, each once.
    pub(super) keys: Vec<String>,
    pub(super) options: ManyOptions,
}

impl Request {
    /// # Errors
    /// `InvalidArg` for a malformed key or pattern, or revision 0.
    pub(super) fn new(bucket: &Bucket, keys: &[String], options: &ManyOptions) -> Result<Request> {
        keys.iter().try_for_each(|key| match is_pattern(key) {
            true => bucket.check_pattern(key),
            false => bucket.check_key(key),
        })?;
        if options.at == Some(Moment::Revision(0)) {
            return Err(Error::invalid_arg("Revisions begin with 1"));
        }
        let mut known = HashSet::new();
        let keys = keys.iter().filter(|key| known.insert(key.as_str()));
        Ok(Request {
            keys: keys.cloned().collect(),
            options: options.clone(),
        })
    }
}

impl Request {
    /// Whether a key is wanted.
    pub(super) fn covers(&self, key: &str) -> bool {
        PatternTree::of(self.keys.iter().map(String::as_str)).covers(key)
    }
}
