//! A connection to NATS with the behaviour nats-tcl users know (core.md §5–§14).
//!
//! async-nats speaks the protocol; what it would decide by itself is decided here: which server is
//! tried when, what is buffered meanwhile, what is restored afterwards, and what the owner is told.
//!
//! | File | Concept |
//! |---|---|
//! | `settings` | the options |
//! | `pool` | URLs, and the order in which servers are tried |
//! | `link` | one established connection to one server |
//! | `auth` | how a link identifies itself |
//! | `tls` | TLS options of a link |
//! | `failures` | what `-ERR` texts and failed attempts mean |
//! | `supervisor` | the task that makes links and notices their end |
//! | `state` | what a connection knows, and its transitions |
//! | `subscriptions` | subscriptions and the tasks that hand over their messages |
//! | `requests` | requests and pings |
//! | `gather` | requests that want several replies |
//! | `events` | what the owner is told |
//!
//! Ownership runs one way: [`Connection`] handles own the state, the state owns the link, and tasks
//! refer to the state weakly. So dropping the last handle ends everything.
//!
//! One lock guards the state. It is never held across an `await` or while a [`Sink`] or [`Deliver`]
//! is called. Handing a message to a link happens under it, which makes the order of calls the
//! order on the wire.

mod auth;
mod events;
mod failures;
mod gather;
mod link;
mod pool;
mod requests;
mod settings;
mod state;
mod subscriptions;
mod supervisor;
mod tls;

use std::future::{ready, Future};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_nats::message::OutboundMessage;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use tokio::time::Instant;

pub use async_nats::{ServerInfo, Subject};
pub use events::{Event, Level, Sink, Status};
pub use gather::{Gather, Gathered, Place};
pub use pool::{parse_url, Credentials, ServerEntry};
pub use settings::{AskPassphrase, ReconnectDelay, Settings};
pub use subscriptions::Deliver;
pub use tls::TlsOption;

use crate::client::error::{Error, Result};
use crate::client::message::{HeaderMap, Message};
use state::State;

/// A message to be published.
#[derive(Debug, Clone)]
pub struct Publish {
    pub subject: Subject,
    pub payload: Bytes,
    /// Empty is the same as none.
    pub headers: Option<HeaderMap>,
    pub reply: Option<Subject>,
}

impl Publish {
    /// A message with a payload, and nothing else.
    pub fn new(subject: impl Into<Subject>, payload: impl Into<Bytes>) -> Self {
        Publish {
            subject: subject.into(),
            payload: payload.into(),
            headers: None,
            reply: None,
        }
    }

    fn has_headers(&self) -> bool {
        self.headers.as_ref().is_some_and(|h| !h.is_empty())
    }
}

impl From<Publish> for OutboundMessage {
    fn from(message: Publish) -> Self {
        OutboundMessage {
            subject: message.subject,
            reply: message.reply,
            payload: message.payload,
            headers: message.headers,
        }
    }
}

/// A handle of a connection. Clones refer to the same one; it ends with the last of them.
///
/// Functions that are not `async` do not block, and those that start something must be called in
/// the context of a tokio runtime.
#[derive(Clone)]
pub struct Connection(Arc<Inner>);

