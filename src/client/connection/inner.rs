//! The state behind its lock, the options, and who is told.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_nats::{Message, Subscriber};

use super::events::Sink;
use super::link::Written;
use super::owner::{Dry, Owner, Quota};
use super::settings::Settings;
use super::state::State;
use super::waiters::Waiter;

/// A connection, whoever has it.
pub(super) struct Inner {
    sink: Arc<dyn Sink>,
    settings: Mutex<Settings>,
    state: Mutex<State>,
}

impl Inner {
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state, then tells whoever has to know.
    pub(super) fn with<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        let mut state = self.lock();
        let result = change(&mut state);
        if !state.outbox.is_empty() && !state.outbox.busy {
            self.tell(state);
        }
        result
    }

    /// Empties the outbox, with the lock released whenever somebody is called.
    fn tell<'a>(&'a self, mut state: MutexGuard<'a, State>) {
        state.outbox.busy = true;
        while let Some(notice) = state.outbox.pop() {
            drop(state);
            notice.tell(&*self.sink);
            state = self.lock();
        }
        state.outbox.busy = false;
    }

    pub(super) fn settings(&self) -> Settings {
        self.with_settings(|settings| settings.clone())
    }

    pub(super) fn with_settings<R>(&self, f: impl FnOnce(&mut Settings) -> R) -> R {
        f(&mut self.settings.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Inner {
    pub(super) fn new(sink: Arc<dyn Sink>) -> Arc<Inner> {
        Arc::new_cyclic(|inner: &std::sync::Weak<Inner>| Inner {
            sink,
            settings: Mutex::default(),
            state: Mutex::new(State::new(inner.clone())),
        })
    }
}

impl Owner for Inner {
    fn take(&self, id: u64, batch: &[Message]) -> Option<Quota> {
        let mut state = self.lock();
        state.counters.received(batch);
        state.subscriptions.take(id, batch.len())
    }

    fn dropped(&self, count: usize) {
        self.lock().counters.dropped(count);
    }

    fn ran_dry(&self, id: u64, subscriber: &Arc<Mutex<Subscriber>>) -> Dry {
        self.lock().subscriptions.ran_dry(id, subscriber)
    }

    fn slow_consumer(&self, id: u64) {
        self.with(|state| state.slow_consumer(id));
    }

    fn caught_up(&self, id: u64, dropped: usize) {
        self.with(|state| state.caught_up(id, dropped));
    }

    fn arrived(&self, inbox: &str) -> Option<Waiter> {
        self.with(|state| state.arrived(inbox))
    }

    fn pump(&self) -> Option<(bool, Written)> {
        self.with(State::pump)
    }

    fn max_pending(&self) -> usize {
        self.with_settings(|settings| settings.max_pending)
    }
}
