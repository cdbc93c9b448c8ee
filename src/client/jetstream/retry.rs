//! Requests that are sent again while nobody listens ([ADR-22]).
//!
//! A stream that changes its leader listens on none of its subjects for a moment, and the server says that
//! there are no responders. It says so without having given the message to anybody, so it is always safe to
//! send it again.
//!
//! [ADR-22]: https://github.com/nats-io/nats-architecture-and-design/blob/main/adr/ADR-22.md

use std::future::Future;
use std::time::Duration;

use super::context::JetStream;
use super::deadline::Deadline;
use crate::client::connection::{Connection, Publish};
use crate::client::error::{Code, Error, Result};
use crate::client::message::Message;

/// The time before a request is sent again.
const PAUSE: Duration = Duration::from_millis(250);

impl JetStream {
    /// Sends a request, and again if nobody listens. The function says whether that is so: a reply may have any
    /// status line of its own.
    ///
    /// # Errors
    /// `NoResponders`, after the last try; those of [`Connection::request`], and of `check`.
    pub(crate) fn request(
        &self,
        publish: Publish,
        deadline: Deadline,
        check: fn(Message) -> Result<Message>,
    ) -> impl Future<Output = Result<Message>> + Send + 'static {
        let retries = self.retries;
        let attempt = self.attempt(publish, deadline, check);
        let first = attempt.send();
        async move {
            match first.await {
                Err(error) if error.code == Code::NoResponders => {
                    Box::pin(attempt.again(retries, error)).await
                }
                outcome => outcome,
            }
        }
    }

    /// As [`JetStream::request`], after the first try, which has ended in `error`: nobody has listened.
    ///
    /// # Errors
    /// Those of [`JetStream::request`].
    pub(super) async fn request_again(
        &self,
        publish: Publish,
        deadline: Deadline,
        error: Error,
        check: fn(Message) -> Result<Message>,
    ) -> Result<Message> {
        let attempt = self.attempt(publish, deadline, check);
        attempt.again(self.retries, error).await
    }

    fn attempt(
        &self,
        publish: Publish,
        deadline: Deadline,
        check: fn(Message) -> Result<Message>,
    ) -> Attempt {
        Attempt {
            connection: self.connection.clone(),
            publish,
            deadline,
            check,
        }
    }

    /// Makes an attempt of a call again while nobody listens, as requests do. `error` is that of the first one.
    ///
    /// # Errors
    /// `NoResponders`, after the last try; those of the attempts.
    pub(crate) fn repeat<'a, T, F>(
        &'a self,
        error: Error,
        attempt: impl FnMut() -> F + Send + 'a,
    ) -> impl Future<Output = Result<T>> + Send + 'a
    where
        T: 'a,
        F: Future<Output = Result<T>> + Send + 'a,
    {
        repeat(
            &self.connection,
            self.retries,
            self.deadline(),
            error,
            attempt,
        )
    }
}

async fn repeat<T, F>(
    connection: &Connection,
    retries: u32,
    deadline: Deadline,
    mut error: Error,
    mut attempt: impl FnMut() -> F + Send,
) -> Result<T>
where
    F: Future<Output = Result<T>> + Send,
{
    for _ in 0..retries {
        if !deadline.allows(PAUSE) {
            break;
        }
        connection.pause(PAUSE).await?;
        match attempt().await {
            Err(still) if still.code == Code::NoResponders => error = still,
            outcome => return outcome,
        }
    }
    Err(error)
}

/// A request, and what is needed to send it again.
struct Attempt {
    connection: Connection,
    publish: Publish,
    deadline: Deadline,
    check: fn(Message) -> Result<Message>,
}

impl Attempt {
    /// The message is on its way when this returns.
    fn send(&self) -> impl Future<Output = Result<Message>> + Send + 'static {
        let check = self.check;
        let left = self.deadline.left(&self.publish.subject);
        let reply = left.map(|left| {
            self.connection
                .request_or_status(self.publish.clone(), left)
        });
        async move { reply?.await.and_then(check) }
    }

    /// Sends it again after `error`, as nobody has listened.
    async fn again(&self, retries: u32, error: Error) -> Result<Message> {
        let send = || self.send();
        repeat(&self.connection, retries, self.deadline, error, send).await
    }
}
