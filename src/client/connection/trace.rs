//! What async-nats tells through `tracing`, where its API says nothing: why a link broke, that a
//! server sent an INFO, all `-ERR`s, and that it has read something.
//!
//! All of it is a hint. Without it links end and are made anew just so, only with less to say about it and a little
//! later; but for one that a server floods without end, which would not end ([`reader`]). The events are found by their
//! level and the names of their fields; all others stay switched off, so that they cost what they cost without a
//! subscriber.
//!
//! With feature `trace` all events go to the log of their connection as well ([`words`]).

mod words;

use std::cell::RefCell;
use std::fmt;
use std::sync::{Once, OnceLock};

use super::reader;
use super::reports::{self, Report};
use tokio::sync::watch;
use tracing_core::field::{Field, Visit};
use tracing_core::span::{Attributes, Id, Record};
use tracing_core::subscriber::Interest;
use tracing_core::{dispatcher, Dispatch, Event, Level, LevelFilter, Metadata, Subscriber};

/// Why a link broke.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cause {
    /// The other end hung up.
    Closed,
    /// The server sent a message whose headers async-nats cannot read.
    UnreadableHeaders(String),
    /// Anything else, in words.
    Other(String),
}

thread_local! {
    /// Of the link that broke last on this thread. async-nats asks for the next server in the same
    /// step, so whoever is asked can tell whose it is.
    static CAUSE: RefCell<Option<Cause>> = const { RefCell::new(None) };
}

tokio::task_local! {
    /// Set while a handshake runs: its INFO is no news, and its time limit ends it.
    static HANDSHAKE: ();
}

/// Takes the cause of the link that has just broken on this thread.
pub(super) fn take_cause() -> Option<Cause> {
    CAUSE.take()
}

/// Changes whenever some server sends an INFO outside of a handshake.
pub(super) fn infos() -> watch::Receiver<()> {
    news().subscribe()
}

fn news() -> &'static watch::Sender<()> {
    static NEWS: OnceLock<watch::Sender<()>> = OnceLock::new();
    NEWS.get_or_init(|| watch::Sender::new(()))
}

/// Runs a handshake.
pub(super) async fn handshake<F: std::future::Future>(attempt: F) -> F::Output {
    HANDSHAKE.scope((), attempt).await
}

/// Whether the task that is running does.
fn shakes_hands() -> bool {
    HANDSHAKE.try_with(|()| ()).is_ok()
}

/// Starts listening.
pub(super) fn listen() {
    static ONCE: Once = Once::new();
    // It fails where something else in this library listens already; then there are no hints.
    ONCE.call_once(|| drop(dispatcher::set_global_default(Dispatch::new(Listener))));
}

/// The events that are listened to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Topic {
    Disconnected,
    Info,
    /// A server sent an `-ERR`, or something cannot be read.
    Report,
    /// Something came from a socket.
    Read,
}

/// Whether an event is one of the transport.
fn is_transport(metadata: &Metadata<'_>) -> bool {
    metadata.is_event() && metadata.target().starts_with("async_nats")
}

impl Topic {
    fn of(metadata: &Metadata<'_>) -> Option<Topic> {
        if !is_transport(metadata) {
            return None;
        }
        let fields = metadata.fields();
        let has = |name| fields.len() == 2 && fields.field(name).is_some();
        match *metadata.level() {
            Level::DEBUG if has("error") => Some(Topic::Disconnected),
            Level::TRACE if has("info") => Some(Topic::Info),
            Level::TRACE if has("error") => Some(Topic::Report),
            Level::TRACE if has("bytes") => Some(Topic::Read),
            _ => None,
        }
    }
}

struct Listener;

impl Subscriber for Listener {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        match self.enabled(metadata) {
            true => Interest::always(),
            false => Interest::never(),
        }
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        match cfg!(feature = "trace") {
            true => is_transport(metadata),
            false => Topic::of(metadata).is_some(),
        }
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::TRACE)
    }

    fn event(&self, event: &Event<'_>) {
        match Topic::of(event.metadata()) {
            Some(Topic::Disconnected) => event.record(&mut Disconnected),
            Some(Topic::Report) => Complaint::of(event).tell(),
            Some(Topic::Info) if !shakes_hands() => news().send_replace(()),
            Some(Topic::Read) if !shakes_hands() => reader::has_read(),
            _ => {}
        }
        if cfg!(feature = "trace") {
            words::tell(event);
        }
    }

    // No span is enabled.
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// Reads the event of a link that broke.
struct Disconnected;

impl Visit for Disconnected {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "error" {
            CAUSE.set(Some(cause(&format!("{value:?}"))));
        }
    }
}

/// Reads the event of an `-ERR`. Errors of reading look the same, but for the message.
#[derive(Default)]
struct Complaint {
    text: String,
    is_err: bool,
}

impl Complaint {
    fn of(event: &Event<'_>) -> Complaint {
        let mut complaint = Complaint::default();
        event.record(&mut complaint);
        complaint
    }

