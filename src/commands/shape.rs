//! Every dict a script receives is spelled here: keys, order, units.

use super::payload;
use std::borrow::Cow;

use crate::client::connection::{Credentials, ServerEntry, ServerInfo, Traffic};
use crate::client::error::Error;
use crate::client::headers::Headers;
use crate::client::jetstream::metadata::Metadata;
use crate::client::jetstream::{units, ApiError, Failure, Stored, StoredMessage};
use crate::client::kv::{Entry, Integer, Operation, TimeToLive, WatchState};
use crate::client::message::{Delivered, HeaderMap, Message};
use crate::client::object::meta::Target;
use crate::client::object::{Info, Swept};
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
            Some(number) if number != 0 => Obj::from(number),
            // Zero may be written as -0.
            _ => Obj::from(&*number.to_string()),
        },
        Value::String(text) => Obj::from(&**text),
        Value::Array(items) => Obj::list(items.iter().map(json)),
        Value::Object(map) => json_dict(map),
    }
}

/// A JSON object as a dict.
pub fn json_dict(map: &Map<String, Value>) -> Obj {
    let keys: Vec<Obj> = map.keys().map(|key| Obj::from(&**key)).collect();
    Obj::record(keys.iter().zip(map.values().map(json)))
}

/// What a stream said against a message: `code err_code errorMessage`.
pub fn api_error(error: &ApiError) -> Obj {
    Obj::dict([
        (&word("code"), Obj::from(error.code)),
        (&word("err_code"), Obj::from(error.err_code)),
        (&word("errorMessage"), Obj::from(&*error.description)),
    ])
}

/// What a stream said of a message that it has stored: `stream seq`, and what else the server says.
pub fn stored(stored: &Stored) -> Obj {
    match stored {
        Stored::At(stream, sequence) => Obj::record([
            (&word("stream"), Obj::from(&**stream)),
            (&word("seq"), Obj::from(*sequence)),
        ]),
        Stored::Whole(acknowledgement) => json_dict(acknowledgement),
    }
}

/// Why one of several messages may not be stored: `error`, a dict as that of [`api_error`]. Where no stream has said
/// no, its `code` is the error code a script would have caught, and `err_code` is 0.
pub fn publish_failure(failure: &Failure) -> Obj {
    let error = match failure {
        Failure::Refused(refusal) => api_error(refusal),
        Failure::Lost(error) => Obj::dict([
            (&word("code"), code(error)),
            (&word("err_code"), Obj::from(0i64)),
            (&word("errorMessage"), Obj::from(&*error.message)),
        ]),
    };
    Obj::dict([(&word("error"), error)])
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
    Obj::dict([
        (&word("code"), code(error)),
        (&word("errorMessage"), Obj::from(&*error.message)),
    ])
}

/// The error code that a script catches.
fn code(error: &Error) -> Obj {
    let words = crate::errors::words(&error.code);
    Obj::list(words.iter().map(|word| Obj::from(&**word)))
}

/// How a watcher stands.
pub struct Watching<'a> {
    pub state: WatchState,
    pub revision: u64,
    pub delivered: u64,
    pub recoveries: u64,
    pub pending: u64,
    pub consumer: &'a str,
    pub last_error: Option<&'a Error>,
}

/// `state revision delivered recoveries pending consumer last_error`; the latter two may be empty.
pub fn watch_status(watching: &Watching) -> Obj {
    Obj::dict([
        (&word("state"), word(watching.state.as_str())),
        (&word("revision"), Obj::from(watching.revision)),
        (&word("delivered"), Obj::from(watching.delivered)),
        (&word("recoveries"), Obj::from(watching.recoveries)),
        (&word("pending"), Obj::from(watching.pending)),
        (&word("consumer"), Obj::from(watching.consumer)),
        (&word("last_error"), last_error(watching.last_error)),
    ])
}

/// What a watcher says of a state: `revision`, and where there is a reason `code errorMessage`.
pub fn watch_info(revision: u64, reason: Option<&Error>) -> Obj {
    let revision = (word("revision"), Obj::from(revision));
    let reason = last_error(reason).to_dict().unwrap_or_default();
    let pairs: Vec<(Obj, Obj)> = std::iter::once(revision).chain(reason).collect();
    Obj::dict(pairs.iter().map(|(key, value)| (key, value.clone())))
}

/// A change of a two-way array that was not stored: `key operation value code errorMessage`.
pub fn lost_change(key: &Obj, operation: &'static str, value: Obj, error: &Error) -> Obj {
    Obj::dict([
        (&word("key"), key.clone()),
        (&word("operation"), word(operation)),
        (&word("value"), value),
        (&word("code"), code(error)),
        (&word("errorMessage"), Obj::from(&*error.message)),
    ])
}

