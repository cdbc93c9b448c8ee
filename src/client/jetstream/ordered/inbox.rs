//! The subscription of an ordered consumer.

use std::sync::{Arc, MutexGuard};

use async_nats::Message;

use super::flow::Flow;
use super::shared::Shared;
use crate::client::connection::{Deliver, Hold};
use crate::client::error::Error;

/// The subscription of one creation.
pub(super) struct OrderedInbox {
    pub(super) shared: Arc<Shared>,
    pub(super) epoch: u64,
}

impl OrderedInbox {
    /// The flow, while this subscription is the present one.
    fn flow(&self) -> Option<MutexGuard<'_, Flow>> {
        Some(self.shared.flow()).filter(|flow| flow.epoch == self.epoch)
    }
}

impl Deliver for OrderedInbox {
    fn deliver(&self, _subscription: u64, messages: &mut Vec<Message>) {
        let Some(mut flow) = self.flow() else {
            return;
        };
        flow.arrived(messages);
        if flow.is_broken() || flow.waits_until().is_some() {
            self.shared.wake();
        }
    }

    fn ended(&self, _subscription: u64) {
        self.shared.lost();
    }

    fn denied(&self, _subscription: u64, error: &Error) {
        if self.flow().is_some() {
            self.shared.denied(error.clone());
        }
    }

    fn drain(&self, _subscription: u64, hold: &Hold) -> bool {
        self.flow().is_none_or(|mut flow| flow.observer.drain(hold))
    }

    fn unlinked(&self, _subscription: u64) {
        if let Some(mut flow) = self.flow() {
            flow.unlink();
        }
    }

    fn relinked(&self, _subscription: u64) {
        if let Some(mut flow) = self.flow() {
            flow.relink();
            drop(flow);
            self.shared.wake();
        }
    }
}
