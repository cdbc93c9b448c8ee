//! What a subject and a queue group name may look like.
//!
//! The server would accept more than this, and async-nats checks less: these are the rules of
//! nats-tcl, with one addition. Blanks and control characters end a word of the protocol or a
//! whole line of it, so they are refused even where the caller asked for no check.

use crate::client::error::{Code, Error, Result};

/// Checks the subject of a message to be published, or its reply subject.
///
/// Without `strict` only what would damage the protocol stream is refused.
///
/// # Errors
/// `BadSubject` "Invalid subject …"
pub fn check_publish(subject: &str, strict: bool) -> Result<()> {
    check(subject, strict, is_literal, Code::BadSubject, "subject")
}

/// Checks a reply subject; as [`check_publish`], but the message says what it was.
///
/// # Errors
/// `BadSubject` "Invalid reply …"
pub fn check_reply(subject: &str, strict: bool) -> Result<()> {
    check(subject, strict, is_literal, Code::BadSubject, "reply")
}

/// Checks a subject to subscribe to: a token may also be a whole wildcard, `*` or `>`.
///
/// # Errors
/// `BadSubject` "Invalid subject …"
pub fn check_subscribe(subject: &str, strict: bool) -> Result<()> {
    check(subject, strict, is_pattern, Code::BadSubject, "subject")
}

/// Checks a queue group name, which is a single token.
///
/// # Errors
/// `BadQueueName` "Invalid queue …"
pub fn check_queue(name: &str, strict: bool) -> Result<()> {
    check(name, strict, is_token, Code::BadQueueName, "queue")
}

/// What a subject and the word behind it, a reply subject or a queue group, may have together. A server
/// closes the connection at a protocol line of more than 4096 bytes; an inbox and numbers need the rest.
pub const MAX_LENGTH: usize = 4000;

/// Checks that a subject fits into a line of the protocol, with what comes behind it.
///
/// # Errors
/// `BadSubject` "Invalid subject …"
pub fn check_length(subject: &str, behind: Option<&str>) -> Result<()> {
    let length = subject.len() + behind.map_or(0, str::len);
    if length <= MAX_LENGTH {
        return Ok(());
    }
    let start: String = subject.chars().take(40).collect();
    Err(Error::new(
        Code::BadSubject,
        format!("Invalid subject {start}…: {length} bytes, more than {MAX_LENGTH}"),
    ))
}

fn check(
    text: &str,
    strict: bool,
    is_valid: fn(&str) -> bool,
    code: Code,
    what: &str,
) -> Result<()> {
    let good = if strict {
        is_valid(text)
    } else {
        is_transportable(text)
    };
    if good {
        return Ok(());
    }
    Err(Error::new(code, format!("Invalid {what} {text}")))
}

/// Asked for each message, and most subjects are ASCII.
fn is_literal(subject: &str) -> bool {
    if !subject.is_ascii() {
        return subject.split('.').all(is_token);
    }
    let mut previous = b'.';
    let good = subject.bytes().all(|byte| match byte {
        b'.' => std::mem::replace(&mut previous, byte) != b'.',
        _ => {
            previous = byte;
            is_token_byte(byte)
        }
    });
    good && previous != b'.'
}

fn is_pattern(subject: &str) -> bool {
    subject
        .split('.')
        .all(|token| matches!(token, "*" | ">") || is_token(token))
}

fn is_token(token: &str) -> bool {
    !token.is_empty()
        && token.chars().all(|c| match u8::try_from(c) {
            Ok(byte) if byte.is_ascii() => is_token_byte(byte),
            _ => c.is_alphanumeric(),
        })
}

fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_graphic()
        && !matches!(
            byte,
            b'"' | b'*' | b'>' | b'[' | b']' | b'\\' | b'{' | b'}' | b'.'
        )
}

fn is_transportable(text: &str) -> bool {
    !text.is_empty() && !text.chars().any(|c| c.is_whitespace() || c.is_control())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn publish_subjects() {
        for good in [
            "a",
            "a.b",
            "$KV.b.k",
            "größe.x",
            "a/b=c",
            "!#%&'()+,-:;<?@^_`|~",
        ] {
            assert!(check_publish(good, true).is_ok(), "{good}");
        }
        for bad in [
            "", ".", "a.", ".a", "a..b", "a b", "a\tb", "a\r\nb", "*", ">", "a.*", "a*", "a>",
            "a\"b", "a[b", "a]", "a\\b", "{a}", "a\u{a0}b", "a\u{7f}", "a—b",
        ] {
            let error = check_publish(bad, true).unwrap_err();
            assert_eq!(error.code, Code::BadSubject);
            assert_eq!(error.message, format!("Invalid subject {bad}"));
        }
    }

    #[test]
    fn subscribe_subjects() {
        for good in ["a", "*", ">", "a.*.b", "a.>", ">.a"] {
            assert!(check_subscribe(good, true).is_ok(), "{good}");
        }
        for bad in ["", "a*", "*a", "a.>>", "**", "a..*", "a b"] {
            assert!(check_subscribe(bad, true).is_err(), "{bad}");
        }
    }

    #[test]
    fn queue_names() {
        assert!(check_queue("workers-1", true).is_ok());
        for bad in ["", "a.b", "a b", "*"] {
            let error = check_queue(bad, true).unwrap_err();
            assert_eq!(error.code, Code::BadQueueName);
            assert_eq!(error.message, format!("Invalid queue {bad}"));
        }
    }

    #[test]
    fn unchecked_text_still_keeps_the_protocol_intact() {
        for good in ["a*", "a..b", ".", "a\"b", "\u{1f980}"] {
            assert!(check_publish(good, false).is_ok(), "{good}");
            assert!(check_subscribe(good, false).is_ok(), "{good}");
            assert!(check_queue(good, false).is_ok(), "{good}");
        }
        for bad in ["", " ", "a b", "a\r\nPUB x 0", "a\0", "a\u{85}"] {
            assert!(check_publish(bad, false).is_err(), "{bad:?}");
            assert!(check_subscribe(bad, false).is_err(), "{bad:?}");
            assert!(check_queue(bad, false).is_err(), "{bad:?}");
        }
        assert_eq!(
            check_reply("a b", false).unwrap_err().message,
            "Invalid reply a b"
        );
    }

    #[test]
    fn fuzz_subjects() {
        let samples = ["a.b", "$KV.b.k", "a.*.>", "workers-1", "a b", "_INBOX.x.*"];
        fuzz::texts(&samples, |text| {
            let accepted = [
                check_publish(text, true),
                check_publish(text, false),
                check_subscribe(text, true),
                check_subscribe(text, false),
                check_queue(text, true),
                check_queue(text, false),
            ];
            if accepted.iter().any(|result| result.is_ok()) {
                // Nothing that ends a word or a line of the protocol.
                assert!(!text.is_empty());
                assert!(!text.contains([' ', '\t', '\r', '\n', '\0']), "{text:?}");
            }
            let [publish, publish_loosely, subscribe, ..] = accepted;
            assert_eq!(publish.is_ok(), text.split('.').all(is_token), "{text:?}");
            assert!(publish.is_err() || publish_loosely.is_ok(), "{text:?}");
            assert!(publish.is_err() || subscribe.is_ok(), "{text:?}");
        });
    }
}
