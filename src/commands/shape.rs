//! Every dict a script receives is spelled here: keys, order, units.

use super::payload;
use crate::client::connection::{Credentials, ServerEntry, ServerInfo};
use crate::client::error::Error;
use crate::client::jetstream::metadata::Metadata;
use crate::client::jetstream::{units, ApiError, StoredMessage};
use crate::client::kv::{Entry, Operation};
use crate::client::message::{HeaderMap, Message};
use serde_json::{Map, Value};
use tcl::event::word;
use tcl::Obj;

/// JSON as Tcl values: objects become dicts in their order, arrays lists, `true`, `false` and `null`
/// those words, numbers keep their digits.
pub fn json(value: &Value) -> Obj {
    match value {
        Value::Null => word("null"),
        Value::Bool(true) => word("true"),
        Value::Bool(false) => word("false"),
        Value::Number(number) => match number.as_i64() {
            Some(number) => Obj::from(number),
            None => Obj::from(&*number.to_string()),
        },
        Value::String(text) => Obj::from(&**text),
        Value::Array(items) => Obj::list(items.iter().map(json)),
        Value::Object(map) => json_dict(map),
    }
}

/// A JSON object as a dict.
pub fn json_dict(map: &Map<String, Value>) -> Obj {
    let keys: Vec<Obj> = map.keys().map(|key| Obj::from(&**key)).collect();
    Obj::dict(keys.iter().zip(map.values().map(json)))
}

/// What a stream said against a message: `code err_code errorMessage`.
pub fn api_error(error: &ApiError) -> Obj {
    Obj::dict([
        (&word("code"), Obj::from(error.code)),
        (&word("err_code"), Obj::from(error.err_code)),
        (&word("errorMessage"), Obj::from(&*error.description)),
    ])
}

/// A list of texts.
pub fn texts(items: Vec<String>) -> Obj {
    Obj::list(items.iter().map(|item| Obj::from(&**item)))
}

/// `code errorMessage`: the value of `last_error`; empty without an error.
pub fn last_error(error: Option<&Error>) -> Obj {
    let Some(error) = error else {
        return Obj::empty();
    };
    let code = super::errors::words(&error.code);
    Obj::dict([
        (
            &word("code"),
            Obj::list(code.iter().map(|word| Obj::from(&**word))),
        ),
        (&word("errorMessage"), Obj::from(&*error.message)),
    ])
}

/// A message: `header data subject reply sub_id`.
pub fn message(message: &Message, sub_id: Obj, utf8: bool) -> Obj {
    Obj::dict([
        (&word("header"), header(status(message), &message.headers)),
        (&word("data"), payload::decode(&message.payload, utf8)),
        (&word("subject"), Obj::from(&*message.subject)),
        (
            &word("reply"),
            Obj::from(message.reply.as_deref().unwrap_or("")),
        ),
        (&word("sub_id"), sub_id),
    ])
}

/// A message of a stream: `header data subject reply sub_id seq time`; `time` as the server writes it.
pub fn stored_message(message: &StoredMessage, sub_id: Obj, utf8: bool) -> Obj {
    Obj::dict([
        (&word("header"), header(Vec::new(), &message.headers)),
        (&word("data"), payload::decode(&message.payload, utf8)),
        (&word("subject"), Obj::from(&*message.subject)),
        (&word("reply"), Obj::empty()),
        (&word("sub_id"), sub_id),
        (&word("seq"), Obj::from(message.sequence)),
        (&word("time"), Obj::from(&*message.time)),
    ])
}

/// A header dict: what is given, then the headers by name, each with the list of its values.
fn header(mut pairs: Vec<(Obj, Obj)>, headers: &Option<HeaderMap>) -> Obj {
    // The transport keeps them in a hash table; sorted, equal messages make equal dicts.
    let mut headers: Vec<_> = headers.iter().flat_map(HeaderMap::iter).collect();
    headers.sort_by_cached_key(|(name, _)| name.to_string());
    for (name, values) in headers {
        let values = values.iter().map(|value| Obj::from(value.as_str()));
        pairs.push((Obj::from(name.as_ref()), Obj::list(values)));
    }
    if pairs.is_empty() {
        return Obj::empty();
    }
    Obj::dict(pairs.iter().map(|(name, values)| (name, values.clone())))
}

/// A status line appears as the headers `Status` and `Description`.
fn status(message: &Message) -> Vec<(Obj, Obj)> {
    let Some(status) = message.status else {
        return Vec::new();
    };
    let number = Obj::from(i64::from(status.as_u16()));
    let mut pairs = vec![(word("Status"), Obj::list([number]))];
    if let Some(description) = message.description.as_deref().filter(|d| !d.is_empty()) {
        let description = Obj::list([Obj::from(description)]);
        pairs.push((word("Description"), description));
    }
    pairs
}

