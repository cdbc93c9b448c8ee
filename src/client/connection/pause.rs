//! A pause between two attempts, which ends with the connection.

use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;

use super::handle::Connection;
use super::waiters::Waiter;
use crate::client::error::Result;

impl Connection {
    /// Waits for a time.
    ///
    /// # Errors
    /// `ConnectionClosed` as soon as `disconnect` is called; `Timeout` as soon as no server is left.
    pub(crate) async fn pause(&self, time: Duration) -> Result<()> {
        let (sender, end) = oneshot::channel();
        let key = self.0.with(|state| -> Result<u64> {
            state.check_open()?;
            Ok(state.waiters.add(Waiter::Pause(sender)))
        })?;
        let waiting = Waiting {
            connection: self,
            key,
        };
        let ended = timeout(time, end).await;
        drop(waiting);
        match ended {
            Ok(Ok(error)) => Err(error),
            _ => Ok(()),
        }
    }
}

/// Forgets who waits, also if the wait is given up.
struct Waiting<'a> {
    connection: &'a Connection,
    key: u64,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let Waiting { connection, key } = self;
        connection.0.with(|state| state.waiters.remove(*key));
    }
}
