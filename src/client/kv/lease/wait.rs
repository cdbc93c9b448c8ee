//! When a key may be free that somebody else has.
//!
//! A watch tells of releases and of markers that the server leaves. Where it leaves none, time tells: what was not
//! renewed for as long as it lives is gone.

use std::time::Duration;

use tokio::sync::mpsc::{unbounded_channel, UnboundedReceiver, UnboundedSender};

use super::super::entry::Entry;
use super::super::handle::not_found;
use super::super::watch::Watch;
use super::super::watch_item::{WatchItem, WatchObserver};
use super::super::watch_options::WatchOptions;
use super::claim::{lapse, Claim};
use super::clock::Moment;
use crate::client::connection::Hold;
use crate::client::error::{Code, Error, Result};
use crate::client::jetstream::ordered::Change;

/// How soon one looks again that should be gone.
const AGAIN: Duration = Duration::from_millis(250);

/// After a release not all try at the same moment.
const SPREAD: Duration = Duration::from_millis(50);

/// What a watch of the key has seen.
enum Seen {
    Value(Box<Entry>),
    /// A deletion, with its revision.
    Deletion(u64),
    /// The key was not there when the watch began.
    Nothing,
    /// The watch has ended, and why.
    Ended(Option<Error>),
}

/// Who waits for a key.
pub(super) struct Wait {
    _watch: Watch,
    seen: UnboundedReceiver<Seen>,
    /// The entry that is in the way, and when it should be gone.
    revision: u64,
    until: Option<Moment>,
}

impl Wait {
    /// # Errors
    /// Those of [`Bucket::watch`](super::super::handle::Bucket::watch).
    pub(super) async fn begin(claim: &Claim) -> Result<Wait> {
        let (sender, seen) = unbounded_channel();
        let filters = claim.bucket.filter(&claim.key)?;
        let options = WatchOptions {
            follows_former: true,
            ..WatchOptions::default()
        };
        let eyes = Box::new(Eyes {
            sender,
            has_seen: false,
            error: None,
        });
        let watch = claim.bucket.watch(&filters, &options, eyes).await;
        let watch = watch.map_err(|error| match error.code {
            Code::BucketNotFoundBare => not_found(claim.bucket.name()),
            _ => error,
        })?;
        watch.start();
        Ok(Wait {
            _watch: watch,
            seen,
            revision: 0,
            until: None,
        })
    }

    /// Returns when a key may be free that somebody was seen to have.
    ///
    /// # Errors
    /// `ConnectionClosed` when the connection is closed; why the watch has ended.
    pub(super) async fn until_free(&mut self, claim: &Claim, held: &Entry) -> Result<()> {
        match held.revision > self.revision {
            true => self.see(claim, held),
            // It should have been gone.
            false => self.until = self.until.map(later),
        }
        let connection = claim.bucket.js().connection.clone();
        loop {
            let left = self.until.map_or(Duration::MAX, Moment::left);
            tokio::select! {
                biased;
                seen = self.seen.recv() => match seen {
                    Some(Seen::Value(entry)) if entry.revision > self.revision => self.see(claim, &entry),
                    Some(Seen::Value(_)) => {}
                    Some(Seen::Deletion(revision)) if revision <= self.revision => {}
                    Some(Seen::Deletion(_) | Seen::Nothing) => break,
                    Some(Seen::Ended(Some(error))) => return Err(error),
                    Some(Seen::Ended(None)) | None => return Err(blind()),
                },
                paused = connection.pause(left) => {
                    paused?;
                    break;
                }
            }
        }
        let spread = SPREAD.mul_f64(rand::random::<f64>());
        connection.pause(spread).await
    }

    fn see(&mut self, claim: &Claim, entry: &Entry) {
        self.revision = entry.revision;
        self.until = lapse(entry, &claim.terms);
    }
}

fn blind() -> Error {
    Error::new(Code::ConnectionClosed, "The watch of the key has ended")
}

fn later(until: Moment) -> Moment {
    until.max(Moment::now().after(AGAIN))
}

/// Tells what a watch sees.
struct Eyes {
    sender: UnboundedSender<Seen>,
    has_seen: bool,
    /// Of the consumer, the last one.
    error: Option<Error>,
}

impl Eyes {
    fn tell(&self, seen: Seen) {
        // Who does not wait any more does not care.
        let _ = self.sender.send(seen);
    }
}

impl WatchObserver for Eyes {
    fn deliver(&mut self, items: &mut Vec<WatchItem>) {
        for item in items.drain(..) {
            match item {
                WatchItem::Entry(entry) => {
                    self.has_seen = true;
                    self.tell(match entry.is_put() {
                        true => Seen::Value(Box::new(entry)),
                        false => Seen::Deletion(entry.revision),
                    });
                }
                WatchItem::EndOfData if self.has_seen => {}
                WatchItem::EndOfData => self.tell(Seen::Nothing),
                WatchItem::Together(_) | WatchItem::State(_) => {}
                WatchItem::FlowControl(question) => question.answer(),
            }
        }
    }

    fn changed(&mut self, change: Change) {
        match change {
            Change::Error(error) => self.error = Some(error),
            Change::Stopped => {
                let error = self.error.take();
                self.tell(Seen::Ended(error));
            }
            Change::Unlinked | Change::Resetting | Change::Created { .. } => {}
        }
    }

    fn drain(&mut self, _: &Hold) -> bool {
        true
    }
}
