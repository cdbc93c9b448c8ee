//! A server of the pool: where it is, and how it has fared.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How a client identifies itself.
#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    User { user: String, password: String },
    Token(String),
}

/// A server of the pool.
///
/// No `Debug`: it would print passwords.
#[derive(Clone, PartialEq, Eq)]
pub struct ServerEntry {
    /// `nats`, `tls`, or for WebSocket `ws`, `wss`.
    pub scheme: &'static str,
    /// Name or address; IPv6 addresses keep their brackets.
    pub host: String,
    /// As given: only an attempt finds out that a number is no port.
    pub port: u32,
    /// Learned from another server.
    pub discovered: bool,
    /// Failures in a row since `connect`: attempts, and links that broke too soon. 0 while connected.
    pub reconnects: u64,
    /// When the last of them happened, in milliseconds since 1970; 0: never.
    pub last_attempt: u64,
    /// Those of the URL.
    pub credentials: Option<Credentials>,
    /// Of a WebSocket, with its slash; may be empty.
    pub(super) path: String,
    heritage: Heritage,
    /// When the last attempt failed or succeeded, on a clock that nobody adjusts; none when the next
    /// one may start at once.
    attempted: Option<Instant>,
    /// The failures before the present link, which it must outlive.
    outlived: u64,
    quick: QuickReturns,
}

/// What a server takes over from the one that told of it, so that it is trusted no more than that one:
/// whoever can change an INFO on its way could name any server.
#[derive(Clone, Default, PartialEq, Eq)]
struct Heritage {
    /// Links use TLS, whatever the server says.
    tls: bool,
    /// Of a server without a name of its own: one that its certificate may have as well.
    name: Option<String>,
    /// Those of the teller's URL.
    credentials: Option<Credentials>,
}

/// Returns at once to a server that works, but sends messages that cannot be read.
#[derive(Clone, Default, PartialEq, Eq)]
struct QuickReturns {
    since: Option<Instant>,
    count: u32,
}

impl QuickReturns {
    /// So many within the usual distance of attempts. Without a limit, somebody who publishes such
    /// messages all the time would keep client and server busy with connecting.
    const MOST: u32 = 16;

    fn take(&mut self, distance: Duration) -> bool {
        if self.since.is_none_or(|since| since.elapsed() >= distance) {
            self.since = Some(Instant::now());
            self.count = 0;
        }
        self.count += 1;
        self.count <= Self::MOST
    }
}

impl ServerEntry {
    /// A server that was never tried.
    pub(super) fn new(scheme: &'static str, host: String, port: u32) -> ServerEntry {
        ServerEntry {
            scheme,
            host,
            port,
            discovered: false,
            reconnects: 0,
            last_attempt: 0,
            credentials: None,
            path: String::new(),
            heritage: Heritage::default(),
            attempted: None,
            outlived: 0,
            quick: QuickReturns::default(),
        }
    }

    /// What tells it from other servers.
    pub(super) fn place(&self) -> (String, u32) {
        (self.host.clone(), self.port)
    }

