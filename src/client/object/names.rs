//! What buckets and objects may be called, and their subjects.

use base64::engine::general_purpose::URL_SAFE;
use base64::Engine;

use crate::client::error::{Error, Result};

/// Names of streams that are buckets begin with this.
pub(super) const STREAM_PREFIX: &str = "OBJ_";

/// Bytes that the name of an object may have. A line of the protocol has up to 4096, and the server closes the connection
/// upon a longer one.
const LONGEST_NAME: usize = 2048;

/// Bytes that a nuid may have, which others may have chosen.
const LONGEST_NUID: usize = 256;

/// Checks the name of a bucket.
///
/// # Errors
/// `InvalidArg`
pub(super) fn check_bucket(name: &str) -> Result<()> {
    let is_good = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'-');
    match !name.is_empty() && name.bytes().all(is_good) {
        true => Ok(()),
        false => Err(Error::invalid_arg(format!("Invalid bucket name {name}"))),
    }
}

/// Checks the name of an object.
///
/// # Errors
/// `InvalidArg`
pub fn check_object(name: &str) -> Result<()> {
    match (1..=LONGEST_NAME).contains(&name.len()) {
        true => Ok(()),
        false => Err(Error::invalid_arg(format!("Invalid object name {name}"))),
    }
}

/// The name of the stream that is a bucket.
pub(super) fn stream_name(bucket: &str) -> String {
    format!("{STREAM_PREFIX}{bucket}")
}

/// The bucket that is a stream of this name.
pub(super) fn bucket_of(stream: &str) -> Option<&str> {
    stream.strip_prefix(STREAM_PREFIX)
}

/// The subject of the chunks of a nuid; `>`: of all chunks of a bucket.
pub(super) fn chunks(bucket: &str, nuid: &str) -> String {
    format!("$O.{bucket}.C.{nuid}")
}

/// The subject of the meta of an object.
pub(super) fn meta(bucket: &str, name: &str) -> String {
    format!("$O.{bucket}.M.{}", URL_SAFE.encode(name))
}

/// The subjects of all metas of a bucket.
pub(super) fn metas(bucket: &str) -> String {
    format!("$O.{bucket}.M.>")
}

/// Whether a nuid that somebody has stored names one subject of chunks, and not several.
pub(super) fn is_nuid(nuid: &str) -> bool {
    let is_good = |c: u8| c.is_ascii_graphic() && !matches!(c, b'.' | b'*' | b'>');
    (1..=LONGEST_NUID).contains(&nuid.len()) && nuid.bytes().all(is_good)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::error::Code;
    use crate::client::nuid::nuid;
    use crate::client::subject;

    #[test]
    fn buckets() {
        for good in ["b", "A-Z_0", "OBJ_x"] {
            assert!(check_bucket(good).is_ok(), "{good}");
        }
        for bad in ["", "a b", "a.b", "ä", "a*", ">"] {
            let error = check_bucket(bad).unwrap_err();
            assert_eq!(error.code, Code::InvalidArg);
            assert_eq!(error.message, format!("Invalid bucket name {bad}"));
        }
    }

    #[test]
    fn objects() {
        for good in ["a", "a b", "/", "*", ">", "größe", "\u{1F600}", "\0", "."] {
            assert!(check_object(good).is_ok(), "{good}");
        }
        assert!(check_object(&"x".repeat(2048)).is_ok());
        assert!(check_object(&"x".repeat(2049)).is_err());
        assert!(check_object(&"ä".repeat(1025)).is_err());
        assert_eq!(
            check_object("").unwrap_err().message,
            "Invalid object name "
        );
    }

    #[test]
    fn subjects() {
        assert_eq!(meta("B", "a.bin"), "$O.B.M.YS5iaW4=");
        assert_eq!(meta("B", "??>"), "$O.B.M.Pz8-");
        assert_eq!(chunks("B", "N"), "$O.B.C.N");
        assert!(is_nuid(&nuid()));
        for bad in ["", ">", "*", "a.b", "a b", "a\n", "ä"] {
            assert!(!is_nuid(bad), "{bad}");
        }
    }

    #[test]
    fn fuzz_names() {
        fuzz::texts(&["a", "a b/*", "größe", "\u{1F600}"], |name| {
            if check_object(name).is_ok() {
                assert!(subject::check_publish(&meta("B", name), true).is_ok());
            }
            if is_nuid(name) {
                assert!(subject::check_publish(&chunks("B", name), false).is_ok());
            }
        });
    }
}
