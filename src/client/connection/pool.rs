//! The servers a connection may use: URLs, and the queue in which they are tried (core.md §8, §9).
//!
//! Pure data; the supervisor asks it what to do next. The pool is a queue: an attempt moves its
//! server from the head to the tail, so the current server is always the last one.

use std::collections::VecDeque;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rand::seq::SliceRandom;

use crate::client::error::{Error, Result};

/// Schemes and their default ports; that of a URL without scheme comes first.
const SCHEMES: [(&str, u32); 4] = [("nats", 4222), ("tls", 4222), ("ws", 80), ("wss", 443)];

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
    /// Failed attempts since the last success, or since `connect`.
    pub reconnects: u64,
    /// When the last attempt failed, in milliseconds since 1970; 0: never.
    pub last_attempt: u64,
    /// Those of the URL.
    pub credentials: Option<Credentials>,
    /// The same moment as `last_attempt` on a clock that nobody adjusts.
    failed_at: Option<Instant>,
}

impl ServerEntry {
    /// `host:port`.
    pub fn address(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// When another attempt may start, given the wanted distance from the last one.
    pub(super) fn next_attempt(&self, distance: Duration) -> Option<Instant> {
        self.failed_at?.checked_add(distance)
    }

    fn reset(&mut self) {
        self.reconnects = 0;
        self.last_attempt = 0;
        self.failed_at = None;
    }
}

/// Parses `[nats://|tls://|ws://|wss://][user[:password]@]host[:port]`; a user without password is a
/// token.
///
/// # Errors
/// `InvalidArg` "Invalid URL …", without credentials
pub fn parse_url(url: &str) -> Result<ServerEntry> {
    parse(url)
        .ok_or_else(|| Error::invalid_arg(format!("Invalid URL {}", without_credentials(url))))
}

/// A text that should have been a URL, for messages.
fn without_credentials(url: &str) -> String {
    match url.rsplit_once('@') {
        None => url.to_owned(),
        Some((before, address)) => match before.split_once("://") {
            None => format!("***@{address}"),
            Some((scheme, _)) => format!("{scheme}://***@{address}"),
        },
    }
}

fn parse(url: &str) -> Option<ServerEntry> {
    let (name, rest) = url.split_once("://").unwrap_or((SCHEMES[0].0, url));
    let (scheme, default_port) = *SCHEMES.iter().find(|(scheme, _)| *scheme == name)?;
    // Only credentials may contain an `@`.
    let (credentials, address) = match rest.rsplit_once('@') {
        None => (None, rest),
        Some((credentials, address)) => (Some(parse_credentials(credentials)?), address),
    };
    let (host, port) = parse_address(address)?;
    Some(ServerEntry {
        scheme,
        host: host.to_owned(),
        port: port.unwrap_or(default_port),
        discovered: false,
        reconnects: 0,
        last_attempt: 0,
        credentials,
        failed_at: None,
    })
}

fn parse_credentials(text: &str) -> Option<Credentials> {
    let (user, password) = text.split_once(':').unwrap_or((text, ""));
    if user.is_empty() {
        return None;
    }
    Some(if password.is_empty() {
        Credentials::Token(user.to_owned())
    } else {
        Credentials::User {
            user: user.to_owned(),
            password: password.to_owned(),
        }
    })
}

fn parse_address(address: &str) -> Option<(&str, Option<u32>)> {
    // The colons of an IPv6 address are inside its brackets.
    let host_end = address.rfind(']').map_or(0, |bracket| bracket + 1);
    let (host, port) = match address[host_end..].find(':') {
        None => (address, None),
        Some(colon) => {
            let (host, port) = address.split_at(host_end + colon);
            (host, Some(parse_port(&port[1..])?))
        }
    };
    is_host(host).then_some((host, port))
}

fn parse_port(digits: &str) -> Option<u32> {
    // `parse` alone would accept a sign.
    let all_digits = digits.bytes().all(|b| b.is_ascii_digit());
    all_digits.then(|| digits.parse().ok()).flatten()
}

fn is_host(host: &str) -> bool {
    match host.strip_prefix('[').and_then(|h| h.strip_suffix(']')) {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            !host.is_empty()
                && host
                    .chars()
                    .all(|c| c.is_alphanumeric() || matches!(c, '-' | '.' | '_'))
        }
    }
}

