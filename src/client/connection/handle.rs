//! What others have of a connection.

use std::future::{pending, ready, Future};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use tokio::sync::oneshot;

use super::closing::Closing;
use super::deliver::Deliver;
use super::events::{Level, Sink, Status};
use super::gather::{self, Gather};
use super::info::ServerInfo;
use super::inner::Inner;
use super::link::Link;
use super::pipeline::Pipeline;
use super::publish::Publish;
use super::server::ServerEntry;
use super::settings::Settings;
use super::traffic::Traffic;
use super::{exit, requests, state, supervisor, waiters};
use crate::client::error::{Error, Result};
use crate::client::message::Message;
use state::State;

/// A handle of a connection. Clones refer to the same one; it ends with the last of them.
///
/// Functions that are not `async` do not block, and those that start something must be called in
/// the context of a tokio runtime.
#[derive(Clone)]
pub struct Connection(pub(super) Arc<Inner>);

/// Configuration and what can be asked at any time.
impl Connection {
    /// A closed connection, which tells `sink` what happens to it.
    pub fn new(sink: Arc<dyn Sink>) -> Connection {
        let inner = Inner::new(sink);
        exit::register(&inner);
        Connection(inner)
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
        // There may be more room now.
        self.0.with(State::admit);
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

    /// Whether both are handles of one connection.
    pub(crate) fn is_same_as(&self, other: &Connection) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Which session this is, from one `connect` to the end that follows; none when closed. What belongs
    /// to a session ends with it, and sees by this that another one has begun meanwhile.
    pub fn session(&self) -> Option<u64> {
        self.0.lock().session()
    }

    /// Resolves when there is another link than the one on which goes out what is sent now: answers that
    /// have not come by then never will.
    pub(crate) fn relinked(&self) -> impl Future<Output = ()> + Send + 'static {
        let (mut links, next) = {
            let state = self.0.lock();
            let links = state.links.subscribe();
            let waits_for_link = !state.link.as_ref().is_some_and(Link::is_up);
            let next = *links.borrow() + 1 + u64::from(waits_for_link);
            (links, next)
        };
        async move {
            if links.wait_for(|links| *links >= next).await.is_err() {
                // The connection is gone, and who waits is told so.
                pending::<()>().await;
            }
        }
    }

    /// Whether the last link that broke did so upon a message that cannot be read. If not, that may be so all the same.
    pub(crate) fn broke_upon_message(&self) -> bool {
        self.0.lock().broken_by_message
    }

    /// The number of the present link, or of the last one: which a message may be bound to ([`Publish::link`]).
    pub(crate) fn link(&self) -> u64 {
        *self.0.lock().links.borrow()
    }

