//! The task behind an open connection: it tries servers, watches the link, and starts again when
//! that breaks.
//!
//! It holds no strong reference to the connection while it waits, so that one nobody uses any more
//! can go away.

use std::future::pending;
use std::panic::AssertUnwindSafe;
use std::sync::Weak;

use async_nats::rustls::ClientConfig;
use futures_util::FutureExt;
use tokio::sync::Notify;
use tokio::time::{sleep_until, Instant};

use super::attempt::{self, Established, Events, LinkEvent};
use super::clock::{deadline, until};
use super::discovery::{self, Schedule};
use super::events::Level;
use super::failures::{self, LinkEnd};
use super::inner::Inner;
use super::server::ServerEntry;
use super::state::State;
use super::trace;
use crate::client::error::{Code, Error};

/// Keeps a connection connected, from `connect` until it is closed or no server is left.
pub(super) async fn run(connection: Weak<Inner>, number: u64) {
    let session = Session { connection, number };
    loop {
        match AssertUnwindSafe(session.round()).catch_unwind().await {
            Ok(Some(())) => {}
            Ok(None) => return,
            Err(_) => {
                // A defect; but nobody shall wait for a supervisor that is gone.
                session.with(State::give_up);
                return;
            }
        }
    }
}

/// One `connect`, as its supervisor sees it.
struct Session {
    connection: Weak<Inner>,
    number: u64,
}

impl Session {
    /// Changes the state, unless this session is over.
    fn with<R>(&self, change: impl FnOnce(&mut State) -> R) -> Option<R> {
        let connection = self.connection.upgrade()?;
        connection.with(|state| state.is_session(self.number).then(|| change(state)))
    }

    fn log(&self, level: Level, text: String) -> Option<()> {
        self.with(|state| state.outbox.log(level, text))
    }

    /// One attempt and, if it succeeds, the life of a link. `None` when the session is over.
    async fn round(&self) -> Option<()> {
        let server = self.next_server()?;
        self.pause(&server).await?;
        let address = server.address();
        self.log(
            Level::Info,
            format!("Connecting to the server at {address}"),
        )?;
        let settings = self.connection.upgrade()?.settings();
        match attempt::establish(&server, &settings).await {
            Err(error) => self.with(|state| state.attempt_failed(error)),
            Ok(established) => self.live(server, established).await,
        }
    }

    fn next_server(&self) -> Option<ServerEntry> {
        let connection = self.connection.upgrade()?;
        let max_attempts = connection.with_settings(|s| s.max_reconnect_attempts);
        drop(connection);
        self.with(|state| state.next_server(max_attempts))?
    }

    /// Waits until a server may be tried again. In the initial round none was tried.
    async fn pause(&self, server: &ServerEntry) -> Option<()> {
        if server.is_fresh() {
            return Some(());
        }
        let connection = self.connection.upgrade()?;
        let (usual, custom) =
            connection.with_settings(|s| (s.reconnect_distance(server), s.reconnect_delay.clone()));
        drop(connection);
        let distance = match custom {
            Some(custom) if server.reconnects > 0 => custom(server.clone()).await.unwrap_or(usual),
            _ => usual,
        };
        let Some(until) = server.next_attempt(distance).map(Instant::from_std) else {
            return Some(());
        };
        let wait = until.saturating_duration_since(Instant::now());
        if !wait.is_zero() {
            let ms = wait.as_millis();
            self.log(
                Level::Debug,
                format!("Waiting for {ms} ms before connecting to the next server"),
            )?;
            sleep_until(until).await;
        }
        Some(())
    }

    /// From the handshake to the end of a link.
    async fn live(&self, server: ServerEntry, established: Established) -> Option<()> {
        let Established {
            link,
            events,
            info,
            tls,
        } = established;
        let tells = info.has_cluster() && server.can_be_looked_at();
        let teller = tells.then(|| Teller {
            server,
            tls,
            occasion: Notify::new(),
        });
        let renewal = link.renewal();
        let renewed = failures::renewed(link.address());
        let connection = self.connection.upgrade()?;
        let ignore_discovered = connection.with_settings(|s| s.ignore_discovered);
        drop(connection);
        self.with(|state| state.established(link, info, ignore_discovered))?;
        let end = tokio::select! {
            end = self.watch(events, teller.as_ref()) => end?,
            () = renewal.notified() => renewed.into(),
            over = self.follow(teller.as_ref()) => return over,
        };
        let connection = self.connection.upgrade()?;
        let distance = connection.with_settings(|s| s.reconnect_time_wait);
        drop(connection);
        // Closed after the lock is released.
        let link = self.with(|state| state.lost(end, distance))?;
        drop(link);
        Some(())
    }

    /// Follows a link and returns what ended it.
    async fn watch(&self, mut events: Events, teller: Option<&Teller>) -> Option<LinkEnd> {
        let mut keep_alive = KeepAlive::default();
        let mut tick = self.next_tick()?;
        loop {
            let ended = tokio::select! {
                event = events.next() => match event {
                    Err(end) => return Some(end),
                    Ok(event) => self.link_event(event, teller)?,
                },
                () = until(tick) => {
                    let ended = self.keep_alive(&mut keep_alive)?;
                    tick = self.next_tick()?;
                    ended
                }
            };
            if let Some(error) = ended {
                return Some(error.into());
            }
        }
    }