/// What the queue discipline says about the next attempt.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Choice {
    /// The server that is the current one now.
    Attempt,
    /// The initial round is over: every server was tried once.
    Exhausted,
    /// There is no server.
    Empty,
}

/// The servers, in the order in which they are tried.
#[derive(Default)]
pub(super) struct Pool {
    servers: VecDeque<ServerEntry>,
    /// The current server of a pool that was emptied: a connection outlives that.
    former: Option<ServerEntry>,
}

impl Pool {
    /// Replaces all servers, or none if one of the URLs is invalid.
    pub(super) fn set(&mut self, urls: &[String], randomize: bool) -> Result<()> {
        let mut servers = urls
            .iter()
            .map(|url| parse_url(url))
            .collect::<Result<Vec<_>>>()?;
        if randomize {
            let mut unique: Vec<ServerEntry> = Vec::with_capacity(servers.len());
            for server in servers {
                if !unique.contains(&server) {
                    unique.push(server);
                }
            }
            unique.shuffle(&mut rand::rng());
            servers = unique;
        }
        self.servers = servers.into();
        self.former = None;
        Ok(())
    }

    pub(super) fn clear(&mut self) {
        self.former = self.servers.pop_back().or(self.former.take());
        self.servers.clear();
    }

    pub(super) fn all(&self) -> Vec<ServerEntry> {
        self.servers.iter().cloned().collect()
    }

    pub(super) fn len(&self) -> usize {
        self.servers.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.servers.is_empty()
    }

    /// The server of the attempt or link under way.
    pub(super) fn current(&self) -> Option<&ServerEntry> {
        self.servers.back().or(self.former.as_ref())
    }

    /// Forgets former failures: a new `connect` begins.
    pub(super) fn reset(&mut self) {
        self.servers.iter_mut().for_each(ServerEntry::reset);
    }

    /// Makes the next server the current one. During reconnection servers that failed too often
    /// are dropped on the way, and pushed to `dropped`.
    pub(super) fn choose(
        &mut self,
        initial: bool,
        max_attempts: i64,
        dropped: &mut Vec<ServerEntry>,
    ) -> Choice {
        self.former = None;
        while let Some(server) = self.servers.pop_front() {
            let failures = server.reconnects;
            if initial && failures > 0 {
                self.servers.push_front(server);
                return Choice::Exhausted;
            }
            let limit = u64::try_from(max_attempts).ok();
            if !initial && limit.is_some_and(|limit| failures >= limit) {
                dropped.push(server);
                continue;
            }
            self.servers.push_back(server);
            return Choice::Attempt;
        }
        Choice::Empty
    }

    /// The attempt to the current server failed.
    pub(super) fn failed(&mut self) {
        if let Some(server) = self.servers.back_mut() {
            server.reconnects += 1;
            server.last_attempt = unix_millis();
            server.failed_at = Some(Instant::now());
        }
    }

    /// The attempt to the current server succeeded.
    pub(super) fn succeeded(&mut self) {
        if let Some(server) = self.servers.back_mut() {
            server.reset();
        }
    }

    /// Adds a server another one told about, unless it is known; the next attempt goes there.
    ///
    /// # Errors
    /// `InvalidArg` "Invalid URL …"
    pub(super) fn discover(&mut self, address: &str) -> Result<bool> {
        let mut server = parse_url(address)?;
        let known = |s: &ServerEntry| s.host == server.host && s.port == server.port;
        if self.servers.iter().any(known) {
            return Ok(false);
        }
        // A server with WebSocket tells its clients there about others with WebSocket.
        server.scheme = match self.current().map(|current| current.scheme) {
            Some(scheme @ ("ws" | "wss")) => scheme,
            _ => "nats",
        };
        server.credentials = None;
        server.discovered = true;
        self.servers.push_front(server);
        Ok(true)
    }
}

