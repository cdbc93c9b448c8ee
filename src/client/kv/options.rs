//! The options of buckets, and the fields of a stream's configuration that they are.

use std::time::Duration;

use serde_json::Value;

use crate::client::error::{Error, Result};
use crate::client::jetstream::{units, Json};

/// What [`CreateOptions::storage`] may be.
pub const STORAGES: &[&str] = &["memory", "file"];

/// What [`CreateOptions::compression`] may be.
pub const COMPRESSIONS: &[&str] = &["none", "s2"];

/// More revisions of a key than this no server keeps (ADR-8).
const MAX_HISTORY: i64 = 64;

/// For so long the server recognises a message it has seen.
const DUPLICATE_WINDOW: Duration = Duration::from_secs(120);

/// Markers are kept for whole seconds.
const SHORTEST_MARKER_TTL: Duration = Duration::from_secs(1);

/// The options of a new bucket; what is `None` is left to the server.
#[derive(Debug, Clone, Default)]
pub struct CreateOptions {
    pub description: Option<String>,
    /// Bytes; the server takes 0 and -1 for unlimited.
    pub max_value_size: Option<i64>,
    /// Revisions kept of each key, 1 to 64; 1 by default.
    pub history: Option<i64>,
    /// For how long entries are kept; zero: for ever.
    pub ttl: Option<Duration>,
    /// Bytes.
    pub max_bucket_size: Option<u64>,
    /// One of [`STORAGES`], `file` by default.
    pub storage: Option<String>,
    pub num_replicas: Option<i64>,
    /// One of [`COMPRESSIONS`].
    pub compression: Option<String>,
    pub metadata: Option<Vec<(String, String)>>,
    /// Which servers shall have it, as the API has it.
    pub placement: Option<Json>,
    /// Where entries are published once more, as the API has it.
    pub republish: Option<Json>,
    /// For how long the markers of expired keys are kept, a second or more. Implies `allow_msg_ttl`.
    pub limit_marker_ttl: Option<Duration>,
    /// Keys may have times to live of their own.
    pub allow_msg_ttl: Option<bool>,
    /// Several keys may be written all or none.
    pub allow_atomic: Option<bool>,
    /// The values are counters.
    pub counters: Option<bool>,
    /// The bucket to be mirrored. Deprecated in favour of aggregates and mirrors.
    pub mirror_name: Option<String>,
    /// The domain of the bucket to be mirrored.
    pub mirror_domain: Option<String>,
}

impl CreateOptions {
    /// # Errors
    /// `InvalidArg`
    pub(super) fn check(&self) -> Result<()> {
        self.check_texts()?;
        if let Some(history) = self.history {
            if !(1..=MAX_HISTORY).contains(&history) {
                let value = format!("{history}; allowed values: 1 to {MAX_HISTORY}");
                return Err(bad_value("int option", "history", &value));
            }
        }
        check_word("storage", self.storage.as_deref(), STORAGES)?;
        check_word("compression", self.compression.as_deref(), COMPRESSIONS)?;
        if self.metadata.as_ref().is_some_and(Vec::is_empty) {
            return Err(bad_value("metadata option", "metadata", ""));
        }
        for (name, object) in [
            ("placement", &self.placement),
            ("republish", &self.republish),
        ] {
            if object.as_ref().is_some_and(Json::is_empty) {
                return Err(bad_value("json option", name, ""));
            }
        }
        self.check_counters()?;
        self.check_ttls()
    }

    /// What would let totals expire one by one, or is no bucket of its own, has no counters.
    fn check_counters(&self) -> Result<()> {
        let refuse = |option| {
            let message = format!("-counters and -{option} are mutually exclusive");
            Err(Error::invalid_arg(message))
        };
        match self.counters {
            Some(true) if self.limit_marker_ttl.is_some() => refuse("limit_marker_ttl"),
            Some(true) if self.allow_msg_ttl == Some(true) => refuse("allow_msg_ttl"),
            Some(true) if self.mirror_name.is_some() => refuse("mirror_name"),
            _ => Ok(()),
        }
    }

