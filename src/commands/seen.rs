//! What replies of servers have contained beyond what this package knows, so that a configuration which was
//! read can be handed back: fields and words that came with newer servers, and durations that are longer than
//! those taken from scripts.
//!
//! A thread remembers what its interpreters have read, whichever connection it came by: the commands that
//! make JSON belong to none.

use super::schema::{Kind, Schema};
use serde_json::{Map, Value};
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use tcl::Obj;

/// No server has as many fields of its own; a hostile one shall not fill the memory.
const MOST: usize = 256;

#[derive(Default)]
struct Seen {
    /// By the names of schema and field: a value, which shows what kind of JSON it is.
    fields: HashMap<(&'static str, String), Value>,
    /// By the names of schema and field, in ms.
    durations: HashSet<(&'static str, &'static str, i64)>,
    /// By the names of schema and field.
    words: HashSet<(&'static str, &'static str, String)>,
}

thread_local! {
    static SEEN: RefCell<Seen> = RefCell::default();
}

/// Remembers what a reply's object has that its schema does not tell.
pub fn remember(schema: &'static Schema, object: &Map<String, Value>) {
    for (key, value) in object {
        match (schema.field(key), value) {
            (None, value) => remember_field(schema, key, value),
            (Some((_, Kind::Object(inner))), Value::Object(object)) => remember(inner, object),
            (Some((_, Kind::Objects(inner))), Value::Array(items)) => {
                for object in items.iter().filter_map(Value::as_object) {
                    remember(inner, object);
                }
            }
            (Some((name, Kind::Enum(words, _))), Value::String(word))
                if !words.contains(&&**word) =>
            {
                remember_word(schema, name, word)
            }
            (Some((name, Kind::Wait(limit))), value) => {
                remember_duration(schema, name, *limit, value)
            }
            (Some((name, Kind::Waits(limit))), Value::Array(items)) => {
                for item in items {
                    remember_duration(schema, name, *limit, item);
                }
            }
            _ => {}
        }
    }
}

fn remember_field(schema: &Schema, key: &str, value: &Value) {
    SEEN.with_borrow_mut(|seen| {
        if seen.fields.len() < MOST {
            let key = (schema.name, key.to_owned());
            seen.fields.entry(key).or_insert_with(|| value.clone());
        }
    });
}

fn remember_duration(schema: &Schema, name: &'static str, limit: i64, value: &Value) {
    if let Some(ms) = value.as_i64().filter(|ms| *ms > limit) {
        SEEN.with_borrow_mut(|seen| {
            if seen.durations.len() < MOST {
                seen.durations.insert((schema.name, name, ms));
            }
        });
    }
}

fn remember_word(schema: &Schema, name: &'static str, word: &str) {
    SEEN.with_borrow_mut(|seen| {
        if seen.words.len() < MOST {
            seen.words.insert((schema.name, name, word.to_owned()));
        }
    });
}

/// Whether a reply had this word in a field.
pub fn has_word(schema: &Schema, name: &'static str, word: &str) -> bool {
    SEEN.with_borrow(|seen| seen.words.contains(&(schema.name, name, word.to_owned())))
}

/// Whether a reply had this field.
pub fn has_field(schema: &Schema, name: &str) -> bool {
    SEEN.with_borrow(|seen| seen.fields.contains_key(&(schema.name, name.to_owned())))
}

/// Whether a reply had this duration in a field.
pub fn has_duration(schema: &Schema, name: &'static str, ms: i64) -> bool {
    SEEN.with_borrow(|seen| seen.durations.contains(&(schema.name, name, ms)))
}

/// The value of a field that a reply had, as JSON of the same kind.
pub fn json(schema: &Schema, name: &str, value: &Obj) -> Option<Value> {
    let key = (schema.name, name.to_owned());
    let sample = SEEN.with_borrow(|seen| seen.fields.get(&key).cloned())?;
    Some(like(Some(&sample), value))
}

fn like(sample: Option<&Value>, value: &Obj) -> Value {
    match sample {
        Some(Value::String(_)) => Value::from(&*value.text()),
        Some(Value::Array(items)) => {
            let values = value.to_list().unwrap_or_default();
            values
                .iter()
                .map(|value| like(items.first(), value))
                .collect()
        }
        Some(Value::Object(object)) => {
            let pairs = value.to_dict().unwrap_or_default();
            let pairs = pairs.iter().map(|(key, value)| {
                let key = key.text().into_owned();
                let value = like(object.get(&key), value);
                (key, value)
            });
            Value::Object(pairs.collect())
        }
        _ => word(&value.text()),
    }
}

/// A number, a boolean, null; anything else is text.
fn word(text: &str) -> Value {
    match text {
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        "null" => Value::Null,
        _ => match text.parse::<i64>() {
            Ok(number) if number.to_string() == text => Value::from(number),
            _ => Value::from(text),
        },
    }
}
