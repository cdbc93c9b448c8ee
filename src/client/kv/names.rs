//! What buckets, keys and key patterns may be called ([ADR-6]).
//!
//! [ADR-6]: https://github.com/nats-io/nats-architecture-and-design/blob/main/adr/ADR-6.md

use crate::client::error::{Error, Result};

/// Names of streams that are buckets begin with this.
pub const STREAM_PREFIX: &str = "KV_";

/// Checks the name of a bucket.
///
/// # Errors
/// `InvalidArg`
pub fn check_bucket(name: &str) -> Result<()> {
    if is_name(name) {
        return Ok(());
    }
    Err(Error::invalid_arg(format!(
        "Bucket name \"{name}\" is not valid: use letters, digits, _ and -"
    )))
}

/// Checks the name of a mirror. It must not pass for a bucket.
///
/// # Errors
/// `InvalidArg`
pub fn check_mirror(name: &str) -> Result<()> {
    if !is_name(name) {
        return Err(Error::invalid_arg(format!(
            "Mirror name \"{name}\" is not valid: use letters, digits, _ and -"
        )));
    }
    if name.starts_with(STREAM_PREFIX) {
        return Err(Error::invalid_arg(format!(
            "Mirror name \"{name}\" is not valid: only buckets may begin with {STREAM_PREFIX}"
        )));
    }
    Ok(())
}

/// Checks a key to be read or written.
///
/// Keys that begin with `_kv` are reserved. Watches and listings show them all the same, as other
/// clients may have stored them.
///
/// # Errors
/// `InvalidArg`
pub fn check_key(key: &str) -> Result<()> {
    let problem = if !key.bytes().all(is_key_byte) {
        "use letters, digits and - / _ = ."
    } else if key.split('.').any(str::is_empty) {
        "there must be something before, after and between dots"
    } else if key.starts_with("_kv") {
        "keys that begin with _kv are reserved"
    } else {
        return Ok(());
    };
    Err(Error::invalid_arg(format!(
        "Key \"{key}\" is not valid: {problem}"
    )))
}

/// Checks the name of a header that a caller adds to an entry.
///
/// # Errors
/// `InvalidArg` if the system has it for itself.
pub fn check_header(name: &str) -> Result<()> {
    if is_own_header(name) {
        return Ok(());
    }
    Err(Error::invalid_arg(format!(
        "Header name \"{name}\" is not valid: those that begin with Nats- or KV- have a meaning"
    )))
}

/// Whether a header of an entry is one that a caller has added.
pub fn is_own_header(name: &str) -> bool {
    !name.starts_with("Nats-") && !name.starts_with("KV-")
}

/// Whether a text is a pattern of keys, and not a key.
pub fn is_pattern(text: &str) -> bool {
    text.split('.').any(|token| matches!(token, "*" | ">"))
}

/// Checks a pattern of keys. Only what cannot be part of a subject is refused, since publishers
/// that do not know about keys may use more characters than keys have.
///
/// # Errors
/// `InvalidArg`
pub fn check_pattern(pattern: &str) -> Result<()> {
    let all_before_last = pattern.rsplit('.').skip(1);
    let problem = if pattern.chars().any(|c| c.is_whitespace() || c.is_control()) {
        "it contains a blank or control character"
    } else if pattern.split('.').any(str::is_empty) {
        "there must be something before, after and between dots"
    } else if all_before_last.into_iter().any(|token| token == ">") {
        "> can only be the last part"
    } else {
        return Ok(());
    };
    Err(Error::invalid_arg(format!(
        "Key pattern \"{pattern}\" is not valid: {problem}"
    )))
}

/// Checks that a key or a pattern is not longer than the subjects it becomes a part of allow.
///
/// # Errors
/// `InvalidArg`
pub fn check_length(what: &str, text: &str, longest: usize) -> Result<()> {
    let length = text.len();
    if length <= longest {
        return Ok(());
    }
    let start: String = text.chars().take(40).collect();
    Err(Error::invalid_arg(format!(
        "{what} \"{start}…\" is not valid: {length} bytes, more than the {longest} that fit into a subject"
    )))
}

