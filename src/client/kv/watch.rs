//! Watching a bucket: entries as they happen, after those that are there (kv.md §8).
//!
//! A watch is an ordered consumer with this module between it and the [`WatchObserver`]: messages
//! become entries, and the end of current data is told.

use std::future::Future;
use std::time::Duration;

use super::end_of_data::EndOfData;
use super::entry::Entry;
use super::store::Bucket;
use super::{bucket, names};
use crate::client::error::{Code, Error, Result};
use crate::client::jetstream::ordered::{
    Change, DeliverPolicy, Delivery, FlowControl, Item, Observer, Opening, OrderedConfig,
    OrderedConsumer, Resume, KEPT_CAPACITY,
};

/// What to watch, and how.
#[derive(Debug, Clone)]
pub struct WatchOptions {
    /// Begin with all revisions instead of the latest of each key.
    pub include_history: bool,
    /// Without values.
    pub meta_only: bool,
    /// Without delete and purge entries.
    pub ignore_deletes: bool,
    /// Without anything that is there already.
    pub updates_only: bool,
    pub idle_heartbeat: Duration,
}

impl Default for WatchOptions {
    fn default() -> Self {
        WatchOptions {
            include_history: false,
            meta_only: false,
            ignore_deletes: false,
            updates_only: false,
            idle_heartbeat: Duration::from_secs(5),
        }
    }
}

impl WatchOptions {
    fn policy(&self) -> Result<DeliverPolicy> {
        match (self.include_history, self.updates_only) {
            (true, true) => Err(Error::invalid_arg(
                "-include_history and -updates_only are mutually exclusive",
            )),
            (true, false) => Ok(DeliverPolicy::All),
            (false, true) => Ok(DeliverPolicy::New),
            (false, false) => Ok(DeliverPolicy::LastPerSubject),
        }
    }
}

/// What a watch has to tell.
#[derive(Debug)]
pub enum WatchItem {
    Entry(Entry),
    /// Everything that was there at the beginning was told. Comes exactly once.
    EndOfData,
    /// To be answered when everything before it was dealt with.
    FlowControl(FlowControl),
}

/// Receives what a watch has to tell, one call at a time, on a runtime thread.
///
/// Must not block, and must not call back into the watch; see [`Observer`].
pub trait WatchObserver: Send + 'static {
    /// In stream order. What is left in the vector is dropped; it may be taken as a whole.
    fn deliver(&mut self, items: &mut Vec<WatchItem>);

    /// Something about the underlying consumer has changed.
    fn changed(&mut self, change: Change);
}

/// A running watch. It needs nothing of its bucket any more. Dropping it stops it.
pub struct Watch {
    consumer: OrderedConsumer,
}

impl Watch {
    /// Lets deliveries begin.
    pub fn start(&self) {
        self.consumer.start();
    }

    /// The consumer behind it.
    pub fn consumer(&self) -> &OrderedConsumer {
        &self.consumer
    }

    /// Ends it. A delivery that is under way may still complete.
    pub fn stop(&self) {
        self.consumer.stop();
    }
}

impl Bucket {
    /// Watches the keys that match a pattern; an empty one matches all. The observer hears nothing
    /// before [`Watch::start`].
    ///
    /// # Errors
    /// `InvalidArg` for options that exclude each other or a malformed pattern;
    /// `BucketNotFoundBare`; `JsResponse` for a heartbeat the server refuses; those of
    /// [`JetStream::api`](crate::client::jetstream::JetStream::api).
    pub fn watch(
        &self,
        pattern: &str,
        options: &WatchOptions,
        observer: Box<dyn WatchObserver>,
    ) -> impl Future<Output = Result<Watch>> + Send + 'static {
        let bucket = self.clone();
        let config = self.watch_config(pattern, options);
        let ignore_deletes = options.ignore_deletes;
        async move {
            let config = config?;
            let reader = Reader {
                prefix: bucket.subjects().prefix().to_owned(),
                policy: config.deliver_policy,
                ignore_deletes,
                end: EndOfData::new(config.deliver_policy == DeliverPolicy::LastPerSubject),
                seen: 0,
                repeated: 0,
                restarted: false,
                items: Vec::new(),
                observer,
            };
            match OrderedConsumer::create(bucket.js(), config, Box::new(reader)).await {
                Ok(consumer) => Ok(Watch { consumer }),
                Err(error) if error.code == Code::StreamNotFound => Err(bucket.missing_bare()),
                Err(error) => Err(error),
            }
        }
    }

    fn watch_config(&self, pattern: &str, options: &WatchOptions) -> Result<OrderedConfig> {
        let deliver_policy = options.policy()?;
        let pattern = if pattern.is_empty() { ">" } else { pattern };
        names::check_pattern(pattern)?;
        Ok(OrderedConfig {
            filter_subject: Some(self.subjects().stored(pattern)),
            description: Some("KV watcher".into()),
            headers_only: Some(options.meta_only),
            deliver_policy,
            idle_heartbeat: options.idle_heartbeat,
            stream_created: Some(self.stream_created().to_owned()),
            ..OrderedConfig::new(&bucket::stream_name(self.name()))
        })
    }
}

