//! One established connection to one server: a [`async_nats::Client`] that never reconnects.
//!
//! async-nats would like to do the reconnecting itself. Here the supervisor does, by rules async-nats
//! does not have (core.md §9), so a link that breaks must end. See [`one_way`] for how.
//!
//! All calls return at once. The channels of async-nats get their maximum capacity, which costs
//! nothing as they grow on demand; so its `async` functions complete when first polled, on the
//! caller's thread, and what is called first is first on the wire.

use std::future::{ready, Future};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::time::Duration;

use async_nats::client::traits::Publisher;
use async_nats::connection::State;
use async_nats::message::OutboundMessage;
use async_nats::{Client, ConnectOptions, PublishErrorKind, ReconnectToServer, ServerAddr};
use async_nats::{ServerInfo, Statistics, Subject, Subscriber};
use futures_util::FutureExt;
use tokio::sync::{mpsc, Semaphore};
use tokio::time::timeout_at;

use super::pool::ServerEntry;
use super::settings::Settings;
use super::{auth, failures, tls};
use crate::client::error::{Code, Error, Result};

/// What async-nats says about a link; the stream ends when the link has ended.
pub(super) type Events = mpsc::UnboundedReceiver<async_nats::Event>;

/// How long a closing link may take to hand its data to the socket.
const FLUSH_LIMIT: Duration = Duration::from_secs(2);

/// The longest PING period given to async-nats, whose arithmetic on time may not overflow.
const LONGEST_PERIOD: Duration = Duration::from_secs(30 * 24 * 3600);

/// One established connection to one server. Dropping it closes the socket.
pub(super) struct Link {
    client: Client,
    statistics: Arc<Statistics>,
    pinger: Option<Subscriber>,
    address: String,
    echo: bool,
}

impl Link {
    /// `host:port` of the server.
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// Whether the server sends back what it gets from here.
    pub(super) fn echo(&self) -> bool {
        self.echo
    }

    /// Whether messages handed over now have a chance to arrive.
    pub(super) fn is_up(&self) -> bool {
        self.client.connection_state() == State::Connected
    }

    /// Hands over a message.
    ///
    /// # Errors
    /// `MaxPayload`, when payload and headers together are too long for the server. A link that
    /// breaks at this moment is no error: the message is as lost as any on a broken socket.
    pub(super) fn publish(&self, message: OutboundMessage) -> Result<()> {
        match immediately(self.client.publish_message(message)) {
            Some(Err(error)) if error.kind() == PublishErrorKind::MaxPayloadExceeded => {
                Err(too_long(self.client.max_payload()))
            }
            _ => Ok(()),
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
            self.pinger = self.subscribe(unused_subject().into(), None);
            if let Some(subscriber) = &mut self.pinger {
                immediately(subscriber.unsubscribe());
            }
        }
        if let Some(subscriber) = &mut self.pinger {
            immediately(subscriber.drain());
        }
    }

    /// The number of bytes received so far.
    pub(super) fn received(&self) -> u64 {
        self.statistics.in_bytes.load(Ordering::Relaxed)
    }

