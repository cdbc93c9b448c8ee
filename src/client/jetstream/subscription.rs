//! A subscription that ends with its owner.

use std::sync::Arc;

use crate::client::connection::{Connection, Deliver};
use crate::client::error::Result;

/// A subscription that ends when it is dropped, wherever what it was made for fails or is abandoned.
pub(super) struct Subscription {
    connection: Connection,
    id: u64,
    drained: bool,
}

impl Subscription {
    /// # Errors
    /// Those of [`Connection::subscribe`].
    pub(super) fn new(
        connection: &Connection,
        subject: &str,
        deliver: impl Deliver,
    ) -> Result<Subscription> {
        Ok(Subscription {
            id: connection.subscribe(subject, None, 0, Arc::new(deliver))?,
            connection: connection.clone(),
            drained: false,
        })
    }

    /// Ends it when what is on its way has arrived; see [`Connection::drain_subscription`].
    pub(super) fn drain(mut self) {
        self.connection.drain_subscription(self.id);
        self.drained = true;
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        if !self.drained {
            // It may have ended with the connection already.
            let _ = self.connection.unsubscribe(self.id, 0);
        }
    }
}
