//! The clock that leases are counted on.
//!
//! It goes on while the machine is suspended, as the server's does: a holder that wakes up knows that its time is
//! over. It is never compared with the clock of another machine.

use std::time::Duration;

/// A moment on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moment(Duration);

impl Moment {
    pub(super) fn now() -> Moment {
        Moment(read())
    }

    /// So long after this one.
    pub(super) fn after(self, time: Duration) -> Moment {
        Moment(self.0.saturating_add(time))
    }

    /// The time from now until then; zero if that is over.
    pub(super) fn left(self) -> Duration {
        self.0.saturating_sub(Moment::now().0)
    }

    pub(super) fn is_over(self) -> bool {
        self.left().is_zero()
    }

    /// A number by which this process knows the moment again.
    pub(super) fn number(self) -> u64 {
        u64::try_from(self.0.as_nanos()).unwrap_or(u64::MAX)
    }

    pub(super) fn from_number(number: u64) -> Moment {
        Moment(Duration::from_nanos(number))
    }
}

#[cfg(unix)]
fn read() -> Duration {
    use rustix::time::{clock_gettime, ClockId};

    // Elsewhere the monotonic one goes on, too.
    #[cfg(target_os = "linux")]
    const CLOCK: ClockId = ClockId::Boottime;
    #[cfg(not(target_os = "linux"))]
    const CLOCK: ClockId = ClockId::Monotonic;

    let now = clock_gettime(CLOCK);
    // Neither is ever negative, and there are less than a billion nanoseconds.
    let seconds = u64::try_from(now.tv_sec).unwrap_or_default();
    let nanoseconds = u32::try_from(now.tv_nsec).unwrap_or_default();
    Duration::new(seconds, nanoseconds)
}

/// The performance counter of Windows goes on; it is read against the first time.
#[cfg(not(unix))]
fn read() -> Duration {
    use std::sync::OnceLock;
    use std::time::Instant;

    static FIRST: OnceLock<Instant> = OnceLock::new();
    FIRST.get_or_init(Instant::now).elapsed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments() {
        let now = Moment::now();
        let later = now.after(Duration::from_secs(100));
        assert!(later > now && now.is_over() && !later.is_over());
        assert!(later.left() > Duration::from_secs(50));
        assert_eq!(Moment::from_number(later.number()), later);
        assert!(!now.after(Duration::MAX).is_over());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn it_counts_the_time_since_the_machine_was_started() {
        let uptime = std::fs::read_to_string("/proc/uptime").unwrap();
        let uptime: f64 = uptime.split(' ').next().unwrap().parse().unwrap();
        let now = Moment::now().number() as f64 / 1e9;
        assert!(now >= uptime - 0.01, "{now} {uptime}");
    }
}
