//! The way of a message: from the subscription, through the tracker, to the observer.

use std::time::{Duration, Instant};

use async_nats::Message;
use tokio::sync::oneshot;

use super::tracker::Tracker;
use super::types::{Change, Delivery, FlowControl, Item, Observer, Opening, KEPT_CAPACITY};
use crate::client::connection::Connection;

/// Silence of this length is a pause.
const PAUSE: Duration = Duration::from_millis(250);

/// Everything that deliveries need, behind one lock.
pub(super) struct Flow {
    /// Counts creations: a subscription of an earlier one has nothing to say any more.
    pub(super) epoch: u64,
    stage: Stage,
    /// What arrived before it may be delivered.
    held: Vec<Message>,
    items: Vec<Item>,
    pub(super) tracker: Tracker,
    /// When anything arrived last.
    pub(super) heard: Instant,
    /// There is a new link, and nobody has looked yet why the one before broke.
    pub(super) relinked: bool,
    /// The link broke, and there is no new one yet.
    unlinked: bool,
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
            relinked: false,
            unlinked: false,
            observer,
        }
    }

    /// Turns away from the present subscription. The result names the next one.
    pub(super) fn renew(&mut self) -> u64 {
        self.epoch += 1;
        self.stage = Stage::Held;
        self.held = Vec::new();
        self.relinked = false;
        self.unlinked = false;
        self.epoch
    }

    /// The link of the present subscription broke.
    pub(super) fn unlink(&mut self) {
        self.unlinked = true;
        self.tracker.doubt();
        self.observer.changed(Change::Unlinked);
    }

    /// The present subscription has a new link.
    pub(super) fn relink(&mut self) {
        self.unlinked = false;
        self.relinked = true;
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

    /// The consumer that was begun will not deliver: what it would have is to be looked up.
    pub(super) fn forgo(&mut self) {
        self.relinked = true;
        self.stage = Stage::Broken;
    }

    /// Delivers a message that was looked up in place of one that cannot come.
    pub(super) fn insert(&mut self, delivery: Delivery) {
        self.tracker.pass(delivery.stream_seq);
        self.items.push(Item::Message(delivery));
        self.hand_over();
    }

    /// Has the owner say when it is done with what was inserted so far.
    pub(super) fn insert_question(&mut self) -> oneshot::Receiver<()> {
        let (sender, answer) = oneshot::channel();
        self.items
            .push(Item::FlowControl(FlowControl::of_reader(sender)));
        self.hand_over();
        answer
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
    fn pause_at(&self) -> Option<Instant> {
        let waiting = self.stage == Stage::Live
            && !self.unlinked
            && self.tracker.may_be_caught_up()
            && self.observer.is_impatient();
        waiting.then(|| self.heard + PAUSE)
    }

    /// When the observer must be told something, if nothing comes before that.
    pub(super) fn waits_until(&self) -> Option<Instant> {
        let times = [self.pause_at(), self.observer.waits_until()];
        times.into_iter().flatten().min()
    }

    /// Tells the observer what is due.
    pub(super) fn tell_time(&mut self) {
        let now = Instant::now();
        if self.pause_at().is_some_and(|pause| pause <= now) {
            self.tracker.pause(&mut self.items);
            self.hand_over();
        }
        if self.observer.waits_until().is_some_and(|time| time <= now) {
            self.observer.waited();
        }
    }

    /// Messages have come on the present subscription.
    pub(super) fn arrived(&mut self, messages: &mut Vec<Message>) {
        self.heard = Instant::now();
        match self.stage {
            Stage::Held => self.held.append(messages),
            Stage::Live => self.pass(messages),
            Stage::Broken => {}
        }
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