    /// Handles what a link says while it lives. The inner value is an error that ends it.
    fn link_event(&self, event: LinkEvent, teller: Option<&Teller>) -> Option<Option<Error>> {
        if let (LinkEvent::ServerError(_) | LinkEvent::LameDuckMode, Some(teller)) =
            (&event, teller)
        {
            teller.occasion.notify_one();
        }
        self.with(|state| match event {
            LinkEvent::ServerError(text) => state.server_error(&text),
            LinkEvent::LameDuckMode => {
                state.lame_duck();
                None
            }
            LinkEvent::Trace(line) => {
                state.outbox.log(Level::Debug, line);
                None
            }
        })
    }

    /// Reads fresh INFOs of the present server, as long as the link lives.
    async fn follow(&self, teller: Option<&Teller>) -> Option<()> {
        let connection = self.connection.upgrade()?;
        let (wanted, period) = connection.with_settings(|s| (s.discovers(), s.discovery_period()));
        drop(connection);
        let Some(teller) = teller.filter(|_| wanted) else {
            return pending().await;
        };
        let mut infos = trace::infos();
        let mut schedule = Schedule::new(period);
        loop {
            tokio::select! {
                () = until(schedule.next()) => {
                    schedule.start();
                    self.look(teller).await?;
                }
                () = teller.occasion.notified() => schedule.hurry(),
                Ok(()) = infos.changed() => schedule.hurry(),
            }
        }
    }

    async fn look(&self, teller: &Teller) -> Option<()> {
        let settings = self.connection.upgrade()?.settings();
        let look = discovery::look(&teller.server, &settings, teller.tls.clone());
        // If it failed the next one may succeed; that the server is gone shows elsewhere.
        if let Ok(fields) = look.await {
            self.with(|state| state.news(fields, settings.ignore_discovered))?;
        }
        Some(())
    }

    fn next_tick(&self) -> Option<Option<Instant>> {
        let connection = self.connection.upgrade()?;
        Some(deadline(connection.with_settings(|s| s.ping_interval)))
    }

    /// Sends the next PING, unless the server owes too many answers already.
    fn keep_alive(&self, keep_alive: &mut KeepAlive) -> Option<Option<Error>> {
        let connection = self.connection.upgrade()?;
        let tolerated = connection.with_settings(|s| s.max_outstanding_pings);
        drop(connection);
        self.with(|state| {
            let unused = state.new_inbox();
            let link = state.link.as_mut()?;
            if let Some(unanswered) = keep_alive.stale(link.received(), tolerated) {
                return Some(Error::new(
                    Code::StaleConnection,
                    format!("The server did not respond to {unanswered} PINGs"),
                ));
            }
            link.ping(|| unused);
            state.outbox.log(Level::Debug, "Sending PING");
            None
        })
    }
}

/// A server of a cluster that is connected, and may tell about others later.
struct Teller {
    server: ServerEntry,
    tls: ClientConfig,
    /// Something has happened of which a fresh INFO may tell.
    occasion: Notify,
}

/// Counts the PINGs a server owes an answer to. async-nats does not show PONGs, but whatever a
/// server sends shows that it is alive.
#[derive(Default)]
struct KeepAlive {
    received: u64,
    unanswered: u64,
}

impl KeepAlive {
    /// At a tick: the number of unanswered PINGs if they are too many; otherwise counts one more.
    /// None are too many when zero are tolerated.
    fn stale(&mut self, received: u64, tolerated: u64) -> Option<u64> {
        if received != self.received {
            self.received = received;
            self.unanswered = 0;
        }
        if tolerated != 0 && self.unanswered >= tolerated {
            return Some(self.unanswered);
        }
        self.unanswered += 1;
        None
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio::sync::mpsc;

    use super::super::{Connection, Event, Sink, Status};
    use super::*;

    struct Statuses(mpsc::UnboundedSender<Status>);

    impl Sink for Statuses {
        fn event(&self, event: Event) {
            if let Event::Status(status) = event {
                let _ = self.0.send(status);
            }
        }
    }

    /// Answers a handshake, then hangs up.
    async fn greet_once(listener: TcpListener) {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut said = [0; 1000];
        socket.write_all(b"INFO {}\r\n").await.unwrap();
        while !socket.read(&mut said).await.is_ok_and(|n| n < said.len()) {}
        socket.write_all(b"PONG\r\n").await.unwrap();
    }

    #[tokio::test]
    async fn a_supervisor_that_panics_leaves_nobody_waiting() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("nats://{}", listener.local_addr().unwrap());
        let (sender, mut statuses) = mpsc::unbounded_channel();
        let connection = Connection::new(Arc::new(Statuses(sender)));
        connection.set_servers(&[url], false).unwrap();
        connection.update(|settings| {
            settings.reconnect_delay = Some(Arc::new(|_| panic!("as a defect would")));
        });
        tokio::spawn(greet_once(listener));
        connection.connect().unwrap().unwrap().await.unwrap();
        let mut seen = Vec::new();
        while seen.last() != Some(&Status::Closed) {
            seen.push(statuses.recv().await.unwrap());
        }
        assert_eq!(
            seen[1..],
            [Status::Connected, Status::Reconnecting, Status::Closed]
        );
    }

    #[test]
    fn silence_is_noticed_at_the_third_tick() {
        let mut keep_alive = KeepAlive::default();
        assert_eq!(keep_alive.stale(500, 2), None);
        assert_eq!(keep_alive.stale(500, 2), None);
        assert_eq!(keep_alive.stale(500, 2), Some(2));
    }

    #[test]
    fn any_answer_starts_the_count_again() {
        let mut keep_alive = KeepAlive::default();
        for received in [1, 1, 2, 2, 3] {
            assert_eq!(keep_alive.stale(received, 2), None);
        }
        assert_eq!(keep_alive.stale(3, 1), Some(1));
    }
}
