//! Where the bytes of an object come from and go to, and what the caller hears of it and says meanwhile.

use std::future::{pending, Future};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use tokio::sync::mpsc;
use tokio::sync::oneshot::{self, error::TryRecvError};

use super::meta::Info;
use crate::client::error::{Code, Error, Result};

/// Whence the bytes of an object come.
pub trait Source: Send {
    /// Called once, first. How many bytes there are, if that is known.
    ///
    /// # Errors
    /// Whatever keeps it from being read; nothing was sent then.
    fn open(&mut self) -> BoxFuture<'_, Result<Option<u64>>>;

    /// The next bytes: as many as asked for, fewer only at the end, which is told by none.
    ///
    /// # Errors
    /// Whatever keeps it from being read further.
    fn read(&mut self, length: usize) -> BoxFuture<'_, Result<Bytes>>;
}

/// Where the bytes of an object go.
pub trait Sink: Send {
    /// Called before the first byte, and again if the object was replaced: what was written does not count.
    ///
    /// # Errors
    /// Whatever keeps it from being written; `ObjectTooLarge`; `ObjectChanged` if there is no way back.
    fn begin(&mut self, info: &Info) -> BoxFuture<'_, Result<()>>;

    /// Takes bytes; done when more can be taken.
    ///
    /// # Errors
    /// Whatever keeps them from being written.
    fn write(&mut self, bytes: Bytes) -> BoxFuture<'_, Result<()>>;

    /// All bytes were there, and right.
    ///
    /// # Errors
    /// Whatever keeps the last ones from being written.
    fn finish(&mut self) -> BoxFuture<'_, Result<()>>;
}

/// How far a call is.
#[derive(Debug)]
pub struct Progress {
    /// Bytes.
    pub done: u64,
    /// Bytes; none if it is not known.
    pub total: Option<u64>,
    /// Of the last one: to be dropped when the caller was told.
    pub last: Option<oneshot::Sender<()>>,
}

/// Called on a runtime thread; must not block.
pub type Observer = Box<dyn Fn(Progress) + Send>;

/// The caller's side of a call that takes its time.
pub struct Control {
    progress: Option<Observer>,
    cancel: oneshot::Receiver<Error>,
}

/// The least time between two looks at how far a call is.
const INTERVAL: Duration = Duration::from_millis(100);

impl Control {
    /// An error that is sent by `cancel` ends the call, as long as nothing is decided.
    pub fn new(progress: Option<Observer>, cancel: oneshot::Receiver<Error>) -> Control {
        Control { progress, cancel }
    }

    /// Its two parts.
    pub(super) fn split(self) -> (Reporter, Cancel) {
        let reporter = Reporter {
            observer: self.progress,
            told: None,
        };
        (reporter, Cancel(Some(self.cancel)))
    }
}

/// Tells how far a call is.
pub(super) struct Reporter {
    observer: Option<Observer>,
    told: Option<Instant>,
}

impl Reporter {
    /// So many bytes are done, of all there are.
    pub(super) fn advance(&mut self, done: u64, total: Option<u64>) {
        let Some(observer) = &self.observer else {
            return;
        };
        if self.told.is_none_or(|told| told.elapsed() >= INTERVAL) {
            self.told = Some(Instant::now());
            observer(Progress {
                done,
                total,
                last: None,
            });
        }
    }

    /// All is done. Waits until the caller was told, and can say no.
    pub(super) async fn finish(&mut self, done: u64, total: Option<u64>) {
        if let Some(observer) = &self.observer {
            let (last, told) = oneshot::channel();
            observer(Progress {
                done,
                total,
                last: Some(last),
            });
            // The sender is dropped, in any case.
            let _ = told.await;
        }
    }
}

/// What the caller may say.
pub(super) struct Cancel(Option<oneshot::Receiver<Error>>);

impl Cancel {
    /// Does some work unless the caller ends it.
    pub(super) async fn unless<T>(&mut self, work: impl Future<Output = Result<T>>) -> Result<T> {
        let outcome = tokio::select! {
            biased;
            error = self.called() => return Err(error),
            outcome = work => outcome,
        };
        // The word may have come after the look for it, and before the end of the work.
        match self.0.as_mut().map(oneshot::Receiver::try_recv) {
            Some(Ok(error)) => Err(error),
            Some(Err(TryRecvError::Closed)) => {
                self.0 = None;
                outcome
            }
            _ => outcome,
        }
    }

    /// Resolves when the caller has ended the call.
    async fn called(&mut self) -> Error {
        if let Some(word) = &mut self.0 {
            let word = word.await;
            self.0 = None;
            if let Ok(error) = word {
                return error;
            }
        }
        pending().await
    }
}

/// Bytes that are there already.
impl Source for Bytes {
    fn open(&mut self) -> BoxFuture<'_, Result<Option<u64>>> {
        let length = self.len() as u64;
        Box::pin(async move { Ok(Some(length)) })
    }

    fn read(&mut self, length: usize) -> BoxFuture<'_, Result<Bytes>> {
        let part = self.split_to(length.min(self.len()));
        Box::pin(async move { Ok(part) })
    }
}

/// Bytes of which some may be still to come.
pub struct Pieces {
    length: u64,
    coming: mpsc::UnboundedReceiver<Bytes>,
    /// Of the piece that has come last.
    rest: Bytes,
}

impl Pieces {
    /// So many bytes in all. They end when the sender is dropped.
    pub fn new(length: u64) -> (mpsc::UnboundedSender<Bytes>, Pieces) {
        let (sender, coming) = mpsc::unbounded_channel();
        let rest = Bytes::new();
        (
            sender,
            Pieces {
                length,
                coming,
                rest,
            },
        )
    }
}

impl Source for Pieces {
    fn open(&mut self) -> BoxFuture<'_, Result<Option<u64>>> {
        let length = self.length;
        Box::pin(async move { Ok(Some(length)) })
    }

    fn read(&mut self, length: usize) -> BoxFuture<'_, Result<Bytes>> {
        Box::pin(async move {
            while self.rest.len() < length {
                match self.coming.recv().await {
                    None => break,
                    Some(piece) if self.rest.is_empty() => self.rest = piece,
                    Some(piece) => self.rest = [&*self.rest, &*piece].concat().into(),
                }
            }
            Ok(self.rest.split_to(length.min(self.rest.len())))
        })
    }
}

/// Bytes that are handed over as they come.
pub struct Handover<F> {
    hand: F,
    /// More than this is too much.
    limit: u64,
}

pub enum Piece {
    /// So many bytes will come, and what has come up to now does not count.
    Anew(u64),
    Bytes(Bytes),
}

impl<F> Handover<F> {
    pub fn new(limit: u64, hand: F) -> Handover<F> {
        Handover { hand, limit }
    }
}

impl<F: Fn(Piece) + Send> Sink for Handover<F> {
    fn begin(&mut self, info: &Info) -> BoxFuture<'_, Result<()>> {
        let size = info.meta.size();
        (self.hand)(Piece::Anew(size));
        let outcome = match size > self.limit {
            false => Ok(()),
            true => {
                let (name, limit) = (info.meta.name(), self.limit);
                let message = format!("Object {name} has {size} bytes, a value can have {limit}");
                Err(Error::new(Code::ObjectTooLarge, message))
            }
        };
        Box::pin(async move { outcome })
    }

    fn write(&mut self, bytes: Bytes) -> BoxFuture<'_, Result<()>> {
        (self.hand)(Piece::Bytes(bytes));
        Box::pin(async { Ok(()) })
    }

    fn finish(&mut self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async { Ok(()) })
    }
}
