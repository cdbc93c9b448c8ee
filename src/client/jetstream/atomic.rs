//! Publishing several messages of which all are stored, or none ([ADR-50]).
//!
//! [ADR-50]: https://github.com/nats-io/nats-architecture-and-design/blob/main/adr/ADR-50.md

use std::future::Future;
use std::time::Duration;

use async_nats::header::{
    NATS_BATCH_COMMIT, NATS_BATCH_COMMIT_FINAL, NATS_BATCH_ID, NATS_BATCH_SEQUENCE,
};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use rand::distr::{Alphanumeric, SampleString};
use tokio::task::unconstrained;

use super::api::Json;
use super::context::JetStream;
use super::publish::acknowledgement;
use crate::client::connection::{responded, Publish};
use crate::client::error::{Code, Error, Result};

/// Servers take no more messages at once.
pub const MOST: usize = 1000;

/// Letters and digits of a batch's id.
const ID_LENGTH: usize = 22;

/// Messages that are to be stored all or none.
pub(crate) struct Batch {
    id: String,
    /// With the headers that make a batch of them.
    messages: Vec<Publish>,
}

impl Batch {
    /// A batch with an id of its own.
    ///
    /// # Errors
    /// `InvalidArg` without messages, or for more than [`MOST`].
    pub(crate) fn new(messages: Vec<Publish>) -> Result<Batch> {
        let count = messages.len();
        if !(1..=MOST).contains(&count) {
            return Err(Error::invalid_arg(format!(
                "{count} messages cannot be published at once; allowed are 1 to {MOST}"
            )));
        }
        let id = Alphanumeric.sample_string(&mut rand::rng(), ID_LENGTH);
        let numbered = messages.into_iter().zip(1..);
        let messages = numbered
            .map(|(message, number)| in_batch(message, &id, number, number == count))
            .collect();
        Ok(Batch { id, messages })
    }

    /// What is stored with each of its messages, and with no others.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }
}

impl JetStream {
    /// Publishes messages of one stream all or none, with one round trip. The result is the acknowledgement of the
    /// last one: `stream`, `seq` (the sequence of the last, those before have the ones before), `batch`, `count`.
    ///
    /// Nothing is sent again: who hears of a time limit or a connection that broke does not know whether they were
    /// stored.
    ///
    /// # Errors
    /// `InvalidArg` without messages, or for more than [`MOST`]; `NotSupported` for a server before 2.12, also if
    /// that shows when the first one was stored; `JsResponse`, such as 400/10174 if the stream does not allow it;
    /// `WrongLastSequence` if one of the messages expects another; `NoResponders`; `Timeout`; `ConnectionClosed`;
    /// `MaxPayload`.
    pub fn publish_atomic(
        &self,
        messages: Vec<Publish>,
        timeout: Duration,
    ) -> impl Future<Output = Result<Json>> + Send + 'static {
        let sent = Batch::new(messages).and_then(|batch| {
            self.check_server_at_least(2, 12)?;
            self.within(timeout).send_batch(batch)
        });
        async move { sent?.outcome().await }
    }

    /// As [`JetStream::publish_atomic`], within this handle's time limit, where the version of the server that is
    /// connected says nothing.
    pub(crate) fn publish_batch(
        &self,
        batch: Batch,
    ) -> impl Future<Output = Result<Json>> + Send + 'static {
        let sent = self.send_batch(batch);
        async move { sent?.outcome().await }
    }

    /// Sends all messages, each as a request: which one was refused, and why, is told by the reply to that one.
    fn send_batch(&self, batch: Batch) -> Result<Sent> {
        let connection = &self.connection;
        for message in &batch.messages {
            connection.check_publish(message)?;
        }
        let mut messages = batch.messages.into_iter();
        let last = messages.next_back();
        let last = last.ok_or_else(|| Error::invalid_arg("There are no messages"))?;
        let left = self.deadline().left(&last.subject)?;
        let request = |message| {
            let reply = connection.request_or_status(message, left);
            async move { Ok(responded(reply.await?)?.payload) }.boxed()
        };
        Ok(Sent {
            before: messages.map(request).collect(),
            last: request(last),
        })
    }
}