    /// Resolves when there is a link after the one of this number.
    pub(crate) fn link_after(&self, link: u64) -> impl Future<Output = ()> + Send + 'static {
        let mut links = self.0.lock().links.subscribe();
        async move {
            if links.wait_for(|links| *links > link).await.is_err() {
                // The connection is gone, and who waits is told so.
                pending::<()>().await;
            }
        }
    }

    /// Where the connection stands.
    pub fn status(&self) -> Status {
        self.0.lock().status()
    }

    /// A new inbox subject: `_INBOX`, or what [`Connection::set_inbox_prefix`] has set, a dot, and 22 letters or
    /// digits.
    pub fn new_inbox(&self) -> String {
        self.0.lock().new_inbox()
    }

    /// What inboxes begin with from now on.
    ///
    /// # Errors
    /// `InvalidArg`, when not closed, or for what is no subject without wildcards.
    pub fn set_inbox_prefix(&self, prefix: &str) -> Result<()> {
        self.0.with(|state| state.set_inbox_prefix(prefix))
    }

    /// How much was transported since the connection was made, or since the last call with `reset`.
    pub fn traffic(&self, reset: bool) -> Traffic {
        self.0.lock().counters.read(reset)
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
        let connection = Arc::downgrade(&self.0);
        self.0.with(|state| {
            state.connect(|session| {
                tokio::spawn(supervisor::run(connection, session)).abort_handle()
            })
        })
    }

    /// Drops the server and connects again, to the next one of the pool, as after a break; subscriptions stay.
    /// Does nothing while there is no link.
    ///
    /// # Errors
    /// `ConnectionClosed`
    pub fn reconnect(&self) -> Result<()> {
        self.0.with(State::reconnect)
    }

    /// Closes the connection, ends pending operations, forgets subscriptions.
    ///
    /// All this has happened when the call returns. The future resolves when the data on the way
    /// was handed to the socket, or two seconds later; that happens even if it is dropped.
    pub fn disconnect(&self) -> BoxFuture<'static, ()> {
        match self.0.with(State::disconnect) {
            None => Box::pin(ready(())),
            Some(closing) => {
                let (sender, delivered) = oneshot::channel();
                tokio::spawn(close(Arc::downgrade(&self.0), closing, sender));
                Box::pin(async move { drop(delivered.await) })
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

    /// Whether new subscriptions and requests are accepted: not when closed, nor when about to close.
    ///
    /// # Errors
    /// `ConnectionClosed`
    pub fn check_accepting(&self) -> Result<()> {
        self.0.lock().check_accepting()
    }

    /// Whether there is a connection to a server now, which is not about to close.
    ///
    /// # Errors
    /// `ConnectionClosed`
    pub fn check_connected(&self) -> Result<()> {
        let state = self.0.lock();
        state.check_accepting()?;
        match state.status() {
            Status::Connected => Ok(()),
            _ => Err(state::not_connected()),
        }
    }

    /// Whether a message can be published; subjects and room are not looked at.
    ///
    /// # Errors
    /// `ConnectionClosed`, `MaxPayload`, `HeadersNotSupported`
    pub fn check_publish(&self, message: &Publish) -> Result<()> {
        self.0.lock().check_publish(message)
    }

    /// Publishes a message whose subjects the caller has checked; keeps it while there is no link, or the link
    /// has enough to do. Gives it back if more waits than [`Settings::max_pending`] allows.
    ///
    /// # Errors
    /// `ConnectionClosed`, `MaxPayload`, `HeadersNotSupported`
    pub fn publish(&self, message: Publish) -> Result<Option<Publish>> {
        self.0.with(|state| state.publish(message))
    }

    /// As [`Connection::publish`], but waits for room where there is none. Whoever waits longest is next; a
    /// message whose future is dropped is not sent.
    ///
    /// # Errors
    /// Those of [`Connection::publish`]; `ConnectionClosed` when the connection ends meanwhile.
    pub fn publish_in_turn(&self, message: Publish) -> impl Future<Output = Result<()>> + Send {
        let turn = self.0.with(|state| state.publish_in_turn(message));
        // The other end disappears only with the connection as a whole.
        async { turn?.await.unwrap_or_else(|_| Err(waiters::closed())) }
    }

    /// The error of a message that [`Connection::publish`] gave back.
    pub fn outbound_full(&self) -> Error {
        self.0.lock().full()
    }

    /// Publishes what others wait for: an acknowledgement, a request for more messages. Beyond the limit, too.
    ///
    /// # Errors
    /// `ConnectionClosed`, `MaxPayload`, `HeadersNotSupported`
    pub fn publish_control(&self, message: Publish) -> Result<()> {
        self.0.with(|state| {
            state.check_publish(&message)?;
            state.send(message)
        })
    }

    /// Whether there is room for a request.
    ///
    /// # Errors
    /// `OutboundFull`
    pub fn check_request(&self, message: &Publish) -> Result<()> {
        self.0.lock().check_request(message)
    }

    /// Publishes a request at once, and returns a future for its first reply.
    ///
    /// The reply subject of `message` is ignored. The time runs from now on; no timeout, or a
    /// zero one, means no limit. Dropping the future cancels the request.
    ///
    /// # Errors
    /// Those of [`Connection::publish`]; `OutboundFull`; `NoResponders`; `Timeout`, also when no server is left;
    /// `ConnectionClosed` when `disconnect` is called meanwhile.
    pub fn request(
        &self,
        message: Publish,
        timeout: Option<Duration>,
    ) -> impl Future<Output = Result<Message>> + Send + 'static {
        let reply = self.request_or_status(message, timeout);
        async move { reply.await.and_then(waiters::responded) }
    }

    /// As [`Connection::request`], but that there are no responders comes as the server's message.
    pub fn request_or_status(
        &self,
        message: Publish,
        timeout: Option<Duration>,
    ) -> BoxFuture<'static, Result<Message>> {
        requests::request(&self.0, message, timeout)
    }

    /// For requests of which many are to be in flight.
    pub fn pipeline(&self) -> Pipeline {
        Pipeline::new(self.0.clone())
    }

    /// Publishes a request for several replies, up to `max` of them (0: any number).
    ///
    /// # Errors
    /// Those of [`Connection::publish`]; `OutboundFull`.
    pub fn gather(&self, message: Publish, max: u64, timeout: Option<Duration>) -> Result<Gather> {
        gather::gather(&self.0, message, max, timeout)
    }

    /// The subscription that the replies of [`Connection::request`] come on, once there was one.
    pub fn inbox_subscription(&self) -> Option<u64> {
        self.0.lock().waiters.subscription
    }

    /// Makes sure that the server has handled everything before.
    ///
    /// # Errors
    /// `ConnectionClosed` when not connected yet, or closed meanwhile; `Timeout`, at once if zero.
    pub fn ping(&self, timeout: Duration) -> impl Future<Output = Result<()>> + Send + 'static {
        requests::ping(&self.0, timeout)
    }

    /// How long a message takes to the server and back. It is measured where the answer arrives, whatever the
    /// owner's thread does meanwhile. When the link breaks it begins anew on the next one.
    ///
    /// # Errors
    /// Those of [`Connection::ping`].
    pub fn rtt(
        &self,
        timeout: Duration,
    ) -> impl Future<Output = Result<Duration>> + Send + 'static {
        let connection = self.clone();
        let (mut begin, mut link) = (Instant::now(), self.link());
        let mut answered = Box::pin(self.ping(timeout));
        async move {
            loop {
                tokio::select! {
                    biased;
                    answer = &mut answered => return answer.map(|()| begin.elapsed()),
                    () = connection.link_after(link) => {
                        (begin, link) = (Instant::now(), connection.link());
                    }
                }
            }
        }
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
}

/// Closes a link that was given up. Once it has delivered what it could, the sender is dropped.
async fn close(connection: Weak<Inner>, mut closing: Closing, delivered: oneshot::Sender<()>) {
    let complaint = closing.deliver().await;
    if let (Some(complaint), Some(connection)) = (complaint, connection.upgrade()) {
        connection.with(|state| state.undelivered(closing.session, complaint));
    }
    drop(delivered);
    closing.close().await;
}
