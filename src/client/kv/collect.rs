//! Listings: a watch that ends where the present is reached (kv.md §9).

use std::collections::HashMap;
use std::future::Future;
use std::time::Duration;

use tokio::sync::oneshot;

use super::bucket::stream_name;
use super::entry::Entry;
use super::store::Bucket;
use super::watch::{Watch, WatchItem, WatchObserver, WatchOptions};
use crate::client::error::{Code, Error, Result};
use crate::client::jetstream::ordered::Change;
use crate::client::jetstream::JsonExt;

impl Bucket {
    /// All keys, in the order in which their latest values were stored.
    ///
    /// # Errors
    /// `KeyNotFound` if there is none; `BucketNotFoundBare`; `Timeout`; `ConnectionClosed`.
    pub fn keys(&self) -> impl Future<Output = Result<Vec<String>>> + Send + 'static {
        let first = self.list();
        let bucket = self.clone();
        async move {
            let mut listing = first.await?;
            if !listing.is_complete() {
                listing = bucket.list().await?;
            }
            let keys = listing.keys.in_order();
            if keys.is_empty() {
                return Err(Error::new(
                    Code::KeyNotFound,
                    format!("There are no keys in bucket {}", bucket.name()),
                ));
            }
            Ok(keys)
        }
    }

    /// Gathers the keys, and beside it how many subjects there are. A server that counts what is
    /// left for a consumer in the moment when an update replaces an entry counts one too few, and
    /// the listing of a busy bucket may end before that key has come; the number of subjects is
    /// right all the time.
    fn list(&self) -> impl Future<Output = Result<Listed>> + Send + 'static {
        let options = WatchOptions {
            meta_only: true,
            ..WatchOptions::default()
        };
        let info = self.js().stream_info(&stream_name(self.name()));
        let found = self.collect::<Keys>(">", options, "keys");
        async move {
            let (info, keys) = tokio::join!(info, found);
            let subjects = info.ok().and_then(|info| {
                let state = info.object("state")?;
                state.number("num_subjects")
            });
            Ok(Listed {
                keys: keys?,
                subjects,
            })
        }
    }

    /// All entries of the keys that match a pattern, in stream order, deletions included.
    ///
    /// # Errors
    /// `InvalidArg` for a malformed pattern; `KeyNotFound` if there is none; `BucketNotFoundBare`;
    /// `Timeout`; `ConnectionClosed`.
    pub fn history(
        &self,
        pattern: &str,
    ) -> impl Future<Output = Result<Vec<Entry>>> + Send + 'static {
        let options = WatchOptions {
            include_history: true,
            ..WatchOptions::default()
        };
        let found = self.collect::<Vec<Entry>>(pattern, options, "history");
        let bucket = self.clone();
        let pattern = pattern.to_owned();
        async move {
            let entries = found.await?;
            if entries.is_empty() {
                return Err(bucket.no_key(&pattern));
            }
            Ok(entries)
        }
    }

    /// Gathers entries up to the end of current data. The time limit begins when the consumer
    /// exists; the consumer goes whatever the outcome is.
    fn collect<G: Gather>(
        &self,
        pattern: &str,
        options: WatchOptions,
        what: &'static str,
    ) -> impl Future<Output = Result<G>> + Send + 'static {
        let limit = self.js().timeout();
        let (done, gathered) = oneshot::channel();
        let collector = Collector {
            bucket: self.clone(),
            gathered: G::default(),
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
                gathered.await
            } else {
                tokio::time::timeout(limit, gathered).await.map_err(|_| {
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

/// What is made of the entries.
trait Gather: Default + Send + 'static {
    fn add(&mut self, entry: Entry);
}

/// A listing of keys.
struct Listed {
    keys: Keys,
    /// Subjects in the stream when it began, if that is known.
    subjects: Option<u64>,
}

impl Listed {
    fn is_complete(&self) -> bool {
        self.subjects
            .is_none_or(|subjects| self.keys.0.len() as u64 >= subjects)
    }
}

/// The keys seen, with the revision of their values; `None` for a key that has been deleted.
#[derive(Default)]
struct Keys(HashMap<String, Option<u64>>);

impl Keys {
    /// Those that have a value, in the order in which it was stored.
    fn in_order(self) -> Vec<String> {
        let keys = self.0.into_iter();
        let mut keys: Vec<_> = keys
            .filter_map(|(key, revision)| Some((revision?, key)))
            .collect();
        keys.sort_unstable_by_key(|(revision, _)| *revision);
        keys.into_iter().map(|(_, key)| key).collect()
    }
}

impl Gather for Keys {
    fn add(&mut self, entry: Entry) {
        let revision = entry.is_put().then_some(entry.revision);
        self.0.insert(entry.key().to_owned(), revision);
    }
}

impl Gather for Vec<Entry> {
    fn add(&mut self, entry: Entry) {
        self.push(entry);
    }
}

/// Watches until the end of current data, or of the consumer.
struct Collector<G> {
    bucket: Bucket,
    gathered: G,
    done: Option<oneshot::Sender<Result<G>>>,
    error: Option<Error>,
}

impl<G: Gather> Collector<G> {
    fn finish(&mut self, outcome: Result<G>) {
        if let Some(done) = self.done.take() {
            // Whoever asked may have run out of time.
            let _ = done.send(outcome);
        }
    }
}

impl<G: Gather> WatchObserver for Collector<G> {
    fn deliver(&mut self, items: &mut Vec<WatchItem>) {
        for item in items.drain(..) {
            match item {
                WatchItem::FlowControl(question) => question.answer(),
                // Later entries are not part of the answer.
                WatchItem::Entry(_) if self.done.is_none() => {}
                WatchItem::Entry(entry) => self.gathered.add(entry),
                WatchItem::EndOfData => {
                    let gathered = std::mem::take(&mut self.gathered);
                    self.finish(Ok(gathered));
                }
            }
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
