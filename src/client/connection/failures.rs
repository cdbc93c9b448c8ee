//! What went wrong, in the words of this package: `-ERR` texts of servers, failed attempts, links that
//! broke.

use std::error::Error as _;
use std::io;

use async_nats::rustls;
use async_nats::{ConnectError, ConnectErrorKind, ServerError};

use super::trace::Cause;
use crate::client::error::{Code, Error};

/// An error a server reported, and whether it ends the connection.
pub(super) struct Report {
    pub(super) error: Error,
    pub(super) terminates: bool,
}

/// The code of an `-ERR` text, by its beginning.
const TEXTS: [(&str, Code); 6] = [
    ("stale connection", Code::StaleConnection),
    ("authorization violation", Code::Authorization),
    ("user authentication expired", Code::AuthExpired),
    ("user authentication revoked", Code::AuthRevoked),
    ("account authentication expired", Code::AccountAuthExpired),
    ("permissions violation", Code::Permissions),
];

/// Classifies the text of an `-ERR`.
pub(super) fn classify(text: &str) -> Report {
    let text = text
        .trim_matches(|c: char| c.is_whitespace() || c == '\'')
        .to_lowercase();
    let known = TEXTS.iter().find(|(start, _)| text.starts_with(start));
    let code = match known {
        Some((_, code)) => code.clone(),
        None if is_invalid_subject(&text) => Code::BadSubject,
        None => Code::Server,
    };
    let terminates = !matches!(code, Code::Permissions | Code::BadSubject);
    Report {
        error: Error::new(code, text),
        terminates,
    }
}

/// Whether the text matches `invalid *subject*`.
fn is_invalid_subject(text: &str) -> bool {
    text.strip_prefix("invalid ")
        .is_some_and(|rest| rest.contains("subject"))
}

