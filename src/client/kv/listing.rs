//! A listing: a watch that ends where the present is reached, read at the pace of whoever reads it.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{timeout_at, Instant};

use super::entry::Entry;
use super::filters::Filters;
use super::handle::Bucket;
use super::watch::Watch;
use super::watch_item::{WatchItem, WatchObserver};
use super::watch_options::WatchOptions;
use crate::client::connection::Hold;
use crate::client::error::{Code, Error, Result};
use crate::client::jetstream::ordered::{Change, FlowControl};

/// What the time limit of the bucket's handle is for. It begins when the consumer exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Patience {
    /// The listing as a whole.
    Whole,
    /// Each wait for what comes next.
    Silence,
}

/// What is read of entries, up to the end of current data. Its consumer goes with it: left to its inactivity, a fast
/// loop of listings would meet the server's limit of consumers per stream (400/10026).
pub(super) struct Listing<T> {
    watch: Watch,
    bucket: Bucket,
    /// What is gathered, for messages.
    what: &'static str,
    found: mpsc::UnboundedReceiver<Found<T>>,
    /// When it is to be over as a whole.
    over: Option<Instant>,
    patience: Patience,
    /// How many entries have come, those that the filters only let pass included.
    pub(super) entries: u64,
    /// Those of them whose keys cannot have come before.
    pub(super) distinct: u64,
}

impl<T: Send + 'static> Listing<T> {
    /// `read` takes from an entry what is to be kept of it: the server may send many before they are asked for.
    ///
    /// # Errors
    /// Those of [`Bucket::watch`].
    pub(super) async fn begin(
        bucket: &Bucket,
        filters: &Filters,
        options: WatchOptions,
        patience: Patience,
        what: &'static str,
        read: fn(Entry) -> T,
    ) -> Result<Listing<T>> {
        let limit = bucket.js().timeout();
        let options = WatchOptions {
            idle_heartbeat: heartbeat(limit),
            ..options
        };
        let (sender, found) = mpsc::unbounded_channel();
        let collector = Collector {
            bucket: bucket.clone(),
            filters: filters.clone(),
            read,
            found: Some(sender),
            error: None,
        };
        let watch = bucket.watch(&filters.let_pass(), &options, Box::new(collector));
        let watch = watch.await?;
        watch.start();
        Ok(Listing {
            watch,
            bucket: bucket.clone(),
            what,
            found,
            over: end_of(limit),
            patience,
            entries: 0,
            distinct: 0,
        })
    }

    /// What comes next, maybe nothing that is wanted; `None` at the end of current data.
    /// What has come is not asked for before: the server sends a limited amount ahead.
    ///
    /// # Errors
    /// `BucketNotFoundBare`; `Timeout`; `ConnectionClosed`.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<T>>> {
        let over = match self.patience {
            Patience::Whole => self.over,
            Patience::Silence => end_of(self.bucket.js().timeout()),
        };
        loop {
            let found = match over {
                None => self.found.recv().await,
                Some(over) => match timeout_at(over, self.found.recv()).await {
                    Ok(found) => found,
                    Err(_) => return Err(self.timed_out()),
                },
            };
            match found {
                Some(Found::Entries(batch)) => {
                    self.entries += batch.entries;
                    self.distinct += batch.distinct;
                    return Ok(Some(batch.wanted));
                }
                Some(Found::Question(question)) => question.answer(),
                Some(Found::End(outcome)) => return outcome.map(|()| None),
                None => return Err(Error::connection_closed()),
            }
        }
    }

    fn timed_out(&self) -> Error {
        let (what, bucket) = (self.what, self.bucket.name());
        let message = format!("Timeout while gathering {what} of {bucket}");
        Error::new(Code::Timeout, message)
    }
}

impl<T> Drop for Listing<T> {
    fn drop(&mut self) {
        self.watch.consumer().remove();
    }
}

/// When a time that begins now is over; zero means never.
fn end_of(limit: Duration) -> Option<Instant> {
    match limit.is_zero() {
        true => None,
        false => Instant::now().checked_add(limit),
    }
}

/// Short enough for the server's silence to be heard within the time limit.
fn heartbeat(limit: Duration) -> Duration {
    let (shortest, longest) = (Duration::from_millis(100), Duration::from_secs(1));
    if limit.is_zero() {
        return longest;
    }
    (limit / 4).clamp(shortest, longest)
}

/// What a listing's watch has brought.
enum Found<T> {
    Entries(Batch<T>),
    /// To be answered when what came before it was read.
    Question(FlowControl),
    End(Result<()>),
}

/// What has come in one go.
struct Batch<T> {
    wanted: Vec<T>,
    entries: u64,
    distinct: u64,
}

impl<T> Default for Batch<T> {
    fn default() -> Self {
        Batch {
            wanted: Vec::new(),
            entries: 0,
            distinct: 0,
        }
    }
}

/// Watches until the end of current data, or of the consumer.
struct Collector<T> {
    bucket: Bucket,
    filters: Filters,
    read: fn(Entry) -> T,
    /// None after the end: later entries are not part of the answer.
    found: Option<mpsc::UnboundedSender<Found<T>>>,
    error: Option<Error>,
}

impl<T> Collector<T> {
    fn add(&self, batch: &mut Batch<T>, entry: Entry) {
        batch.entries += 1;
        batch.distinct += u64::from(entry.is_first);
        if self.filters.admits(entry.key()) {
            batch.wanted.push((self.read)(entry));
        }
    }

    /// Whoever asked may have had enough.
    fn tell(&self, found: Found<T>) {
        if let Some(sender) = &self.found {
            let _ = sender.send(found);
        }
    }

    fn tell_all(&self, batch: &mut Batch<T>) {
        if batch.entries > 0 {
            self.tell(Found::Entries(std::mem::take(batch)));
        }
    }

    fn end(&mut self, outcome: Result<()>) {
        self.tell(Found::End(outcome));
        self.found = None;
    }
}

impl<T: Send + 'static> WatchObserver for Collector<T> {
    fn deliver(&mut self, items: &mut Vec<WatchItem>) {
        let mut batch = Batch::default();
        for item in items.drain(..) {
            match item {
                WatchItem::Entry(entry) => self.add(&mut batch, entry),
                WatchItem::FlowControl(question) => {
                    self.tell_all(&mut batch);
                    self.tell(Found::Question(question));
                }
                WatchItem::EndOfData => {
                    self.tell_all(&mut batch);
                    self.end(Ok(()));
                }
                // Transactions are not asked for.
                WatchItem::State(_) | WatchItem::Together(_) => {}
            }
        }
        self.tell_all(&mut batch);
    }

    fn changed(&mut self, change: Change) {
        match change {
            Change::Error(error) => self.error = Some(error),
            Change::Stopped => {
                let error = match self.error.take() {
                    Some(error) if error.code == Code::StreamNotFound => self.bucket.missing_bare(),
                    _ => Error::connection_closed(),
                };
                self.end(Err(error));
            }
            Change::Unlinked | Change::Resetting | Change::Created { .. } => {}
        }
    }

    /// A listing is a request: it goes on to its end.
    fn drain(&mut self, _hold: &Hold) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heartbeats_fit_into_the_time_limit() {
        let ms = |limit| heartbeat(Duration::from_millis(limit)).as_millis();
        assert_eq!(ms(5000), 1000);
        assert_eq!(ms(2000), 500);
        assert_eq!(ms(10), 100);
        assert_eq!(ms(60_000), 1000);
        assert_eq!(ms(0), 1000);
    }
}
