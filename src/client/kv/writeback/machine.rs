//! The rules by which changes are written back.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use super::super::entry::Entry;
use super::super::operations::Operations;
use super::change::Change;
use super::key::{Active, Flight, Key, Stage, Waiting};
use super::queue::Queue;
use super::write::{Outcome, Write};
use crate::client::error::Error;

/// How many writes may be in flight.
const WINDOW: usize = 256;

/// The time before a write is repeated.
pub(super) const PAUSE: Duration = Duration::from_millis(250);

/// Nobody waits for longer, and clocks can count it.
const LONGEST_DELAY: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// How often an answer may contradict what is known. Whoever says so may have to catch up; after so many times it is
/// taken for the truth.
pub(super) const DOUBTS: u32 = 20;

/// What a conflict comes to: others have written what the script has not seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// The script sees it, and its own change is lost.
    Remote,
    /// The script overwrites it.
    Local,
    /// The owner is asked.
    Ask,
}

/// How changes are written.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    pub policy: Policy,
    /// How long a key has to rest before its change is sent.
    pub delay: Duration,
    /// Which entries the script is shown. Deletions that it is not shown are no conflict.
    pub operations: Operations,
}

/// What the owner has to do next.
pub enum Task<T> {
    /// To be sent at once, and in this order; see [`Writeback::settled`].
    Send(Write),
    /// To be shown to the script; see [`Writeback::shown`].
    Show(Entry),
    /// A conflict, in which this is the newest change; see [`Writeback::judged`].
    Judge {
        key: Box<str>,
        number: u64,
        mine: Change<T>,
        theirs: Entry,
    },
    /// A change is lost, and why.
    Report { change: Change<T>, error: Error },
}

/// What a script has changed of the keys of a watch. `T` is what the owner knows a change by.
pub struct Writeback<T> {
    pub(super) rules: Rules,
    pub(super) keys: HashMap<Box<str>, Key<T>>,
    pub(super) queue: Queue,
    pub(super) tasks: VecDeque<Task<T>>,
    /// Current data has been shown.
    is_loaded: bool,
    /// The watch is current, as far as it has said.
    is_current: bool,
    is_linked: bool,
    sent: usize,
    last_number: u64,
    /// The revision of the last entry of the watch.
    last_seen: u64,
    /// The watch tells that the keys of a former bucket are gone.
    is_of_former: bool,
}

/// From the script.
impl<T: Clone> Writeback<T> {
    pub fn new(rules: Rules) -> Writeback<T> {
        Writeback {
            rules: Rules {
                delay: rules.delay.min(LONGEST_DELAY),
                ..rules
            },
            keys: HashMap::new(),
            queue: Queue::default(),
            tasks: VecDeque::new(),
            is_loaded: false,
            is_current: false,
            is_linked: true,
            sent: 0,
            last_number: 0,
            last_seen: 0,
            is_of_former: false,
        }
    }

    /// The script has changed a key. A change of it that waits is replaced.
    pub fn changed(&mut self, key: &str, change: Change<T>, now: Instant) {
        let (order, due) = (self.queue.order(), now + self.rules.delay);
        let active = self.activate(key);
        let waiting = Waiting { change, order, due };
        let is_free = active.flight.is_none();
        if let Some(former) = active.waiting.replace(waiting) {
            self.queue.replace(former.order, order);
        }
        if is_free {
            self.queue.add(order, key, due, false);
        }
    }

    /// The script has given up all keys: what waits is dropped.
    pub fn drop_waiting(&mut self) {
        for key in self.keys.values_mut() {
            let Some(active) = &mut key.active else {
                continue;
            };
            if let Some(waiting) = active.waiting.take() {
                self.queue.settle(waiting.order);
            }
            if active.flight.is_none() {
                key.active = None;
            }
        }
    }

    /// What was changed so far is sent without delay. See [`Writeback::is_saved`] for what is returned.
    pub fn hurry(&mut self) -> u64 {
        self.queue.hurry();
        self.queue.last()
    }

    /// Whether all changes up to one were dealt with, or those that have replaced them.
    pub fn is_saved(&self, order: u64) -> bool {
        self.queue.is_saved(order)
    }

    /// The newest change of each key that has any, in the order in which they were made.
    pub fn unsaved(&self) -> Vec<&T> {
        let active = self.keys.values().filter_map(|key| key.active.as_ref());
        let mut newest: Vec<_> = active.filter_map(|active| active.newest()).collect();
        newest.sort_unstable_by_key(|(order, _)| *order);
        newest.iter().map(|(_, change)| &change.tag).collect()
    }

