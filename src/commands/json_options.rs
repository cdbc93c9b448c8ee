//! Option lists as the JSON objects of the API.
//!
//! JSON keys equal option names. What is not given is left out, so that the server's own defaults apply.
//! Objects within a configuration are given as JSON text, or as the dict in which a reply shows them. A name
//! that neither the schema nor a reply of a server has is an error, at any depth.

use super::options::{bad_choice, bad_value_because, unknown_option, Options};
use super::schema::{Kind, Schema};
use super::seen;
use crate::errors::invalid_arg;
use serde_json::{Map, Value};
use tcl::{Obj, Result};

/// Why a value cannot be taken.
enum Refusal {
    /// The end of the message.
    Malformed(String),
    Unknown(tcl::Error),
}

const MALFORMED: Refusal = Refusal::Malformed(String::new());

type Taken = std::result::Result<Value, Refusal>;

/// Takes the fields that are given out of an option list.
///
/// # Errors
/// `ErrInvalidArg` for a malformed value, and for an unknown name within an object.
pub fn take(schema: &'static Schema, options: &mut Options) -> Result<Map<String, Value>> {
    let mut object = Map::new();
    for (name, kind) in schema.fields {
        let given = match kind {
            Kind::InReplies => options.unlisted(name),
            _ => options.raw(name),
        };
        let value = match (given, kind) {
            (_, Kind::InReplies) => None,
            (Some(value), kind) => Some(option(schema, name, *kind, &value)?),
            (None, Kind::Enum(_, default)) => default.map(Value::from),
            (None, _) => None,
        };
        if let Some(value) = value {
            object.insert(name.to_string(), value);
        }
    }
    object.extend(options.take_others(|name, value| seen::json(schema, name, value)));
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

fn option(schema: &'static Schema, name: &'static str, kind: Kind, value: &Obj) -> Result<Value> {
    json(schema, name, kind, value).map_err(|refusal| match (refusal, kind) {
        (Refusal::Unknown(error), _) => error,
        (Refusal::Malformed(_), Kind::Enum(allowed, _)) => bad_choice(name, &value.text(), allowed),
        (Refusal::Malformed(reason), _) => bad_value_because(kind.name(), name, value, &reason),
    })
}

fn json(schema: &'static Schema, name: &'static str, kind: Kind, value: &Obj) -> Taken {
    let simple = match kind {
        Kind::ValidStr | Kind::InReplies => text(value).filter(|_| !value.is_empty()),
        Kind::Enum(allowed, _) => {
            let word = &*value.text();
            let exists = allowed.contains(&word) || seen::has_word(schema, name, word);
            text(value).filter(|_| exists)
        }
        Kind::Int => int(value),
        Kind::PosInt => int(value).filter(Value::is_u64),
        Kind::Bool => value.to_bool().map(Value::from),
        Kind::Ns => nanoseconds(&value.text()).map(Value::from),
        Kind::Metadata => metadata(value),
        Kind::List => return list(value, |item| text(item).ok_or(MALFORMED)),
        Kind::Wait(limit) => return wait(schema, name, limit, &value.text()),
        Kind::Waits(limit) => {
            return list(value, |item| wait(schema, name, limit, &item.text()));
        }
        Kind::Object(inner) => return object(inner, value),
        Kind::Objects(inner) => return list(value, |item| object(inner, item)),
    };
    simple.ok_or(MALFORMED)
}

fn text(value: &Obj) -> Option<Value> {
    Some(Value::from(&*value.text()))
}

fn int(value: &Obj) -> Option<Value> {
    value.to_i64().map(Value::from)
}

fn list(value: &Obj, item: impl Fn(&Obj) -> Taken) -> Taken {
    let items = value.to_list().filter(|items| !items.is_empty());
    let items: std::result::Result<Vec<Value>, Refusal> =
        items.ok_or(MALFORMED)?.iter().map(item).collect();
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
fn nanoseconds(ms: &str) -> Option<i64> {
    if let Some(ms) = Obj::from(ms).to_i64() {
        return ms.checked_mul(1_000_000);
    }
    let ns = ms.trim().parse::<f64>().ok()? * 1e6;
    let fits = ns.is_finite() && ns.abs() < 9.2e18;
    fits.then_some(ns as i64)
}

fn wait(schema: &Schema, name: &'static str, limit: i64, ms: &str) -> Taken {
    let ns = nanoseconds(ms);
    let whole = ns.map(|ns| ns / 1_000_000);
    let fits = whole.is_some_and(|ms| ms <= limit || seen::has_duration(schema, name, ms));
    match ns {
        Some(ns) if fits => Ok(Value::from(ns)),
        None if ms.trim().parse::<f64>().is_err() => Err(MALFORMED),
        _ => Err(Refusal::Malformed(format!(
            "; {name} is in milliseconds, at most {limit}"
        ))),
    }
}

/// JSON text of an object, or a dict.
fn object(schema: &'static Schema, value: &Obj) -> Taken {
    if let Ok(Value::Object(mut object)) = serde_json::from_str(&value.text()) {
        check(schema, &mut object)?;
        return Ok(Value::Object(object));
    }
    let mut object = Map::new();
    for (key, value) in value.to_dict().ok_or(MALFORMED)? {
        let key = key.text();
        let value = match schema.field(&key) {
            Some((_, Kind::InReplies)) => continue,
            // Servers write some texts even if they are empty.
            Some((_, Kind::ValidStr)) => Value::from(&*value.text()),
            Some((name, kind)) => json(schema, name, *kind, &value)?,
            None => seen::json(schema, &key, &value).ok_or_else(|| unknown(schema, &key))?,
        };
        object.insert(key.into_owned(), value);
    }
    Ok(Value::Object(object))
}

fn unknown(schema: &Schema, name: &str) -> Refusal {
    let names: Vec<&str> = schema.fields.iter().map(|(name, _)| *name).collect();
    let place = format!(" of {}", schema.name);
    Refusal::Unknown(unknown_option(name, &place, &names))
}

/// JSON text is sent as it is, but for durations; its names are checked.
fn check(
    schema: &'static Schema,
    object: &mut Map<String, Value>,
) -> std::result::Result<(), Refusal> {
    for (key, value) in object {
        match (schema.field(key), value) {
            (None, _) if seen::has_field(schema, key) => {}
            (None, _) => return Err(unknown(schema, key)),
            (Some((_, Kind::Object(inner))), Value::Object(object)) => check(inner, object)?,
            (Some((_, Kind::Objects(inner))), Value::Array(items)) => {
                for object in items.iter_mut().filter_map(Value::as_object_mut) {
                    check(inner, object)?;
                }
            }
            (Some((name, Kind::Wait(limit))), value @ Value::Number(_)) => {
                *value = wait(schema, name, *limit, &value.to_string())?;
            }
            _ => {}
        }
    }
    Ok(())
}
