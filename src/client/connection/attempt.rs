//! An attempt: from a server of the pool to a link.
//!
//! async-nats would like to do the reconnecting itself. Here the supervisor does, by rules async-nats
//! does not have, so a link that breaks must end. See [`one_way`] for how.

use std::future::ready;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_nats::rustls::ClientConfig;
use async_nats::{ConnectOptions, Event, ReconnectToServer, ServerAddr};
use futures_util::FutureExt;
use tokio::sync::{mpsc, Semaphore};
use tokio::time::{timeout_at, Instant};

use super::failures::{self, LinkEnd};
use super::info::ServerInfo;
use super::link::Link;
use super::reader::{self, Reader};
use super::reports::{Report, Reports};
use super::server::ServerEntry;
use super::settings::Settings;
use super::trace::{self, Cause};
use super::{auth, discovery, tls};
use crate::client::error::Result;

/// What async-nats says about a link.
pub(super) struct Events {
    events: mpsc::UnboundedReceiver<Event>,
    reports: Reports,
    end: Arc<Mutex<Ending>>,
    address: String,
}

/// What a link says while it lives.
pub(super) enum LinkEvent {
    /// The server sent an `-ERR` with this text.
    ServerError(String),
    /// The server is about to shut down.
    LameDuckMode,
    /// A line for the log.
    Trace(String),
}

/// How a link has ended, if it has.
enum Ending {
    Alive,
    /// It broke, for a reason that may be known.
    Broken(Option<Cause>),
}

impl Events {
    /// The next event, or what ended the link.
    pub(super) async fn next(&mut self) -> std::result::Result<LinkEvent, LinkEnd> {
        loop {
            let event = tokio::select! {
                biased;
                Some(report) = self.reports.next() => return Ok(report.into()),
                event = self.events.recv() => event,
            };
            match event {
                // It was reported.
                Some(Event::ServerError(_)) if self.reports.are_heard() => {}
                Some(Event::ServerError(error)) => {
                    return Ok(LinkEvent::ServerError(failures::server_text(&error)));
                }
                Some(Event::LameDuckMode) => return Ok(LinkEvent::LameDuckMode),
                Some(Event::Disconnected) => {
                    // If the reason is not known yet, it is when the events end.
                    if let Some(end) = self.end() {
                        return Err(end);
                    }
                }
                Some(_) => {}
                None => {
                    let end = self.end();
                    return Err(end.unwrap_or_else(|| failures::given_up(&self.address)));
                }
            }
        }
    }

    fn end(&self) -> Option<LinkEnd> {
        match &*self.end.lock().unwrap_or_else(PoisonError::into_inner) {
            Ending::Alive => None,
            Ending::Broken(cause) => Some(failures::broken(&self.address, cause.as_ref())),
        }
    }
}

impl From<Report> for LinkEvent {
    fn from(report: Report) -> LinkEvent {
        match report {
            Report::ServerError(text) => LinkEvent::ServerError(text),
            Report::Trace(line) => LinkEvent::Trace(line),
        }
    }
}

/// The longest period given to async-nats, whose arithmetic on time may not overflow.
const LONGEST_PERIOD: Duration = Duration::from_secs(30 * 24 * 3600);

/// The least time for one of several addresses, if there is so much.
const SHORTEST_SHARE: Duration = Duration::from_millis(500);

/// What an attempt brought.
pub(super) struct Established {
    pub(super) link: Link,
    pub(super) events: Events,
    pub(super) info: ServerInfo,
    /// How further connections to the same server use TLS.
    pub(super) tls: ClientConfig,
}

/// Connects to a server within `-connect_timeout`.
pub(super) async fn establish(server: &ServerEntry, settings: &Settings) -> Result<Established> {
    // Somebody may have to type a passphrase, for which no server waits yet.
    let config = tls::configuration(server, settings).await;
    trace::listen();
    let deadline = super::clock::deadline(settings.connect_timeout);
    let address = server.address();
    // What a server sends can make async-nats panic.
    let attempt = AssertUnwindSafe(trace::handshake(attempt(
        config, server, settings, deadline,
    )))
    .catch_unwind()
    .map(|outcome| outcome.unwrap_or_else(|_| Err(failures::nonsense(&address))));
    match deadline {
        None => attempt.await,
        Some(deadline) => timeout_at(deadline, attempt)
            .await
            .unwrap_or_else(|_| Err(failures::timed_out(&address))),
    }
}

async fn attempt(
    tls: ClientConfig,
    server: &ServerEntry,
    settings: &Settings,
    deadline: Option<Instant>,
) -> Result<Established> {
    let address = server.address();
    if settings.secure && server.scheme == "ws" {
        return Err(failures::not_secure(&address));
    }
    let target = format!("{}://{address}{}", server.scheme, server.path);
    let target = parse(&target, &address)?;
    let (sender, events) = mpsc::unbounded_channel();
    let end = Arc::new(Mutex::new(Ending::Alive));
    if settings.must_look_at(server) {
        discovery::look(server, settings, tls.clone()).await?;
    }
    let addresses = addresses_of(&target).await;
    let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
    let limit = share(left, addresses);
    let options = auth::options(server, settings);
    let options = handshake(options, settings).connection_timeout(limit);
    let options = tls::configure(options, tls.clone(), server, settings);
    let options = auth::identify(options, server, settings).await?;
    let (life, link_end) = reader::life();
    let options = one_way(options, &target, end.clone())
        // The callback lives exactly as long as the link, so its sender's end is the link's end.
        .event_callback(move |event| {
            let _ = &life;
            // The receiver is gone when nobody is interested in this link any more.
            let _ = sender.send(event);
            ready(())
        });
    let addresses = [target, dead_end(&address)?];
    let (client, tasks) = reader::spawned_by(options.connect(addresses.as_slice())).await;
    let client = client.map_err(|error| {
        failures::of_attempt(
            &error,
            &address,
            auth::identity(server, settings).as_deref(),
        )
    })?;
    let info = ServerInfo::from(client.server_info());
    let events = Events {
        events,
        reports: Reports::of(tasks.clone()),
        end,
        address: address.clone(),
    };
    let reader = Reader::new(tasks, link_end);
    // A server that wants TLS gets it.
    let uses_tls = settings.uses_tls(server) || (info.tls_required && server.scheme != "ws");
    let link = Link::new(client, reader, address, settings.echo, uses_tls);
    Ok(Established {
        link,
        events,
        info,
        tls,
    })
}

