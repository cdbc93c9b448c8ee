//! The tokio runtime, and how a future's answer comes back to the Tcl thread that asked.

mod busy_poll;
mod engine;
mod gate;

use crate::client;
use crate::commands::errors;
use engine::Engine;
use futures_util::future::{abortable, AbortHandle};
use once_cell::sync::OnceCell;
use std::future::Future;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;
use tcl::event::{channel, Sender};
use tcl::wait::{self, Completer, Progress, Wait};
use tcl::{Error, Interp, Obj, Outcome, Result};
use tokio::runtime::EnterGuard;

static ENGINE: OnceCell<&'static Engine> = OnceCell::new();

/// The runtime of the process, started on first use.
fn engine() -> Result<&'static Engine> {
    let engine = ENGINE.get_or_try_init(|| {
        let engine = Engine::start()?;
        tcl::event::before_sleep(rest);
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
    engine.let_go();
    Ok(engine.handle().enter())
}

fn rest() {
    if let Some(engine) = ENGINE.get() {
        engine.rest();
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
    let (wait, completer) = wait::operation(move |interp, answer: client::error::Result<R>| {
        finish(interp, answer.map_err(errors::raise)?)
    });
    match first {
        Poll::Ready(answer) => completer.complete(answer),
        Poll::Pending => wait.brought_by(Box::new(Work {
            engine,
            rest: Some((future, completer)),
            task: None,
            plain: false,
        })),
    }
    Ok(wait)
}

/// The work for an answer: done by the thread that waits, or by a task.
struct Work<F, R: Send> {
    engine: &'static Engine,
    rest: Option<(Pin<Box<F>>, Completer<R>)>,
    task: Option<AbortHandle>,
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
        let Some((mut future, completer)) = self.rest.take() else {
            return Progress::Late;
        };
        let (answer, progress) = self.engine.drive(future.as_mut());
        match answer {
            Some(answer) => completer.complete(answer),
            None => self.rest = Some((future, completer)),
        }
        progress
    }

    fn leave(&mut self) {
        if let Some((future, completer)) = self.rest.take() {
            let (task, handle) = abortable(async move { completer.complete(future.await) });
            self.task = Some(handle);
            self.engine.start_task(async move {
                // Whether it was aborted or not, it is over.
                let _ = task.await;
            });
        }
        match self.plain {
            true => self.engine.rest(),
            false => self.engine.let_go(),
        }
    }

    fn abandon(&mut self) {
        self.leave();
        if let Some(task) = self.task.take() {
            task.abort();
        }
    }
}

impl<F, R: Send> Drop for Work<F, R> {
    fn drop(&mut self) {
        if self.plain {
            self.engine.waited();
        }
    }
}

/// How long a destructor may wait for buffered data to reach the socket.
const BRIEFLY: Duration = Duration::from_millis(250);

/// Waits for a future where a command cannot be suspended; past a short time it goes on by itself.
pub fn finish_briefly(future: impl Future<Output = ()> + Send + 'static) {
    rest();
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