struct Inner {
    sink: Arc<dyn Sink>,
    settings: Mutex<Settings>,
    state: Mutex<State>,
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state, then tells whoever has to know.
    fn with<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        let mut state = self.lock();
        let result = change(&mut state);
        if !state.outbox.is_empty() && !state.outbox.busy {
            self.tell(state);
        }
        result
    }

    /// Empties the outbox, with the lock released whenever somebody is called.
    fn tell<'a>(&'a self, mut state: MutexGuard<'a, State>) {
        state.outbox.busy = true;
        while let Some(notice) = state.outbox.pop() {
            drop(state);
            notice.tell(&*self.sink);
            state = self.lock();
        }
        state.outbox.busy = false;
    }

    fn settings(&self) -> Settings {
        self.with_settings(|settings| settings.clone())
    }

    fn with_settings<R>(&self, f: impl FnOnce(&mut Settings) -> R) -> R {
        f(&mut self.settings.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A moment in the future; zero, and more than a clock can count, mean never.
fn deadline(distance: Duration) -> Option<Instant> {
    if distance.is_zero() {
        return None;
    }
    Instant::now().checked_add(distance)
}

/// Configuration and what can be asked at any time.
impl Connection {
    /// A closed connection, which tells `sink` what happens to it.
    pub fn new(sink: Arc<dyn Sink>) -> Connection {
        Connection(Arc::new_cyclic(|inner| Inner {
            sink,
            settings: Mutex::default(),
            state: Mutex::new(State::new(inner.clone())),
        }))
    }

    /// A copy of all options.
    pub fn settings(&self) -> Settings {
        self.0.settings()
    }

    /// Looks at options without copying them; the function must not call the connection.
    pub fn with_settings<R>(&self, f: impl FnOnce(&Settings) -> R) -> R {
        self.0.with_settings(|settings| f(settings))
    }

    /// Changes options; the function must not call the connection.
    pub fn update(&self, f: impl FnOnce(&mut Settings)) {
        self.0.with_settings(f);
    }

    /// Replaces the servers, all or none of them.
    ///
    /// # Errors
    /// `InvalidArg`, when not closed, or for an invalid URL.
    pub fn set_servers(&self, urls: &[String], randomize: bool) -> Result<()> {
        self.0.with(|state| {
            if state.status() != Status::Closed {
                return Err(Error::invalid_arg(
                    "Cannot configure servers when already connected",
                ));
            }
            state.pool.set(urls, randomize)
        })
    }

    /// Forgets all servers.
    pub fn clear_servers(&self) {
        self.0.with(|state| state.pool.clear());
    }

    /// The servers in the order in which they will be tried.
    pub fn all_servers(&self) -> Vec<ServerEntry> {
        self.0.lock().pool.all()
    }

    /// Host and port of the server that is connected, or tried, or waited for.
    ///
    /// # Errors
    /// `ConnectionClosed`
    pub fn current_server(&self) -> Result<(String, u32)> {
        let state = self.0.lock();
        match state.pool.current() {
            Some(server) if state.status() != Status::Closed => {
                Ok((server.host.clone(), server.port))
            }
            _ => Err(state::not_connected()),
        }
    }

    /// What the last server said about itself.
    pub fn server_info(&self) -> Option<Arc<ServerInfo>> {
        self.0.lock().info.clone()
    }

    /// Which session this is, from one `connect` to the end that follows; none when closed. What belongs
    /// to a session ends with it, and sees by this that another one has begun meanwhile.
    pub fn session(&self) -> Option<u64> {
        self.0.lock().session()
    }

    /// Where the connection stands.
    pub fn status(&self) -> Status {
        self.0.lock().status()
    }

    /// A new inbox subject: `_INBOX.` and 22 letters or digits.
    pub fn new_inbox(&self) -> String {
        requests::new_inbox()
    }

    /// Adds a line to the log.
    pub fn log(&self, level: Level, text: impl Into<String>) {
        self.0.with(|state| state.outbox.log(level, text));
    }
}

/// Connecting and disconnecting.
impl Connection {
    /// Starts connecting; `None` when that is done or under way already.
    ///
    /// The future resolves when the status is no longer `connecting`. Dropping it changes nothing.
    ///
    /// # Errors
    /// `NoServers`, also from the future when each of several servers failed or `disconnect` was
    /// called. If the only server failed, its error.
    pub fn connect(&self) -> Result<Option<BoxFuture<'static, Result<()>>>> {
        self.0.with(State::connect)
    }

    /// Closes the connection, ends pending operations, forgets subscriptions.
    ///
    /// All this has happened when the call returns. The future resolves when the data on the way
    /// was handed to the socket, or two seconds later; that happens even if it is dropped.
    pub fn disconnect(&self) -> BoxFuture<'static, ()> {
        match self.0.with(State::disconnect) {
            None => Box::pin(ready(())),
            Some(link) => {
                let closing = tokio::spawn(link.close());
                Box::pin(async move { drop(closing.await) })
            }
        }
    }
}

