//! The state of a connection and its changes. Every function here runs under the state lock.
//!
//! What somebody outside has to be told goes into the outbox, in the order in which scripts shall see it.

use std::sync::{Arc, Weak};
use std::time::Duration;

use async_nats::Subject;
use futures_util::future::BoxFuture;
use tokio::sync::{oneshot, watch};
use tokio::task::AbortHandle;

use super::closing::{Closing, Ending};
use super::deliver::Deliver;
use super::discovery::Fields;
use super::events::{Event, Level, Notice, Outbox, Status};
use super::failures::LinkEnd;
use super::hold::Draining;
use super::info::ServerInfo;
use super::link::{self, Link};
use super::outgoing::{Interest, Outgoing};
use super::owner::Owner;
use super::pool::{Choice, Pool, MOST_DISCOVERED};
use super::publish::Publish;
use super::server::ServerEntry;
use super::subscriptions::Subscriptions;
use super::traffic::Counters;
use super::waiters::{closed, End, Waiters, DEFAULT_INBOX_PREFIX};
use super::window::header_length;
use crate::client::error::{Code, Error, Result};
use crate::client::subject;

/// Everything a connection knows, but its settings.
pub(super) struct State {
    owner: Weak<dyn Owner>,
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
    /// Only in status `connected` or `draining`.
    pub(super) link: Option<Link>,
    /// The last link broke upon a message that cannot be read, as far as is known.
    pub(super) broken_by_message: bool,
    /// How many links there have been.
    pub(super) links: watch::Sender<u64>,
    pub(super) counters: Arc<Counters>,
    pub(super) outgoing: Outgoing,
    pub(super) subscriptions: Subscriptions,
    /// What inboxes begin with.
    pub(super) inbox_prefix: String,
    pub(super) waiters: Waiters,
    pub(super) outbox: Outbox,
    /// Only in status `draining`.
    pub(super) draining: Option<Draining>,
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
    pub(super) fn new(owner: Weak<dyn Owner>) -> Self {
        State {
            owner,
            status: Status::Closed,
            session: 0,
            supervisor: None,
            connecting: None,
            failure: None,
            pool: Pool::default(),
            info: None,
            link: None,
            broken_by_message: false,
            links: watch::Sender::default(),
            counters: Arc::default(),
            outgoing: Outgoing::default(),
            subscriptions: Subscriptions::default(),
            inbox_prefix: DEFAULT_INBOX_PREFIX.to_owned(),
            waiters: Waiters::new(DEFAULT_INBOX_PREFIX),
            outbox: Outbox::default(),
            draining: None,
        }
    }

    /// The connection, for a task.
    pub(super) fn owner(&self) -> Weak<dyn Owner> {
        self.owner.clone()
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

    /// Whether a session has ended and no other one has begun.
    pub(super) fn is_over(&self, session: u64) -> bool {
        self.status == Status::Closed && self.session == session
    }

    /// The link, if messages handed over now have a chance to arrive.
    pub(super) fn live_link(&mut self) -> Option<&mut Link> {
        self.link.as_mut().filter(|link| link.is_up())
    }

    pub(super) fn set_status(&mut self, status: Status) {
        self.status = status;
        self.outbox.event(Event::Status(status));
    }

    pub(super) fn check_open(&self) -> Result<()> {
        match self.status {
            Status::Closed => Err(not_connected()),
            _ => Ok(()),
        }
    }

    /// Whether there may be new subscriptions and requests.
    pub(super) fn check_accepting(&self) -> Result<()> {
        match self.status {
            Status::Draining => Err(Error::new(
                Code::ConnectionClosed,
                "The connection is about to close",
            )),
            _ => self.check_open(),
        }
    }
}

/// Connecting and disconnecting.
impl State {
    /// Starts connecting, if closed; `supervise` starts the task that does so in a session.
    pub(super) fn connect(
        &mut self,
        supervise: impl FnOnce(u64) -> AbortHandle,
    ) -> Result<Option<BoxFuture<'static, Result<()>>>> {
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
        self.supervisor = Some(supervise(self.session));
        Ok(Some(Box::pin(async {
            // The other end disappears only with the connection as a whole.
            outcome.await.unwrap_or_else(|_| Err(no_servers()))
        })))
    }

    /// Closes, if not closed; what is left to do is to close the link.
    pub(super) fn disconnect(&mut self) -> Option<Closing> {
        if self.status == Status::Closed {
            return None;
        }
        self.finish(End::Closed, closed(), Err(no_servers()))
    }

