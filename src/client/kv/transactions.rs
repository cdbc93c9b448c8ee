//! Entries of a transaction are held until the last one is there, so that they are told together.
//!
//! The server stores the messages of an atomic batch ([ADR-50]) one right after the other, and a consumer delivers them
//! one by one. The last one says so. But parts of a transaction may be missing: they are of no key that is watched, or
//! they were replaced before they could be delivered. What has replaced them comes later, so until the server has
//! nothing more, or for a while, all that comes is held together with the rest.
//!
//! [ADR-50]: https://github.com/nats-io/nats-architecture-and-design/blob/main/adr/ADR-50.md

use std::time::{Duration, Instant};

use super::watch_item::WatchItem;

/// How long the rest of a transaction is waited for, if the server has nothing more.
const PATIENCE: Duration = Duration::from_millis(50);

/// How long what has replaced missing parts is waited for, if the server has more and more.
const LIMIT: Duration = Duration::from_secs(1);

/// How many items may be held for that: as many as a transaction has at most.
const MOST: usize = 1000;

/// The transaction of which entries are coming, if any.
#[derive(Debug, Default)]
pub(super) struct Transactions {
    open: Option<Open>,
}

/// What a message is a part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part<'a> {
    pub(super) batch: &'a str,
    /// From 1.
    pub(super) sequence: u32,
    pub(super) is_last: bool,
}

#[derive(Debug)]
struct Open {
    /// That of the latest message, if it was a part of any.
    batch: Option<Box<str>>,
    /// The latest part of that.
    sequence: u32,
    /// The latest message was the last part.
    is_over: bool,
    /// Some part of this or of one before is missing.
    has_gaps: bool,
    held: Vec<WatchItem>,
    since: Instant,
    /// When its latest message came.
    heard: Instant,
    /// Messages that the server had left after that.
    pending: u64,
}

impl Open {
    fn new() -> Open {
        let now = Instant::now();
        Open {
            batch: None,
            sequence: 0,
            is_over: true,
            has_gaps: false,
            held: Vec::new(),
            since: now,
            heard: now,
            pending: 0,
        }
    }

    fn message(&mut self, part: Option<Part>, pending: u64) {
        (self.heard, self.pending) = (Instant::now(), pending);
        let batch = part.map(|part| part.batch);
        if batch != self.batch.as_deref() {
            self.has_gaps |= !self.is_over;
            (self.batch, self.sequence, self.is_over) = (batch.map(Box::from), 0, true);
        }
        if let Some(part) = part {
            self.has_gaps |= Some(part.sequence) != self.sequence.checked_add(1);
            (self.sequence, self.is_over) = (part.sequence, part.is_last);
        }
    }

    /// Whether enough was waited for.
    fn is_full(&self) -> bool {
        self.held.len() >= MOST || self.since.elapsed() >= LIMIT
    }

    /// Whether nothing is missing, or nothing that could take its place is to come.
    fn is_complete(&self) -> bool {
        self.is_over && (!self.has_gaps || self.pending == 0)
    }
}

impl Transactions {
    /// A message is about to be told, a part of a transaction or not, after which so many are left. Returns what was
    /// held, if it cannot be held any longer.
    pub(super) fn message(&mut self, part: Option<Part>, pending: u64) -> Option<WatchItem> {
        let is_full = self.open.as_ref().is_some_and(|open| {
            let goes_on = part.is_some_and(|part| open.batch.as_deref() == Some(part.batch));
            !goes_on && open.is_full()
        });
        let former = if is_full { self.close() } else { None };
        if self.open.is_none() && part.is_some() {
            self.open = Some(Open::new());
        }
        if let Some(open) = &mut self.open {
            open.message(part, pending);
        }
        former
    }

    /// Holds an item, if a transaction is open; else gives it back.
    pub(super) fn hold(&mut self, item: WatchItem) -> Option<WatchItem> {
        match &mut self.open {
            None => Some(item),
            Some(open) => {
                open.held.push(item);
                None
            }
        }
    }

    /// A message was told. Returns what was held, if that is complete now.
    pub(super) fn told(&mut self) -> Option<WatchItem> {
        match &self.open {
            Some(open) if open.is_complete() => self.close(),
            _ => None,
        }
    }