    fn check_texts(&self) -> Result<()> {
        let texts = [
            ("description", &self.description),
            ("mirror_name", &self.mirror_name),
            ("mirror_domain", &self.mirror_domain),
        ];
        match texts
            .iter()
            .find(|(_, text)| text.as_ref().is_some_and(String::is_empty))
        {
            Some((name, _)) => Err(bad_value("valid_str option", name, "")),
            None => Ok(()),
        }
    }

    fn check_ttls(&self) -> Result<()> {
        let Some(ttl) = self.limit_marker_ttl else {
            return Ok(());
        };
        if ttl < SHORTEST_MARKER_TTL {
            let value = format!("{}; 1000 or more", ttl.as_millis());
            return Err(bad_value("pos_int option", "limit_marker_ttl", &value));
        }
        if self.allow_msg_ttl == Some(false) {
            return Err(Error::invalid_arg("-limit_marker_ttl needs -allow_msg_ttl"));
        }
        Ok(())
    }

    /// Aggregates and mirrors get their origins otherwise, and what exists keeps its own.
    ///
    /// # Errors
    /// `InvalidArg`
    pub(super) fn check_no_mirror(&self) -> Result<()> {
        if self.mirror_name.is_some() {
            return Err(Error::invalid_arg("Unknown option mirror_name"));
        }
        if self.mirror_domain.is_some() {
            return Err(Error::invalid_arg("Unknown option mirror_domain"));
        }
        Ok(())
    }

    /// The fields of what is given, but for mirrors.
    pub(super) fn fields(&self) -> Json {
        let has_markers = self.limit_marker_ttl.map(|_| true);
        fields([
            ("description", text(&self.description)),
            ("max_msgs_per_subject", self.history.map(Value::from)),
            ("max_age", self.ttl.map(units::ns)),
            ("max_msg_size", self.max_value_size.map(Value::from)),
            ("max_bytes", self.max_bucket_size.map(Value::from)),
            ("storage", text(&self.storage)),
            ("num_replicas", self.num_replicas.map(Value::from)),
            ("duplicate_window", self.ttl.map(duplicate_window)),
            ("compression", text(&self.compression)),
            ("metadata", self.metadata.as_deref().map(metadata)),
            ("placement", self.placement.clone().map(Value::from)),
            ("republish", self.republish.clone().map(Value::from)),
            (
                "allow_msg_ttl",
                has_markers.or(self.allow_msg_ttl).map(Value::from),
            ),
            (
                "subject_delete_marker_ttl",
                self.limit_marker_ttl.map(units::ns),
            ),
            ("allow_atomic", self.allow_atomic.map(Value::from)),
            ("allow_msg_counter", self.counters.map(Value::from)),
        ])
    }
}

/// The server does not recognise messages for longer than it keeps them.
pub(super) fn duplicate_window(ttl: Duration) -> Value {
    units::ns(match ttl {
        Duration::ZERO => DUPLICATE_WINDOW,
        ttl => ttl.min(DUPLICATE_WINDOW),
    })
}

/// The fields that have a value.
pub(crate) fn fields<const N: usize>(fields: [(&str, Option<Value>); N]) -> Json {
    fields
        .into_iter()
        .filter_map(|(key, value)| Some((key.to_owned(), value?)))
        .collect()
}

fn text(text: &Option<String>) -> Option<Value> {
    text.clone().map(Value::from)
}

fn metadata(pairs: &[(String, String)]) -> Value {
    let pairs = pairs.iter().cloned();
    Value::Object(pairs.map(|(key, text)| (key, text.into())).collect())
}

fn check_word(name: &str, value: Option<&str>, allowed: &[&str]) -> Result<()> {
    match value {
        Some(value) if !allowed.contains(&value) => {
            let value = format!("{value}; allowed values: {}", allowed.join(" "));
            Err(bad_value("enum", name, &value))
        }
        _ => Ok(()),
    }
}

fn bad_value(kind: &str, name: &str, value: &str) -> Error {
    Error::invalid_arg(format!("Invalid value for the {kind} {name} : {value}"))
}
