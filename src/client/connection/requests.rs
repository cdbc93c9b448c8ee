//! Requests and pings: both wait for a message on an inbox of their own.
//!
//! All inboxes of a connection are covered by one wildcard subscription, made for the first of
//! them and kept until the connection is closed. The last token of an inbox is a number, the key
//! of whoever waits. As the subscription survives a reconnection, so do pending requests.
//!
//! async-nats does not tell when a PONG arrives. A ping is therefore an empty message this
//! connection sends to itself: as the server handles one thing after the other, everything before
//! it is done when it comes back. With `-echo false` nothing would come back; then the message goes
//! where nobody listens and asks for a reply, so the server says that there are no responders.

use std::future::Future;
use std::sync::{Arc, Weak};
use std::time::Duration;

use async_nats::Message;
use futures_util::future::BoxFuture;
use tokio::sync::oneshot;
use tokio::time::timeout_at;

use super::clock::deadline;
use super::deliver::Deliver;
use super::events::{Level, Notice, Status};
use super::inner::Inner;
use super::owner::Owner;
use super::publish::Publish;
use super::state::{self, State};
use super::waiters::{closed, new_inbox, timed_out, Answer, Waiter, DEFAULT_INBOX_PREFIX};
use crate::client::error::{Code, Error, Result};
use crate::client::subject;

/// As long as what comes behind the prefix of an inbox at most.
const LONGEST_REST: &str = ".1234567890123456789012.18446744073709551615.nobody";

/// Receives what arrives on the inboxes.
struct Inboxes(Weak<dyn Owner>);

impl Deliver for Inboxes {
    fn deliver(&self, _subscription: u64, messages: &mut Vec<Message>) {
        let Some(owner) = self.0.upgrade() else {
            return;
        };
        for message in messages.drain(..) {
            if let Some(waiter) = owner.arrived(&message.subject) {
                waiter.answer(message);
            }
        }
    }
}

impl State {
    /// Takes out who waited for a message on this inbox. Late answers find nobody.
    pub(super) fn arrived(&mut self, inbox: &str) -> Option<Waiter> {
        let key = self.waiters.key(inbox)?;
        let waiter = self.waiters.remove(key)?;
        match &waiter {
            Waiter::Ping(_) => {
                let text = format!("received PONG, status: {}", self.status().as_str());
                self.outbox.log(Level::Debug, text);
            }
            Waiter::Arrival(subscriptions) => self.arrived_at(subscriptions),
            _ => {}
        }
        Some(waiter)
    }

    fn arrived_at(&mut self, subscriptions: &[u64]) {
        for id in subscriptions {
            self.subscriptions.arrived(*id);
        }
    }

    /// A ping has reached the server, which says so in another way.
    pub(super) fn pong(&mut self, ping: Waiter) {
        match ping {
            Waiter::Ping(waiter) => self.outbox.push(Notice::Settled(waiter, Ok(()))),
            Waiter::Arrival(subscriptions) => self.arrived_at(&subscriptions),
            _ => {}
        }
    }

    /// Ends subscriptions when everything that the server has sent so far is here.
    pub(super) fn await_arrival(&mut self, subscriptions: Vec<u64>) {
        if self.waiters.denied.is_some() {
            return self.arrived_at(&subscriptions);
        }
        self.subscribe_inboxes();
        let key = self.waiters.add(Waiter::Arrival(subscriptions));
        self.send_ping(key);
    }

    /// A new inbox subject.
    pub(super) fn new_inbox(&self) -> String {
        new_inbox(&self.inbox_prefix)
    }

    pub(super) fn set_inbox_prefix(&mut self, prefix: &str) -> Result<()> {
        if self.status() != Status::Closed {
            return Err(Error::invalid_arg(
                "Cannot configure inbox_prefix when already connected",
            ));
        }
        let valid = subject::check_publish(prefix, true)
            .and_then(|()| subject::check_length(prefix, Some(LONGEST_REST)));
        valid.map_err(|_| Error::invalid_arg(format!("Invalid inbox_prefix {prefix}")))?;
        self.inbox_prefix = prefix.to_owned();
        // Nobody waits in status `closed`.
        drop(self.waiters.clear(prefix));
        Ok(())
    }

    /// Whether a subject fits into a line of the protocol with an inbox behind it. One of the default prefix
    /// always does.
    pub(super) fn check_inbox(&self, subject: &str) -> Result<()> {
        let beyond = self.inbox_prefix.get(DEFAULT_INBOX_PREFIX.len()..);
        subject::check_length(subject, beyond)
    }

