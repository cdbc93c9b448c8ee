//! Draining: a connection that takes nothing new, finishes what it has, and closes.
//!
//! Whoever has something to finish has a [`Hold`]: here each subscription, and the requests; elsewhere those
//! they were made for. When the last one is dropped the connection closes.

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::FutureExt;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::clock::{deadline, until};
use super::deliver::Deliver;
use super::events::{Notice, Status};
use super::handle::Connection;
use super::hold::{Draining, Hold, Outcome};
use super::outgoing::Interest;
use super::state::State;
use super::subscriptions::Drained;
use super::waiters::closed;
use crate::client::error::{Code, Error, Result};

/// A connection that is drained.
pub struct Drain {
    /// For those who have something to finish; none if another call has begun it.
    pub hold: Option<Hold>,
    /// Resolves when the connection is closed. Dropping it changes nothing.
    ///
    /// # Errors
    /// `Timeout`; `ConnectionClosed` when `disconnect` was called; why the link broke.
    pub closed: Outcome,
}

impl Connection {
    /// Drains the connection: from now on it takes no new subscriptions and requests. It closes when what has
    /// come was handed over, requests are answered, and nobody has a [`Hold`]; after `limit` (zero: never) in
    /// any case. `None` without a link: there is nothing to wait for.
    pub fn drain(&self, limit: Duration) -> Option<Drain> {
        if let Some(closed) = self.0.lock().draining() {
            return Some(Drain { hold: None, closed });
        }
        let (hold, released) = Hold::new();
        let closing = closing(self.clone(), released, deadline(limit));
        let receivers = self.0.with(|state| state.begin_drain(&hold, closing))?;
        // Asked without the lock: they may end subscriptions of theirs.
        let ending = receivers
            .into_iter()
            .filter(|(id, deliver)| deliver.drain(*id, &hold));
        let ending = ending.map(|(id, _)| id).collect();
        self.0.with(|state| state.drain(ending));
        let closed = self.0.lock().draining()?;
        Some(Drain {
            hold: Some(hold),
            closed,
        })
    }

    /// Unsubscribes, but lets what has arrived be delivered; then [`Deliver::ended`] is called.
    pub fn drain_subscription(&self, id: u64) {
        self.0.with(|state| state.drain(vec![id]));
    }
}

/// Waits for the end of what is held, then closes.
async fn closing(
    connection: Connection,
    mut released: mpsc::Receiver<Infallible>,
    limit: Option<Instant>,
) -> Result<()> {
    let outcome = tokio::select! {
        _ = released.recv() => Ok(()),
        () = until(limit) => Err(Error::new(
            Code::Timeout,
            "Drain timed out, the connection was closed before all was done",
        )),
    };
    if connection.0.with(|state| state.draining.take()).is_some() {
        connection.disconnect().await;
    }
    outcome
}

impl State {
    /// How the present drain ends.
    fn draining(&self) -> Option<Outcome> {
        self.draining
            .as_ref()
            .map(|draining| draining.closed.clone())
    }

    /// Takes nothing new from now on, unless there is no link. Returns the subscriptions whose end is waited
    /// for.
    fn begin_drain(
        &mut self,
        hold: &Hold,
        closing: impl Future<Output = Result<()>> + Send + 'static,
    ) -> Option<Vec<(u64, Arc<dyn Deliver>)>> {
        if self.status() != Status::Connected {
            return None;
        }
        self.set_status(Status::Draining);
        self.waiters.hold(hold);
        let (interrupted, reason) = oneshot::channel();
        let closing = tokio::spawn(closing);
        let closed = async move {
            match closing.await {
                // Whatever ends the connection lets go of it, too, but has a reason of its own.
                Ok(outcome) => reason.await.map_or(outcome, Err),
                Err(_) => Err(closed()),
            }
        };
        self.draining = Some(Draining {
            interrupted,
            closed: closed.boxed().shared(),
        });
        let inboxes = self.waiters.subscription;
        Some(self.subscriptions.hold(hold, inboxes))
    }

    /// Ends subscriptions when what is on its way has arrived.
    fn drain(&mut self, ids: Vec<u64>) {
        let mut arriving = Vec::new();
        for id in ids {
            match self.subscriptions.drain(id) {
                Drained::Ended(deliver) => self.outbox.push(Notice::Ended(deliver, id)),
                Drained::Arriving => arriving.push(id),
                Drained::Ending => {}
            }
        }
        for id in &arriving {
            // Not before what was published already.
            match self.outgoing.is_empty() {
                true => self.subscriptions.stop(*id),
                false => self.outgoing.push_interest(Interest::Ends(*id)),
            }
        }
        if !arriving.is_empty() {
            self.await_arrival(arriving);
        }
    }
}
