//! The end of a link that was not lost but closed.

use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use async_nats::{Subject, Subscriber};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::link::{immediately, Link};
use super::outgoing::{Outgoing, RETRY};

/// How long a closing link may take to hand its data to the socket.
const LIMIT: Duration = Duration::from_secs(2);

/// How long the server may take to read it then.
const READ_LIMIT: Duration = Duration::from_secs(1);

/// How many links are being closed.
static CLOSING: LazyLock<watch::Sender<usize>> = LazyLock::new(watch::Sender::default);

/// A link that is being closed, while it lives.
pub(super) struct Ending(());

impl Ending {
    pub(super) fn begin() -> Ending {
        CLOSING.send_modify(|count| *count += 1);
        Ending(())
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        CLOSING.send_modify(|count| *count -= 1);
    }
}

/// Resolves when no link is being closed.
pub(super) async fn all_closed() {
    // The sender is never dropped.
    let _ = CLOSING.subscribe().wait_for(|count| *count == 0).await;
}

/// A link that is being closed: what still waits for it goes out first, as far as the server takes it in time.
pub(super) struct Closing {
    /// The session that has ended.
    pub(super) session: u64,
    pub(super) link: Link,
    pub(super) outgoing: Outgoing,
    /// The server takes nothing.
    pub(super) is_jammed: bool,
    /// A subject that nobody else knows.
    pub(super) inbox: Subject,
    pub(super) _ending: Ending,
    /// What gets messages from the link.
    pub(super) subscribers: Vec<Arc<Mutex<Subscriber>>>,
}

impl Closing {
    /// Hands what waits to the socket. Returns what is to be said if the server did not take everything in time.
    pub(super) async fn deliver(&mut self) -> Option<String> {
        self.is_jammed = timeout(LIMIT, self.write()).await.is_err();
        let lost = self.outgoing.count() + self.link.unwritten();
        let address = self.link.address();
        (lost > 0).then(|| {
            format!("Discarded {lost} buffered messages: {address} did not take them in time")
        })
    }

    /// Closes the socket.
    pub(super) async fn close(mut self) {
        match self.is_jammed {
            true => self.give_up(),
            false => drop(timeout(READ_LIMIT, self.read()).await),
        }
    }

    /// Returns when all is written, or the link has ended.
    async fn write(&mut self) {
        loop {
            let progress = self.outgoing.hand_over(&mut self.link, |_, _| {}, |_| {});
            if !self.link.written().await {
                return;
            }
            if self.outgoing.is_empty() && self.link.is_written() {
                return;
            }
            if !progress {
                sleep(RETRY).await;
            }
        }
    }

    /// Returns when the server has read what was written: a socket that is closed while something unread is in it takes
    /// along what the server has not read.
    async fn read(&mut self) {
        if self.link.is_up() && self.link.has_published() {
            self.link.round_trip(self.inbox.clone()).await;
        }
    }

    /// Closes a socket that takes nothing any more.
    fn give_up(mut self) {
        self.link.give_up();
        for subscriber in self.subscribers {
            let mut subscriber = subscriber.lock().unwrap_or_else(PoisonError::into_inner);
            immediately(subscriber.unsubscribe());
        }
    }
}