/// `scheme host port discovered reconnects last_attempt`, then credentials if the URL had them.
/// `last_attempt` is in ms since the epoch.
pub fn server(entry: &ServerEntry) -> Obj {
    let mut pairs = vec![
        (word("scheme"), Obj::from(entry.scheme)),
        (word("host"), Obj::from(&*entry.host)),
        (word("port"), Obj::from(u64::from(entry.port))),
        (word("discovered"), boolean(entry.discovered)),
        (word("reconnects"), Obj::from(entry.reconnects)),
        (word("last_attempt"), Obj::from(entry.last_attempt)),
    ];
    match &entry.credentials {
        Some(Credentials::User { user, password }) => {
            pairs.push((word("user"), Obj::from(&**user)));
            pairs.push((word("password"), Obj::from(&**password)));
        }
        Some(Credentials::Token(token)) => pairs.push((word("auth_token"), Obj::from(&**token))),
        None => {}
    }
    Obj::dict(pairs.iter().map(|(name, value)| (name, value.clone())))
}

/// The words of JSON and of this package's options.
pub fn boolean(value: bool) -> Obj {
    word(if value { "true" } else { "false" })
}

/// The fields of INFO, for the array `serverInfo` and `server_info`. The transport hands out those it
/// knows; `version` keeps its leading digits and dots only.
pub fn server_info(info: &ServerInfo) -> Vec<(&'static str, Obj)> {
    let version: String = info
        .version
        .chars()
        .take_while(|c| c.is_ascii_digit() || *c == '.')
        .collect();
    let mut fields = vec![
        ("server_id", Obj::from(&*info.server_id)),
        ("server_name", Obj::from(&*info.server_name)),
        ("version", Obj::from(&*version)),
        ("proto", Obj::from(i64::from(info.proto))),
        ("go", Obj::from(&*info.go)),
        ("host", Obj::from(&*info.host)),
        ("port", Obj::from(u64::from(info.port))),
        ("headers", boolean(info.headers)),
        ("auth_required", boolean(info.auth_required)),
        ("tls_required", boolean(info.tls_required)),
        ("max_payload", Obj::from(info.max_payload as u64)),
        ("jetstream", boolean(info.jetstream)),
        ("client_id", Obj::from(info.client_id)),
        ("client_ip", Obj::from(&*info.client_ip)),
        (
            "connect_urls",
            Obj::list(info.connect_urls.iter().map(|url| Obj::from(&**url))),
        ),
    ];
    for (name, text) in [
        ("nonce", Some(&info.nonce).filter(|nonce| !nonce.is_empty())),
        ("cluster", info.cluster.as_ref()),
        ("domain", info.domain.as_ref()),
    ] {
        if let Some(text) = text {
            fields.push((name, Obj::from(&**text)));
        }
    }
    if info.lame_duck_mode {
        fields.push(("ldm", boolean(true)));
    }
    fields
}

/// `stream consumer num_delivered stream_seq consumer_seq timestamp num_pending`, then `domain` if the
/// server names one. `timestamp` is in ms since the epoch.
pub fn metadata(metadata: &Metadata) -> Obj {
    let mut pairs = vec![
        (word("stream"), Obj::from(metadata.stream)),
        (word("consumer"), Obj::from(metadata.consumer)),
        (word("num_delivered"), Obj::from(metadata.num_delivered)),
        (word("stream_seq"), Obj::from(metadata.stream_seq)),
        (word("consumer_seq"), Obj::from(metadata.consumer_seq)),
        (
            word("timestamp"),
            Obj::from(units::ms_from_ns(metadata.timestamp_ns)),
        ),
        (word("num_pending"), Obj::from(metadata.num_pending)),
    ];
    if let Some(domain) = metadata.domain {
        pairs.push((word("domain"), Obj::from(domain)));
    }
    Obj::dict(pairs.iter().map(|(name, value)| (name, value.clone())))
}

/// Makes entry dicts of one bucket. The keys and the bucket's name are values that all its entries share.
pub struct EntryShape {
    keys: [Obj; 7],
    bucket: Obj,
    put: Obj,
}

impl EntryShape {
    pub fn new(bucket: &str) -> EntryShape {
        EntryShape {
            keys: [
                "bucket",
                "key",
                "value",
                "revision",
                "created",
                "delta",
                "operation",
            ]
            .map(word),
            bucket: Obj::from(bucket),
            put: word("PUT"),
        }
    }

    /// `bucket key value revision created ?delta? operation`; `created` is in ms since the epoch,
    /// `delta` is there in entries of a watch or a history.
    pub fn entry(&self, entry: &Entry, key: Obj, value: Obj) -> Obj {
        let [k_bucket, k_key, k_value, k_revision, k_created, k_delta, k_operation] = &self.keys;
        let operation = match &entry.operation {
            Operation::Put => self.put.clone(),
            other => Obj::from(other.as_str()),
        };
        Obj::dict(
            [
                (k_bucket, self.bucket.clone()),
                (k_key, key),
                (k_value, value),
                (k_revision, Obj::from(entry.revision)),
                (k_created, Obj::from(entry.created)),
            ]
            .into_iter()
            .chain(entry.delta.map(|delta| (k_delta, Obj::from(delta))))
            .chain([(k_operation, operation)]),
        )
    }

    /// The same, with the value as the connection converts payloads.
    pub fn whole(&self, entry: &Entry, utf8: bool) -> Obj {
        let value = payload::decode(&entry.value, utf8);
        self.entry(entry, Obj::from(entry.key()), value)
    }
}
