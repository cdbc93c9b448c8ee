//! From wanting a key to having it.

use std::sync::Arc;
use std::time::Duration;

use super::super::entry::Entry;
use super::claim::{Claim, Latest, Stored, PAUSE};
use super::wait::Wait;
use crate::client::connection::{Connection, Status};
use crate::client::error::{Code, Error, Result};
use crate::client::jetstream::Deadline;

/// How soon an attempt is repeated whose conflict nothing explains: another write may be in flight.
const UNEXPLAINED: Duration = Duration::from_millis(20);

/// What comes of an attempt.
enum Attempt {
    Stored(Stored),
    /// Somebody else has the key.
    Held(Entry),
}

/// What comes of all of them.
pub(super) enum Acquired {
    Ours(Arc<Claim>, Stored),
    /// Somebody else has the key, and is not to be waited for.
    Held(Entry),
}

/// A claim that nobody holds yet. If it is given up while a write may be stored, that is taken back.
pub(super) struct Acquisition {
    claim: Option<Arc<Claim>>,
}

impl Acquisition {
    pub(super) fn of(claim: Claim) -> Acquisition {
        Acquisition {
            claim: Some(Arc::new(claim)),
        }
    }

    /// Waits until the key is ours.
    ///
    /// # Errors
    /// Those of [`Bucket::put`](super::super::handle::Bucket::put) and
    /// [`Bucket::watch`](super::super::handle::Bucket::watch).
    pub(super) async fn acquire(mut self, waits: bool) -> Result<Acquired> {
        let Some(claim) = self.claim.clone() else {
            return Err(Error::new(Code::Internal, "Acquired twice"));
        };
        let mut wait = None;
        loop {
            let held = match attempt(&claim).await? {
                Attempt::Stored(stored) => {
                    self.claim = None;
                    return Ok(Acquired::Ours(claim, stored));
                }
                Attempt::Held(entry) if !waits => return Ok(Acquired::Held(entry)),
                Attempt::Held(entry) => entry,
            };
            if let Err(error) = wait_for(&claim, &held, &mut wait).await {
                patient(error)?;
                wait = None;
                claim.bucket.js().connection.pause(PAUSE).await?;
            }
        }
    }
}

impl Drop for Acquisition {
    fn drop(&mut self) {
        let Some(claim) = self.claim.take().filter(|claim| claim.is_unsettled()) else {
            return;
        };
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                let limit = Deadline::after(claim.terms.lasts);
                if let Ok(Latest::Ours(stored)) = claim.latest(limit).await {
                    // Else it ends by itself.
                    let _ = claim.surrender(stored.revision).await;
                }
            });
        }
    }
}

/// Waits until the key may be free, by a watch that is begun if there is none.
async fn wait_for(claim: &Claim, held: &Entry, wait: &mut Option<Box<Wait>>) -> Result<()> {
    let wait = match wait {
        Some(wait) => wait,
        none => none.insert(Box::new(Wait::begin(claim).await?)),
    };
    wait.until_free(claim, held).await
}

/// Writes the key if nobody has it; again and again while the outcome is not known.
async fn attempt(claim: &Claim) -> Result<Attempt> {
    let connection = claim.bucket.js().connection.clone();
    let mut expected = 0;
    loop {
        ready(&connection).await?;
        let limit = Deadline::after(claim.terms.patience());
        let conflict = match claim.write(expected, limit).await {
            // A late answer is worth nothing, but it tells which revision to go on from.
            Ok(stored) if is_late(claim, stored) => {
                expected = stored.revision;
                continue;
            }
            Ok(stored) => return Ok(Attempt::Stored(stored)),
            Err(error) => error,
        };
        if conflict.code != Code::WrongLastSequence {
            patient(conflict)?;
            connection.pause(PAUSE).await?;
            continue;
        }
        let limit = Deadline::after(claim.terms.patience());
        let found = match claim.latest(limit).await {
            Ok(Latest::Value(entry)) => return Ok(Attempt::Held(*entry)),
            Ok(Latest::Ours(stored)) if !is_late(claim, stored) => {
                return Ok(Attempt::Stored(stored))
            }
            Ok(Latest::Ours(stored)) => stored.revision,
            Ok(Latest::Deletion(entry)) => entry.revision,
            Ok(Latest::Nothing) => 0,
            Err(error) => {
                patient(error)?;
                expected
            }
        };
        if found == expected {
            connection.pause(UNEXPLAINED).await?;
        }
        expected = found;
    }
}

fn is_late(claim: &Claim, stored: Stored) -> bool {
    stored.sent.after(claim.terms.holds()).is_over()
}

/// Waits for a link: what waits to be sent would count from now on, and be stored much later.
async fn ready(connection: &Connection) -> Result<()> {
    while matches!(
        connection.status(),
        Status::Connecting | Status::Reconnecting
    ) {
        connection.pause(PAUSE).await?;
    }
    Ok(())
}

/// "JetStream system temporarily unavailable": a cluster that has no leader yet.
const UNAVAILABLE: Code = Code::JsResponse {
    code: 503,
    err_code: 10008,
};

/// Errors that time may heal.
fn patient(error: Error) -> Result<()> {
    match error.code {
        Code::Timeout | Code::NoResponders | UNAVAILABLE => Ok(()),
        _ => Err(error),
    }
}
