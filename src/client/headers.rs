//! Header blocks as a stream stores them, read leniently.
//!
//! A server stores whatever stands between the first line of a block and its end. The transport reads the
//! blocks that follow its rules and breaks the link at all others ([`is_readable`]). What comes by way of
//! the JetStream API is the block itself, so [`Headers::read`] can be more patient: names are kept as they
//! are, values that are no UTF-8 count as Latin-1, lines without a colon are left out.

use std::borrow::Cow;
use std::collections::BTreeMap;

use async_nats::{HeaderMap, HeaderName, StatusCode};

const VERSION: &str = "NATS/1.0";

/// The headers of a stored message, sorted by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Headers {
    /// The number in the first line of the block.
    pub status: Option<String>,
    /// What follows it there.
    pub description: Option<String>,
    fields: BTreeMap<String, Vec<String>>,
}

impl Headers {
    /// Reads a block, beginning with its version line.
    pub fn read(block: &[u8]) -> Headers {
        let mut lines = block.split(|byte| *byte == b'\n').map(without_return);
        let mut headers = Headers::default();
        headers.read_version(lines.next().unwrap_or_default());
        let mut field: Option<(&[u8], Vec<u8>)> = None;
        for line in lines {
            match &mut field {
                // A value goes on in lines that begin with a blank.
                Some((_, value)) if begins_with_blank(line) => value.extend_from_slice(line),
                _ => {
                    headers.take(field.take());
                    let colon = line.iter().position(|byte| *byte == b':');
                    field = colon.map(|colon| (&line[..colon], start_trimmed(&line[colon + 1..])));
                }
            }
        }
        headers.take(field);
        headers
    }

    /// The first line: a version, perhaps a number and words. What is no number is left out.
    fn read_version(&mut self, line: &[u8]) {
        let line = text(line);
        let rest = match line.strip_prefix(VERSION) {
            Some(rest) => rest.trim(),
            None => line.split_once(' ').map_or("", |(_, rest)| rest.trim()),
        };
        let (number, words) = rest.split_once(' ').unwrap_or((rest, ""));
        let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        self.status = is_number.then(|| number.to_owned());
        self.description = Some(words.trim())
            .filter(|words| !words.is_empty())
            .map(str::to_owned);
    }

    fn take(&mut self, field: Option<(&[u8], Vec<u8>)>) {
        if let Some((name, value)) = field {
            self.add(text(name).trim(), text(&value).trim_end());
        }
    }

    /// Adds a value to a name.
    pub fn add(&mut self, name: &str, value: &str) {
        match self.fields.get_mut(name) {
            Some(values) => values.push(value.to_owned()),
            None => drop(self.fields.insert(name.to_owned(), vec![value.to_owned()])),
        }
    }

    /// What the transport has read, but for some names.
    pub fn from_map(map: &HeaderMap, without: &[HeaderName]) -> Headers {
        let mut headers = Headers::default();
        for (name, values) in map.iter().filter(|(name, _)| !without.contains(name)) {
            let values = values.iter().map(|value| value.as_str().to_owned());
            headers.fields.insert(name.to_string(), values.collect());
        }
        headers
    }

    /// These, but for some names; without the first line.
    pub fn without(&self, names: &[HeaderName]) -> Headers {
        let is_left = |name: &str| !names.iter().any(|other| other.as_ref() as &str == name);
        let fields = self.fields.iter().filter(|(name, _)| is_left(name));
        Headers {
            fields: fields
                .map(|(name, values)| (name.clone(), values.clone()))
                .collect(),
            ..Headers::default()
        }
    }

    /// The first value of a name.
    pub fn first(&self, name: &str) -> Option<&str> {
        self.fields.get(name)?.first().map(String::as_str)
    }

    /// Names and their values, by name.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &[String])> {
        let fields = self.fields.iter();
        fields.map(|(name, values)| (name.as_str(), values.as_slice()))
    }
}

/// Whether the transport can read a message with this header block. At others it gives up on the link; a
/// carriage return within a value makes it panic.
pub fn is_readable(block: &[u8]) -> bool {
    let Ok(block) = std::str::from_utf8(block) else {
        return false;
    };
    let mut lines = block.lines().peekable();
    let Some(status) = lines.next().and_then(|line| line.strip_prefix(VERSION)) else {
        return false;
    };
    let status = status.trim();
    let number = status.split_once(' ').map_or(status, |(number, _)| number);
    if !number.is_empty() && number.parse::<StatusCode>().is_err() {
        return false;
    }
    while let Some(line) = lines.next() {
        if line.is_empty() {
            continue;
        }
        let Some((name, value)) = line.split_once(':') else {
            return false;
        };
        let mut value = value.trim_start().to_owned();
        while let Some(more) = lines.next_if(|line| line.starts_with(char::is_whitespace)) {
            value.push_str(more);
        }
        if name.parse::<HeaderName>().is_err() || value.trim_end().contains('\r') {
            return false;
        }
    }
    true
}

/// Bytes as text: UTF-8 if they are, else each byte a character.
fn text(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.into(),
        Err(_) => bytes.iter().map(|byte| char::from(*byte)).collect(),
    }
}

