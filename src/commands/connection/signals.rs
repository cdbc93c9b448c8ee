//! What the runtime has for a connection's object besides messages: events, and questions to the script.

use super::flood::Flood;
use crate::client::connection::{Event, Identity, ServerEntry, Sink};
use futures_util::future::BoxFuture;
use std::sync::Arc;
use std::time::Duration;
use tcl::event::Sender;
use tokio::sync::oneshot;

pub enum Signal {
    Event(Event),
    /// How long to wait for this server? (`-custom_reconnect_delay`)
    Delay(Box<ServerEntry>, oneshot::Sender<Option<Duration>>),
    /// How to identify in a handshake with this server, which has sent this nonce? (`-auth_callback`)
    Identity(Box<ServerEntry>, String, oneshot::Sender<Option<Identity>>),
    /// The passphrase of a key? (`-password` of `-tls_opts`)
    Passphrase(String, oneshot::Sender<Option<String>>),
}

/// Carries the client's events to the Tcl thread.
pub struct ToSignals {
    sender: Sender<Signal>,
    flood: Arc<Flood>,
}

impl ToSignals {
    pub fn new(sender: Sender<Signal>, flood: Arc<Flood>) -> ToSignals {
        ToSignals { sender, flood }
    }
}

impl Sink for ToSignals {
    fn event(&self, event: Event) {
        if self.flood.admit(&event) {
            self.sender.send(Signal::Event(event));
        }
    }
}

/// What the client asks by.
type Ask<Q, A> = Arc<dyn Fn(Q) -> BoxFuture<'static, Option<A>> + Send + Sync>;

/// Asks the Tcl thread. A connection that is gone by then has no answer.
pub fn ask<Q: 'static, A: Send + 'static>(
    sender: Sender<Signal>,
    question: fn(Q, oneshot::Sender<Option<A>>) -> Signal,
) -> Ask<Q, A> {
    Arc::new(move |about| {
        let (answer, asked) = oneshot::channel();
        sender.send(question(about, answer));
        Box::pin(async move { asked.await.ok().flatten() })
    })
}
