//! How a key stands.

use std::time::Instant;

use super::super::entry::Entry;
use super::change::Change;

/// A key that the script has seen or changed.
pub(super) struct Key<T> {
    /// The revision that the script has seen, or written; 0: none.
    pub base: u64,
    /// What is under way, which is nothing for most keys.
    pub active: Option<Box<Active<T>>>,
}

impl<T> Default for Key<T> {
    fn default() -> Self {
        Key {
            base: 0,
            active: None,
        }
    }
}

/// Changes of a key that are not acknowledged.
pub(super) struct Active<T> {
    pub flight: Option<Flight<T>>,
    /// The newest one of those that come after it.
    pub waiting: Option<Waiting<T>>,
    /// The newest entry of others that was kept from the script meanwhile.
    pub aside: Option<Entry>,
}

impl<T> Default for Active<T> {
    fn default() -> Self {
        Active {
            flight: None,
            waiting: None,
            aside: None,
        }
    }
}

pub(super) struct Waiting<T> {
    pub change: Change<T>,
    pub order: u64,
    pub due: Instant,
}

/// A change that was sent.
pub(super) struct Flight<T> {
    pub change: Change<T>,
    pub order: u64,
    /// Of the write.
    pub number: u64,
    /// `None`: whatever is there is overwritten.
    pub expected: Option<u64>,
    /// How often an answer could not be believed.
    pub doubts: u32,
    pub stage: Stage,
}

pub(super) enum Stage {
    Sent,
    /// To be sent once more, as the same write.
    Repeated,
    /// The owner is asked what to do about this entry.
    Judged(Box<Entry>),
}

impl<T> Active<T> {
    /// Keeps an entry for later, unless there is a newer one.
    pub(super) fn put_aside(&mut self, entry: Entry) {
        let aside = self.aside.as_ref();
        if aside.is_none_or(|aside| aside.revision < entry.revision) {
            self.aside = Some(entry);
        }
    }

    /// The newest change.
    pub(super) fn newest(&self) -> Option<(u64, &Change<T>)> {
        let waiting = self.waiting.as_ref();
        let flight = self.flight.as_ref();
        waiting
            .map(|waiting| (waiting.order, &waiting.change))
            .or(flight.map(|flight| (flight.order, &flight.change)))
    }
}
