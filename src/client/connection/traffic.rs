//! How much a connection has transported, over all its links.

use std::sync::atomic::{AtomicU64, Ordering};

use async_nats::Message;

/// Figures of a connection, since it was made or they were reset. Bytes are those of payloads and headers, without
/// the lines of the protocol. What the package sends and receives by itself, such as requests of JetStream, counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    pub in_msgs: u64,
    pub out_msgs: u64,
    pub in_bytes: u64,
    pub out_bytes: u64,
    pub reconnects: u64,
    /// Messages that were dropped because the owner was too slow.
    pub dropped: u64,
}

/// Counts, without a lock.
#[derive(Default)]
pub(super) struct Counters {
    in_msgs: AtomicU64,
    out_msgs: AtomicU64,
    in_bytes: AtomicU64,
    out_bytes: AtomicU64,
    reconnects: AtomicU64,
    dropped: AtomicU64,
}

impl Counters {
    pub(super) fn received(&self, messages: &[Message]) {
        add(&self.in_msgs, messages.len());
        add(&self.in_bytes, messages.iter().map(length).sum());
    }

    pub(super) fn sent(&self, bytes: usize) {
        add(&self.out_msgs, 1);
        add(&self.out_bytes, bytes);
    }

    pub(super) fn reconnected(&self) {
        add(&self.reconnects, 1);
    }

    pub(super) fn dropped(&self, messages: usize) {
        add(&self.dropped, messages);
    }

    /// The figures; with `reset` they begin with zero again.
    pub(super) fn read(&self, reset: bool) -> Traffic {
        let value = |counter: &AtomicU64| match reset {
            true => counter.swap(0, Ordering::Relaxed),
            false => counter.load(Ordering::Relaxed),
        };
        Traffic {
            in_msgs: value(&self.in_msgs),
            out_msgs: value(&self.out_msgs),
            in_bytes: value(&self.in_bytes),
            out_bytes: value(&self.out_bytes),
            reconnects: value(&self.reconnects),
            dropped: value(&self.dropped),
        }
    }
}

fn add(counter: &AtomicU64, number: usize) {
    counter.fetch_add(u64::try_from(number).unwrap_or(u64::MAX), Ordering::Relaxed);
}

/// Bytes of payload and headers of a message that came.
fn length(message: &Message) -> usize {
    let reply = message.reply.as_ref().map_or(0, |reply| reply.len());
    message.length.saturating_sub(message.subject.len() + reply)
}