    /// Whether the server lets answers come.
    fn check_answerable(&self) -> Result<()> {
        self.waiters.denied.clone().map_or(Ok(()), Err)
    }

    /// Makes sure that answers can arrive.
    fn subscribe_inboxes(&mut self) {
        if self.waiters.subscription.is_none() {
            let subject = format!("{}*", self.waiters.prefix).into();
            let deliver = Arc::new(Inboxes(self.owner()));
            self.waiters.subscription = Some(self.subscribe(subject, None, 0, deliver));
        }
    }

    /// Sends a request, and returns the key of who waits for its answer.
    pub(super) fn request(&mut self, mut message: Publish, answer: Answer) -> Result<u64> {
        self.check_accepting()?;
        self.check_publish(&message)?;
        self.check_request(&message)?;
        self.check_inbox(&message.subject)?;
        self.check_answerable()?;
        self.subscribe_inboxes();
        let subject = message.subject.clone();
        let key = self.waiters.add(Waiter::Request { answer, subject });
        message.reply = Some(self.waiters.inbox(key));
        if let Err(error) = self.send(message) {
            self.waiters.remove(key);
            return Err(error);
        }
        Ok(key)
    }

    fn ping(&mut self) -> Result<(u64, oneshot::Receiver<Result<()>>)> {
        if matches!(self.status(), Status::Closed | Status::Connecting) {
            return Err(state::not_connected());
        }
        self.check_answerable()?;
        self.outbox.log(Level::Debug, "sending PING");
        self.subscribe_inboxes();
        let (sender, receiver) = oneshot::channel();
        let key = self.waiters.add(Waiter::Ping(sender));
        self.send_ping(key);
        Ok((key, receiver))
    }

    /// Without a link it goes out on the next one, with all others that wait.
    fn send_ping(&mut self, key: u64) {
        if let Some(link) = self.live_link() {
            let echo = link.echo();
            // Empty messages are never too long.
            let _ = self.send(self.waiters.ping(key, echo));
        }
    }
}

/// Starts a request; the answer may also be a status.
///
/// Boxed, as layers of `async` upon it would otherwise copy it many times over: each keeps what it is made
/// from beside what it waits for.
pub(super) fn request(
    connection: &Arc<Inner>,
    message: Publish,
    timeout: Option<Duration>,
) -> BoxFuture<'static, Result<Message>> {
    let subject = message.subject.clone();
    let limit = timeout.and_then(deadline);
    let (sender, answer) = oneshot::channel();
    let started = connection.with(|state| state.request(message, Answer::Alone(sender)));
    let pending = started.map(|key| Pending::new(connection, key, answer));
    Box::pin(async move {
        let outcome = pending?.wait(limit).await;
        outcome.unwrap_or_else(|| Err(timed_out(&subject)))
    })
}

/// Starts a ping.
pub(super) fn ping(
    connection: &Arc<Inner>,
    timeout: Duration,
) -> impl Future<Output = Result<()>> + Send + 'static {
    // Other than elsewhere zero is no time at all here, and `deadline` says none for it.
    let limit = deadline(timeout);
    let started = connection.with(State::ping);
    let pending = started.map(|(key, answer)| Pending::new(connection, key, answer));
    async move {
        let timed_out = || Err(Error::new(Code::Timeout, "PING timeout"));
        let pending = pending?;
        if timeout.is_zero() {
            return timed_out();
        }
        pending.wait(limit).await.unwrap_or_else(timed_out)
    }
}

/// An operation that waits. Dropping it makes the connection forget it.
struct Pending<T> {
    connection: Weak<Inner>,
    key: u64,
    answer: oneshot::Receiver<Result<T>>,
    settled: bool,
}

impl<T> Pending<T> {
    fn new(connection: &Arc<Inner>, key: u64, answer: oneshot::Receiver<Result<T>>) -> Self {
        Pending {
            connection: Arc::downgrade(connection),
            key,
            answer,
            settled: false,
        }
    }

    /// The outcome; `None` when the time is over.
    async fn wait(mut self, limit: Option<tokio::time::Instant>) -> Option<Result<T>> {
        let outcome = match limit {
            None => (&mut self.answer).await,
            Some(limit) => timeout_at(limit, &mut self.answer).await.ok()?,
        };
        self.settled = true;
        // The other end disappears only with the connection as a whole.
        Some(outcome.unwrap_or_else(|_| Err(closed())))
    }
}

impl<T> Drop for Pending<T> {
    fn drop(&mut self) {
        if self.settled {
            return;
        }
        if let Some(connection) = self.connection.upgrade() {
            connection.with(|state| state.waiters.remove(self.key));
        }
    }
}
