//! How much continuous consumption asks for, and when. No input or output.
//!
//! What was asked for and what came but was not worked off yet count together: a receiver that is busy
//! gets no more than the limits, and one that is quick never waits for the next request.

/// The limits of a consumption.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The most messages on their way or waiting.
    pub batch: u64,
    /// With fewer than these, more are asked for.
    pub threshold: u64,
    /// The most bytes on their way or waiting; with less than half of them, more are asked for.
    pub max_bytes: Option<u64>,
}

/// Some messages: how many, and their size together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Amount {
    pub(super) messages: u64,
    pub(super) bytes: u64,
}

impl Amount {
    pub(super) fn one(bytes: usize) -> Amount {
        Amount {
            messages: 1,
            bytes: bytes as u64,
        }
    }

    fn plus(self, other: Amount) -> Amount {
        Amount {
            messages: self.messages.saturating_add(other.messages),
            bytes: self.bytes.saturating_add(other.bytes),
        }
    }

    fn minus(self, other: Amount) -> Amount {
        Amount {
            messages: self.messages.saturating_sub(other.messages),
            bytes: self.bytes.saturating_sub(other.bytes),
        }
    }
}

/// What is on its way and what waits.
pub(super) struct Demand {
    limits: Limits,
    /// Asked for, and neither come nor called off.
    asked: Amount,
    /// Come, and not worked off.
    waiting: Amount,
    /// The next message does not fit beside those that wait.
    full: bool,
}

impl Demand {
    pub(super) fn new(limits: Limits) -> Demand {
        Demand {
            limits,
            asked: Amount::default(),
            waiting: Amount::default(),
            full: false,
        }
    }

    /// Whether anything is to be expected from the server.
    pub(super) fn is_asking(&self) -> bool {
        self.asked.messages > 0
    }

    /// A message came for a request that counts.
    pub(super) fn came(&mut self, message: Amount) {
        self.waiting = self.waiting.plus(message);
        self.call_off(message);
    }

    /// A message came for a request that was forgotten.
    pub(super) fn came_late(&mut self, message: Amount) {
        self.waiting = self.waiting.plus(message);
    }

    /// The receiver is done with a message.
    pub(super) fn handled(&mut self, message: Amount) {
        self.waiting = self.waiting.minus(message);
        self.full = false;
    }

    /// So much of a request will not come.
    pub(super) fn call_off(&mut self, rest: Amount) {
        self.asked = self.asked.minus(rest);
        // A request ends without a word when either limit is reached exactly.
        let spent = self.limits.max_bytes.is_some() && self.asked.bytes == 0;
        if spent || self.asked.messages == 0 {
            self.forget();
        }
    }

    /// So much of a request will not come, as the next message is longer than that. Returns false if it
    /// is longer than all that may ever be asked for.
    pub(super) fn call_off_too_long(&mut self, rest: Amount) -> bool {
        self.call_off(rest);
        self.full = self.waiting.messages > 0;
        self.full || self.limits.max_bytes.is_some_and(|max| rest.bytes < max)
    }

    /// Nothing that was asked for is expected any more.
    pub(super) fn forget(&mut self) {
        self.asked = Amount::default();
    }

    /// Whether more should be asked for.
    pub(super) fn is_low(&self) -> bool {
        let all = self.asked.plus(self.waiting);
        all.messages < self.limits.threshold
            && match self.limits.max_bytes {
                None => true,
                // How much of its bytes a request leaves is only known if there is no other.
                Some(max) => {
                    !self.is_asking() && !self.full && self.waiting.bytes < max.div_ceil(2)
                }
            }
    }

