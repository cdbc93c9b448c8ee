//! Who waits for a message on an inbox, and on which.
//!
//! All inboxes of a connection begin with the same token. The last one is a number, the key of whoever waits.

use async_nats::{Message, StatusCode, Subject};
use bytes::Bytes;
use rustc_hash::FxHashMap;
use tokio::sync::{mpsc, oneshot};

use super::hold::Hold;
use super::publish::Publish;
use crate::client::error::{Code, Error, Result};
use crate::client::nuid::nuid;

pub(super) const DEFAULT_INBOX_PREFIX: &str = "_INBOX";

/// Makes a subject nobody listens on from an inbox.
const NOBODY: &str = ".nobody";

/// A new inbox subject.
pub(super) fn new_inbox(prefix: &str) -> String {
    [prefix, ".", &nuid()].concat()
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
    Request {
        answer: Answer,
        /// Where it was asked.
        subject: Subject,
    },
    Ping(oneshot::Sender<Result<()>>),
    /// Subscriptions that end when everything the server has sent so far is here.
    Arrival(Vec<u64>),
    /// Somebody who waits for nothing but the end.
    Pause(oneshot::Sender<Error>),
    /// A request with an inbox of its own, which only needs to know of the end.
    Gather {
        end: oneshot::Sender<Error>,
        subject: Subject,
        subscription: u64,
    },
}

/// Where the answer of a request goes.
pub(super) enum Answer {
    Alone(oneshot::Sender<Result<Message>>),
    /// To one who has made several and numbered them.
    Numbered(u64, mpsc::UnboundedSender<(u64, Result<Message>)>),
}

impl Answer {
    /// Whoever waited may have given up, so the results do not matter.
    fn send(self, outcome: Result<Message>) {
        match self {
            Answer::Alone(waiter) => drop(waiter.send(outcome)),
            Answer::Numbered(number, waiter) => drop(waiter.send((number, outcome))),
        }
    }
}

impl Waiter {
    /// Passes on what arrived. Whoever waited may have given up, so the results do not matter.
    pub(super) fn answer(self, message: Message) {
        match self {
            Waiter::Request { answer, .. } => answer.send(Ok(message)),
            Waiter::Ping(sender) => drop(sender.send(Ok(()))),
            Waiter::Gather { .. } | Waiter::Arrival(_) | Waiter::Pause(_) => {}
        }
    }

    pub(super) fn refuse(self, end: End) {
        match (&self, end) {
            (Waiter::Ping(_), _) | (_, End::Closed) => self.fail(closed()),
            (_, End::Lost) => self.fail(lost()),
        }
    }

    pub(super) fn fail(self, error: Error) {
        match self {
            Waiter::Request { answer, .. } => answer.send(Err(error)),
            Waiter::Ping(answer) => drop(answer.send(Err(error))),
            Waiter::Gather { end, .. } | Waiter::Pause(end) => drop(end.send(error)),
            // What is wrong with the connection ends the subscriptions, too.
            Waiter::Arrival(_) => {}
        }
    }

    /// Whether it was asked on this subject.
    pub(super) fn asks_on(&self, asked: &Subject) -> bool {
        match self {
            Waiter::Request { subject, .. } | Waiter::Gather { subject, .. } => subject == asked,
            Waiter::Ping(_) | Waiter::Arrival(_) | Waiter::Pause(_) => false,
        }
    }

    /// Whether the answers come on the inboxes of all.
    pub(super) fn shares_inboxes(&self) -> bool {
        matches!(self, Waiter::Request { .. } | Waiter::Ping(_))
    }

    /// Whether the answers come on this subscription, and on no other.
    pub(super) fn is_answered_by(&self, id: u64) -> bool {
        matches!(self, Waiter::Gather { subscription, .. } if *subscription == id)
    }
}

/// A reply, unless it is the server's word that nobody listens.
pub(crate) fn responded(message: Message) -> Result<Message> {
    if message.status == Some(StatusCode::NO_RESPONDERS) {
        return Err(Error::new(
            Code::NoResponders,
            "No responders available for request",
        ));
    }
    Ok(message)
}

pub(super) fn closed() -> Error {
    Error::connection_closed()
}

fn lost() -> Error {
    Error::new(Code::Timeout, "Connection lost")
}

pub(super) fn timed_out(subject: &str) -> Error {
    Error::new(Code::Timeout, format!("Request to {subject} timed out"))
}

/// Everybody who waits on an inbox of a connection.
pub(super) struct Waiters {
    /// What the inboxes begin with, including the last dot.
    pub(super) prefix: String,
    /// The wildcard subscription, once it exists.
    pub(super) subscription: Option<u64>,
    last_key: u64,
    waiters: FxHashMap<u64, Waiter>,
    /// Of a connection that waits until nobody waits here.
    hold: Option<Hold>,
    /// The server of the present link does not let anything come here.
    pub(super) denied: Option<Error>,
}

impl Waiters {
    pub(super) fn new(inbox_prefix: &str) -> Self {
        let mut prefix = new_inbox(inbox_prefix);
        prefix.push('.');
        Waiters {
            prefix,
            subscription: None,
            last_key: 0,
            waiters: FxHashMap::default(),
            hold: None,
            denied: None,
        }
    }

    pub(super) fn add(&mut self, waiter: Waiter) -> u64 {
        self.last_key += 1;
        self.waiters.insert(self.last_key, waiter);
        self.last_key
    }