/// Reads the messages of a consumer as entries.
struct Reader {
    prefix: String,
    policy: DeliverPolicy,
    ignore_deletes: bool,
    end: EndOfData,
    /// The highest sequence that came.
    seen: u64,
    /// Up to here a replay repeats what was told already.
    repeated: u64,
    /// The consumer is not the first one: what that one has counted is not known any more.
    restarted: bool,
    items: Vec<WatchItem>,
    observer: Box<dyn WatchObserver>,
}

impl Reader {
    fn created(&mut self, num_pending: u64, opening: Opening) {
        self.restarted = opening != Opening::First;
        match opening {
            Opening::First | Opening::Resumed => {}
            Opening::Replayed => self.repeated = self.seen,
            Opening::Recreated => (self.seen, self.repeated) = (0, 0),
        }
        // With updates only, what arrives while the consumer is created is an update already.
        let reached = match self.policy {
            DeliverPolicy::New => self.end.reach(),
            _ => self.end.created(num_pending),
        };
        self.end_if(reached);
    }

    fn message(&mut self, delivery: Delivery) {
        let subject = &delivery.message.subject;
        let seen = self
            .end
            .message(subject, delivery.pending, delivery.timestamp_ns);
        let is_new = delivery.stream_seq > self.repeated;
        self.seen = self.seen.max(delivery.stream_seq);
        let entry = Entry::from_delivery(delivery, &self.prefix);
        if let Some(mut entry) = entry.filter(|entry| is_new && self.wants(entry)) {
            entry.is_first = seen.is_first && !self.restarted;
            self.items.push(WatchItem::Entry(entry));
        }
        self.end_if(seen.reached);
    }

    fn wants(&self, entry: &Entry) -> bool {
        !self.ignore_deletes || entry.is_put()
    }

    fn end_if(&mut self, reached: bool) {
        if reached {
            self.items.push(WatchItem::EndOfData);
        }
    }
}

impl Observer for Reader {
    fn deliver(&mut self, items: &mut Vec<Item>) {
        for item in items.drain(..) {
            match item {
                Item::Created {
                    num_pending,
                    opening,
                } => self.created(num_pending, opening),
                Item::Message(delivery) => self.message(delivery),
                Item::CaughtUp => {
                    let reached = self.end.caught_up();
                    self.end_if(reached);
                }
                Item::FlowControl(question) => self.items.push(WatchItem::FlowControl(question)),
            }
        }
        if !self.items.is_empty() {
            self.observer.deliver(&mut self.items);
            self.items.clear();
            self.items.shrink_to(KEPT_CAPACITY);
        }
    }

    fn changed(&mut self, change: Change) {
        self.observer.changed(change);
    }

    fn is_impatient(&self) -> bool {
        self.end.is_doubtful()
    }

