//! How far a transfer is, and what it asks for.

use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{mpsc, Mutex};
use tokio::task::AbortHandle;
use tokio::time::Instant;

use crate::client::error::{Error, Result};

/// Progress is told no more often than that.
const PACE: Duration = Duration::from_millis(200);

/// How far a transfer is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Entries dealt with.
    pub entries: u64,
    /// Bytes read or written: of a file or channel, or of values if there is none.
    pub bytes: u64,
    /// Entries there will be, as far as is known; 0: it is not.
    pub total: u64,
}

/// What an export has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exported {
    pub entries: u64,
    pub bytes: u64,
    /// The bucket's, up to which entries were read.
    pub revision: u64,
    pub stopped: bool,
}

/// What an import or a copy has done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Imported {
    pub written: u64,
    pub skipped: u64,
    pub deleted: u64,
    pub stopped: bool,
}

/// What a transfer has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Summary {
    Exported(Exported),
    Imported(Imported),
}

/// What a transfer tells.
#[derive(Debug)]
pub enum Event {
    /// To be written to the channel.
    Chunk(Vec<u8>),
    /// The next part of the channel is wanted.
    Want,
    Progress(Progress),
    /// Nothing follows.
    Done(Summary),
}

/// A transfer that goes on by itself. Dropping it ends it.
pub struct Transfer {
    events: Arc<Mutex<mpsc::Receiver<Result<Event>>>>,
    feed: mpsc::UnboundedSender<Bytes>,
    stopped: Arc<AtomicBool>,
    task: AbortHandle,
}

impl Transfer {
    /// Begins one; the runtime must have been entered.
    pub(super) fn begin<F>(wants_progress: bool, work: impl FnOnce(Reporter) -> F) -> Transfer
    where
        F: Future<Output = Result<Summary>> + Send + 'static,
    {
        let (sender, events) = mpsc::channel(1);
        let (feed, fed) = mpsc::unbounded_channel();
        let stopped = Arc::<AtomicBool>::default();
        let work = work(Reporter {
            events: sender.clone(),
            fed,
            stopped: stopped.clone(),
            told: wants_progress.then(Instant::now),
        });
        let task = tokio::spawn(async move {
            let done = work.await.map(Event::Done);
            // Whoever asked may have gone.
            let _ = sender.send(done).await;
        });
        Transfer {
            events: Arc::new(Mutex::new(events)),
            feed,
            stopped,
            task: task.abort_handle(),
        }
    }

    /// What comes next.
    ///
    /// # Errors
    /// Those of the transfer, which is over then.
    pub fn next(&self) -> impl Future<Output = Result<Event>> + Send + 'static {
        let events = self.events.clone();
        async move {
            let next = events.lock().await.recv().await;
            next.unwrap_or_else(|| {
                Err(Error::invalid_arg(
                    "The bucket's object was destroyed meanwhile",
                ))
            })
        }
    }

    /// A part of the channel that was asked for; an empty one is its end.
    pub fn feed(&self, part: Bytes) {
        // It may be over.
        let _ = self.feed.send(part);
    }

    /// Nothing more shall be done.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }
}

impl Drop for Transfer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The transfer's own side.
pub(super) struct Reporter {
    events: mpsc::Sender<Result<Event>>,
    fed: mpsc::UnboundedReceiver<Bytes>,
    stopped: Arc<AtomicBool>,
    /// When progress was told, if anybody wants to hear of it.
    told: Option<Instant>,
}

impl Reporter {
    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    /// Tells how far it is, if it is time.
    pub(super) async fn tell(&mut self, progress: Progress) {
        if self.told.is_some_and(|told| told.elapsed() >= PACE) {
            self.tell_last(progress).await;
        }
    }

    /// Tells how far it is at the end.
    pub(super) async fn tell_last(&mut self, progress: Progress) {
        if self.told.is_some() {
            self.send(Event::Progress(progress)).await;
            self.told = Some(Instant::now());
        }
    }

    /// Hands over what belongs into the channel.
    pub(super) async fn write(&self, chunk: Vec<u8>) {
        self.send(Event::Chunk(chunk)).await;
    }

    /// The next part of the channel; an empty one is its end.
    pub(super) async fn read(&mut self) -> Bytes {
        self.send(Event::Want).await;
        self.fed.recv().await.unwrap_or_default()
    }

    async fn send(&self, event: Event) {
        // Whoever listened has gone, and with that this task.
        let _ = self.events.send(Ok(event)).await;
    }
}
