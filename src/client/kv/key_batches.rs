//! Keys that are handed over in lists, at the pace of whoever takes them.

use std::collections::HashSet;
use std::future::Future;
use std::ops::ControlFlow;

use tokio::sync::oneshot;

use super::handle::Bucket;
use super::latest::{Latest, LatestEntry, Turn};
use super::listing::Patience;
use crate::client::error::{Error, Result};

/// Some keys. The next ones come when these have been dealt with.
#[derive(Debug)]
pub struct KeyBatch {
    pub keys: Vec<String>,
    dealt_with: oneshot::Sender<ControlFlow<()>>,
}

impl KeyBatch {
    /// Asks for the next ones, or says that no more are wanted. Dropped without a word it ends the listing with
    /// `ConnectionClosed`.
    pub fn dealt_with(self, flow: ControlFlow<()>) {
        // Whoever asked for keys may have gone.
        let _ = self.dealt_with.send(flow);
    }
}

impl Bucket {
    /// Hands over the keys that match one of the patterns, without patterns all, each key once, in lists of at most
    /// `size`; the last one may be shorter. The function is called on a runtime thread and must not block. The time
    /// limit is for each silence of the server; the time that a list takes does not count. The result is the number
    /// of keys that were handed over.
    ///
    /// What is kept meanwhile are the names handed over, one list, and what the server sends ahead.
    ///
    /// # Errors
    /// Those of [`Bucket::filters`]; `BucketNotFoundBare`; `Timeout`; `ConnectionClosed`.
    pub fn keys_in_batches(
        &self,
        patterns: &[String],
        size: usize,
        sink: impl FnMut(KeyBatch) + Send + 'static,
    ) -> impl Future<Output = Result<u64>> + Send + 'static {
        let filters = self.filters_or_all(patterns);
        let bucket = self.clone();
        let mut handover = Handover {
            size,
            sink,
            keys: Vec::new(),
            told: HashSet::new(),
        };
        async move {
            let mut latest = Latest::begin(&bucket, filters?, Patience::Silence, "keys").await?;
            while let Some(turn) = latest.next().await? {
                // What was handed over before the listing was made again stays so.
                let Turn::Entries(entries) = turn else {
                    continue;
                };
                if handover.take(entries).await?.is_break() {
                    return Ok(handover.count());
                }
            }
            // It was the last list, whatever is said of it.
            let _ = handover.flush().await?;
            Ok(handover.count())
        }
    }
}

struct Handover<S> {
    size: usize,
    sink: S,
    /// The next list.
    keys: Vec<String>,
    /// All that have come with a value, those of the next list included.
    told: HashSet<Box<str>>,
}

impl<S: FnMut(KeyBatch) + Send> Handover<S> {
    async fn take(&mut self, entries: Vec<LatestEntry>) -> Result<ControlFlow<()>> {
        for entry in entries {
            if !entry.is_put || self.told.contains(&entry.key) {
                continue;
            }
            self.keys.push(entry.key.to_string());
            self.told.insert(entry.key);
            if self.keys.len() >= self.size && self.flush().await?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Hands over what there is, and waits until it was dealt with.
    async fn flush(&mut self) -> Result<ControlFlow<()>> {
        if self.keys.is_empty() {
            return Ok(ControlFlow::Continue(()));
        }
        let (dealt_with, answer) = oneshot::channel();
        let keys = std::mem::take(&mut self.keys);
        (self.sink)(KeyBatch { keys, dealt_with });
        answer.await.map_err(|_| Error::connection_closed())
    }

    fn count(&self) -> u64 {
        (self.told.len() - self.keys.len()) as u64
    }
}
