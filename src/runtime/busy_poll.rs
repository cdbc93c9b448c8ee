//! Looking for an answer again and again instead of going to sleep until it comes.
//!
//! A server beside the script answers in about a tenth of a millisecond, and much of that is not the server's:
//! the thread that waits has to be woken, and so has the processor, which on a virtual machine is up to the
//! host. A driver that stays awake sees the answer at once, and keeps a processor busy. It does so only while a
//! connection wants it (`-busy_poll`), where the last answers came fast enough for that to pay, and if the server
//! may have another processor meanwhile.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::task::yield_now;

/// Answers that take longer are slept for; so long a driver stays awake at most.
const LIMIT: Duration = Duration::from_micros(250);

/// A single slow answer counts as no more than this, so that it is soon outweighed.
const SLOWEST: Duration = Duration::from_millis(2);

/// The latest answer is one of so many in what is typical.
const WEIGHT: u32 = 8;

pub struct BusyPoll {
    /// There is more than one processor.
    affordable: bool,
    /// How many connections want it.
    wanted: AtomicUsize,
    /// How long answers take, in microseconds.
    typical: AtomicU32,
    /// A driver wants to stay awake.
    awake: AtomicBool,
    begun: Notify,
}

impl BusyPoll {
    pub fn new() -> Self {
        let processors = std::thread::available_parallelism();
        BusyPoll {
            affordable: processors.is_ok_and(|number| number.get() > 1),
            wanted: AtomicUsize::new(0),
            typical: AtomicU32::new(0),
            awake: AtomicBool::new(false),
            begun: Notify::new(),
        }
    }

    /// A task of the runtime, which never sleeps while this one has something to do.
    pub async fn run(&self) {
        loop {
            self.begun.notified().await;
            let start = Instant::now();
            while self.awake.load(Ordering::Relaxed) && start.elapsed() < LIMIT {
                yield_now().await;
            }
        }
    }

    /// A driver begins to wait for an answer, and keeps what this returns while it waits.
    pub fn begin(&self) -> Waiting<'_> {
        if self.pays() {
            self.awake.store(true, Ordering::Relaxed);
            self.begun.notify_one();
        }
        Waiting {
            poll: self,
            start: Instant::now(),
        }
    }

    /// Somebody wants it as long as what this returns is kept.
    pub fn want(&'static self) -> Wanted {
        self.wanted.fetch_add(1, Ordering::Relaxed);
        Wanted(self)
    }

    fn pays(&self) -> bool {
        self.affordable
            && self.wanted.load(Ordering::Relaxed) > 0
            && u128::from(self.typical.load(Ordering::Relaxed)) < LIMIT.as_micros()
    }

    fn answered_after(&self, time: Duration) {
        let latest = time.min(SLOWEST).as_micros() as u32;
        let typical = self.typical.load(Ordering::Relaxed);
        let typical = (typical * (WEIGHT - 1) + latest) / WEIGHT;
        self.typical.store(typical, Ordering::Relaxed);
    }
}

/// A wish for staying awake.
pub struct Wanted(&'static BusyPoll);

impl Drop for Wanted {
    fn drop(&mut self) {
        self.0.wanted.fetch_sub(1, Ordering::Relaxed);
    }
}

pub struct Waiting<'a> {
    poll: &'a BusyPoll,
    start: Instant,
}

impl Waiting<'_> {
    /// The answer has come, or should have.
    pub fn took_so_long(self) {
        self.poll.answered_after(self.start.elapsed());
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.poll.awake.store(false, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn busy_poll(affordable: bool) -> BusyPoll {
        BusyPoll {
            affordable,
            wanted: AtomicUsize::new(1),
            ..BusyPoll::new()
        }
    }

    #[test]
    fn pays_where_answers_come_fast() {
        let poll = busy_poll(true);
        assert!(poll.pays());
        for _ in 0..10 {
            poll.answered_after(Duration::from_millis(1));
        }
        assert!(!poll.pays());
        for _ in 0..20 {
            poll.answered_after(Duration::from_micros(100));
        }
        assert!(poll.pays());
        // Slower than anything that is counted, but only one.
        poll.answered_after(Duration::from_secs(60));
        for _ in 0..10 {
            poll.answered_after(Duration::from_micros(100));
        }
        assert!(poll.pays());
    }

    #[test]
    fn stays_awake_until_the_answer() {
        let poll = busy_poll(true);
        let waiting = poll.begin();
        assert!(poll.awake.load(Ordering::Relaxed));
        drop(waiting);
        assert!(!poll.awake.load(Ordering::Relaxed));
    }

    #[test]
    fn only_while_somebody_wants_it() {
        let poll = busy_poll(true);
        poll.wanted.store(0, Ordering::Relaxed);
        let poll: &'static BusyPoll = Box::leak(Box::new(poll));
        assert!(!poll.pays());
        let wanted = [poll.want(), poll.want()];
        assert!(poll.pays());
        drop(wanted);
        assert!(!poll.pays());
    }

    #[test]
    fn never_on_a_single_processor() {
        let poll = busy_poll(false);
        let _waiting = poll.begin();
        assert!(!poll.awake.load(Ordering::Relaxed));
    }
}
