//! The state of a connection and its changes. Every function here runs under the state lock.
//!
//! What somebody outside has to be told goes into the outbox, in the order of core.md §6.

use std::sync::{Arc, Weak};

use async_nats::{ServerInfo, Subject};
use futures_util::future::BoxFuture;
use tokio::sync::oneshot;
use tokio::task::AbortHandle;

use super::events::{Event, Level, Notice, Outbox, Status};
use super::failures;
use super::link::{self, Link};
use super::pool::{Choice, Pool, ServerEntry};
use super::requests::{End, Requests};
use super::subscriptions::{Deliver, Subscriptions};
use super::supervisor;
use super::{Inner, Publish};
use crate::client::error::{Code, Error, Result};
use crate::client::subject;

/// Everything a connection knows, but its settings.
pub(super) struct State {
    connection: Weak<Inner>,
    status: Status,
    /// Distinguishes what one `connect` started from what the next one does.
    session: u64,
    supervisor: Option<AbortHandle>,
    /// Who waits for the outcome of `connect`.
    connecting: Option<oneshot::Sender<Result<()>>>,
    /// The last failed attempt.
    failure: Option<Error>,
    pub(super) pool: Pool,
    /// Of the last handshake; survives the connection.
    pub(super) info: Option<Arc<ServerInfo>>,
    /// Only in status `connected`.
    pub(super) link: Option<Link>,
    /// Messages for the next link.
    buffer: Vec<Publish>,
    pub(super) subscriptions: Subscriptions,
    pub(super) requests: Requests,
    pub(super) outbox: Outbox,
}

/// The error of everything that needs a connection.
pub(super) fn not_connected() -> Error {
    Error::new(Code::ConnectionClosed, "No connection to NATS server")
}

fn no_servers() -> Error {
    Error::new(Code::NoServers, "No servers available for connection")
}

const POOL_IS_EMPTY: &str = "Server pool is empty";

impl State {
    pub(super) fn new(connection: Weak<Inner>) -> Self {
        State {
            connection,
            status: Status::Closed,
            session: 0,
            supervisor: None,
            connecting: None,
            failure: None,
            pool: Pool::default(),
            info: None,
            link: None,
            buffer: Vec::new(),
            subscriptions: Subscriptions::default(),
            requests: Requests::default(),
            outbox: Outbox::default(),
        }
    }

    pub(super) fn connection(&self) -> Weak<Inner> {
        self.connection.clone()
    }

    pub(super) fn status(&self) -> Status {
        self.status
    }

    /// What the present session is called; none when closed.
    pub(super) fn session(&self) -> Option<u64> {
        (self.status != Status::Closed).then_some(self.session)
    }

    /// Whether a session is still the current one.
    pub(super) fn is_session(&self, session: u64) -> bool {
        self.session() == Some(session)
    }

    fn set_status(&mut self, status: Status) {
        self.status = status;
        self.outbox.event(Event::Status(status));
    }

    pub(super) fn check_open(&self) -> Result<()> {
        match self.status {
            Status::Closed => Err(not_connected()),
            _ => Ok(()),
        }
    }
}

/// Connecting and disconnecting.
impl State {
    /// Starts connecting, if closed.
    pub(super) fn connect(&mut self) -> Result<Option<BoxFuture<'static, Result<()>>>> {
        if self.status != Status::Closed {
            return Ok(None);
        }
        if self.pool.is_empty() {
            return Err(Error::new(Code::NoServers, POOL_IS_EMPTY));
        }
        self.pool.reset();
        self.session += 1;
        let (sender, outcome) = oneshot::channel();
        self.connecting = Some(sender);
        self.outbox.event(Event::LastError(None));
        self.set_status(Status::Connecting);
        let supervisor = supervisor::run(self.connection(), self.session);
        self.supervisor = Some(tokio::spawn(supervisor).abort_handle());
        Ok(Some(Box::pin(async {
            // The other end disappears only with the connection as a whole.
            outcome.await.unwrap_or_else(|_| Err(no_servers()))
        })))
    }

    /// Closes, if not closed; what is left to do is to close the link.
    pub(super) fn disconnect(&mut self) -> Option<Link> {
        if self.status == Status::Closed {
            return None;
        }
        self.finish(End::Closed, Err(no_servers()))
    }

    /// Ends the session.
    fn finish(&mut self, end: End, outcome: Result<()>) -> Option<Link> {
        if let Some(supervisor) = self.supervisor.take() {
            supervisor.abort();
        }
        let link = self.link.take();
        if let Some(link) = &link {
            let text = format!("Closing connection to {}", link.address());
            self.outbox.log(Level::Info, text);
        }
        self.discard();
        if end == End::Closed {
            self.outbox.event(Event::LastError(None));
        }
        self.set_status(Status::Closed);
        if let Some(waiter) = self.connecting.take() {
            self.outbox.push(Notice::Settled(waiter, outcome));
        }
        for waiter in self.requests.clear() {
            self.outbox.push(Notice::Refused(waiter, end));
        }
        for (id, deliver) in self.subscriptions.clear() {
            self.outbox.push(Notice::Ended(deliver, id));
        }
        link
    }

    /// Drops the messages no server will get.
    fn discard(&mut self) {
        let count = std::mem::take(&mut self.buffer).len();
        if count > 0 {
            let text = format!("Discarded {count} buffered messages");
            self.outbox.log(Level::Warn, text);
        }
    }
}

