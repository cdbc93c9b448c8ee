//! The tokio runtime, and how a future's answer comes back to the Tcl thread that asked.

use crate::client;
use crate::commands::errors;
use once_cell::sync::OnceCell;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use tcl::wait;
use tcl::{Error, Interp, Obj, Outcome, Result};
use tokio::runtime::{Builder, EnterGuard, Handle};

/// The way into the runtime. One thread runs all tasks, in the order in which they are woken: so messages
/// that arrive on several subscriptions are handed over in their order, and the small steps that a message
/// takes on its way wake no second thread, which would cost more than the steps. Name look-ups have threads
/// of their own.
static RUNTIME: OnceCell<Handle> = OnceCell::new();

/// The runtime of the process, started on first use and never stopped: its thread ends with it.
fn runtime() -> Result<&'static Handle> {
    RUNTIME.get_or_try_init(start).map_err(|error| {
        Error::new(
            format!("cannot start the network thread: {error}"),
            &["NATS", "ErrInternal"],
        )
    })
}

fn start() -> std::io::Result<Handle> {
    let runtime = Builder::new_current_thread()
        .thread_name("nats")
        .enable_all()
        .build()?;
    let handle = runtime.handle().clone();
    std::thread::Builder::new()
        .name("nats".to_string())
        .spawn(move || runtime.block_on(std::future::pending::<()>()))?;
    Ok(handle)
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
