//! Sending a transaction.
//!
//! What is sent again is sent under another id, and only where nothing can have been stored: nobody listened, or the
//! server lacks a part of it. After a link has ended in between, what the last key has tells whether all is stored.

use std::future::Future;
use std::ops::Range;
use std::pin::pin;
use std::time::Duration;

use super::plan::Plan;
use super::step::Step;
use crate::client::error::{Code, Error, Result};
use crate::client::jetstream::{Batch, Json, JsonExt};
use crate::client::kv::call::Call;
use crate::client::kv::features::Needed;
use crate::client::kv::handle::Bucket;
use crate::client::kv::lease::Fence;

/// So often a plan is settled with what others have written meanwhile. A lock is renewed now and then.
const SETTLEMENTS: usize = 3;

/// The first pause before the last key is looked up once more; each one is twice as long as the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// And so on up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

impl Bucket {
    /// Writes several keys all or none. Returns the new revisions of what is written, in the order of steps.
    /// No timeout means that of all calls, a zero one that there is no limit. With a fence it is a condition that its key
    /// is still held.
    ///
    /// # Errors
    /// `InvalidArg` for malformed steps, a key that is there twice, no or too many writes, more checks than writes that
    /// expect nothing, and for a lock of another bucket or connection; `Locked` if the lock is known to be lost;
    /// `NotCounter`; `NotSupported` if the bucket does not allow it, or knows of no times to live;
    /// `WrongLastSequence` if a key is not what it is expected to be, in which case nothing is stored; `JsResponse`,
    /// such as 400/10054 for a value that is too long, with nothing stored; `Timeout`, after which all may be stored,
    /// or nothing is; those of [`Bucket::put`].
    pub fn transaction(
        &self,
        steps: Vec<Step>,
        timeout: Option<Duration>,
        fence: Option<Fence>,
    ) -> impl Future<Output = Result<Range<u64>>> + Send + 'static {
        let plan = Plan::new(self, steps, fence.as_ref());
        let mut call = self.call();
        if let Some(timeout) = timeout {
            call.js = self.js().within(timeout);
        }
        async move {
            let mut plan = plan?;
            call.writes_values().await?;
            call.able(Needed::Atomic).await?;
            plan.expire(&call).await?;
            let last = call.transact(&mut plan, fence.as_ref()).await?;
            call.bucket.wrote(last);
            Ok(plan.revisions(last))
        }
    }
}

impl Call {
    /// Has a plan carried out; returns the revision of its last write.
    async fn transact(&self, plan: &mut Plan, fence: Option<&Fence>) -> Result<u64> {
        let mut may_be_incomplete = true;
        let mut settlements = 0..SETTLEMENTS;
        loop {
            let error = match self.committed(plan, fence).await {
                Ok(last) => return Ok(last),
                Err(error) => error,
            };
            let again = match error.code {
                INCOMPLETE => std::mem::take(&mut may_be_incomplete),
                Code::WrongLastSequence => {
                    Box::pin(self.settle(plan, fence, &error)).await?
                        && settlements.next().is_some()
                }
                _ => false,
            };
            if !again {
                return Err(Box::pin(self.refusal_of_batch(error)).await);
            }
        }
    }

    /// After a conflict: whether the same may be tried again, as no condition is otherwise than it shall be.
    ///
    /// # Errors
    /// `WrongLastSequence` with what differs; those of a look at the keys.
    async fn settle(&self, plan: &mut Plan, fence: Option<&Fence>, error: &Error) -> Result<bool> {
        let has_changed = plan.settle(self, error).await?;
        let has_moved = match fence {
            Some(fence) => fence.has_moved(error).await?,
            None => false,
        };
        Ok(has_changed || has_moved)
    }

    /// Sends a plan, and again while nobody listens.
    async fn committed(&self, plan: &Plan, fence: Option<&Fence>) -> Result<u64> {
        match self.commit(plan, fence).await {
            Err(error) if error.code == Code::NoResponders => {
                let again = self.js.repeat(error, || self.commit(plan, fence));
                Box::pin(again).await
            }
            outcome => outcome,
        }
    }

    /// Sends a plan once.
    async fn commit(&self, plan: &Plan, fence: Option<&Fence>) -> Result<u64> {
        let turn = match fence {
            Some(fence) => Some(Box::pin(fence.turn(self.js.deadline())).await?),
            None => None,
        };
        let locked = turn.as_ref().map(|turn| turn.revision);
        let batch = Batch::new(plan.messages(&self.bucket, locked))?;
        let id = batch.id().to_owned();
        let relinked = self.js.connection.relinked();
        let mut answer = pin!(self.js.publish_batch(batch));
        // All of it goes out before the next renewal does.
        drop(turn);
        tokio::select! {
            biased;
            answer = &mut answer => return last_of(answer?),
            () = relinked => {}
        }
        let last = plan.writes.last().map(|write| &*write.key);
        let stored = pin!(self.stored_by(last.unwrap_or_default(), &id));
        // The rest of it may have gone out by the new link: then there is an answer.
        tokio::select! {
            biased;
            stored = stored => stored,
            answer = answer => match answer {
                Err(error) if error.code == Code::Timeout => Err(unknown(self.bucket.name())),
                answer => last_of(answer?),
            },
        }
    }

    /// Waits until a key's entry is one that this batch has written; returns its revision.
    ///
    /// # Errors
    /// `ConnectionClosed`
    async fn stored_by(&self, key: &str, batch: &str) -> Result<u64> {
        let mut pause = FIRST_PAUSE;
        loop {
            match self.entry_once_more(key).await {
                Ok(entry) if entry.batch.as_deref() == Some(batch) => return Ok(entry.revision),
                Err(error) if error.code == Code::ConnectionClosed => return Err(error),
                _ => {}
            }
            self.js.connection.pause(pause).await?;
            pause = (2 * pause).min(LONGEST_PAUSE);
        }
    }

    /// The error of a batch that was refused, in the words of buckets.
    async fn refusal_of_batch(&self, error: Error) -> Error {
        match error.code {
            NOT_ENABLED => Needed::Atomic.missing_in(self.bucket.name()),
            Code::JsResponse {
                code: 400,
                err_code: 10175 | 10177 | 10179 | 10200 | 10201,
            } => Error::new(Code::Internal, error.message),
            _ => self.refusal(error).await,
        }
    }
}

/// The server has not got all messages: nothing is stored.
const INCOMPLETE: Code = Code::JsResponse {
    code: 400,
    err_code: 10176,
};

const NOT_ENABLED: Code = Code::JsResponse {
    code: 400,
    err_code: 10174,
};

fn last_of(acknowledgement: Json) -> Result<u64> {
    let last = acknowledgement.number("seq");
    last.ok_or_else(|| Error::new(Code::Protocol, "The acknowledgement has no sequence"))
}

fn unknown(bucket: &str) -> Error {
    let message = format!(
        "The link broke, and bucket {bucket} did not answer in time: all of the transaction is stored, or nothing"
    );
    Error::new(Code::Timeout, message)
}
