//! `nats::json`: JSON as Tcl values, and Tcl values as JSON.
//!
//! A Tcl value does not say whether it is a number or a text, so JSON is written piece by piece.

use super::shape;
use crate::errors::invalid_arg;
use serde::de::IgnoredAny;
use serde::Deserialize;
use serde_json::{Error, Value};
use tcl::{Interp, Obj, Outcome, Result};

/// `json decode text` → value, see [`shape::json`]
///
/// # Errors
/// `ErrInvalidArg` with line and column if the text is no JSON, or is nested deeper than 127 levels.
pub fn decode(_: Interp, args: &[Obj]) -> Result<Outcome> {
    Outcome::value(shape::json(&value(&args[0])?))
}

/// What JSON says.
///
/// # Errors
/// Those of [`decode`].
pub fn value(text: &Obj) -> Result<Value> {
    read(&text.text())
}

/// `json quote text` → a JSON string
pub fn quote(_: Interp, args: &[Obj]) -> Result<Outcome> {
    Outcome::value(&*quoted(&args[0]))
}

/// `json list ?json ...?` → a JSON array
///
/// # Errors
/// `ErrInvalidArg` if an element is no JSON.
pub fn list(_: Interp, args: &[Obj]) -> Result<Outcome> {
    let items: Result<Vec<String>> = args.iter().map(piece).collect();
    Outcome::value(&*format!("[{}]", items?.join(",")))
}

/// `json object ?key json ...?` → a JSON object
///
/// # Errors
/// `ErrInvalidArg` if a value is no JSON, or is missing.
pub fn object(_: Interp, args: &[Obj]) -> Result<Outcome> {
    let member = |pair: &[Obj]| match pair {
        [key, json] => Ok(format!("{}:{}", quoted(key), piece(json)?)),
        rest => {
            let keys: Vec<_> = rest.iter().map(Obj::text).collect();
            Err(invalid_arg(format!(
                "Missing value for key {}",
                keys.join(" ")
            )))
        }
    };
    let members: Result<Vec<String>> = args.chunks(2).map(member).collect();
    Outcome::value(&*format!("{{{}}}", members?.join(",")))
}

fn quoted(text: &Obj) -> String {
    Value::from(&*text.text()).to_string()
}

/// JSON that becomes a part of other JSON, as it is.
fn piece(json: &Obj) -> Result<String> {
    let text = json.text();
    read::<IgnoredAny>(&text)?;
    Ok(text.trim().to_owned())
}

fn read<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T> {
    serde_json::from_str(text).map_err(|error| invalid_arg(complaint(text, &error)))
}

/// `Invalid JSON: … at line … column …`, counted from 1, in characters.
fn complaint(text: &str, error: &Error) -> String {
    let (line, bytes) = (error.line(), error.column());
    let message = error.to_string();
    let place = format!(" at line {line} column {bytes}");
    let reason = message.strip_suffix(&*place).unwrap_or(&message);
    let start = text.split('\n').nth(line.saturating_sub(1)).unwrap_or("");
    let starts = start.char_indices().filter(|(at, _)| *at < bytes);
    let column = starts.count().max(1);
    format!("Invalid JSON: {reason} at line {line} column {column}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_in_characters() {
        for (text, place) in [
            ("", "line 1 column 1"),
            ("x", "line 1 column 1"),
            ("\"äöü\" x", "line 1 column 7"),
            ("[1,\n 2,\n ü]", "line 3 column 2"),
            ("[1,\n2,\n", "line 3 column 1"),
        ] {
            let error = serde_json::from_str::<Value>(text).unwrap_err();
            let complaint = complaint(text, &error);
            assert!(complaint.ends_with(place), "{text:?}: {complaint}");
        }
    }

    #[test]
    fn fuzz_json() {
        let samples = [
            "{\"a\":[1,2.50,null]}",
            "\"a\\u00e4\\n\"",
            "-0",
            "1e400",
            "[[[]]]",
        ];
        fuzz::texts(&samples, |text| {
            if let Err(error) = serde_json::from_str::<Value>(text) {
                assert!(complaint(text, &error).starts_with("Invalid JSON: "));
            }
        });
    }
}
