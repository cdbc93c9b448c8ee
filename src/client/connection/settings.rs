//! The options of a connection (core.md §5), all but the list of servers.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;

use super::pool::{Credentials, ServerEntry};
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
    /// Kept for `cget`; async-nats never asks for it.
    pub pedantic: bool,
    /// Kept for `cget`; async-nats never asks for it.
    pub verbose: bool,
    /// Shuffle the servers when they are configured.
    pub randomize: bool,
    /// Limit for one server, from TCP to the end of the handshake; zero: none.
    pub connect_timeout: Duration,
    /// Minimum distance between attempts to the same server.
    pub reconnect_time_wait: Duration,
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
    /// Default user, for servers whose URL has no credentials.
    pub user: String,
    /// Default password.
    pub password: String,
    /// Default token.
    pub token: String,
    /// Refuse servers without TLS.
    pub secure: bool,
    /// Check subjects before they are sent.
    pub check_subjects: bool,
    /// Hand messages to scripts as dicts.
    pub dictmsg: bool,
    /// Recode payloads.
    pub utf8_convert: bool,
    /// Default limit of requests; zero: none.
    pub request_timeout: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            name: String::new(),
            pedantic: false,
            verbose: false,
            randomize: true,
            connect_timeout: Duration::from_millis(2000),
            reconnect_time_wait: Duration::from_millis(2000),
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
            user: String::new(),
            password: String::new(),
            token: String::new(),
            secure: false,
            check_subjects: true,
            dictmsg: false,
            utf8_convert: false,
            request_timeout: Duration::from_millis(10_000),
        }
    }
}

impl Settings {
    /// User, password and token to use with a server (core.md §10): its own ones come first.
    pub(super) fn credentials(&self, server: &ServerEntry) -> Option<Credentials> {
        if server.credentials.is_some() {
            return server.credentials.clone();
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
    use crate::client::connection::pool::parse_url;

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
