//! Who holds the keys that match a pattern, as a watch tells it.
//!
//! Renewals are no news. Where the server leaves no markers it is by the time that an expired key is known: nobody has
//! renewed it for as long as it lives.

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc::{unbounded_channel, UnboundedReceiver, UnboundedSender};
use tokio::task::AbortHandle;

use super::super::entry::{Entry, Operation, Reason};
use super::super::handle::{not_found, Bucket};
use super::super::watch::Watch;
use super::super::watch_item::{WatchItem, WatchObserver};
use super::super::watch_options::WatchOptions;
use super::claim::{holder_of, lapse};
use super::clock::Moment;
use super::terms::Terms;
use crate::client::connection::Hold;
use crate::client::error::{Code, Result};
use crate::client::jetstream::ordered::Change;

/// Why a holder is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Departure {
    Expired,
    Released,
    Deleted,
}

impl Departure {
    /// The word scripts see.
    pub fn as_str(self) -> &'static str {
        match self {
            Departure::Expired => "expired",
            Departure::Released => "released",
            Departure::Deleted => "deleted",
        }
    }
}

/// What there is to tell of holders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum HolderNews {
    Came {
        key: String,
        value: Bytes,
        revision: u64,
    },
    /// The value is another one, or the holder.
    Changed {
        key: String,
        value: Bytes,
        revision: u64,
        is_value: bool,
    },
    Left {
        key: String,
        why: Departure,
    },
    /// All that were there at the beginning were told.
    Current,
}

/// Watches until it is dropped.
pub(super) struct Holders {
    _watch: Watch,
    task: AbortHandle,
}

impl Holders {
    /// # Errors
    /// `BucketNotFound`; those of [`Bucket::watch`].
    pub(super) async fn watch(
        bucket: &Bucket,
        pattern: &str,
        terms: Terms,
        tell: impl FnMut(HolderNews) + Send + 'static,
    ) -> Result<Holders> {
        let (sender, seen) = unbounded_channel();
        let options = WatchOptions {
            headers: true,
            follows_former: true,
            ..WatchOptions::default()
        };
        let filters = bucket.filter(pattern)?;
        let watch = bucket.watch(&filters, &options, Box::new(Eyes(sender)));
        let watch = watch.await.map_err(|error| match error.code {
            Code::BucketNotFoundBare => not_found(bucket.name()),
            _ => error,
        })?;
        watch.start();
        let table = Table::new(terms);
        let task = tokio::spawn(follow(table, seen, tell)).abort_handle();
        Ok(Holders {
            _watch: watch,
            task,
        })
    }
}

impl Drop for Holders {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn follow(
    mut table: Table,
    mut seen: UnboundedReceiver<Option<Entry>>,
    mut tell: impl FnMut(HolderNews) + Send + 'static,
) {
    loop {
        let next = table.next_lapse();
        tokio::select! {
            biased;
            seen = seen.recv() => match seen {
                Some(Some(entry)) => table.see(entry).into_iter().for_each(&mut tell),
                Some(None) => tell(HolderNews::Current),
                None => return,
            },
            () = tokio::time::sleep(next) => table.lapsed().into_iter().for_each(&mut tell),
        }
    }
}

/// The present holders.
struct Table {
    terms: Terms,
    holders: HashMap<String, Holder>,
}

struct Holder {
    /// What its ids begin with.
    name: Option<String>,
    value: Bytes,
    /// When it is gone if it is not renewed, where nobody tells.
    until: Option<Moment>,
}

/// How long is slept if there is nothing to wait for.
const IDLE: Duration = Duration::from_secs(3600);

impl Table {
    fn new(terms: Terms) -> Table {
        Table {
            terms,
            holders: HashMap::new(),
        }
    }

    fn next_lapse(&self) -> Duration {
        let lapses = self.holders.values().filter_map(|holder| holder.until);
        lapses.min().map_or(IDLE, |next| next.left().min(IDLE))
    }

    fn see(&mut self, entry: Entry) -> Option<HolderNews> {
        let key = entry.key().to_owned();
        if !entry.is_put() {
            let why = departure(&entry, &self.terms);
            let gone = self.holders.remove(&key);
            return gone.map(|_| HolderNews::Left { key, why });
        }
        let until = match self.terms.tells {
            true => None,
            false => lapse(&entry, &self.terms),
        };
        let holder = Holder {
            name: holder_of(&entry).map(str::to_owned),
            value: entry.value.clone(),
            until,
        };
        let (value, revision) = (entry.value, entry.revision);
        match self.holders.insert(key.clone(), holder) {
            None => Some(HolderNews::Came {
                key,
                value,
                revision,
            }),
            Some(before) => {
                let is_value = before.value != value;
                let is_other = before.name != self.holders.get(&key).and_then(|h| h.name.clone());
                (is_value || is_other).then_some(HolderNews::Changed {
                    key,
                    value,
                    revision,
                    is_value,
                })
            }
        }
    }

    fn lapsed(&mut self) -> Vec<HolderNews> {
        let is_over = |holder: &Holder| holder.until.is_some_and(Moment::is_over);
        let gone = self.holders.extract_if(|_, holder| is_over(holder));
        gone.map(|(key, _)| HolderNews::Left {
            key,
            why: Departure::Expired,
        })
        .collect()
    }
}

fn departure(entry: &Entry, terms: &Terms) -> Departure {
    let release = match terms.ttl {
        Some(_) => Operation::Purge,
        None => Operation::Delete,
    };
    match entry.reason {
        Some(Reason::MaxAge) => Departure::Expired,
        None if entry.operation == release => Departure::Released,
        _ => Departure::Deleted,
    }
}

/// Tells what a watch sees; nothing at the end of what was there.
struct Eyes(UnboundedSender<Option<Entry>>);

impl WatchObserver for Eyes {
    fn deliver(&mut self, items: &mut Vec<WatchItem>) {
        for item in items.drain(..) {
            // Who does not listen any more does not care.
            let _ = match item {
                WatchItem::Entry(entry) => self.0.send(Some(entry)),
                WatchItem::EndOfData => self.0.send(None),
                WatchItem::FlowControl(question) => {
                    question.answer();
                    Ok(())
                }
                WatchItem::Together(_) | WatchItem::State(_) => Ok(()),
            };
        }
    }

    fn changed(&mut self, _: Change) {}

    fn drain(&mut self, _: &Hold) -> bool {
        true
    }
}
