//! The tokio runtime, and how a future's answer comes back to the Tcl thread that asked.

mod busy_poll;
mod engine;

use crate::client;
use crate::errors;
pub use busy_poll::Wanted as BusyPoll;
use engine::Engine;
use futures_util::future::{abortable, AbortHandle};
use once_cell::sync::OnceCell;
use std::future::{poll_fn, Future};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use tcl::event::{channel, Sender};
use tcl::fork::is_forked;
use tcl::wait::{self, Completer, Progress, Wait};
use tcl::{Error, Interp, Obj, Outcome, Result};
use tokio::runtime::EnterGuard;

static ENGINE: OnceCell<&'static Engine> = OnceCell::new();

/// The runtime of the process, started on first use.
///
/// # Errors
/// `ErrNotSupported` in a forked process, which has no threads; `ErrInternal` if none can be started.
fn engine() -> Result<&'static Engine> {
    if is_forked() {
        return Err(Error::forked());
    }
    let engine = ENGINE.get_or_try_init(|| {
        let engine = Engine::start()?;
        tcl::event::before_sleep(hand_back);
        Ok(engine)
    });
    engine.copied().map_err(|error: std::io::Error| {
        Error::new(
            format!("cannot start the network thread: {error}"),
            &["NATS", "ErrInternal"],
        )
    })
}

/// Makes `tokio::spawn` and timers work in this thread while the guard lives. What is started meanwhile goes
/// on without this thread.
pub fn enter() -> Result<EnterGuard<'static>> {
    let engine = engine()?;
    engine.hand_back();
    Ok(engine.handle().enter())
}

/// Plain waits in a row stay awake for their answers, at the cost of a busy processor, as long as what this
/// returns is kept; the wish of one connection serves all.
pub fn busy_poll() -> Result<BusyPoll> {
    Ok(engine()?.busy_poll.want())
}

fn hand_back() {
    if let Some(engine) = ENGINE.get() {
        engine.hand_back();
    }
}

/// The outcome of a command that waits for the future that `start` makes; `finish` turns the answer
/// into its result.
///
/// The future takes its first step here, in the calling thread: what it sends is on its way before
/// another thread is woken, and calls keep their order on the wire. An error that needed no server is
/// raised at once. Any other answer comes with an event, even if it is there already, so that a
/// coroutine yields each time and not now and then.
pub fn answer<F, R>(
    start: impl FnOnce() -> F,
    finish: impl FnOnce(Interp, R) -> Result<Obj> + 'static,
) -> Result<Outcome>
where
    F: Future<Output = client::error::Result<R>> + Send + 'static,
    R: Send + 'static,
{
    begin(start, finish).map(Outcome::Wait)
}

/// As [`answer`], for a long answer whose parts the future sends before it ends. `take` makes Tcl values of
/// them while more arrive, a few in each turn of the event loop.
pub fn answer_in_parts<F, R, T>(
    start: impl FnOnce(Sender<T>) -> F,
    take: impl FnMut(T) + 'static,
    finish: impl FnOnce(Interp, R) -> Result<Obj> + 'static,
) -> Result<Outcome>
where
    F: Future<Output = client::error::Result<R>> + Send + 'static,
    R: Send + 'static,
    T: Send + 'static,
{
    let (sender, parts) = channel();
    let wait = begin(|| start(sender), finish)?;
    wait.with_parts(parts, take);
    Ok(Outcome::Wait(wait))
}

fn begin<F, R>(
    start: impl FnOnce() -> F,
    finish: impl FnOnce(Interp, R) -> Result<Obj> + 'static,
) -> Result<Wait>
where
    F: Future<Output = client::error::Result<R>> + Send + 'static,
    R: Send + 'static,
{
    let engine = engine()?;
    let (future, first) = engine.first_step(start);
    if let Poll::Ready(Err(error)) = &first {
        if error.code.is_local() {
            return Err(errors::raise(error.clone()));
        }
    }
    let finish = move |interp: Interp, answer: InRuntime<client::error::Result<R>>| {
        // What it does not want it drops.
        let _context = engine.handle().enter();
        finish(interp, answer.take().map_err(errors::raise)?)
    };
    let (wait, completer) = wait::operation(finish)?;
    match first {
        Poll::Ready(answer) => completer.complete(InRuntime::new(engine, answer)),
        Poll::Pending => wait.brought_by(Box::new(Work {
            engine,
            pending: Some(InRuntime::new(engine, (future, completer))),
            task: None,
            plain: false,
        })),
    }
    Ok(wait)
}

