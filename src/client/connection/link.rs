//! One established connection to one server: a [`async_nats::Client`] that never reconnects.
//!
//! All calls return at once. The channels of async-nats get their maximum capacity, which costs
//! nothing as they grow on demand; so its `async` functions complete when first polled, on the
//! caller's thread, and what is called first is first on the wire.

use std::future::Future;
use std::sync::atomic::Ordering;
use std::sync::Arc;

use async_nats::client::traits::Publisher;
use async_nats::connection::State;
use async_nats::{Client, PublishErrorKind, Statistics, Subject, Subscriber};
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt};
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use super::publish::Publish;
use super::reader::Reader;
use super::traffic::Counters;
use super::waiters;
use super::window::{Size, Window};
use crate::client::error::{Code, Error, Result};

/// Resolves when what a link was given is written; false when the link has ended. It may be early if the
/// socket took nothing at all: [`Link::is_written`] knows better.
pub(super) type Written = BoxFuture<'static, bool>;

/// One established connection to one server. Dropping it closes the socket.
pub(super) struct Link {
    client: Client,
    statistics: Arc<Statistics>,
    /// Those of its connection, once it belongs to one.
    counters: Arc<Counters>,
    window: Window,
    /// To be told that the link is to be made anew.
    renewal: Arc<Notify>,
    /// Moves what waits to this link.
    pump: Option<AbortHandle>,
    runtime: Handle,
    pinger: Option<(Subject, Subscriber)>,
    address: String,
    echo: bool,
    uses_tls: bool,
    jammed: bool,
    /// Sees to it that the link ends.
    _reader: Reader,
}

impl Link {
    /// A link that was just made.
    pub(super) fn new(
        client: Client,
        reader: Reader,
        address: String,
        echo: bool,
        uses_tls: bool,
    ) -> Link {
        Link {
            statistics: client.statistics(),
            counters: Arc::default(),
            window: Window::new(client.statistics()),
            renewal: Arc::default(),
            client,
            pump: None,
            runtime: Handle::current(),
            pinger: None,
            address,
            echo,
            uses_tls,
            jammed: false,
            _reader: reader,
        }
    }

    /// The connection has it from now on: what it sends is counted there.
    pub(super) fn belongs_to(&mut self, counters: &Arc<Counters>) {
        self.counters = counters.clone();
    }

    /// Has the connection make another link in its place.
    pub(super) fn renew(&self) {
        self.renewal.notify_one();
    }

    /// Is notified by [`Link::renew`].
    pub(super) fn renewal(&self) -> Arc<Notify> {
        self.renewal.clone()
    }

    /// `host:port` of the server.
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// Whether what it transports is encrypted.
    pub(super) fn uses_tls(&self) -> bool {
        self.uses_tls
    }

    /// Whether the server sends back what it gets from here.
    pub(super) fn echo(&self) -> bool {
        self.echo
    }

    /// Whether messages handed over now have a chance to arrive.
    pub(super) fn is_up(&self) -> bool {
        self.client.connection_state() == State::Connected
    }

    /// The size of a message, if the link takes it now.
    pub(super) fn admit(&mut self, message: &Publish) -> Option<Size> {
        self.window.admit(message)
    }

    /// Hands over a message that the link takes.
    ///
    /// # Errors
    /// `MaxPayload`, when payload and headers together are too long for the server. A link that
    /// breaks at this moment is no error: the message is as lost as any on a broken socket.
    pub(super) fn publish(&mut self, message: Publish, size: Size) -> Result<()> {
        match immediately(self.client.publish_message(message.into())) {
            Some(Err(error)) if error.kind() == PublishErrorKind::MaxPayloadExceeded => {
                Err(too_long(self.client.max_payload()))
            }
            _ => {
                self.window.handed(size);
                self.counters.sent(size.content);
                Ok(())
            }
        }
    }

