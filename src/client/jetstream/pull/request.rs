//! What a pull request asks for.

use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;

use crate::client::connection::Publish;
use crate::client::error::Result;
use crate::client::jetstream::api::{body, Checked};
use crate::client::jetstream::{names, units, JetStream, Json};

/// A pull request.
#[derive(Debug, Clone, Default)]
pub struct PullRequest {
    pub batch: u64,
    /// Bring what there is, and do not wait for more.
    pub no_wait: bool,
    /// How long the server keeps the request; zero: as long as somebody listens.
    pub expires: Option<Duration>,
    pub max_bytes: Option<u64>,
    /// How often the server says that it still knows the request.
    pub idle_heartbeat: Option<Duration>,
    pub priority: Priority,
    /// What a pinned client was called by the server.
    pub pin: Option<String>,
}

/// How a request of a priority group is treated, from server 2.11 on ([ADR-42]).
///
/// [ADR-42]: https://github.com/nats-io/nats-architecture-and-design/blob/main/adr/ADR-42.md
#[derive(Debug, Clone, Default)]
pub struct Priority {
    pub group: Option<String>,
    /// Policy `overflow`: only served when so many messages are waiting.
    pub min_pending: Option<u64>,
    /// Policy `overflow`: only served when so many acknowledgements are missing.
    pub min_ack_pending: Option<u64>,
    /// Policy `prioritized`, from 2.12 on: 0 comes first, 9 last.
    pub priority: Option<u64>,
}

impl PullRequest {
    pub(super) fn body(&self) -> Bytes {
        let optional = [
            ("expires", self.expires.map(units::ns)),
            ("batch", Some(self.batch.into())),
            ("no_wait", Some(self.no_wait.into())),
            ("max_bytes", self.max_bytes.map(Value::from)),
            ("idle_heartbeat", self.idle_heartbeat.map(units::ns)),
            ("group", self.priority.group.as_deref().map(Value::from)),
            ("min_pending", self.priority.min_pending.map(Value::from)),
            (
                "min_ack_pending",
                self.priority.min_ack_pending.map(Value::from),
            ),
            ("priority", self.priority.priority.map(Value::from)),
            ("id", self.pin.as_deref().map(Value::from)),
        ];
        let fields = optional
            .into_iter()
            .filter_map(|(key, value)| Some((key.to_owned(), value?)));
        body(&fields.collect::<Json>())
    }
}

impl JetStream {
    /// The subject on which a consumer takes pull requests.
    ///
    /// # Errors
    /// `InvalidArg` for names that cannot be; `BadSubject` for such a prefix.
    pub(super) fn pull_subject(&self, stream: &str, consumer: &str) -> Result<String> {
        names::check_stream(stream)?;
        names::check_consumer(consumer)?;
        let subject = self.subject(&format!("CONSUMER.MSG.NEXT.{stream}.{consumer}"));
        Checked::new(subject).map(Checked::into_subject)
    }

    /// The message that is the request; its reply subject is the caller's affair.
    pub(super) fn pull(&self, subject: &str, request: &PullRequest) -> Publish {
        let body = request.body();
        self.trace_request(subject, &body);
        Publish::new(subject, body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies() {
        let request = PullRequest {
            batch: 3,
            no_wait: true,
            ..PullRequest::default()
        };
        assert_eq!(request.body(), r#"{"batch":3,"no_wait":true}"#);
        let request = PullRequest {
            batch: 1,
            expires: Some(Duration::from_millis(990)),
            max_bytes: Some(1000),
            idle_heartbeat: Some(Duration::from_millis(100)),
            priority: Priority {
                group: Some("a\"b".into()),
                min_pending: Some(7),
                min_ack_pending: Some(8),
                priority: Some(0),
            },
            pin: Some("x".into()),
            no_wait: false,
        };
        assert_eq!(
            request.body(),
            concat!(
                r#"{"expires":990000000,"batch":1,"no_wait":false,"max_bytes":1000,"#,
                r#""idle_heartbeat":100000000,"group":"a\"b","min_pending":7,"#,
                r#""min_ack_pending":8,"priority":0,"id":"x"}"#
            )
        );
    }
}
