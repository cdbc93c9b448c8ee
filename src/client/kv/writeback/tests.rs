//! The rules, one by one.

use std::time::{Duration, Instant};

use super::super::entry::Entry;
use super::super::operations::Operations;
use super::machine::{DOUBTS, PAUSE};
use super::*;
use crate::client::error::{Code, Error};

/// A writeback whose tasks are told in short, and its time.
struct Desk {
    writeback: Writeback<&'static str>,
    now: Instant,
    sent: Vec<Write>,
}

fn rules(policy: Policy) -> Rules {
    Rules {
        policy,
        delay: Duration::ZERO,
        operations: Operations::ALL,
    }
}

impl Desk {
    fn new(rules: Rules) -> Desk {
        Desk {
            writeback: Writeback::new(rules),
            now: Instant::now(),
            sent: Vec::new(),
        }
    }

    /// One that has loaded what there is.
    fn loaded(rules: Rules) -> Desk {
        let mut desk = Desk::new(rules);
        desk.writeback.loaded();
        desk
    }

    fn put(&mut self, key: &'static str, value: &'static str) {
        let operation = Operation::Put(value.into());
        self.change(
            key,
            Change {
                operation,
                tag: value,
            },
        );
    }

    fn delete(&mut self, key: &'static str) {
        let operation = Operation::Delete;
        self.change(key, Change { operation, tag: "" });
    }

    fn change(&mut self, key: &str, change: Change<&'static str>) {
        self.writeback.changed(key, change, self.now);
    }

    fn wait(&mut self, time: Duration) {
        self.now += time;
    }

    /// An entry comes; whether it is shown.
    fn entry(&mut self, key: &str, revision: u64, value: Option<&str>) -> bool {
        let entry = Entry::sample(key, revision, value);
        let is_admitted = self.writeback.admits(&entry);
        if is_admitted {
            self.writeback.shown(&entry);
        }
        is_admitted
    }

    fn settled(&mut self, number: u64, outcome: Outcome) {
        let write = self.sent.iter().find(|write| write.number == number);
        let key = write.expect("a write that was sent").key.clone();
        self.writeback.settled(&key, number, outcome, self.now);
    }

    fn conflict(&mut self, number: u64, revision: u64, value: Option<&str>) {
        let write = self.sent.iter().find(|write| write.number == number);
        let entry = Entry::sample(&write.unwrap().key, revision, value);
        self.settled(number, Outcome::Conflict(Some(Box::new(entry))));
    }

    /// What is to be done, in short.
    fn tasks(&mut self) -> String {
        let mut said = Vec::new();
        while let Some(task) = self.writeback.next(self.now) {
            said.push(match task {
                Task::Send(write) => {
                    let value = match &write.operation {
                        Operation::Put(value) => format!("={}", String::from_utf8_lossy(value)),
                        Operation::Delete => "-".into(),
                    };
                    let expected = write.expected.map(|e| format!("@{e}")).unwrap_or_default();
                    let text = format!("{}:{}{value}{expected}", write.number, write.key);
                    self.sent.push(write);
                    text
                }
                Task::Show(entry) => {
                    self.writeback.shown(&entry);
                    format!("show {}@{}", entry.key(), entry.revision)
                }
                Task::Judge { mine, theirs, .. } => {
                    format!("judge {}/{}", mine.tag, theirs.revision)
                }
                Task::Report { change, error } => {
                    format!("report {} {}", change.tag, error.code.words().0)
                }
            });
        }
        said.join(", ")
    }
}

#[test]
fn the_newest_change_of_each_key_in_the_order_of_changes() {
    let mut desk = Desk::loaded(rules(Policy::Remote));
    desk.put("a", "1");
    desk.put("b", "1");
    desk.put("a", "2");
    assert_eq!(desk.writeback.unsaved(), [&"1", &"2"]);
    assert_eq!(desk.tasks(), "1:b=1@0, 2:a=2@0");
    desk.put("a", "3");
    desk.put("a", "4");
    assert_eq!(desk.tasks(), "");
    desk.settled(2, Outcome::Stored(7));
    assert_eq!(desk.tasks(), "3:a=4@7");
    desk.settled(1, Outcome::Stored(6));
    desk.settled(3, Outcome::Stored(8));
    assert!(desk.writeback.unsaved().is_empty());
    desk.delete("a");
    assert_eq!(desk.tasks(), "4:a-@8");
}

