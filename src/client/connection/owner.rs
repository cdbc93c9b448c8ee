//! What the tasks that a state starts may ask of the connection. They have it weakly: a connection that nobody
//! uses any more can go away.

use std::sync::{Arc, Mutex};

use async_nats::{Message, Subscriber};

use super::link::Written;
use super::waiters::Waiter;

/// How much of a batch a subscription may have.
pub(super) struct Quota {
    pub(super) count: usize,
    /// It gets nothing after that.
    pub(super) last: bool,
}

/// What it means for a subscription that a subscriber of its has nothing more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dry {
    /// Nothing: it has ended before, or has another subscriber.
    Nothing,
    /// It waits for the next link.
    Unlinked,
    /// It has ended: it was drained.
    Ended,
}

/// A connection, as its tasks see it. Each call takes the lock of the state.
pub(super) trait Owner: Send + Sync {
    /// Accounts for a batch that arrived; `None` when the subscription has ended.
    fn take(&self, id: u64, batch: &[Message]) -> Option<Quota>;

    /// A subscriber has nothing more.
    fn ran_dry(&self, id: u64, subscriber: &Arc<Mutex<Subscriber>>) -> Dry;

    /// So many messages are dropped, as their receiver is too slow.
    fn dropped(&self, count: usize);

    /// Messages of a subscription are dropped from now on.
    fn slow_consumer(&self, id: u64);

    /// So many were, until now.
    fn caught_up(&self, id: u64, dropped: usize);

    /// Takes out who waited for a message on this inbox. Late answers find nobody.
    fn arrived(&self, inbox: &str) -> Option<Waiter>;

    /// Moves what waits to the link: whether there was anything to move, and what to wait for before the next
    /// time. None when nothing waits.
    fn pump(&self) -> Option<(bool, Written)>;

    /// Bytes that may wait to be sent; zero: any number.
    fn max_pending(&self) -> usize;
}