    /// Before the end of current data, going on behind the last entry would show revisions that
    /// are no longer the latest of their key. After it every update counts.
    fn resume(&mut self) -> Resume {
        match self.policy {
            DeliverPolicy::LastPerSubject if !self.end.is_reached() => Resume::Replay,
            _ => Resume::FromNext,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use async_nats::{HeaderMap, Message};
    use std::sync::{Arc, Mutex};

    /// Writes down what it is told.
    #[derive(Clone, Default)]
    struct Notes(Arc<Mutex<Vec<String>>>);

    impl WatchObserver for Notes {
        fn deliver(&mut self, items: &mut Vec<WatchItem>) {
            let mut notes = self.0.lock().unwrap();
            notes.extend(items.drain(..).map(|item| match item {
                WatchItem::Entry(entry) => format!("{}={}", entry.key(), entry.revision),
                WatchItem::EndOfData => "end".into(),
                WatchItem::FlowControl(_) => "flow control".into(),
            }));
        }

        fn changed(&mut self, _: Change) {}
    }

    fn reader(policy: DeliverPolicy, ignore_deletes: bool) -> (Reader, Notes) {
        let notes = Notes::default();
        let reader = Reader {
            prefix: "$KV.b.".into(),
            policy,
            ignore_deletes,
            end: EndOfData::new(policy == DeliverPolicy::LastPerSubject),
            seen: 0,
            repeated: 0,
            restarted: false,
            items: Vec::new(),
            observer: Box::new(notes.clone()),
        };
        (reader, notes)
    }

    impl Reader {
        fn take(&mut self, item: Item) {
            self.deliver(&mut vec![item]);
        }
    }

    impl Notes {
        fn read(&self) -> String {
            std::mem::take(&mut *self.0.lock().unwrap()).join(" ")
        }
    }

    fn created(num_pending: u64, opening: Opening) -> Item {
        Item::Created {
            num_pending,
            opening,
        }
    }

    fn message(subject: &str, stream_seq: u64, pending: u64, operation: Option<&str>) -> Item {
        let headers = operation.map(|operation| {
            let mut headers = HeaderMap::new();
            headers.insert("KV-Operation", operation);
            headers
        });
        Item::Message(Delivery {
            message: Message {
                subject: subject.into(),
                reply: None,
                payload: "".into(),
                headers,
                status: None,
                description: None,
                length: 0,
            },
            stream_seq,
            consumer_seq: 0,
            timestamp_ns: 0,
            pending,
        })
    }

    fn put(key: &str, stream_seq: u64, pending: u64) -> Item {
        message(&format!("$KV.b.{key}"), stream_seq, pending, None)
    }

    #[test]
    fn the_end_comes_once_and_after_its_entry() {
        let (mut reader, notes) = reader(DeliverPolicy::LastPerSubject, false);
        reader.take(created(2, Opening::First));
        reader.take(put("a", 1, 1));
        reader.take(put("b", 2, 0));
        reader.take(put("a", 3, 0));
        reader.take(Item::CaughtUp);
        assert_eq!(notes.read(), "a=1 b=2 end a=3");
    }

    #[test]
    fn the_end_comes_first_if_nothing_matched() {
        let (mut reader, notes) = reader(DeliverPolicy::LastPerSubject, false);
        reader.take(created(0, Opening::First));
        reader.take(put("a", 1, 0));
        assert_eq!(notes.read(), "end a=1");
    }

    #[test]
    fn updates_only_end_at_once() {
        let (mut reader, notes) = reader(DeliverPolicy::New, false);
        reader.take(created(1, Opening::First));
        reader.take(put("a", 1, 0));
        reader.take(created(3, Opening::Resumed));
        assert_eq!(notes.read(), "end a=1");
    }

    #[test]
    fn a_skipped_delete_can_be_the_last_entry() {
        let (mut reader, notes) = reader(DeliverPolicy::LastPerSubject, true);
        reader.take(created(2, Opening::First));
        reader.take(put("a", 1, 1));
        reader.take(message("$KV.b.b", 2, 0, Some("DEL")));
        assert_eq!(notes.read(), "a=1 end");
    }

    #[test]
    fn foreign_subjects_are_skipped_but_count() {
        let (mut reader, notes) = reader(DeliverPolicy::All, false);
        reader.take(created(1, Opening::First));
        reader.take(message("elsewhere", 1, 0, None));
        assert_eq!(notes.read(), "end");
    }

    #[test]
    fn a_replay_tells_only_what_is_new() {
        let (mut reader, notes) = reader(DeliverPolicy::LastPerSubject, false);
        reader.take(created(4, Opening::First));
        reader.take(put("a", 1, 3));
        reader.take(put("b", 5, 2));
        assert_eq!(reader.resume(), Resume::Replay);
        reader.take(created(3, Opening::Replayed));
        reader.take(put("b", 5, 2));
        reader.take(put("c", 7, 1));
        reader.take(put("a", 9, 0));
        assert_eq!(notes.read(), "a=1 b=5 c=7 a=9 end");
        assert_eq!(reader.resume(), Resume::FromNext);
    }

    #[test]
    fn a_replay_of_known_entries_still_reaches_the_end() {
        let (mut reader, notes) = reader(DeliverPolicy::LastPerSubject, false);
        reader.take(created(3, Opening::First));
        reader.take(put("a", 1, 2));
        reader.take(put("b", 5, 1));
        reader.take(created(2, Opening::Replayed));
        reader.take(put("a", 1, 1));
        reader.take(put("b", 5, 0));
        assert_eq!(notes.read(), "a=1 b=5 end");
    }

    #[test]
    fn a_recreated_bucket_is_all_new_and_ends_no_second_time() {
        let (mut reader, notes) = reader(DeliverPolicy::LastPerSubject, false);
        reader.take(created(1, Opening::First));
        reader.take(put("a", 90, 0));
        reader.take(created(1, Opening::Recreated));
        reader.take(put("a", 1, 0));
        assert_eq!(notes.read(), "a=90 end a=1");
    }

    #[test]
    fn history_always_goes_on_behind_the_last_entry() {
        let (mut reader, _) = reader(DeliverPolicy::All, false);
        reader.take(created(2, Opening::First));
        assert_eq!(reader.resume(), Resume::FromNext);
    }

    #[test]
    fn options_that_exclude_each_other() {
        let options = WatchOptions {
            include_history: true,
            updates_only: true,
            ..WatchOptions::default()
        };
        assert_eq!(options.policy().unwrap_err().code, Code::InvalidArg);
    }
}
