//! What comes of a conflict: others have written what the script has not seen.

use std::time::Instant;

use super::super::entry::Entry;
use super::change::{Change, Operation};
use super::key::{Stage, Waiting};
use super::machine::{Policy, Task, Writeback, PAUSE};
use crate::client::error::{Code, Error};

impl<T: Clone> Writeback<T> {
    /// A write was refused, or would be, because of an entry; `None`: because there is nothing.
    pub(super) fn conflict(&mut self, name: &str, found: Option<Entry>, now: Instant) {
        let Some(active) = self.keys.get_mut(name).and_then(|key| key.active.as_mut()) else {
            return;
        };
        let aside = active.aside.take();
        let newest = match (found, aside) {
            (Some(found), Some(aside)) if aside.revision > found.revision => Some(aside),
            (None, aside) => aside,
            (found, _) => found,
        };
        match newest {
            // Nobody has written: the entry that the script has seen is gone without a trace.
            None => self.begin_again(name, 0, now),
            Some(entry) if !entry.is_put() && !self.rules.operations.has(&entry.operation) => {
                self.begin_again(name, entry.revision, now);
            }
            Some(entry) => match self.rules.policy {
                Policy::Remote => self.give_way(name, entry, None),
                Policy::Local => self.begin_again(name, entry.revision, now),
                Policy::Ask => self.ask(name, entry),
            },
        }
    }

    /// The owner has decided about a [`Task::Judge`]: what is stored, or else why the script gives way. Whether the
    /// script is to see the former: it may have changed the key meanwhile, which counts more.
    pub fn judged(
        &mut self,
        name: &str,
        number: u64,
        verdict: Result<Change<T>, String>,
        now: Instant,
    ) -> bool {
        let Some(flight) = self.flight(name, number) else {
            return false;
        };
        let Stage::Judged(theirs) = &flight.stage else {
            return false;
        };
        let theirs = (**theirs).clone();
        match verdict {
            Err(reason) => {
                self.give_way(name, theirs, Some(reason));
                false
            }
            Ok(change) => self.insist(name, theirs, change, now),
        }
    }

    /// The script's change is lost, and it sees what others have written.
    fn give_way(&mut self, name: &str, entry: Entry, reason: Option<String>) {
        let Some(key) = self.keys.get_mut(name) else {
            return;
        };
        let Some(active) = key.active.take() else {
            return;
        };
        let newest = active.newest().map(|(_, change)| change.clone());
        let orders = [
            active.flight.as_ref().map(|flight| flight.order),
            active.waiting.as_ref().map(|waiting| waiting.order),
        ];
        for order in orders.into_iter().flatten() {
            self.queue.settle(order);
        }
        let error = overtaken(name, entry.revision, reason);
        let entry = match active.aside {
            Some(aside) if aside.revision > entry.revision => aside,
            _ => entry,
        };
        self.tasks.push_back(Task::Show(entry));
        if let Some(change) = newest {
            self.report(change, error);
        }
    }

    /// The owner decides, about the newest change. What is made meanwhile is newer.
    fn ask(&mut self, name: &str, entry: Entry) {
        let Some(active) = self.keys.get_mut(name).and_then(|key| key.active.as_mut()) else {
            return;
        };
        let waiting = active.waiting.take();
        let Some(flight) = &mut active.flight else {
            return;
        };
        if let Some(waiting) = waiting {
            self.queue.replace(flight.order, waiting.order);
            self.queue.withhold(waiting.order);
            flight.change = waiting.change;
            flight.order = waiting.order;
        }
        flight.stage = Stage::Judged(Box::new(entry.clone()));
        self.tasks.push_back(Task::Judge {
            key: name.into(),
            number: flight.number,
            mine: flight.change.clone(),
            theirs: entry,
        });
    }

    fn insist(&mut self, name: &str, theirs: Entry, change: Change<T>, now: Instant) -> bool {
        let Some(active) = self.keys.get_mut(name).and_then(|key| key.active.as_mut()) else {
            return false;
        };
        let Some(flight) = active.flight.take() else {
            return false;
        };
        let newer = active.waiting.as_ref().map(|waiting| waiting.order);
        let is_there = match &change.operation {
            Operation::Put(value) => theirs.is_put() && theirs.value == *value,
            Operation::Delete => !theirs.is_put(),
        };
        match newer {
            Some(newer) => self.queue.replace(flight.order, newer),
            None if is_there => self.queue.settle(flight.order),
            None => {
                active.waiting = Some(Waiting {
                    change,
                    order: flight.order,
                    due: now,
                });
            }
        }
        self.rest(name, theirs.revision);
        newer.is_none()
    }

    /// The change is made on top of a revision, as another write.
    fn begin_again(&mut self, name: &str, base: u64, now: Instant) {
        let Some(active) = self.keys.get_mut(name).and_then(|key| key.active.as_mut()) else {
            return;
        };
        let Some(flight) = active.flight.take() else {
            return;
        };
        if let Some(waiting) = &active.waiting {
            self.queue.replace(flight.order, waiting.order);
        } else {
            // Where nothing was expected and nothing is there somebody is at it.
            let due = match flight.expected == Some(base) {
                true => now + PAUSE,
                false => now,
            };
            active.waiting = Some(Waiting {
                change: flight.change,
                order: flight.order,
                due,
            });
        }
        self.rest(name, base);
    }
}

fn overtaken(key: &str, revision: u64, reason: Option<String>) -> Error {
    let reason = reason.map(|reason| format!(": {reason}"));
    Error::new(
        Code::WrongLastSequence,
        format!(
            "Key {key} was changed by others, revision {revision}{}",
            reason.unwrap_or_default()
        ),
    )
}
