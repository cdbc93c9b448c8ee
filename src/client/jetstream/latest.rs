//! The latest messages of many subjects, page by page, all of one moment.

use serde_json::Value;

use super::api::Json;
use super::batched::Batched;
use super::{JetStream, StoredMessage};
use crate::client::error::Result;

/// What came of asking for all pages.
#[derive(Debug)]
pub(crate) enum Latest {
    /// The messages, in the order of the stream, and the sequence up to which the answer knows it.
    All(Vec<StoredMessage>, u64),
    /// Some were replaced or removed between two pages.
    Changed,
    /// There is no page, or none that follows.
    Other(Batched),
}

impl JetStream {
    /// Asks for page after page of what [`JetStream::batched_get`] takes with `multi_last`, at most so many messages;
    /// those that follow are of the moment of the first one.
    ///
    /// # Errors
    /// Those of [`JetStream::batched_get`].
    pub(crate) async fn latest(
        &self,
        stream: &str,
        mut query: Json,
        most: Option<u64>,
    ) -> Result<Latest> {
        let mut messages = Vec::new();
        let mut total = None;
        loop {
            let count = messages.len() as u64;
            if let Some(most) = most {
                query.insert("batch".into(), (most - count).into());
            }
            let (page, up_to) = match self.batched_get(stream, &query).await? {
                Batched::Page(page) => match page.up_to {
                    Some(up_to) => (page, up_to),
                    None => return Ok(Latest::Other(Batched::Incomplete)),
                },
                Batched::Nothing if total.is_some() => return Ok(Latest::Changed),
                other => return Ok(Latest::Other(other)),
            };
            let found = count + page.messages.len() as u64;
            let wanted = *total.get_or_insert(found + page.left);
            let wanted = most.map_or(wanted, |most| most.min(wanted));
            let last = page.messages.last().map(|message| message.sequence);
            messages.extend(page.messages);
            let next = match last {
                Some(last) if page.left > 0 && found < wanted => Value::from(last + 1),
                // With one message per subject, those that were replaced between two pages are missing.
                _ if found != wanted => return Ok(Latest::Changed),
                _ => return Ok(Latest::All(messages, up_to)),
            };
            query.remove("up_to_time");
            query.remove("start_time");
            query.insert("up_to_seq".into(), up_to.into());
            query.insert("seq".into(), next);
        }
    }
}
