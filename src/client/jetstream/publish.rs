//! Publishing with acknowledgement: a request that the stream answers.

use std::borrow::Cow;
use std::future::Future;
use std::time::Duration;

use serde::de::IgnoredAny;
use serde::Deserialize;

use super::api::{parse_reply, ApiError, Json, JsonExt};
use super::{Deadline, JetStream};
use crate::client::connection::{responded, Publish};
use crate::client::error::{Code, Error, Result};

/// What makes a reply an acknowledgement.
#[derive(Deserialize)]
struct Acknowledgement<'a> {
    #[serde(borrow)]
    stream: Cow<'a, str>,
    seq: u64,
    /// A refusal has a stream and a sequence, too.
    error: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Bare<'a> {
    /// Without escapes.
    stream: &'a str,
    seq: u64,
}

impl JetStream {
    /// As [`JetStream::publish`], within this handle's time limit, for those who need the message's
    /// sequence only, which takes a tenth of the time of reading the acknowledgement as a whole.
    ///
    /// # Errors
    /// Those of [`JetStream::publish`].
    pub fn publish_for_sequence(
        &self,
        publish: Publish,
    ) -> impl Future<Output = Result<u64>> + Send + 'static {
        let reply = self.request(publish, self.deadline(), responded);
        async move { sequence(&reply.await?.payload) }
    }

    /// As [`JetStream::publish`], within this handle's time limit; no responders are not looked into.
    pub(crate) fn publish_within(
        &self,
        publish: Publish,
    ) -> impl Future<Output = Result<Json>> + Send + 'static {
        let answer = self.acknowledged(publish);
        async move { Ok(answer.await??) }
    }

    /// Publishes and waits for the stream's acknowledgement: `stream`, `seq`, and what else the
    /// server says. The API prefix plays no part, the subject is used as it is. No timeout, or a zero
    /// one, means no limit.
    ///
    /// # Errors
    /// `NoResponders` if no stream listens on the subject, or it has no leader; `WrongLastSequence` and
    /// `JsResponse` if it refuses the message; `Protocol` if the answer is not that of a stream;
    /// `Timeout`; `ConnectionClosed`; `MaxPayload`.
    pub fn publish(
        &self,
        publish: Publish,
        timeout: Option<Duration>,
    ) -> impl Future<Output = Result<Json>> + Send + 'static {
        let subject = publish.subject.clone();
        let js = self.until(Deadline::after(timeout.unwrap_or_default()));
        let answer = js.acknowledged(publish);
        async move {
            match answer.await {
                Err(error) if error.code == Code::NoResponders => {
                    Err(Box::pin(js.leaderless(&subject, error)).await)
                }
                answer => Ok(answer??),
            }
        }
    }

    /// As [`JetStream::publish`], but a refusal by the stream keeps its numbers, and no responders are not
    /// looked into.
    ///
    /// # Errors
    /// The outer ones: the message or its answer got lost. The inner one: the stream said no.
    pub fn try_publish(
        &self,
        publish: Publish,
        timeout: Option<Duration>,
    ) -> impl Future<Output = Result<std::result::Result<Json, ApiError>>> + Send + 'static {
        self.until(Deadline::after(timeout.unwrap_or_default()))
            .acknowledged(publish)
    }

    fn acknowledged(
        &self,
        publish: Publish,
    ) -> impl Future<Output = Result<std::result::Result<Json, ApiError>>> + Send + 'static {
        let reply = self.request(publish, self.deadline(), responded);
        async move { acknowledgement(&reply.await?.payload) }
    }

    /// The error of a message that nobody listened to: there may be a stream for it all the same.
    async fn leaderless(&self, subject: &str, error: Error) -> Error {
        let because = |reason: &str| {
            let message = format!("{}: {reason}", error.message);
            Error::new(Code::NoResponders, message)
        };
        match self.for_a_look().stream_names(Some(subject)).await {
            Ok(streams) => match streams.first() {
                Some(stream) => {
                    let message = format!("Stream {stream} has no leader at the moment");
                    Error::new(Code::NoResponders, message)
                }
                None => because(&format!("no stream listens on {subject}")),
            },
            Err(ended) if ended.code == Code::ConnectionClosed => ended,
            Err(off) if off.code == Code::JetStreamNotEnabled => because(&off.message),
            Err(_) => error,
        }
    }
}

/// The sequence that an acknowledgement tells.
///
/// # Errors
/// What the stream says against the message; `Protocol` if it is no acknowledgement.
pub(crate) fn sequence(reply: &[u8]) -> Result<u64> {
    if let Some(Acknowledgement {
        stream,
        seq: seq @ 1..,
        error: None,
    }) = object(reply)
    {
        if !stream.is_empty() {
            return Ok(seq);
        }
    }
    acknowledgement(reply)??
        .number("seq")
        .ok_or_else(|| unacknowledged("it has no sequence"))
}