    fn tell(self) {
        if self.is_err {
            reports::heard(Report::ServerError(self.text));
        }
    }
}

impl Visit for Complaint {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        match field.name() {
            "error" => self.text = format!("{value:?}"),
            _ => self.is_err = format!("{value:?}").ends_with(": ERR"),
        }
    }
}

/// Kinds of I/O errors by which the other end, or the network, hung up.
const HANG_UPS: [&str; 4] = [
    "ConnectionReset",
    "ConnectionAborted",
    "BrokenPipe",
    "UnexpectedEof",
];

/// What async-nats says of headers that it cannot read: a line that is none, a name with characters that
/// it does not allow, bytes that are not UTF-8, a status that is no number.
const HEADERS: [&str; 3] = ["header", "Header", "status parameter"];

/// Understands an `Option<io::Error>` as `Debug` shows it.
fn cause(shown: &str) -> Cause {
    let Some(error) = inside(shown, "Some(", ")") else {
        return Cause::Closed;
    };
    let kind = match inside(error, "Kind(", ")") {
        Some(kind) => kind,
        None => after(error, "kind: ").split(',').next().unwrap_or_default(),
    };
    if HANG_UPS.contains(&kind) {
        return Cause::Closed;
    }
    if let Some(custom) = inside(error, "Custom {", "}") {
        let text = plain(after(custom, "error: "));
        // A WebSocket wraps the errors of its socket.
        if kind == "Other" && HANG_UPS.iter().any(|hang_up| text.contains(hang_up)) {
            return Cause::Closed;
        }
        return match HEADERS.iter().any(|word| text.contains(word)) {
            true => Cause::UnreadableHeaders(
                text.replace("ParseHeaderNameError", "invalid header name"),
            ),
            false => Cause::Other(text),
        };
    }
    match error.contains("message: ") {
        true => Cause::Other(plain(after(error, "message: ").trim_end_matches('}'))),
        false => Cause::Other(error.to_owned()),
    }
}

fn inside<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    text.strip_prefix(start)?.strip_suffix(end)
}

fn after<'a>(text: &'a str, start: &str) -> &'a str {
    text.split_once(start).map_or(text, |(_, rest)| rest)
}

/// The content of a text in quotes; anything else as it is.
fn plain(shown: &str) -> String {
    let shown = shown.trim();
    let Some(quoted) = inside(shown, "\"", "\"") else {
        return shown.to_owned();
    };
    let mut text = String::with_capacity(quoted.len());
    let mut chars = quoted.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => text.extend(match chars.next() {
                // Line ends say nothing in a message.
                Some('r' | 'n') => None,
                other => other,
            }),
            c => text.push(c),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    fn of(error: io::Error) -> Cause {
        cause(&format!("{:?}", Some(error)))
    }

    fn other(text: &str) -> Cause {
        Cause::Other(text.to_owned())
    }

    #[test]
    fn hang_ups() {
        assert_eq!(cause("None"), Cause::Closed);
        assert_eq!(of(io::ErrorKind::ConnectionReset.into()), Cause::Closed);
        assert_eq!(of(io::ErrorKind::BrokenPipe.into()), Cause::Closed);
        assert_eq!(of(io::Error::from_raw_os_error(104)), Cause::Closed);
        let eof = io::Error::new(io::ErrorKind::UnexpectedEof, "no close_notify");
        assert_eq!(of(eof), Cause::Closed);
        let inner = io::Error::from(io::ErrorKind::ConnectionReset);
        assert_eq!(of(io::Error::other(inner)), Cause::Closed);
    }

    #[test]
    fn reasons() {
        assert_eq!(
            of(io::Error::from_raw_os_error(113)),
            other("No route to host")
        );
        let line = "invalid server operation: 'it\\'s \"this\"\r\n'";
        let nonsense = io::Error::new(io::ErrorKind::InvalidInput, line);
        assert_eq!(of(nonsense), other(&line.replace("\r\n", "")));
        assert_eq!(of(io::ErrorKind::TimedOut.into()), other("Kind(TimedOut)"));
    }

    #[test]
    fn headers() {
        let utf8 = "header isn't valid utf-8";
        let status = "could not parse status parameter";
        for (error, text) in [
            (io::Error::new(io::ErrorKind::InvalidInput, utf8), utf8),
            (io::Error::other(status), status),
        ] {
            assert_eq!(of(error), Cause::UnreadableHeaders(text.to_owned()));
        }
        let name: std::result::Result<async_nats::HeaderName, _> = "a b".parse();
        let name = io::Error::new(io::ErrorKind::InvalidInput, name.unwrap_err());
        assert_eq!(
            of(name),
            Cause::UnreadableHeaders("invalid header name".to_owned())
        );
    }

    #[test]
    fn anything_can_be_shown() {
        for shown in [
            "",
            "Some",
            "Some(",
            "Some()",
            "Some(Custom { kind: })",
            "Some(\")",
        ] {
            cause(shown);
        }
    }
}
