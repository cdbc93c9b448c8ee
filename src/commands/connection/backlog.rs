//! How much of a subscription waits for the script.
//!
//! A script that is busy, or slower than its publishers, must not make memory grow without end. The
//! limits are those of the Go client, far above what a busy moment leaves behind.

use crate::client::message::Message;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;

const MAX_MESSAGES: usize = 512 * 1024;
const MAX_BYTES: usize = 64 * 1024 * 1024;

/// What one subscription has in the queue.
#[derive(Default)]
pub struct Backlog {
    messages: AtomicUsize,
    bytes: AtomicUsize,
}

/// What counts as the size of a message: its payload, subjects and headers.
fn size(message: &Message) -> usize {
    message.length
}

impl Backlog {
    /// Admits these messages, from the first on, as far as there is room; they count from now on. A message
    /// is admitted when there is any room left, so that one of any size comes through.
    pub fn admit(self: &Arc<Self>, messages: &[Message]) -> Admitted {
        let mut count = self.messages.load(Ordering::Relaxed);
        let mut bytes = self.bytes.load(Ordering::Relaxed);
        let (before, bytes_before) = (count, bytes);
        for message in messages {
            if count >= MAX_MESSAGES || bytes >= MAX_BYTES {
                break;
            }
            count += 1;
            bytes += size(message);
        }
        let admitted = Admitted {
            backlog: self.clone(),
            messages: count - before,
            bytes: bytes - bytes_before,
            handled: 0,
            handled_bytes: 0,
        };
        // Only one thread adds; the other one takes away meanwhile, which leaves room to spare.
        self.messages
            .fetch_add(admitted.messages, Ordering::Relaxed);
        self.bytes.fetch_add(admitted.bytes, Ordering::Relaxed);
        admitted
    }

    /// Whether half of the room is free again.
    pub fn is_low(&self) -> bool {
        self.messages.load(Ordering::Relaxed) <= MAX_MESSAGES / 2
            && self.bytes.load(Ordering::Relaxed) <= MAX_BYTES / 2
    }
}

/// Admitted messages. What of them was handled is accounted for in lots: the two threads would otherwise
/// wait for each other's processor caches at every message. Dropping it gives the rest of the room back.
pub struct Admitted {
    backlog: Arc<Backlog>,
    messages: usize,
    bytes: usize,
    handled: usize,
    handled_bytes: usize,
}

const LOT: usize = 64;
const LOT_BYTES: usize = 64 * 1024;

impl Admitted {
    /// How many messages there were room for.
    pub fn count(&self) -> usize {
        self.messages
    }

    /// A message has left the queue.
    pub fn handled(&mut self, message: &Message) {
        self.handled += 1;
        self.handled_bytes += size(message);
        if self.handled >= LOT || self.handled_bytes >= LOT_BYTES {
            let (messages, bytes) = (self.handled, self.handled_bytes);
            self.give_back(messages, bytes);
            (self.handled, self.handled_bytes) = (0, 0);
        }
    }

    fn give_back(&mut self, messages: usize, bytes: usize) {
        self.messages -= messages;
        self.bytes -= bytes;
        let backlog = &self.backlog;
        backlog.messages.fetch_sub(messages, Ordering::Relaxed);
        backlog.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        let (messages, bytes) = (self.messages, self.bytes);
        self.give_back(messages, bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(length: usize) -> Message {
        Message {
            subject: "a".into(),
            reply: None,
            payload: Default::default(),
            headers: None,
            status: None,
            description: None,
            length,
        }
    }

    #[test]
    fn bytes_are_limited() {
        let backlog = Arc::new(Backlog::default());
        let big = [MAX_BYTES - 1, 2, 1].map(message);
        let mut admitted = backlog.admit(&big);
        assert_eq!(admitted.count(), 2);
        assert_eq!(backlog.admit(&big).count(), 0);
        assert!(!backlog.is_low());
        admitted.handled(&big[0]);
        assert!(backlog.is_low());
        assert_eq!(backlog.admit(&[message(10 * MAX_BYTES)]).count(), 1);
    }

    #[test]
    fn messages_are_limited() {
        let backlog = Arc::new(Backlog::default());
        let many = vec![message(0); MAX_MESSAGES + 1];
        let mut admitted = backlog.admit(&many);
        assert_eq!(admitted.count(), MAX_MESSAGES);
        assert_eq!(backlog.admit(&many[..1]).count(), 0);
        for message in &many[..LOT] {
            admitted.handled(message);
        }
        assert_eq!(backlog.admit(&many).count(), LOT);
    }

    #[test]
    fn what_is_dropped_makes_room() {
        let backlog = Arc::new(Backlog::default());
        let many = vec![message(1); 2 * LOT];
        let mut admitted = backlog.admit(&many);
        admitted.handled(&many[0]);
        drop(admitted);
        assert_eq!(backlog.messages.load(Ordering::Relaxed), 0);
        assert_eq!(backlog.bytes.load(Ordering::Relaxed), 0);
    }
}