/// A message: `header data subject reply sub_id`.
pub fn message(message: &Message, sub_id: Obj, utf8: bool) -> Obj {
    let header = header(status(message), &message.headers);
    with_header(message, header, sub_id, utf8)
}

/// A message of a consumer, as [`message`].
pub fn delivered(message: &Delivered, sub_id: Obj, utf8: bool) -> Obj {
    match message.headers_looked_up() {
        None => self::message(message, sub_id, utf8),
        Some(headers) => with_header(message, stored_header(headers), sub_id, utf8),
    }
}

fn with_header(message: &Message, header: Obj, sub_id: Obj, utf8: bool) -> Obj {
    Obj::record([
        (&word("header"), header),
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
    Obj::record([
        (&word("header"), stored_header(&message.headers)),
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
    header_dict(&pairs)
}

/// The same for headers that were looked up.
fn stored_header(headers: &Headers) -> Obj {
    let mut pairs = status_pairs(headers.status.as_deref(), headers.description.as_deref());
    pairs.extend(field_pairs(headers));
    header_dict(&pairs)
}

/// Headers that were looked up, without what the first line of their block says.
fn fields(headers: &Headers) -> Obj {
    header_dict(&field_pairs(headers).collect::<Vec<_>>())
}

fn field_pairs(headers: &Headers) -> impl Iterator<Item = (Obj, Obj)> + '_ {
    headers.fields().map(|(name, values)| {
        let values = values.iter().map(|value| Obj::from(&**value));
        (Obj::from(name), Obj::list(values))
    })
}

fn header_dict(pairs: &[(Obj, Obj)]) -> Obj {
    if pairs.is_empty() {
        return Obj::empty();
    }
    Obj::dict(pairs.iter().map(|(name, values)| (name, values.clone())))
}

fn status(message: &Message) -> Vec<(Obj, Obj)> {
    let Some(status) = message.status else {
        return Vec::new();
    };
    status_pairs(
        Some(&*status.as_u16().to_string()),
        message.description.as_deref(),
    )
}

/// A status line appears as the headers `Status` and `Description`.
fn status_pairs(number: Option<&str>, description: Option<&str>) -> Vec<(Obj, Obj)> {
    let description = description.filter(|description| !description.is_empty());
    [("Status", number), ("Description", description)]
        .into_iter()
        .filter_map(|(name, text)| Some((word(name), Obj::list([Obj::from(text?)]))))
        .collect()
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

/// `in_msgs out_msgs in_bytes out_bytes reconnects dropped`
pub fn traffic(traffic: &Traffic) -> Obj {
    let figures = [
        ("in_msgs", traffic.in_msgs),
        ("out_msgs", traffic.out_msgs),
        ("in_bytes", traffic.in_bytes),
        ("out_bytes", traffic.out_bytes),
        ("reconnects", traffic.reconnects),
        ("dropped", traffic.dropped),
    ];
    let pairs = figures.map(|(name, figure)| (word(name), Obj::from(figure)));
    Obj::dict(pairs.iter().map(|(name, figure)| (name, figure.clone())))
}

/// The words of JSON and of this package's options.
pub fn boolean(value: bool) -> Obj {
    word(if value { "true" } else { "false" })
}

/// The fields of an INFO, in their order.
pub type InfoFields = Vec<(Cow<'static, str>, Obj)>;

/// The fields of INFO, for the array `serverInfo` and `server_info`: those that the transport knows, then
/// others, as far as there are any. `version` keeps its leading digits and dots only.
pub fn server_info(info: &ServerInfo) -> InfoFields {
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
    let known = fields
        .into_iter()
        .map(|(name, value)| (Cow::Borrowed(name), value));
    let others = info.others().iter();
    let others = others.map(|(name, value)| (Cow::Owned(name.clone()), json(value)));
    known.chain(others).collect()
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
    keys: [Obj; 13],
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
                "ttl",
                "reason",
                "batch",
                "header",
                "increment",
                "sources",
            ]
            .map(word),
            bucket: Obj::from(bucket),
            put: word("PUT"),
        }
    }

    /// `bucket key value revision created ?delta? operation ?ttl? ?reason? ?batch? ?header? ?increment? ?sources?`;
    /// `created` is in ms since the epoch, `delta` is there in entries of a watch or a history, the others where there
    /// is something to say: `ttl` is in ms, or `never`; `header` has what the entry has; `sources` is a dict, stream
    /// to dict, subject to integer.
    pub fn entry(&self, entry: &Entry, key: Obj, value: Obj) -> Obj {
        let [k_bucket, k_key, k_value, k_revision, k_created, k_delta, k_operation, extras @ ..] =
            &self.keys;
        let [k_ttl, k_reason, k_batch, k_header, k_increment, k_sources] = extras;
        let operation = match &entry.operation {
            Operation::Put => self.put.clone(),
            other => Obj::from(other.as_str()),
        };
        let reason = entry.reason.map(|reason| word(reason.as_str()));
        let batch = entry.batch.as_deref().map(Obj::from);
        let header = entry.headers.as_deref().map(fields);
        let count = entry.count.as_deref();
        let increment = count.map(|count| integer(&count.increment));
        let sources = count.and_then(|count| count.sources.as_ref().map(json_dict));
        Obj::record(
            [
                (k_bucket, self.bucket.clone()),
                (k_key, key),
                (k_value, value),
                (k_revision, Obj::from(entry.revision)),
                (k_created, Obj::from(entry.created)),
            ]
            .into_iter()
            .chain(entry.delta.map(|delta| (k_delta, Obj::from(delta))))
            .chain([(k_operation, operation)])
            .chain(entry.ttl.map(|ttl| (k_ttl, time_to_live(ttl))))
            .chain(reason.map(|reason| (k_reason, reason)))
            .chain(batch.map(|batch| (k_batch, batch)))
            .chain(header.map(|header| (k_header, header)))
            .chain(increment.map(|increment| (k_increment, increment)))
            .chain(sources.map(|sources| (k_sources, sources))),
        )
    }
}

/// An integer of any size.
pub fn integer(integer: &Integer) -> Obj {
    let digits = integer.as_str();
    match digits.parse::<i64>() {
        Ok(number) => Obj::from(number),
        // Tcl reads decimal digits as an integer of any size.
        Err(_) => Obj::from(digits),
    }
}

/// Milliseconds, or `never`.
fn time_to_live(ttl: TimeToLive) -> Obj {
    match ttl {
        TimeToLive::Never => word("never"),
        TimeToLive::For(time) => Obj::from(u64::try_from(time.as_millis()).unwrap_or(u64::MAX)),
    }
}

/// `bucket name description size chunks chunk_size digest nuid mtime revision deleted headers metadata`, and of a link
/// `link`. Sizes are in bytes, `mtime` is in ms since the epoch.
pub fn object(info: &Info) -> Obj {
    let meta = &info.meta;
    let headers: Vec<_> = meta.headers().into_iter().map(named_list).collect();
    let metadata = meta.metadata();
    let metadata: Vec<_> = metadata
        .iter()
        .map(|(key, text)| (Obj::from(&**key), Obj::from(&**text)))
        .collect();
    let link = meta.link().map(|link| (word("link"), target(&link)));
    let pairs = [
        (word("bucket"), Obj::from(&*info.bucket)),
        (word("name"), Obj::from(meta.name())),
        (word("description"), Obj::from(meta.description())),
        (word("size"), Obj::from(meta.size())),
        (word("chunks"), Obj::from(meta.chunks())),
        (word("chunk_size"), Obj::from(meta.chunk_size())),
        (word("digest"), Obj::from(meta.digest())),
        (word("nuid"), Obj::from(meta.nuid())),
        (word("mtime"), Obj::from(info.mtime)),
        (word("revision"), Obj::from(info.revision)),
        (word("deleted"), Obj::from(meta.is_deleted())),
        (word("headers"), header_dict(&headers)),
        (word("metadata"), header_dict(&metadata)),
    ];
    let pairs: Vec<_> = pairs.into_iter().chain(link).collect();
    Obj::dict(pairs.iter().map(|(name, value)| (name, value.clone())))
}

fn named_list((name, values): (String, Vec<String>)) -> (Obj, Obj) {
    (Obj::from(&*name), texts(values))
}

/// `bucket ?name?`: what a link leads to.
fn target(target: &Target) -> Obj {
    let name = target.name.as_deref();
    let name = name.map(|name| (word("name"), Obj::from(name)));
    let pairs = [Some((word("bucket"), Obj::from(&*target.bucket))), name];
    let pairs: Vec<_> = pairs.into_iter().flatten().collect();
    Obj::dict(pairs.iter().map(|(key, value)| (key, value.clone())))
}

/// `nuid chunks`: chunks that belonged to no object.
pub fn swept(swept: &Swept) -> Obj {
    Obj::dict([
        (&word("nuid"), Obj::from(&*swept.nuid)),
        (&word("chunks"), Obj::from(swept.chunks)),
    ])
}
