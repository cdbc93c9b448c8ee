//! The servers a connection may use: the queue in which they are tried.
//!
//! Pure data; the supervisor asks it what to do next. The pool is a queue: an attempt moves its
//! server from the head to the tail, so the current server is always the last one.

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use rand::seq::SliceRandom;

use super::server::ServerEntry;
use super::url::parse_url;
use crate::client::error::Result;

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

/// The most servers that are there because others told about them.
pub(super) const MOST_DISCOVERED: usize = 1024;

/// How many addresses that are none are reported one by one.
const MOST_COMPLAINTS: usize = 16;

/// What came of a list of addresses.
#[derive(Default)]
pub(super) struct Discovery {
    pub(super) added: Vec<String>,
    /// What is wrong with the first of those that are no addresses.
    pub(super) invalid: Vec<String>,
    /// How many more are of no use, or too many.
    pub(super) ignored: usize,
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
            server.failed();
        }
    }

    /// The attempt to the current server succeeded.
    pub(super) fn succeeded(&mut self) {
        if let Some(server) = self.servers.back_mut() {
            server.succeeded();
        }
    }

    /// The link to the current server broke; see [`ServerEntry::lost`].
    pub(super) fn lost(&mut self, distance: Duration, unreadable: bool) {
        if let Some(server) = self.servers.back_mut() {
            server.lost(distance, unreadable);
        }
    }

    /// Adds the servers that the current one told about on its link, unless they are known. They are
    /// tried first, the last one before the others. A pool that was emptied stays empty.
    pub(super) fn discover(&mut self, addresses: &[String], used_tls: bool) -> Discovery {
        let mut discovery = Discovery::default();
        let Some(teller) = self.servers.back().cloned() else {
            return discovery;
        };
        let mut known: HashSet<(String, u32)> =
            self.servers.iter().map(ServerEntry::place).collect();
        let mut room = MOST_DISCOVERED.saturating_sub(self.discovered());
        for address in addresses {
            let mut server = match parse_url(address) {
                Ok(server) => server,
                Err(error) if discovery.invalid.len() < MOST_COMPLAINTS => {
                    discovery.invalid.push(error.message);
                    continue;
                }
                Err(_) => {
                    discovery.ignored += 1;
                    continue;
                }
            };
            if known.contains(&server.place()) {
                continue;
            }
            if room == 0 {
                discovery.ignored += 1;
                continue;
            }
            room -= 1;
            known.insert(server.place());
            teller.tells_of(&mut server, used_tls);
            self.servers.push_front(server);
            discovery.added.push(address.clone());
        }
        discovery
    }

    fn discovered(&self) -> usize {
        self.servers
            .iter()
            .filter(|server| server.discovered)
            .count()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::client::connection::settings::Settings;

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
    fn an_invalid_url_leaves_the_pool_alone() {
        let mut pool = pool(&["a", "b"]);
        assert!(pool.set(&["c".into(), "d/x".into()], false).is_err());
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

    fn discover(pool: &mut Pool, addresses: &[&str], used_tls: bool) -> Discovery {
        let addresses: Vec<String> = addresses.iter().map(|a| a.to_string()).collect();
        pool.discover(&addresses, used_tls)
    }

    #[test]
    fn discovered_servers_come_first() {
        let mut pool = pool(&["bob:pw@a", "b:4333"]);
        let told = [
            "c:4222",
            "a:4222",
            "b:4333",
            "b:4444",
            "b:4444",
            "c%:4222",
            "[fe80::1]:4222",
        ];
        let discovery = discover(&mut pool, &told, false);
        assert_eq!(discovery.added, ["c:4222", "b:4444", "[fe80::1]:4222"]);
        assert_eq!(discovery.invalid, ["Invalid URL c%:4222"]);
        assert_eq!(hosts(&pool), ["[fe80::1]", "b", "c", "a", "b"]);
        assert!(pool.servers[0].discovered && !pool.servers[3].discovered);
        pool.clear();
        assert!(discover(&mut pool, &told, false).added.is_empty());
        assert_eq!(pool.current().map(|s| s.host.as_str()), Some("b"));
    }

    #[test]
    fn told_servers_inherit_what_their_teller_needed() {
        let mut pool = pool(&["tls://bob:pw@one.example"]);
        let plain = Settings::default();
        discover(&mut pool, &["10.0.0.1:4222", "two.example:4222"], true);
        let told = |pool: &Pool, n: usize| pool.servers[n].clone();
        let (named, bare) = (told(&pool, 0), told(&pool, 1));
        assert!(plain.requires_tls(&named) && plain.requires_tls(&bare));
        assert_eq!(named.inherited_name(), None);
        assert_eq!(bare.inherited_name(), Some("one.example"));
        assert!(bare.credentials.is_none());
        assert!(plain.credentials(&bare).is_some());
        // One that was told tells of another: the name is still that of the first.
        pool.servers.retain(|server| server.host == "10.0.0.1");
        discover(&mut pool, &["[::1]:4222"], true);
        assert_eq!(told(&pool, 0).inherited_name(), Some("one.example"));
        assert!(plain.credentials(&told(&pool, 0)).is_some());
        discover(&mut pool, &["10.0.0.9:4222"], false);
        assert!(!plain.requires_tls(&told(&pool, 0)));
    }

    #[test]
    fn many_told_servers_are_cheap_and_limited() {
        let mut pool = pool(&["a"]);
        let told: Vec<String> = (0..100_000).map(|n| format!("h{n}:4222")).collect();
        let start = Instant::now();
        let discovery = pool.discover(&told, false);
        assert!(start.elapsed() < Duration::from_secs(5));
        assert_eq!(discovery.added.len(), MOST_DISCOVERED);
        assert_eq!(discovery.ignored, 100_000 - MOST_DISCOVERED);
        assert_eq!(pool.discover(&told, false).added.len(), 0);
        let nonsense: Vec<String> = (0..1000).map(|n| format!("h{n}/x")).collect();
        let discovery = pool.discover(&nonsense, false);
        assert_eq!(discovery.invalid.len(), MOST_COMPLAINTS);
        assert_eq!(discovery.ignored, 1000 - MOST_COMPLAINTS);
    }
}
