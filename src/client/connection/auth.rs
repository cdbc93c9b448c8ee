//! How a link identifies itself (core.md §10), by the first of these that is known:
//!
//! 1. user and password, or token, of the server's URL
//! 2. `-credentials`: a JWT and the seed to it
//! 3. `-nkey`: a seed
//! 4. `-user` and `-password`
//! 5. `-token`
//!
//! Files are read at each attempt, so that a renewed one is found. Nothing of their content, and
//! nothing of a seed, gets into an error.

use async_nats::ConnectOptions;
use tokio::task::spawn_blocking;

use super::pool::{Credentials, ServerEntry};
use super::settings::Settings;
use crate::client::error::{Code, Error, Result};

/// What a seed looks like: letters and digits of base 32, of which the first says "seed".
const SEED_LENGTH: usize = 58;

/// Whether there is anything to identify with.
pub(super) fn is_known(server: &ServerEntry, settings: &Settings) -> bool {
    settings.credentials(server).is_some()
        || !settings.creds.is_empty()
        || !settings.nkey.is_empty()
}

/// Adds the credentials to be used with a server.
///
/// # Errors
/// `Authorization`, when a file cannot be read or does not hold what it should.
pub(super) async fn identify(
    options: ConnectOptions,
    server: &ServerEntry,
    settings: &Settings,
) -> Result<ConnectOptions> {
    if server.credentials.is_none() && !settings.creds.is_empty() {
        let (text, origin) = content(&settings.creds, |text| text.contains("-----BEGIN")).await?;
        return options
            .credentials(&text)
            .map_err(|error| unusable(&origin, error));
    }
    if server.credentials.is_none() && !settings.nkey.is_empty() {
        let (text, origin) = content(&settings.nkey, is_seed).await?;
        let seed = text.lines().map(str::trim).find(|line| is_seed(line));
        let seed = seed.ok_or_else(|| unusable(&origin, "no seed in it"))?;
        return Ok(options.nkey(seed.to_owned()));
    }
    Ok(match settings.credentials(server) {
        None => options,
        Some(Credentials::User { user, password }) => options.user_and_password(user, password),
        Some(Credentials::Token(token)) => options.token(token),
    })
}

/// A value as it is, or else what the file of that name holds; and how to call it in messages.
async fn content(value: &str, is_content: fn(&str) -> bool) -> Result<(String, String)> {
    if is_content(value) {
        return Ok((value.to_owned(), GIVEN.to_owned()));
    }
    let origin = if is_name(value) { value } else { GIVEN };
    let path = value.to_owned();
    let read = spawn_blocking(move || std::fs::read_to_string(path)).await;
    match read {
        Ok(Ok(text)) => Ok((text, origin.to_owned())),
        Ok(Err(error)) => Err(unusable(origin, error)),
        Err(panic) => Err(unusable(origin, panic)),
    }
}

/// What a value is called that must not be told.
const GIVEN: &str = "the given value";

/// Whether a value can only be the name of a file: not a mistyped seed, not a part of a credentials
/// file, not a JWT.
fn is_name(value: &str) -> bool {
    let is_base32 = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit();
    !value.bytes().all(is_base32)
        && !value.starts_with("eyJ")
        && !value.contains(char::is_control)
        && value.len() < 256
}

fn is_seed(text: &str) -> bool {
    text.len() == SEED_LENGTH
        && text.starts_with('S')
        && text
            .bytes()
            .all(|b| b.is_ascii_uppercase() || (b'2'..=b'7').contains(&b))
}

fn unusable(origin: &str, reason: impl std::fmt::Display) -> Error {
    Error::new(
        Code::Authorization,
        format!("Cannot use the credentials of {origin}: {reason}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::connection::pool::parse_url;

    const SEED: &str = "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY";

    #[test]
    fn seeds() {
        assert!(is_seed(SEED));
        for other in ["", "/etc/user.nk", &SEED[1..], &SEED.to_lowercase()] {
            assert!(!is_seed(other), "{other}");
        }
    }

    #[test]
    fn names_are_told_and_secrets_are_not() {
        for name in ["/etc/user.nk", "user.creds", "C:\\keys\\user", "seed"] {
            assert!(is_name(name), "{name}");
        }
        for secret in [SEED, &SEED[1..], "SUA8", "eyJ0eXAi.eyJq.x", "a\nb"] {
            assert!(!is_name(secret), "{secret}");
        }
    }

    #[test]
    fn anything_counts_as_known() {
        let server = parse_url("host").unwrap();
        let mut settings = Settings::default();
        assert!(!is_known(&server, &settings));
        settings.nkey = SEED.to_owned();
        assert!(is_known(&server, &settings));
        settings = Settings::default();
        settings.creds = "/nonexistent".to_owned();
        assert!(is_known(&server, &settings));
        let with_token = parse_url("token@host").unwrap();
        assert!(is_known(&with_token, &Settings::default()));
    }
}
