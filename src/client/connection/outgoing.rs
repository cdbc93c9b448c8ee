//! Messages that wait to be sent, and the limit of what may wait.
//!
//! They wait for a link while there is none, and for the link's socket when the server does not take them as
//! fast as they are published. Messages and subscriptions keep the order of calls. Whoever publishes and
//! wants to wait for room stands in a line, and nobody overtakes it.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::sync::oneshot;

use super::events::Notice;
use super::link::Link;
use super::publish::Publish;
use super::waiters::closed;
use super::window::header_length;
use crate::client::error::{Error, Result};

/// What a message takes besides its own bytes.
const OVERHEAD: usize = 256;

/// Requests may use so many times the limit of what is published: whoever waits for an answer does so for it.
pub(super) const REQUESTS: usize = 2;

/// How soon a link is asked again that says it had written everything and has not.
pub(super) const RETRY: Duration = Duration::from_millis(5);

/// What waits to be sent.
#[derive(Default)]
pub(super) struct Outgoing {
    queue: VecDeque<Item>,
    pub(super) messages: usize,
    pub(super) bytes: usize,
    pub(super) line: VecDeque<Waiting>,
}

enum Item {
    Message(Publish),
    Interest(Interest),
}

/// What a server is told of a subscription.
#[derive(Clone, Copy)]
pub(super) enum Interest {
    Begins(u64),
    /// It is drained.
    Ends(u64),
}

/// Who waits for room.
pub(super) struct Waiting {
    pub(super) message: Publish,
    pub(super) sender: oneshot::Sender<Result<()>>,
}

fn size(message: &Publish) -> usize {
    let reply = message.reply.as_ref().map_or(0, |reply| reply.len());
    let headers = header_length(message.headers.as_ref());
    OVERHEAD + message.subject.len() + reply + headers + message.payload.len()
}

impl Outgoing {
    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// How many messages wait.
    pub(super) fn count(&self) -> usize {
        self.messages
    }

    pub(super) fn push(&mut self, message: Publish) {
        self.messages += 1;
        self.bytes += size(&message);
        self.queue.push_back(Item::Message(message));
    }

    /// Lets the server know of a subscription, or of its end, after what waits already.
    pub(super) fn push_interest(&mut self, interest: Interest) {
        self.queue.push_back(Item::Interest(interest));
    }

    /// A new link begins with all subscriptions but those that are drained.
    pub(super) fn forget_subscriptions(&mut self) {
        self.queue.retain(|item| matches!(item, Item::Message(_)));
    }

    /// There is no link any more: forgets what was meant for that one only.
    pub(super) fn forget_bound(&mut self) {
        let (messages, bytes) = (&mut self.messages, &mut self.bytes);
        self.queue.retain(|item| match item {
            Item::Message(message) if message.link.is_some() => {
                *messages -= 1;
                *bytes -= size(message);
                false
            }
            _ => true,
        });
    }

    /// Whether a message may be added; a lonely one always.
    pub(super) fn has_room(&self, message: &Publish, limit: usize) -> bool {
        self.messages == 0 || limit == 0 || self.bytes.saturating_add(size(message)) <= limit
    }

    /// Hands over as much as a link takes; returns whether that was anything.
    pub(super) fn hand_over(
        &mut self,
        link: &mut Link,
        mut tell: impl FnMut(Interest, &Link),
        mut failed: impl FnMut(Error),
    ) -> bool {
        let before = self.queue.len();
        while let Some(item) = self.queue.pop_front() {
            let message = match item {
                Item::Interest(interest) => {
                    tell(interest, link);
                    continue;
                }
                Item::Message(message) => message,
            };
            let Some(admitted) = link.admit(&message) else {
                self.queue.push_front(Item::Message(message));
                break;
            };
            self.messages -= 1;
            self.bytes -= size(&message);
            if let Err(error) = link.publish(message, admitted) {
                failed(error);
            }
        }
        let progress = self.queue.len() < before;
        if self.queue.is_empty() {
            // It may have been long.
            self.queue = VecDeque::new();
        }
        progress
    }

    /// Ends the line: nobody in it will be sent any more.
    pub(super) fn dismiss(&mut self) -> impl Iterator<Item = Notice> {
        let line = std::mem::take(&mut self.line);
        line.into_iter()
            .map(|waiting| Notice::Settled(waiting.sender, Err(closed())))
    }

    /// Lets in who has waited for room.
    pub(super) fn admit(&mut self, limit: usize) -> Vec<oneshot::Sender<Result<()>>> {
        let mut admitted = Vec::new();
        while let Some(first) = self.line.front() {
            if first.sender.is_closed() {
                self.line.pop_front();
            } else if !self.has_room(&first.message, limit) {
                break;
            } else if let Some(first) = self.line.pop_front() {
                self.push(first.message);
                admitted.push(first.sender);
            }
        }
        admitted
    }
}
