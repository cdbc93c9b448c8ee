//! Reads the messages of a consumer as the entries of a watch.

use std::time::Instant;

use rustc_hash::FxHashMap;

use super::entry::{Entry, HeadersShown};
use super::filters::Filters;
use super::handle::Bucket;
use super::operations::Operations;
use super::states::{States, WatchState};
use super::transactions::{Part, Transactions};
use super::watch_item::{WatchItem, WatchObserver};
use super::watch_options::WatchOptions;
use crate::client::connection::Hold;
use crate::client::error::Result;
use crate::client::jetstream::ordered::{
    Change, Delivery, Item, Observer, Opening, Resume, KEPT_CAPACITY,
};
use crate::client::jetstream::Present;

/// Stands between a consumer and the observer of a watch.
pub(super) struct Reader {
    prefix: String,
    filters: Filters,
    shown: HeadersShown,
    operations: Operations,
    /// The keys that were told to have a value, and their revisions, if they are to be remembered.
    told: Option<FxHashMap<Box<str>, u64>>,
    present: Present,
    states: States,
    /// `None`: each entry is told by itself.
    transactions: Option<Transactions>,
    items: Vec<WatchItem>,
    observer: Box<dyn WatchObserver>,
}

impl Reader {
    /// # Errors
    /// Those of [`WatchOptions::policy`].
    pub(super) fn new(
        bucket: &Bucket,
        filters: &Filters,
        options: &WatchOptions,
        observer: Box<dyn WatchObserver>,
    ) -> Result<Reader> {
        Ok(Reader {
            prefix: bucket.subjects().prefix().to_owned(),
            filters: filters.clone(),
            shown: options.headers_shown(),
            operations: options.operations,
            told: options.follows_former.then(FxHashMap::default),
            present: Present::new(options.policy()?),
            states: States::new(),
            transactions: options.together.then(Transactions::default),
            items: Vec::new(),
            observer,
        })
    }

    fn created(&mut self, num_pending: u64, opening: Opening) {
        if opening == Opening::Recreated {
            self.end_former();
        }
        let reached = self.present.created(num_pending, opening);
        self.end_if(reached);
        if opening != Opening::First {
            let state = self.states.recreated(num_pending);
            self.stands(state);
        }
    }

    fn message(&mut self, delivery: Delivery) {
        let pending = delivery.pending;
        let (is_new, seen) = self.present.message(&delivery);
        let entry = Entry::from_delivery(delivery, &self.prefix, self.shown);
        self.follow_transaction(entry.as_ref(), pending);
        if let Some(mut entry) = entry.filter(|entry| is_new && self.wants(entry)) {
            entry.is_first = seen.is_first;
            self.remember(&entry);
            self.tell(WatchItem::Entry(entry));
        }
        self.end_if(seen.reached);
        let state = self.states.message(pending);
        self.stands(state);
        let complete = self.transactions.as_mut().and_then(Transactions::told);
        self.items.extend(complete);
    }

    fn follow_transaction(&mut self, entry: Option<&Entry>, pending: u64) {
        let Some(transactions) = &mut self.transactions else {
            return;
        };
        let part = entry.and_then(|entry| {
            entry.batch.as_deref().map(|batch| Part {
                batch,
                sequence: entry.batch_sequence,
                is_last: entry.completes_batch,
            })
        });
        let former = transactions.message(part, pending);
        self.items.extend(former);
    }

    fn close_transaction(&mut self) {
        let held = self.transactions.as_mut().and_then(Transactions::close);
        self.items.extend(held);
    }

    /// Tells an item, or keeps it for the end of the present transaction.
    fn tell(&mut self, item: WatchItem) {
        match &mut self.transactions {
            None => self.items.push(item),
            Some(transactions) => self.items.extend(transactions.hold(item)),
        }
    }

    fn remember(&mut self, entry: &Entry) {
        let Some(told) = &mut self.told else {
            return;
        };
        if !entry.is_put() {
            told.remove(entry.key());
        } else if let Some(revision) = told.get_mut(entry.key()) {
            *revision = entry.revision;
        } else {
            told.insert(entry.key().into(), entry.revision);
        }
    }

    /// Tells that all keys are gone, in the order in which they were told.
    fn end_former(&mut self) {
        let told = self.told.as_mut().map(std::mem::take).unwrap_or_default();
        let mut told: Vec<_> = told.into_iter().collect();
        told.sort_unstable_by_key(|(_, revision)| *revision);
        let deltas = (0..told.len() as u64).rev();
        for (((key, _), delta), revision) in told.iter().zip(deltas).zip(self.present.seen() + 1..)
        {
            let entry = Entry::of_former(&self.prefix, key, revision, delta);
            self.items.push(WatchItem::Entry(entry));
        }
    }

    fn wants(&self, entry: &Entry) -> bool {
        self.operations.has(&entry.operation) && self.filters.admits(entry.key())
    }

    fn end_if(&mut self, reached: bool) {
        if reached {
            self.tell(WatchItem::EndOfData);
            let state = self.states.reached();
            self.stands(state);
        }
    }

