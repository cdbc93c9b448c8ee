//! Listings: a watch that ends where the present is reached (kv.md §9).

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use super::bucket::stream_name;
use super::entry::Entry;
use super::store::Bucket;
use super::watch::{Watch, WatchItem, WatchObserver, WatchOptions};
use crate::client::error::{Code, Error, Result};
use crate::client::jetstream::ordered::Change;
use crate::client::jetstream::JsonExt;

/// A part of a listing of keys.
#[derive(Debug)]
pub enum KeyPart {
    /// A key, and whether it has a value; else it was deleted.
    Key(String, bool),
    /// The listing begins again: what came before does not count.
    Again,
}

impl Bucket {
    /// Lists all keys, in the order in which their latest values were stored. The function is called on a
    /// runtime thread and must not block. The result says whether keys may have come more than once, as
    /// they do when they are written meanwhile: the last time counts.
    ///
    /// # Errors
    /// `BucketNotFoundBare`; `Timeout`; `ConnectionClosed`.
    pub fn keys(
        &self,
        sink: impl FnMut(Vec<KeyPart>) + Send + 'static,
    ) -> impl Future<Output = Result<bool>> + Send + 'static {
        let sink = Arc::new(Mutex::new(sink));
        let first = self.list(sink.clone());
        let bucket = self.clone();
        async move {
            let mut listing = first.await?;
            if !listing.is_complete() {
                call(&sink, vec![KeyPart::Again]);
                listing = bucket.list(sink).await?;
            }
            Ok(listing.found.distinct != listing.found.entries)
        }
    }

    /// Tells the keys, and asks beside it how many subjects there are. A server that counts what is
    /// left for a consumer in the moment when an update replaces an entry counts one too few, and
    /// the listing of a busy bucket may end before that key has come; the number of subjects is
    /// right all the time.
    fn list(
        &self,
        sink: Arc<Mutex<impl FnMut(Vec<KeyPart>) + Send + 'static>>,
    ) -> impl Future<Output = Result<Listed>> + Send + 'static {
        let options = WatchOptions {
            meta_only: true,
            ..WatchOptions::default()
        };
        let info = self.js().stream_info(&stream_name(self.name()));
        let keys = move |entries: Vec<Entry>| {
            let keys = entries.iter();
            let keys = keys.map(|entry| KeyPart::Key(entry.key().to_owned(), entry.is_put()));
            call(&sink, keys.collect());
        };
        let found = self.collect(">", options, "keys", keys);
        async move {
            let (info, found) = tokio::join!(info, found);
            let subjects = info.ok().and_then(|info| {
                let state = info.object("state")?;
                state.number("num_subjects")
            });
            Ok(Listed {
                found: found?,
                subjects,
            })
        }
    }

    /// Lists all entries of the keys that match a pattern, in stream order, deletions included. The
    /// function is called on a runtime thread and must not block.
    ///
    /// # Errors
    /// `InvalidArg` for a malformed pattern; `KeyNotFound` if there is none; `BucketNotFoundBare`;
    /// `Timeout`; `ConnectionClosed`.
    pub fn history(
        &self,
        pattern: &str,
        sink: impl FnMut(Vec<Entry>) + Send + 'static,
    ) -> impl Future<Output = Result<()>> + Send + 'static {
        let options = WatchOptions {
            include_history: true,
            ..WatchOptions::default()
        };
        let found = self.collect(pattern, options, "history", sink);
        let bucket = self.clone();
        let pattern = pattern.to_owned();
        async move {
            match found.await?.entries {
                0 => Err(bucket.no_key(&pattern)),
                _ => Ok(()),
            }
        }
    }

    /// The error of a bucket that has no keys.
    pub fn no_keys(&self) -> Error {
        let message = format!("There are no keys in bucket {}", self.name());
        Error::new(Code::KeyNotFound, message)
    }

    /// Hands over entries up to the end of current data. The time limit begins when the consumer
    /// exists; the consumer goes whatever the outcome is.
    fn collect(
        &self,
        pattern: &str,
        options: WatchOptions,
        what: &'static str,
        sink: impl FnMut(Vec<Entry>) + Send + 'static,
    ) -> impl Future<Output = Result<Found>> + Send + 'static {
        let limit = self.js().timeout();
        let (done, found) = oneshot::channel();
        let collector = Collector {
            bucket: self.clone(),
            sink,
            found: Found::default(),
            done: Some(done),
            error: None,
        };
        let options = WatchOptions {
            idle_heartbeat: heartbeat(limit),
            ..options
        };
        let watch = self.watch(pattern, &options, Box::new(collector));
        let bucket = self.clone();
        async move {
            let listing = Listing(watch.await?);
            listing.0.start();
            let outcome = if limit.is_zero() {
                found.await
            } else {
                tokio::time::timeout(limit, found).await.map_err(|_| {
                    let message = format!("Timeout while gathering {what} of {}", bucket.name());
                    Error::new(Code::Timeout, message)
                })?
            };
            // The collector always answers before it goes.
            outcome.unwrap_or_else(|_| Err(connection_closed()))
        }
    }
}