    /// Nothing more is waited for. Returns what was held.
    pub(super) fn close(&mut self) -> Option<WatchItem> {
        let mut held = self.open.take()?.held;
        match held.len() {
            0 | 1 => held.pop(),
            _ => Some(WatchItem::Together(held)),
        }
    }

    /// When to close it, if nothing comes. While the server has more, that may be the rest; it says when it has not.
    pub(super) fn waits_until(&self) -> Option<Instant> {
        let open = self.open.as_ref()?;
        match (open.pending, open.has_gaps) {
            (0, _) => Some(open.heard + PATIENCE),
            (_, true) => Some(open.since + LIMIT),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(item: Option<WatchItem>) -> usize {
        match item {
            None => 0,
            Some(WatchItem::Together(items)) => items.len(),
            Some(_) => 1,
        }
    }

    const NOTHING: [usize; 0] = [];

    fn part(batch: &str, sequence: u32) -> Option<Part<'_>> {
        Some(Part {
            batch,
            sequence,
            is_last: sequence == 3,
        })
    }

    /// Takes messages, each of which is told, after which so many are left; how many are told together in the end.
    fn told(transactions: &mut Transactions, messages: &[(Option<Part>, u64)]) -> Vec<usize> {
        let mut all = Vec::new();
        for (part, pending) in messages {
            all.push(count(transactions.message(*part, *pending)));
            all.push(match transactions.hold(WatchItem::EndOfData) {
                None => 0,
                Some(_) => 1,
            });
            all.push(count(transactions.told()));
        }
        all.retain(|count| *count > 0);
        all
    }

    #[test]
    fn nothing_is_held_outside_of_transactions() {
        let mut transactions = Transactions::default();
        assert_eq!(told(&mut transactions, &[(None, 1), (None, 0)]), [1, 1]);
        assert!(transactions.waits_until().is_none());
    }

    #[test]
    fn a_transaction_without_gaps_is_told_at_its_end() {
        let mut transactions = Transactions::default();
        let messages = [part("a", 1), part("a", 2), part("a", 3), None, part("b", 1)];
        let messages = messages.map(|part| (part, 9));
        assert_eq!(told(&mut transactions, &messages), [3, 1]);
        assert!(transactions.waits_until().is_none());
        assert_eq!(count(transactions.close()), 1);
        assert_eq!(count(transactions.close()), 0);
    }

    #[test]
    fn what_may_have_replaced_missing_parts_belongs_to_it() {
        for missing in [
            // At its beginning, in the midst, at its end.
            [part("a", 2), part("a", 3), part("b", 1)],
            [part("a", 1), part("a", 3), part("b", 1)],
            [part("a", 1), part("a", 2), part("b", 1)],
            // No server counts so far.
            [part("a", u32::MAX), part("a", 0), part("b", 1)],
        ] {
            let mut transactions = Transactions::default();
            assert_eq!(
                told(&mut transactions, &missing.map(|part| (part, 9))),
                NOTHING
            );
            let rest = [(part("b", 2), 9), (part("b", 3), 1)];
            assert_eq!(told(&mut transactions, &rest), NOTHING);
            assert!(transactions.waits_until() > Some(Instant::now() + PATIENCE));
            assert_eq!(told(&mut transactions, &[(None, 0), (None, 0)]), [6, 1]);
        }
    }

    #[test]
    fn not_for_ever() {
        let mut transactions = Transactions::default();
        let many = vec![(part("a", 2), 9); MOST];
        assert_eq!(told(&mut transactions, &many), NOTHING);
        assert_eq!(told(&mut transactions, &[(part("a", 3), 9)]), NOTHING);
        assert_eq!(told(&mut transactions, &[(None, 9)]), [MOST + 1, 1]);
        assert_eq!(told(&mut transactions, &[(part("a", 2), 9)]), NOTHING);
        transactions.open.as_mut().unwrap().since -= LIMIT;
        assert_eq!(told(&mut transactions, &[(part("b", 1), 9)]), [1]);
    }

    #[test]
    fn the_rest_is_waited_for_only_if_nothing_else_is_to_come() {
        let mut transactions = Transactions::default();
        told(&mut transactions, &[(part("a", 1), 1)]);
        assert!(transactions.waits_until().is_none());
        told(&mut transactions, &[(part("a", 2), 0)]);
        assert!(transactions.waits_until() > Some(Instant::now()));
    }
}
