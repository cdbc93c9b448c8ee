//! What is still to be sent when the process ends.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::watch;
use tokio::time::sleep;

use super::closing::all_closed;
use super::events::Status;
use super::inner::Inner;
use super::link::Written;
use super::outgoing::RETRY;
use super::requests;
use super::state::State;

/// Longer than anybody waits for the end.
const LONG: Duration = Duration::from_secs(60);

/// All connections, and some that are gone.
static CONNECTIONS: Mutex<Vec<Weak<Inner>>> = Mutex::new(Vec::new());

fn connections() -> MutexGuard<'static, Vec<Weak<Inner>>> {
    CONNECTIONS.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) fn register(connection: &Arc<Inner>) {
    let mut connections = connections();
    // Forgetting those that are gone now and then comes at a constant cost each.
    if connections.len() == connections.capacity() {
        connections.retain(|connection| connection.strong_count() > 0);
    }
    connections.push(Arc::downgrade(connection));
}

/// Resolves when the servers of all connections of the process have read what waits for them. What waits for a
/// server that is being connected to goes there, too.
pub async fn all_sent() {
    let open: Vec<Arc<Inner>> = connections().iter().filter_map(Weak::upgrade).collect();
    join_all(open.into_iter().map(sent)).await;
    all_closed().await;
}

/// What a connection has to wait for until everything is sent.
enum Sending {
    Link(watch::Receiver<u64>),
    Socket(Written),
    Nothing,
}

async fn sent(connection: Arc<Inner>) {
    written(&connection).await;
    let published = |state: &mut State| state.live_link().is_some_and(|link| link.has_published());
    if connection.with(published) {
        // A socket that is closed while something unread is in it takes along what the server has not read.
        let _ = requests::ping(&connection, LONG).await;
    }
}

/// Resolves when the socket has got everything, or there is none.
async fn written(connection: &Inner) {
    loop {
        match connection.with(State::sending) {
            Sending::Nothing => return,
            Sending::Link(mut links) => drop(links.changed().await),
            Sending::Socket(written) => {
                if !written.await || connection.with(State::has_sent) {
                    return;
                }
                sleep(RETRY).await;
            }
        }
    }
}

impl State {
    fn sending(&mut self) -> Sending {
        self.hand_over();
        if let Some(link) = self.live_link() {
            return Sending::Socket(link.written());
        }
        match self.status() {
            Status::Connecting | Status::Reconnecting if self.outgoing.count() > 0 => {
                Sending::Link(self.links.subscribe())
            }
            _ => Sending::Nothing,
        }
    }

    fn has_sent(&mut self) -> bool {
        self.outgoing.is_empty() && self.link.as_mut().is_none_or(|link| link.is_written())
    }
}
