//! URLs of servers: `[nats://|tls://|ws://|wss://][user[:password]@]host[:port][/path]`.

use super::server::{Credentials, ServerEntry};
use crate::client::error::{Error, Result};

/// Schemes and their default ports; that of a URL without scheme comes first.
const SCHEMES: [(&str, u32); 4] = [("nats", 4222), ("tls", 4222), ("ws", 80), ("wss", 443)];

/// Why a text is no URL, if there is more to say than that.
type Hint = &'static str;

const UNKNOWN_SCHEME: Hint = ": the scheme must be one of nats, tls, ws, wss";
const COMMAS: Hint = ": several servers are a Tcl list, without commas";

/// Parses a URL. A user without password is a token; `%XX` in credentials is decoded; a path is for
/// WebSocket only.
///
/// # Errors
/// `InvalidArg` "Invalid URL …", without credentials
pub fn parse_url(url: &str) -> Result<ServerEntry> {
    parse(url)
        .map_err(|hint| Error::invalid_arg(format!("Invalid URL {}{hint}", without_secrets(url))))
}

fn parse(url: &str) -> std::result::Result<ServerEntry, Hint> {
    let (name, rest) = url.split_once("://").unwrap_or((SCHEMES[0].0, url));
    // In the first of several URLs the credentials of all would look like its own.
    if SCHEMES
        .iter()
        .any(|(scheme, _)| rest.contains(&format!(",{scheme}://")))
    {
        return Err(COMMAS);
    }
    let known = SCHEMES.iter().find(|(scheme, _)| *scheme == name);
    let (scheme, default_port) = *known.ok_or(UNKNOWN_SCHEME)?;
    let parts = Parts::read(scheme, rest);
    let parts = parts.ok_or(if url.contains(',') { COMMAS } else { "" })?;
    let port = parts.port.unwrap_or(default_port);
    let mut server = ServerEntry::new(scheme, parts.host.to_owned(), port);
    server.credentials = parts.credentials;
    server.path = parts.path.to_owned();
    Ok(server)
}

/// What comes behind the scheme.
struct Parts<'a> {
    credentials: Option<Credentials>,
    host: &'a str,
    port: Option<u32>,
    /// With its slash, or empty.
    path: &'a str,
}

impl<'a> Parts<'a> {
    /// An `@` in the path of a WebSocket is no end of credentials; elsewhere they may have a `/`.
    fn read(scheme: &str, rest: &'a str) -> Option<Parts<'a>> {
        let has_path = matches!(scheme, "ws" | "wss");
        let slash = rest.find('/').filter(|_| has_path);
        let by_slash = slash.and_then(|slash| Self::split(&rest[..slash], &rest[slash..]));
        if by_slash.is_some() {
            return by_slash;
        }
        let address = rest.rfind('@').map_or(0, |at| at + 1);
        let end = rest[address..]
            .find('/')
            .map_or(rest.len(), |n| address + n);
        let (authority, path) = rest.split_at(end);
        Self::split(authority, path).filter(|parts| has_path || parts.path.is_empty())
    }

    fn split(authority: &'a str, path: &'a str) -> Option<Parts<'a>> {
        let (credentials, address) = match authority.rsplit_once('@') {
            None => (None, authority),
            Some((credentials, address)) => (Some(parse_credentials(credentials)?), address),
        };
        let (host, port) = parse_address(address)?;
        Some(Parts {
            credentials,
            host,
            port,
            path: Some(path).filter(|path| *path != "/").unwrap_or_default(),
        })
        .filter(|parts| parts.path.bytes().all(|b| b.is_ascii_graphic()))
    }
}

fn parse_credentials(text: &str) -> Option<Credentials> {
    let (user, password) = text.split_once(':').unwrap_or((text, ""));
    if user.is_empty() {
        return None;
    }
    Some(if password.is_empty() {
        Credentials::Token(decoded(user))
    } else {
        Credentials::User {
            user: decoded(user),
            password: decoded(password),
        }
    })
}

