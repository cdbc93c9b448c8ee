//! What keeps a connection that is drained from closing.

use std::convert::Infallible;

use futures_util::future::{BoxFuture, Shared};
use tokio::sync::{mpsc, oneshot};

use crate::client::error::{Error, Result};

/// Keeps a connection that is drained from closing, until its last clone is dropped or the time is over.
#[derive(Clone)]
pub struct Hold {
    _held: mpsc::Sender<Infallible>,
}

impl Hold {
    /// The first one, and what tells when the last one is dropped.
    pub(super) fn new() -> (Hold, mpsc::Receiver<Infallible>) {
        let (held, released) = mpsc::channel(1);
        (Hold { _held: held }, released)
    }
}

/// How a drain ends, for all who want to know.
pub(super) type Outcome = Shared<BoxFuture<'static, Result<()>>>;

/// What a state knows of its being drained.
pub(super) struct Draining {
    /// Told why when the connection ends by other means.
    pub(super) interrupted: oneshot::Sender<Error>,
    pub(super) closed: Outcome,
}
