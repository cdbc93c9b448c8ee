//! Publishing with acknowledgement: a request that the stream answers (jetstream.md §3).

use std::future::Future;
use std::time::Duration;

use serde::de::IgnoredAny;
use serde::Deserialize;

use super::api::{parse_reply, ApiError, Json, JsonExt};
use super::JetStream;
use crate::client::connection::Publish;
use crate::client::error::{Code, Error, Result};

/// What a writer of many messages wants to know of an acknowledgement.
#[derive(Deserialize)]
struct Acknowledgement {
    seq: u64,
    /// A refusal has a sequence, too.
    error: Option<IgnoredAny>,
}

impl JetStream {
    /// As [`JetStream::publish`], for those who need the message's sequence only, which takes a tenth of
    /// the time of reading the acknowledgement as a whole.
    ///
    /// # Errors
    /// Those of [`JetStream::publish`]; `Protocol` if there is no sequence.
    pub fn publish_for_sequence(
        &self,
        publish: Publish,
        timeout: Option<Duration>,
    ) -> impl Future<Output = Result<u64>> + Send + 'static {
        let reply = self.connection.request(publish, timeout);
        async move { sequence(&reply.await?.payload) }
    }

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

fn sequence(acknowledgement: &[u8]) -> Result<u64> {
    match serde_json::from_slice(acknowledgement) {
        Ok(Acknowledgement { seq, error: None }) => Ok(seq),
        _ => parse_reply(acknowledgement)??.number("seq").ok_or_else(|| {
            let message = "The acknowledgement of the write has no sequence";
            Error::new(Code::Protocol, message)
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences() {
        let code = |text: &str| sequence(text.as_bytes()).map_err(|error| error.code);
        assert_eq!(code(r#"{"stream":"S","seq":7,"duplicate":true}"#), Ok(7));
        assert_eq!(
            code(
                r#"{"error":{"code":400,"err_code":10071,"description":"x"},"stream":"S","seq":0}"#
            ),
            Err(Code::WrongLastSequence)
        );
        assert_eq!(
            code(r#"{"error":null,"seq":18446744073709551615}"#),
            Ok(u64::MAX)
        );
        assert_eq!(code(r#"{"stream":"S"}"#), Err(Code::Protocol));
        assert_eq!(code("+OK"), Err(Code::Protocol));
    }
}
