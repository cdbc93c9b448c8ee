//! What is known of a key that is held.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::claim::{Claim, Stored};
use super::clock::Moment;

/// Why a holder has lost its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// No renewal was acknowledged in time.
    Expired,
    /// Somebody else has written the key.
    Taken,
    /// The key, or its bucket, was deleted.
    Deleted,
    /// The event loop did not run, and so it was not renewed.
    Watchdog,
    /// The connection was closed.
    Closed,
}

impl Loss {
    /// The word scripts see.
    pub fn as_str(self) -> &'static str {
        match self {
            Loss::Expired => "expired",
            Loss::Taken => "taken",
            Loss::Deleted => "deleted",
            Loss::Watchdog => "watchdog",
            Loss::Closed => "closed",
        }
    }
}

/// How it ends that a key is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Lost,
    /// The holder has given it up.
    Released,
}

/// A key that is held, or was.
pub(super) struct Held {
    pub claim: Arc<Claim>,
    /// Of the connection; with it ends everything.
    session: Option<u64>,
    token: u64,
    state: Mutex<State>,
    /// Whoever writes the key has this: one write has its answer before the next one is sent.
    pub turn: tokio::sync::Mutex<()>,
}

struct State {
    /// The last write that is known to be stored.
    stored: Stored,
    /// From here on somebody else may have the key.
    deadline: Moment,
    end: Option<End>,
}

impl Held {
    pub(super) fn new(claim: Arc<Claim>, session: Option<u64>, stored: Stored) -> Held {
        Held {
            state: Mutex::new(State {
                stored,
                deadline: stored.sent.after(claim.terms.holds()),
                end: None,
            }),
            session,
            token: stored.revision,
            claim,
            turn: tokio::sync::Mutex::default(),
        }
    }

    /// Whether nobody else can have the key now.
    pub(super) fn is_held(&self) -> bool {
        !self.remaining().is_zero()
    }

    /// How long it is certain that nobody else has the key.
    pub(super) fn remaining(&self) -> Duration {
        let state = self.lock();
        let session = self.claim.bucket.js().connection.session();
        match state.end.is_none() && session == self.session && session.is_some() {
            true => state.deadline.left(),
            false => Duration::ZERO,
        }
    }

    /// The revision of the acquisition.
    pub(super) fn token(&self) -> u64 {
        self.token
    }

    pub(super) fn stored(&self) -> Stored {
        self.lock().stored
    }

    pub(super) fn deadline(&self) -> Moment {
        self.lock().deadline
    }

    pub(super) fn end(&self) -> Option<End> {
        self.lock().end
    }

    /// A renewal is stored. Nothing revives what is over.
    pub(super) fn renewed(&self, stored: Stored) {
        let mut state = self.lock();
        if state.end.is_none()
            && !state.deadline.is_over()
            && stored.revision > state.stored.revision
        {
            state.stored = stored;
            state.deadline = stored.sent.after(self.claim.terms.holds());
        }
    }

    /// It is over. False if it was before.
    pub(super) fn finish(&self, end: End) -> bool {
        let mut state = self.lock();
        let is_first = state.end.is_none();
        state.end.get_or_insert(end);
        is_first
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
