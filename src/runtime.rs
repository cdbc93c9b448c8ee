//! The tokio runtime, and how a future's answer comes back to the Tcl thread that asked.

use crate::client;
use crate::commands::errors;
use once_cell::sync::OnceCell;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use tcl::wait;
use tcl::{Error, Interp, Obj, Outcome, Result};
use tokio::runtime::{Builder, EnterGuard, Runtime};

/// What a message passes on its way (socket, connection, subscription, waiting operation) is a chain of
/// small steps. One thread takes them all while it is awake; with two, each step wakes the other one,
/// which costs more than the step (measured: 64 coroutines do half as many operations again with one).
/// Name look-ups have threads of their own.
const WORKERS: usize = 1;

static RUNTIME: OnceCell<Runtime> = OnceCell::new();

/// The runtime of the process, started on first use and never stopped: its threads end with it.
fn runtime() -> Result<&'static Runtime> {
    RUNTIME
        .get_or_try_init(|| {
            Builder::new_multi_thread()
                .worker_threads(WORKERS)
                .thread_name("nats")
                .enable_all()
                .build()
        })
        .map_err(|error| {
            Error::new(
                format!("cannot start the network threads: {error}"),
                &["NATS", "ErrInternal"],
            )
        })
}

/// Makes `tokio::spawn` and timers work in this thread while the guard lives.
pub fn enter() -> Result<EnterGuard<'static>> {
    Ok(runtime()?.enter())
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
    let _guard = enter()?;
    let mut future = Box::pin(start());
    let first = first_step(future.as_mut());
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
        Poll::Pending => {
            let task = tokio::spawn(async move { completer.complete(future.await) });
            wait.on_abandon(move || task.abort());
        }
    }
    Ok(Outcome::Wait(wait))
}

/// Polls once without a waker: whoever polls next registers its own.
fn first_step<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// How long a destructor may wait for buffered data to reach the socket.
const BRIEFLY: std::time::Duration = std::time::Duration::from_millis(250);

/// Waits for a future where a command cannot be suspended; past a short time it goes on by itself.
pub fn finish_briefly(future: impl Future<Output = ()> + Send + 'static) {
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