    pub(super) fn remove(&mut self, key: u64) -> Option<Waiter> {
        let waiter = self.waiters.remove(&key);
        self.let_go();
        waiter
    }

    /// A request has waited for too long, unless it does not wait any more.
    pub(super) fn time_out(&mut self, key: u64) {
        if let Some(Waiter::Request { answer, subject }) = self.remove(key) {
            answer.send(Err(timed_out(&subject)));
        }
    }

    /// Keeps a connection from closing until nobody waits any more.
    pub(super) fn hold(&mut self, hold: &Hold) {
        self.hold = Some(hold.clone());
        self.let_go();
    }

    fn let_go(&mut self) {
        if self.waiters.is_empty() {
            self.hold = None;
        }
    }

    /// There is no link any more on which anything could arrive; the next one may permit other things.
    pub(super) fn forget_link(&mut self) {
        self.denied = None;
        self.take(|waiter| matches!(waiter, Waiter::Arrival(_)));
    }

    /// Takes out all who are of a sort.
    pub(super) fn take(&mut self, is_meant: impl Fn(&Waiter) -> bool) -> Vec<Waiter> {
        let taken = self.waiters.extract_if(|_, waiter| is_meant(waiter));
        let taken = taken.map(|(_, waiter)| waiter).collect();
        self.let_go();
        taken
    }

    /// Whether this is the subject on which all answers come.
    pub(super) fn are_on(&self, subject: &str) -> bool {
        subject.strip_prefix(&self.prefix) == Some("*")
    }

    /// Forgets everybody, and the subscription. The next one has another subject, as this one may
    /// still exist at the server when the next connection asks whether there are responders. Keys go
    /// on: whoever waited may be slow to let go of its own.
    pub(super) fn clear(&mut self, inbox_prefix: &str) -> impl Iterator<Item = Waiter> {
        let fresh = Waiters {
            last_key: self.last_key,
            ..Waiters::new(inbox_prefix)
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

    pub(super) fn ping(&self, key: u64, echo: bool) -> Publish {
        ping(self.inbox(key), echo)
    }

    pub(super) fn inbox(&self, key: u64) -> Subject {
        [&*self.prefix, &key.to_string()].concat().into()
    }

    pub(super) fn key(&self, inbox: &str) -> Option<u64> {
        inbox.strip_prefix(&self.prefix)?.parse().ok()
    }

    /// A server that does not let this connection publish to its inbox has still been reached.
    /// If a subject is of that sort, returns who waits for it.
    pub(super) fn denied_ping(&mut self, subject: &str) -> Option<Waiter> {
        let key = self.key(subject.strip_suffix(NOBODY).unwrap_or(subject))?;
        match self.waiters.get(&key)? {
            Waiter::Ping(_) | Waiter::Arrival(_) => self.remove(key),
            _ => None,
        }
    }
}

/// A message to this connection itself, for an inbox that it has subscribed to.
pub(super) fn ping(inbox: Subject, echo: bool) -> Publish {
    if echo {
        return Publish::new(inbox, Bytes::new());
    }
    // The subscription matches one token only, so not even an earlier link of this connection
    // that the server has not missed yet gets this.
    let mut message = Publish::new(format!("{inbox}{NOBODY}"), Bytes::new());
    message.reply = Some(inbox);
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inboxes() {
        let inbox = new_inbox("_INBOX");
        assert_eq!(inbox.len(), 29);
        assert!(inbox.starts_with("_INBOX."));
        assert!(inbox[7..].chars().all(|c| c.is_ascii_alphanumeric()));
        assert_ne!(inbox, new_inbox("_INBOX"));
        assert!(new_inbox("a.b").starts_with("a.b."));
    }

    #[test]
    fn keys() {
        let requests = Waiters::new("_INBOX");
        let inbox = requests.inbox(17);
        assert_eq!(requests.key(&inbox), Some(17));
        assert_eq!(requests.key("_INBOX.x.17"), None);
        assert_eq!(requests.key(&format!("{}x", requests.prefix)), None);
    }

    #[test]
    fn a_denied_ping_has_reached_the_server() {
        let mut requests = Waiters::new("_INBOX");
        let (sender, _ping) = oneshot::channel();
        let ping = requests.add(Waiter::Ping(sender));
        let (answer, _request) = oneshot::channel();
        let answer = Answer::Alone(answer);
        let subject = Subject::from("a");
        let request = requests.add(Waiter::Request { answer, subject });
        assert!(requests.denied_ping("a").is_none());
        let inbox = requests.inbox(request);
        assert!(requests.denied_ping(&inbox).is_none());
        let all = format!("{}*", requests.prefix);
        assert!(requests.denied_ping(&all).is_none());
        assert!(requests.are_on(&all) && !requests.are_on(&inbox));
        assert_eq!(requests.pings(true).len(), 1);
        let subject = requests.ping(ping, true).subject;
        assert!(requests.denied_ping(&subject).is_some());
        let (sender, _ping) = oneshot::channel();
        let ping = requests.add(Waiter::Ping(sender));
        let subject = requests.ping(ping, false).subject;
        assert!(requests.denied_ping(&subject).is_some());
        assert_eq!(requests.pings(true).len(), 0);
        assert_eq!(requests.waiters.len(), 1);
    }
}