    /// Ends the session. `reason` is for those who wait for the connection's own end.
    fn finish(&mut self, end: End, reason: Error, outcome: Result<()>) -> Option<Closing> {
        if let Some(supervisor) = self.supervisor.take() {
            supervisor.abort();
        }
        let closing = self.close_link(end);
        self.discard();
        if end == End::Closed {
            self.outbox.event(Event::LastError(None));
        }
        self.set_status(Status::Closed);
        if let Some(waiter) = self.connecting.take() {
            self.outbox.push(Notice::Settled(waiter, outcome));
        }
        if let Some(draining) = self.draining.take() {
            self.outbox
                .push(Notice::Interrupted(draining.interrupted, reason));
        }
        for waiter in self.waiters.clear(&self.inbox_prefix) {
            self.outbox.push(Notice::Refused(waiter, end));
        }
        for (id, deliver) in self.subscriptions.clear() {
            self.outbox.push(Notice::Ended(deliver, id));
        }
        closing
    }

    /// Takes the link, and what waits for it unless it was lost.
    fn close_link(&mut self, end: End) -> Option<Closing> {
        for waiter in self.outgoing.dismiss() {
            self.outbox.push(waiter);
        }
        let link = self.link.take()?;
        let text = format!("Closing connection to {}", link.address());
        self.outbox.log(Level::Info, text);
        let inbox = Subject::from(self.new_inbox());
        Some(Closing {
            session: self.session,
            _ending: Ending::begin(),
            outgoing: match end == End::Closed && link.is_up() {
                true => std::mem::take(&mut self.outgoing),
                false => Outgoing::default(),
            },
            is_jammed: false,
            link,
            inbox,
            subscribers: self.subscriptions.subscribers(),
        })
    }

    /// A link was closed that had not taken everything.
    pub(super) fn undelivered(&mut self, session: u64, complaint: String) {
        match self.is_over(session) {
            true => self.outbox.error(Error::new(Code::BrokenSocket, complaint)),
            // The last error is another session's.
            false => self.outbox.log(Level::Warn, complaint),
        }
    }

    /// Drops the messages no server will get.
    fn discard(&mut self) {
        let count = std::mem::take(&mut self.outgoing).count();
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
        let mut error = no_servers();
        let reason = match choice {
            Choice::Exhausted => &error.message,
            _ => POOL_IS_EMPTY,
        };
        self.outbox.log(Level::Error, reason);
        if let Some(last) = self.failure.take() {
            // With a single server its own failure says all.
            match self.pool.len() {
                1 => error = last,
                _ => error.message = format!("{}: {}", error.message, last.message),
            }
        }
        self.finish(End::Lost, error.clone(), Err(error));
        None
    }

    /// The supervisor has come to an end that it should not have.
    pub(super) fn give_up(&mut self) -> Option<Closing> {
        let error = Error::new(Code::Internal, "The task of the connection has failed");
        self.outbox.error(error.clone());
        self.finish(End::Lost, error.clone(), Err(error))
    }

    /// An attempt failed.
    pub(super) fn attempt_failed(&mut self, error: Error) {
        self.pool.failed();
        self.failure = Some(error.clone());
        self.outbox.error(error);
    }

    /// An attempt succeeded: everything that waited for a link goes there, in due order.
    pub(super) fn established(
        &mut self,
        mut link: Link,
        info: ServerInfo,
        ignore_discovered: bool,
    ) {
        self.pool.succeeded();
        link.belongs_to(&self.counters);
        if self.status == Status::Reconnecting {
            self.counters.reconnected();
        }
        self.subscriptions.attach_all(&link, &self.owner);
        for ping in self.waiters.pings(link.echo()) {
            self.outgoing.push(ping);
        }
        let text = format!("Connected to the server at {}", link.address());
        self.link = Some(link);
        self.hand_over();
        self.start_pump();
        self.outbox.log(Level::Info, text);
        self.outbox.event(Event::ServerInfo(Box::new(info.clone())));
        self.outbox.event(Event::LastError(None));
        self.set_status(Status::Connected);
        if !ignore_discovered {
            self.discover(&info.connect_urls);
        }
        self.info = Some(Arc::new(info));
        if let Some(waiter) = self.connecting.take() {
            self.outbox.push(Notice::Settled(waiter, Ok(())));
        }
        for (id, deliver) in self.subscriptions.receivers() {
            self.outbox.push(Notice::Relinked(deliver, id));
        }
        self.links.send_modify(|links| *links += 1);
    }

