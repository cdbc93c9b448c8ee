//! The task in which async-nats reads a link's socket, and its end.
//!
//! While a server sends faster than async-nats reads, it does nothing but read: it looks at nothing that it is told,
//! not even that nobody wants the link any more. So a link that has not ended soon after it was dropped is ended where
//! it reads the next bytes, of which [`trace`](super::trace) hears: its task unwinds there, and that closes the socket.

use std::future::{poll_fn, ready, Future};
use std::ops::Range;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::{self, Id};
use tokio::time::timeout;

/// How long a link may take to end by itself.
const LIMIT: Duration = Duration::from_secs(1);

/// Is to be dropped with the link.
pub(super) struct Life(#[expect(dead_code, reason = "its end is what counts")] oneshot::Sender<()>);

/// Resolves when the link has ended.
pub(super) struct End(oneshot::Receiver<()>);

pub(super) fn life() -> (Life, End) {
    let (life, end) = oneshot::channel();
    (Life(life), End(end))
}

/// What reads a link. The link ends when this is dropped, whatever the server does, unless it does by itself.
pub(super) struct Reader {
    tasks: Tasks,
    /// Until this is dropped.
    end: Option<End>,
    runtime: Handle,
}

impl Reader {
    /// `tasks`: the reader is one of them.
    pub(super) fn new(tasks: Tasks, end: End) -> Reader {
        Reader {
            tasks,
            end: Some(end),
            runtime: Handle::current(),
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        if let Some(end) = self.end.take() {
            self.runtime.spawn(see_it_end(self.tasks.clone(), end));
        }
    }
}

async fn see_it_end(tasks: Tasks, End(mut end): End) {
    if timeout(LIMIT, &mut end).await.is_ok() {
        return;
    }
    let unwanted = Unwanted::add(tasks);
    // By an error: nothing is ever sent.
    let _ = end.await;
    drop(unwanted);
}

/// Tasks by their numbers, which tokio gives one after the other.
pub(super) type Tasks = Range<u64>;

/// Runs what spawns tasks in its last step, and says which these are; perhaps some of other threads are among them.
pub(super) async fn spawned_by<F: Future>(future: F) -> (F::Output, Tasks) {
    let mut future = pin!(future);
    poll_fn(|context| {
        let first = next();
        let output = future.as_mut().poll(context);
        output.map(|output| (output, first..next()))
    })
    .await
}

/// The number of a new task.
fn next() -> u64 {
    number(task::spawn(ready(())).id()).unwrap_or_default()
}

/// The number of the task that is running.
pub(super) fn running() -> Option<u64> {
    number(task::try_id()?)
}

fn number(id: Id) -> Option<u64> {
    id.to_string().parse().ok()
}

/// Tasks whose links are to end, and how many entries there are.
static UNWANTED: Mutex<Vec<Tasks>> = Mutex::new(Vec::new());
static COUNT: AtomicUsize = AtomicUsize::new(0);

fn unwanted() -> MutexGuard<'static, Vec<Tasks>> {
    UNWANTED.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Unwanted(Tasks);

impl Unwanted {
    fn add(tasks: Tasks) -> Unwanted {
        let mut all = unwanted();
        all.push(tasks.clone());
        COUNT.store(all.len(), Ordering::Release);
        Unwanted(tasks)
    }
}

impl Drop for Unwanted {
    fn drop(&mut self) {
        let mut all = unwanted();
        all.retain(|tasks| *tasks != self.0);
        COUNT.store(all.len(), Ordering::Release);
    }
}

/// The task that is running has read something.
pub(super) fn has_read() {
    if COUNT.load(Ordering::Acquire) == 0 {
        return;
    }
    let is_unwanted = running().is_some_and(|reader| {
        let unwanted = unwanted();
        unwanted.iter().any(|tasks| tasks.contains(&reader))
    });
    if is_unwanted {
        // Not a panic, which would be reported; tokio takes it like one.
        std::panic::resume_unwind(Box::new("nobody wants this link any more"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn tasks_are_known_by_their_numbers() {
        let (id, tasks) = spawned_by(async { task::spawn(ready(())).id() }).await;
        assert!(tasks.contains(&number(id).unwrap()), "{id} {tasks:?}");
        let (other, _) = spawned_by(async { task::spawn(ready(())).id() }).await;
        assert!(!tasks.contains(&number(other).unwrap()));
    }
}