    /// `host:port`.
    pub fn address(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// Whether it was told about by a server that uses TLS.
    pub(super) fn inherits_tls(&self) -> bool {
        self.heritage.tls
    }

    /// Whether it says INFO to whoever comes, without the framing of WebSocket.
    pub(super) fn can_be_looked_at(&self) -> bool {
        !matches!(self.scheme, "ws" | "wss")
    }

    /// A name that its certificate may have instead of the host's.
    pub(super) fn inherited_name(&self) -> Option<&str> {
        self.heritage.name.as_deref()
    }

    /// Those of its own URL, or of the server that told of it.
    pub(super) fn known_credentials(&self) -> Option<&Credentials> {
        self.credentials
            .as_ref()
            .or(self.heritage.credentials.as_ref())
    }

    /// Whether the host is an address.
    fn has_no_name(&self) -> bool {
        self.host.starts_with('[') || self.host.parse::<Ipv4Addr>().is_ok()
    }

    /// Makes a server one that this server told about, on a link that may have used TLS.
    pub(super) fn tells_of(&self, told: &mut ServerEntry, used_tls: bool) {
        // A server with WebSocket tells its clients there about others with WebSocket.
        told.scheme = match self.scheme {
            "ws" | "wss" => self.scheme,
            _ => "nats",
        };
        told.path = String::new();
        told.credentials = None;
        told.discovered = true;
        let name = || {
            self.heritage
                .name
                .clone()
                .unwrap_or_else(|| self.host.clone())
        };
        told.heritage = Heritage {
            tls: used_tls,
            name: told.has_no_name().then(name),
            credentials: self.known_credentials().cloned(),
        };
    }

    /// When another attempt may start, given the wanted distance from the last one; none: at once.
    pub(super) fn next_attempt(&self, distance: Duration) -> Option<Instant> {
        self.attempted?.checked_add(distance)
    }

    /// Whether it may be tried at once.
    pub(super) fn is_fresh(&self) -> bool {
        self.attempted.is_none()
    }

    /// Forgets everything that happened: a new `connect` begins.
    pub(super) fn reset(&mut self) {
        self.reconnects = 0;
        self.last_attempt = 0;
        self.attempted = None;
        self.outlived = 0;
        self.quick = QuickReturns::default();
    }

    /// An attempt failed.
    pub(super) fn failed(&mut self) {
        self.attempted = Some(Instant::now());
        self.count_failure();
    }

    /// An attempt succeeded. Former failures are forgiven for good when the link has lived for a while.
    pub(super) fn succeeded(&mut self) {
        self.outlived = self.reconnects;
        self.reconnects = 0;
        self.last_attempt = 0;
        self.attempted = Some(Instant::now());
    }

    /// The link broke. One that lived for less than the usual distance of attempts counts as a failed
    /// attempt, unless it is only a message that was `unreadable`: the server is all right then.
    pub(super) fn lost(&mut self, distance: Duration, unreadable: bool) {
        let lived = self.attempted.map_or(Duration::MAX, |at| at.elapsed());
        if lived >= distance {
            self.outlived = 0;
            // Where no distance is wanted the random part of it must do against a rush.
            self.attempted = self.attempted.filter(|_| distance.is_zero());
            return;
        }
        self.reconnects = self.outlived;
        if !unreadable {
            self.count_failure();
        } else if self.quick.take(distance) {
            self.attempted = None;
        }
    }

    fn count_failure(&mut self) {
        self.reconnects += 1;
        self.last_attempt = unix_millis();
    }
}

fn unix_millis() -> u64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH);
    elapsed.map_or(0, |t| u64::try_from(t.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(3600);

    fn server() -> ServerEntry {
        ServerEntry::new("nats", "a".to_owned(), 4222)
    }

    fn broken(server: &mut ServerEntry, distance: Duration, unreadable: bool) {
        server.succeeded();
        assert_eq!((server.reconnects, server.last_attempt), (0, 0));
        server.lost(distance, unreadable);
    }

    #[test]
    fn a_link_that_broke_soon_is_a_failure() {
        let mut server = server();
        for n in 1..5 {
            broken(&mut server, LONG, false);
            assert_eq!(server.reconnects, n);
            assert!(server.last_attempt > 0);
            assert!(server
                .next_attempt(LONG)
                .is_some_and(|at| at > Instant::now()));
        }
        server.failed();
        assert_eq!(server.reconnects, 5);
    }

    #[test]
    fn a_link_that_lived_long_clears_the_record() {
        let mut server = server();
        server.failed();
        broken(&mut server, Duration::from_nanos(1), false);
        assert_eq!(server.reconnects, 0);
        assert!(server.is_fresh());
        broken(&mut server, LONG, false);
        assert_eq!(server.reconnects, 1);
        broken(&mut server, Duration::ZERO, false);
        assert_eq!(server.reconnects, 0);
        assert!(!server.is_fresh());
    }

    #[test]
    fn unreadable_messages_are_no_failures_but_not_without_limit() {
        let mut server = server();
        server.failed();
        for n in 0..40 {
            broken(&mut server, LONG, true);
            assert_eq!(server.reconnects, 1);
            assert_eq!(server.is_fresh(), n < QuickReturns::MOST, "{n}");
        }
        server.reset();
        broken(&mut server, LONG, true);
        assert!(server.is_fresh());
    }
}