/// The text of an `-ERR`, as far as async-nats kept it.
pub(super) fn server_text(error: &ServerError) -> String {
    match error {
        ServerError::AuthorizationViolation => "authorization violation".to_owned(),
        ServerError::Other(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The owner wanted another link.
pub(super) fn renewed(address: &str) -> Error {
    Error::new(
        Code::BrokenSocket,
        format!("The connection to {address} was dropped by reconnect"),
    )
}

/// The server hung up, or the network did.
pub(super) fn closed_by(address: &str) -> Error {
    Error::new(
        Code::BrokenSocket,
        format!("Server {address} closed the connection"),
    )
}

/// What ended a link.
pub(super) struct LinkEnd {
    pub(super) error: Error,
    /// A message with headers that cannot be read: the server is all right.
    pub(super) unreadable: bool,
}

impl From<Error> for LinkEnd {
    fn from(error: Error) -> LinkEnd {
        LinkEnd {
            error,
            unreadable: false,
        }
    }
}

/// A link broke, for a reason that may be known.
pub(super) fn broken(address: &str, cause: Option<&Cause>) -> LinkEnd {
    match cause {
        None | Some(Cause::Closed) => closed_by(address).into(),
        Some(Cause::Other(reason)) => broken_socket(address, reason).into(),
        Some(Cause::UnreadableHeaders(reason)) => LinkEnd {
            error: broken_socket(
                address,
                format_args!("a message has headers that cannot be read: {reason}"),
            ),
            unreadable: true,
        },
    }
}

/// The task of a link has panicked, whatever the server sent.
pub(super) fn given_up(address: &str) -> LinkEnd {
    broken_socket(address, "what the server sent cannot be read").into()
}

fn broken_socket(address: &str, reason: impl std::fmt::Display) -> Error {
    Error::new(
        Code::BrokenSocket,
        format!("Connection to {address} broken - {reason}"),
    )
}

/// async-nats has panicked in a handshake, whatever the server sent.
pub(super) fn nonsense(address: &str) -> Error {
    Error::new(
        Code::Protocol,
        format!("Invalid protocol: what the server at {address} sent cannot be read"),
    )
}

/// No answer within the time limit of an attempt.
pub(super) fn timed_out(address: &str) -> Error {
    Error::new(
        Code::ConnectionTimeout,
        format!("Connection timeout for {address}"),
    )
}

/// There is no way to that address.
pub(super) fn unreachable(address: &str, reason: impl std::fmt::Display) -> Error {
    Error::new(
        Code::ConnectionRefused,
        format!("Failed to connect to {address}: {reason}"),
    )
}

/// TLS could not be set up.
pub(super) fn tls_failed(address: &str, reason: impl std::fmt::Display) -> Error {
    Error::new(
        Code::Tls,
        format!("TLS handshake with server {address} failed: {reason}"),
    )
}

/// TLS was asked for, and there is none.
pub(super) fn not_secure(address: &str) -> Error {
    Error::new(
        Code::SecureConnWanted,
        format!("Server {address} does not provide TLS"),
    )
}

/// Translates the failure of an attempt.
///
/// async-nats sends whatever credentials it has and cannot tell that the server wants some; so a
/// refusal without credentials means "no credentials known".
pub(super) fn of_attempt(error: &ConnectError, address: &str, identity: Option<&str>) -> Error {
    let source = error.source();
    match error.kind() {
        ConnectErrorKind::TimedOut => timed_out(address),
        ConnectErrorKind::AuthorizationViolation => Error::new(
            Code::Authorization,
            match identity {
                None => format!("No credentials known for NATS server at {address}"),
                Some(who) => format!("authorization violation: server {address} refuses {who}"),
            },
        ),
        ConnectErrorKind::Authentication => Error::new(
            Code::Authorization,
            match source {
                None => format!(
                    "Cannot answer the challenge of {address} with the given NKey or credentials"
                ),
                Some(reason) => format!("Cannot answer the challenge of {address}: {reason}"),
            },
        ),
        ConnectErrorKind::Tls => tls_failed(address, plain_reason(error)),
        ConnectErrorKind::Io => match source {
            Some(source) => of_io(source, address),
            None => closed_by(address),
        },
        _ => unreachable(address, plain_reason(error)),
    }
}

/// The innermost text, without async-nats's own prefix.
fn plain_reason(error: &ConnectError) -> String {
    error
        .source()
        .map_or_else(|| error.to_string(), |source| source.to_string())
}

fn of_io(source: &(dyn std::error::Error + 'static), address: &str) -> Error {
    if let Some(error) = source.downcast_ref::<ServerError>() {
        return classify(&server_text(error)).error;
    }
    let Some(error) = in_chain::<io::Error>(source) else {
        return of_text(source, address);
    };
    if let Some(error) = inner_tls_error(error) {
        return of_tls(error, address);
    }
    match error.kind() {
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::UnexpectedEof => closed_by(address),
        // async-nats reports everything it cannot parse this way.
        io::ErrorKind::InvalidInput if error.raw_os_error().is_none() => {
            Error::new(Code::Protocol, invalid_protocol(&error.to_string()))
        }
        _ => unreachable(address, error),
    }
}

/// The first error of a type, from the outside in: a WebSocket wraps those of its socket.
fn in_chain<'a, E: std::error::Error + 'static>(
    error: &'a (dyn std::error::Error + 'static),
) -> Option<&'a E> {
    let mut error = Some(error);
    while let Some(outer) = error {
        if let Some(found) = outer.downcast_ref::<E>() {
            return Some(found);
        }
        error = outer.source();
    }
    None
}

fn inner_tls_error(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref::<rustls::Error>()
}

fn of_tls(error: &rustls::Error, address: &str) -> Error {
    match error {
        // Not TLS at all: the server went on in plain text.
        rustls::Error::InvalidMessage(_) => not_secure(address),
        // From our own verifier: TLS options that cannot be used.
        rustls::Error::General(reason) => tls_failed(address, reason),
        rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented => {
            tls_failed(address, format_args!("certificate verify failed: {error}"))
        }
        _ => tls_failed(address, error),
    }
}

/// Failures async-nats describes with a text only.
fn of_text(source: &(dyn std::error::Error + 'static), address: &str) -> Error {
    let text = source.to_string();
    match text.strip_prefix("expected INFO, got ") {
        Some("nothing") => closed_by(address),
        Some(operation) => Error::new(Code::Protocol, format!("Invalid protocol {operation}")),
        None if text == "broken pipe" => closed_by(address),
        // A server that is there but does not speak WebSocket.
        None => broken_socket(address, text),
    }
}

fn invalid_protocol(text: &str) -> String {
    let line = text
        .strip_prefix("invalid server operation: '")
        .and_then(|rest| rest.strip_suffix('\''))
        .unwrap_or(text);
    format!("Invalid protocol {}", line.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn io_failure(error: impl Into<io::Error>) -> Error {
        of_attempt(&ConnectError::from(error.into()), "h:1", None)
    }

    #[test]
    fn err_texts() {
        for (text, code, terminates) in [
            ("'Stale Connection'", Code::StaleConnection, true),
            ("Authorization Violation", Code::Authorization, true),
            ("User Authentication Expired", Code::AuthExpired, true),
            ("User Authentication Revoked", Code::AuthRevoked, true),
            (
                "Account Authentication Expired",
                Code::AccountAuthExpired,
                true,
            ),
            (
                "Permissions Violation for Publish to \"a.B\"",
                Code::Permissions,
                false,
            ),
            ("Invalid Subject", Code::BadSubject, false),
            ("Invalid Publish Subject", Code::BadSubject, false),
            ("Invalid Client Protocol", Code::Server, true),
            ("maximum connections exceeded", Code::Server, true),
            ("", Code::Server, true),
        ] {
            let report = classify(text);
            assert_eq!(report.error.code, code, "{text}");
            assert_eq!(report.terminates, terminates, "{text}");
            assert_eq!(report.error.message, text.trim_matches('\'').to_lowercase());
        }
    }

    #[test]
    fn attempts() {
        let refused = io_failure(io::ErrorKind::ConnectionRefused);
        assert_eq!(refused.code, Code::ConnectionRefused);
        assert!(refused.message.starts_with("Failed to connect to h:1: "));
        let reset = io_failure(io::ErrorKind::ConnectionReset);
        assert_eq!(reset.code, Code::BrokenSocket);
        assert_eq!(reset.message, "Server h:1 closed the connection");
        let timeout = of_attempt(&ConnectError::new(ConnectErrorKind::TimedOut), "h:1", None);
        assert_eq!(timeout.code, Code::ConnectionTimeout);
        assert_eq!(timeout.message, "Connection timeout for h:1");
    }

    #[test]
    fn handshakes() {
        let nothing = ConnectError::with_source(ConnectErrorKind::Io, "expected INFO, got nothing");
        assert_eq!(of_attempt(&nothing, "h:1", None).code, Code::BrokenSocket);
        let garbage = io_failure(io::Error::new(
            io::ErrorKind::InvalidInput,
            "invalid server operation: 'HTTP/1.1 400 Bad Request\r\n'",
        ));
        assert_eq!(garbage.code, Code::Protocol);
        assert_eq!(garbage.message, "Invalid protocol HTTP/1.1 400 Bad Request");
        let text = ServerError::Other("maximum connections exceeded".into());
        let full = ConnectError::with_source(ConnectErrorKind::Io, text);
        assert_eq!(of_attempt(&full, "h:1", None).code, Code::Server);
    }

    #[test]
    fn credentials() {
        let refused = ConnectError::with_source(
            ConnectErrorKind::AuthorizationViolation,
            ServerError::AuthorizationViolation,
        );
        let error = of_attempt(&refused, "h:1", None);
        assert_eq!(error.code, Code::Authorization);
        assert_eq!(error.message, "No credentials known for NATS server at h:1");
        let error = of_attempt(&refused, "h:1", Some("user bob"));
        let told = "authorization violation: server h:1 refuses user bob";
        assert_eq!(error.message, told);
    }

    #[test]
    fn tls() {
        use rustls::{CertificateError, InvalidMessage};
        let plain = rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType);
        let error = io_failure(io::Error::new(io::ErrorKind::InvalidData, plain));
        assert_eq!(error.code, Code::SecureConnWanted);
        assert_eq!(error.message, "Server h:1 does not provide TLS");
        let unknown = rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer);
        let error = io_failure(io::Error::new(io::ErrorKind::InvalidData, unknown));
        assert_eq!(error.code, Code::Tls);
        assert!(error.message.contains("certificate verify failed"));
    }
}
