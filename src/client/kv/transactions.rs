//! Entries of a transaction are held until the last one is there, so that they are told together.
//!
//! The server stores the messages of an atomic batch ([ADR-50]) one right after the other, and a consumer delivers them
//! one by one. The last one says so, but it may have been replaced meanwhile, or its key is none of those watched.
//!
//! [ADR-50]: https://github.com/nats-io/nats-architecture-and-design/blob/main/adr/ADR-50.md

use std::time::{Duration, Instant};

use super::watch_item::WatchItem;

/// How long the rest of a transaction is waited for, if the server has nothing more.
const PATIENCE: Duration = Duration::from_millis(50);

/// The transaction of which entries are coming, if any.
#[derive(Debug, Default)]
pub(super) struct Transactions {
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    batch: Box<str>,
    held: Vec<WatchItem>,
    /// When its latest message came.
    heard: Instant,
    /// Messages that the server had left after that.
    pending: u64,
}

impl Transactions {
    /// A message is about to be told, one of a batch or not, after which so many are left. Returns what was held, if
    /// this is not a part of it.
    pub(super) fn message(&mut self, batch: Option<&str>, pending: u64) -> Option<WatchItem> {
        let (Some(batch), open) = (batch, &mut self.open) else {
            return self.close();
        };
        let heard = Instant::now();
        match open {
            Some(open) if *open.batch == *batch => {
                (open.heard, open.pending) = (heard, pending);
                None
            }
            _ => {
                let former = self.close();
                self.open = Some(Open {
                    batch: batch.into(),
                    held: Vec::new(),
                    heard,
                    pending,
                });
                former
            }
        }
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
        let open = self.open.as_ref().filter(|open| open.pending == 0)?;
        Some(open.heard + PATIENCE)
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

    fn open(batch: &str, held: usize) -> Transactions {
        let mut transactions = Transactions::default();
        assert_eq!(count(transactions.message(Some(batch), 1)), 0);
        for _ in 0..held {
            assert!(transactions.hold(WatchItem::EndOfData).is_none());
        }
        transactions
    }

    #[test]
    fn nothing_is_held_outside_of_transactions() {
        let mut transactions = Transactions::default();
        assert!(transactions.message(None, 0).is_none());
        assert!(transactions.hold(WatchItem::EndOfData).is_some());
        assert!(transactions.waits_until().is_none());
    }

    #[test]
    fn another_message_ends_a_transaction() {
        assert_eq!(count(open("a", 2).message(None, 0)), 2);
        let mut transactions = open("a", 3);
        assert_eq!(count(transactions.message(Some("a"), 0)), 0);
        assert_eq!(count(transactions.message(Some("b"), 0)), 3);
        assert!(transactions.hold(WatchItem::EndOfData).is_none());
        assert_eq!(count(transactions.close()), 1);
        assert_eq!(count(transactions.close()), 0);
    }

    #[test]
    fn the_rest_is_waited_for_only_if_nothing_else_is_to_come() {
        let mut transactions = open("a", 1);
        assert!(transactions.waits_until().is_none());
        transactions.message(Some("a"), 0);
        assert!(transactions.waits_until() > Some(Instant::now()));
    }
}
