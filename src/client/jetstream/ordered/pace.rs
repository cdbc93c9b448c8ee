//! How soon a consumer that keeps breaking is created again.

use std::time::{Duration, Instant};

/// The first pause; each further one is twice as long.
const FIRST: Duration = Duration::from_millis(50);

/// Pauses between resets. Those that follow each other without a message in between come slower and slower, or
/// many clients would overwhelm their server with consumers.
#[derive(Default)]
pub(super) struct Pace {
    /// When the consumer was reset last, and behind which stream sequence.
    last: Option<(Instant, u64)>,
    pause: Duration,
}

impl Pace {
    /// How long to wait before a reset now, behind this stream sequence; at most as long as given. A consumer
    /// that has lived for longer than that had no trouble with its creation.
    pub(super) fn pause(&mut self, now: Instant, stream_seq: u64, longest: Duration) -> Duration {
        let in_vain = self.last.is_some_and(|(then, at)| {
            at == stream_seq && now.saturating_duration_since(then) <= self.pause + longest
        });
        self.pause = match in_vain {
            false => Duration::ZERO,
            true => (self.pause * 2).max(FIRST).min(longest.max(FIRST)),
        };
        self.last = Some((now, stream_seq));
        self.pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn pauses_grow_up_to_the_longest() {
        let mut pace = Pace::default();
        let now = Instant::now();
        let mut next = || pace.pause(now, 7, ms(300)).as_millis();
        let pauses: Vec<_> = std::iter::repeat_with(&mut next).take(6).collect();
        assert_eq!(pauses, [0, 50, 100, 200, 300, 300]);
    }

    #[test]
    fn messages_and_a_long_life_reset_them() {
        let mut pace = Pace::default();
        let start = Instant::now();
        let mut pause = |at, seq| pace.pause(start + ms(at), seq, ms(1000)).as_millis();
        assert_eq!(pause(0, 7), 0);
        assert_eq!(pause(1, 7), 50);
        assert_eq!(pause(100, 8), 0);
        assert_eq!(pause(101, 8), 50);
        assert_eq!(pause(1200, 8), 0);
    }
}