/// Decodes `%XX`. What is not such a code, or makes no text, stays as it is.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let code = tail.get(..2).filter(|_| *first == b'%');
        let code = code.and_then(|code| Some(hex(code[0])? << 4 | hex(code[1])?));
        bytes.push(code.unwrap_or(*first));
        rest = &tail[if code.is_some() { 2 } else { 0 }..];
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}

fn hex(digit: u8) -> Option<u8> {
    (digit as char)
        .to_digit(16)
        .and_then(|n| u8::try_from(n).ok())
}

fn parse_address(address: &str) -> Option<(&str, Option<u32>)> {
    let (host, port) = split_port(address);
    let port = match port {
        None => None,
        Some(port) => Some(parse_port(port)?),
    };
    is_host(host).then_some((host, port))
}

/// The host, and what comes behind its colon.
fn split_port(address: &str) -> (&str, Option<&str>) {
    // The colons of an IPv6 address are inside its brackets.
    let host_end = address.rfind(']').map_or(0, |bracket| bracket + 1);
    match address[host_end..].find(':') {
        None => (address, None),
        Some(colon) => {
            let (host, port) = address.split_at(host_end + colon);
            (host, Some(&port[1..]))
        }
    }
}

fn parse_port(digits: &str) -> Option<u32> {
    // `parse` alone would accept a sign.
    let all_digits = digits.bytes().all(|b| b.is_ascii_digit());
    all_digits.then(|| digits.parse().ok()).flatten()
}

fn is_host(host: &str) -> bool {
    match host.strip_prefix('[').and_then(|h| h.strip_suffix(']')) {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            !host.is_empty()
                && host
                    .chars()
                    .all(|c| c.is_alphanumeric() || matches!(c, '-' | '.' | '_'))
        }
    }
}

/// The longest text that is shown in the place of a port.
const LONGEST_PORT: usize = 5;