fn is_name(name: &str) -> bool {
    let is_good = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'-');
    !name.is_empty() && name.bytes().all(is_good)
}

fn is_key_byte(c: u8) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, b'-' | b'/' | b'_' | b'=' | b'.')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::error::Code;
    use crate::client::subject;

    fn assert_refused(result: Result<()>, name: &str) {
        let error = result.expect_err(name);
        assert_eq!(error.code, Code::InvalidArg);
        assert!(error.message.contains(&format!("\"{name}\"")), "{error}");
    }

    #[test]
    fn buckets() {
        for good in ["b", "A-Z_0", "_", "-", "KV_x"] {
            assert!(check_bucket(good).is_ok(), "{good}");
        }
        for bad in ["", "a b", "a.b", "a/b", "a\n", "ä", "a*", ">"] {
            assert_refused(check_bucket(bad), bad);
        }
        assert_eq!(
            check_bucket("a b").unwrap_err().message,
            "Bucket name \"a b\" is not valid: use letters, digits, _ and -"
        );
    }

    #[test]
    fn mirrors() {
        for good in ["b", "kv_x", "KVx"] {
            assert!(check_mirror(good).is_ok(), "{good}");
        }
        for bad in ["", "KV_x", "KV_", "a.b"] {
            assert_refused(check_mirror(bad), bad);
        }
    }

    #[test]
    fn keys() {
        for good in ["k", "a.b.c", "A/b=c-d_e.0", "_k", "x._kv", "_KV"] {
            assert!(check_key(good).is_ok(), "{good}");
        }
        for bad in [
            "", ".", ".a", "a.", "a..b", "a b", "a\n", "*", "a.>", "ä", "_kv", "_kvx", "_kv.a",
            "a:b",
        ] {
            assert_refused(check_key(bad), bad);
        }
    }

    #[test]
    fn patterns() {
        for good in [
            ">", "*", "a.*.b", "a.>", "*.>", "a(b)", "ключ", "a*", "_kv.x",
        ] {
            assert!(check_pattern(good).is_ok(), "{good}");
        }
        for bad in [
            "", "a b", "a\tb", "a\n", "a\0", ".a", "a.", "a..b", ">.a", "a.>.b", ">.>",
        ] {
            assert_refused(check_pattern(bad), bad);
        }
    }

    #[test]
    fn headers() {
        for good in ["a", "Content-Type", "nats-x", "Nats", "KVx", "x-Nats-TTL"] {
            assert!(check_header(good).is_ok(), "{good}");
        }
        for bad in ["Nats-TTL", "Nats-", "KV-Operation", "KV-"] {
            assert_refused(check_header(bad), bad);
        }
    }

    #[test]
    fn lengths() {
        assert!(check_length("Key", "ä", 2).is_ok());
        let error = check_length("Key", &"k".repeat(50), 49).unwrap_err();
        assert_eq!(error.code, Code::InvalidArg);
        assert!(error.message.starts_with("Key \"kkk") && error.message.len() < 130);
    }

    const NAMES: [&str; 6] = ["a", "a.b/c=d-e_0", "_kv", "KV_B", "a.*.b.>", "größe"];

    #[test]
    fn fuzz_keys() {
        fuzz::texts(&NAMES, |name| {
            if check_key(name).is_ok() {
                assert!(check_pattern(name).is_ok(), "{name}");
                let subject = format!("$KV.b.{name}");
                assert!(subject::check_publish(&subject, true).is_ok(), "{name}");
            }
            if check_bucket(name).is_ok() {
                assert!(check_key(&format!("x{name}")).is_ok(), "{name}");
            }
            if check_mirror(name).is_ok() {
                assert!(check_bucket(name).is_ok(), "{name}");
            }
        });
    }

    #[test]
    fn fuzz_patterns() {
        fuzz::texts(&NAMES, |pattern| {
            if check_pattern(pattern).is_ok() {
                assert!(
                    subject::check_subscribe(pattern, false).is_ok(),
                    "{pattern}"
                );
            }
        });
    }
}
