//! Who receives the messages of a subscription.

use async_nats::Message;

use super::hold::Hold;
use crate::client::error::Error;

/// Receives the messages of a subscription.
///
/// The connection keeps it until the subscription ends, so it should not hold a
/// [`Connection`](super::Connection) of which nothing else ends it.
pub trait Deliver: Send + Sync + 'static {
    /// Messages in order, on a runtime thread; must not block. What is left in the vector is
    /// dropped, and reported: its receiver is too slow.
    fn deliver(&self, subscription: u64, messages: &mut Vec<Message>);

    /// Whether a receiver that was too slow has worked off enough for the next overflow to be
    /// reported again.
    fn has_caught_up(&self) -> bool {
        true
    }

    /// The subscription ended by itself, having got all it asked for, or with the connection, or it was
    /// drained. Not called after `unsubscribe`.
    fn ended(&self, _subscription: u64) {}

    /// The link broke, and all that came on it was delivered. It goes on with the next link.
    fn unlinked(&self, _subscription: u64) {}

    /// A new link was made, whose server knows the subscription by now. What was asked for on the link
    /// before may be forgotten.
    fn relinked(&self, _subscription: u64) {}

    /// The server does not permit the subscription, or what it is for ([`Deliver::asks_on`]).
    fn denied(&self, _subscription: u64, _error: &Error) {}

    /// The subject on which its owner asks for what shall come here, if it does so by messages that are no
    /// requests.
    fn asks_on(&self) -> Option<&str> {
        None
    }

    /// The connection is drained. Whether the subscription shall end now, like one that is drained by itself;
    /// else it is its owner's to end. `hold` is for those who have something to do after the end.
    fn drain(&self, _subscription: u64, _hold: &Hold) -> bool {
        true
    }
}
