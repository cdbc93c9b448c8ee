//! A limit to the errors that wait for a busy script.
//!
//! A server reports each refused publication. A script that is busy, or that refuses itself to the event
//! loop, must not make memory grow by them: errors that end nothing are dropped while too many wait, with
//! their log lines, and counted.

use crate::client::connection::{Event, Level};
use crate::client::error::Code;
use std::sync::atomic::{AtomicUsize, Ordering};

/// So many events may wait before errors are dropped.
const LIMIT: usize = 20_000;

#[derive(Default)]
pub struct Flood {
    waiting: AtomicUsize,
    dropped: AtomicUsize,
}

impl Flood {
    /// Whether an event may be queued; if so it waits from now on.
    pub fn admit(&self, event: &Event) -> bool {
        if self.waiting.load(Ordering::Relaxed) >= LIMIT && is_dispensable(event) {
            if let Event::LastError(_) = event {
                self.dropped.fetch_add(1, Ordering::Relaxed);
            }
            return false;
        }
        self.waiting.fetch_add(1, Ordering::Relaxed);
        true
    }

    /// An event has left the queue. When it was the last one: how many errors were dropped.
    pub fn handled(&self) -> Option<usize> {
        if self.waiting.fetch_sub(1, Ordering::Relaxed) > 1 {
            return None;
        }
        Some(self.dropped.swap(0, Ordering::Relaxed)).filter(|dropped| *dropped > 0)
    }
}

/// Statuses, and the errors that explain them, are never dropped.
fn is_dispensable(event: &Event) -> bool {
    match event {
        Event::Log(level, _) => *level == Level::Warn,
        Event::LastError(Some(error)) => matches!(
            error.code,
            Code::Permissions | Code::BadSubject | Code::BadHeaderMsg | Code::SlowConsumer
        ),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::connection::Status;
    use crate::client::error::Error;

    fn refusal() -> Event {
        Event::LastError(Some(Error::new(Code::Permissions, "no")))
    }

    #[test]
    fn errors_beyond_the_limit_are_dropped_and_counted() {
        let flood = Flood::default();
        for _ in 0..LIMIT {
            assert!(flood.admit(&refusal()));
        }
        assert!(!flood.admit(&refusal()));
        assert!(!flood.admit(&Event::Log(Level::Warn, "no".into())));
        assert!(flood.admit(&Event::Status(Status::Closed)));
        let broken = Error::new(Code::BrokenSocket, "gone");
        assert!(flood.admit(&Event::LastError(Some(broken))));
        for _ in 0..LIMIT + 1 {
            assert_eq!(flood.handled(), None);
        }
        assert_eq!(flood.handled(), Some(1));
        assert!(flood.admit(&refusal()));
        assert_eq!(flood.handled(), None);
    }
}
