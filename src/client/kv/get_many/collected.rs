//! What a consumer has brought, up to a limit. No input or output.

use std::collections::{HashMap, VecDeque};

use super::request::Moment;
use crate::client::jetstream::ordered::Delivery;
use crate::client::kv::entry::{Entry, HeadersShown};
use crate::client::kv::filters::Filters;

/// Up to where entries count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Limit {
    /// Up to the revision that is the stream's last one, as far as is known.
    Latest(u64),
    At(Moment),
}

/// The latest entry of each key, up to a limit that may rise.
pub(super) struct Collected {
    prefix: String,
    filters: Filters,
    shown: HeadersShown,
    limit: Limit,
    latest: HashMap<Box<str>, Entry>,
    /// Entries beyond the limit, in order.
    held: VecDeque<Entry>,
    /// The highest revision that has come.
    seen: u64,
    /// Something has come that is later than the limit.
    has_passed: bool,
}

impl Collected {
    pub(super) fn new(
        prefix: &str,
        filters: Filters,
        shown: HeadersShown,
        limit: Limit,
    ) -> Collected {
        Collected {
            prefix: prefix.to_owned(),
            filters,
            shown,
            limit,
            latest: HashMap::new(),
            held: VecDeque::new(),
            seen: 0,
            has_passed: false,
        }
    }

    /// All that has come so far will come again.
    pub(super) fn clear(&mut self) {
        self.latest.clear();
        self.held.clear();
        self.seen = 0;
        self.has_passed = false;
    }

    /// Takes in what comes next.
    pub(super) fn take(&mut self, delivery: Delivery) {
        self.seen = self.seen.max(delivery.stream_seq);
        let is_later = match self.limit {
            Limit::Latest(last) | Limit::At(Moment::Revision(last)) => delivery.stream_seq > last,
            Limit::At(Moment::Before(ns)) => delivery.timestamp_ns >= ns,
        };
        self.has_passed |= is_later;
        let Some(entry) = Entry::from_delivery(delivery, &self.prefix, self.shown) else {
            return;
        };
        if !self.filters.admits(entry.key()) {
            return;
        }
        match (is_later, self.limit) {
            (false, _) => self.add(entry),
            (true, Limit::Latest(_)) => self.held.push_back(entry),
            (true, Limit::At(_)) => {}
        }
    }

    fn add(&mut self, mut entry: Entry) {
        entry.delta = None;
        self.latest.insert(entry.key().into(), entry);
    }

    /// From now on entries up to this revision count.
    pub(super) fn raise(&mut self, limit: u64) {
        self.limit = Limit::Latest(limit);
        let beyond = self.held.partition_point(|entry| entry.revision <= limit);
        for entry in self.held.drain(..beyond).collect::<Vec<_>>() {
            self.add(entry);
        }
        self.has_passed = !self.held.is_empty();
    }

    /// Whether everything up to the limit has come, as a later message shows.
    pub(super) fn is_complete(&self) -> bool {
        match self.limit {
            Limit::Latest(last) | Limit::At(Moment::Revision(last)) => self.seen >= last,
            Limit::At(Moment::Before(_)) => self.has_passed,
        }
    }

    /// The latest entries, by revision.
    pub(super) fn finish(&mut self) -> Vec<Entry> {
        let mut entries: Vec<Entry> = std::mem::take(&mut self.latest).into_values().collect();
        entries.sort_unstable_by_key(|entry| entry.revision);
        entries
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use async_nats::Message;

    fn delivery(key: &str, revision: u64) -> Delivery {
        Delivery {
            message: Message {
                subject: format!("$KV.b.{key}").into(),
                reply: None,
                payload: "v".into(),
                headers: None,
                status: None,
                description: None,
                length: 0,
            }
            .into(),
            stream_seq: revision,
            consumer_seq: 0,
            timestamp_ns: i64::try_from(revision).unwrap() * 100,
            pending: 3,
        }
    }

    fn collected(patterns: &[&str], limit: Limit) -> Collected {
        Collected::new("$KV.b.", Filters::of(patterns), HeadersShown::No, limit)
    }

    fn take(collected: &mut Collected, entries: &[(&str, u64)]) {
        for (key, revision) in entries {
            collected.take(delivery(key, *revision));
        }
    }

    fn result(mut collected: Collected) -> String {
        let entries = collected.finish();
        assert!(entries.iter().all(|entry| entry.delta.is_none()));
        let entries = entries.iter();
        let texts = entries.map(|entry| format!("{}={}", entry.key(), entry.revision));
        texts.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn entries_beyond_the_limit_are_held_back() {
        let mut collected = collected(&[">"], Limit::Latest(0));
        take(&mut collected, &[("a", 1), ("b", 2), ("a", 5)]);
        collected.raise(3);
        assert!(collected.is_complete());
        take(&mut collected, &[("c", 6)]);
        collected.raise(5);
        assert_eq!(result(collected), "b=2 a=5");
    }

    #[test]
    fn complete_is_what_a_later_message_shows() {
        let mut collected = collected(&[">"], Limit::Latest(0));
        take(&mut collected, &[("a", 1)]);
        collected.raise(3);
        assert!(!collected.is_complete());
        take(&mut collected, &[("b", 3)]);
        assert!(collected.is_complete());
        collected.clear();
        assert!(!collected.is_complete());
    }

    #[test]
    fn times() {
        let mut collected = collected(&[">"], Limit::At(Moment::Before(300)));
        take(&mut collected, &[("a", 1), ("b", 2)]);
        assert!(!collected.is_complete());
        take(&mut collected, &[("a", 3)]);
        assert!(collected.is_complete());
        assert_eq!(result(collected), "a=1 b=2");
    }

    #[test]
    fn others_that_the_filters_let_pass_are_left_out() {
        let mut collected = collected(&["a.*", "*.b"], Limit::At(Moment::Revision(9)));
        take(&mut collected, &[("a.x", 1), ("x.b", 2), ("x.y", 3)]);
        assert_eq!(result(collected), "a.x=1 x.b=2");
    }
}
