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

use async_nats::{Message, StatusCode, Subject};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use rand::distr::{Alphanumeric, SampleString};
use rustc_hash::FxHashMap;
use tokio::sync::oneshot;
use tokio::time::timeout_at;

use super::events::{Level, Status};
use super::state::State;
use super::subscriptions::Deliver;
use super::{deadline, Inner, Publish};
use crate::client::error::{Code, Error, Result};

const INBOX_PREFIX: &str = "_INBOX.";
const INBOX_LENGTH: usize = 22;

/// Makes a subject nobody listens on from an inbox.
const NOBODY: &str = ".nobody";

/// A new inbox subject.
pub(super) fn new_inbox() -> String {
    let mut inbox = String::from(INBOX_PREFIX);
    Alphanumeric.append_string(&mut rand::rng(), &mut inbox, INBOX_LENGTH);
    inbox
}

/// Why operations that wait are told not to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// By `disconnect`.
    Closed,
    /// No server is left.
    Lost,
}

/// Who waits for a message on an inbox.
pub(super) enum Waiter {
    Request(oneshot::Sender<Result<Message>>),
    Ping(oneshot::Sender<Result<()>>),
    /// A request with an inbox of its own, which only needs to know of the end.
    Gather(oneshot::Sender<Error>),
}

impl Waiter {
    /// Passes on what arrived. Whoever waited may have given up, so the results do not matter.
    fn answer(self, message: Message) {
        match self {
            Waiter::Request(sender) => drop(sender.send(Ok(message))),
            Waiter::Ping(sender) => drop(sender.send(Ok(()))),
            Waiter::Gather(_) => {}
        }
    }

    pub(super) fn refuse(self, end: End) {
        match (self, end) {
            (Waiter::Request(sender), End::Lost) => drop(sender.send(Err(lost()))),
            (Waiter::Gather(sender), End::Lost) => drop(sender.send(lost())),
            (Waiter::Gather(sender), End::Closed) => drop(sender.send(closed())),
            (Waiter::Request(sender), End::Closed) => drop(sender.send(Err(closed()))),
            (Waiter::Ping(sender), _) => drop(sender.send(Err(closed()))),
        }
    }
}

/// A reply, unless it is the server's word that nobody listens.
pub(super) fn responded(message: Message) -> Result<Message> {
    if message.status == Some(StatusCode::NO_RESPONDERS) {
        return Err(Error::new(
            Code::NoResponders,
            "No responders available for request",
        ));
    }
    Ok(message)
}

pub(super) fn closed() -> Error {
    Error::new(Code::ConnectionClosed, "Connection closed")
}

fn lost() -> Error {
    Error::new(Code::Timeout, "Connection lost")
}

pub(super) fn timed_out(subject: &str) -> Error {
    Error::new(Code::Timeout, format!("Request to {subject} timed out"))
}

/// Everybody who waits on an inbox of a connection.
pub(super) struct Requests {
    /// What the inboxes begin with, including the last dot.
    prefix: String,
    /// The wildcard subscription, once it exists.
    pub(super) subscription: Option<u64>,
    last_key: u64,
    waiters: FxHashMap<u64, Waiter>,
}

impl Default for Requests {
    fn default() -> Self {
        let mut prefix = new_inbox();
        prefix.push('.');
        Requests {
            prefix,
            subscription: None,
            last_key: 0,
            waiters: FxHashMap::default(),
        }
    }
}

impl Requests {
    pub(super) fn add(&mut self, waiter: Waiter) -> u64 {
        self.last_key += 1;
        self.waiters.insert(self.last_key, waiter);
        self.last_key
    }

    pub(super) fn remove(&mut self, key: u64) -> Option<Waiter> {
        self.waiters.remove(&key)
    }

    /// Forgets everybody, and the subscription. The next one has another subject, as this one may
    /// still exist at the server when the next connection asks whether there are responders. Keys go
    /// on: whoever waited may be slow to let go of its own.
    pub(super) fn clear(&mut self) -> impl Iterator<Item = Waiter> {
        let fresh = Requests {
            last_key: self.last_key,
            ..Requests::default()
        };
        std::mem::replace(self, fresh).waiters.into_values()
    }

    /// The pings to be sent again on a new link.
    pub(super) fn pings(&self, echo: bool) -> Vec<Publish> {
        let is_ping = |waiter: &Waiter| matches!(waiter, Waiter::Ping(_));
        self.waiters
            .iter()
            .filter(|(_, waiter)| is_ping(waiter))
            .map(|(key, _)| self.ping(*key, echo))
            .collect()
    }

    fn ping(&self, key: u64, echo: bool) -> Publish {
        let inbox = self.inbox(key);
        if echo {
            return Publish::new(inbox, Bytes::new());
        }
        // The subscription matches one token only, so not even an earlier link of this connection
        // that the server has not missed yet gets this.
        let mut message = Publish::new(format!("{inbox}{NOBODY}"), Bytes::new());
        message.reply = Some(inbox);
        message
    }

    fn inbox(&self, key: u64) -> Subject {
        [&*self.prefix, &key.to_string()].concat().into()
    }

    fn key(&self, inbox: &str) -> Option<u64> {
        inbox.strip_prefix(&self.prefix)?.parse().ok()
    }

