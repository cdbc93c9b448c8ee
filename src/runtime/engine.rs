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
//! request on one machine. The background thread then stays away for a moment longer, as the next wait is
//! likely to come; if none does, or as soon as the Tcl thread turns to something else, it drives again.

use std::cell::Cell;
use std::future::{poll_fn, Future};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use super::busy_poll::BusyPoll;
use super::gate::GATE;
use tcl::event;
use tcl::wait::Progress;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::{mpsc, Notify};
use tokio::task::unconstrained;

/// For so long after a wait the next one counts as its successor.
const MOMENT: Duration = Duration::from_millis(2);

pub struct Engine {
    runtime: Runtime,
    desk: Mutex<Desk>,
    /// Tells the background thread that it is to drive.
    called: Condvar,
    /// Tells the background thread to stop driving.
    release: Notify,
    /// Ends the drives of Tcl threads that take long; a timer for each would cost more than the rest.
    enough: Notify,
    /// The background thread does not drive, or will soon stop to: what the desk says, for a quick look.
    away: AtomicBool,
    busy_poll: BusyPoll,
    tasks: mpsc::UnboundedSender<Task>,
}

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

struct Desk {
    /// Tcl threads that drive, or wait for their turn.
    drivers: usize,
    /// Counts the drives that have ended.
    turns: u64,
    /// When one of them stopped; none to have the background thread drive at once.
    last: Option<Instant>,
    away: bool,
}

thread_local! {
    /// When a plain wait of this thread ended, unless it has turned to something else since.
    static WAITED: Cell<Option<Instant>> = const { Cell::new(None) };
}

impl Engine {
    /// Makes a runtime that is never stopped: its thread ends with the process.
    pub fn start() -> std::io::Result<&'static Engine> {
        let runtime = Builder::new_current_thread()
            .thread_name("nats")
            .on_thread_unpark(|| GATE.wait())
            .enable_all()
            .build()?;
        let (tasks, started) = mpsc::unbounded_channel();
        let engine: &'static Engine = Box::leak(Box::new(Engine {
            runtime,
            desk: Mutex::new(Desk {
                drivers: 0,
                turns: 0,
                last: None,
                away: false,
            }),
            called: Condvar::new(),
            release: Notify::new(),
            enough: Notify::new(),
            away: AtomicBool::new(false),
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

    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn drive_in_background(&self) -> ! {
        loop {
            self.runtime.block_on(self.release.notified());
            let mut desk = self.desk();
            let mut turns = None;
            while let Some(pause) = desk.pause() {
                if turns.replace(desk.turns) == Some(desk.turns) {
                    self.enough.notify_waiters();
                }
                let woken = self.called.wait_timeout(desk, pause);
                desk = woken.unwrap_or_else(PoisonError::into_inner).0;
            }
            desk.away = false;
            self.away.store(false, Ordering::Relaxed);
            drop(desk);
            // It finds work at once, and so is not woken by the runtime.
            GATE.wait();
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
        if !self.away.load(Ordering::Relaxed) || !is_successor() {
            GATE.close();
            return step();
        }
        let mut step = Some(step);
        self.driving(poll_fn(
            |_| Poll::Ready(step.take().expect("polled once")()),
        ))
    }

    /// Drives the runtime in this thread until the future has its output, there is mail for the thread, or
    /// a moment or two are over. Does nothing unless another wait of this thread has just ended: for a single one,
    /// to stop the background thread and to start it again would cost more than it saves.
    pub fn drive<F: Future + Unpin>(&self, future: F) -> (Option<F::Output>, Progress) {
        if !is_successor() {
            return (None, Progress::Late);
        }
        GATE.open();
        let waiting = self.busy_poll.begin();
        let (output, progress) = self.driving(async {
            tokio::select! {
                biased;
                output = unconstrained(future) => (Some(output), Progress::Answered),
                () = event::mail() => (None, Progress::Disturbed),
                () = self.enough.notified() => (None, Progress::Late),
            }
        });
        if progress != Progress::Disturbed {
            waiting.took_so_long();
        }
        (output, progress)
    }

    fn driving<F: Future>(&self, future: F) -> F::Output {
        struct Driver<'a>(&'a Engine);
        impl Drop for Driver<'_> {
            fn drop(&mut self) {
                let mut desk = self.0.desk();
                desk.drivers -= 1;
                desk.turns += 1;
                desk.last = Some(Instant::now());
            }
        }
        {
            let mut desk = self.desk();
            desk.drivers += 1;
            if !desk.away {
                desk.away = true;
                self.away.store(true, Ordering::Relaxed);
                self.release.notify_one();
            }
        }
        let _driver = Driver(self);
        self.runtime.block_on(future)
    }

    /// A plain wait of this thread has ended.
    pub fn waited(&self) {
        WAITED.set(Some(Instant::now()));
    }

    /// This thread has started something that is to go on without it.
    pub fn let_go(&self) {
        WAITED.set(None);
        if self.away.load(Ordering::Relaxed) {
            self.desk().last = None;
            self.called.notify_one();
        }
    }

    /// This thread is done for now: all that it has started goes on.
    pub fn rest(&self) {
        self.let_go();
        GATE.open();
    }
}

impl Desk {
    /// How long the background thread stays away at least.
    fn pause(&self) -> Option<Duration> {
        if self.drivers > 0 {
            return Some(MOMENT);
        }
        MOMENT
            .checked_sub(self.last?.elapsed())
            .filter(|pause| !pause.is_zero())
    }
}

async fn start_all(mut tasks: mpsc::UnboundedReceiver<Task>) {
    while let Some(task) = tasks.recv().await {
        tokio::spawn(task);
    }
}

fn is_successor() -> bool {
    WAITED.get().is_some_and(|waited| waited.elapsed() < MOMENT)
}
