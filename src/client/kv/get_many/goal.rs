//! How far whoever answers must have got, and the pauses until then.

use std::time::Duration;

use super::request::Request;
use crate::client::error::{Code, Error, Result};
use crate::client::jetstream::JsonExt;
use crate::client::kv::call::Call;

/// The first pause before a question is asked again; each one is longer by as much.
const PAUSE: Duration = Duration::from_millis(10);

/// Up to this.
const LONGEST_PAUSE: Duration = Duration::from_millis(100);

/// The revision that whoever answers must have.
pub(super) struct Goal {
    revision: u64,
    /// It is one that this handle has written, and the bucket may have been made anew since.
    is_doubtful: bool,
    next_pause: Duration,
}

impl Goal {
    pub(super) fn of(call: &Call, request: &Request) -> Goal {
        let wanted = request.options.min_revision;
        Goal {
            revision: wanted.unwrap_or_else(|| call.bucket.written()),
            is_doubtful: wanted.is_none(),
            next_pause: PAUSE,
        }
    }

    pub(super) fn revision(&self) -> u64 {
        self.revision
    }

    /// Whoever has got so far may answer.
    pub(super) fn is_reached(&self, revision: u64) -> bool {
        revision >= self.revision
    }

    /// An answer has not got so far: waits before the next question.
    ///
    /// # Errors
    /// `Timeout` if there is no time for that.
    pub(super) async fn behind(&mut self, call: &Call) -> Result<()> {
        if std::mem::take(&mut self.is_doubtful) && self.is_of_former(call).await {
            call.bucket.forget_written(self.revision);
            self.revision = 0;
            return Ok(());
        }
        self.pause(call).await
    }

    /// The same, whatever the reason is.
    ///
    /// # Errors
    /// `Timeout` if there is no time for that.
    pub(super) async fn pause(&mut self, call: &Call) -> Result<()> {
        if !call.js.deadline().allows(self.next_pause) {
            let (bucket, revision) = (call.bucket.name(), self.revision);
            let message = match revision {
                0 => format!("Timeout while reading keys of bucket {bucket}"),
                _ => format!("Nobody who answers for bucket {bucket} has revision {revision} yet"),
            };
            return Err(Error::new(Code::Timeout, message));
        }
        call.js.connection.pause(self.next_pause).await?;
        self.next_pause = (self.next_pause + PAUSE).min(LONGEST_PAUSE);
        Ok(())
    }

    /// The stream that has taken the write knows nothing of it.
    async fn is_of_former(&self, call: &Call) -> bool {
        let taker = call.bucket.subjects().taker();
        let info = call
            .js
            .at(&taker.api)
            .for_a_look()
            .stream_info(&taker.stream);
        let info = info.await.ok();
        let last = info.and_then(|info| info.object("state")?.number("last_seq"));
        last.is_some_and(|last| last < self.revision)
    }
}
