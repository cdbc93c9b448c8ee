//! The options of a connection, all but the list of servers.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;

use super::identity::AskIdentity;
use super::server::{Credentials, ServerEntry};
use super::tls::TlsOption;

/// Asked before a server is tried again: how far from the previous attempt the next one shall be.
///
/// `None`, for "no usable answer", means [`Settings::reconnect_time_wait`].
pub type ReconnectDelay =
    Arc<dyn Fn(ServerEntry) -> BoxFuture<'static, Option<Duration>> + Send + Sync>;

/// Asked for the passphrase of an encrypted key, with what `-password` of the TLS options says.
pub type AskPassphrase = Arc<dyn Fn(String) -> BoxFuture<'static, Option<String>> + Send + Sync>;

/// The options of a connection.
///
/// No `Debug`: it would print passwords.
#[derive(Clone)]
pub struct Settings {
    /// Client name in CONNECT.
    pub name: String,
    /// Shuffle the servers when they are configured.
    pub randomize: bool,
    /// Limit for one server, from TCP to the end of the handshake; zero: none.
    pub connect_timeout: Duration,
    /// Distance between attempts to the same server.
    pub reconnect_time_wait: Duration,
    /// The most that is added to `reconnect_time_wait`, by chance; ten times as much with TLS.
    pub reconnect_jitter: Duration,
    /// Replaces `reconnect_time_wait` when set.
    pub reconnect_delay: Option<ReconnectDelay>,
    /// Failed attempts after which a server is dropped; negative: never.
    pub max_reconnect_attempts: i64,
    /// Period of the client's own PINGs; zero: none are sent.
    pub ping_interval: Duration,
    /// Unanswered PINGs that are tolerated; zero: any number.
    pub max_outstanding_pings: u64,
    /// Whether the server sends back what this connection publishes.
    pub echo: bool,
    /// TLS options, or why they are none; that is reported when TLS is needed.
    pub tls_opts: std::result::Result<Vec<TlsOption>, String>,
    /// Nobody knows a passphrase without it.
    pub ask_passphrase: Option<AskPassphrase>,
    /// The TLS handshake comes before anything the server says.
    pub tls_first: bool,
    /// The seed of an NKey, or the name of a file with one.
    pub nkey: String,
    /// The text of a credentials file (user JWT and seed), or the name of one.
    pub creds: String,
    /// Asked at each handshake; comes before what follows.
    pub ask_identity: Option<AskIdentity>,
    /// Default user, for servers whose URL has no credentials.
    pub user: String,
    /// Default password.
    pub password: String,
    /// Default token.
    pub token: String,
    /// Period of looks at a fresh INFO; zero: none; not given: that of the client's own PINGs.
    pub discovery_interval: Option<Duration>,
    /// Servers that others tell about are not used.
    pub ignore_discovered: bool,
    /// Refuse servers without TLS.
    pub secure: bool,
    /// Bytes of messages that may wait to be sent; zero: any number.
    pub max_pending: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            name: String::new(),
            randomize: true,
            connect_timeout: Duration::from_millis(2000),
            reconnect_time_wait: Duration::from_millis(2000),
            reconnect_jitter: Duration::from_millis(100),
            reconnect_delay: None,
            max_reconnect_attempts: 60,
            ping_interval: Duration::from_millis(120_000),
            max_outstanding_pings: 2,
            echo: true,
            tls_opts: Ok(Vec::new()),
            ask_passphrase: None,
            tls_first: false,
            nkey: String::new(),
            creds: String::new(),
            ask_identity: None,
            user: String::new(),
            password: String::new(),
            token: String::new(),
            discovery_interval: None,
            ignore_discovered: false,
            secure: false,
            max_pending: 64 * 1024 * 1024,
        }
    }
}

impl Settings {
    /// Whether to look for news of a server.
    pub(super) fn discovers(&self) -> bool {
        self.discovery_interval != Some(Duration::ZERO)
    }

    /// How often, if not on occasion only: who sends no PINGs wants no regular traffic.
    pub(super) fn discovery_period(&self) -> Option<Duration> {
        let period = self.discovery_interval.unwrap_or(self.ping_interval);
        (!period.is_zero()).then_some(period)
    }

    /// How far from the last attempt to a server the next one shall be, if nobody says otherwise. The
    /// random part keeps many clients from coming back in one moment; handshakes of TLS are dear.
    pub(super) fn reconnect_distance(&self, server: &ServerEntry) -> Duration {
        let jitter = match self.uses_tls(server) {
            true => self.reconnect_jitter.saturating_mul(10),
            false => self.reconnect_jitter,
        };
        let part = jitter.mul_f64(rand::random::<f64>());
        self.reconnect_time_wait.saturating_add(part)
    }

    /// Whether a link to a server uses TLS, as far as that is known before.
    pub(super) fn uses_tls(&self, server: &ServerEntry) -> bool {
        matches!(server.scheme, "tls" | "wss") || self.tls_first || self.requires_tls(server)
    }

    /// Whether a link to a server must use TLS though neither its scheme nor the server say so.
    pub(super) fn requires_tls(&self, server: &ServerEntry) -> bool {
        self.secure || server.inherits_tls()
    }

    /// Whether the INFO of a server has to be read before it is told anything, be it the beginning of a TLS
    /// handshake: if it was told about by one that uses TLS, a server without is not spoken to.
    pub(super) fn must_look_at(&self, server: &ServerEntry) -> bool {
        server.inherits_tls() && server.can_be_looked_at() && !self.tls_first
    }

    /// User, password and token to use with a server: its own ones, or those it inherits, come first.
    pub(super) fn credentials(&self, server: &ServerEntry) -> Option<Credentials> {
        if let Some(known) = server.known_credentials() {
            return Some(known.clone());
        }
        if !self.user.is_empty() && !self.password.is_empty() {
            return Some(Credentials::User {
                user: self.user.clone(),
                password: self.password.clone(),
            });
        }
        if !self.token.is_empty() {
            return Some(Credentials::Token(self.token.clone()));
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::connection::url::parse_url;

    fn user(user: &str) -> Option<Credentials> {
        Some(Credentials::User {
            user: user.into(),
            password: "pw".into(),
        })
    }

    #[test]
    fn credentials_of_the_url_come_first() {
        let own = parse_url("bob:pw@host").unwrap();
        let token = parse_url("secret@host").unwrap();
        let none = parse_url("host").unwrap();
        let mut settings = Settings::default();
        assert!(settings.credentials(&none).is_none());
        settings.user = "ann".into();
        assert!(settings.credentials(&none).is_none());
        settings.token = "tok".into();
        assert!(settings.credentials(&none) == Some(Credentials::Token("tok".into())));
        settings.password = "pw".into();
        assert!(settings.credentials(&none) == user("ann"));
        assert!(settings.credentials(&own) == user("bob"));
        assert!(settings.credentials(&token) == Some(Credentials::Token("secret".into())));
    }
}
