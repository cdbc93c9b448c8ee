//! What the owner of an ordered consumer has.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::AbortHandle;

use super::shared::Shared;
use super::types::{Observer, Opening, OrderedConfig};
use crate::client::error::{Error, Result};
use crate::client::jetstream::{JetStream, Json};

/// A running ordered consumer. Dropping it stops it.
pub struct OrderedConsumer {
    shared: Arc<Shared>,
    supervisor: AbortHandle,
}

impl OrderedConsumer {
    /// Creates the consumer on the server. The observer hears nothing before
    /// [`OrderedConsumer::start`]; what arrives earlier is kept.
    ///
    /// # Errors
    /// `StreamNotFound`, `JsResponse` for settings the server refuses; those of
    /// [`JetStream::api`]. Nothing is left behind then.
    pub async fn create(
        js: &JetStream,
        config: OrderedConfig,
        observer: Box<dyn Observer>,
    ) -> Result<OrderedConsumer> {
        let shared = Shared::new(js.clone(), config, observer);
        if !shared.open(Opening::First).await? {
            shared.open_apart(Opening::First).await?;
        }
        Ok(OrderedConsumer::supervised(shared))
    }

    /// The same, if it is suspected that one of the first messages cannot be read and would break the link: they are
    /// looked up before anything is delivered.
    ///
    /// # Errors
    /// Those of [`OrderedConsumer::create`].
    pub(crate) async fn create_wary(
        js: &JetStream,
        config: OrderedConfig,
        observer: Box<dyn Observer>,
    ) -> Result<OrderedConsumer> {
        let shared = Shared::new(js.clone(), config, observer);
        shared.open_apart(Opening::First).await?;
        Ok(OrderedConsumer::supervised(shared))
    }

    fn supervised(shared: Arc<Shared>) -> OrderedConsumer {
        let supervisor = tokio::spawn(shared.clone().supervise()).abort_handle();
        OrderedConsumer { shared, supervisor }
    }

    /// Lets deliveries begin.
    pub fn start(&self) {
        self.shared.start();
    }

    /// The name the server gave it; empty during a reset and after the end.
    pub fn name(&self) -> String {
        self.shared.state().name.clone()
    }

    /// The reply to its latest creation, durations in milliseconds.
    pub fn info(&self) -> Json {
        self.shared.state().info.clone()
    }

    /// What went wrong last; never cleared.
    pub fn last_error(&self) -> Option<Error> {
        self.shared.state().last_error.clone()
    }

    /// How long to wait after a failed reset, 10 s unless set. Read when a wait begins.
    pub fn set_retry_interval(&self, interval: Duration) {
        self.shared.state().retry_interval = interval;
    }

    /// That there is nothing more at the moment is said again, with the next heartbeat.
    pub(crate) fn expect_pause(&self) {
        self.shared.flow().tracker.expect_pause();
    }

    /// As [`OrderedConsumer::stop`], and the server removes the consumer at once: for consumers so
    /// short-lived that many could add up in those 2 s. Nothing is waited for.
    pub(crate) fn remove(&self) {
        let name = self.name();
        self.stop();
        if !name.is_empty() {
            self.shared.delete(&name);
        }
    }

    /// Ends the consumption. The server removes the consumer after 2 s without interest. A
    /// delivery that is under way may still complete.
    pub fn stop(&self) {
        self.supervisor.abort();
        self.shared.stop();
    }
}

impl Drop for OrderedConsumer {
    fn drop(&mut self) {
        self.stop();
    }
}
