//! Where a watch is: what of its messages was told before, and when the present is reached.

use super::end_of_data::{EndOfData, Seen};
use super::ordered::{DeliverPolicy, Delivery, Opening, Resume};

/// The position of a watch whose consumer may be made anew.
pub(crate) struct Present {
    policy: DeliverPolicy,
    end: EndOfData,
    /// The highest sequence that came.
    seen: u64,
    /// Up to here a replay repeats what was told already.
    repeated: u64,
}

impl Present {
    pub(crate) fn new(policy: DeliverPolicy) -> Present {
        Present {
            policy,
            end: EndOfData::new(policy == DeliverPolicy::LastPerSubject),
            seen: 0,
            repeated: 0,
        }
    }

    /// The highest sequence that came.
    pub(crate) fn seen(&self) -> u64 {
        self.seen
    }

    /// A consumer was created. True: the present is reached, as with the following functions.
    pub(crate) fn created(&mut self, num_pending: u64, opening: Opening) -> bool {
        match opening {
            Opening::First | Opening::Resumed => {}
            Opening::Replayed => self.repeated = self.seen,
            Opening::Recreated => (self.seen, self.repeated) = (0, 0),
        }
        // With updates only, what arrives while the consumer is created is an update already.
        match self.policy {
            DeliverPolicy::New => self.end.reach(),
            _ => self.end.created(num_pending),
        }
    }

    /// A message has come. Also whether it was not told before.
    pub(crate) fn message(&mut self, delivery: &Delivery) -> (bool, Seen) {
        let subject = &delivery.message.subject;
        let (pending, stored) = (delivery.pending, delivery.timestamp_ns);
        let seen = self.end.message(subject, pending, stored);
        let is_new = delivery.stream_seq > self.repeated;
        self.seen = self.seen.max(delivery.stream_seq);
        (is_new, seen)
    }

    /// The server has nothing more at the moment.
    pub(crate) fn caught_up(&mut self) -> bool {
        self.end.caught_up()
    }

    /// Whether a pause would be the end.
    pub(crate) fn is_doubtful(&self) -> bool {
        self.end.is_doubtful()
    }

    /// Before the end of current data, going on behind the last message would show some that are no longer the latest of
    /// their subject. After it every one counts.
    pub(crate) fn resume(&self) -> Resume {
        match self.policy {
            DeliverPolicy::LastPerSubject if !self.end.is_reached() => Resume::Replay,
            _ => Resume::FromNext,
        }
    }
}