    /// Whether a key has changes that are not acknowledged.
    pub fn is_unsaved(&self, key: &str) -> bool {
        self.keys.get(key).is_some_and(|key| key.active.is_some())
    }

    fn activate(&mut self, key: &str) -> &mut Active<T> {
        if !self.keys.contains_key(key) {
            self.keys.insert(key.into(), Key::default());
        }
        let key = self.keys.entry(key.into()).or_default();
        key.active.get_or_insert_default()
    }
}

/// From the watch.
impl<T: Clone> Writeback<T> {
    /// Whether the script shall see an entry of the watch. What is the script's own it has seen, and while it has
    /// changes of the key that are not acknowledged others' are kept aside.
    pub fn admits(&mut self, entry: &Entry) -> bool {
        self.notice_new_bucket(entry);
        let Some(key) = self.keys.get_mut(entry.key()) else {
            return true;
        };
        if entry.revision <= key.base {
            return false;
        }
        match &mut key.active {
            None => true,
            Some(active) => {
                if !entry.is_of_former() {
                    active.put_aside(entry.clone());
                }
                false
            }
        }
    }

    /// The script has seen an entry.
    pub fn shown(&mut self, entry: &Entry) {
        let base = match entry.is_of_former() {
            true => 0,
            false => entry.revision,
        };
        match self.keys.get_mut(entry.key()) {
            Some(key) => key.base = base,
            None => {
                let key = Key { base, active: None };
                self.keys.insert(entry.key().into(), key);
            }
        }
    }

    /// The end of current data: changes that have waited for it are made on top of that.
    pub fn loaded(&mut self) {
        self.is_loaded = true;
        self.is_current = true;
        for key in self.keys.values_mut() {
            let aside = key.active.as_mut().and_then(|active| active.aside.take());
            if let Some(aside) = aside {
                key.base = aside.revision;
            }
        }
    }

    /// Whether the watch has caught up with the bucket, as far as it knows. If not nothing is sent.
    pub fn set_current(&mut self, is_current: bool) {
        self.is_current = is_current;
    }

    /// Whether there is a connection to send on.
    pub fn set_linked(&mut self, is_linked: bool) {
        self.is_linked = is_linked;
    }

    /// Nothing can be written any more. What was not acknowledged is lost.
    pub fn stop(&mut self, error: &Error) {
        self.is_current = false;
        self.is_loaded = false;
        let mut lost: Vec<(u64, Change<T>)> = Vec::new();
        for key in self.keys.values_mut() {
            let active = key.active.take();
            if let Some((order, change)) = active.as_ref().and_then(|active| active.newest()) {
                lost.push((order, change.clone()));
            }
        }
        lost.sort_unstable_by_key(|(order, _)| *order);
        self.queue = Queue::default();
        self.sent = 0;
        for (_, change) in lost {
            self.report(change, error.clone());
        }
    }

    /// A bucket that was made anew counts its revisions from 1.
    fn notice_new_bucket(&mut self, entry: &Entry) {
        let was_of_former = std::mem::replace(&mut self.is_of_former, entry.is_of_former());
        let last = std::mem::replace(&mut self.last_seen, entry.revision);
        if self.is_of_former {
            self.last_seen = 0;
        }
        let is_new = self.is_of_former || entry.revision < last;
        if !is_new || (self.is_of_former && was_of_former) {
            return;
        }
        for key in self.keys.values_mut() {
            key.base = 0;
            let Some(active) = &mut key.active else {
                continue;
            };
            active.aside = None;
            if let Some(flight) = &mut active.flight {
                flight.doubts = DOUBTS;
            }
        }
    }
}

/// From and to the network.
impl<T: Clone> Writeback<T> {
    /// What is to be done next, if anything.
    pub fn next(&mut self, now: Instant) -> Option<Task<T>> {
        while let Some(task) = self.tasks.pop_front() {
            match task {
                // The script may have changed the key since.
                Task::Show(entry) if !self.admits_late(&entry) => {}
                task => return Some(task),
            }
        }
        while self.may_send() {
            let key = self.queue.take(now)?;
            if let Some(write) = self.send(&key) {
                return Some(Task::Send(write));
            }
            if !self.tasks.is_empty() {
                return self.next(now);
            }
        }
        None
    }

    /// When something is to be done that cannot be done yet.
    pub fn next_due(&self) -> Option<Instant> {
        match self.may_send() {
            true => self.queue.next_due(),
            false => None,
        }
    }

