//! All `-ERR`s of a link; with feature `trace` all else that async-nats tells of it through `tracing`, too.
//!
//! async-nats hands over the first 128 `-ERR`s of those that it reads in one go, and drops the rest. What it tells
//! through `tracing` while it reads has all of them, but says not of which link; that is known by the task that
//! reads. Whoever has no reports makes do with what is handed over.

use std::future::{poll_fn, Future};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Wake, Waker};

use async_nats::Client;
use rustc_hash::FxHashMap;
use tokio::sync::mpsc;
use tokio::task::{self, Id};

/// What was told of a link.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Report {
    /// The text of an `-ERR`.
    ServerError(String),
    /// Anything, in words.
    Trace(String),
}

/// What is told of one link.
pub(super) struct Reports {
    reader: Id,
    reports: mpsc::UnboundedReceiver<Report>,
    heard: Arc<AtomicBool>,
}

/// Where the reports of a link go.
struct Listener {
    reports: mpsc::UnboundedSender<Report>,
    heard: Arc<AtomicBool>,
}

static LISTENERS: LazyLock<Mutex<FxHashMap<Id, Listener>>> = LazyLock::new(Mutex::default);

fn listeners() -> MutexGuard<'static, FxHashMap<Id, Listener>> {
    LISTENERS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The task that is running tells of its link.
pub(super) fn heard(report: Report) {
    let Some(reader) = task::try_id() else {
        return;
    };
    if let Some(listener) = listeners().get(&reader) {
        if let Report::ServerError(_) = report {
            listener.heard.store(true, Ordering::Release);
        }
        // Nobody may be interested in the link any more.
        let _ = listener.reports.send(report);
    }
}

impl Reports {
    /// Listens to a link, if it can be found out which task reads its socket.
    pub(super) async fn of(client: &Client) -> Option<Reports> {
        reader(client).await.map(listen)
    }

    /// The next one.
    pub(super) async fn next(&mut self) -> Option<Report> {
        self.reports.recv().await
    }

    /// Whether there was any `-ERR`: then there are all.
    pub(super) fn are_heard(&self) -> bool {
        self.heard.load(Ordering::Acquire)
    }
}

pub(super) fn listen(reader: Id) -> Reports {
    let (sender, reports) = mpsc::unbounded_channel();
    let heard = Arc::<AtomicBool>::default();
    let listener = Listener {
        reports: sender,
        heard: heard.clone(),
    };
    listeners().insert(reader, listener);
    Reports {
        reader,
        reports,
        heard,
    }
}

impl Drop for Reports {
    fn drop(&mut self) {
        listeners().remove(&self.reader);
    }
}

/// The task in which async-nats reads and writes: it wakes whoever waits for a flush.
async fn reader(client: &Client) -> Option<Id> {
    let waker = Arc::<Mutex<Option<Id>>>::default();
    let mut flushed = pin!(task::unconstrained(client.flush()));
    let flush = poll_fn(|cx| {
        let witness = Witness {
            seen: waker.clone(),
            waker: cx.waker().clone(),
        };
        let witness = Waker::from(Arc::new(witness));
        flushed.as_mut().poll(&mut Context::from_waker(&witness))
    });
    // If the link is broken already, it ends soon.
    flush.await.ok()?;
    let seen = waker.lock().unwrap_or_else(PoisonError::into_inner);
    *seen
}

/// Notes which task wakes.
struct Witness {
    seen: Arc<Mutex<Option<Id>>>,
    waker: Waker,
}

impl Wake for Witness {
    fn wake(self: Arc<Self>) {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = task::try_id();
        self.waker.wake_by_ref();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> Report {
        Report::ServerError(text.to_owned())
    }

    #[tokio::test]
    async fn reports_are_those_of_the_task_that_reads() {
        let (go, wait) = tokio::sync::oneshot::channel();
        let link = tokio::spawn(async move {
            let _ = wait.await;
            heard(error("mine"));
        });
        let reader = link.id();
        let mut reports = listen(reader);
        heard(error("of nobody"));
        tokio::spawn(async { heard(error("of another")) })
            .await
            .unwrap();
        assert!(!reports.are_heard());
        go.send(()).unwrap();
        link.await.unwrap();
        assert!(reports.are_heard());
        assert_eq!(reports.next().await, Some(error("mine")));
        drop(reports);
        assert!(!listeners().contains_key(&reader));
    }
}
