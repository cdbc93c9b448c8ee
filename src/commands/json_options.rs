//! Option lists as the JSON objects of the API.
//!
//! JSON keys equal option names. What is not given is left out, so that the server's own defaults apply.
//! Objects within a configuration are given as JSON text, or as the dict in which a reply shows them.

use super::errors::invalid_arg;
use super::options::{bad_choice, bad_value, Options};
use serde_json::{Map, Number, Value};
use tcl::{Obj, Result};

/// The fields of an object, in the order in which they are sent.
pub type Fields = &'static [(&'static str, Kind)];

/// What an option accepts and what it becomes.
#[derive(Clone, Copy)]
pub enum Kind {
    ValidStr,
    Int,
    /// An integer of 0 or more.
    PosInt,
    Bool,
    /// One of some words, and the one that is sent if none is given.
    Enum(&'static [&'static str], Option<&'static str>),
    /// Texts.
    List,
    Ints,
    /// Milliseconds, sent as nanoseconds.
    Ns,
    Metadata,
    Object(Fields),
    Objects(Fields),
}

/// Takes the fields that are given out of an option list.
///
/// # Errors
/// `ErrInvalidArg` for a malformed value.
pub fn take(fields: Fields, options: &mut Options) -> Result<Map<String, Value>> {
    let mut object = Map::new();
    for (name, kind) in fields {
        let value = match options.raw(name) {
            Some(value) => Some(json(name, *kind, &value)?),
            None => match kind {
                Kind::Enum(_, default) => default.map(Value::from),
                _ => None,
            },
        };
        if let Some(value) = value {
            object.insert(name.to_string(), value);
        }
    }
    Ok(object)
}

/// Says that an option which is not in the object had to be given.
///
/// # Errors
/// `ErrInvalidArg` "Option … is required"
pub fn require(object: &Map<String, Value>, names: &[&str]) -> Result<()> {
    match names.iter().find(|name| !object.contains_key(**name)) {
        None => Ok(()),
        Some(name) => Err(invalid_arg(format!("Option {name} is required"))),
    }
}

fn json(name: &str, kind: Kind, value: &Obj) -> Result<Value> {
    if let Kind::Enum(allowed, _) = kind {
        let text = value.text();
        return match allowed.contains(&&*text) {
            true => Ok(Value::from(&*text)),
            false => Err(bad_choice(name, &text, allowed)),
        };
    }
    let (kind, parsed) = match kind {
        Kind::ValidStr | Kind::Enum(..) => ("valid_str", text(value).filter(|_| !value.is_empty())),
        Kind::Int => ("int", int(value)),
        Kind::PosInt => ("pos_int", int(value).filter(Value::is_u64)),
        Kind::Bool => ("bool", value.to_bool().map(Value::from)),
        Kind::List => ("list", list(value, text)),
        Kind::Ints => ("list", list(value, int)),
        Kind::Ns => ("ns", nanoseconds(value)),
        Kind::Metadata => ("metadata", metadata(value)),
        Kind::Object(fields) => ("json", object(fields, value)),
        Kind::Objects(fields) => ("json_list", list(value, |item| object(fields, item))),
    };
    parsed.ok_or_else(|| bad_value(kind, name, value))
}

fn text(value: &Obj) -> Option<Value> {
    Some(Value::from(&*value.text()))
}

fn int(value: &Obj) -> Option<Value> {
    value.to_i64().map(Value::from)
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
fn nanoseconds(value: &Obj) -> Option<Value> {
    if let Some(ms) = value.to_i64() {
        return ms.checked_mul(1_000_000).map(Value::from);
    }
    let ns = value.text().trim().parse::<f64>().ok()? * 1e6;
    let fits = ns.is_finite() && ns.abs() < 9.2e18;
    fits.then(|| Value::Number(Number::from(ns as i64)))
}

/// JSON text of an object, or a dict.
fn object(fields: Fields, value: &Obj) -> Option<Value> {
    if let Ok(object @ Value::Object(_)) = serde_json::from_str(&value.text()) {
        return Some(object);
    }
    let mut object = Map::new();
    for (key, value) in value.to_dict()? {
        let key = key.text().into_owned();
        let field = fields.iter().find(|(name, _)| *name == key);
        let value = match field {
            // Servers write some texts even if they are empty.
            Some((_, Kind::ValidStr)) => text(&value)?,
            Some((name, kind)) => json(name, *kind, &value).ok()?,
            None => guess(&value),
        };
        object.insert(key, value);
    }
    Some(Value::Object(object))
}

/// A field that only servers to come know: a dict does not tell numbers and booleans from text.
fn guess(value: &Obj) -> Value {
    let text = value.text();
    match &*text {
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        "null" => Value::Null,
        _ => match text.parse::<i64>() {
            Ok(number) if number.to_string() == text => Value::from(number),
            _ => Value::from(text),
        },
    }
}
