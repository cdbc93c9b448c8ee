//! The tokio runtime and who drives it.
//!
//! Whoever drives the runtime reads and writes the sockets and runs all tasks, in the order in which they
//! are woken: so messages that arrive on several subscriptions are handed over in their order, and the small
//! steps that a message takes on its way wake no second thread, which would cost more than the steps. Name
//! look-ups have threads of their own.
//!
//! The driver is a background thread, except where a Tcl thread makes one plain wait after the other: there
//! the Tcl thread, which has nothing else to do, drives while it waits. Its request is written and its answer
//! read without a second thread being woken on the way, each of which takes a good part of the time of a
//! request on one machine (doc/architecture.md has the measurement). The background thread is parked meanwhile.
//!
//! ```text
//!                     as_driver: a Tcl thread parks it
//!   background thread ───────────────────────────────► Tcl threads drive
//!        drives                                          │          ▲
//!          ▲                                the last one │          │ as_driver:
//!          │                                   has ended ▼          │ its next wait
//!          └──────────────────────────────────── nobody drives, for GRACE
//!            GRACE is over, or hand_back: the
//!            Tcl thread turns to something else
//! ```
//!
//! Tcl threads whose drives overlap take turns within tokio. One that drives for longer than `GRACE` is
//! preempted by the background thread, which goes on to wait for its turn, and leaves its future to a task.

use std::cell::Cell;
use std::future::{poll_fn, Future};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use super::busy_poll::BusyPoll;
use tcl::event;
use tcl::wait::Progress;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::{mpsc, Notify};
use tokio::task::unconstrained;

/// For so long after a wait of a thread its next one counts as the successor, and nobody drives if there is
/// none. So long a thread drives at most.
const GRACE: Duration = Duration::from_millis(2);

pub struct Engine {
    runtime: Runtime,
    drivers: Mutex<Drivers>,
    /// Tells the background thread that it is to drive.
    unpark: Condvar,
    /// Tells the background thread to stop driving.
    park: Notify,
    /// Ends the drives of Tcl threads that take long; a timer for each would cost more than the rest.
    preempt: Notify,
    /// [`Drivers::parked`], for a quick look.
    parked: AtomicBool,
    pub busy_poll: BusyPoll,
    tasks: mpsc::UnboundedSender<Task>,
}

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

struct Drivers {
    /// Tcl threads that drive, or wait for their turn.
    present: usize,
    /// Counts the drives that have ended.
    ended: u64,
    /// When the latest of them ended; none to have the background thread drive at once.
    last_ended: Option<Instant>,
    /// The background thread does not drive, or will soon stop to.
    parked: bool,
}

thread_local! {
    /// When a plain wait of this thread ended, unless it has turned to something else since.
    static WAIT_ENDED: Cell<Option<Instant>> = const { Cell::new(None) };
}

