//! The options of `add_stream` as the configuration object of the API.
//!
//! The list is lenient, so that a configuration read from the server can be written back: unknown names
//! are ignored. What is not given is left out, so that the server's own defaults apply.

use super::errors::invalid_arg;
use super::options::{bad_value, Options};
use serde_json::{Map, Number, Value};
use tcl::{Obj, Result};

#[derive(Clone, Copy)]
enum Kind {
    ValidStr,
    Int,
    Bool,
    /// One of some words, and the one that is always sent if none is given.
    Enum(&'static [&'static str], Option<&'static str>),
    List,
    /// Milliseconds, sent as nanoseconds.
    Ns,
    Metadata,
    Json,
    JsonList,
}

/// JSON keys equal option names.
const TABLE: &[(&str, Kind)] = &[
    ("description", Kind::ValidStr),
    ("subjects", Kind::List),
    (
        "retention",
        Kind::Enum(&["limits", "interest", "workqueue"], Some("limits")),
    ),
    ("max_consumers", Kind::Int),
    ("max_msgs", Kind::Int),
    ("max_bytes", Kind::Int),
    ("discard", Kind::Enum(&["new", "old"], None)),
    ("max_age", Kind::Ns),
    ("max_msgs_per_subject", Kind::Int),
    ("max_msg_size", Kind::Int),
    ("storage", Kind::Enum(&["memory", "file"], Some("file"))),
    ("num_replicas", Kind::Int),
    ("no_ack", Kind::Bool),
    ("duplicate_window", Kind::Ns),
    ("sealed", Kind::Bool),
    ("deny_delete", Kind::Bool),
    ("deny_purge", Kind::Bool),
    ("allow_rollup_hdrs", Kind::Bool),
    ("allow_direct", Kind::Bool),
    ("mirror_direct", Kind::Bool),
    ("mirror", Kind::Json),
    ("sources", Kind::JsonList),
    ("compression", Kind::Enum(&["none", "s2"], None)),
    ("first_seq", Kind::Int),
    ("subject_transform", Kind::Json),
    ("republish", Kind::Json),
    ("metadata", Kind::Metadata),
];

/// The configuration of a stream. `name` is the given one, also when the options contain another.
///
/// # Errors
/// `ErrInvalidArg` for a name that no stream can have, a malformed value, or an odd number of words.
pub fn parse(stream: &str, words: &[Obj]) -> Result<Map<String, Value>> {
    check_name(stream)?;
    let mut options = Options::parse(words)?;
    let mut config = Map::new();
    config.insert("name".into(), stream.into());
    for (name, kind) in TABLE {
        let value = match options.raw(name) {
            Some(value) => Some(json(name, *kind, &value)?),
            None => match kind {
                Kind::Enum(_, default) => default.map(Value::from),
                _ => None,
            },
        };
        if let Some(value) = value {
            config.insert(name.to_string(), value);
        }
    }
    Ok(config)
}

/// The characters a stream's name may have.
pub fn check_name(stream: &str) -> Result<()> {
    let allowed = |c: char| c.is_alphanumeric() || "!#$%&()+,-:;<=?@^_`|~".contains(c);
    match !stream.is_empty() && stream.chars().all(allowed) {
        true => Ok(()),
        false => Err(invalid_arg(format!("Invalid stream name {stream}"))),
    }
}

fn json(name: &str, kind: Kind, value: &Obj) -> Result<Value> {
    let text = value.text();
    let (kind_name, parsed) = match kind {
        Kind::ValidStr => ("valid_str", (!text.is_empty()).then(|| Value::from(&*text))),
        Kind::Int => ("int", value.to_i64().map(Value::from)),
        Kind::Bool => ("bool", value.to_bool().map(Value::from)),
        Kind::Enum(allowed, _) => {
            if !allowed.contains(&&*text) {
                return Err(invalid_arg(format!(
                    "Invalid value for the enum {name} : {text}; allowed values: {}",
                    allowed.join(" ")
                )));
            }
            ("enum", Some(Value::from(&*text)))
        }
        Kind::List => ("list", list(value, |item| Some(Value::from(&*item.text())))),
        Kind::Ns => ("ns", nanoseconds(&text)),
        Kind::Metadata => ("metadata", metadata(value)),
        Kind::Json => ("json", serde_json::from_str(&text).ok()),
        Kind::JsonList => (
            "json_list",
            list(value, |item| serde_json::from_str(&item.text()).ok()),
        ),
    };
    parsed.ok_or_else(|| bad_value(kind_name, name, value))
}

fn list(value: &Obj, item: impl Fn(&Obj) -> Option<Value>) -> Option<Value> {
    let items = value.to_list().filter(|items| !items.is_empty())?;
    let items: Option<Vec<Value>> = items.iter().map(item).collect();
    items.map(Value::Array)
}

fn metadata(value: &Obj) -> Option<Value> {
    let pairs = value.to_dict().filter(|pairs| !pairs.is_empty())?;
    let pairs = pairs
        .iter()
        .map(|(key, value)| (key.text().into_owned(), Value::from(&*value.text())));
    Some(Value::Object(pairs.collect()))
}

/// Milliseconds, which may have a fraction, as nanoseconds, cut to a whole number.
fn nanoseconds(text: &str) -> Option<Value> {
    let text = text.trim();
    if let Ok(ms) = text.parse::<i64>() {
        return ms.checked_mul(1_000_000).map(Value::from);
    }
    let ns = text.parse::<f64>().ok()? * 1e6;
    let fits = ns.is_finite() && ns.abs() < 9.2e18;
    fits.then(|| Value::Number(Number::from(ns as i64)))
}
