//! What is to be sent, in the order of the changes.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Instant;

/// Which change of which key is to be sent.
#[derive(Default)]
pub(super) struct Queue {
    /// By the order of the changes.
    sendable: BTreeMap<u64, Sendable>,
    /// The orders of all changes that are not acknowledged, but of those that replace one its order.
    unsaved: BTreeSet<u64>,
    /// The first one of those that a change replaces.
    since: HashMap<u64, u64>,
    /// Changes up to this one, and those that replace them, wait for no delay.
    hurried: u64,
    last: u64,
}

struct Sendable {
    key: Box<str>,
    due: Instant,
    /// It was sent before. Others need not wait for its time.
    is_repeated: bool,
}

impl Queue {
    /// The order of a new change, which is unsaved from now on.
    pub(super) fn order(&mut self) -> u64 {
        self.last += 1;
        self.unsaved.insert(self.last);
        self.last
    }

    /// The order of the newest change.
    pub(super) fn last(&self) -> u64 {
        self.last
    }

    /// A change is dealt with, and so are those that it replaces.
    pub(super) fn settle(&mut self, order: u64) {
        self.sendable.remove(&order);
        let since = self.since.remove(&order).unwrap_or(order);
        self.unsaved.remove(&since);
    }

    /// A change is replaced by a newer one: whoever waits for it waits for that one.
    pub(super) fn replace(&mut self, former: u64, newer: u64) {
        self.sendable.remove(&former);
        let since = self.since.remove(&former).unwrap_or(former);
        let covered = self.since.insert(newer, since).unwrap_or(newer);
        self.unsaved.remove(&covered);
    }

    /// A change is not to be sent, for the time being.
    pub(super) fn withhold(&mut self, order: u64) {
        self.sendable.remove(&order);
    }

    /// A change can be sent when it is due.
    pub(super) fn add(&mut self, order: u64, key: &str, due: Instant, is_repeated: bool) {
        let sendable = Sendable {
            key: key.into(),
            due,
            is_repeated,
        };
        self.sendable.insert(order, sendable);
    }

    /// The first one that is due.
    pub(super) fn take(&mut self, now: Instant) -> Option<Box<str>> {
        let order = self.first(|_, due| due <= now)?;
        self.sendable.remove(&order).map(|sendable| sendable.key)
    }

    /// When the next one is due.
    pub(super) fn next_due(&self) -> Option<Instant> {
        let mut next: Option<Instant> = None;
        let _ = self.first(|_, due| {
            next = Some(next.map_or(due, |next| next.min(due)));
            false
        });
        next
    }

    /// The first one that is wanted. Behind one that waits for its delay there is none that does not.
    fn first(&self, mut is_wanted: impl FnMut(u64, Instant) -> bool) -> Option<u64> {
        for (order, sendable) in &self.sendable {
            let since = self.since.get(order).unwrap_or(order);
            let is_hurried = !sendable.is_repeated && *since <= self.hurried;
            let due = sendable.due;
            if is_hurried || is_wanted(*order, due) {
                return Some(*order);
            }
            if !sendable.is_repeated {
                break;
            }
        }
        None
    }

    /// What was changed so far is sent without delay.
    pub(super) fn hurry(&mut self) {
        self.hurried = self.last;
    }

    /// Whether all changes up to one are dealt with, or those that have replaced them.
    pub(super) fn is_saved(&self, order: u64) -> bool {
        self.unsaved.first().is_none_or(|first| *first > order)
    }
}