/// Messages.
impl Connection {
    /// Whether calls that need a connection, now or later, are accepted.
    ///
    /// # Errors
    /// `ConnectionClosed`
    pub fn check_open(&self) -> Result<()> {
        self.0.lock().check_open()
    }

    /// Whether [`Connection::publish`] would accept a message; subjects are not looked at.
    ///
    /// # Errors
    /// `ConnectionClosed`, `MaxPayload`, `HeadersNotSupported`
    pub fn check_publish(&self, message: &Publish) -> Result<()> {
        self.0.lock().check_publish(message)
    }

    /// Publishes a message whose subjects the caller has checked; buffers it while there is no link.
    ///
    /// # Errors
    /// `ConnectionClosed`, `MaxPayload`, `HeadersNotSupported`
    pub fn publish(&self, message: Publish) -> Result<()> {
        self.0.with(|state| state.publish(message))
    }

    /// Publishes a request at once, and returns a future for its first reply.
    ///
    /// The reply subject of `message` is ignored. The time runs from now on; no timeout, or a
    /// zero one, means no limit. Dropping the future cancels the request.
    ///
    /// # Errors
    /// Those of [`Connection::publish`]; `NoResponders`; `Timeout`, also when no server is left;
    /// `ConnectionClosed` when `disconnect` is called meanwhile.
    pub fn request(
        &self,
        message: Publish,
        timeout: Option<Duration>,
    ) -> impl Future<Output = Result<Message>> + Send + 'static {
        let reply = self.request_or_status(message, timeout);
        async move { reply.await.and_then(requests::responded) }
    }

    /// As [`Connection::request`], but that there are no responders comes as the server's message.
    pub fn request_or_status(
        &self,
        message: Publish,
        timeout: Option<Duration>,
    ) -> BoxFuture<'static, Result<Message>> {
        requests::request(&self.0, message, timeout)
    }

    /// Publishes a request for several replies, up to `max` of them (0: any number).
    ///
    /// # Errors
    /// Those of [`Connection::publish`].
    pub fn gather(&self, message: Publish, max: u64, timeout: Option<Duration>) -> Result<Gather> {
        gather::gather(&self.0, message, max, timeout)
    }

    /// The subscription that the replies of [`Connection::request`] come on, once there was one.
    pub fn inbox_subscription(&self) -> Option<u64> {
        self.0.lock().requests.subscription
    }

    /// Makes sure that the server has handled everything before.
    ///
    /// # Errors
    /// `ConnectionClosed` when not connected yet, or closed meanwhile; `Timeout`, at once if zero.
    pub fn ping(&self, timeout: Duration) -> impl Future<Output = Result<()>> + Send + 'static {
        requests::ping(&self.0, timeout)
    }

    /// Subscribes. The subscription survives reconnections; it ends after `max_msgs` messages
    /// (0: never), by [`Connection::unsubscribe`], or with the connection.
    ///
    /// # Errors
    /// `ConnectionClosed`; `BadSubject` for what async-nats refuses even unchecked, empty tokens.
    pub fn subscribe(
        &self,
        subject: &str,
        queue: Option<&str>,
        max_msgs: u64,
        deliver: Arc<dyn Deliver>,
    ) -> Result<u64> {
        self.0
            .with(|state| state.try_subscribe(subject, queue, max_msgs, deliver))
    }

    /// Ends a subscription when it has received `max_msgs` messages in all; at once if it has.
    /// Returns whether it has ended.
    ///
    /// # Errors
    /// `ConnectionClosed`, `BadSubscription`
    pub fn unsubscribe(&self, id: u64, max_msgs: u64) -> Result<bool> {
        self.0.with(|state| state.unsubscribe(id, max_msgs))
    }

    /// Unsubscribes, but lets what has arrived be delivered; then [`Deliver::ended`] is called. What the
    /// server sends at this very moment may still get lost.
    pub fn drain(&self, id: u64) {
        self.0.with(|state| state.drain(id));
    }
}