    /// Subscribes, unless the link broke at this moment.
    pub(super) fn subscribe(&self, subject: Subject, queue: Option<String>) -> Option<Subscriber> {
        let subscriber = match queue {
            None => immediately(self.client.subscribe(subject)),
            Some(queue) => immediately(self.client.queue_subscribe(subject, queue)),
        };
        subscriber?.ok()
    }

    /// Sends a PING of the protocol; [`Link::received`] tells whether the server still talks.
    ///
    /// async-nats has no call for that, but draining a subscription ends with a PING, also when
    /// the subscription has ended. So one that was ended at once serves as a handle for it.
    pub(super) fn ping(&mut self, unused_subject: impl FnOnce() -> String) {
        if self.pinger.is_none() {
            let subject = Subject::from(unused_subject());
            let subscriber = self.subscribe(subject.clone(), None);
            self.pinger = subscriber.map(|subscriber| (subject, subscriber));
            if let Some((_, subscriber)) = &mut self.pinger {
                immediately(subscriber.unsubscribe());
            }
        }
        if let Some((_, subscriber)) = &mut self.pinger {
            immediately(subscriber.drain());
        }
    }

    /// Whether this is the subject that [`Link::ping`] was given. Nobody minds if it is not permitted.
    pub(super) fn pings_by(&self, subject: &Subject) -> bool {
        let pinger = self.pinger.as_ref();
        pinger.is_some_and(|(unused, _)| unused == subject)
    }

    /// Whether any message has gone out.
    pub(super) fn has_published(&self) -> bool {
        self.statistics.out_messages.load(Ordering::Relaxed) > 0
    }

    /// Returns when the server has read all that was written, or the link has ended. Nobody else knows the inbox.
    pub(super) async fn round_trip(&mut self, inbox: Subject) {
        let Some(mut subscriber) = self.subscribe(inbox.clone(), None) else {
            return;
        };
        let ping = waiters::ping(inbox, self.echo);
        if let Some(size) = self.admit(&ping) {
            // Empty messages are never too long.
            let _ = self.publish(ping, size);
            let _ = subscriber.next().await;
        }
    }

    /// The number of bytes received so far.
    pub(super) fn received(&self) -> u64 {
        self.statistics.in_bytes.load(Ordering::Relaxed)
    }

    /// Starts what moves messages to this link, unless it runs. It ends with the link.
    pub(super) fn start_pump<F>(&mut self, pump: impl FnOnce(Written) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        if self.pump.is_none() {
            let task = self.runtime.spawn(pump(self.written()));
            self.pump = Some(task.abort_handle());
        }
    }

    pub(super) fn pump_ended(&mut self) {
        self.pump = None;
    }

    /// When what it was given will be written.
    pub(super) fn written(&self) -> Written {
        let client = self.client.clone();
        Box::pin(async move { client.flush().await.is_ok() })
    }

    /// Whether the socket has taken all messages.
    pub(super) fn is_written(&mut self) -> bool {
        self.window.is_empty()
    }

    /// How many messages the socket has not taken in whole.
    pub(super) fn unwritten(&mut self) -> usize {
        self.window.unwritten()
    }

    /// The server takes nothing. The link ends when it and the last subscriber are dropped: what shuts a socket
    /// down would wait for the server with TLS, which has something to say first.
    pub(super) fn give_up(&mut self) {
        self.jammed = true;
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        if let Some(pump) = self.pump.take() {
            pump.abort();
        }
        // Just dropping the client would do as well, but not before the last subscriber is gone,
        // and each of those would say UNSUB. This shuts the socket down at once; then the link
        // breaks and ends like any other.
        if !self.jammed {
            immediately(self.client.force_reconnect());
        }
    }
}

/// Polls a future that does not wait. Without `unconstrained`, tokio would make it wait when the
/// calling task has used up its time slice.
pub(super) fn immediately<F: Future>(future: F) -> Option<F::Output> {
    tokio::task::unconstrained(future).now_or_never()
}

/// The error of a payload longer than the server takes.
pub(super) fn too_long(limit: usize) -> Error {
    Error::new(
        Code::MaxPayload,
        format!("Maximum size of NATS message is {limit}"),
    )
}