    /// Hands all data to the socket, as far as the server takes it in time, then closes.
    pub(super) async fn close(self) {
        let flushed = tokio::time::timeout(FLUSH_LIMIT, self.client.flush());
        // Closing comes next whether that worked or not.
        drop(flushed.await);
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        // Just dropping the client would do as well, but not before the last subscriber is gone,
        // and each of those would say UNSUB. This shuts the socket down at once; then the link
        // breaks and ends like any other.
        immediately(self.client.force_reconnect());
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

/// Connects to a server within `-connect_timeout`.
pub(super) async fn establish(
    server: &ServerEntry,
    settings: &Settings,
) -> Result<(Link, Events, ServerInfo)> {
    // Somebody may have to type a passphrase, for which no server waits yet.
    let options = tls::configure(handshake(settings), settings).await;
    let attempt = attempt(options, server, settings);
    match super::deadline(settings.connect_timeout) {
        None => attempt.await,
        Some(deadline) => timeout_at(deadline, attempt)
            .await
            .unwrap_or_else(|_| Err(failures::timed_out(&server.address()))),
    }
}

async fn attempt(
    options: ConnectOptions,
    server: &ServerEntry,
    settings: &Settings,
) -> Result<(Link, Events, ServerInfo)> {
    let address = server.address();
    if settings.secure && server.scheme == "ws" {
        return Err(failures::not_secure(&address));
    }
    let target = parse(&format!("{}://{address}", server.scheme), &address)?;
    let (sender, events) = mpsc::unbounded_channel();
    let options = auth::identify(options, server, settings).await?;
    let options = one_way(options, &target)
        // The callback lives exactly as long as the link, so its sender's end is the link's end.
        .event_callback(move |event| {
            // The receiver is gone when nobody is interested in this link any more.
            let _ = sender.send(event);
            ready(())
        });
    let addresses = [target, dead_end(&address)?];
    let client = options.connect(addresses.as_slice()).await;
    let client = client.map_err(|error| {
        failures::of_attempt(&error, &address, auth::is_known(server, settings))
    })?;
    let info = client.server_info();
    let link = Link {
        statistics: client.statistics(),
        client,
        pinger: None,
        address,
        echo: settings.echo,
    };
    Ok((link, events, info))
}

/// What this connection says and expects in a handshake.
fn handshake(settings: &Settings) -> ConnectOptions {
    let mut options = ConnectOptions::new()
        .name(&settings.name)
        .skip_subject_validation(true)
        .client_capacity(Semaphore::MAX_PERMITS)
        .subscription_capacity(Semaphore::MAX_PERMITS)
        .ping_interval(backup_period(settings));
    if settings.connect_timeout.is_zero() {
        options = options.connection_timeout(LONGEST_PERIOD);
    } else {
        options = options.connection_timeout(settings.connect_timeout.min(LONGEST_PERIOD));
    }
    if !settings.echo {
        options = options.no_echo();
    }
    options
}

/// The period of async-nats's own PINGs. The supervisor sends the regular ones; these must only
/// end links the supervisor gave up and that cannot even be closed as their socket is jammed.
fn backup_period(settings: &Settings) -> Duration {
    let Settings {
        ping_interval,
        max_outstanding_pings,
        ..
    } = settings;
    if ping_interval.is_zero() || *max_outstanding_pings == 0 {
        return LONGEST_PERIOD;
    }
    let tolerated = u32::try_from(*max_outstanding_pings).unwrap_or(u32::MAX);
    let period = ping_interval.saturating_mul(tolerated.max(2).saturating_add(1));
    period.clamp(Duration::from_secs(1), LONGEST_PERIOD)
}

/// Makes a link end when it breaks. async-nats gives up after `max_reconnects` failed attempts, but
/// not before the first; so that one goes to the other address it knows, a dead end, where it fails
/// at once without leaving this host.
fn one_way(options: ConnectOptions, target: &ServerAddr) -> ConnectOptions {
    let target = target.clone();
    let first = AtomicBool::new(true);
    options
        .max_reconnects(1)
        .ignore_discovered_servers()
        .reconnect_to_server_callback(move |servers, _| {
            let addr = if first.swap(false, Ordering::Relaxed) {
                Some(target.clone())
            } else {
                servers.into_iter().last().map(|server| server.addr)
            };
            ready(addr.map(|addr| ReconnectToServer {
                addr,
                delay: Some(Duration::ZERO),
            }))
        })
}

/// An address no server can have.
fn dead_end(address: &str) -> Result<ServerAddr> {
    parse("nats://127.0.0.1:0", address)
}

fn parse(url: &str, address: &str) -> Result<ServerAddr> {
    url.parse()
        .map_err(|error| failures::unreachable(address, error))
}
