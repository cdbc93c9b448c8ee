//! Whether the script still runs: its event loop is asked now and then for a sign.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use super::clock::Moment;

/// Nobody is asked more often.
const SHORTEST_BEAT: Duration = Duration::from_millis(5);

/// The signs of an event loop.
pub(super) struct Pulse {
    /// How long it may be silent.
    limit: Duration,
    /// When it gave its last sign, as [`Moment::number`].
    last: AtomicU64,
    is_asked: AtomicBool,
}

impl Pulse {
    pub(super) fn new(limit: Duration) -> Pulse {
        Pulse {
            limit,
            last: AtomicU64::new(Moment::now().number()),
            is_asked: AtomicBool::new(false),
        }
    }

    /// How often to ask.
    pub(super) fn interval(&self) -> Duration {
        (self.limit / 4).max(SHORTEST_BEAT)
    }

    /// Whether to ask now; then [`Pulse::beat`] is the answer.
    pub(super) fn ask(&self) -> bool {
        !self.is_asked.swap(true, Ordering::Relaxed)
    }

    pub(super) fn beat(&self) {
        self.last.store(Moment::now().number(), Ordering::Relaxed);
        self.is_asked.store(false, Ordering::Relaxed);
    }

    pub(super) fn is_silent(&self) -> bool {
        let last = Moment::from_number(self.last.load(Ordering::Relaxed));
        last.after(self.limit).is_over()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence() {
        let alive = Pulse::new(Duration::from_secs(100));
        assert!(!alive.is_silent());
        assert!(alive.ask() && !alive.ask());
        alive.beat();
        assert!(alive.ask());
        let silent = Pulse::new(Duration::ZERO);
        assert!(silent.is_silent());
    }
}