    /// The link broke, or is about to be given up. The distance is the usual one of attempts.
    pub(super) fn lost(&mut self, end: LinkEnd, distance: Duration) -> Option<Link> {
        self.pool.lost(distance, end.unreadable);
        self.broken_by_message = end.unreadable;
        self.subscriptions.detach_all();
        // The next link begins with all of them.
        self.outgoing.forget_subscriptions();
        self.outgoing.forget_bound();
        self.waiters.forget_link();
        if let Some(link) = self
            .link
            .as_mut()
            .filter(|_| end.error.code == Code::StaleConnection)
        {
            link.give_up();
        }
        self.outbox.error(end.error.clone());
        if self.status == Status::Draining {
            // Nothing of what it waits for can come any more.
            let closing = self.finish(End::Lost, end.error, Err(no_servers()));
            return closing.map(|closing| closing.link);
        }
        self.set_status(Status::Reconnecting);
        self.link.take()
    }

    /// Drops the link as if it had broken.
    ///
    /// # Errors
    /// `ConnectionClosed`
    pub(super) fn reconnect(&mut self) -> Result<()> {
        self.check_accepting()?;
        if let Some(link) = &self.link {
            link.renew();
        }
        Ok(())
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
        self.later_info(|info| {
            info.set_lame_duck();
            true
        });
    }

    /// A fresh INFO of the present server.
    pub(super) fn news(&mut self, fields: Fields, ignore_discovered: bool) {
        let known = self.info.as_ref().map(|info| info.connect_urls.clone());
        let info = self.later_info(|info| info.merge(fields));
        let urls = info.map(|info| info.connect_urls.clone());
        if let Some(urls) = urls.filter(|urls| !ignore_discovered && known.as_ref() != Some(urls)) {
            self.discover(&urls);
        }
    }

    /// Changes what is known of the server, and tells it, if it is something else then.
    fn later_info(
        &mut self,
        change: impl FnOnce(&mut ServerInfo) -> bool,
    ) -> Option<Arc<ServerInfo>> {
        let info = self.info.as_mut()?;
        if !change(Arc::make_mut(info)) {
            return None;
        }
        let info = info.clone();
        let event = Event::LaterInfo(Box::new((*info).clone()));
        self.outbox.event(event);
        Some(info)
    }

    /// Adds the servers that the present one told about.
    fn discover(&mut self, addresses: &[String]) {
        if addresses.is_empty() {
            return;
        }
        let shown = &addresses[..addresses.len().min(MOST_DISCOVERED)];
        let text = format!("Got connect_urls: {}", shown.join(" "));
        self.outbox.log(Level::Debug, text);
        let used_tls = self.link.as_ref().is_some_and(Link::uses_tls);
        let discovery = self.pool.discover(addresses, used_tls);
        for address in discovery.added {
            let text = format!("Added {address} to the server pool");
            self.outbox.log(Level::Debug, text);
        }
        for complaint in discovery.invalid {
            self.outbox.log(Level::Warn, complaint);
        }
        if discovery.ignored > 0 {
            let text = format!("Ignored {} other servers", discovery.ignored);
            self.outbox.log(Level::Debug, text);
        }
    }
}

/// Messages and subscriptions.
impl State {
    /// Whether a message can be published, now or later.
    pub(super) fn check_publish(&self, message: &Publish) -> Result<()> {
        self.check_open()?;
        self.check_size(message)?;
        subject::check_length(&message.subject, message.reply.as_deref())
    }

    fn check_size(&self, message: &Publish) -> Result<()> {
        let Some(info) = &self.info else {
            return Ok(());
        };
        if message.payload.len() + header_length(message.headers.as_ref()) > info.max_payload {
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

    /// Adds a subscription.
    pub(super) fn subscribe(
        &mut self,
        subject: Subject,
        queue: Option<&str>,
        max_msgs: u64,
        deliver: Arc<dyn Deliver>,
    ) -> u64 {
        let id = self.subscriptions.add(subject, queue, max_msgs, deliver);
        match &self.link {
            Some(link) if self.outgoing.is_empty() => {
                self.subscriptions.attach(id, link, &self.owner);
            }
            Some(_) => self.outgoing.push_interest(Interest::Begins(id)),
            // The next one begins with all of them.
            None => {}
        }
        id
    }

    /// Ends a subscription, now or after some more messages.
    pub(super) fn unsubscribe(&mut self, id: u64, max_msgs: u64) -> Result<bool> {
        self.check_open()?;
        self.subscriptions.end(id, max_msgs)
    }

    /// As [`State::subscribe`], when it is not certain that there is a connection.
    pub(super) fn try_subscribe(
        &mut self,
        subject: &str,
        queue: Option<&str>,
        max_msgs: u64,
        deliver: Arc<dyn Deliver>,
    ) -> Result<u64> {
        self.check_accepting()?;
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
