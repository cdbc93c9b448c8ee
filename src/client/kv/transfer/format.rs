//! The format of exports: a line of JSON for each entry, one before and one behind them.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use base64::engine::general_purpose::STANDARD;
use base64::Engine;
use serde::Deserialize;
use serde_json::{json, Value};

use super::record::Record;
use crate::client::headers::Headers;
use crate::client::jetstream::{units, Json};
use crate::client::kv::entry::Operation;
use crate::client::kv::ttl::TimeToLive;

/// The format's number, which the first line has.
const FORMAT: u64 = 1;

/// A line behind the first one.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    Entry(Box<Record>),
    /// The last one, with the number of entries.
    End(u64),
}

/// The first line: which bucket it was, and how it was configured.
pub(super) fn head(bucket: &str, revision: u64, config: &Json) -> Vec<u8> {
    let time = units::time_after(Duration::ZERO);
    line(&json!({
        "nats_kv": FORMAT, "bucket": bucket, "revision": revision, "time": time, "config": config,
    }))
}

/// The last line.
pub(super) fn end(entries: u64, revision: u64) -> Vec<u8> {
    line(&json!({"end": entries, "revision": revision}))
}

fn line(json: &Value) -> Vec<u8> {
    let mut line = json.to_string().into_bytes();
    line.push(b'\n');
    line
}

/// Appends the line of an entry.
pub(super) fn write(out: &mut Vec<u8>, record: &Record) {
    out.extend_from_slice(b"{\"key\":");
    string(out, &record.key);
    match text(&record.value) {
        Some(text) => {
            out.extend_from_slice(b",\"value\":");
            string(out, text);
        }
        None => {
            out.extend_from_slice(b",\"base64\":\"");
            out.extend_from_slice(STANDARD.encode(&record.value).as_bytes());
            out.push(b'"');
        }
    }
    append(out, format_args!(",\"revision\":{}", record.revision));
    if let Some(created) = record.created_ns.and_then(units::time_of_ns) {
        append(out, format_args!(",\"created\":\"{created}\""));
    }
    if record.operation != Operation::Put {
        out.extend_from_slice(b",\"operation\":");
        string(out, record.operation.as_str());
    }
    match record.ttl {
        None => {}
        Some(TimeToLive::Never) => out.extend_from_slice(b",\"ttl\":\"never\""),
        Some(TimeToLive::For(time)) => append(out, format_args!(",\"ttl\":{}", time.as_secs())),
    }
    write_headers(out, &record.headers);
    out.extend_from_slice(b"}\n");
}

fn write_headers(out: &mut Vec<u8>, headers: &Headers) {
    let fields: BTreeMap<_, _> = headers.fields().collect();
    if !fields.is_empty() {
        append(out, format_args!(",\"header\":{}", json!(fields)));
    }
}

/// What can be read by everybody. A zero byte ends the text in many programs.
fn text(value: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(value).ok()?;
    (!text.contains('\0')).then_some(text)
}

fn string(out: &mut Vec<u8>, text: &str) {
    append(out, format_args!("{}", JsonText(text)));
}

/// Writing into memory does not fail.
fn append(out: &mut Vec<u8>, what: std::fmt::Arguments) {
    let _ = out.write_fmt(what);
}

struct JsonText<'a>(&'a str);

impl std::fmt::Display for JsonText<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = serde_json::to_string(self.0).map_err(|_| std::fmt::Error)?;
        f.write_str(&text)
    }
}

/// Why a line cannot be read.
pub(super) type Fault = String;

/// Reads the first line.
pub(super) fn read_head(line: &[u8]) -> Result<(), Fault> {
    #[derive(Deserialize)]
    struct Head {
        nats_kv: u64,
    }
    match serde_json::from_slice(line) {
        Ok(Head { nats_kv: FORMAT }) => Ok(()),
        Ok(Head { nats_kv }) => Err(format!("format {nats_kv} is not known")),
        Err(_) => Err("it is not the first line of an export".to_owned()),
    }
}

/// A line behind the first one, as it is read.
#[derive(Deserialize)]
struct Raw<'a> {
    #[serde(borrow)]
    key: Option<Cow<'a, str>>,
    #[serde(borrow)]
    value: Option<Cow<'a, str>>,
    #[serde(borrow)]
    base64: Option<Cow<'a, str>>,
    revision: Option<u64>,
    created: Option<String>,
    operation: Option<String>,
    ttl: Option<Value>,
    header: Option<BTreeMap<String, Vec<String>>>,
    end: Option<u64>,
}

/// Reads another line.
pub(super) fn read(line: &[u8]) -> Result<Line, Fault> {
    let raw: Raw = serde_json::from_slice(line).map_err(|error| error.to_string())?;
    match (raw.end, &raw.key) {
        (Some(entries), None) => Ok(Line::End(entries)),
        _ => Ok(Line::Entry(Box::new(raw.record()?))),
    }
}

impl Raw<'_> {
    fn record(self) -> Result<Record, Fault> {
        let key = self.key.ok_or("it has no key")?.into_owned();
        let value = match (self.value, self.base64) {
            (Some(text), None) => text.into_owned().into_bytes(),
            (None, Some(text)) => {
                let bytes = STANDARD.decode(text.as_bytes());
                bytes.map_err(|error| format!("base64: {error}"))?
            }
            _ => return Err("it must have either a value or base64".to_owned()),
        };
        let created = self.created.map(|time| {
            units::ns_from_time(&time).ok_or_else(|| format!("created: \"{time}\" is no time"))
        });
        Ok(Record {
            key,
            value: value.into(),
            revision: self.revision.unwrap_or(0),
            created_ns: created.transpose()?,
            operation: operation(self.operation)?,
            ttl: self.ttl.as_ref().map(ttl).transpose()?,
            headers: headers(self.header.unwrap_or_default())?,
        })
    }
}