#[test]
fn ones_own_entries_are_not_shown() {
    let mut desk = Desk::loaded(rules(Policy::Remote));
    desk.put("a", "1");
    assert_eq!(desk.tasks(), "1:a=1@0");
    // The entry may come before the acknowledgement, and after it.
    assert!(!desk.entry("a", 5, Some("1")));
    desk.settled(1, Outcome::Stored(5));
    assert_eq!(desk.tasks(), "");
    assert!(!desk.entry("a", 5, Some("1")));
    assert!(desk.entry("a", 6, Some("theirs")));
}

#[test]
fn what_others_write_meanwhile_is_kept_aside() {
    let mut desk = Desk::loaded(rules(Policy::Local));
    desk.put("a", "1");
    assert_eq!(desk.tasks(), "1:a=1");
    assert!(!desk.entry("a", 5, Some("mine")));
    assert!(!desk.entry("a", 6, Some("theirs")));
    desk.settled(1, Outcome::Stored(5));
    assert_eq!(desk.tasks(), "show a@6");
    // What has changed since is not overwritten.
    desk.put("a", "2");
    assert_eq!(desk.tasks(), "2:a=2");
    assert!(!desk.entry("a", 8, Some("theirs")));
    desk.settled(2, Outcome::Stored(7));
    desk.put("a", "3");
    assert_eq!(desk.tasks(), "3:a=3");
    desk.settled(3, Outcome::Stored(9));
    assert_eq!(desk.tasks(), "");
}

#[test]
fn the_bucket_wins() {
    let mut desk = Desk::loaded(rules(Policy::Remote));
    assert!(desk.entry("a", 3, Some("old")));
    desk.put("a", "1");
    assert_eq!(desk.tasks(), "1:a=1@3");
    desk.put("a", "2");
    desk.conflict(1, 4, Some("theirs"));
    assert_eq!(desk.tasks(), "show a@4, report 2 ErrWrongLastSequence");
    assert!(desk.writeback.unsaved().is_empty());
    assert!(!desk.entry("a", 4, Some("theirs")));
    // What is known before the write is sent is a conflict as well.
    desk.put("a", "3");
    assert!(!desk.entry("a", 5, None));
    assert_eq!(desk.tasks(), "show a@5, report 3 ErrWrongLastSequence");
}

#[test]
fn the_newest_entry_wins() {
    let mut desk = Desk::loaded(rules(Policy::Remote));
    desk.put("a", "1");
    desk.tasks();
    desk.entry("a", 9, Some("newest"));
    desk.conflict(1, 4, Some("theirs"));
    assert_eq!(desk.tasks(), "show a@9, report 1 ErrWrongLastSequence");
}

#[test]
fn a_change_after_the_loss_is_not_overwritten() {
    let mut desk = Desk::loaded(rules(Policy::Remote));
    desk.put("a", "1");
    desk.tasks();
    desk.conflict(1, 4, Some("theirs"));
    desk.put("a", "2");
    assert_eq!(
        desk.tasks(),
        "report 1 ErrWrongLastSequence, show a@4, report 2 ErrWrongLastSequence"
    );
}

#[test]
fn deletions_that_nobody_sees_are_no_conflict() {
    let mut desk = Desk::loaded(Rules {
        operations: Operations::PUT,
        ..rules(Policy::Remote)
    });
    desk.put("a", "1");
    assert_eq!(desk.tasks(), "1:a=1@0");
    desk.conflict(1, 4, None);
    assert_eq!(desk.tasks(), "2:a=1@4");
    desk.conflict(2, 5, Some("theirs"));
    assert_eq!(desk.tasks(), "show a@5, report 1 ErrWrongLastSequence");
}

#[test]
fn an_entry_that_is_gone_without_a_trace_is_no_conflict() {
    let mut desk = Desk::loaded(rules(Policy::Remote));
    assert!(desk.entry("a", 3, Some("expires")));
    desk.put("a", "1");
    assert_eq!(desk.tasks(), "1:a=1@3");
    desk.settled(1, Outcome::Conflict(None));
    assert_eq!(desk.tasks(), "2:a=1@0");
    desk.settled(2, Outcome::Conflict(None));
    assert_eq!(desk.tasks(), "");
    desk.wait(PAUSE);
    assert_eq!(desk.tasks(), "3:a=1@0");
}

