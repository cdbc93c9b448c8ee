//! Publishing with acknowledgement: a request that the stream answers (jetstream.md §3).

use std::future::Future;
use std::time::Duration;

use super::api::{parse_reply, ApiError, Json};
use super::JetStream;
use crate::client::connection::Publish;
use crate::client::error::Result;

impl JetStream {
    /// Publishes and waits for the stream's acknowledgement: `stream`, `seq`, and what else the
    /// server says. The API prefix plays no part, the subject is used as it is.
    ///
    /// # Errors
    /// `NoResponders` if no stream listens on the subject; `WrongLastSequence` and `JsResponse` if
    /// it refuses the message; `Timeout`; `ConnectionClosed`; `MaxPayload`.
    pub fn publish(
        &self,
        publish: Publish,
        timeout: Option<Duration>,
    ) -> impl Future<Output = Result<Json>> + Send + 'static {
        let answer = self.try_publish(publish, timeout);
        async move { Ok(answer.await??) }
    }

    /// As [`JetStream::publish`], but a refusal by the stream keeps its numbers.
    ///
    /// # Errors
    /// The outer ones: the message or its answer got lost. The inner one: the stream said no.
    pub fn try_publish(
        &self,
        publish: Publish,
        timeout: Option<Duration>,
    ) -> impl Future<Output = Result<std::result::Result<Json, ApiError>>> + Send + 'static {
        let reply = self.connection.request(publish, timeout);
        async move { parse_reply(&reply.await?.payload) }
    }
}
