//! When a watch has shown everything that was there at its beginning.

use std::collections::HashSet;
use std::hash::{BuildHasher, BuildHasherDefault, Hasher, RandomState};

/// How much later than a doubtful message another one must have been stored to settle the doubt.
const DOUBT_NS: i64 = 250_000_000;

/// Counts up to the end of current data, which is reached once in the life of a watch.
///
/// The server says after each message how many are left, but neither side of that number can be
/// relied on. On a busy bucket it may never become zero. And it may be zero too early: when an
/// update replaces an entry before its turn, the server takes the old one off its count a moment
/// before it adds the new one (measured with 2.15: one listing in seven, with two busy writers). So
/// what arrives is compared with what was there at the beginning.
pub(crate) struct EndOfData {
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
    /// with the same hash delay the end a little, no more; and hashes do not keep the memory alive
    /// in which messages arrived.
    subjects: Subjects,
    /// Those that the present consumer has brought, if it is not the first: what is expected of it does not
    /// depend on what came before.
    present: Option<Subjects>,
    hasher: RandomState,
    /// When the first message was stored after which nothing was left although not everything had
    /// come. What is missing was either replaced and is on its way, or removed.
    doubtful_since: Option<i64>,
}

type Subjects = HashSet<u64, BuildHasherDefault<Hashed>>;

/// Numbers that are hashes already.
#[derive(Default)]
struct Hashed(u64);

impl Hasher for Hashed {
    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// What a message means for the end of current data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Its subject has not come before, from whichever consumer of the watch.
    pub(crate) is_first: bool,
    /// This is the end of current data.
    pub(crate) reached: bool,
}

impl Count {
    fn restart(&mut self, expected: u64) {
        self.expected = expected;
        self.received = 0;
        if !self.subjects.is_empty() {
            self.present = Some(Subjects::default());
        }
        self.doubtful_since = None;
    }

    /// Whether the subject is new; not known where messages are counted.
    fn add(&mut self, subject: &str, pending: u64, distinct: bool) -> bool {
        // The count at the beginning can be short by the same moment; the first message knows better.
        if self.received == 0 {
            self.expected = self.expected.max(pending.saturating_add(1));
        }
        if !distinct {
            self.received += 1;
            return false;
        }
        let hash = self.hasher.hash_one(subject);
        let is_first = self.subjects.insert(hash);
        let counts = match &mut self.present {
            None => is_first,
            Some(present) => present.insert(hash),
        };
        self.received += u64::from(counts);
        is_first
    }

    /// Whether nothing can be missing, given a message after which so many are left.
    fn is_complete(&mut self, pending: u64, timestamp_ns: i64) -> bool {
        if self.received >= self.expected {
            return true;
        }
        if pending > 0 {
            return false;
        }
        let since = *self.doubtful_since.get_or_insert(timestamp_ns);
        timestamp_ns.saturating_sub(since) >= DOUBT_NS
    }
}

impl EndOfData {
    /// With `distinct` subjects are counted, else messages.
    pub(crate) fn new(distinct: bool) -> EndOfData {
        EndOfData {
            count: Some(Count {
                expected: u64::MAX,
                received: 0,
                subjects: Subjects::default(),
                present: None,
                hasher: RandomState::new(),
                doubtful_since: None,
            }),
            distinct,
        }
    }

    pub(crate) fn is_reached(&self) -> bool {
        self.count.is_none()
    }

    /// Whether a pause would be the end.
    pub(crate) fn is_doubtful(&self) -> bool {
        let count = self.count.as_ref();
        count.is_some_and(|count| count.doubtful_since.is_some())
    }

    /// A consumer was created, for the first time or anew, with so many messages before it.
    /// True: this is the end of current data, as with the following functions.
    pub(crate) fn created(&mut self, num_pending: u64) -> bool {
        let Some(count) = &mut self.count else {
            return false;
        };
        count.restart(num_pending);
        num_pending == 0 && self.reach()
    }

