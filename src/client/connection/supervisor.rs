//! The task behind an open connection: it tries servers, watches the link, and starts again when
//! that breaks (core.md §9).
//!
//! It holds no strong reference to the connection while it waits, so that one nobody uses any more
//! can go away.

use std::future::pending;
use std::sync::Weak;

use async_nats::{Event as LinkEvent, ServerInfo};
use tokio::time::{sleep_until, Instant};

use super::events::Level;
use super::link::{self, Events, Link};
use super::pool::ServerEntry;
use super::requests::new_inbox;
use super::state::State;
use super::{deadline, failures, Inner};
use crate::client::error::{Code, Error};

/// Keeps a connection connected, from `connect` until it is closed or no server is left.
pub(super) async fn run(connection: Weak<Inner>, number: u64) {
    let session = Session { connection, number };
    // Each step says `None` when the session is over.
    while session.round().await.is_some() {}
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

    /// One attempt and, if it succeeds, the life of a link.
    async fn round(&self) -> Option<()> {
        let server = self.next_server()?;
        self.pause(&server).await?;
        let address = server.address();
        self.log(
            Level::Info,
            format!("Connecting to the server at {address}"),
        )?;
        let settings = self.connection.upgrade()?.settings();
        match link::establish(&server, &settings).await {
            Err(error) => self.with(|state| state.attempt_failed(error)),
            Ok((link, events, info)) => self.live(link, events, info).await,
        }
    }

    fn next_server(&self) -> Option<ServerEntry> {
        let connection = self.connection.upgrade()?;
        let max_attempts = connection.with_settings(|s| s.max_reconnect_attempts);
        drop(connection);
        self.with(|state| state.next_server(max_attempts))?
    }

    /// Waits until a server that failed may be tried again. In the initial round none has.
    async fn pause(&self, server: &ServerEntry) -> Option<()> {
        if server.reconnects == 0 {
            return Some(());
        }
        let connection = self.connection.upgrade()?;
        let (usual, custom) =
            connection.with_settings(|s| (s.reconnect_time_wait, s.reconnect_delay.clone()));
        drop(connection);
        let distance = match custom {
            None => usual,
            Some(custom) => custom(server.clone()).await.unwrap_or(usual),
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
    async fn live(&self, link: Link, events: Events, info: ServerInfo) -> Option<()> {
        let address = link.address().to_owned();
        self.with(|state| state.established(link, info))?;
        let error = self.watch(events, &address).await?;
        // Closed after the lock is released.
        let link = self.with(|state| state.lost(error))?;
        drop(link);
        Some(())
    }

    /// Follows a link and returns what ended it.
    async fn watch(&self, mut events: Events, address: &str) -> Option<Error> {
        let mut keep_alive = KeepAlive::default();
        let mut tick = self.next_tick()?;
        loop {
            let ended = tokio::select! {
                event = events.recv() => match event {
                    None | Some(LinkEvent::Disconnected) => Some(failures::closed_by(address)),
                    Some(event) => self.link_event(event)?,
                },
                () = until(tick) => {
                    let ended = self.keep_alive(&mut keep_alive)?;
                    tick = self.next_tick()?;
                    ended
                }
            };
            if ended.is_some() {
                return ended;
            }
        }
    }

    /// Handles what a link says while it lives. The inner value is an error that ends it.
    fn link_event(&self, event: LinkEvent) -> Option<Option<Error>> {
        self.with(|state| match event {
            LinkEvent::ServerError(error) => state.server_error(&failures::server_text(&error)),
            LinkEvent::LameDuckMode => {
                state.lame_duck();
                None
            }
            _ => None,
        })
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
            let link = state.link.as_mut()?;
            if let Some(unanswered) = keep_alive.stale(link.received(), tolerated) {
                return Some(Error::new(
                    Code::StaleConnection,
                    format!("The server did not respond to {unanswered} PINGs"),
                ));
            }
            link.ping(new_inbox);
            state.outbox.log(Level::Debug, "Sending PING");
            None
        })
    }
}

async fn until(instant: Option<Instant>) {
    match instant {
        Some(instant) => sleep_until(instant).await,
        None => pending().await,
    }
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
    use super::*;

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
