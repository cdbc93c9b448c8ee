//! Creating a key that may be deleted, while others delete it again.

use std::time::Duration;

use super::call::{expect, Call};
use super::entry::Entry;
use crate::client::connection::Publish;
use crate::client::error::{Code, Error, Result};
use crate::client::jetstream::Deadline;

/// How long a creation goes on that has no time limit.
const LONGEST: Duration = Duration::from_secs(5);

/// The first pause before a look or an attempt is repeated; each one is twice as long as the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(10);

/// And so on up to this.
const LONGEST_PAUSE: Duration = Duration::from_millis(250);

/// What is in the way of a new entry.
enum Obstacle {
    /// A deletion, or nothing any more (0): the new entry may follow it.
    Deletion(u64),
    /// A value, as far as is known.
    Value,
    /// Whoever may be asked has not got as far as the conflict.
    Later,
}

impl Call {
    /// Stores a message, unless the key has a value. Each attempt has all of its headers.
    pub(super) async fn create(&self, key: &str, message: Publish) -> Result<u64> {
        let mut creation = Creation::new(self, key);
        let mut expected = 0;
        loop {
            let mut attempt = message.clone();
            expect(&mut attempt, expected);
            let conflict = match self.write(attempt).await {
                Err(error) if error.code == Code::WrongLastSequence => error,
                outcome => return outcome,
            };
            let found = creation.deletion(last_sequence(&conflict));
            let Some(revision) = (match Box::pin(found).await {
                // Time is over, and what was in the way until now were deletions.
                Err(error) if error.code == Code::Timeout && expected != 0 => None,
                found => found?,
            }) else {
                return Err(conflict);
            };
            let again = match revision == expected {
                // What was found does not explain the conflict: another write may be in flight.
                true => creation.pause().await?,
                false => creation.deadline.allows(Duration::ZERO),
            };
            if !again {
                return Err(conflict);
            }
            expected = revision;
        }
    }
}

/// The creation of a key that is in conflict with something.
struct Creation<'a> {
    call: &'a Call,
    key: &'a str,
    /// No attempt begins later.
    deadline: Deadline,
    next_pause: Duration,
    may_ask_leader: bool,
}

impl Creation<'_> {
    fn new<'a>(call: &'a Call, key: &'a str) -> Creation<'a> {
        let limit = match call.js.timeout() {
            Duration::ZERO => LONGEST,
            // The rest is for the answer to the last attempt.
            timeout => timeout / 10 * 9,
        };
        Creation {
            call,
            key,
            deadline: Deadline::after(limit),
            next_pause: FIRST_PAUSE,
            may_ask_leader: true,
        }
    }

    /// The revision of the deletion that is in the way, 0 if it is gone by now; `None` if the key has a value,
    /// or time is over. `latest` is the key's revision, if the conflict has told it.
    async fn deletion(&mut self, latest: Option<u64>) -> Result<Option<u64>> {
        if latest == Some(0) {
            return Ok(latest);
        }
        loop {
            match self.obstacle(latest).await? {
                Obstacle::Deletion(revision) => return Ok(Some(revision)),
                Obstacle::Value => return Ok(None),
                Obstacle::Later if self.pause().await? => {}
                Obstacle::Later => return Ok(None),
            }
        }
    }

    /// Looks for what is in the way, first in the way that needs the least permission: the key is a part of
    /// the request's subject. A replica that lags behind may not know of it yet; the leader, which has refused
    /// the new entry, does, if this client may ask it.
    async fn obstacle(&mut self, latest: Option<u64>) -> Result<Obstacle> {
        let direct = self.call.bucket.is_direct();
        if direct {
            match self.call.entry(self.key, None).await {
                Ok(entry) if is_current(&entry, latest) => return Ok(Obstacle::of(&entry)),
                Ok(_) => {}
                Err(error) if error.code == Code::KeyNotFound => {}
                Err(error) => return Err(error),
            }
        }
        if !self.may_ask_leader {
            return Ok(Obstacle::Later);
        }
        match self.call.entry_at_leader(self.key).await {
            Ok(entry) if is_current(&entry, latest) => Ok(Obstacle::of(&entry)),
            // Its bucket is a mirror, which lags behind its origin.
            Ok(_) => Ok(Obstacle::Later),
            Err(error) => match error.code {
                Code::KeyNotFound => Ok(Obstacle::Deletion(0)),
                Code::Permissions if direct => {
                    self.may_ask_leader = false;
                    Ok(Obstacle::Later)
                }
                // Nobody knows now whether the key has a value.
                Code::Timeout | Code::NoResponders | Code::ConnectionClosed => Err(error),
                // The conflict says more.
                _ if direct => Ok(Obstacle::Value),
                _ => Err(error),
            },
        }
    }

    /// Waits a little; false if there is no time left for that.
    async fn pause(&mut self) -> Result<bool> {
        let pause = self.next_pause;
        self.next_pause = (2 * pause).min(LONGEST_PAUSE);
        if !self.deadline.allows(pause) {
            return Ok(false);
        }
        self.call.js.connection.pause(pause).await?;
        Ok(true)
    }
}

impl Obstacle {
    fn of(entry: &Entry) -> Obstacle {
        match entry.is_put() {
            true => Obstacle::Value,
            false => Obstacle::Deletion(entry.revision),
        }
    }
}

fn is_current(entry: &Entry, latest: Option<u64>) -> bool {
    latest.is_none_or(|latest| entry.revision >= latest)
}

/// The key's last sequence, which a conflict names at its end ("wrong last sequence: 17").
fn last_sequence(conflict: &Error) -> Option<u64> {
    let (_, number) = conflict.message.rsplit_once(' ')?;
    number.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_sequence_in_a_conflict() {
        let named = |text| last_sequence(&Error::new(Code::WrongLastSequence, text));
        assert_eq!(named("wrong last sequence: 17"), Some(17));
        assert_eq!(named("wrong last sequence: 0"), Some(0));
        assert_eq!(named("wrong last sequence"), None);
        assert_eq!(named(""), None);
    }
}
