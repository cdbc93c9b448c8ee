//! How a link identifies itself, by the first of these that is known:
//!
//! 1. user and password, or token, of the server's URL, or of that of the server that told of it
//! 2. what the owner answers when it is asked ([`identity`](super::identity))
//! 3. `-credentials`: a JWT and the seed to it
//! 4. `-nkey`: a seed
//! 5. `-user` and `-password`
//! 6. `-token`
//!
//! Files are read at each attempt, so that a renewed one is found. Nothing of their content, and
//! nothing of a seed, gets into an error.

use async_nats::ConnectOptions;
use tokio::task::spawn_blocking;

use super::identity::{self, AskIdentity, Identity};
use super::server::{Credentials, ServerEntry};
use super::settings::Settings;
use crate::client::error::{Code, Error, Result};

/// What a seed looks like: letters and digits of base 32, of which the first says "seed".
const SEED_LENGTH: usize = 58;

/// Who this client says it is, for messages; none if there is nothing to identify with.
pub(super) fn identity(server: &ServerEntry, settings: &Settings) -> Option<String> {
    if asks(server, settings).is_some() {
        return Some("what -auth_callback has answered".to_owned());
    }
    match source(server, settings)? {
        Source::Credentials => Some("the user of the given credentials".to_owned()),
        Source::NKey => Some("the given NKey".to_owned()),
        Source::Plain(Credentials::User { user, .. }) => Some(format!("user {user}")),
        Source::Plain(Credentials::Token(_)) => Some("the given token".to_owned()),
    }
}

/// What there is to identify with.
enum Source {
    Credentials,
    NKey,
    Plain(Credentials),
}

fn source(server: &ServerEntry, settings: &Settings) -> Option<Source> {
    if server.known_credentials().is_none() {
        if !settings.creds.is_empty() {
            return Some(Source::Credentials);
        }
        if !settings.nkey.is_empty() {
            return Some(Source::NKey);
        }
    }
    settings.credentials(server).map(Source::Plain)
}

/// Who is asked, if that comes first.
fn asks(server: &ServerEntry, settings: &Settings) -> Option<AskIdentity> {
    let ask = settings.ask_identity.clone();
    ask.filter(|_| server.known_credentials().is_none())
}

/// The beginning of the options of a handshake: the owner is asked in it, if it wants to be.
pub(super) fn options(server: &ServerEntry, settings: &Settings) -> ConnectOptions {
    let Some(ask) = asks(server, settings) else {
        return ConnectOptions::new();
    };
    let (entry, settings) = (server.clone(), settings.clone());
    identity::options(ask, server.clone(), move || {
        let source = source(&entry, &settings);
        let settings = settings.clone();
        async move {
            let identity = known(source, &settings).await;
            identity.map_err(|error| error.message)
        }
    })
}

/// What the options say, for a handshake in which the owner was asked and has said nothing.
async fn known(source: Option<Source>, settings: &Settings) -> Result<Identity> {
    let mut identity = Identity::default();
    match source {
        None => {}
        Some(Source::Credentials) => {
            let (text, origin) = content(&settings.creds, is_credentials).await?;
            let line = |wanted: fn(&str) -> bool| {
                let found = text.lines().map(str::trim).find(|line| wanted(line));
                found.map(str::to_owned)
            };
            identity.jwt = line(|line| line.starts_with("eyJ"));
            identity.seed = line(is_seed);
            if identity.jwt.is_none() || identity.seed.is_none() {
                return Err(unusable(&origin, "no JWT with its seed in it"));
            }
        }
        Some(Source::NKey) => identity.seed = Some(seed(settings).await?),
        Some(Source::Plain(Credentials::User { user, password })) => {
            identity.user = Some(user);
            identity.password = Some(password);
        }
        Some(Source::Plain(Credentials::Token(token))) => identity.token = Some(token),
    }
    Ok(identity)
}

/// The seed of `-nkey`.
async fn seed(settings: &Settings) -> Result<String> {
    let (text, origin) = content(&settings.nkey, is_seed).await?;
    let seed = text.lines().map(str::trim).find(|line| is_seed(line));
    seed.map(str::to_owned)
        .ok_or_else(|| unusable(&origin, "no seed in it"))
}

fn is_credentials(text: &str) -> bool {
    text.contains("-----BEGIN")
}

/// Adds the credentials to be used with a server, unless the owner is asked.
///
/// # Errors
/// `Authorization`, when a file cannot be read or does not hold what it should.
pub(super) async fn identify(
    options: ConnectOptions,
    server: &ServerEntry,
    settings: &Settings,
) -> Result<ConnectOptions> {
    if asks(server, settings).is_some() {
        return Ok(options);
    }
    Ok(match source(server, settings) {
        None => options,
        Some(Source::Credentials) => {
            let (text, origin) = content(&settings.creds, is_credentials).await?;
            options
                .credentials(&text)
                .map_err(|error| unusable(&origin, error))?
        }
        Some(Source::NKey) => options.nkey(seed(settings).await?),
        Some(Source::Plain(Credentials::User { user, password })) => {
            options.user_and_password(user, password)
        }
        Some(Source::Plain(Credentials::Token(token))) => options.token(token),
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
    use crate::client::connection::url::parse_url;

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
    fn identities() {
        let server = parse_url("host").unwrap();
        let mut settings = Settings::default();
        assert_eq!(identity(&server, &settings), None);
        settings.nkey = SEED.to_owned();
        settings.user = "ann".to_owned();
        settings.password = "pw".to_owned();
        let known = identity(&server, &settings);
        assert_eq!(known.as_deref(), Some("the given NKey"));
        settings.nkey = String::new();
        let known = identity(&server, &settings);
        assert_eq!(known.as_deref(), Some("user ann"));
        settings.creds = "/nonexistent".to_owned();
        assert!(identity(&server, &settings).is_some_and(|who| who.contains("credentials")));
        let with_token = parse_url("token@host").unwrap();
        let known = identity(&with_token, &settings);
        assert_eq!(known.as_deref(), Some("the given token"));
    }
}
