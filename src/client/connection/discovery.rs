//! News of a server: a fresh INFO, read over a short connection of its own.
//!
//! A server tells its clients about others that join its cluster. async-nats keeps that to itself, but
//! an INFO is the first that a server says to anybody, before it asks who that is. So the supervisor
//! looks at one from time to time, and when something may have happened.

use std::time::Duration;

use async_nats::rustls::pki_types::ServerName;
use async_nats::rustls::ClientConfig;
use serde_json::{Map, Value};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{timeout, Instant};
use tokio_rustls::TlsConnector;

use super::failures;
use super::server::ServerEntry;
use super::settings::Settings;
use crate::client::error::{Code, Error, Result};

/// The fields of an INFO.
pub(super) type Fields = Map<String, Value>;

/// The longest INFO that is read.
const LONGEST_INFO: usize = 1 << 20;

/// How long a look may take.
const TIME_LIMIT: Duration = Duration::from_secs(5);

/// Reads the INFO of a server.
///
/// # Errors
/// Those of attempts to connect, but that of credentials, which are not sent.
pub(super) async fn look(
    server: &ServerEntry,
    settings: &Settings,
    config: ClientConfig,
) -> Result<Fields> {
    let address = server.address();
    let look = timeout(TIME_LIMIT, read(server, settings, config, &address));
    look.await
        .unwrap_or_else(|_| Err(failures::timed_out(&address)))
}

async fn read(
    server: &ServerEntry,
    settings: &Settings,
    config: ClientConfig,
    address: &str,
) -> Result<Fields> {
    let host = server.host.trim_matches(['[', ']']);
    let port = u16::try_from(server.port);
    let port = port.map_err(|error| failures::unreachable(address, error))?;
    let socket = TcpStream::connect((host, port)).await;
    let mut socket = socket.map_err(|error| failures::unreachable(address, error))?;
    if settings.tls_first {
        let mut socket = encrypt(socket, host, config, address).await?;
        return read_info(&mut socket, address).await;
    }
    let info = read_info(&mut socket, address).await?;
    let says = |name: &str| info.get(name).and_then(Value::as_bool) == Some(true);
    if says("tls_required") || settings.uses_tls(server) {
        if !says("tls_required") && !says("tls_available") {
            return Err(failures::not_secure(address));
        }
        // The server would log a client that goes without the handshake as an error.
        let mut socket = encrypt(socket, host, config, address).await?;
        let _ = socket.shutdown().await;
    }
    Ok(info)
}

async fn encrypt(
    socket: TcpStream,
    host: &str,
    config: ClientConfig,
    address: &str,
) -> Result<impl AsyncRead + AsyncWrite + Unpin> {
    let name = ServerName::try_from(host.to_owned());
    let name = name.map_err(|error| failures::tls_failed(address, error))?;
    let socket = TlsConnector::from(std::sync::Arc::new(config)).connect(name, socket);
    socket
        .await
        .map_err(|error| failures::tls_failed(address, error))
}

async fn read_info(socket: &mut (impl AsyncRead + Unpin), address: &str) -> Result<Fields> {
    let mut line = Vec::new();
    loop {
        let start = line.len();
        match socket.read_buf(&mut line).await {
            Ok(1..) => {}
            _ => return Err(failures::closed_by(address)),
        }
        if let Some(end) = line[start..].iter().position(|byte| *byte == b'\n') {
            return parse(&line[..start + end]).ok_or_else(|| not_info(address));
        }
        if line.len() > LONGEST_INFO {
            return Err(not_info(address));
        }
    }
}

fn parse(line: &[u8]) -> Option<Fields> {
    let (word, json) = line.split_at_checked(4)?;
    let fields = word.eq_ignore_ascii_case(b"INFO").then_some(json)?;
    serde_json::from_slice(fields).ok()
}

fn not_info(address: &str) -> Error {
    Error::new(
        Code::Protocol,
        format!("Invalid protocol: the server at {address} sent no INFO"),
    )
}

/// When to look next.
pub(super) struct Schedule {
    period: Option<Duration>,
    last: Option<Instant>,
    next: Option<Instant>,
}

/// Between two looks that something gave occasion to.
const PAUSE: Duration = Duration::from_secs(10);

/// How long a look is put off, at most: many clients have the same occasion.
const DELAY: Duration = Duration::from_secs(1);

impl Schedule {
    /// Looks once in a period; none: on occasion only.
    pub(super) fn new(period: Option<Duration>) -> Schedule {
        Schedule {
            period,
            last: None,
            next: after(period),
        }
    }

    /// A look begins.
    pub(super) fn start(&mut self) {
        self.last = Some(Instant::now());
        self.next = after(self.period);
    }

    /// Something has happened of which an INFO may tell.
    pub(super) fn hurry(&mut self) {
        let soon = Instant::now() + DELAY.mul_f64(rand::random::<f64>());
        let pause = self.period.map_or(PAUSE, |period| period.min(PAUSE));
        let earliest = self.last.map_or(soon, |last| soon.max(last + pause));
        self.next = Some(self.next.map_or(earliest, |next| next.min(earliest)));
    }

    /// When the next look is due.
    pub(super) fn next(&self) -> Option<Instant> {
        self.next
    }
}

/// The end of a period that begins now, give or take: clients of one server shall not come together.
fn after(period: Option<Duration>) -> Option<Instant> {
    let part = 0.9 + 0.2 * rand::random::<f64>();
    Instant::now().checked_add(period?.mul_f64(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        for line in ["INFO {\"a\": 1}\r", "info {}", "INFO{}"] {
            assert!(parse(line.as_bytes()).is_some(), "{line}");
        }
        for line in ["", "INF", "INFO", "INFO []", "PING", "INFO {", "-ERR 'x'\r"] {
            assert!(parse(line.as_bytes()).is_none(), "{line}");
        }
    }

    #[test]
    fn fuzz_infos() {
        fuzz::texts(&["INFO {\"a\": [1, null]}", "INFO "], |line| {
            parse(line.as_bytes());
        });
    }

    #[tokio::test]
    async fn a_line_without_end_is_not_read_for_ever() {
        let endless = vec![b'x'; 2 * LONGEST_INFO];
        let error = read_info(&mut endless.as_slice(), "h:1").await.err();
        assert_eq!(error.map(|error| error.code), Some(Code::Protocol));
        let cut = read_info(&mut "INFO {".as_bytes(), "h:1").await.err();
        assert_eq!(cut.map(|error| error.code), Some(Code::BrokenSocket));
    }

    #[test]
    fn occasions_come_soon_but_not_one_after_the_other() {
        let period = Duration::from_secs(100);
        let mut schedule = Schedule::new(Some(period));
        assert!(schedule.next() >= Some(Instant::now() + period * 8 / 10));
        schedule.hurry();
        assert!(schedule.next() <= Some(Instant::now() + DELAY));
        schedule.start();
        schedule.hurry();
        schedule.hurry();
        assert!(schedule.next() > Some(Instant::now() + PAUSE / 2));
        assert!(schedule.next() <= Some(Instant::now() + PAUSE + DELAY));
        let mut on_occasion = Schedule::new(None);
        assert_eq!(on_occasion.next(), None);
        on_occasion.hurry();
        assert!(on_occasion.next().is_some());
    }
}
