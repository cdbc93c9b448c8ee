//! Elements of a watched array whose keys the bucket has no more.

use super::coding::Coding;
use super::watched_array::WatchedArray;
use crate::client::kv::KeySet;
use std::collections::HashSet;
use tcl::{Interp, Obj, Result};

/// Follows current data up to its end.
pub struct Reconciliation {
    /// Which elements are the bucket's.
    watched: KeySet,
    coding: Coding,
    /// The keys that came, as the script sees them.
    seen: HashSet<Box<str>>,
}

impl Reconciliation {
    /// `watched` is about keys as they are stored.
    pub fn new(watched: KeySet, coding: Coding) -> Reconciliation {
        Reconciliation {
            watched,
            coding,
            seen: HashSet::new(),
        }
    }

    /// A key is in current data.
    pub fn saw(&mut self, key: &str) {
        self.seen.insert(key.into());
    }

    /// At the end of current data: the elements that match the patterns and were not in it. Traces run.
    ///
    /// # Errors
    /// Those of traces on the array.
    pub fn stale(self, interp: Interp, array: &WatchedArray) -> Result<Vec<Obj>> {
        let mut names = array.names(interp)?;
        names.retain(|name| self.is_stale(interp, name));
        Ok(names)
    }

    /// What cannot be encoded is no key of the bucket.
    fn is_stale(&self, interp: Interp, name: &Obj) -> bool {
        let is_watched = |key: &str| self.watched.has(key);
        let key = || self.coding.key(interp, name);
        !self.seen.contains(&*name.text()) && key().is_ok_and(|key| is_watched(&key))
    }
}
