//! What services, versions and groups may be called.

use crate::client::error::{Code, Error, Result};
use crate::client::subject;

/// Checks the name of a service.
///
/// # Errors
/// `InvalidArg` "Invalid service name …"
pub fn check_service(name: &str) -> Result<()> {
    check(is_name(name), "service name", name)
}

/// Checks the name of an endpoint.
///
/// # Errors
/// `InvalidArg` "Invalid endpoint name …"
pub fn check_endpoint(name: &str) -> Result<()> {
    check(is_name(name), "endpoint name", name)
}

/// Checks the id of a service.
///
/// # Errors
/// `InvalidArg` "Invalid service id …"
pub fn check_id(id: &str) -> Result<()> {
    let valid = subject::check_queue(id, true).is_ok();
    check(valid, "service id", id)
}

/// Checks a version: a semantic one.
///
/// # Errors
/// `InvalidArg` "Invalid version …"
pub fn check_version(version: &str) -> Result<()> {
    check(is_semantic(version), "version", version)
}

/// Checks what the subjects of a group begin with: a subject without `>`, or nothing.
///
/// # Errors
/// `BadSubject` "Invalid subject …"
pub fn check_prefix(prefix: &str, strict: bool) -> Result<()> {
    if prefix.split('.').any(|token| token == ">") {
        let message = format!("Invalid subject {prefix}");
        return Err(Error::new(Code::BadSubject, message));
    }
    match prefix.is_empty() {
        true => Ok(()),
        false => subject::check_subscribe(prefix, strict),
    }
}

/// A subject behind a prefix, which may be empty.
pub fn join(prefix: &str, subject: &str) -> String {
    match (prefix, subject) {
        ("", subject) => subject.to_owned(),
        (prefix, "") => prefix.to_owned(),
        (prefix, subject) => [prefix, ".", subject].concat(),
    }
}

fn check(is_valid: bool, what: &str, text: &str) -> Result<()> {
    match is_valid {
        true => Ok(()),
        false => Err(Error::invalid_arg(format!("Invalid {what} {text}"))),
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| is_word(b) || b == b'_')
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-'
}

/// The expression that semver.org suggests.
fn is_semantic(version: &str) -> bool {
    let (rest, build) = split(version, '+');
    let (core, pre_release) = split(rest, '-');
    let core: Vec<&str> = core.split('.').collect();
    core.len() == 3
        && core.into_iter().all(is_number)
        && pre_release.is_none_or(|text| text.split('.').all(is_pre_release))
        && build.is_none_or(|text| text.split('.').all(is_identifier))
}

fn split(text: &str, at: char) -> (&str, Option<&str>) {
    match text.split_once(at) {
        Some((before, after)) => (before, Some(after)),
        None => (text, None),
    }
}

fn is_number(text: &str) -> bool {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    digits && (text == "0" || !text.starts_with('0'))
}

fn is_pre_release(text: &str) -> bool {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    is_identifier(text) && (!digits || is_number(text))
}

fn is_identifier(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(is_word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions() {
        for good in [
            "0.0.4",
            "1.2.3",
            "10.20.30",
            "1.1.2-prerelease+meta",
            "1.1.2+meta-valid",
            "1.0.0-alpha.0valid",
            "1.0.0-alpha-a.b-c-somethinglong+build.1-aef.1-its-okay",
            "2.0.0-rc.1+build.123",
            "1.2.3----RC-SNAPSHOT.12.9.1--.12+788",
            "99999999999999999999999.999999999999999999.99999999999999999",
            "1.0.0-0A.is.legal",
            "1.0.0+0.build.1-rc.10000aaa-kk-0.1",
        ] {
            assert!(is_semantic(good), "{good}");
        }
        for bad in [
            "",
            "1",
            "1.2",
            "1.2.3-0123",
            "1.2.3-0123.0123",
            "1.1.2+.123",
            "+invalid",
            "-invalid",
            "alpha",
            "1.0.0-alpha_beta",
            "1.0.0-alpha..",
            "1.0.0-alpha..1",
            "01.1.1",
            "1.01.1",
            "1.1.01",
            "1.2.3.DEV",
            "1.2-SNAPSHOT",
            "1.2.31.2.3----RC-SNAPSHOT.12.09.1--..12+788",
            "1.2-RC-SNAPSHOT",
            "-1.0.3-gamma+b7718",
            "9.8.7+meta+meta",
            "9.8.7-whatever+meta+meta",
            "1.0.0-",
            "1.0.0+",
            "1.0.0\n",
            " 1.0.0",
            "v1.0.0",
            "1.0.0-ä",
        ] {
            assert!(!is_semantic(bad), "{bad}");
        }
    }

    #[test]
    fn names() {
        assert!(check_service("Calc_1-a").is_ok());
        for bad in ["", "a b", "a.b", "ä", "a*", ">"] {
            let message = check_endpoint(bad).unwrap_err().message;
            assert_eq!(message, format!("Invalid endpoint name {bad}"));
        }
        for good in ["", "a", "a.*.b"] {
            assert!(check_prefix(good, true).is_ok(), "{good}");
        }
        for bad in [">", "a.>", "a.>.b", "a.", "a b"] {
            assert!(check_prefix(bad, true).is_err(), "{bad}");
        }
        assert!(check_prefix(">", false).is_err());
        assert_eq!(join("a.b", "c"), "a.b.c");
        assert_eq!([join("", "c"), join("a", "")], ["c", "a"]);
    }

    #[test]
    fn fuzz_names() {
        let samples = ["1.2.3-rc.1+b", "calc", "a.*.b", "0.0.0"];
        fuzz::texts(&samples, |text| {
            let _ = (is_semantic(text), is_name(text), check_prefix(text, true));
        });
    }
}
