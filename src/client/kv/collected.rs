//! What a bucket has collected from an origin.

use std::collections::HashMap;

use super::entry::Entry;
use super::handle::Bucket;
use super::listing::{Listing, Patience};
use super::watch_options::WatchOptions;
use crate::client::error::Result;

/// What the server writes into a message that it has copied: the stream, the sequence there, and more.
const SOURCE: &str = "Nats-Stream-Source";

/// The revisions of the latest entries of keys, by key.
type Latest = HashMap<String, u64>;

impl Bucket {
    /// Deletes what was collected from a stream, key by key, without markers: all up to the latest entry that came
    /// from there. Each request has the time limit for itself.
    ///
    /// # Errors
    /// `BucketNotFound`; `Timeout`; those of [`JetStream::api`](crate::client::jetstream::JetStream::api).
    pub(super) async fn purge_collected(&self, stream: &str) -> Result<()> {
        let latest = self.collected(stream).await;
        let latest = latest.map_err(|error| self.named(error))?.into_iter();
        let purges = latest.filter_map(|(key, revision)| self.purge_of(&key, "seq", revision + 1));
        let purged = self.purge_all(purges).await;
        purged.map(drop).map_err(|error| self.named(error))
    }

    async fn collected(&self, stream: &str) -> Result<Latest> {
        let options = WatchOptions {
            include_history: true,
            meta_only: true,
            headers: true,
            ..WatchOptions::default()
        };
        let (all, what) = (self.filter(">")?, "what was collected");
        let begun = Listing::begin(self, &all, options, Patience::Silence, what, |entry| entry);
        let mut listing = begun.await?;
        let mut latest = Latest::new();
        while let Some(entries) = listing.next().await? {
            for entry in entries.iter().filter(|entry| is_from(entry, stream)) {
                latest.insert(entry.key().to_owned(), entry.revision);
            }
        }
        Ok(latest)
    }
}

fn is_from(entry: &Entry, stream: &str) -> bool {
    let headers = entry.headers.as_ref();
    let source = headers.and_then(|headers| headers.first(SOURCE));
    source.is_some_and(|source| names(source, stream))
}

/// Whether a header is about a stream. Behind the name of one in another account or domain there is a colon, and
/// something that stands for that.
fn names(source: &str, stream: &str) -> bool {
    let origin = source
        .split(' ')
        .next()
        .and_then(|word| word.strip_prefix(stream));
    origin.is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_sources() {
        assert!(names("KV_o 4 $KV.o.> $KV.a.> $KV.o.k", "KV_o"));
        assert!(names("KV_o 4", "KV_o"));
        assert!(names("KV_o:imjmN2WH 4 $KV.o.> $KV.a.>", "KV_o"));
        assert!(!names("KV_oo 4", "KV_o"));
        assert!(!names("KV_p 4 KV_o", "KV_o"));
        assert!(!names("", "KV_o"));
    }
}
