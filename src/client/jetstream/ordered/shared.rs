//! A consumer, as shared by its owner, its subscription and its supervisor.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::flow::Flow;
use super::types::{Observer, OrderedConfig};
use crate::client::error::Error;
use crate::client::jetstream::subscription::Subscription;
use crate::client::jetstream::{JetStream, Json};

/// Long enough for the consumers of many clients not to come back all at once, again and again.
const RETRY_INTERVAL: Duration = Duration::from_secs(10);

/// A consumer, as shared by its owner, its subscription and its supervisor.
pub(super) struct Shared {
    pub(super) js: JetStream,
    /// The session of the connection in which it was made: a later one does not bring it back.
    pub(super) session: Option<u64>,
    pub(super) config: OrderedConfig,
    flow: Mutex<Flow>,
    state: Mutex<ConsumerState>,
    pub(super) wake: Notify,
    /// The user may not look what broke a link.
    blind: AtomicBool,
}

/// What owners ask for and set.
pub(super) struct ConsumerState {
    pub(super) name: String,
    pub(super) info: Json,
    pub(super) last_error: Option<Error>,
    pub(super) retry_interval: Duration,
    pub(super) subscription: Option<Subscription>,
    /// Which stream it is: one of the same name may take its place.
    pub(super) stream_created: Option<String>,
    /// The server does not let its messages come here.
    pub(super) denied: Option<Error>,
    pub(super) started: bool,
    pub(super) stopped: bool,
    /// The connection was closed; a later one does not bring the consumer back.
    pub(super) lost: bool,
}

impl Shared {
    pub(super) fn new(
        js: JetStream,
        config: OrderedConfig,
        observer: Box<dyn Observer>,
    ) -> Arc<Shared> {
        let flow = Flow::new(js.connection.clone(), observer);
        let state = ConsumerState {
            name: String::new(),
            info: Json::new(),
            last_error: None,
            retry_interval: RETRY_INTERVAL,
            subscription: None,
            stream_created: config.stream_created.clone(),
            denied: None,
            started: false,
            stopped: false,
            lost: false,
        };
        Arc::new(Shared {
            session: js.connection.session(),
            js,
            config,
            flow: Mutex::new(flow),
            state: Mutex::new(state),
            wake: Notify::new(),
            blind: AtomicBool::new(false),
        })
    }

    /// Not to be taken while the state is locked.
    pub(super) fn flow(&self) -> MutexGuard<'_, Flow> {
        self.flow.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn state(&self) -> MutexGuard<'_, ConsumerState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_blind(&self) -> bool {
        self.blind.load(Ordering::Relaxed)
    }

    /// Neither the consumer nor messages may be looked up: to ask at each new link would only add a violation
    /// to the log.
    pub(super) fn be_blind(&self) {
        self.blind.store(true, Ordering::Relaxed);
    }

    /// Lets the supervisor look what happened.
    pub(super) fn wake(&self) {
        self.wake.notify_one();
    }

    pub(super) fn start(&self) {
        self.state().started = true;
        self.wake();
    }

    /// The connection has ended, and the subscription with it.
    pub(super) fn lost(&self) {
        self.state().lost = true;
        self.wake();
    }

    /// The server does not permit the present subscription.
    pub(super) fn denied(&self, error: Error) {
        self.state().denied = Some(error);
        self.wake();
    }
}
