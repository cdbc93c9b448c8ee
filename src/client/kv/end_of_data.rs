//! When a watch has shown everything that was there at its beginning (kv.md §8.4).

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

/// Counts up to the end of current data, which is reached once in the life of a watch.
///
/// The server says after each message how many are left, but on a busy bucket that number may
/// never become zero. So what arrives is compared with what was there at the beginning.
pub(super) struct EndOfData {
    count: Option<Count>,
    distinct: bool,
}

struct Count {
    expected: u64,
    received: u64,
    /// For a watch of the latest entries: the subjects seen, each by its hash.
    ///
    /// With one revision per key, a key that is updated before its turn comes later than expected,
    /// while updates of keys seen before come in addition: only different keys count. Two subjects
    /// with the same hash delay the end until the server is idle, no more; and hashes do not keep
    /// the memory alive in which messages arrived.
    subjects: HashSet<u64>,
    hasher: RandomState,
}

impl EndOfData {
    /// With `distinct` subjects are counted, else messages.
    pub(super) fn new(distinct: bool) -> EndOfData {
        EndOfData {
            count: Some(Count {
                expected: u64::MAX,
                received: 0,
                subjects: HashSet::new(),
                hasher: RandomState::new(),
            }),
            distinct,
        }
    }

    pub(super) fn is_reached(&self) -> bool {
        self.count.is_none()
    }

    /// A consumer was created, for the first time or anew, with so many messages before it.
    /// True: this is the end of current data, as with the following functions.
    pub(super) fn created(&mut self, num_pending: u64) -> bool {
        let Some(count) = &mut self.count else {
            return false;
        };
        count.expected = num_pending;
        count.received = 0;
        count.subjects.clear();
        num_pending == 0 && self.reach()
    }

    /// A message arrived, wanted or not, after which so many are left.
    pub(super) fn message(&mut self, subject: &str, pending: u64) -> bool {
        let Some(count) = &mut self.count else {
            return false;
        };
        if !self.distinct || count.subjects.insert(count.hasher.hash_one(subject)) {
            count.received += 1;
        }
        (pending == 0 || count.received >= count.expected) && self.reach()
    }

    /// The server has nothing left: entries it counted were removed meanwhile.
    pub(super) fn caught_up(&mut self) -> bool {
        self.reach()
    }

    /// Ends counting and frees its memory.
    pub(super) fn reach(&mut self) -> bool {
        self.count.take().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_was_there() {
        let mut end = EndOfData::new(true);
        assert!(end.created(0));
        assert!(end.is_reached());
        assert!(!end.message("a", 0));
        assert!(!end.caught_up());
        assert!(!end.created(0));
    }

    #[test]
    fn the_server_says_that_nothing_is_left() {
        let mut end = EndOfData::new(true);
        assert!(!end.created(5));
        assert!(!end.message("a", 4));
        assert!(end.message("b", 0));
        assert!(!end.message("c", 0));
    }

    #[test]
    fn a_busy_bucket_never_says_so() {
        let mut end = EndOfData::new(false);
        assert!(!end.created(3));
        assert!(!end.message("a", 9));
        assert!(!end.message("a", 9));
        assert!(end.message("a", 9));
    }

    #[test]
    fn updates_of_keys_seen_before_do_not_count_for_latest_entries() {
        let mut end = EndOfData::new(true);
        assert!(!end.created(2));
        assert!(!end.message("a", 9));
        assert!(!end.message("a", 9));
        assert!(!end.message("a", 9));
        assert!(end.message("b", 9));
    }

    #[test]
    fn what_was_counted_is_gone() {
        let mut end = EndOfData::new(true);
        assert!(!end.created(2));
        assert!(!end.message("a", 1));
        assert!(end.caught_up());
        assert!(!end.caught_up());
    }

    #[test]
    fn a_reset_starts_the_count_anew() {
        let mut end = EndOfData::new(true);
        assert!(!end.created(3));
        assert!(!end.message("a", 2));
        assert!(!end.message("b", 1));
        assert!(!end.created(2));
        assert!(!end.message("a", 9));
        assert!(end.message("c", 9));
        let mut end = EndOfData::new(true);
        assert!(!end.created(3));
        assert!(end.created(0));
    }
}