impl Engine {
    /// Makes a runtime that is never stopped: its thread ends with the process.
    pub fn start() -> std::io::Result<&'static Engine> {
        let runtime = Builder::new_current_thread()
            .thread_name("nats")
            .enable_all()
            .build()?;
        let (tasks, started) = mpsc::unbounded_channel();
        let engine: &'static Engine = Box::leak(Box::new(Engine {
            runtime,
            drivers: Mutex::new(Drivers {
                present: 0,
                ended: 0,
                last_ended: None,
                parked: false,
            }),
            unpark: Condvar::new(),
            park: Notify::new(),
            preempt: Notify::new(),
            parked: AtomicBool::new(false),
            busy_poll: BusyPoll::new(),
            tasks,
        }));
        engine.handle().spawn(engine.busy_poll.run());
        engine.handle().spawn(start_all(started));
        std::thread::Builder::new()
            .name("nats".to_string())
            .spawn(|| engine.drive_in_background())?;
        Ok(engine)
    }

    pub fn handle(&self) -> &Handle {
        self.runtime.handle()
    }

    /// Starts a task. To spawn it from a thread that does not drive would wake the driver by a system call for
    /// each; this wakes it once for many.
    pub fn start_task(&self, task: impl Future<Output = ()> + Send + 'static) {
        // Somebody always receives.
        let _ = self.tasks.send(Box::pin(task));
    }

    fn drivers(&self) -> MutexGuard<'_, Drivers> {
        self.drivers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn drive_in_background(&self) -> ! {
        loop {
            self.runtime.block_on(self.park.notified());
            let mut drivers = self.drivers();
            let mut ended = None;
            while let Some(pause) = drivers.pause() {
                if ended.replace(drivers.ended) == Some(drivers.ended) {
                    self.preempt.notify_waiters();
                }
                let woken = self.unpark.wait_timeout(drivers, pause);
                drivers = woken.unwrap_or_else(PoisonError::into_inner).0;
            }
            drivers.parked = false;
            self.parked.store(false, Ordering::Relaxed);
        }
    }

    /// Makes a future and polls it once, without a waker: whoever polls next registers its own. Where a Tcl
    /// thread drives it is polled by the driver, for whom nobody has to be woken.
    pub fn first_step<F: Future>(
        &self,
        start: impl FnOnce() -> F,
    ) -> (Pin<Box<F>>, Poll<F::Output>) {
        let step = || {
            let _context = self.handle().enter();
            let mut future = Box::pin(start());
            let outcome = future
                .as_mut()
                .poll(&mut Context::from_waker(Waker::noop()));
            (future, outcome)
        };
        if !self.parked.load(Ordering::Relaxed) || !is_successor() {
            return step();
        }
        let mut step = Some(step);
        self.as_driver(poll_fn(
            |_| Poll::Ready(step.take().expect("polled once")()),
        ))
    }

    /// Drives the runtime in this thread until the future has its output, there is mail for the thread, or
    /// it is preempted. Does nothing unless another wait of this thread has just ended: for a single one,
    /// to stop the background thread and to start it again would cost more than it saves.
    pub fn drive<F: Future + Unpin>(&self, future: F) -> (Option<F::Output>, Progress) {
        if !is_successor() {
            return (None, Progress::Late);
        }
        let waiting = self.busy_poll.begin();
        let (output, progress) = self.as_driver(async {
            tokio::select! {
                biased;
                output = unconstrained(future) => (Some(output), Progress::Answered),
                () = event::mail() => (None, Progress::Disturbed),
                () = self.preempt.notified() => (None, Progress::Late),
            }
        });
        if progress != Progress::Disturbed {
            waiting.took_so_long();
        }
        (output, progress)
    }

    fn as_driver<F: Future>(&self, future: F) -> F::Output {
        struct Driver<'a>(&'a Engine);
        impl Drop for Driver<'_> {
            fn drop(&mut self) {
                let mut drivers = self.0.drivers();
                drivers.present -= 1;
                drivers.ended += 1;
                drivers.last_ended = Some(Instant::now());
            }
        }
        {
            let mut drivers = self.drivers();
            drivers.present += 1;
            if !drivers.parked {
                drivers.parked = true;
                self.parked.store(true, Ordering::Relaxed);
                self.park.notify_one();
            }
        }
        let _driver = Driver(self);
        self.runtime.block_on(future)
    }

    /// A plain wait of this thread has ended.
    pub fn wait_ended(&self) {
        WAIT_ENDED.set(Some(Instant::now()));
    }

    /// This thread turns to something else: what it has started goes on without it.
    pub fn hand_back(&self) {
        WAIT_ENDED.set(None);
        if self.parked.load(Ordering::Relaxed) {
            self.drivers().last_ended = None;
            self.unpark.notify_one();
        }
    }
}

impl Drivers {
    /// How long the background thread stays parked at least.
    fn pause(&self) -> Option<Duration> {
        if self.present > 0 {
            return Some(GRACE);
        }
        GRACE
            .checked_sub(self.last_ended?.elapsed())
            .filter(|pause| !pause.is_zero())
    }
}

async fn start_all(mut tasks: mpsc::UnboundedReceiver<Task>) {
    while let Some(task) = tasks.recv().await {
        tokio::spawn(task);
    }
}

fn is_successor() -> bool {
    WAIT_ENDED
        .get()
        .is_some_and(|ended| ended.elapsed() < GRACE)
}
