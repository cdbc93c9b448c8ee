//! What the stream's leader says of it.

use std::time::Duration;

use super::goal::Goal;
use crate::client::error::{Code, Result};
use crate::client::jetstream::{Json, JsonExt};
use crate::client::kv::call::Call;
use crate::client::kv::handle::not_found;

/// How often the end of a transaction is waited for; one that was given up has none.
const LOOKS: usize = 10;

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(5);

/// A stream, as its leader has it.
pub(super) struct State {
    /// The last sequence.
    pub(super) last: u64,
    /// Whether it has any message.
    pub(super) is_empty: bool,
    /// Whether it keeps one revision of each key.
    pub(super) keeps_one: bool,
    /// Whether it takes transactions.
    is_atomic: bool,
}

impl State {
    fn of(info: &Json) -> Option<State> {
        let (config, state) = (info.object("config")?, info.object("state")?);
        Some(State {
            last: state.number("last_seq").unwrap_or(0),
            is_empty: state.number("messages").unwrap_or(0) == 0,
            keeps_one: config.number("max_msgs_per_subject") == Some(1),
            is_atomic: config.flag("allow_atomic"),
        })
    }
}

impl Call {
    /// The stream, once it has got so far.
    ///
    /// # Errors
    /// `BucketNotFound`; `Timeout`; those of [`JetStream::api`](crate::client::jetstream::JetStream::api).
    pub(super) async fn state(&self, goal: &mut Goal) -> Result<State> {
        loop {
            let info = self.js.stream_info(self.bucket.stream()).await;
            let info = info.map_err(|error| match error.code {
                Code::StreamNotFound => not_found(self.bucket.name()),
                _ => error,
            })?;
            match State::of(&info) {
                Some(state) if goal.is_reached(state.last) => return Ok(state),
                _ => goal.behind(self).await?,
            }
        }
    }

    /// The same, but not in the middle of a transaction.
    ///
    /// # Errors
    /// Those of [`Call::state`].
    pub(super) async fn whole_state(&self, goal: &mut Goal) -> Result<State> {
        let mut state = self.state(goal).await?;
        for _ in 0..LOOKS {
            let may_be_within = state.is_atomic && !state.is_empty;
            if !may_be_within || !self.is_within_batch(state.last).await? {
                break;
            }
            self.js.connection.pause(PAUSE).await?;
            state = self.state(goal).await?;
        }
        Ok(state)
    }

    /// Whether the transaction goes on to which a message belongs. One that is gone was replaced by a later one.
    async fn is_within_batch(&self, sequence: u64) -> Result<bool> {
        let query = Json::from_iter([("seq".to_owned(), sequence.into())]);
        match self.js.stream_msg_get(self.bucket.stream(), &query).await {
            Ok(message) => {
                let has = |name| message.headers.first(name).is_some();
                Ok(has("Nats-Batch-Id") && !has("Nats-Batch-Commit"))
            }
            Err(error) if error.code == Code::MsgNotFound => Ok(true),
            Err(error) => Err(error),
        }
    }
}