    /// A server that does not let this connection publish to its inbox has still been reached.
    /// If an `-ERR` was of that sort, returns who waits for it; nobody else needs to know.
    pub(super) fn denied_ping(&mut self, text: &str) -> Option<oneshot::Sender<Result<()>>> {
        let subject = text
            .split('"')
            .find(|part| part.starts_with(&self.prefix))?;
        let key = self.key(subject.strip_suffix(NOBODY).unwrap_or(subject))?;
        match self.waiters.remove(&key)? {
            Waiter::Ping(sender) => Some(sender),
            request => {
                self.waiters.insert(key, request);
                None
            }
        }
    }
}

/// Receives what arrives on the inboxes.
struct Inboxes(Weak<Inner>);

impl Deliver for Inboxes {
    fn deliver(&self, _subscription: u64, messages: &mut Vec<Message>) {
        let Some(connection) = self.0.upgrade() else {
            return;
        };
        for message in messages.drain(..) {
            let waiter = connection.with(|state| state.arrived(&message.subject));
            if let Some(waiter) = waiter {
                waiter.answer(message);
            }
        }
    }
}

impl State {
    /// Takes out who waited for a message on this inbox. Late answers find nobody.
    fn arrived(&mut self, inbox: &str) -> Option<Waiter> {
        let key = self.requests.key(inbox)?;
        let waiter = self.requests.remove(key)?;
        if let Waiter::Ping(_) = waiter {
            let text = format!("received PONG, status: {}", self.status().as_str());
            self.outbox.log(Level::Debug, text);
        }
        Some(waiter)
    }

    /// Makes sure that answers can arrive.
    fn subscribe_inboxes(&mut self) {
        if self.requests.subscription.is_none() {
            let subject = format!("{}*", self.requests.prefix).into();
            let deliver = Arc::new(Inboxes(self.connection()));
            self.requests.subscription = Some(self.subscribe(subject, None, 0, deliver));
        }
    }

    fn request(
        &mut self,
        mut message: Publish,
    ) -> Result<(u64, oneshot::Receiver<Result<Message>>)> {
        self.check_publish(&message)?;
        self.subscribe_inboxes();
        let (sender, receiver) = oneshot::channel();
        let key = self.requests.add(Waiter::Request(sender));
        message.reply = Some(self.requests.inbox(key));
        if let Err(error) = self.send(message) {
            self.requests.remove(key);
            return Err(error);
        }
        Ok((key, receiver))
    }

    fn ping(&mut self) -> Result<(u64, oneshot::Receiver<Result<()>>)> {
        if !matches!(self.status(), Status::Connected | Status::Reconnecting) {
            return Err(super::state::not_connected());
        }
        self.outbox.log(Level::Debug, "sending PING");
        self.subscribe_inboxes();
        let (sender, receiver) = oneshot::channel();
        let key = self.requests.add(Waiter::Ping(sender));
        // Without a link it goes out on the next one, with all others that wait.
        if let Some(link) = self.link.as_ref().filter(|link| link.is_up()) {
            link.publish(self.requests.ping(key, link.echo()).into())?;
        }
        Ok((key, receiver))
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
    let started = connection.with(|state| state.request(message));
    let pending = started.map(|(key, answer)| Pending::new(connection, key, answer));
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
            connection.with(|state| state.requests.remove(self.key));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inboxes() {
        let inbox = new_inbox();
        assert_eq!(inbox.len(), 29);
        assert!(inbox.starts_with("_INBOX."));
        assert!(inbox[7..].chars().all(|c| c.is_ascii_alphanumeric()));
        assert_ne!(inbox, new_inbox());
    }

    #[test]
    fn keys() {
        let requests = Requests::default();
        let inbox = requests.inbox(17);
        assert_eq!(requests.key(&inbox), Some(17));
        assert_eq!(requests.key("_INBOX.x.17"), None);
        assert_eq!(requests.key(&format!("{}x", requests.prefix)), None);
    }

    #[test]
    fn a_denied_ping_has_reached_the_server() {
        let mut requests = Requests::default();
        let (sender, _ping) = oneshot::channel();
        let ping = requests.add(Waiter::Ping(sender));
        let (sender, _request) = oneshot::channel();
        let request = requests.add(Waiter::Request(sender));
        let text = |subject: &str| format!("Permissions Violation for Publish to \"{subject}\"");
        assert!(requests.denied_ping(&text("a")).is_none());
        assert!(requests
            .denied_ping(&text(&requests.inbox(request)))
            .is_none());
        assert!(requests
            .denied_ping(&text(&format!("{}*", requests.prefix)))
            .is_none());
        assert_eq!(requests.pings(true).len(), 1);
        let subject = requests.ping(ping, true).subject;
        assert!(requests.denied_ping(&text(&subject)).is_some());
        let (sender, _ping) = oneshot::channel();
        let ping = requests.add(Waiter::Ping(sender));
        let subject = requests.ping(ping, false).subject;
        assert!(requests.denied_ping(&text(&subject)).is_some());
        assert_eq!(requests.pings(true).len(), 0);
        assert_eq!(requests.waiters.len(), 1);
    }
}