/// How many addresses the host has; async-nats tries one after the other.
async fn addresses_of(target: &ServerAddr) -> u32 {
    if target.is_websocket() {
        // There the first of them is tried each time.
        return 1;
    }
    let addresses = target.socket_addrs().await;
    // If there are none the attempt will say so.
    addresses.map_or(1, |addresses| {
        u32::try_from(addresses.count()).unwrap_or(u32::MAX)
    })
}

/// The part of the time that is left for one of several addresses: one that swallows packets must leave time
/// for the others.
fn share(left: Option<Duration>, addresses: u32) -> Duration {
    let Some(left) = left else {
        return LONGEST_PERIOD;
    };
    let least = left.min(SHORTEST_SHARE);
    (left / addresses.max(1)).max(least).min(LONGEST_PERIOD)
}

/// What this connection says and expects in a handshake.
fn handshake(options: ConnectOptions, settings: &Settings) -> ConnectOptions {
    let mut options = options
        .name(&settings.name)
        .skip_subject_validation(true)
        .client_capacity(Semaphore::MAX_PERMITS)
        .subscription_capacity(Semaphore::MAX_PERMITS)
        .ping_interval(backup_period(settings));
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
/// at once without leaving this host. That it asks for it is the end of the link.
fn one_way(
    options: ConnectOptions,
    target: &ServerAddr,
    end: Arc<Mutex<Ending>>,
) -> ConnectOptions {
    let target = target.clone();
    let first = AtomicBool::new(true);
    options
        .max_reconnects(1)
        .ignore_discovered_servers()
        .reconnect_to_server_callback(move |servers, _| {
            let addr = if first.swap(false, Ordering::Relaxed) {
                Some(target.clone())
            } else {
                let mut end = end.lock().unwrap_or_else(PoisonError::into_inner);
                // It may ask more than once.
                if let Ending::Alive = *end {
                    *end = Ending::Broken(trace::take_cause());
                }
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

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Write};
    use std::net::{SocketAddr, TcpListener};

    use tokio::sync::oneshot;

    use super::super::url::parse_url;
    use super::*;

    #[test]
    fn addresses_share_the_time() {
        for (left, addresses, each) in [
            (2000, 1, 2000),
            (2000, 0, 2000),
            (2000, 2, 1000),
            (2000, 100, 500),
            (300, 3, 300),
            (0, 2, 0),
        ] {
            let left = Some(Duration::from_millis(left));
            assert_eq!(share(left, addresses), Duration::from_millis(each));
        }
        assert_eq!(share(Some(Duration::MAX), 2), LONGEST_PERIOD);
        assert_eq!(share(None, 2), LONGEST_PERIOD);
    }

    #[tokio::test]
    async fn addresses_are_counted() {
        for (url, count) in [
            ("nats://127.0.0.1:1", 1),
            ("nats://[::1]:1", 1),
            ("ws://localhost", 1),
        ] {
            let target: ServerAddr = url.parse().unwrap();
            assert_eq!(addresses_of(&target).await, count, "{url}");
        }
    }

    /// A server that sends without end after a greeting, as fast as it can; and when it can't any more.
    fn flood(greeting: &'static str, line: &'static str) -> (SocketAddr, oneshot::Receiver<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (gone, is_gone) = oneshot::channel();
        std::thread::spawn(move || {
            let (mut socket, _) = listener.accept().unwrap();
            socket.write_all(greeting.as_bytes()).unwrap();
            let mut lines = BufReader::new(socket.try_clone().unwrap()).lines();
            lines
                .find(|line| line.as_ref().unwrap() == "PING")
                .unwrap()
                .unwrap();
            let lines = line.repeat(100_000 / line.len());
            while socket.write_all(lines.as_bytes()).is_ok() {}
            gone.send(()).unwrap();
        });
        (address, is_gone)
    }

    async fn ends(greeting: &'static str, line: &'static str) {
        let (address, is_gone) = flood(greeting, line);
        let server = parse_url(&format!("nats://{address}")).unwrap();
        let established = establish(&server, &Settings::default()).await.unwrap();
        // The flood has begun.
        while established.link.received() < 10_000_000 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        drop(established);
        is_gone.await.unwrap();
    }

    #[tokio::test]
    async fn a_link_ends_while_the_server_floods_it() {
        ends("INFO {}\r\n", "INFO {}\r\n").await;
        ends("INFO {}\r\nPONG\r\n", "PING\r\n").await;
        ends("INFO {}\r\nPONG\r\n", "MSG a 1 0\r\n\r\n").await;
        ends("INFO {}\r\nPONG\r\n", "x").await;
    }
}
