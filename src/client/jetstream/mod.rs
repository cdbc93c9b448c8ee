//! JetStream: the request API, publishing with acknowledgement, streams, ordered consumers.
//!
//! Everything starts at the [`JetStream`] handle, which stands for "this connection, this API
//! prefix, this time limit". It holds no state of the server's: cloning it is cheap, and any number
//! of handles may share a connection. Replies stay generic JSON up to the place where a script sees
//! them, so that fields which a newer server adds are not lost on the way.
//!
//! - `api`: requests, replies, error objects, paging
//! - `stream`, `consumer`, `stored`, `publish`: what the API offers, a concept a file
//! - `names`: what streams and consumers may be called
//! - `metadata`: what the reply subject of a delivered message says
//! - `ordered`: the consumer that neither loses nor repeats a message
//! - `pull`: fetching messages, and consuming them without end
//! - `units`: milliseconds here, nanoseconds there
//!
//! The wire format is that of the [JetStream API reference].
//!
//! [JetStream API reference]: https://docs.nats.io/reference/reference-protocols/nats_api_reference

mod api;
mod consumer;
pub mod metadata;
pub mod names;
pub mod ordered;
mod publish;
pub mod pull;
mod stored;
mod stream;
mod subscription;
pub mod units;

use std::sync::Arc;
use std::time::Duration;

use async_nats::ServerInfo;

pub(crate) use api::JsonExt;
pub use api::{ApiError, Json};
pub use consumer::Action;
pub use stored::{DirectQuery, StoredMessage};

use crate::client::connection::Connection;
use crate::client::error::{Code, Error, Result};

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
    trace: bool,
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
    fn check_server_at_least(&self, major: u64, minor: u64) -> Result<()> {
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
