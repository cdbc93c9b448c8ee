//! Waiting until what was changed is written.

use crate::client::error::{Code, Error};
use crate::runtime;
use std::cell::RefCell;
use std::time::Duration;
use tcl::{Obj, Outcome, Result};
use tokio::sync::oneshot;
use tokio::time::timeout;

/// Those who wait.
#[derive(Default)]
pub struct Flushes(RefCell<Vec<Flush>>);

struct Flush {
    /// The newest change that is waited for.
    order: u64,
    written: oneshot::Sender<std::result::Result<(), Error>>,
}

impl Flushes {
    /// Waits until all changes up to one are written, or lost; zero: without limit.
    ///
    /// # Errors
    /// `ErrTimeout`; `ErrConnectionClosed`; `ErrInvalidArg` if the watcher is destroyed meanwhile.
    pub fn wait(&self, order: u64, limit: Duration) -> Result<Outcome> {
        let written = self.add(order);
        let flushed = async move {
            let outcome = match limit.is_zero() {
                true => written.await,
                false => timeout(limit, written).await.map_err(|_| late(limit))?,
            };
            outcome.unwrap_or_else(|_| Err(destroyed()))
        };
        runtime::answer(|| flushed, |_, ()| Ok(Obj::empty()))
    }

    fn add(&self, order: u64) -> oneshot::Receiver<std::result::Result<(), Error>> {
        let (written, receiver) = oneshot::channel();
        let mut flushes = self.0.borrow_mut();
        flushes.retain(|flush| !flush.written.is_closed());
        flushes.push(Flush { order, written });
        receiver
    }

    /// Tells those whose changes are written.
    pub fn tell(&self, is_saved: impl Fn(u64) -> bool) {
        let mut flushes = self.0.borrow_mut();
        let waiting = std::mem::take(&mut *flushes);
        for flush in waiting {
            match is_saved(flush.order) {
                true => drop(flush.written.send(Ok(()))),
                false => flushes.push(flush),
            }
        }
    }

    /// Nothing can be written any more.
    pub fn fail(&self, error: &Error) {
        for flush in self.0.take() {
            let _ = flush.written.send(Err(error.clone()));
        }
    }

    /// The watcher is gone.
    pub fn drop_all(&self) {
        self.0.take();
    }
}

fn destroyed() -> Error {
    Error::invalid_arg("The watcher was destroyed meanwhile")
}

fn late(limit: Duration) -> Error {
    let limit = limit.as_millis();
    Error::new(
        Code::Timeout,
        format!("Not all changes were stored within {limit} ms"),
    )
}
