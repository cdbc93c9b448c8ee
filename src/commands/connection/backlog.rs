//! How much of a subscription waits for the script.
//!
//! A script that is busy, or slower than its publishers, must not make memory grow without end. The
//! limits are those of the Go client, far above what a busy moment leaves behind.

use crate::client::message::Message;
use std::sync::atomic::{AtomicUsize, Ordering};

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
    /// How many of these messages, from the first on, may be queued; they count from now on. A message
    /// is admitted when there is any room left, so that one of any size comes through.
    pub fn admit(&self, messages: &[Message]) -> usize {
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
        // Only one thread adds; the other one takes away meanwhile, which leaves room to spare.
        self.messages.fetch_add(count - before, Ordering::Relaxed);
        self.bytes
            .fetch_add(bytes - bytes_before, Ordering::Relaxed);
        count - before
    }

    /// A message has left the queue.
    pub fn handled(&self, message: &Message) {
        self.messages.fetch_sub(1, Ordering::Relaxed);
        self.bytes.fetch_sub(size(message), Ordering::Relaxed);
    }

    /// Whether half of the room is free again.
    pub fn is_low(&self) -> bool {
        self.messages.load(Ordering::Relaxed) <= MAX_MESSAGES / 2
            && self.bytes.load(Ordering::Relaxed) <= MAX_BYTES / 2
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
        let backlog = Backlog::default();
        let big = [MAX_BYTES - 1, 2, 1].map(message);
        assert_eq!(backlog.admit(&big), 2);
        assert_eq!(backlog.admit(&big), 0);
        assert!(!backlog.is_low());
        backlog.handled(&big[0]);
        assert!(backlog.is_low());
        assert_eq!(backlog.admit(&[message(10 * MAX_BYTES)]), 1);
    }

    #[test]
    fn messages_are_limited() {
        let backlog = Backlog::default();
        let many = vec![message(0); MAX_MESSAGES + 1];
        assert_eq!(backlog.admit(&many), MAX_MESSAGES);
        assert_eq!(backlog.admit(&many[..1]), 0);
        backlog.handled(&many[0]);
        assert_eq!(backlog.admit(&many), 1);
    }
}