/// A watch whose consumer goes with it. Left to its inactivity, a fast loop of listings would meet
/// the server's limit of consumers per stream (400/10026).
struct Listing(Watch);

impl Drop for Listing {
    fn drop(&mut self) {
        self.0.consumer().remove();
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

fn call<T>(sink: &Mutex<impl FnMut(T)>, parts: T) {
    let mut sink = sink.lock().unwrap_or_else(PoisonError::into_inner);
    sink(parts);
}

/// What a listing has found.
#[derive(Debug, Default, Clone, Copy)]
struct Found {
    entries: u64,
    /// Those whose keys cannot have come before.
    distinct: u64,
}

/// A listing of keys.
struct Listed {
    found: Found,
    /// Subjects in the stream when it began, if that is known.
    subjects: Option<u64>,
}

impl Listed {
    fn is_complete(&self) -> bool {
        self.subjects
            .is_none_or(|subjects| self.found.distinct >= subjects)
    }
}

/// Watches until the end of current data, or of the consumer.
struct Collector<S> {
    bucket: Bucket,
    sink: S,
    found: Found,
    done: Option<oneshot::Sender<Result<Found>>>,
    error: Option<Error>,
}

impl<S> Collector<S> {
    fn finish(&mut self, outcome: Result<Found>) {
        if let Some(done) = self.done.take() {
            // Whoever asked may have run out of time.
            let _ = done.send(outcome);
        }
    }
}

impl<S: FnMut(Vec<Entry>) + Send + 'static> WatchObserver for Collector<S> {
    fn deliver(&mut self, items: &mut Vec<WatchItem>) {
        if self.done.is_none() {
            // Later entries are not part of the answer.
            return;
        }
        let mut entries = Vec::with_capacity(items.len());
        let mut ended = false;
        for item in items.drain(..) {
            match item {
                WatchItem::FlowControl(question) => question.answer(),
                WatchItem::Entry(_) if ended => {}
                WatchItem::Entry(entry) => {
                    self.found.entries += 1;
                    self.found.distinct += u64::from(entry.is_first);
                    entries.push(entry);
                }
                WatchItem::EndOfData => ended = true,
            }
        }
        (self.sink)(entries);
        if ended {
            self.finish(Ok(self.found));
        }
    }

    fn changed(&mut self, change: Change) {
        match change {
            Change::Error(error) => self.error = Some(error),
            Change::Stopped => {
                let error = match self.error.take() {
                    Some(error) if error.code == Code::StreamNotFound => self.bucket.missing_bare(),
                    _ => connection_closed(),
                };
                self.finish(Err(error));
            }
            Change::Resetting | Change::Created { .. } => {}
        }
    }
}

fn connection_closed() -> Error {
    Error::new(Code::ConnectionClosed, "Connection closed")
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