/// What the supervisor reports.
impl State {
    /// The server to try next; `None`, and the end of the session, if there is none.
    pub(super) fn next_server(&mut self, max_attempts: i64) -> Option<ServerEntry> {
        let initial = self.status == Status::Connecting;
        let mut dropped = Vec::new();
        let choice = self.pool.choose(initial, max_attempts, &mut dropped);
        for server in dropped {
            let text = format!("Removed {} from the server pool", server.address());
            self.outbox.log(Level::Debug, text);
        }
        if choice == Choice::Attempt {
            return self.pool.current().cloned();
        }
        let error = no_servers();
        let reason = match choice {
            Choice::Exhausted => &error.message,
            _ => POOL_IS_EMPTY,
        };
        self.outbox.log(Level::Error, reason);
        // With a single server its own failure says more.
        let failure = self.failure.take().filter(|_| self.pool.len() == 1);
        self.finish(End::Lost, Err(failure.unwrap_or(error)));
        None
    }

    /// An attempt failed.
    pub(super) fn attempt_failed(&mut self, error: Error) {
        self.pool.failed();
        self.failure = Some(error.clone());
        self.outbox.error(error);
    }

    /// An attempt succeeded: everything that waited for a link goes there, in due order.
    pub(super) fn established(&mut self, link: Link, info: ServerInfo) {
        self.pool.succeeded();
        self.subscriptions.attach_all(&link, &self.connection);
        for message in std::mem::take(&mut self.buffer) {
            // Nobody is left to whom it could be raised.
            if let Err(error) = link.publish(message.into()) {
                self.outbox.error(error);
            }
        }
        for ping in self.requests.pings(link.echo()) {
            // Empty messages are never too long.
            let _ = link.publish(ping.into());
        }
        let text = format!("Connected to the server at {}", link.address());
        self.link = Some(link);
        self.outbox.log(Level::Info, text);
        self.outbox.event(Event::ServerInfo(Box::new(info.clone())));
        self.outbox.event(Event::LastError(None));
        self.set_status(Status::Connected);
        self.discover(&info.connect_urls);
        self.info = Some(Arc::new(info));
        if let Some(waiter) = self.connecting.take() {
            self.outbox.push(Notice::Settled(waiter, Ok(())));
        }
        for (id, deliver) in self.subscriptions.receivers() {
            self.outbox.push(Notice::Relinked(deliver, id));
        }
    }

    /// The link broke, or is about to be given up.
    pub(super) fn lost(&mut self, error: Error) -> Option<Link> {
        self.subscriptions.detach_all();
        self.outbox.error(error);
        self.set_status(Status::Reconnecting);
        self.link.take()
    }

    /// The server sent an `-ERR`. Returns the error if it ends the link.
    pub(super) fn server_error(&mut self, text: &str) -> Option<Error> {
        let report = failures::classify(text);
        if report.terminates {
            return Some(report.error);
        }
        match self.requests.denied_ping(text) {
            Some(waiter) => self.outbox.push(Notice::Settled(waiter, Ok(()))),
            None => self.outbox.error(report.error),
        }
        None
    }

    /// The messages of a subscription come faster than they are worked off.
    pub(super) fn slow_consumer(&mut self, id: u64) {
        // One that has ended has nobody left who is interested.
        if let Some(subject) = self.subscriptions.subject(id) {
            self.outbox.error(Error::new(
                Code::SlowConsumer,
                format!("Slow consumer: messages of subscription {id} ({subject}) are dropped"),
            ));
        }
    }

