//! All `-ERR`s of a link; with feature `trace` all else that async-nats tells of it through `tracing`, too.
//!
//! async-nats hands over the first 128 `-ERR`s of those that it reads in one go, and drops the rest. What it tells
//! through `tracing` while it reads has all of them, but says not of which link; that is known by the task that
//! reads. Whoever has no reports makes do with what is handed over.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc;

use super::reader::{self, Tasks};

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
    reader: Tasks,
    reports: mpsc::UnboundedReceiver<Report>,
    heard: Arc<AtomicBool>,
}

/// Where the reports of a link go.
struct Listener {
    reader: Tasks,
    reports: mpsc::UnboundedSender<Report>,
    heard: Arc<AtomicBool>,
}

static LISTENERS: Mutex<Vec<Listener>> = Mutex::new(Vec::new());

fn listeners() -> MutexGuard<'static, Vec<Listener>> {
    LISTENERS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The task that is running tells of its link.
pub(super) fn heard(report: Report) {
    let Some(number) = reader::running() else {
        return;
    };
    let listeners = listeners();
    let listener = listeners
        .iter()
        .find(|listener| listener.reader.contains(&number));
    if let Some(listener) = listener {
        if let Report::ServerError(_) = report {
            listener.heard.store(true, Ordering::Release);
        }
        // Nobody may be interested in the link any more.
        let _ = listener.reports.send(report);
    }
}

impl Reports {
    /// Listens to a link; its reader is one of these tasks.
    pub(super) fn of(reader: Tasks) -> Reports {
        let (sender, reports) = mpsc::unbounded_channel();
        let heard = Arc::<AtomicBool>::default();
        listeners().push(Listener {
            reader: reader.clone(),
            reports: sender,
            heard: heard.clone(),
        });
        Reports {
            reader,
            reports,
            heard,
        }
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

impl Drop for Reports {
    fn drop(&mut self) {
        listeners().retain(|listener| listener.reader != self.reader);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::lazy;

    use super::*;

    fn error(text: &str) -> Report {
        Report::ServerError(text.to_owned())
    }

    #[tokio::test]
    async fn reports_are_those_of_the_task_that_reads() {
        let (go, wait) = tokio::sync::oneshot::channel();
        let link = async move {
            let _ = wait.await;
            heard(error("mine"));
        };
        let (link, reader) = reader::spawned_by(lazy(|_| tokio::spawn(link))).await;
        let mut reports = Reports::of(reader.clone());
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
        assert!(listeners().iter().all(|other| other.reader != reader));
    }
}