/// The reply to a message.
type Reply = BoxFuture<'static, Result<Bytes>>;

/// A batch that is on its way.
struct Sent {
    /// The replies to all messages but the last one.
    before: FuturesUnordered<Reply>,
    last: Reply,
}

impl Sent {
    /// The acknowledgement, or the first error that has come: of the last message a server may only know that some
    /// are missing before it.
    async fn outcome(mut self) -> Result<Json> {
        let reply = loop {
            tokio::select! {
                biased;
                Some(reply) = self.before.next() => taken(&reply?)?,
                reply = &mut self.last => break reply,
            }
        };
        let outcome = reply.and_then(|reply| committed(&reply));
        if outcome.is_err() {
            while let Some(Some(reply)) = unconstrained(self.before.next()).now_or_never() {
                taken(&reply?)?;
            }
        }
        outcome
    }
}

fn in_batch(mut message: Publish, id: &str, number: usize, is_last: bool) -> Publish {
    let headers = message.headers.get_or_insert_default();
    headers.insert(NATS_BATCH_ID, id);
    headers.insert(NATS_BATCH_SEQUENCE, number.to_string());
    if is_last {
        headers.insert(NATS_BATCH_COMMIT, NATS_BATCH_COMMIT_FINAL);
    }
    message
}

/// The reply to a message that is not the last one is empty; a server that does not know batches stores it at once.
fn taken(reply: &[u8]) -> Result<()> {
    if reply.is_empty() {
        return Ok(());
    }
    acknowledgement(reply)??;
    Err(unknown_to_server())
}

fn committed(reply: &[u8]) -> Result<Json> {
    let acknowledgement = acknowledgement(reply)??;
    match acknowledgement.contains_key("batch") {
        true => Ok(acknowledgement),
        false => Err(unknown_to_server()),
    }
}

fn unknown_to_server() -> Error {
    Error::new(
        Code::NotSupported,
        "The server has stored the messages one by one: publishing them all or none needs NATS server 2.12 or later",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_a_batch() {
        let header = |message: &Publish, name: &str| {
            let headers = message.headers.as_ref().unwrap();
            headers.get(name).map(|value| value.as_str().to_owned())
        };
        let first = in_batch(Publish::new("a", "x"), "id", 1, false);
        assert_eq!(header(&first, "Nats-Batch-Id").as_deref(), Some("id"));
        assert_eq!(header(&first, "Nats-Batch-Sequence").as_deref(), Some("1"));
        assert_eq!(header(&first, "Nats-Batch-Commit"), None);
        let last = in_batch(first, "id", 2, true);
        assert_eq!(header(&last, "Nats-Batch-Sequence").as_deref(), Some("2"));
        assert_eq!(header(&last, "Nats-Batch-Commit").as_deref(), Some("1"));
    }

    #[test]
    fn replies() {
        let code = |result: Result<()>| result.map_err(|error| error.code);
        assert_eq!(code(taken(b"")), Ok(()));
        assert_eq!(
            code(taken(br#"{"stream":"S","seq":1}"#)),
            Err(Code::NotSupported)
        );
        let refusal = br#"{"error":{"code":400,"err_code":10174,"description":"x"}}"#;
        let refused = Code::JsResponse {
            code: 400,
            err_code: 10174,
        };
        assert_eq!(code(taken(refusal)), Err(refused.clone()));
        assert_eq!(code(committed(refusal).map(drop)), Err(refused));
        assert!(committed(br#"{"stream":"S","seq":3,"batch":"x","count":3}"#).is_ok());
        let alone = committed(br#"{"stream":"S","seq":3}"#);
        assert_eq!(code(alone.map(drop)), Err(Code::NotSupported));
    }
}