/// An acknowledgement that says no more than the stream and the sequence, as most do.
pub(super) fn bare(reply: &[u8]) -> Option<(&str, u64)> {
    let Bare { stream, seq } = object(reply)?;
    (!stream.is_empty() && seq > 0).then_some((stream, seq))
}

/// A list of the fields' values would be read as well.
fn object<'a, T: Deserialize<'a>>(reply: &'a [u8]) -> Option<T> {
    if !reply.starts_with(b"{") {
        return None;
    }
    serde_json::from_slice(reply).ok()
}

/// Anybody may answer a request; a stream tells its name, and the sequence of what it has stored.
pub(super) fn acknowledgement(reply: &[u8]) -> Result<std::result::Result<Json, ApiError>> {
    let reply = parse_reply(reply).map_err(|error| unacknowledged(&error.message))?;
    let Ok(reply) = reply else {
        return Ok(reply);
    };
    if reply.get("error").is_some_and(|error| !error.is_null()) {
        return Err(unacknowledged("its error is no object"));
    }
    if reply.text("stream").is_none_or(str::is_empty) {
        return Err(unacknowledged("it names no stream"));
    }
    if reply.number("seq").is_none_or(|sequence| sequence == 0) {
        return Err(unacknowledged("it has no sequence"));
    }
    Ok(Ok(reply))
}

fn unacknowledged(reason: &str) -> Error {
    let message = format!("The reply is not the acknowledgement of a stream: {reason}");
    Error::new(Code::Protocol, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> std::result::Result<u64, Code> {
        let found = sequence(text.as_bytes());
        // Both ways of reading agree.
        let whole = acknowledgement(text.as_bytes()).and_then(|reply| Ok(reply?));
        let whole = whole.map(|reply| reply.number("seq").unwrap());
        assert_eq!(found, whole);
        if let Some((_, sequence)) = bare(text.as_bytes()) {
            assert_eq!(found, Ok(sequence));
        }
        found.map_err(|error| error.code)
    }

    #[test]
    fn acknowledgements() {
        for (text, sequence) in [
            (r#"{"stream":"S","seq":7,"duplicate":true}"#, 7),
            (r#"{"domain":"hub","seq":1,"stream":"\u00e4\"","x":{}}"#, 1),
            (
                r#"{"error":null,"stream":"S","seq":18446744073709551615}"#,
                u64::MAX,
            ),
        ] {
            assert_eq!(code(text), Ok(sequence), "{text}");
        }
    }

    #[test]
    fn no_more_than_stream_and_sequence() {
        for text in [
            r#"{"stream":"S", "seq":7}"#,
            r#" {"stream":"S","seq":7}"#,
            r#"{"seq":7,"stream":"S"}"#,
        ] {
            let bare = bare(text.as_bytes());
            assert_eq!(bare, (!text.starts_with(' ')).then_some(("S", 7)), "{text}");
        }
        for text in [
            r#"{"stream":"S","seq":7,"duplicate":true}"#,
            r#"{"stream":"\u0053","seq":7}"#,
            r#"{"stream":"","seq":7}"#,
            r#"{"stream":"S","seq":0}"#,
            r#"{"stream":"S","seq":18446744073709551616}"#,
            r#"{"stream":"S","stream":"T","seq":7}"#,
            r#"["S",7]"#,
            "",
        ] {
            assert_eq!(bare(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn refusals() {
        let text =
            r#"{"error":{"code":400,"err_code":10071,"description":"x"},"stream":"S","seq":7}"#;
        assert_eq!(code(text), Err(Code::WrongLastSequence));
    }

    #[test]
    fn what_is_no_acknowledgement() {
        for text in [
            "",
            "+OK",
            "{}",
            "[]",
            r#"["S",7,null]"#,
            r#"{"stream":"S","seq":7,"error":5}"#,
            "7",
            "null",
            r#""{}""#,
            r#"{"stream":"S"}"#,
            r#"{"stream":"S","seq":0}"#,
            r#"{"stream":"S","seq":-1}"#,
            r#"{"stream":"S","seq":1.5}"#,
            r#"{"stream":"S","seq":"7"}"#,
            r#"{"stream":"","seq":7}"#,
            r#"{"stream":5,"seq":7}"#,
            r#"{"seq":7}"#,
            r#"{"stream":"S","seq":7"#,
            "\u{ff}",
        ] {
            assert_eq!(code(text), Err(Code::Protocol), "{text}");
        }
    }

    #[test]
    fn fuzz_acknowledgements() {
        let samples: [&[u8]; 2] = [
            br#"{"stream":"KV_b","seq":7,"duplicate":true,"domain":"hub"}"#,
            br#"{"error":{"code":400,"err_code":10071,"description":"x"},"stream":"S","seq":0}"#,
        ];
        fuzz::bytes(&samples, |reply| {
            if let Ok(sequence) = sequence(reply) {
                assert!(sequence > 0);
            }
        });
    }
}