    /// What to ask for now; it counts as asked for.
    pub(super) fn next(&mut self) -> Option<Amount> {
        if !self.is_low() {
            return None;
        }
        let all = self.asked.plus(self.waiting);
        let next = Amount {
            messages: self.limits.batch.saturating_sub(all.messages),
            bytes: self.limits.max_bytes.unwrap_or(0).saturating_sub(all.bytes),
        };
        self.asked = self.asked.plus(next);
        (next.messages > 0).then_some(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn demand(batch: u64, threshold: u64, max_bytes: Option<u64>) -> Demand {
        Demand::new(Limits {
            batch,
            threshold,
            max_bytes,
        })
    }

    fn next(demand: &mut Demand) -> Option<(u64, u64)> {
        demand.next().map(|next| (next.messages, next.bytes))
    }

    fn come(demand: &mut Demand, count: u64, bytes: usize) {
        for _ in 0..count {
            demand.came(Amount::one(bytes));
        }
    }

    fn handle(demand: &mut Demand, count: u64, bytes: usize) {
        for _ in 0..count {
            demand.handled(Amount::one(bytes));
        }
    }

    #[test]
    fn asks_again_below_the_threshold() {
        let mut demand = demand(10, 5, None);
        assert_eq!(next(&mut demand), Some((10, 0)));
        assert_eq!(next(&mut demand), None);
        come(&mut demand, 10, 1);
        assert_eq!(next(&mut demand), None);
        handle(&mut demand, 5, 1);
        assert_eq!(next(&mut demand), None);
        handle(&mut demand, 1, 1);
        assert_eq!(next(&mut demand), Some((6, 0)));
    }

    #[test]
    fn a_busy_receiver_gets_no_more_than_the_batch() {
        let mut demand = demand(4, 4, None);
        assert_eq!(next(&mut demand), Some((4, 0)));
        come(&mut demand, 4, 1);
        demand.forget();
        assert_eq!(next(&mut demand), None);
        handle(&mut demand, 1, 1);
        assert_eq!(next(&mut demand), Some((1, 0)));
    }

    #[test]
    fn one_at_a_time() {
        let mut demand = demand(1, 1, None);
        assert_eq!(next(&mut demand), Some((1, 0)));
        assert_eq!(next(&mut demand), None);
        come(&mut demand, 1, 1);
        assert_eq!(next(&mut demand), None);
        handle(&mut demand, 1, 1);
        assert_eq!(next(&mut demand), Some((1, 0)));
    }

    #[test]
    fn what_is_called_off_is_asked_for_again() {
        let mut demand = demand(10, 5, None);
        next(&mut demand);
        come(&mut demand, 2, 1);
        demand.call_off(Amount {
            messages: 8,
            bytes: 0,
        });
        assert!(!demand.is_asking());
        assert_eq!(next(&mut demand), Some((8, 0)));
        demand.forget();
        assert_eq!(next(&mut demand), Some((8, 0)));
    }

    #[test]
    fn late_messages_count_as_waiting() {
        let mut demand = demand(2, 2, None);
        demand.came_late(Amount::one(9));
        assert_eq!(next(&mut demand), Some((1, 0)));
    }

    #[test]
    fn bytes_are_limited_too() {
        let mut demand = demand(1000, 500, Some(100));
        assert_eq!(next(&mut demand), Some((1000, 100)));
        come(&mut demand, 2, 40);
        assert_eq!(next(&mut demand), None);
        handle(&mut demand, 2, 40);
        assert_eq!(next(&mut demand), None);
        demand.call_off(Amount {
            messages: 998,
            bytes: 20,
        });
        assert_eq!(next(&mut demand), Some((1000, 100)));
    }

    #[test]
    fn a_request_that_is_spent_is_over() {
        let mut bytes_spent = demand(1000, 500, Some(80));
        next(&mut bytes_spent);
        come(&mut bytes_spent, 2, 40);
        assert!(!bytes_spent.is_asking());
        let mut messages_spent = demand(2, 1, Some(1000));
        next(&mut messages_spent);
        come(&mut messages_spent, 2, 40);
        handle(&mut messages_spent, 2, 40);
        assert_eq!(next(&mut messages_spent), Some((2, 1000)));
    }

    #[test]
    fn a_message_that_does_not_fit() {
        let mut demand = demand(1000, 500, Some(100));
        let too_long = |bytes| Amount {
            messages: 1000,
            bytes,
        };
        next(&mut demand);
        assert!(!demand.call_off_too_long(too_long(100)));
        next(&mut demand);
        come(&mut demand, 1, 30);
        assert!(demand.call_off_too_long(too_long(70)));
        assert_eq!(next(&mut demand), None);
        handle(&mut demand, 1, 30);
        assert_eq!(next(&mut demand), Some((1000, 100)));
        come(&mut demand, 1, 30);
        handle(&mut demand, 1, 30);
        assert!(demand.call_off_too_long(too_long(70)));
        assert_eq!(next(&mut demand), Some((1000, 100)));
    }
}
