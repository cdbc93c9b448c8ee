//! That a key is still held, as the condition of something else that is written.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;

use tokio::sync::MutexGuard;

use super::super::handle::Bucket;
use super::held::Held;
use super::renew::{catch_up, not_held};
use crate::client::error::{Code, Error, Result};
use crate::client::jetstream::Deadline;

/// The condition: the server refuses what goes with it once somebody else may have the key.
pub struct Fence {
    held: Arc<Held>,
    /// The revision that was expected last.
    expected: AtomicU64,
}

/// While this lives the key is not renewed, so that its revision stays.
pub(in super::super) struct Turn<'a> {
    _turn: MutexGuard<'a, ()>,
    pub revision: u64,
}

impl Fence {
    pub(super) fn new(held: Arc<Held>) -> Fence {
        Fence {
            held,
            expected: AtomicU64::new(0),
        }
    }

    pub(in super::super) fn key(&self) -> &str {
        &self.held.claim.key
    }

    /// # Errors
    /// `InvalidArg` for a key of another bucket, or that is held by way of another connection; `Locked` if the key is
    /// known to be lost.
    pub(in super::super) fn check(&self, bucket: &Bucket) -> Result<()> {
        let own = &self.held.claim.bucket;
        let is_here = own.subjects().taker() == bucket.subjects().taker();
        if !is_here || !own.js().connection.is_same_as(&bucket.js().connection) {
            let (key, bucket, own) = (self.key(), bucket.name(), own.name());
            return Err(Error::invalid_arg(format!(
                "The lock of {key} in bucket {own} is not one of this connection's in bucket {bucket}"
            )));
        }
        match self.held.is_held() {
            true => Ok(()),
            false => Err(not_held(&self.held)),
        }
    }

    /// Waits for the answer to a renewal that is under way.
    ///
    /// # Errors
    /// `Locked` if the key is known to be lost by then; `Timeout`.
    pub(in super::super) async fn turn(&self, limit: Deadline) -> Result<Turn<'_>> {
        let turn = limit.bound(self.settled()).await;
        turn.unwrap_or_else(|| {
            let message = format!("Lock {} was busy with a renewal", self.key());
            Err(Error::new(Code::Timeout, message))
        })
    }

    async fn settled(&self) -> Result<Turn<'_>> {
        let turn = self.held.turn.lock().await;
        let is_lost = self.held.claim.is_unsettled() && !catch_up(&self.held).await;
        if is_lost || !self.held.is_held() {
            return Err(not_held(&self.held));
        }
        let revision = self.held.stored().revision;
        self.expected.store(revision, Ordering::Relaxed);
        Ok(Turn {
            _turn: turn,
            revision,
        })
    }

    /// After a conflict: whether the key has another revision than was expected, and is held all the same.
    ///
    /// # Errors
    /// `WrongLastSequence` if it is not held any more.
    pub(in super::super) async fn has_moved(&self, conflict: &Error) -> Result<bool> {
        let _turn = self.held.turn.lock().await;
        if !catch_up(&self.held).await {
            let message = format!("{}: lock {} is lost", conflict.message, self.key());
            return Err(Error::new(Code::WrongLastSequence, message));
        }
        let expected = self.expected.load(Ordering::Relaxed);
        Ok(self.held.stored().revision != expected)
    }
}