#[test]
fn the_owner_decides() {
    let mut desk = Desk::loaded(rules(Policy::Ask));
    desk.put("a", "1");
    desk.tasks();
    desk.put("a", "2");
    desk.conflict(1, 4, Some("theirs"));
    assert_eq!(desk.tasks(), "judge 2/4");
    assert_eq!(desk.writeback.unsaved(), [&"2"]);
    let verdict = |value: &'static str| {
        Ok(Change {
            operation: Operation::Put(value.into()),
            tag: value,
        })
    };
    assert!(desk.writeback.judged("a", 1, verdict("merged"), desk.now));
    assert!(!desk.writeback.judged("a", 1, verdict("again"), desk.now));
    assert_eq!(desk.tasks(), "2:a=merged@4");
    // A change that is made meanwhile counts more.
    desk.conflict(2, 5, Some("theirs"));
    assert_eq!(desk.tasks(), "judge merged/5");
    desk.put("a", "3");
    assert!(!desk.writeback.judged("a", 2, verdict("merged"), desk.now));
    assert_eq!(desk.tasks(), "3:a=3@5");
    // What is there already is not written.
    desk.conflict(3, 6, Some("theirs"));
    assert_eq!(desk.tasks(), "judge 3/6");
    assert!(desk.writeback.judged("a", 3, verdict("theirs"), desk.now));
    assert_eq!(desk.tasks(), "");
    assert!(desk.writeback.unsaved().is_empty());
    desk.put("a", "4");
    assert_eq!(desk.tasks(), "4:a=4@6");
    desk.conflict(4, 7, Some("theirs"));
    desk.tasks();
    assert!(!desk.writeback.judged("a", 4, Err("no".into()), desk.now));
    assert_eq!(desk.tasks(), "show a@7, report 4 ErrWrongLastSequence");
}

#[test]
fn changes_before_the_end_of_current_data() {
    let mut desk = Desk::new(rules(Policy::Remote));
    desk.put("a", "1");
    desk.put("b", "1");
    assert_eq!(desk.tasks(), "");
    assert!(!desk.entry("a", 3, Some("old")));
    assert!(desk.entry("c", 4, Some("old")));
    desk.writeback.loaded();
    assert_eq!(desk.tasks(), "1:a=1@3, 2:b=1@0");
}

#[test]
fn nothing_is_sent_while_the_watch_has_to_catch_up() {
    let mut desk = Desk::loaded(rules(Policy::Remote));
    desk.writeback.set_current(false);
    desk.put("a", "1");
    desk.put("b", "1");
    assert_eq!(desk.tasks(), "");
    desk.entry("b", 3, Some("theirs"));
    desk.writeback.set_current(true);
    desk.writeback.set_linked(false);
    assert_eq!(desk.tasks(), "");
    desk.writeback.set_linked(true);
    assert_eq!(
        desk.tasks(),
        "1:a=1@0, show b@3, report 1 ErrWrongLastSequence"
    );
}

#[test]
fn a_write_of_which_nothing_is_known_is_the_same_when_it_is_repeated() {
    let mut desk = Desk::loaded(rules(Policy::Remote));
    desk.put("a", "1");
    assert_eq!(desk.tasks(), "1:a=1@0");
    desk.put("a", "2");
    desk.settled(1, Outcome::Unknown);
    assert_eq!(desk.tasks(), "");
    assert_eq!(desk.writeback.next_due(), Some(desk.now + PAUSE));
    desk.wait(PAUSE);
    assert_eq!(desk.tasks(), "1:a=1@0");
    desk.settled(1, Outcome::Stored(3));
    assert_eq!(desk.tasks(), "2:a=2@3");
}

#[test]
fn an_answer_that_cannot_be_is_believed_in_the_end() {
    let mut desk = Desk::loaded(rules(Policy::Remote));
    desk.put("a", "1");
    for _ in 0..DOUBTS {
        assert_eq!(desk.tasks(), "1:a=1@0");
        assert!(!desk.sent.last().unwrap().is_believed);
        desk.settled(1, Outcome::Doubtful);
        desk.wait(PAUSE);
    }
    desk.tasks();
    assert!(desk.sent.last().unwrap().is_believed);
}

#[test]
fn a_write_that_fails() {
    let mut desk = Desk::loaded(rules(Policy::Remote));
    desk.put("a", "1");
    desk.tasks();
    desk.put("a", "2");
    let denied = Error::new(Code::Permissions, "no");
    desk.settled(1, Outcome::Failed(denied.clone()));
    assert_eq!(desk.tasks(), "report 1 ErrPermissions, 2:a=2@0");
    desk.entry("a", 5, Some("theirs"));
    desk.settled(2, Outcome::Failed(denied));
    assert_eq!(desk.tasks(), "report 2 ErrPermissions, show a@5");
    assert!(desk.writeback.unsaved().is_empty());
}

