//! Which key is not what it was expected to be. The server says only that there is one.

use futures_util::stream::{iter, StreamExt, TryStreamExt};

use super::plan::{Expectation, Kind, Plan};
use crate::client::error::{Code, Error, Result};
use crate::client::kv::call::Call;

/// So many keys are looked up at a time.
const AT_A_TIME: usize = 64;

/// The latest entry of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Latest {
    /// 0: there is none.
    revision: u64,
    has_value: bool,
}

impl Plan {
    /// Whether the same may be tried again: no key is otherwise than expected, but for deletions where new keys are to
    /// be. Those are expected from now on.
    ///
    /// # Errors
    /// `WrongLastSequence` with the first key that differs; if there are new keys, those of a look at them.
    pub(super) async fn settle(&mut self, call: &Call, conflict: &Error) -> Result<bool> {
        let mut judged: Vec<_> = self.expectations.iter_mut().collect();
        judged.retain(|expected| expected.kind != Kind::Lock);
        let creates = judged.iter().any(|expected| expected.kind == Kind::New);
        let found = match all_latest(call, &judged).await {
            Ok(found) => found,
            Err(error) if creates || error.code == Code::ConnectionClosed => return Err(error),
            // It was only to say which one it is.
            Err(_) => return Ok(false),
        };
        let mut expected = judged.iter().zip(&found);
        if let Some((expected, found)) = expected.find(|(expected, found)| expected.differs(found))
        {
            return Err(expected.wrong(*found, conflict));
        }
        let mut changed = false;
        for (expected, found) in judged.into_iter().zip(found) {
            changed |= expected.revision != found.revision;
            expected.revision = found.revision;
        }
        Ok(changed)
    }
}

/// What the keys are of which something is expected, as the leader knows it if it may be asked.
async fn all_latest(call: &Call, expectations: &[&mut Expectation]) -> Result<Vec<Latest>> {
    let mut looks = Vec::with_capacity(expectations.len());
    for expected in expectations {
        looks.push(latest(call, &expected.key));
    }
    iter(looks).buffered(AT_A_TIME).try_collect().await
}

async fn latest(call: &Call, key: &str) -> Result<Latest> {
    match call.entry_once_more(key).await {
        Ok(entry) => Ok(Latest {
            revision: entry.revision,
            has_value: entry.is_put(),
        }),
        Err(error) if error.code == Code::KeyNotFound => Ok(Latest {
            revision: 0,
            has_value: false,
        }),
        Err(error) => Err(error),
    }
}

impl Expectation {
    fn differs(&self, found: &Latest) -> bool {
        match self.kind {
            Kind::New => found.has_value,
            Kind::Known | Kind::Lock => found.revision != self.revision,
        }
    }

    fn wrong(&self, found: Latest, conflict: &Error) -> Error {
        let Expectation {
            key,
            revision,
            kind,
        } = self;
        let message = match (kind, found.revision) {
            (Kind::New, latest) => format!("key {key} exists, with revision {latest}"),
            (_, 0) => format!("key {key} has no revision, expected was {revision}"),
            (_, latest) => format!("key {key} has revision {latest}, expected was {revision}"),
        };
        Error::new(
            Code::WrongLastSequence,
            format!("{}: {message}", conflict.message),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn differs(kind: Kind, revision: u64, found: (u64, bool)) -> bool {
        let key = "k".to_owned();
        let expected = Expectation {
            key,
            revision,
            kind,
        };
        let (revision, has_value) = found;
        expected.differs(&Latest {
            revision,
            has_value,
        })
    }

    #[test]
    fn what_is_in_the_way() {
        let known = |revision, found| differs(Kind::Known, revision, found);
        assert!(!known(3, (3, true)) && known(3, (4, true)));
        assert!(!known(3, (3, false)) && known(3, (0, false)));
        assert!(!known(0, (0, false)) && known(0, (2, false)));
        let new = |revision, found| differs(Kind::New, revision, found);
        assert!(!new(0, (0, false)) && !new(0, (2, false)));
        assert!(new(0, (2, true)) && new(2, (2, true)));
    }
}
