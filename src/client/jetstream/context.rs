//! The handle on which everything begins.

use std::sync::Arc;
use std::time::Duration;

use async_nats::ServerInfo;

use super::deadline::Deadline;
use super::level::Levels;
use super::suspects::Suspects;
use crate::client::connection::Connection;
use crate::client::error::{Code, Error, Result};

/// How often a request is sent again if nobody listens ([ADR-22]).
///
/// [ADR-22]: https://github.com/nats-io/nats-architecture-and-design/blob/main/adr/ADR-22.md
const RETRIES: u32 = 2;

/// How long a question may take that only serves to explain an error.
const LOOK: Duration = Duration::from_secs(2);

/// The API prefix of the account's own JetStream.
pub const DEFAULT_PREFIX: &str = "$JS.API";

/// The API prefix of a JetStream domain ([ADR-19]).
///
/// [ADR-19]: https://github.com/nats-io/nats-architecture-and-design/blob/main/adr/ADR-19.md
pub fn domain_prefix(domain: &str) -> String {
    format!("$JS.{domain}.API")
}

/// Access to one JetStream: a connection, an API prefix, a time limit.
#[derive(Clone)]
pub struct JetStream {
    pub connection: Connection,
    prefix: Arc<str>,
    timeout: Duration,
    pub(super) trace: bool,
    /// When all requests of this handle have to be over, if they share their time limit.
    deadline: Option<Deadline>,
    /// How often a request is sent again if nobody listens.
    pub(super) retries: u32,
    pub(super) suspects: Suspects,
    pub(super) levels: Levels,
}

impl JetStream {
    /// `prefix` is the whole API prefix, without a dot at the end; a `timeout` of zero means none.
    /// With `trace` every API request and reply is logged at debug level.
    pub fn new(connection: Connection, prefix: &str, timeout: Duration, trace: bool) -> JetStream {
        JetStream {
            connection,
            prefix: prefix.into(),
            timeout,
            trace,
            deadline: None,
            retries: RETRIES,
            suspects: Suspects::default(),
            levels: Levels::default(),
        }
    }

    /// The same for another API prefix.
    pub(crate) fn at(&self, prefix: &str) -> JetStream {
        JetStream {
            prefix: prefix.into(),
            levels: Levels::default(),
            ..self.clone()
        }
    }

    /// What API subjects begin with.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The time limit of each request; zero: none.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Whether the server of the last handshake has at least this version.
    pub(crate) fn server_at_least(&self, major: u64, minor: u64, patch: u64) -> bool {
        self.connection
            .server_info()
            .is_some_and(|info| server_at_least(&info, major, minor, patch))
    }

    /// Servers do not answer API calls that they do not know, so these are refused here. Before the first
    /// handshake nothing is known and nothing refused.
    ///
    /// # Errors
    /// `NotSupported`
    pub(crate) fn check_server_at_least(&self, major: u64, minor: u64) -> Result<()> {
        match self.connection.server_info() {
            Some(info) if !server_at_least(&info, major, minor, 0) => Err(Error::new(
                Code::NotSupported,
                format!(
                    "The server's version is {}, this needs {major}.{minor} or later",
                    info.version
                ),
            )),
            _ => Ok(()),
        }
    }
}

/// Time limits.
impl JetStream {
    /// A handle with another time limit of each request; zero: none.
    pub(crate) fn with_timeout(&self, timeout: Duration) -> JetStream {
        JetStream {
            timeout,
            deadline: None,
            ..self.clone()
        }
    }

    /// A handle whose requests have one time limit together, which begins now.
    pub(crate) fn for_one_call(&self) -> JetStream {
        self.until(self.deadline())
    }

    /// A handle whose requests all have to be over so long from now; zero: no limit.
    pub(crate) fn within(&self, timeout: Duration) -> JetStream {
        self.until(Deadline::after(timeout))
    }

    /// A handle whose requests all have to be over by then.
    pub(crate) fn until(&self, deadline: Deadline) -> JetStream {
        JetStream {
            deadline: Some(deadline),
            ..self.clone()
        }
    }

    /// A handle for a question that explains an error: it is asked once, and briefly.
    pub(crate) fn for_a_look(&self) -> JetStream {
        let brief = self.deadline().or(Deadline::after(LOOK));
        JetStream {
            retries: 0,
            ..self.until(brief)
        }
    }

    /// Whether requests of this handle have one time limit together.
    pub(super) fn shares_deadline(&self) -> bool {
        self.deadline.is_some()
    }

    /// When a request that is made now has to be over.
    pub(crate) fn deadline(&self) -> Deadline {
        self.deadline
            .unwrap_or_else(|| Deadline::after(self.timeout))
    }
}

/// Compares the server's version component by component; suffixes such as `-beta.1` do not count.
pub fn server_at_least(info: &ServerInfo, major: u64, minor: u64, patch: u64) -> bool {
    version_at_least(&info.version, [major, minor, patch])
}

fn version_at_least(version: &str, wanted: [u64; 3]) -> bool {
    let mut found = [0; 3];
    for (number, component) in found.iter_mut().zip(version.split('.')) {
        let digits = component
            .find(|c: char| !c.is_ascii_digit())
            .map_or(component, |end| &component[..end]);
        *number = digits.parse().unwrap_or(0);
    }
    found >= wanted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_numerically() {
        assert!(version_at_least("2.10.0", [2, 10, 0]));
        assert!(version_at_least("2.10.0", [2, 9, 99]));
        assert!(!version_at_least("2.9.25", [2, 10, 0]));
        assert!(version_at_least("2.11.0-RC.1", [2, 11, 0]));
        assert!(version_at_least("3", [2, 99, 99]));
        assert!(!version_at_least("", [2, 2, 0]));
    }
}
