//! What the message of a counter says ([ADR-49]): its total is the value of the entry, what was added is a header.
//!
//! [ADR-49]: https://github.com/nats-io/nats-architecture-and-design/blob/main/adr/ADR-49.md

use std::borrow::Cow;

use async_nats::header::HeaderName;
use bytes::Bytes;
use serde::Deserialize;

use crate::client::jetstream::Json;

/// What is added to a counter.
pub(super) const INCREMENT: HeaderName = HeaderName::from_static("Nats-Incr");

/// What the counters have from which this one is made up.
pub(super) const SOURCES: HeaderName = HeaderName::from_static("Nats-Counter-Sources");

/// An integer of any size, in decimal digits without needless ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Integer(Box<str>);

impl Integer {
    /// Digits, perhaps behind a sign; `None` for any other text.
    pub fn read(text: &str) -> Option<Integer> {
        let (is_negative, digits) = match text.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| Integer::of(is_negative, digits))
    }

    fn of(is_negative: bool, digits: &str) -> Integer {
        let digits = digits.trim_start_matches('0');
        Integer(match (digits, is_negative) {
            ("", _) => "0".into(),
            (digits, true) => ["-", digits].concat().into(),
            (digits, false) => digits.into(),
        })
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// With the other sign.
    pub(super) fn negated(&self) -> Integer {
        match self.0.strip_prefix('-') {
            Some(digits) => Integer::of(false, digits),
            None => Integer::of(true, &self.0),
        }
    }
}

/// What a message has done to its counter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Count {
    /// What it has added.
    pub increment: Integer,
    /// In an aggregate: the totals that it is made up from, stream to subject to text.
    pub sources: Option<Json>,
}

impl Count {
    /// # Arguments
    /// The values of the headers [`INCREMENT`] and [`SOURCES`]. `None` if it is no counter.
    pub(super) fn read(increment: Option<&str>, sources: Option<&str>) -> Option<Count> {
        Some(Count {
            increment: Integer::read(increment?)?,
            sources: sources.and_then(|sources| serde_json::from_str(sources).ok()),
        })
    }
}

/// The total in the payload of a counter's message, as text; `None` if it is none.
pub(super) fn total(payload: &Bytes) -> Option<Bytes> {
    #[derive(Deserialize)]
    struct Stored<'a> {
        #[serde(borrow)]
        val: Cow<'a, str>,
    }
    // A list of the fields' values would be read as well.
    if !payload.starts_with(b"{") {
        return None;
    }
    let Stored { val } = serde_json::from_slice(payload).ok()?;
    let total = Integer::read(&val)?;
    Some(Bytes::copy_from_slice(total.as_str().as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers() {
        let read = |text| Integer::read(text).map(|integer| integer.as_str().to_owned());
        assert_eq!(read("5").as_deref(), Some("5"));
        assert_eq!(read("+5").as_deref(), Some("5"));
        assert_eq!(read("-5").as_deref(), Some("-5"));
        assert_eq!(read("-0050").as_deref(), Some("-50"));
        assert_eq!(read("-00").as_deref(), Some("0"));
        let big = "1606938044258990275541962092341162602522202993782792835301376";
        assert_eq!(read(big).as_deref(), Some(big));
        for text in ["", "-", "+", "+-5", "--5", "5.0", " 5", "0x5", "1e3", "٣"] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn the_other_sign() {
        let negated = |text| Integer::read(text).unwrap().negated();
        assert_eq!(negated("5").as_str(), "-5");
        assert_eq!(negated("-5").as_str(), "5");
        assert_eq!(negated("0").as_str(), "0");
    }

    #[test]
    fn totals() {
        let total = |text: &'static str| super::total(&Bytes::from_static(text.as_bytes()));
        assert_eq!(total(r#"{"val":"-12"}"#).as_deref(), Some(&b"-12"[..]));
        assert_eq!(
            total(r#"{"val":"\u0035","x":1}"#).as_deref(),
            Some(&b"5"[..])
        );
        for text in ["", "5", r#"["5"]"#, r#"{"val":5}"#, r#"{"val":"x"}"#, "{}"] {
            assert_eq!(total(text), None, "{text}");
        }
    }

    #[test]
    fn counts() {
        let sources = r#"{"KV_a":{"$KV.a.k":"50"}}"#;
        let count = Count::read(Some("+5"), Some(sources)).unwrap();
        assert_eq!(count.increment.as_str(), "5");
        assert_eq!(serde_json::to_string(&count.sources).unwrap(), sources);
        assert_eq!(Count::read(Some("5"), Some("x")).unwrap().sources, None);
        assert_eq!(Count::read(Some("x"), None), None);
        assert_eq!(Count::read(None, Some(sources)), None);
    }
}
