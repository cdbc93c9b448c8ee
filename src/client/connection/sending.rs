//! The way of a message from the call to the link.

use std::sync::Weak;

use tokio::sync::oneshot;
use tokio::time::sleep;

use super::events::Notice;
use super::link::Written;
use super::outgoing::{Interest, Outgoing, Waiting, REQUESTS, RETRY};
use super::owner::Owner;
use super::publish::Publish;
use super::state::State;
use crate::client::error::{Code, Error, Result};

/// Messages.
impl State {
    /// Publishes a message, or keeps it for later. Gives it back if there is no room for it.
    ///
    /// # Errors
    /// Those of [`State::check_publish`]
    pub(super) fn publish(&mut self, message: Publish) -> Result<Option<Publish>> {
        self.check_publish(&message)?;
        if !self.may_publish(&message) {
            return Ok(Some(message));
        }
        self.send(message)?;
        Ok(None)
    }

    /// As [`State::publish`], but waits for room if there is none.
    pub(super) fn publish_in_turn(
        &mut self,
        message: Publish,
    ) -> Result<oneshot::Receiver<Result<()>>> {
        let (sender, receiver) = oneshot::channel();
        match self.publish(message)? {
            None => drop(sender.send(Ok(()))),
            Some(message) => self.outgoing.line.push_back(Waiting { message, sender }),
        }
        Ok(receiver)
    }

    fn may_publish(&self, message: &Publish) -> bool {
        self.outgoing.messages == 0
            || self
                .outgoing
                .line
                .iter()
                .all(|first| first.sender.is_closed())
                && self.outgoing.has_room(message, self.max_pending())
    }

    /// Whether a request may be sent.
    ///
    /// # Errors
    /// `OutboundFull`
    pub(super) fn check_request(&self, message: &Publish) -> Result<()> {
        let limit = || self.max_pending().saturating_mul(REQUESTS);
        match self.outgoing.messages == 0 || self.outgoing.has_room(message, limit()) {
            true => Ok(()),
            false => Err(self.full()),
        }
    }

    /// The error of a message for which there is no room.
    pub(super) fn full(&self) -> Error {
        let Outgoing {
            messages, bytes, ..
        } = self.outgoing;
        let limit = self.max_pending();
        Error::new(
            Code::OutboundFull,
            format!("Too much waits to be sent: {messages} messages, {bytes} bytes, -max_pending {limit}"),
        )
    }

    fn max_pending(&self) -> usize {
        let owner = self.owner().upgrade();
        owner.map_or(0, |owner| owner.max_pending())
    }

    /// Sends a checked message, or keeps it, also beyond the limit.
    pub(super) fn send(&mut self, message: Publish) -> Result<()> {
        let present = self.link.as_ref().map(|_| *self.links.borrow());
        if message.link.is_some_and(|link| present != Some(link)) {
            return Ok(());
        }
        if self.outgoing.is_empty() {
            if let Some(link) = self.live_link() {
                if let Some(size) = link.admit(&message) {
                    return link.publish(message, size);
                }
            }
        }
        self.outgoing.push(message);
        self.start_pump();
        Ok(())
    }
}

/// From the queue to the link.
impl State {
    /// Hands over what the link takes and lets in who has waited for room. Returns whether anything was handed
    /// over.
    pub(super) fn hand_over(&mut self) -> bool {
        let owner = self.owner();
        let Some(link) = self.link.as_mut().filter(|link| link.is_up()) else {
            return false;
        };
        let subscriptions = &mut self.subscriptions;
        let outbox = &mut self.outbox;
        let progress = self.outgoing.hand_over(
            link,
            |interest, link| match interest {
                Interest::Begins(id) => subscriptions.attach(id, link, &owner),
                Interest::Ends(id) => subscriptions.stop(id),
            },
            // Nobody is left to whom it could be raised.
            |error| outbox.error(error),
        );
        self.admit();
        progress
    }

    /// Lets in who has waited for room, if there is some.
    pub(super) fn admit(&mut self) {
        if self.outgoing.line.is_empty() {
            return;
        }
        for waiter in self.outgoing.admit(self.max_pending()) {
            self.outbox.push(Notice::Settled(waiter, Ok(())));
        }
    }
}

/// The pump, which moves what waits to the link as that writes.
impl State {
    /// Starts it, if there is something to move.
    pub(super) fn start_pump(&mut self) {
        let owner = self.owner();
        if self.outgoing.is_empty() {
            return;
        }
        if let Some(link) = self.live_link() {
            link.start_pump(|written| pump(owner, written));
        }
    }

    /// One stroke: whether it moved something, and what the next one has to wait for. None when nothing waits.
    pub(super) fn pump(&mut self) -> Option<(bool, Written)> {
        let progress = self.hand_over();
        let idle = self.outgoing.is_empty();
        let link = self.live_link()?;
        if idle {
            link.pump_ended();
            return None;
        }
        Some((progress, link.written()))
    }
}

async fn pump(owner: Weak<dyn Owner>, mut written: Written) {
    while written.await {
        let Some(owner) = owner.upgrade() else {
            return;
        };
        let Some((progress, next)) = owner.pump() else {
            return;
        };
        drop(owner);
        if !progress {
            sleep(RETRY).await;
        }
        written = next;
    }
}
