//! How a service is asked about itself: nine plain subscriptions, answered by the network's threads, so also while a
//! script is busy.

use std::sync::Arc;

use super::facts::Facts;
use super::verb::Verb;
use crate::client::connection::{Connection, Deliver, Hold, Publish, Subject};
use crate::client::error::{Error, Result};
use crate::client::message::Message;

/// What the subjects begin with, unless one wants it otherwise.
pub const DEFAULT_PREFIX: &str = "$SRV";

/// Who hears what the network has for a service. Called by its threads; must not block.
pub trait Observer: Send + Sync + 'static {
    /// Somebody asks for statistics that the observer has a part of.
    fn asked_for_stats(&self, reply: Subject);

    /// An endpoint's subscription has ended, and its last request was delivered.
    fn endpoint_ended(&self, endpoint: usize);

    /// The server does not permit a subscription.
    fn denied(&self, error: &Error);

    /// The connection has ended.
    fn closed(&self);

    /// The connection is drained; its endpoints take nothing more. It stays open while `hold` is kept.
    fn drained(&self, hold: &Hold);
}

/// Receives the questions of one subject.
struct Monitor {
    connection: Connection,
    facts: Arc<Facts>,
    observer: Arc<dyn Observer>,
    verb: Verb,
    /// The observer has a part of the statistics.
    stats_by_observer: bool,
    /// One of the nine passes on what concerns all.
    first: bool,
}

/// Subscribes to all subjects; returns the subscriptions, which are the caller's to end, also after an error.
pub(super) fn subscribe(
    connection: &Connection,
    facts: &Arc<Facts>,
    observer: &Arc<dyn Observer>,
    prefix: &str,
    stats_by_observer: bool,
    subscriptions: &mut Vec<u64>,
) -> Result<()> {
    let identity = &facts.identity;
    let (name, id) = (Some(&*identity.name), Some(&*identity.id));
    for verb in Verb::ALL {
        for (name, id) in [(None, None), (name, None), (name, id)] {
            let monitor = Monitor {
                connection: connection.clone(),
                facts: facts.clone(),
                observer: observer.clone(),
                verb,
                stats_by_observer,
                first: subscriptions.is_empty(),
            };
            let subject = verb.subject(prefix, name, id);
            subscriptions.push(connection.subscribe(&subject, None, 0, Arc::new(monitor))?);
        }
    }
    Ok(())
}

impl Monitor {
    fn answer(&self, message: Message) {
        let Some(reply) = message.reply else {
            return;
        };
        let facts = match self.verb {
            Verb::Ping => self.facts.ping(),
            Verb::Info => self.facts.info(),
            Verb::Stats if self.stats_by_observer => return self.observer.asked_for_stats(reply),
            Verb::Stats => self.facts.stats(Vec::new()),
        };
        // Who has asked learns by the silence that it could not be sent.
        let _ = self
            .connection
            .publish_control(Publish::new(reply, self.verb.answer(facts)));
    }
}

impl Deliver for Monitor {
    fn deliver(&self, _: u64, messages: &mut Vec<Message>) {
        for message in messages.drain(..) {
            self.answer(message);
        }
    }

    /// By itself it never ends before the connection does.
    fn ended(&self, _: u64) {
        if self.first {
            self.observer.closed();
        }
    }

    fn denied(&self, _: u64, error: &Error) {
        self.observer.denied(error);
    }

    /// A service is monitored until it has stopped.
    fn drain(&self, _: u64, hold: &Hold) -> bool {
        if self.first {
            self.observer.drained(hold);
        }
        false
    }
}
