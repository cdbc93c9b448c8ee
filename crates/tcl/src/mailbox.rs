//! What other threads leave for a Tcl thread, and how it hears of that.
//!
//! Nothing of Tcl is here, so that loom can try every order in which threads may run:
//! `RUSTFLAGS="--cfg loom" cargo test -p tcl --release --lib mailbox`.

use std::collections::VecDeque;
use std::sync::PoisonError;
use std::task::Waker;

#[cfg(loom)]
use loom::sync::{
    atomic::{AtomicBool, Ordering},
    Mutex, MutexGuard, RwLock,
};
#[cfg(not(loom))]
use std::sync::{
    atomic::{AtomicBool, Ordering},
    Mutex, MutexGuard, RwLock,
};

pub(crate) struct Mailbox {
    ids: Mutex<Vec<u64>>,
    nonempty: AtomicBool,
    /// The thread waits for a future instead of an event.
    waker: Mutex<Option<Waker>>,
    /// Whether the thread may still be alerted.
    open: RwLock<bool>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Mailbox {
    pub(crate) fn new() -> Mailbox {
        Mailbox {
            ids: Mutex::new(Vec::new()),
            nonempty: AtomicBool::new(false),
            waker: Mutex::new(None),
            open: RwLock::new(true),
        }
    }

    /// Leaves a target's id, from any thread. `is_own` says whether the calling thread is the one that the
    /// mailbox belongs to; `alert` ends the other one's sleep, and is not called once the mailbox is closed.
    pub(crate) fn post(&self, id: u64, is_own: impl FnOnce() -> bool, alert: impl FnOnce()) {
        let first = {
            let mut ids = lock(&self.ids);
            ids.push(id);
            ids.len() == 1
        };
        if !first {
            return;
        }
        // After unlocking: a woken thread would run into the lock.
        self.nonempty.store(true, Ordering::Release);
        let waker = lock(&self.waker).take();
        if let Some(waker) = waker {
            return waker.wake();
        }
        // The thread itself looks before it sleeps.
        if is_own() {
            return;
        }
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        if *open {
            alert();
        }
    }

    /// Whether there may be something.
    pub(crate) fn has_mail(&self) -> bool {
        self.nonempty.load(Ordering::Acquire)
    }

    /// Moves everything over, in the order in which it was left.
    pub(crate) fn take(&self, into: &mut VecDeque<u64>) {
        let mut ids = lock(&self.ids);
        self.nonempty.store(false, Ordering::Release);
        into.extend(ids.drain(..));
    }

    /// From now on the waker is woken instead of the thread. To be called before a look at what there is: what is
    /// left after the look finds the waker.
    pub(crate) fn wake_instead(&self, waker: &Waker) {
        let mut place = lock(&self.waker);
        if !place.as_ref().is_some_and(|w| w.will_wake(waker)) {
            *place = Some(waker.clone());
        }
    }

    /// The thread is to be alerted again.
    pub(crate) fn wake_no_more(&self) {
        let waker = lock(&self.waker).take();
        drop(waker);
    }

    /// Nobody alerts the thread any more.
    pub(crate) fn close(&self) {
        *self.open.write().unwrap_or_else(PoisonError::into_inner) = false;
    }
}

#[cfg(all(test, loom))]
mod tests {
    use super::*;
    use loom::sync::{Arc, Condvar};
    use loom::thread;
    use std::task::Wake;

    /// Stands for Tcl's notifier: an alert is remembered until the thread sleeps.
    struct Notifier {
        alerted: Mutex<bool>,
        changed: Condvar,
    }

    impl Notifier {
        fn new() -> Arc<Notifier> {
            Arc::new(Notifier {
                alerted: Mutex::new(false),
                changed: Condvar::new(),
            })
        }

        fn alert(&self) {
            *lock(&self.alerted) = true;
            self.changed.notify_one();
        }

        fn sleep(&self) {
            let mut alerted = lock(&self.alerted);
            while !*alerted {
                alerted = self.changed.wait(alerted).unwrap();
            }
            *alerted = false;
        }
    }

    /// Wakes by the same way, as a runtime that the thread drives would.
    struct ByNotifier(Arc<Notifier>);

    impl Wake for ByNotifier {
        fn wake(self: std::sync::Arc<Self>) {
            self.0.alert();
        }
    }

    fn post(mailbox: &Arc<Mailbox>, notifier: &Arc<Notifier>, ids: &'static [u64]) {
        let (mailbox, notifier) = (mailbox.clone(), notifier.clone());
        thread::spawn(move || {
            for id in ids {
                mailbox.post(*id, || false, || notifier.alert());
            }
        });
    }

    /// Sleeps only if there is nothing; loom reports a sleep without end.
    fn take_all(mailbox: &Mailbox, count: usize, mut sleep: impl FnMut()) -> Vec<u64> {
        let mut taken = VecDeque::new();
        loop {
            mailbox.take(&mut taken);
            if taken.len() >= count {
                return taken.into();
            }
            sleep();
        }
    }

    #[test]
    fn whoever_sleeps_is_alerted() {
        loom::model(|| {
            let (mailbox, notifier) = (Arc::new(Mailbox::new()), Notifier::new());
            post(&mailbox, &notifier, &[1, 2]);
            post(&mailbox, &notifier, &[3]);
            let sleep = || {
                if !mailbox.has_mail() {
                    notifier.sleep();
                }
            };
            let mut taken = take_all(&mailbox, 3, sleep);
            let order = |id| taken.iter().position(|taken| *taken == id);
            assert!(order(1) < order(2));
            taken.sort_unstable();
            assert_eq!(taken, [1, 2, 3]);
        });
    }

    #[test]
    fn whoever_drives_the_network_is_woken() {
        loom::model(|| {
            let (mailbox, notifier, runtime) =
                (Arc::new(Mailbox::new()), Notifier::new(), Notifier::new());
            post(&mailbox, &notifier, &[1, 2]);
            let waker = Waker::from(std::sync::Arc::new(ByNotifier(runtime.clone())));
            let sleep = || {
                mailbox.wake_instead(&waker);
                if !mailbox.has_mail() {
                    runtime.sleep();
                }
                mailbox.wake_no_more();
            };
            assert_eq!(take_all(&mailbox, 2, sleep), [1, 2]);
        });
    }

    #[test]
    fn a_closed_mailbox_alerts_nobody() {
        loom::model(|| {
            let mailbox = Arc::new(Mailbox::new());
            let lives = Arc::new(Mutex::new(true));
            let poster = {
                let (mailbox, lives) = (mailbox.clone(), lives.clone());
                thread::spawn(move || mailbox.post(1, || false, || assert!(*lock(&lives))))
            };
            mailbox.close();
            *lock(&lives) = false;
            poster.join().unwrap();
        });
    }
}
