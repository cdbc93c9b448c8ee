//! What streams and consumers may be called.
//!
//! The server allows a little more; these are the rules of nats-tcl, whose names are
//! safe in subjects and in file names.

use crate::client::error::{Error, Result};

/// Checks the name of a stream.
///
/// # Errors
/// `InvalidArg` "Invalid stream name …"
pub fn check_stream(name: &str) -> Result<()> {
    check("stream", name)
}

/// Checks the name of a consumer.
///
/// # Errors
/// `InvalidArg` "Invalid consumer name …"
pub fn check_consumer(name: &str) -> Result<()> {
    check("consumer", name)
}

fn check(what: &str, name: &str) -> Result<()> {
    let allowed = |c: char| c.is_alphanumeric() || "!#$%&()+,-:;<=?@^_`|~".contains(c);
    match !name.is_empty() && name.chars().all(allowed) {
        true => Ok(()),
        false => Err(Error::invalid_arg(format!("Invalid {what} name {name}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for good in ["S", "größe", "a-b_c", "!#$%&()+,-:;<=?@^_`|~"] {
            assert!(check_stream(good).is_ok(), "{good}");
        }
        for bad in [
            "", "a.b", "a b", "a/b", "a\\b", "*", ">", "\"", "[", "{", "\0",
        ] {
            let error = check_consumer(bad).unwrap_err();
            assert_eq!(error.message, format!("Invalid consumer name {bad}"));
        }
    }
}