#[test]
fn delays_begin_again_with_each_change() {
    let delay = Duration::from_millis(100);
    let mut desk = Desk::loaded(Rules {
        delay,
        ..rules(Policy::Remote)
    });
    desk.put("a", "1");
    desk.wait(delay / 2);
    desk.put("a", "2");
    desk.put("b", "1");
    desk.wait(delay / 2);
    assert_eq!(desk.tasks(), "");
    assert_eq!(desk.writeback.next_due(), Some(desk.now + delay / 2));
    desk.wait(delay / 2);
    assert_eq!(desk.tasks(), "1:a=2@0, 2:b=1@0");
    // Nobody waits for the delay of what is to be flushed.
    desk.put("c", "1");
    let order = desk.writeback.hurry();
    desk.put("d", "1");
    assert_eq!(desk.tasks(), "3:c=1@0");
    assert!(!desk.writeback.is_saved(order));
    for number in 1..=3 {
        desk.settled(number, Outcome::Stored(number));
    }
    assert!(desk.writeback.is_saved(order));
    assert_eq!(desk.writeback.unsaved(), [&"1"]);
}

#[test]
fn who_waits_for_a_change_waits_for_what_replaces_it() {
    let mut desk = Desk::loaded(Rules {
        delay: Duration::from_secs(1),
        ..rules(Policy::Remote)
    });
    desk.put("a", "1");
    let order = desk.writeback.hurry();
    desk.put("a", "2");
    assert!(!desk.writeback.is_saved(order));
    assert_eq!(desk.tasks(), "1:a=2@0");
    assert!(!desk.writeback.is_saved(order));
    desk.put("a", "3");
    desk.settled(1, Outcome::Stored(1));
    assert!(desk.writeback.is_saved(order));
    assert_eq!(desk.tasks(), "");
}

#[test]
fn a_delay_without_end() {
    let mut desk = Desk::loaded(Rules {
        delay: Duration::MAX,
        ..rules(Policy::Remote)
    });
    desk.put("a", "1");
    assert_eq!(desk.tasks(), "");
    desk.writeback.hurry();
    assert_eq!(desk.tasks(), "1:a=1@0");
}

#[test]
fn an_array_that_is_given_up() {
    let mut desk = Desk::loaded(rules(Policy::Remote));
    desk.put("a", "1");
    desk.tasks();
    desk.put("a", "2");
    desk.put("b", "1");
    desk.writeback.drop_waiting();
    assert_eq!(desk.writeback.unsaved(), [&"1"]);
    desk.settled(1, Outcome::Stored(4));
    assert_eq!(desk.tasks(), "");
    desk.put("a", "3");
    assert_eq!(desk.tasks(), "2:a=3@4");
}

#[test]
fn the_end() {
    let mut desk = Desk::loaded(rules(Policy::Remote));
    desk.put("a", "1");
    desk.tasks();
    desk.put("b", "1");
    desk.put("a", "2");
    let closed = Error::new(Code::ConnectionClosed, "closed");
    desk.writeback.stop(&closed);
    assert_eq!(
        desk.tasks(),
        "report 1 ErrConnectionClosed, report 2 ErrConnectionClosed"
    );
    desk.settled(1, Outcome::Stored(3));
    assert!(desk.writeback.unsaved().is_empty());
}

#[test]
fn a_bucket_that_is_made_anew() {
    let mut desk = Desk::loaded(rules(Policy::Remote));
    assert!(desk.entry("a", 30, Some("old")));
    assert!(desk.entry("b", 40, Some("old")));
    desk.put("b", "mine");
    let gone = Entry::of_former("", "a", 41, 0);
    assert!(desk.writeback.admits(&gone));
    desk.writeback.shown(&gone);
    assert!(!desk.writeback.admits(&Entry::of_former("", "b", 42, 0)));
    assert!(desk.entry("a", 1, Some("new")));
    assert_eq!(desk.tasks(), "1:b=mine@0");
    // Nothing but smaller revisions tell of it.
    desk.settled(1, Outcome::Stored(2));
    assert!(desk.entry("c", 9, Some("new")));
    assert!(desk.entry("b", 1, Some("newer")));
}

#[test]
fn no_more_than_so_many_are_in_flight() {
    let mut desk = Desk::loaded(rules(Policy::Remote));
    let keys: Vec<String> = (0..1000).map(|n| format!("k{n}")).collect();
    for key in &keys {
        let operation = Operation::Put("".into());
        desk.change(key, Change { operation, tag: "" });
    }
    desk.tasks();
    assert_eq!(desk.sent.len(), 256);
    for number in 1..=10 {
        desk.settled(number, Outcome::Stored(number));
    }
    desk.tasks();
    assert_eq!(desk.sent.len(), 266);
    let order = desk.sent.iter().map(|write| &*write.key);
    assert!(order.eq(keys.iter().take(266).map(|key| &**key)));
}
