//! The way of a message: from the subscription, through the tracker, to the observer.

use std::sync::{Arc, MutexGuard};
use std::time::{Duration, Instant};

use async_nats::Message;

use super::supervisor::Shared;
use super::tracker::Tracker;
use super::{Item, Observer, Opening, KEPT_CAPACITY};
use crate::client::connection::{Connection, Deliver};

/// Silence of this length is a pause.
const PAUSE: Duration = Duration::from_millis(250);

/// Everything that deliveries need, behind one lock.
pub(super) struct Flow {
    /// Counts creations: a subscription of an earlier one has nothing to say any more.
    epoch: u64,
    stage: Stage,
    /// What arrived before it may be delivered.
    held: Vec<Message>,
    items: Vec<Item>,
    pub(super) tracker: Tracker,
    /// When anything arrived last.
    pub(super) heard: Instant,
    pub(super) observer: Box<dyn Observer>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The creation is not answered yet, or the owner not ready: messages are kept.
    Held,
    Live,
    /// After a gap: waits for the reset.
    Broken,
}

impl Flow {
    pub(super) fn new(connection: Connection, observer: Box<dyn Observer>) -> Flow {
        Flow {
            epoch: 0,
            stage: Stage::Held,
            held: Vec::new(),
            items: Vec::new(),
            tracker: Tracker::new(connection),
            heard: Instant::now(),
            observer,
        }
    }

    /// Turns away from the present subscription. The result names the next one.
    pub(super) fn renew(&mut self) -> u64 {
        self.epoch += 1;
        self.stage = Stage::Held;
        self.held = Vec::new();
        self.epoch
    }

    pub(super) fn is_broken(&self) -> bool {
        self.stage == Stage::Broken
    }

    /// The consumer exists. Its messages stay held until [`Flow::release`].
    pub(super) fn begin(&mut self, num_pending: u64, opening: Opening) {
        self.heard = Instant::now();
        self.items.push(Item::Created {
            num_pending,
            opening,
        });
    }

    /// Delivers what was held, and from now on everything at once.
    pub(super) fn release(&mut self) {
        if self.stage == Stage::Held {
            self.stage = Stage::Live;
            let mut held = std::mem::take(&mut self.held);
            self.pass(&mut held);
        }
    }

    /// When an impatient observer must be told of a pause.
    pub(super) fn pause_at(&self) -> Option<Instant> {
        let waiting = self.stage == Stage::Live
            && self.tracker.may_be_caught_up()
            && self.observer.is_impatient();
        waiting.then(|| self.heard + PAUSE)
    }

    /// Nothing came for that time.
    pub(super) fn pause(&mut self) {
        self.tracker.pause(&mut self.items);
        self.hand_over();
    }

    fn pass(&mut self, messages: &mut Vec<Message>) {
        for message in messages.drain(..) {
            if self.tracker.accept(message, &mut self.items).is_err() {
                self.stage = Stage::Broken;
                break;
            }
        }
        self.hand_over();
    }

    fn hand_over(&mut self) {
        if !self.items.is_empty() {
            self.observer.deliver(&mut self.items);
            self.items.clear();
            self.items.shrink_to(KEPT_CAPACITY);
        }
    }
}

/// The subscription of one creation.
pub(super) struct Inbox {
    pub(super) shared: Arc<Shared>,
    pub(super) epoch: u64,
}

impl Inbox {
    /// The flow, while this subscription is the present one.
    fn flow(&self) -> Option<MutexGuard<'_, Flow>> {
        Some(self.shared.flow()).filter(|flow| flow.epoch == self.epoch)
    }
}

impl Deliver for Inbox {
    fn deliver(&self, _subscription: u64, messages: &mut Vec<Message>) {
        let Some(mut flow) = self.flow() else {
            return;
        };
        flow.heard = Instant::now();
        match flow.stage {
            Stage::Held => flow.held.append(messages),
            Stage::Live => flow.pass(messages),
            Stage::Broken => {}
        }
        if flow.is_broken() || flow.pause_at().is_some() {
            self.shared.wake();
        }
    }

    fn ended(&self, _subscription: u64) {
        self.shared.lost();
    }
}