    /// A message arrived, wanted or not, after which so many are left.
    pub(crate) fn message(&mut self, subject: &str, pending: u64, timestamp_ns: i64) -> Seen {
        let Some(count) = &mut self.count else {
            return Seen {
                is_first: false,
                reached: false,
            };
        };
        let is_first = count.add(subject, pending, self.distinct);
        let reached = count.is_complete(pending, timestamp_ns) && self.reach();
        Seen { is_first, reached }
    }

    /// The server has nothing left: entries it counted were removed meanwhile.
    pub(crate) fn caught_up(&mut self) -> bool {
        self.reach()
    }

    /// Ends counting and frees its memory.
    pub(crate) fn reach(&mut self) -> bool {
        self.count.take().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: i64 = 1_000_000;

    impl EndOfData {
        fn sees(&mut self, subject: &str, pending: u64) -> bool {
            self.message(subject, pending, 0).reached
        }
    }

    #[test]
    fn nothing_was_there() {
        let mut end = EndOfData::new(true);
        assert!(end.created(0));
        assert!(end.is_reached());
        assert!(!end.sees("a", 0));
        assert!(!end.caught_up());
        assert!(!end.created(0));
    }

    #[test]
    fn everything_has_come() {
        let mut end = EndOfData::new(true);
        assert!(!end.created(2));
        assert!(!end.sees("a", 1));
        assert!(end.sees("b", 0));
        assert!(!end.sees("c", 0));
    }

    #[test]
    fn a_busy_bucket_always_has_something_left() {
        let mut end = EndOfData::new(false);
        assert!(!end.created(3));
        assert!(!end.sees("a", 2));
        assert!(!end.sees("a", 9));
        assert!(end.sees("a", 9));
    }

    #[test]
    fn updates_of_keys_seen_before_do_not_count_for_latest_entries() {
        let mut end = EndOfData::new(true);
        assert!(!end.created(2));
        assert!(!end.sees("a", 1));
        assert!(!end.sees("a", 9));
        assert!(!end.sees("a", 9));
        assert!(end.sees("b", 9));
    }

    #[test]
    fn nothing_left_too_early_is_not_the_end() {
        let mut end = EndOfData::new(true);
        assert!(!end.created(3));
        assert!(!end.sees("a", 2));
        assert!(!end.is_doubtful());
        assert!(!end.sees("b", 0));
        assert!(end.is_doubtful());
        assert!(end.sees("c", 0));
        assert!(!end.is_doubtful());
    }

    #[test]
    fn what_does_not_come_after_all_was_removed() {
        let mut end = EndOfData::new(true);
        assert!(!end.created(3));
        assert!(!end.message("a", 0, 1000 * MS).reached);
        assert!(!end.message("a", 0, 1249 * MS).reached);
        assert!(!end.message("a", 1, 1300 * MS).reached);
        assert!(end.message("a", 0, 1350 * MS).reached);
    }

    #[test]
    fn subjects_that_come_again() {
        let mut end = EndOfData::new(true);
        end.created(3);
        let firsts = ["a", "b", "a", "c", "d"].map(|subject| end.message(subject, 2, 0).is_first);
        assert_eq!(firsts, [true, true, false, true, false]);
    }

    #[test]
    fn a_pause_is_the_end() {
        let mut end = EndOfData::new(true);
        assert!(!end.created(2));
        assert!(!end.sees("a", 0));
        assert!(end.caught_up());
        assert!(!end.caught_up());
    }

    #[test]
    fn the_first_message_corrects_the_count() {
        let mut end = EndOfData::new(true);
        assert!(!end.created(1));
        assert!(!end.sees("a", 1));
        assert!(end.sees("b", 0));
    }

    #[test]
    fn a_reset_starts_the_count_anew() {
        let mut end = EndOfData::new(true);
        assert!(!end.created(3));
        assert!(!end.sees("a", 2));
        assert!(!end.sees("b", 0));
        assert!(!end.created(2));
        assert!(!end.is_doubtful());
        assert!(!end.sees("a", 1));
        assert!(end.sees("c", 9));
        let mut end = EndOfData::new(true);
        assert!(!end.created(3));
        assert!(end.created(0));
    }
}