fn operation(word: Option<String>) -> Result<Operation, Fault> {
    match word.as_deref() {
        None | Some("PUT") => Ok(Operation::Put),
        Some("DEL") => Ok(Operation::Delete),
        Some("PURGE") => Ok(Operation::Purge),
        Some(other) => Err(format!("operation: \"{other}\" is not known")),
    }
}

fn ttl(value: &Value) -> Result<TimeToLive, Fault> {
    match (value.as_u64(), value.as_str()) {
        (Some(seconds @ 1..=9_223_372_036), _) => Ok(TimeToLive::For(Duration::from_secs(seconds))),
        (_, Some("never")) => Ok(TimeToLive::Never),
        _ => Err(format!("ttl: {value} is no number of seconds")),
    }
}

fn headers(fields: BTreeMap<String, Vec<String>>) -> Result<Headers, Fault> {
    let mut headers = Headers::default();
    for (name, values) in fields {
        if values.iter().any(|value| value.contains(['\r', '\n'])) {
            return Err(format!("header {name}: a value has several lines"));
        }
        values.iter().for_each(|value| headers.add(&name, value));
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn record(value: &[u8]) -> Record {
        Record {
            key: "a.b".into(),
            value: Bytes::copy_from_slice(value),
            revision: 7,
            created_ns: units::ns_from_time("2024-01-31T12:00:00.000000001Z"),
            operation: Operation::Put,
            ttl: None,
            headers: Headers::default(),
        }
    }

    fn written(record: &Record) -> String {
        let mut out = Vec::new();
        write(&mut out, record);
        String::from_utf8(out).unwrap()
    }

    fn fault(line: &str) -> Fault {
        read(line.as_bytes()).unwrap_err()
    }

    #[test]
    fn lines() {
        assert_eq!(
            written(&record("x\n\"ä".as_bytes())),
            "{\"key\":\"a.b\",\"value\":\"x\\n\\\"ä\",\"revision\":7,\"created\":\"2024-01-31T12:00:00.000000001Z\"}\n"
        );
        let mut headers = Headers::default();
        headers.add("X", "1");
        headers.add("X", "2");
        let full = Record {
            ttl: Some(TimeToLive::For(Duration::from_secs(30))),
            operation: Operation::Purge,
            headers,
            created_ns: None,
            ..record(b"\xff")
        };
        assert_eq!(
            written(&full),
            "{\"key\":\"a.b\",\"base64\":\"/w==\",\"revision\":7,\"operation\":\"PURGE\",\"ttl\":30,\"header\":{\"X\":[\"1\",\"2\"]}}\n"
        );
        assert_eq!(end(3, 9), b"{\"end\":3,\"revision\":9}\n");
    }

    #[test]
    fn what_was_written_can_be_read() {
        let all: Vec<u8> = (0..=255).collect();
        for value in [
            &b""[..],
            b"text",
            b"a\0b",
            &all,
            "\u{1}\u{1f600}".as_bytes(),
        ] {
            let record = Record {
                ttl: Some(TimeToLive::Never),
                ..record(value)
            };
            let line = written(&record);
            assert_eq!(line.matches('\n').count(), 1);
            assert_eq!(read(line.as_bytes()), Ok(Line::Entry(Box::new(record))));
        }
        assert_eq!(read(&end(3, 9)), Ok(Line::End(3)));
        assert_eq!(read_head(&head("b", 9, &Json::new())), Ok(()));
    }

    #[test]
    fn faults() {
        assert_eq!(fault(r#"{"value":"x"}"#), "it has no key");
        let both = "it must have either a value or base64";
        assert_eq!(fault(r#"{"key":"k"}"#), both);
        assert_eq!(fault(r#"{"key":"k","value":"","base64":""}"#), both);
        for line in [
            "",
            "[]",
            "{",
            r#"{"key":5,"value":"x"}"#,
            r#"{"key":"k","base64":"?"}"#,
            r#"{"key":"k","value":"x","created":"now"}"#,
            r#"{"key":"k","value":"x","operation":"MOVE"}"#,
            r#"{"key":"k","value":"x","ttl":0}"#,
            r#"{"key":"k","value":"x","ttl":"soon"}"#,
            r#"{"key":"k","value":"x","header":{"A":["b\r\nc"]}}"#,
            r#"{"key":"k","value":"x"} x"#,
        ] {
            assert!(!fault(line).is_empty(), "{line}");
        }
        for line in ["", "{}", r#"{"nats_kv":2}"#, r#"{"key":"k","value":"x"}"#] {
            assert!(read_head(line.as_bytes()).is_err(), "{line}");
        }
    }

    #[test]
    fn fuzz_lines() {
        let samples = [
            written(&record(b"x")),
            written(&record(b"\xff")),
            "{\"end\":3}".into(),
        ];
        let samples: Vec<&[u8]> = samples.iter().map(String::as_bytes).collect();
        fuzz::bytes(&samples, |line| {
            if let Ok(Line::Entry(record)) = read(line) {
                let again = written(&record);
                assert_eq!(read(again.as_bytes()), Ok(Line::Entry(record)));
            }
        });
    }
}