fn without_return(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

fn begins_with_blank(line: &[u8]) -> bool {
    match std::str::from_utf8(line) {
        Ok(line) => line.starts_with(char::is_whitespace),
        Err(_) => line.first().is_some_and(u8::is_ascii_whitespace),
    }
}

fn start_trimmed(value: &[u8]) -> Vec<u8> {
    match std::str::from_utf8(value) {
        Ok(value) => value.trim_start().as_bytes().to_owned(),
        Err(_) => value.trim_ascii_start().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(block: &[u8]) -> String {
        let headers = Headers::read(block);
        let status = headers.status.iter().map(|status| format!("{status};"));
        let words = headers.description.iter().map(|words| format!("{words};"));
        let fields = headers
            .fields()
            .map(|(name, values)| format!("{name}={};", values.join("|")));
        status.chain(words).chain(fields).collect()
    }

    #[test]
    fn ordinary_blocks() {
        assert_eq!(read(b"NATS/1.0\r\n\r\n"), "");
        assert_eq!(
            read(b"NATS/1.0\r\nb:1\r\na: 2 \r\nb: 3\r\n\r\n"),
            "a=2;b=1|3;"
        );
        assert_eq!(
            read(b"NATS/1.0 100 Idle Heartbeat\r\nA:\r\n\r\n"),
            "100;Idle Heartbeat;A=;"
        );
        assert_eq!(
            read(b"NATS/1.0\r\nA: b:c\r\n d\r\nE: f\r\n\r\n"),
            "A=b:c d;E=f;"
        );
    }

    #[test]
    fn odd_names_are_kept() {
        assert_eq!(
            read(b"NATS/1.0\r\n : y\r\ntest header: x\r\nn : z\r\n\r\n"),
            "=y;n=z;test header=x;"
        );
        assert_eq!(read(b"NATS/1.0\r\nno colon\r\nA: 1\r\n\r\n"), "A=1;");
    }

    #[test]
    fn bytes_that_are_no_utf8_are_latin_1() {
        assert_eq!(
            read(b"NATS/1.0\r\nA: Jos\xe9\r\nB: Jos\xc3\xa9\r\nN\xe9: 1\r\n\r\n"),
            "A=Jos\u{e9};B=Jos\u{e9};N\u{e9}=1;"
        );
    }

    #[test]
    fn odd_first_lines() {
        assert_eq!(
            read(b"NATS/1.0 99999 Many\r\nA: 1\r\n\r\n"),
            "99999;Many;A=1;"
        );
        assert_eq!(read(b"NATS/1.0 abc\r\nA: 1\r\n\r\n"), "A=1;");
        assert_eq!(read(b"NATS/2.0\r\nA: 1\r\n\r\n"), "A=1;");
        assert_eq!(read(b""), "");
    }

    #[test]
    fn what_the_transport_reads() {
        let readable: [&[u8]; 7] = [
            b"NATS/1.0\r\n\r\n",
            b"NATS/1.0 503\r\n\r\n",
            b"NATS/1.0 100 Idle Heartbeat\r\nA:1\r\n\r\n",
            b"NATS/1.0\r\n: no name\r\n\r\n",
            b"NATS/1.0\r\nA: 1\r\n more\r\n\r\n",
            "NATS/1.0\r\nA: Jos\u{e9}\r\n\r\n".as_bytes(),
            b"NATS/1.0",
        ];
        for block in readable {
            assert!(is_readable(block), "{}", block.escape_ascii());
        }
        let unreadable: [&[u8]; 11] = [
            b"",
            b"NATS/2.0\r\n\r\n",
            b"NATS/1.0 abc\r\n\r\n",
            b"NATS/1.0 99999\r\n\r\n",
            b"NATS/1.0 99\r\n\r\n",
            b"NATS/1.0\r\ntest header: x\r\n\r\n",
            b"NATS/1.0\r\n A: x\r\n\r\n",
            b"NATS/1.0\r\nA : x\r\n\r\n",
            b"NATS/1.0\r\nA: Jos\xe9\r\n\r\n",
            b"NATS/1.0\r\nno colon\r\n\r\n",
            b"NATS/1.0\r\nA: x\ry\r\n\r\n",
        ];
        for block in unreadable {
            assert!(!is_readable(block), "{}", block.escape_ascii());
        }
        assert!(!is_readable("NATS/1.0\r\nN\u{e9}: x\r\n\r\n".as_bytes()));
    }

    #[test]
    fn fuzz_header_blocks() {
        let samples: [&[u8]; 5] = [
            b"NATS/1.0\r\nKV-Operation: DEL\r\n\r\n",
            b"NATS/1.0 100 Idle Heartbeat\r\nNats-Last-Consumer: 7\r\nNats-Last-Stream: 9\r\n\r\n",
            b"NATS/1.0\r\na:1\r\na: 2\r\n b\r\n\r\n",
            b"NATS/1.0\r\ntest header: Jos\xe9\r\n\r\n",
            b"NATS/1.0 abc def\r\nno colon\r\n: x\ry\r\n\r\n",
        ];
        fuzz::bytes(&samples, |block| {
            let headers = Headers::read(block);
            for (name, values) in headers.fields() {
                assert!(!name.contains([':', '\n']), "{name:?}");
                assert!(values.iter().all(|value| !value.contains('\n')));
                if is_readable(block) {
                    assert!(name.parse::<HeaderName>().is_ok(), "{name:?}");
                }
            }
        });
    }
}
