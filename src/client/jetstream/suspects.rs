//! Which of the messages that the transport cannot read have broken the link. No input or output.
//!
//! The server does not say which messages a consumer waits for. One that is alone is the one that broke the
//! link. Of several some may be other clients' business: they count when the link breaks again, for then
//! nobody has acknowledged them in time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// So often one of several must have been there when the link broke.
const BREAKS: u32 = 2;

/// For how long something is known about a message that is seen no more.
const REMEMBERED: Duration = Duration::from_secs(3600);

/// A consumer: its stream, its name, and when it was made.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Identity(pub(super) String, pub(super) String, pub(super) String);

/// What is known about unreadable messages, by consumer and stream sequence.
#[derive(Clone, Default)]
pub(super) struct Suspects(Arc<Mutex<HashMap<(Identity, u64), Suspect>>>);

struct Suspect {
    seen: Instant,
    /// How many times it was there when the link broke, since it was delivered.
    breaks: u32,
    deliveries: u64,
    delivered: Option<Instant>,
}

impl Suspects {
    /// The link broke while the consumer waited for these messages. Returns those to be delivered, each with
    /// the number of its deliveries.
    pub(super) fn judge(
        &self,
        consumer: &Identity,
        ack_wait: Duration,
        sequences: &[u64],
    ) -> Vec<(u64, u64)> {
        let now = Instant::now();
        let mut suspects = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        suspects.retain(|(of, sequence), suspect| match of == consumer {
            true => sequences.contains(sequence),
            false => now.saturating_duration_since(suspect.seen) < REMEMBERED,
        });
        let mut waiting = Vec::new();
        for sequence in sequences {
            let place = (consumer.clone(), *sequence);
            let suspect = suspects.entry(place).or_insert(Suspect::new(now));
            suspect.seen = now;
            if !suspect.is_in_hand(now, ack_wait) {
                suspect.breaks += 1;
                waiting.push(*sequence);
            }
        }
        let is_alone = waiting.len() == 1;
        let mut guilty = Vec::new();
        for sequence in waiting {
            let suspect = suspects.get_mut(&(consumer.clone(), sequence));
            if let Some(suspect) = suspect.filter(|suspect| is_alone || suspect.breaks >= BREAKS) {
                suspect.breaks = 0;
                suspect.deliveries += 1;
                suspect.delivered = Some(now);
                guilty.push((sequence, suspect.deliveries));
            }
        }
        guilty
    }
}

impl Suspect {
    fn new(now: Instant) -> Suspect {
        Suspect {
            seen: now,
            breaks: 0,
            deliveries: 0,
            delivered: None,
        }
    }

    /// Its receiver still has time to acknowledge it, or has done so.
    fn is_in_hand(&self, now: Instant, ack_wait: Duration) -> bool {
        self.delivered
            .is_some_and(|then| now.saturating_duration_since(then) < ack_wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(suspects: &Suspects, ack_wait: u64, sequences: &[u64]) -> Vec<(u64, u64)> {
        let consumer = Identity("S".into(), "C".into(), "now".into());
        suspects.judge(&consumer, Duration::from_secs(ack_wait), sequences)
    }

    #[test]
    fn one_that_is_alone_is_delivered_at_once_and_again_when_it_is_overdue() {
        let suspects = Suspects::default();
        assert_eq!(judge(&suspects, 60, &[3]), [(3, 1)]);
        assert_eq!(judge(&suspects, 60, &[3]), []);
        assert_eq!(judge(&suspects, 0, &[3]), [(3, 2)]);
    }

    #[test]
    fn several_are_delivered_at_the_second_time() {
        let suspects = Suspects::default();
        assert_eq!(judge(&suspects, 60, &[3, 5]), []);
        assert_eq!(judge(&suspects, 60, &[3, 5]), [(3, 1), (5, 1)]);
        assert_eq!(judge(&suspects, 60, &[3, 5]), []);
        assert_eq!(judge(&suspects, 60, &[3, 5, 7]), [(7, 1)]);
    }

    #[test]
    fn what_was_acknowledged_is_forgotten() {
        let suspects = Suspects::default();
        judge(&suspects, 60, &[3, 5]);
        judge(&suspects, 60, &[]);
        assert!(suspects.0.lock().unwrap().is_empty());
    }
}