    /// What has become of a write.
    pub fn settled(&mut self, key: &str, number: u64, outcome: Outcome, now: Instant) {
        let Some(flight) = self.flight(key, number) else {
            return;
        };
        if !matches!(flight.stage, Stage::Sent) {
            return;
        }
        match outcome {
            Outcome::Stored(revision) => {
                self.landed(key);
                self.rest(key, revision);
            }
            Outcome::Conflict(entry) => {
                self.sent -= 1;
                self.conflict(key, entry.map(|entry| *entry), now);
            }
            Outcome::Doubtful => {
                flight.doubts += 1;
                self.repeat(key, now);
            }
            Outcome::Unknown => self.repeat(key, now),
            Outcome::Failed(error) => {
                let base = self.keys.get(key).map_or(0, |key| key.base);
                if let Some(flight) = self.landed(key) {
                    self.report(flight.change, error);
                }
                self.rest(key, base);
            }
        }
    }

    fn may_send(&self) -> bool {
        self.is_loaded && self.is_current && self.is_linked && self.sent < WINDOW
    }

    pub(super) fn flight(&mut self, key: &str, number: u64) -> Option<&mut Flight<T>> {
        let active = self.keys.get_mut(key)?.active.as_mut()?;
        let flight = active.flight.as_mut();
        flight.filter(|flight| flight.number == number)
    }

    /// A change cannot be sent at all.
    pub fn report(&mut self, change: Change<T>, error: Error) {
        self.tasks.push_back(Task::Report { change, error });
    }

    /// Whether an entry can be shown that was kept aside.
    fn admits_late(&mut self, entry: &Entry) -> bool {
        let Some(key) = self.keys.get_mut(entry.key()) else {
            return true;
        };
        match &mut key.active {
            _ if entry.revision <= key.base => false,
            None => true,
            Some(active) => {
                active.put_aside(entry.clone());
                false
            }
        }
    }

    /// The write of a key whose turn it is. `None` if it is known to be refused, which is a conflict.
    fn send(&mut self, name: &str) -> Option<Write> {
        let is_local = self.rules.policy == Policy::Local;
        let key = self.keys.get_mut(name)?;
        let active = key.active.as_mut()?;
        if let Some(waiting) = active.waiting.take_if(|_| active.flight.is_none()) {
            self.last_number += 1;
            active.flight = Some(Flight {
                change: waiting.change,
                order: waiting.order,
                number: self.last_number,
                expected: (!is_local).then_some(key.base),
                doubts: 0,
                stage: Stage::Sent,
            });
            let base = key.base;
            let newer = active
                .aside
                .take_if(|aside| !is_local && aside.revision > base);
            if let Some(entry) = newer {
                self.conflict(name, Some(entry), Instant::now());
                return None;
            }
        }
        let flight = active.flight.as_mut()?;
        flight.stage = Stage::Sent;
        self.sent += 1;
        Some(Write {
            key: name.into(),
            operation: flight.change.operation.clone(),
            expected: flight.expected,
            number: flight.number,
            is_believed: flight.doubts >= DOUBTS,
        })
    }

    /// A write has its answer, and is no more in flight.
    fn landed(&mut self, key: &str) -> Option<Flight<T>> {
        let active = self.keys.get_mut(key)?.active.as_mut()?;
        let flight = active.flight.take()?;
        self.sent -= 1;
        self.queue.settle(flight.order);
        Some(flight)
    }

    fn repeat(&mut self, key: &str, now: Instant) {
        self.sent -= 1;
        let active = self.keys.get_mut(key).and_then(|key| key.active.as_mut());
        if let Some(flight) = active.and_then(|active| active.flight.as_mut()) {
            let due = now + PAUSE;
            flight.stage = Stage::Repeated;
            self.queue.add(flight.order, key, due, true);
        }
    }

    /// Nothing is in flight any more, and the script has seen a revision: what waits can be sent, or what was kept
    /// aside is shown.
    pub(super) fn rest(&mut self, name: &str, base: u64) {
        let Some(key) = self.keys.get_mut(name) else {
            return;
        };
        key.base = base;
        let Some(active) = &mut key.active else {
            return;
        };
        if let Some(waiting) = &active.waiting {
            self.queue.add(waiting.order, name, waiting.due, false);
            return;
        }
        let aside = active.aside.take_if(|aside| aside.revision > base);
        key.active = None;
        self.tasks.extend(aside.map(Task::Show));
    }
}
