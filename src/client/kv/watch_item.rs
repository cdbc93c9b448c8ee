//! What a watch has to tell, and to whom.

use super::entry::Entry;
use super::states::WatchState;
use crate::client::connection::Hold;
use crate::client::jetstream::ordered::{Change, FlowControl};

/// What a watch has to tell.
#[derive(Debug)]
pub enum WatchItem {
    Entry(Entry),
    /// Several items, two or more, to be dealt with at once: the entries of a transaction, and what came between
    /// them but for flow control.
    Together(Vec<WatchItem>),
    /// Everything that was there at the beginning was told. Comes exactly once.
    EndOfData,
    /// From here on the watch stands like this. [`WatchState::Stopped`] is not told; see [`Change::Stopped`].
    State(WatchState),
    /// To be answered when everything before it was dealt with.
    FlowControl(FlowControl),
}

/// Receives what a watch has to tell, one call at a time, on a runtime thread.
///
/// Must not block, and must not call back into the watch; see
/// [`Observer`](crate::client::jetstream::ordered::Observer).
pub trait WatchObserver: Send + 'static {
    /// In stream order. What is left in the vector is dropped; it may be taken as a whole.
    fn deliver(&mut self, items: &mut Vec<WatchItem>);

    /// Something about the underlying consumer has changed.
    fn changed(&mut self, change: Change);

    /// As [`Observer::drain`](crate::client::jetstream::ordered::Observer::drain).
    fn drain(&mut self, hold: &Hold) -> bool;
}