/// A value that is dropped with the runtime at hand, wherever that happens: it may have to unsubscribe.
struct InRuntime<T> {
    engine: &'static Engine,
    value: Option<T>,
}

impl<T> InRuntime<T> {
    fn new(engine: &'static Engine, value: T) -> Self {
        InRuntime {
            engine,
            value: Some(value),
        }
    }

    fn get(&mut self) -> &mut T {
        self.value.as_mut().expect("not taken yet")
    }

    fn take(mut self) -> T {
        self.value.take().expect("taken once")
    }
}

impl<T> Drop for InRuntime<T> {
    fn drop(&mut self) {
        if let Some(value) = self.value.take() {
            let _context = self.engine.handle().enter();
            drop(value);
        }
    }
}

/// A future and where its output goes.
type Pending<F, R> = (Pin<Box<F>>, Completer<InRuntime<R>>);

/// The future of a task, which can be taken away from it at once: an aborted task is dropped only when its turn comes.
struct Revocable<F>(Mutex<Option<InRuntime<Pin<Box<F>>>>>);

impl<F: Future> Revocable<F> {
    fn future(&self) -> MutexGuard<'_, Option<InRuntime<Pin<Box<F>>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Never ready once it was revoked.
    fn poll(&self, context: &mut Context) -> Poll<F::Output> {
        let mut future = self.future();
        let Some(running) = &mut *future else {
            return Poll::Pending;
        };
        let outcome = running.get().as_mut().poll(context);
        if outcome.is_ready() {
            *future = None;
        }
        outcome
    }

    fn revoke(&self) {
        let future = self.future().take();
        drop(future);
    }
}

/// The work for an answer: done by the thread that waits, or by a task.
struct Work<F, R: Send> {
    engine: &'static Engine,
    pending: Option<InRuntime<Pending<F, R>>>,
    task: Option<(Arc<Revocable<F>>, AbortHandle)>,
    /// The wait runs the event loop, or would.
    plain: bool,
}

impl<F, R> wait::Work for Work<F, R>
where
    F: Future<Output = R> + Send + 'static,
    R: Send + 'static,
{
    fn work(&mut self) -> Progress {
        self.plain = true;
        let Some(mut pending) = self.pending.take() else {
            return Progress::Late;
        };
        let (future, _) = pending.get();
        let (answer, progress) = self.engine.drive(future.as_mut());
        match answer {
            Some(answer) => {
                let (_, completer) = pending.take();
                completer.complete(InRuntime::new(self.engine, answer));
            }
            None => self.pending = Some(pending),
        }
        progress
    }

    fn leave(&mut self) {
        if let Some((future, completer)) = self.pending.take().map(InRuntime::take) {
            let engine = self.engine;
            let future = Arc::new(Revocable(Mutex::new(Some(InRuntime::new(engine, future)))));
            let running = future.clone();
            let (task, handle) = abortable(async move {
                let answer = poll_fn(|context| running.poll(context)).await;
                completer.complete(InRuntime::new(engine, answer));
            });
            self.task = Some((future, handle));
            self.engine.start_task(async move {
                // Whether it was aborted or not, it is over.
                let _ = task.await;
            });
        }
        self.engine.hand_back();
    }

    fn abandon(&mut self) {
        self.leave();
        if let Some((future, task)) = self.task.take() {
            future.revoke();
            task.abort();
        }
    }
}

impl<F, R: Send> Drop for Work<F, R> {
    fn drop(&mut self) {
        if self.plain {
            self.engine.wait_ended();
        }
    }
}

/// How long a destructor may wait for buffered data to reach the socket.
const BRIEFLY: Duration = Duration::from_millis(250);

/// Waits for a future where a command cannot be suspended; past a short time it goes on by itself.
pub fn finish_briefly(future: impl Future<Output = ()> + Send + 'static) {
    hand_back();
    let (done, finished) = std::sync::mpsc::channel::<()>();
    tokio::spawn(async move {
        future.await;
        drop(done);
    });
    let _ = finished.recv_timeout(BRIEFLY);
}

/// Lets a future go on by itself.
pub fn finish_in_background(future: impl Future<Output = ()> + Send + 'static) {
    tokio::spawn(future);
}
