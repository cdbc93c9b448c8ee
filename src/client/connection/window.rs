//! What a link has been given and has not written yet.
//!
//! async-nats takes any number of messages. But while it has [`BUFFER`] bytes that the socket does not take it
//! looks at nothing else that it is told, not even that it is to close. So a link gets no more than fits in
//! there, and the rest waits in [`Outgoing`](super::outgoing::Outgoing), where it is counted and survives
//! the link.
//!
//! async-nats says how far it is in one number, `out_bytes`. It adds the bytes of a message without its
//! protocol when it takes the message up, and all bytes that the socket takes.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::Arc;

use async_nats::{HeaderMap, Statistics};

use super::publish::Publish;

/// So many bytes wait for the socket when async-nats stops to look for more.
const BUFFER: u64 = 65_535;

/// What a window admits, with some space for what is no message.
const ROOM: u64 = BUFFER - 5 * 1024;

/// The part of a link's buffer that is in use.
pub(super) struct Window {
    statistics: Arc<Statistics>,
    /// What `out_bytes` will be when all is written.
    expected: u64,
    /// No less than what was not written at the last look.
    pending: u64,
    /// Bytes on the wire of the messages that may not be written yet, and their sum.
    sizes: VecDeque<u64>,
    total: u64,
}

/// What `out_bytes` counts for a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size {
    taken: u64,
    written: u64,
    /// Bytes of payload and headers.
    pub(super) content: usize,
}

impl Window {
    pub(super) fn new(statistics: Arc<Statistics>) -> Self {
        Window {
            expected: statistics.out_bytes.load(Ordering::Relaxed),
            statistics,
            pending: 0,
            sizes: VecDeque::new(),
            total: 0,
        }
    }

    /// The size of a message if it may be handed over. One that is larger than the window has it for itself.
    pub(super) fn admit(&mut self, message: &Publish) -> Option<Size> {
        let size = Size::of(message);
        let fits = |pending| pending + size.taken + size.written <= ROOM;
        if !fits(self.pending) {
            self.look();
        }
        (fits(self.pending) || self.pending == 0).then_some(size)
    }

    /// A message of this size was handed over.
    pub(super) fn handed(&mut self, size: Size) {
        self.expected += size.taken + size.written;
        self.pending += size.taken + size.written;
        self.sizes.push_back(size.written);
        self.total += size.written;
    }

    /// Whether everything is written.
    pub(super) fn is_empty(&mut self) -> bool {
        self.look();
        self.pending == 0
    }

    /// How many messages the socket has not taken in whole.
    pub(super) fn unwritten(&mut self) -> usize {
        self.look();
        self.sizes.len()
    }

    fn look(&mut self) {
        let done = self.statistics.out_bytes.load(Ordering::Relaxed);
        // Further on than by messages alone: other lines of the protocol were written.
        self.expected = self.expected.max(done);
        self.pending = self.expected - done;
        while let Some(first) = self.sizes.front() {
            if self.total - first < self.pending {
                break;
            }
            self.total -= first;
            self.sizes.pop_front();
        }
        if self.pending == 0 {
            self.sizes.clear();
            self.total = 0;
        }
    }
}

impl Size {
    fn of(message: &Publish) -> Size {
        let subject = message.subject.len();
        let reply = message.reply.as_ref().map_or(0, |reply| reply.len());
        let payload = message.payload.len();
        let names = message.headers.as_ref().map_or(0, HeaderMap::len);
        // PUB <subject> [reply] <length>CRLF <payload>CRLF, or with the length of the headers before.
        let mut written = "PUB  \r\n\r\n".len() + subject + payload;
        if reply > 0 {
            written += reply + 1;
        }
        let headers = header_length(message.headers.as_ref());
        written += match headers {
            0 => digits(payload),
            headers => "H ".len() + digits(headers) + digits(headers + payload) + headers,
        };
        Size {
            taken: bytes(subject + reply + payload + names),
            written: bytes(written),
            content: headers + payload,
        }
    }
}