fn unix_millis() -> u64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH);
    elapsed.map_or(0, |t| u64::try_from(t.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(pool: &Pool) -> Vec<String> {
        pool.servers.iter().map(|s| s.host.clone()).collect()
    }

    fn pool(urls: &[&str]) -> Pool {
        let mut pool = Pool::default();
        let urls: Vec<String> = urls.iter().map(|u| u.to_string()).collect();
        pool.set(&urls, false).unwrap();
        pool
    }

    fn attempt(pool: &mut Pool, initial: bool, max: i64) -> Option<String> {
        match pool.choose(initial, max, &mut Vec::new()) {
            Choice::Attempt => pool.current().map(|s| s.host.clone()),
            _ => None,
        }
    }

    #[test]
    fn the_current_server_outlives_the_others() {
        let mut pool = pool(&["a", "b"]);
        assert_eq!(attempt(&mut pool, true, 60).as_deref(), Some("a"));
        pool.clear();
        pool.clear();
        assert!(pool.is_empty());
        assert_eq!(pool.current().map(|s| s.host.as_str()), Some("a"));
        assert_eq!(attempt(&mut pool, false, 60), None);
        assert!(pool.current().is_none());
    }

    #[test]
    fn urls() {
        let full = parse_url("tls://bob:s3:cr@t@n1.example:4333").unwrap();
        assert_eq!((full.scheme, full.port), ("tls", 4333));
        assert_eq!(full.address(), "n1.example:4333");
        assert!(
            full.credentials
                == Some(Credentials::User {
                    user: "bob".into(),
                    password: "s3:cr@t".into()
                })
        );
        let token = parse_url("t0ken%20@host").unwrap();
        assert!(token.credentials == Some(Credentials::Token("t0ken%20".into())));
        assert_eq!((token.scheme, token.port), ("nats", 4222));
        assert_eq!(
            parse_url("nats://[::1]:4223").unwrap().address(),
            "[::1]:4223"
        );
        assert_eq!(parse_url("[::1]").unwrap().port, 4222);
        assert_eq!(parse_url("my_host:99999").unwrap().port, 99999);
        assert_eq!(parse_url("ws://host").unwrap().port, 80);
        assert_eq!(parse_url("wss://host").unwrap().address(), "host:443");
    }

    #[test]
    fn invalid_urls() {
        for bad in [
            "",
            "nats://",
            "http://host",
            "NATS://host",
            "host/x",
            "host:2a20",
            "host:",
            "host:+1",
            ":4222",
            "@host",
            ":pw@host",
            "a b",
            "::1",
            "[::1",
            "[zz]",
            "[::1]x",
            "host:1:2",
            "user@",
            "nats://host:4222/",
            "host:99999999999",
        ] {
            let error = parse_url(bad).err().map(|e| e.message);
            let told = format!("Invalid URL {}", without_credentials(bad));
            assert_eq!(error, Some(told), "{bad}");
        }
    }

    #[test]
    fn an_invalid_url_leaves_the_pool_alone() {
        let mut pool = pool(&["a", "b"]);
        assert!(pool.set(&["c".into(), "d/".into()], false).is_err());
        assert_eq!(hosts(&pool), ["a", "b"]);
    }

    #[test]
    fn randomizing_removes_duplicates() {
        let urls: Vec<String> = ["a", "b", "nats://a:4222", "u@a"].map(String::from).into();
        let mut pool = Pool::default();
        pool.set(&urls, true).unwrap();
        let mut names = hosts(&pool);
        names.sort();
        assert_eq!(names, ["a", "a", "b"]);
        pool.set(&urls, false).unwrap();
        assert_eq!(pool.len(), 4);
    }

    #[test]
    fn the_initial_round_tries_each_server_once() {
        let mut pool = pool(&["a", "b"]);
        for host in ["a", "b"] {
            assert_eq!(attempt(&mut pool, true, 0).as_deref(), Some(host));
            pool.failed();
        }
        let choice = pool.choose(true, 0, &mut Vec::new());
        assert_eq!(choice, Choice::Exhausted);
        assert_eq!(hosts(&pool), ["a", "b"]);
        pool.reset();
        assert_eq!(attempt(&mut pool, true, 0).as_deref(), Some("a"));
    }

    #[test]
    fn a_lost_server_comes_last() {
        let mut pool = pool(&["a", "b", "c"]);
        assert_eq!(attempt(&mut pool, true, 60).as_deref(), Some("a"));
        pool.succeeded();
        for host in ["b", "c", "a"] {
            assert_eq!(attempt(&mut pool, false, 60).as_deref(), Some(host));
            pool.failed();
        }
        assert!(pool.current().is_some_and(|s| s.reconnects == 1));
        assert!(pool.current().is_some_and(|s| s.last_attempt > 0));
    }

    #[test]
    fn failing_servers_are_dropped() {
        let mut pool = pool(&["a", "b"]);
        let mut attempts = 0;
        while attempt(&mut pool, false, 2).is_some() {
            pool.failed();
            attempts += 1;
        }
        assert_eq!(attempts, 4);
        assert!(pool.is_empty());
        assert_eq!(pool.choose(false, -1, &mut Vec::new()), Choice::Empty);
    }

    #[test]
    fn limits_of_reconnection() {
        let mut never = pool(&["a"]);
        let mut dropped = Vec::new();
        assert_eq!(never.choose(false, 0, &mut dropped), Choice::Empty);
        assert_eq!(dropped.len(), 1);
        let mut forever = pool(&["a"]);
        for _ in 0..1000 {
            assert_eq!(forever.choose(false, -1, &mut dropped), Choice::Attempt);
            forever.failed();
        }
    }

    #[test]
    fn discovered_servers_come_first() {
        let mut pool = pool(&["bob:pw@a", "b:4333"]);
        assert!(pool.discover("c:4222").unwrap());
        assert!(!pool.discover("a:4222").unwrap());
        assert!(!pool.discover("b:4333").unwrap());
        assert!(pool.discover("b:4444").unwrap());
        assert!(pool.discover("[fe80::1]:4222").unwrap());
        assert!(pool.discover("c/:4222").is_err());
        assert_eq!(hosts(&pool), ["[fe80::1]", "b", "c", "a", "b"]);
        assert!(pool.servers[0].discovered && !pool.servers[3].discovered);
    }

    #[test]
    fn messages_have_no_credentials() {
        for (url, message) in [
            ("http://one", "Invalid URL http://one"),
            ("http://bob:s3cret@one", "Invalid URL http://***@one"),
            ("bob:s3:cr@t@one/x", "Invalid URL ***@one/x"),
        ] {
            let error = parse_url(url).err().expect(url);
            assert_eq!(error.message, message);
        }
    }

    #[test]
    fn fuzz_urls() {
        let samples = [
            "nats://localhost:4222",
            "tls://bob:s3cret@two.example:4333",
            "token@[::1]:4223",
            "wss://a_b",
            "[fe80::1]",
        ];
        fuzz::texts(&samples, |url| {
            let Ok(entry) = parse_url(url) else {
                return;
            };
            assert!(!entry.host.is_empty(), "{url:?}");
            assert!(!entry.host.contains([' ', '\r', '\n', '@', '/']), "{url:?}");
            let again = parse_url(&format!("{}://{}", entry.scheme, entry.address()));
            let again = again.unwrap_or_else(|_| panic!("{url:?}"));
            assert_eq!((again.host, again.port), (entry.host, entry.port));
        });
    }
}
