//! A service and its endpoints.

use std::cell::RefCell;
use std::sync::Arc;

use serde_json::Value;

use super::facts::{EndpointFacts, Facts, Identity};
use super::monitor::{self, Observer};
use super::verb::Verb;
use crate::client::connection::{Connection, Deliver, Hold, Publish, Subject};
use crate::client::error::{Error, Result};
use crate::client::message::Message;

/// A service that answers. Dropping it does not end it: [`Service::stop`] does, and the end of the connection.
pub struct Service {
    connection: Connection,
    facts: Arc<Facts>,
    observer: Arc<dyn Observer>,
    subscriptions: RefCell<Subscriptions>,
}

#[derive(Default)]
struct Subscriptions {
    monitoring: Vec<u64>,
    endpoints: Vec<u64>,
}

/// Receives the requests to an endpoint.
struct Endpoint {
    number: usize,
    requests: Arc<dyn Deliver>,
    observer: Arc<dyn Observer>,
}

impl Service {
    /// Starts a service without endpoints, which says about itself what is asked below `prefix`. With
    /// `stats_by_observer` the observer is asked for statistics, as it has a part of them.
    ///
    /// # Errors
    /// `ConnectionClosed`; `BadSubject` if a name is too long for the protocol.
    pub fn start(
        connection: &Connection,
        identity: Identity,
        prefix: &str,
        stats_by_observer: bool,
        observer: Arc<dyn Observer>,
    ) -> Result<Service> {
        let service = Service {
            connection: connection.clone(),
            facts: Arc::new(Facts::new(identity)),
            observer,
            subscriptions: RefCell::default(),
        };
        let mut monitoring = Vec::new();
        let (facts, observer) = (&service.facts, &service.observer);
        let started = monitor::subscribe(
            connection,
            facts,
            observer,
            prefix,
            stats_by_observer,
            &mut monitoring,
        );
        service.subscriptions.borrow_mut().monitoring = monitoring;
        if started.is_err() {
            service.stop();
        }
        started.map(|()| service)
    }

    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Adds an endpoint, whose requests go to `requests`. Returns its subscription;
    /// endpoints are numbered in the order in which they are added.
    ///
    /// # Errors
    /// `ConnectionClosed`, `BadSubject`
    pub fn add_endpoint(&self, endpoint: EndpointFacts, requests: Arc<dyn Deliver>) -> Result<u64> {
        let mut subscriptions = self.subscriptions.borrow_mut();
        let number = subscriptions.endpoints.len();
        let receiver = Endpoint {
            number,
            requests,
            observer: self.observer.clone(),
        };
        let queue = Some(&*endpoint.queue_group).filter(|group| !group.is_empty());
        let subscription =
            self.connection
                .subscribe(&endpoint.subject, queue, 0, Arc::new(receiver))?;
        self.facts.add(endpoint);
        subscriptions.endpoints.push(subscription);
        Ok(subscription)
    }

    /// Answers somebody who has asked for statistics; `data` is the observer's part, by endpoint.
    pub fn answer_stats(&self, reply: Subject, data: Vec<Option<Value>>) {
        let answer = Verb::Stats.answer(self.facts.stats(data));
        // Who has asked learns by the silence that it could not be sent.
        let _ = self.connection.publish_control(Publish::new(reply, answer));
    }

    /// The endpoints take nothing more. [`Observer::endpoint_ended`] tells when all that has come was delivered.
    pub fn drain(&self) {
        let endpoints = self.subscriptions.borrow().endpoints.clone();
        for subscription in endpoints {
            self.connection.drain_subscription(subscription);
        }
    }

    /// Nothing is delivered, and no question answered, any more.
    pub fn stop(&self) {
        let Subscriptions {
            monitoring,
            endpoints,
        } = self.subscriptions.take();
        for subscription in endpoints.into_iter().chain(monitoring) {
            // It may have ended by itself.
            let _ = self.connection.unsubscribe(subscription, 0);
        }
    }
}

impl Deliver for Endpoint {
    fn deliver(&self, subscription: u64, messages: &mut Vec<Message>) {
        self.requests.deliver(subscription, messages);
    }

    fn has_caught_up(&self) -> bool {
        self.requests.has_caught_up()
    }

    fn ended(&self, _: u64) {
        self.observer.endpoint_ended(self.number);
    }

    fn denied(&self, _: u64, error: &Error) {
        self.observer.denied(error);
    }

    fn drain(&self, _: u64, _: &Hold) -> bool {
        true
    }
}
