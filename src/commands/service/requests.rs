//! Requests on their way to their handlers.

use crate::client::connection::{Deliver, Hold, Subject};
use crate::client::error::Error;
use crate::client::message::Message;
use crate::client::service::Observer;
use crate::commands::connection::{Admitted, Backlog};
use crate::commands::fed::Feeder;
use std::sync::Arc;
use std::vec;

/// What the network has for a service.
pub enum Item {
    /// For an endpoint.
    Requests(usize, Batch),
    /// Somebody asks for statistics, of which the script has a part.
    Stats(Subject),
}

/// What has changed.
pub enum Change {
    /// The last request to an endpoint was delivered.
    EndpointEnded(usize),
    Denied(Error),
    Closed,
    /// A handler has ended, and requests wait for it.
    GoOn,
}

pub type ToService = Feeder<Item, Change>;

/// Requests that have arrived together.
pub struct Batch {
    messages: vec::IntoIter<Message>,
    admitted: Admitted,
}

impl Batch {
    /// The next one, which leaves room for others.
    pub fn next(&mut self) -> Option<Message> {
        let message = self.messages.next()?;
        self.admitted.handled(&message);
        Some(message)
    }
}

/// The network's side of an endpoint.
pub struct ToEndpoint {
    pub feeder: ToService,
    pub endpoint: usize,
    backlog: Arc<Backlog>,
}

impl ToEndpoint {
    pub fn new(feeder: &ToService, endpoint: usize) -> ToEndpoint {
        ToEndpoint {
            feeder: feeder.clone(),
            endpoint,
            backlog: Arc::default(),
        }
    }
}

impl Deliver for ToEndpoint {
    fn deliver(&self, _: u64, messages: &mut Vec<Message>) {
        let admitted = self.backlog.admit(messages);
        let rest = messages.split_off(admitted.count());
        let messages = std::mem::replace(messages, rest);
        if messages.is_empty() {
            return;
        }
        let batch = Batch {
            messages: messages.into_iter(),
            admitted,
        };
        self.feeder.items([Item::Requests(self.endpoint, batch)]);
    }

    fn has_caught_up(&self) -> bool {
        self.backlog.is_low()
    }
}

impl Observer for ToService {
    fn asked_for_stats(&self, reply: Subject) {
        self.items([Item::Stats(reply)]);
    }

    fn endpoint_ended(&self, endpoint: usize) {
        self.change(Change::EndpointEnded(endpoint));
    }

    fn denied(&self, error: &Error) {
        self.change(Change::Denied(error.clone()));
    }

    fn closed(&self) {
        self.change(Change::Closed);
    }

    fn drained(&self, hold: &Hold) {
        self.hold(hold);
    }
}