    fn stands(&mut self, state: Option<WatchState>) {
        if let Some(state) = state {
            self.tell(WatchItem::State(state));
        }
    }

    fn hand_over(&mut self) {
        if !self.items.is_empty() {
            self.observer.deliver(&mut self.items);
            self.items.clear();
            self.items.shrink_to(KEPT_CAPACITY);
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
                    let reached = self.present.caught_up();
                    self.end_if(reached);
                    let state = self.states.caught_up();
                    self.stands(state);
                    self.close_transaction();
                }
                // The rest of a transaction may come only when it was answered.
                Item::FlowControl(question) => self.items.push(WatchItem::FlowControl(question)),
            }
        }
        self.hand_over();
    }

    fn changed(&mut self, change: Change) {
        self.close_transaction();
        let state = match change {
            Change::Unlinked => self.states.unlinked(),
            Change::Resetting => self.states.resetting(),
            _ => None,
        };
        self.stands(state);
        self.hand_over();
        self.observer.changed(change);
    }

    fn is_impatient(&self) -> bool {
        self.present.is_doubtful()
    }

    fn waits_until(&self) -> Option<Instant> {
        self.transactions.as_ref()?.waits_until()
    }

    fn waited(&mut self) {
        self.close_transaction();
        self.hand_over();
    }

    fn drain(&mut self, hold: &Hold) -> bool {
        self.close_transaction();
        self.hand_over();
        self.observer.drain(hold)
    }

    fn resume(&mut self) -> Resume {
        self.present.resume()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::jetstream::ordered::DeliverPolicy;
    use async_nats::{HeaderMap, Message};
    use std::sync::{Arc, Mutex};

    /// Writes down what it is told.
    #[derive(Clone, Default)]
    struct Notes(Arc<Mutex<Vec<String>>>);

    fn brief(item: &WatchItem) -> String {
        match item {
            WatchItem::Entry(entry) => format!("{}={}", entry.key(), entry.revision),
            WatchItem::Together(items) => {
                let items: Vec<_> = items.iter().map(brief).collect();
                format!("[{}]", items.join(" "))
            }
            WatchItem::EndOfData => "end".into(),
            WatchItem::State(state) => format!("({})", state.as_str()),
            WatchItem::FlowControl(_) => "flow control".into(),
        }
    }

    impl WatchObserver for Notes {
        fn deliver(&mut self, items: &mut Vec<WatchItem>) {
            let mut notes = self.0.lock().unwrap();
            notes.extend(items.drain(..).map(|item| brief(&item)));
        }

        fn changed(&mut self, _: Change) {}

        fn drain(&mut self, _: &Hold) -> bool {
            true
        }
    }

    fn reader(policy: DeliverPolicy, ignore_deletes: bool) -> (Reader, Notes) {
        let notes = Notes::default();
        let reader = Reader {
            prefix: "$KV.b.".into(),
            filters: Filters::of(&[">"]),
            shown: HeadersShown::No,
            operations: match ignore_deletes {
                true => Operations::PUT,
                false => Operations::ALL,
            },
            told: Some(FxHashMap::default()),
            present: Present::new(policy),
            states: States::new(),
            transactions: Some(Transactions::default()),
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
        /// Everything but states.
        fn read(&self) -> String {
            let mut notes = std::mem::take(&mut *self.0.lock().unwrap());
            notes.retain(|note| !note.starts_with('('));
            notes.join(" ")
        }

        fn read_all(&self) -> String {
            std::mem::take(&mut *self.0.lock().unwrap()).join(" ")
        }
    }

    fn created(num_pending: u64, opening: Opening) -> Item {
        Item::Created {
            num_pending,
            opening,
        }
    }

    fn message_on(subject: &str) -> Message {
        Message {
            subject: subject.into(),
            reply: None,
            payload: "".into(),
            headers: None,
            status: None,
            description: None,
            length: 0,
        }
    }

    fn message(subject: &str, stream_seq: u64, pending: u64, operation: Option<&str>) -> Item {
        let headers = operation.map(|operation| {
            let mut headers = HeaderMap::new();
            headers.insert("KV-Operation", operation);
            headers
        });
        let message = Message {
            headers,
            ..message_on(subject)
        };
        Item::Message(Delivery {
            message: message.into(),
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
        assert_eq!(notes.read(), "a=90 end a=91 a=1");
    }

    #[test]
    fn what_a_former_bucket_had_is_gone_with_it() {
        let (mut reader, notes) = reader(DeliverPolicy::LastPerSubject, false);
        reader.take(created(3, Opening::First));
        reader.take(put("b", 7, 2));
        reader.take(put("a", 8, 1));
        reader.take(put("c", 9, 0));
        reader.take(put("b", 10, 0));
        reader.take(message("$KV.b.c", 11, 0, Some("DEL")));
        reader.take(created(1, Opening::Recreated));
        reader.take(put("a", 1, 0));
        assert_eq!(notes.read(), "b=7 a=8 c=9 end b=10 c=11 a=12 b=13 a=1");
        reader.take(created(0, Opening::Recreated));
        reader.take(created(0, Opening::Recreated));
        assert_eq!(notes.read(), "a=2");
    }

    #[test]
    fn deletions_that_are_not_told_are_not_remembered() {
        let (mut reader, notes) = reader(DeliverPolicy::LastPerSubject, true);
        reader.take(created(1, Opening::First));
        reader.take(put("a", 1, 0));
        reader.take(message("$KV.b.a", 2, 0, Some("DEL")));
        reader.take(created(0, Opening::Recreated));
        assert_eq!(notes.read(), "a=1 end a=3");
    }

    #[test]
    fn history_always_goes_on_behind_the_last_entry() {
        let (mut reader, _) = reader(DeliverPolicy::All, false);
        reader.take(created(2, Opening::First));
        assert_eq!(reader.resume(), Resume::FromNext);
    }

    #[test]
    fn only_wanted_keys_are_told_but_all_count() {
        let (mut reader, notes) = reader(DeliverPolicy::LastPerSubject, false);
        reader.filters = Filters::of(&["a.*", "*.b"]);
        reader.take(created(3, Opening::First));
        reader.take(put("a.x", 1, 2));
        reader.take(put("x.x", 2, 1));
        reader.take(put("x.b", 3, 0));
        assert_eq!(notes.read(), "a.x=1 x.b=3 end");
    }

    #[test]
    fn states_keep_their_place_among_entries() {
        let (mut reader, notes) = reader(DeliverPolicy::LastPerSubject, false);
        reader.take(created(1, Opening::First));
        reader.take(put("a", 1, 0));
        reader.take(put("b", 2, 0));
        reader.changed(Change::Unlinked);
        reader.changed(Change::Resetting);
        reader.take(created(2, Opening::Resumed));
        reader.take(put("c", 3, 1));
        reader.take(put("d", 4, 0));
        reader.take(Item::CaughtUp);
        assert_eq!(
            notes.read_all(),
            "a=1 end (current) b=2 (reconnecting) (recovering) c=3 d=4 (current)"
        );
    }

    /// `batch`: its id and the number of the part.
    fn part(key: &str, stream_seq: u64, pending: u64, batch: &str, completes: bool) -> Item {
        let mut item = put(key, stream_seq, pending);
        if let Item::Message(delivery) = &mut item {
            let (id, sequence) = batch.split_at(1);
            let mut headers = HeaderMap::new();
            headers.insert("Nats-Batch-Id", id);
            headers.insert("Nats-Batch-Sequence", sequence);
            if completes {
                headers.insert("Nats-Batch-Commit", "1");
            }
            let message = Message {
                headers: Some(headers),
                ..message_on(&format!("$KV.b.{key}"))
            };
            delivery.message = message.into();
        }
        item
    }

    #[test]
    fn a_transaction_is_told_when_it_is_complete() {
        let (mut reader, notes) = reader(DeliverPolicy::LastPerSubject, false);
        reader.take(created(2, Opening::First));
        reader.take(put("x", 1, 1));
        reader.take(part("a", 2, 2, "t1", false));
        // The end of current data, in the midst of it.
        reader.take(part("b", 3, 1, "t2", false));
        assert_eq!(notes.read_all(), "x=1");
        reader.take(part("c", 4, 0, "t3", true));
        assert_eq!(notes.read_all(), "[a=2 end (current) b=3 c=4]");
        reader.take(part("d", 5, 0, "u1", true));
        assert_eq!(notes.read_all(), "d=5");
    }

    #[test]
    fn a_transaction_whose_end_does_not_come() {
        let (mut reader, notes) = reader(DeliverPolicy::All, false);
        reader.take(created(0, Opening::First));
        assert_eq!(notes.read(), "end");
        reader.take(part("a", 1, 2, "t1", false));
        reader.take(part("b", 2, 2, "t2", false));
        assert_eq!(reader.waits_until(), None);
        // It may have been replaced by what comes now.
        reader.take(part("c", 4, 1, "u1", false));
        reader.take(put("d", 5, 0));
        assert_eq!(notes.read(), "[a=1 b=2 c=4 d=5]");
        reader.take(part("e", 6, 0, "v1", false));
        reader.take(part("f", 7, 0, "v2", false));
        assert!(reader.waits_until().is_some());
        reader.waited();
        assert_eq!(notes.read(), "[e=6 f=7]");
        reader.take(part("g", 8, 1, "w1", false));
        reader.take(Item::CaughtUp);
        assert_eq!(notes.read(), "g=8");
        reader.take(part("h", 9, 0, "x1", false));
        reader.changed(Change::Resetting);
        assert_eq!(notes.read(), "h=9");
    }

    #[test]
    fn the_last_part_counts_although_it_is_not_wanted() {
        let (mut reader, notes) = reader(DeliverPolicy::All, false);
        reader.filters = Filters::of(&["a.*", "*.b"]);
        reader.take(created(0, Opening::First));
        reader.take(part("a.a", 1, 0, "t1", false));
        reader.take(part("b.b", 2, 0, "t2", false));
        reader.take(part("c.c", 3, 0, "t3", true));
        assert_eq!(notes.read(), "end [a.a=1 b.b=2]");
    }
}