fn bytes(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// The length of a header block on the wire; 0 if there is none.
pub(super) fn header_length(headers: Option<&HeaderMap>) -> usize {
    let Some(headers) = headers.filter(|headers| !headers.is_empty()) else {
        return 0;
    };
    let line = |name: &str, value: &str| name.len() + ": \r\n".len() + value.len();
    let lines = headers.iter().flat_map(|(name, values)| {
        let name = name.as_ref();
        values.iter().map(move |value| line(name, value.as_str()))
    });
    "NATS/1.0\r\n\r\n".len() + lines.sum::<usize>()
}

fn digits(number: usize) -> usize {
    let digits = number.checked_ilog10().unwrap_or(0) + 1;
    usize::try_from(digits).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use async_nats::client::traits::Publisher;
    use std::io::{BufRead, Write};

    use super::*;

    fn message(length: usize) -> Publish {
        Publish::new("a.b", vec![b'x'; length])
    }

    fn window() -> (Arc<Statistics>, Window) {
        let statistics = Arc::<Statistics>::default();
        statistics.out_bytes.store(100, Ordering::Relaxed);
        (statistics.clone(), Window::new(statistics))
    }

    #[test]
    fn sizes() {
        let mut plain = message(10);
        // PUB a.b 10CRLF
        assert_eq!(
            Size::of(&plain),
            Size {
                taken: 13,
                written: 12 + 12,
                content: 10,
            }
        );
        plain.reply = Some("r".into());
        assert_eq!(
            Size::of(&plain),
            Size {
                taken: 14,
                written: 14 + 12,
                content: 10,
            }
        );
        let mut headers = HeaderMap::new();
        headers.insert("K", "v");
        headers.append("K", "w");
        plain.headers = Some(headers);
        // NATS/1.0CRLF K: vCRLF K: wCRLF CRLF after HPUB a.b r 24 34CRLF
        assert_eq!(header_length(plain.headers.as_ref()), 24);
        assert_eq!(
            Size::of(&plain),
            Size {
                taken: 15,
                written: 18 + 24 + 12,
                content: 34,
            }
        );
        plain.headers = Some(HeaderMap::new());
        assert_eq!(Size::of(&plain).written, 14 + 12);
        assert_eq!(
            [digits(0), digits(9), digits(10), digits(1 << 20)],
            [1, 1, 2, 7]
        );
    }

    #[test]
    fn a_window_fills_and_empties() {
        let (statistics, mut window) = window();
        let message = message(1000);
        let mut count = 0;
        while let Some(size) = window.admit(&message) {
            window.handed(size);
            count += 1;
        }
        assert_eq!(count, 29);
        assert_eq!(window.unwritten(), 29);
        // All were taken up, ten were written and a part of the next one.
        let size = Size::of(&message);
        let written = 10 * size.written + 500;
        statistics
            .out_bytes
            .fetch_add(29 * size.taken + written, Ordering::Relaxed);
        assert!(window.admit(&message).is_some());
        assert_eq!(window.unwritten(), 19);
        assert!(!window.is_empty());
        // The rest, and other lines of the protocol.
        statistics
            .out_bytes
            .fetch_add(29 * size.written - written + 600, Ordering::Relaxed);
        assert!(window.is_empty());
        assert_eq!(window.unwritten(), 0);
        window.handed(Size::of(&message));
        assert_eq!(window.unwritten(), 1);
    }

    #[test]
    fn a_large_message_has_a_window_for_itself() {
        let (_, mut window) = window();
        let large = message(1_000_000);
        let size = window.admit(&large);
        window.handed(size.unwrap());
        assert!(window.admit(&message(0)).is_none());
        let (_, mut used) = self::window();
        used.handed(Size::of(&message(0)));
        assert!(used.admit(&large).is_none());
    }

    /// A server that takes everything and says no more than it must. It tells when a client has sent its second PING: one
    /// of the handshake, and the first of those that it sends from time to time.
    fn server() -> (std::net::SocketAddr, tokio::sync::oneshot::Receiver<()>) {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (pinged, settled) = tokio::sync::oneshot::channel();
        std::thread::spawn(move || {
            let (mut socket, _) = listener.accept().unwrap();
            let info = "INFO {\"max_payload\":1048576,\"headers\":true}\r\nPONG\r\n";
            socket.write_all(info.as_bytes()).unwrap();
            let mut lines = std::io::BufReader::new(&socket).lines();
            lines
                .by_ref()
                .filter(|line| line.as_ref().unwrap() == "PING")
                .nth(1);
            pinged.send(()).unwrap();
            lines.for_each(drop);
        });
        (address, settled)
    }

    /// What is said here about async-nats: another version may count otherwise.
    #[test]
    fn async_nats_counts_as_expected() {
        let mut headers = HeaderMap::new();
        headers.insert("Name", "value");
        headers.append("Name", "another");
        headers.insert("Other", "");
        let messages = [
            (0, false, false),
            (9, true, false),
            (5000, false, true),
            (70_000, true, true),
        ]
        .map(|(length, reply, with_headers)| Publish {
            reply: reply.then(|| "reply".into()),
            headers: with_headers.then(|| headers.clone()),
            ..message(length)
        });
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().build().unwrap();
        runtime.block_on(async {
            let (address, settled) = server();
            let client = async_nats::connect(address.to_string()).await.unwrap();
            settled.await.unwrap();
            let mut window = Window::new(client.statistics());
            for message in messages {
                window.handed(Size::of(&message));
                client.publish_message(message.into()).await.unwrap();
            }
            client.flush().await.unwrap();
            let done = client.statistics().out_bytes.load(Ordering::Relaxed);
            assert_eq!(done, window.expected);
            assert!(window.is_empty());
        });
    }
}