    /// A slow consumer has worked off what it had.
    pub(super) fn caught_up(&mut self, id: u64, dropped: usize) {
        let text = format!("Subscription {id} has caught up, {dropped} messages were dropped");
        self.outbox.log(Level::Info, text);
    }

    /// The server is going to shut down. This is all async-nats tells about later INFOs.
    pub(super) fn lame_duck(&mut self) {
        if let Some(info) = &mut self.info {
            let info = Arc::make_mut(info);
            info.lame_duck_mode = true;
            let event = Event::ServerInfo(Box::new(info.clone()));
            self.outbox.event(event);
        }
    }

    /// Adds the servers a server told about.
    fn discover(&mut self, addresses: &[String]) {
        if addresses.is_empty() {
            return;
        }
        let text = format!("Got connect_urls: {}", addresses.join(" "));
        self.outbox.log(Level::Debug, text);
        for address in addresses {
            match self.pool.discover(address) {
                Ok(false) => {}
                Ok(true) => {
                    let text = format!("Added {address} to the server pool");
                    self.outbox.log(Level::Debug, text);
                }
                Err(error) => self.outbox.log(Level::Warn, error.message),
            }
        }
    }
}

/// Messages and subscriptions.
impl State {
    /// Publishes, or buffers.
    pub(super) fn publish(&mut self, message: Publish) -> Result<()> {
        self.check_publish(&message)?;
        self.send(message)
    }

    /// Whether a message can be published, now or later (core.md §12).
    pub(super) fn check_publish(&self, message: &Publish) -> Result<()> {
        self.check_open()?;
        self.check_size(message)?;
        subject::check_length(&message.subject, message.reply.as_deref())
    }

    fn check_size(&self, message: &Publish) -> Result<()> {
        let Some(info) = &self.info else {
            return Ok(());
        };
        if message.payload.len() > info.max_payload {
            return Err(link::too_long(info.max_payload));
        }
        if message.has_headers() && !info.headers {
            return Err(Error::new(
                Code::HeadersNotSupported,
                "Headers are not supported by this server",
            ));
        }
        Ok(())
    }

    /// Sends a checked message, or buffers it.
    pub(super) fn send(&mut self, message: Publish) -> Result<()> {
        match &self.link {
            Some(link) if link.is_up() => link.publish(message.into()),
            _ => {
                self.buffer.push(message);
                Ok(())
            }
        }
    }

    /// Adds a subscription.
    pub(super) fn subscribe(
        &mut self,
        subject: Subject,
        queue: Option<&str>,
        max_msgs: u64,
        deliver: Arc<dyn Deliver>,
    ) -> u64 {
        let id = self.subscriptions.add(subject, queue, max_msgs, deliver);
        if let Some(link) = &self.link {
            self.subscriptions.attach(id, link, &self.connection);
        }
        id
    }

    /// Ends a subscription, now or after some more messages.
    pub(super) fn unsubscribe(&mut self, id: u64, max_msgs: u64) -> Result<bool> {
        self.check_open()?;
        self.subscriptions.end(id, max_msgs)
    }

    /// Ends a subscription when what is on its way has arrived.
    pub(super) fn drain(&mut self, id: u64) {
        if let Some(deliver) = self.subscriptions.drain(id) {
            self.outbox.push(Notice::Ended(deliver, id));
        }
    }

    /// As [`State::subscribe`], when it is not certain that there is a connection.
    pub(super) fn try_subscribe(
        &mut self,
        subject: &str,
        queue: Option<&str>,
        max_msgs: u64,
        deliver: Arc<dyn Deliver>,
    ) -> Result<u64> {
        self.check_open()?;
        let subject = Subject::from(subject);
        // Later async-nats would refuse it, with nobody left to tell.
        if !subject.is_valid() {
            return Err(Error::new(
                Code::BadSubject,
                format!("Invalid subject {subject}"),
            ));
        }
        subject::check_length(&subject, queue)?;
        Ok(self.subscribe(subject, queue, max_msgs, deliver))
    }
}

impl Drop for State {
    fn drop(&mut self) {
        if let Some(supervisor) = self.supervisor.take() {
            supervisor.abort();
        }
    }
}
