//! Watches that go on where an earlier one has ended.

use super::handle::Bucket;
use crate::client::error::{Code, Error, Result};
use crate::client::jetstream::JsonExt;

impl Bucket {
    /// Checks that a revision is in the bucket, was there, or is the next one. The server would take any, and deliver
    /// nothing until it has come.
    ///
    /// # Errors
    /// `RevisionNotFound` if the bucket has never got that far: it was deleted and made anew; `StreamNotFound`; those
    /// of [`JetStream::api`](crate::client::jetstream::JetStream::api).
    pub(super) async fn check_revision(&self, revision: u64) -> Result<()> {
        let info = self.js().stream_info(self.stream()).await?;
        let state = info.object("state");
        let last = state.and_then(|state| state.number("last_seq"));
        let last = last.unwrap_or(0);
        if revision <= last.saturating_add(1) {
            return Ok(());
        }
        let message = format!(
            "Bucket {} has no revision {revision}, the latest one is {last}: it was made anew",
            self.name()
        );
        Err(Error::new(Code::RevisionNotFound, message))
    }
}