/// A text that should have been a URL, for messages. Whatever may be a password is left out: all
/// before an `@`, and all behind a colon but a short word that begins like a number, and ends the text.
pub fn without_secrets(url: &str) -> String {
    let is_scheme = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric());
    let (scheme, rest) = match url.split_once("://") {
        Some((scheme, rest)) if is_scheme(scheme) => (format!("{scheme}://"), rest),
        _ => (String::new(), url),
    };
    let (mark, address) = match rest.rsplit_once('@') {
        None => ("", rest),
        Some((_, address)) => ("***@", address),
    };
    let (host, port) = split_port(address);
    let is_number = |port: &str| {
        port.len() <= LONGEST_PORT
            && port.starts_with(|c: char| c.is_ascii_digit())
            && port.bytes().all(|b| b.is_ascii_alphanumeric())
    };
    match port {
        Some(port)
            if !port.is_empty()
                && !is_number(port)
                && address.parse::<std::net::Ipv6Addr>().is_err() =>
        {
            format!("{scheme}{mark}{host}:***")
        }
        _ => format!("{scheme}{mark}{address}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls() {
        let full = parse_url("tls://bob:s3:cr@t@n1.example:4333").unwrap();
        assert_eq!((full.scheme, full.port), ("tls", 4333));
        assert_eq!(full.address(), "n1.example:4333");
        assert!(
            full.credentials
                == Some(Credentials::User {
                    user: "bob".into(),
                    password: "s3:cr@t".into()
                })
        );
        let token = parse_url("t0ken%20@host").unwrap();
        assert!(token.credentials == Some(Credentials::Token("t0ken ".into())));
        assert_eq!((token.scheme, token.port), ("nats", 4222));
        assert_eq!(
            parse_url("nats://[::1]:4223").unwrap().address(),
            "[::1]:4223"
        );
        assert_eq!(parse_url("[::1]").unwrap().port, 4222);
        assert_eq!(parse_url("my_host:99999").unwrap().port, 99999);
        assert_eq!(parse_url("ws://host").unwrap().port, 80);
        assert_eq!(parse_url("wss://host").unwrap().address(), "host:443");
    }

    #[test]
    fn credentials_are_decoded() {
        for (url, user, password) in [
            ("b%6fb:p%40ss%3a%2F@host", "bob", "p@ss:/"),
            ("bob:100%@host", "bob", "100%"),
            ("bob:%zz%4@host", "bob", "%zz%4"),
            ("bob:%c3%a4%41@host", "bob", "äA"),
            // No text.
            ("bob:%ff@host", "bob", "%ff"),
            ("bob:a/b@host/", "bob", "a/b"),
            ("ws://bob:a/b@host", "bob", "a/b"),
            ("ws://bob:pw@host/p@th", "bob", "pw"),
        ] {
            let server = parse_url(url).unwrap();
            let (user, password) = (user.to_owned(), password.to_owned());
            let expected = Some(Credentials::User { user, password });
            assert!(server.credentials == expected, "{url}");
            assert_eq!(server.host, "host", "{url}");
        }
    }

    #[test]
    fn paths() {
        for (url, path) in [
            ("ws://host/path", "/path"),
            ("wss://host:4433/a/b?c=d@e", "/a/b?c=d@e"),
            ("ws://host/", ""),
            ("nats://host:4222/", ""),
            ("host/", ""),
            ("[::1]/", ""),
        ] {
            let server = parse_url(url).unwrap();
            assert_eq!(server.path, path, "{url}");
            assert!(!server.address().contains('/'));
        }
        for bad in ["nats://host/x", "host//", "ws://host/a b", "ws:///x", "/"] {
            assert!(parse_url(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn invalid_urls() {
        for bad in [
            "",
            "nats://",
            "host/x",
            "host:2a20",
            "host:",
            "host:+1",
            ":4222",
            "@host",
            ":pw@host",
            "a b",
            "::1",
            "[::1",
            "[zz]",
            "[::1]x",
            "host:1:2",
            "user@",
            "host:99999999999",
        ] {
            let error = parse_url(bad).err().map(|e| e.message);
            let told = format!("Invalid URL {}", without_secrets(bad));
            assert_eq!(error, Some(told), "{bad}");
        }
    }

    #[test]
    fn messages_have_no_credentials() {
        for (url, message) in [
            (
                "http://one",
                "http://one: the scheme must be one of nats, tls, ws, wss",
            ),
            (
                "http://bob:s3cret@one",
                "http://***@one: the scheme must be one of nats, tls, ws, wss",
            ),
            ("bob:s3:cr@t@one/x", "***@one/x"),
            ("nats://bob:PW/host", "nats://bob:***"),
            ("nats://bob:P/W/host", "nats://bob:***"),
            ("bob:1234/host", "bob:***"),
            ("bob:PW", "bob:***"),
            ("bob:PW host", "bob:***"),
            ("bob:12345678901", "bob:***"),
            ("user@bob:PW", "***@bob:***"),
            ("nats:bob:PW@host/x", "***@host/x"),
            ("nats:/bob:PW/host", "nats:***"),
            (
                "bob:PW://host",
                "bob:***: the scheme must be one of nats, tls, ws, wss",
            ),
            ("host:2a20", "host:2a20"),
            ("host/x", "host/x"),
            ("::1", "::1"),
            (
                "a:1,b:2",
                "a:***: several servers are a Tcl list, without commas",
            ),
            (
                "nats://u:p@a,nats://u:p@b",
                "nats://***@b: several servers are a Tcl list, without commas",
            ),
        ] {
            let error = parse_url(url).err().expect(url);
            assert_eq!(error.message, format!("Invalid URL {message}"));
        }
    }

    #[test]
    fn fuzz_urls() {
        let samples = [
            "nats://localhost:4222",
            "tls://bob:s3cret@two.example:4333",
            "token@[::1]:4223",
            "wss://a_b/path",
            "b%6fb@[fe80::1]/",
        ];
        fuzz::texts(&samples, |url| {
            let Ok(entry) = parse_url(url) else {
                return;
            };
            assert!(!entry.host.is_empty(), "{url:?}");
            assert!(!entry.host.contains([' ', '\r', '\n', '@', '/']), "{url:?}");
            let again = parse_url(&format!("{}://{}", entry.scheme, entry.address()));
            let again = again.unwrap_or_else(|_| panic!("{url:?}"));
            assert_eq!((again.host, again.port), (entry.host, entry.port));
        });
    }
}
