//! Gathers what a turn of the event loop starts.
//!
//! The background thread is woken by the first of many requests that coroutines start in one turn, and would
//! write each by itself, as fast as the Tcl thread makes them. So it waits until the turn is over, and writes
//! all of them at once. It does not wait for a script that goes on with something else.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

pub struct Gate {
    closed: AtomicBool,
    /// Counts what was started.
    started: AtomicUsize,
    mutex: Mutex<()>,
    opened: Condvar,
}

pub static GATE: Gate = Gate {
    closed: AtomicBool::new(false),
    started: AtomicUsize::new(0),
    mutex: Mutex::new(()),
    opened: Condvar::new(),
};

/// The gate opens when nothing was started for so long.
const PAUSE: Duration = Duration::from_micros(500);
/// How long it stays closed at most.
const LONGEST: Duration = Duration::from_millis(10);

impl Gate {
    pub fn close(&self) {
        self.started.fetch_add(1, Ordering::Relaxed);
        self.closed.store(true, Ordering::Release);
    }

    pub fn open(&self) {
        if self.closed.swap(false, Ordering::AcqRel) {
            drop(self.mutex.lock());
            self.opened.notify_all();
        }
    }

    pub fn wait(&self) {
        if !self.closed.load(Ordering::Acquire) {
            return;
        }
        let start = Instant::now();
        let mut guard = self.mutex.lock().unwrap_or_else(PoisonError::into_inner);
        let mut last = None;
        while self.closed.load(Ordering::Acquire) && start.elapsed() < LONGEST {
            let started = self.started.load(Ordering::Relaxed);
            if last.replace(started) == Some(started) {
                break;
            }
            let waited = self.opened.wait_timeout(guard, PAUSE);
            guard = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        self.closed.store(false, Ordering::Release);
    }
}
