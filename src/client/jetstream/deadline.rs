//! When a call has to be over, whatever it takes.

use std::future::Future;
use std::time::Duration;

use tokio::time::{timeout_at, Instant};

use crate::client::error::{Code, Error, Result};

/// When a call has to be over. Several requests may share it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadline(Option<Instant>);

impl Deadline {
    /// So long from now; zero, and more than a clock can count, mean never.
    pub fn after(time: Duration) -> Deadline {
        if time.is_zero() {
            return Deadline(None);
        }
        Deadline(Instant::now().checked_add(time))
    }

    /// The moment; none if that never comes.
    pub(super) fn end(self) -> Option<Instant> {
        self.0
    }

    /// Whichever comes first.
    pub fn or(self, other: Deadline) -> Deadline {
        Deadline(match (self.0, other.0) {
            (Some(one), Some(two)) => Some(one.min(two)),
            (one, two) => one.or(two),
        })
    }

    /// The time that is left, for a request; `None` without a limit.
    ///
    /// # Errors
    /// `Timeout` if there is none.
    pub(super) fn left(self, subject: &str) -> Result<Option<Duration>> {
        let left = self
            .0
            .map(|end| end.saturating_duration_since(Instant::now()));
        if left.is_some_and(|left| left.is_zero()) {
            let message = format!("Request to {subject} timed out");
            return Err(Error::new(Code::Timeout, message));
        }
        Ok(left)
    }

    /// Waits for a future; `None` if it takes too long.
    pub(crate) async fn bound<F: Future>(self, future: F) -> Option<F::Output> {
        match self.0 {
            None => Some(future.await),
            Some(end) => timeout_at(end, future).await.ok(),
        }
    }

    /// Whether no time is left.
    pub fn is_over(self) -> bool {
        self.0.is_some_and(|end| Instant::now() >= end)
    }

    /// Whether a pause would end in time.
    pub fn allows(self, pause: Duration) -> bool {
        self.0.is_none_or(|end| Instant::now() + pause < end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadlines() {
        let never = Deadline::after(Duration::ZERO);
        assert_eq!(never, Deadline::after(Duration::MAX));
        assert_eq!(never.left("s"), Ok(None));
        assert!(never.allows(Duration::from_secs(1000)));
        let soon = Deadline::after(Duration::from_secs(100));
        assert!(soon.left("s").unwrap().unwrap() > Duration::from_secs(90));
        assert!(soon.allows(Duration::from_millis(250)) && !soon.allows(Duration::from_secs(101)));
        assert_eq!(soon.or(never), soon);
        assert_eq!(never.or(soon), soon);
        assert_eq!(soon.or(Deadline::after(Duration::from_secs(200))), soon);
        let over = Deadline(Some(Instant::now()));
        let error = over.left("s").unwrap_err();
        assert_eq!(error.code, Code::Timeout);
        assert_eq!(error.message, "Request to s timed out");
        assert!(!over.allows(Duration::ZERO));
    }
}
