//! What an ordered consumer is created with: its configuration, name and request.

use std::time::Duration;

use bytes::Bytes;
use rand::distr::{Alphanumeric, SampleString};
use serde_json::Value;

use super::types::{DeliverPolicy, Opening, OrderedConfig};
use crate::client::error::Result;
use crate::client::jetstream::api::{body, Checked};
use crate::client::jetstream::{units, JetStream, Json, JsonExt};

/// Nothing is acknowledged, so nothing may ever time out: 22 h, as other clients do.
const ACK_WAIT: Duration = Duration::from_secs(22 * 3600);

/// How long the server keeps a consumer that nobody listens to; short reconnections survive.
const INACTIVE_THRESHOLD: Duration = Duration::from_secs(2);

/// Long enough for no two consumers of a stream to get the same name.
const NAME_LENGTH: usize = 16;

/// The request that creates a consumer, its subject and body.
///
/// From server 2.9 on the subject has the consumer's name and its filter, if that is a single one, so that
/// permissions can apply to them; the name is a new one each time. An earlier server makes one up.
pub(super) fn request(
    js: &JetStream,
    stream: &str,
    mut config: Json,
    inbox: String,
) -> (Result<Checked>, Bytes) {
    let name = js.server_at_least(2, 9, 0).then(new_name);
    let plain = format!("CONSUMER.CREATE.{stream}");
    let subject = match &name {
        None => Checked::new(js.subject(&plain)),
        Some(name) => named(
            Checked::new(js.subject(&format!("{plain}.{name}"))),
            config.text("filter_subject"),
        ),
    };
    if let Some(name) = name {
        config.insert("name".into(), name.into());
    }
    config.insert("deliver_subject".into(), inbox.into());
    let mut query = Json::new();
    query.insert("stream_name".into(), stream.into());
    query.insert("config".into(), config.into());
    if js.server_at_least(2, 10, 0) {
        query.insert("action".into(), "create".into());
    }
    (subject, body(&query))
}

/// A filter that cannot be part of a subject is left to the server to refuse.
fn named(subject: Result<Checked>, filter: Option<&str>) -> Result<Checked> {
    let subject = subject?;
    let filtered = filter
        .filter(|filter| *filter != ">")
        .and_then(|filter| subject.clone().filtered(filter).ok());
    Ok(filtered.unwrap_or(subject))
}

fn new_name() -> String {
    Alphanumeric.sample_string(&mut rand::rng(), NAME_LENGTH)
}

/// All fields but the inbox; `next` is the stream sequence behind the last one delivered.
pub(super) fn consumer_config(wanted: &OrderedConfig, opening: Opening, next: u64) -> Json {
    let policy = match (opening, wanted.deliver_policy) {
        (Opening::First | Opening::Replayed, policy) => policy,
        (Opening::Resumed, _) => DeliverPolicy::ByStartSequence,
        (Opening::Recreated, DeliverPolicy::LastPerSubject) => DeliverPolicy::LastPerSubject,
        // Everything in a stream that was made meanwhile is new.
        (Opening::Recreated, _) => DeliverPolicy::All,
    };
    let (seq, time) = match opening {
        Opening::First | Opening::Replayed => (wanted.opt_start_seq, wanted.opt_start_time.clone()),
        Opening::Resumed => (Some(next), None),
        Opening::Recreated => (None, None),
    };
    let optional = [
        ("description", wanted.description.clone().map(Value::from)),
        ("deliver_policy", Some(policy.as_str().into())),
        ("opt_start_seq", seq.map(Value::from)),
        ("opt_start_time", time.map(Value::from)),
        (
            "filter_subject",
            wanted.filter_subject.clone().map(Value::from),
        ),
        (
            "filter_subjects",
            wanted.filter_subjects.clone().map(Value::from),
        ),
        ("headers_only", wanted.headers_only.map(Value::from)),
        ("ack_policy", Some("none".into())),
        ("max_deliver", Some(1.into())),
        ("ack_wait", Some(units::ns(ACK_WAIT))),
        ("replay_policy", Some("instant".into())),
        ("flow_control", Some(true.into())),
        ("idle_heartbeat", Some(units::ns(wanted.idle_heartbeat))),
        ("inactive_threshold", Some(units::ns(INACTIVE_THRESHOLD))),
        ("num_replicas", Some(1.into())),
        ("mem_storage", Some(true.into())),
    ];
    optional
        .into_iter()
        .filter_map(|(key, value)| Some((key.to_owned(), value?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(policy: DeliverPolicy, opening: Opening) -> String {
        let mut wanted = OrderedConfig::new("S");
        wanted.deliver_policy = policy;
        let config = consumer_config(&wanted, opening, 8);
        let start = config.get("opt_start_seq").map(Value::to_string);
        format!(
            "{} {}",
            config.text("deliver_policy").unwrap(),
            start.unwrap_or_default()
        )
    }

    #[test]
    fn where_a_consumer_begins() {
        use DeliverPolicy::{All, LastPerSubject, New};
        use Opening::{First, Recreated, Replayed, Resumed};
        assert_eq!(config(New, First), "new ");
        assert_eq!(config(New, Resumed), "by_start_sequence 8");
        assert_eq!(config(New, Recreated), "all ");
        assert_eq!(config(All, Resumed), "by_start_sequence 8");
        assert_eq!(config(LastPerSubject, First), "last_per_subject ");
        assert_eq!(config(LastPerSubject, Replayed), "last_per_subject ");
        assert_eq!(config(LastPerSubject, Recreated), "last_per_subject ");
        assert_eq!(config(LastPerSubject, Resumed), "by_start_sequence 8");
    }

    #[test]
    fn a_start_is_for_the_first_consumer_only() {
        let wanted = OrderedConfig {
            deliver_policy: DeliverPolicy::ByStartTime,
            opt_start_time: Some("2026-01-01T00:00:00Z".into()),
            ..OrderedConfig::new("S")
        };
        let first = consumer_config(&wanted, Opening::First, 1);
        assert_eq!(first.text("opt_start_time"), Some("2026-01-01T00:00:00Z"));
        let resumed = consumer_config(&wanted, Opening::Resumed, 8);
        assert_eq!(resumed.get("opt_start_time"), None);
        assert_eq!(resumed.number("opt_start_seq"), Some(8));
    }

    #[test]
    fn the_whole_configuration() {
        let wanted = OrderedConfig {
            filter_subject: Some("a.>".into()),
            description: Some("KV watcher".into()),
            headers_only: Some(false),
            ..OrderedConfig::new("S")
        };
        assert_eq!(
            Value::Object(consumer_config(&wanted, Opening::First, 1)).to_string(),
            concat!(
                r#"{"description":"KV watcher","deliver_policy":"all","filter_subject":"a.>","#,
                r#""headers_only":false,"ack_policy":"none","max_deliver":1,"#,
                r#""ack_wait":79200000000000,"replay_policy":"instant","flow_control":true,"#,
                r#""idle_heartbeat":5000000000,"inactive_threshold":2000000000,"#,
                r#""num_replicas":1,"mem_storage":true}"#
            )
        );
    }
}
