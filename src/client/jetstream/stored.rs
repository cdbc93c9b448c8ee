//! Messages read straight from a stream, without a consumer ([ADR-31]).
//!
//! There are two ways. `STREAM.MSG.GET` is answered by the stream's leader, in JSON with the data in
//! base64. `DIRECT.GET` is answered by any replica or mirror, with the message itself, its origin in
//! extra headers. Headers that the transport cannot read break the link in the second way only; so what
//! the link breaks upon is asked for again in the first.
//!
//! [ADR-31]: https://github.com/nats-io/nats-architecture-and-design/blob/main/adr/ADR-31.md

use std::future::Future;

use async_nats::header::{
    HeaderName, HeaderValue, NATS_SEQUENCE, NATS_STREAM, NATS_SUBJECT, NATS_TIME_STAMP,
};
use async_nats::Subject;
use base64::engine::general_purpose::STANDARD as BASE64;
use base64::Engine;
use bytes::Bytes;
use futures_util::future::try_join_all;
use serde_json::json;

use super::api::{body, Checked, Json, JsonExt};
use super::JetStream;
use crate::client::connection::responded;
use crate::client::error::{Code, Error, Result};
use crate::client::headers::{self, Headers};
use crate::client::message::{self, Delivered, HeaderMap, Message};

/// What a direct get adds to the headers of a message.
pub(super) const ORIGIN: [HeaderName; 4] =
    [NATS_STREAM, NATS_SUBJECT, NATS_SEQUENCE, NATS_TIME_STAMP];

/// A message as it lies in a stream.
#[derive(Debug, Clone)]
pub struct StoredMessage {
    /// The subject it was published to.
    pub subject: Subject,
    pub sequence: u64,
    /// When it was stored, in the server's notation.
    pub time: String,
    /// As stored.
    pub headers: Headers,
    pub payload: Bytes,
    /// Whether the transport can read the message when a server sends it.
    pub is_readable: bool,
}

/// Which message a direct get asks for.
#[derive(Debug, Clone, Copy)]
pub enum DirectQuery<'a> {
    /// The latest one on a subject. It is part of the request's subject, so that permissions can
    /// apply to it.
    LastBySubject(&'a str),
    /// What the object says: `seq`, `next_by_subj`.
    Json(&'a Json),
}

impl JetStream {
    /// Reads a message by way of the stream's leader; the query has `seq`, `last_by_subj` or
    /// `next_by_subj`.
    ///
    /// # Errors
    /// `MsgNotFound`, `StreamNotFound`; those of [`JetStream::api`].
    pub fn stream_msg_get(
        &self,
        stream: &str,
        query: &Json,
    ) -> impl Future<Output = Result<StoredMessage>> + Send + 'static {
        let reply = self.read(&format!("STREAM.MSG.GET.{stream}"), body(query));
        async move {
            let reply = reply.await?;
            reply
                .object("message")
                .and_then(from_json)
                .ok_or_else(unreadable)
        }
    }

    /// As [`JetStream::stream_msg_get`]; none if there is no such message.
    pub(super) async fn stored(&self, stream: &str, query: &Json) -> Result<Option<StoredMessage>> {
        match self.stream_msg_get(stream, query).await {
            Ok(message) => Ok(Some(message)),
            Err(error) if error.code == Code::MsgNotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The first message from a sequence on that passes one of the filters.
    pub(super) async fn next_of(
        &self,
        stream: &str,
        filters: &[impl AsRef<str>],
        from: u64,
    ) -> Result<Option<StoredMessage>> {
        let queries = filters.iter().map(|filter| {
            let query = json!({ "seq": from, "next_by_subj": filter.as_ref() });
            query.as_object().cloned().unwrap_or_default()
        });
        let candidates = queries.map(|query| async move { self.stored(stream, &query).await });
        let candidates = try_join_all(candidates).await?.into_iter().flatten();
        Ok(candidates.min_by_key(|message| message.sequence))
    }

    /// Reads a message from whichever server of the stream or its mirrors answers first.
    ///
    /// # Errors
    /// `MsgNotFound`; `InvalidArg` for a query the server does not understand; `NoResponders` if
    /// nobody serves the stream directly; `JsResponse` with 0 as second number for other refusals;
    /// `Timeout`; `ConnectionClosed`.
    pub fn stream_direct_get(
        &self,
        stream: &str,
        query: DirectQuery<'_>,
    ) -> impl Future<Output = Result<StoredMessage>> + Send + 'static {
        let js = self.for_one_call();
        let last = |last: &str| Json::from_iter([("last_by_subj".to_owned(), last.into())]);
        let (subject, body, query) = match query {
            DirectQuery::LastBySubject(subject) => (
                [self.prefix(), ".DIRECT.GET.", stream, ".", subject].concat(),
                Bytes::new(),
                Err(subject.to_owned()),
            ),
            DirectQuery::Json(query) => (
                self.subject(&format!("DIRECT.GET.{stream}")),
                body(query),
                Ok(query.clone()),
            ),
        };
        let subject = Checked::new(subject);
        let stream = stream.to_owned();
        async move {
            let relinked = js.connection.relinked();
            tokio::select! {
                biased;
                reply = js.ask_checked(subject?, body, stored_or_responded) => {
                    from_direct_reply(reply?)
                }
                () = relinked => {
                    let query = query.unwrap_or_else(|subject| last(&subject));
                    js.stream_msg_get(&stream, &query).await
                }
            }
        }
    }

    /// Deletes a message from a stream; the query has `seq` and `no_erase`: false overwrites the data, too.
    /// The result is what the server calls `success`.
    ///
    /// # Errors
    /// `StreamNotFound`; `JsResponse` 500/10057 if there is no such message; those of [`JetStream::api`].
    pub fn stream_msg_delete(
        &self,
        stream: &str,
        query: &Json,
    ) -> impl Future<Output = Result<bool>> + Send + 'static {
        let reply = self.api(&format!("STREAM.MSG.DELETE.{stream}"), body(query));
        async move { Ok(reply.await?.flag("success")) }
    }
}

impl StoredMessage {
    /// The message as a consumer would deliver it, with this reply subject. Without its value the length of
    /// that is in the headers.
    pub(super) fn into_delivered(mut self, reply: String, headers_only: bool) -> Delivered {
        if headers_only {
            let size = self.payload.len().to_string();
            self.headers.add("Nats-Msg-Size", &size);
            self.payload = Bytes::new();
        }
        let message = Message {
            length: self.subject.len() + reply.len() + self.payload.len(),
            subject: self.subject,
            reply: Some(reply.into()),
            payload: self.payload,
            headers: None,
            status: None,
            description: None,
        };
        Delivered::looked_up(message, self.headers)
    }
}

/// Whether a direct get has found a message: it tells where that comes from.
pub(super) fn has_origin(reply: &Message) -> bool {
    let headers = reply.headers.as_ref();
    headers.is_some_and(|headers| headers.get(NATS_SEQUENCE).is_some())
}

/// A message may have been stored with any status line.
fn stored_or_responded(reply: Message) -> Result<Message> {
    match has_origin(&reply) {
        true => Ok(reply),
        false => responded(reply),
    }
}

fn from_direct_reply(reply: Message) -> Result<StoredMessage> {
    from_reply(reply, &ORIGIN)
}

/// The message that a direct get has found, or what the server says instead. `added` are the names of the headers
/// that the server has added.
///
/// # Errors
/// `MsgNotFound`, `InvalidArg`, `JsResponse` with 0 as second number; `Protocol`.
pub(super) fn from_reply(reply: Message, added: &[HeaderName]) -> Result<StoredMessage> {
    // The description may be missing, the number alone says what happened.
    match message::status(&reply) {
        None => {}
        Some(_) if has_origin(&reply) => {}
        Some(404) => return Err(Error::new(Code::MsgNotFound, "no message found")),
        Some(408) => return Err(Error::invalid_arg("Invalid request")),
        Some(status) => {
            return Err(Error::new(
                Code::JsResponse {
                    code: status.into(),
                    err_code: 0,
                },
                reply
                    .description
                    .unwrap_or_else(|| format!("Direct get failed with status {status}")),
            ))
        }
    }
    let map = reply.headers.as_ref();
    let text = |name| map.and_then(|map: &HeaderMap| map.get(name).map(HeaderValue::as_str));
    let (Some(subject), Some(sequence), Some(time)) = (
        text(NATS_SUBJECT).map(Subject::from),
        text(NATS_SEQUENCE).and_then(|sequence| sequence.parse().ok()),
        text(NATS_TIME_STAMP).map(str::to_owned),
    ) else {
        return Err(unreadable());
    };
    let mut headers = map.map_or_else(Headers::default, |map| Headers::from_map(map, added));
    headers.status = message::status(&reply).map(|status| status.to_string());
    headers.description = reply.description;
    Ok(StoredMessage {
        subject,
        sequence,
        time,
        headers,
        payload: reply.payload,
        is_readable: true,
    })
}

fn from_json(message: &Json) -> Option<StoredMessage> {
    let decoded = |key| match message.text(key) {
        None => Some(None),
        Some(text) => BASE64.decode(text).ok().map(Some),
    };
    let subject = message.text("subject")?;
    let block = decoded("hdrs")?;
    Some(StoredMessage {
        subject: subject.into(),
        sequence: message.number("seq")?,
        time: message.text("time")?.to_owned(),
        is_readable: is_readable(subject, block.as_deref()),
        headers: block.map_or_else(Headers::default, |block| Headers::read(&block)),
        payload: decoded("data")?.unwrap_or_default().into(),
    })
}

/// Bytes of a subject that are no UTF-8 are replaced in JSON; the transport does not read them. Where there
/// are headers it takes all that Unicode calls white space for the end of a word.
fn is_readable(subject: &str, block: Option<&[u8]>) -> bool {
    let is_odd =
        |c: char| c == char::REPLACEMENT_CHARACTER || (block.is_some() && c.is_whitespace());
    !subject.contains(is_odd) && block.is_none_or(headers::is_readable)
}

fn unreadable() -> Error {
    Error::new(
        Code::Protocol,
        "The server returned a stored message that cannot be understood",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use async_nats::StatusCode;

    fn reply(status: Option<u16>, headers: &[(&str, &str)]) -> Message {
        Message {
            subject: "_INBOX.x".into(),
            reply: None,
            payload: "value".into(),
            headers: (!headers.is_empty()).then(|| header_map(headers)),
            status: status.map(|status| StatusCode::from_u16(status).unwrap()),
            description: None,
            length: 0,
        }
    }

    fn header_map(headers: &[(&str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, *value);
        }
        map
    }

    const FOUND: [(&str, &str); 4] = [
        ("Nats-Stream", "KV_b"),
        ("Nats-Subject", "$KV.b.k"),
        ("Nats-Sequence", "12"),
        ("Nats-Time-Stamp", "2022-11-22T13:31:35Z"),
    ];

    #[test]
    fn direct_replies() {
        let message = from_direct_reply(reply(None, &FOUND)).unwrap();
        assert_eq!(message.subject.as_str(), "$KV.b.k");
        assert_eq!(message.sequence, 12);
        assert_eq!(message.time, "2022-11-22T13:31:35Z");
        assert_eq!(message.payload, "value");
        assert_eq!(message.headers, Headers::default());
        let mine = [FOUND.as_slice(), &[("a", "1"), ("a", "2")]].concat();
        let message = from_direct_reply(reply(None, &mine)).unwrap();
        let fields: Vec<_> = message.headers.fields().collect();
        assert_eq!(fields, [("a", ["1".to_owned(), "2".to_owned()].as_slice())]);
    }

    #[test]
    fn a_message_that_was_stored_with_a_status_is_no_refusal() {
        for status in [404, 503] {
            let reply = stored_or_responded(reply(Some(status), &FOUND)).unwrap();
            let headers = from_direct_reply(reply).unwrap().headers;
            assert_eq!(headers.status, Some(status.to_string()));
        }
        let error = stored_or_responded(reply(Some(503), &[])).unwrap_err();
        assert_eq!(error.code, Code::NoResponders);
    }

    #[test]
    fn direct_refusals_go_by_their_number() {
        let code = |status| {
            from_direct_reply(reply(Some(status), &[]))
                .unwrap_err()
                .code
        };
        assert_eq!(code(404), Code::MsgNotFound);
        assert_eq!(code(408), Code::InvalidArg);
        assert_eq!(
            code(412),
            Code::JsResponse {
                code: 412,
                err_code: 0
            }
        );
    }

    #[test]
    fn a_direct_reply_without_its_origin_is_unreadable() {
        for missing in 1..4 {
            let mut headers = FOUND.to_vec();
            headers.remove(missing);
            let error = from_direct_reply(reply(None, &headers)).unwrap_err();
            assert_eq!(error.code, Code::Protocol);
        }
    }

    #[test]
    fn json_messages() {
        let json = |text| from_json(&serde_json::from_str(text).unwrap());
        let message = json(
            r#"{"subject":"a.b","seq":7,"time":"t","data":"AAH/","hdrs":"TkFUUy8xLjANCktWLU9wZXJhdGlvbjogREVMDQoNCg=="}"#,
        )
        .unwrap();
        assert_eq!(message.payload, [0u8, 1, 255].as_slice());
        assert_eq!(message.headers.first("KV-Operation"), Some("DEL"));
        assert!(message.is_readable);
        let bare = json(r#"{"subject":"a","seq":1,"time":"t"}"#).unwrap();
        assert!(bare.payload.is_empty() && bare.headers == Headers::default());
        assert!(json(r#"{"subject":"a","seq":1,"time":"t","data":"%"}"#).is_none());
        assert!(json("{}").is_none());
    }

    #[test]
    fn what_the_transport_reads() {
        assert!(is_readable("a.\u{e9}", None));
        assert!(is_readable("a b\u{a0}", None));
        assert!(!is_readable("a.\u{a0}", Some(b"NATS/1.0\r\n\r\n")));
        assert!(!is_readable("a.\u{fffd}", None));
        assert!(!is_readable("a", Some(b"NATS/1.0\r\na b: 1\r\n\r\n")));
    }

    #[test]
    fn fuzz_stored_messages() {
        let sample = r#"{"subject":"a","seq":1,"hdrs":"TkFUUy8xLjANCmE6IDENCg0K","data":"dmFsdWU=","time":"t"}"#;
        fuzz::bytes(&[sample.as_bytes()], |json| {
            let Ok(object) = serde_json::from_slice::<Json>(json) else {
                return;
            };
            if let Some(message) = from_json(&object) {
                assert_eq!(Some(message.sequence), object.number("seq"));
            }
        });
    }

    #[test]
    fn fuzz_direct_replies() {
        fuzz::texts(&["12", "$KV.b.k", "2022-11-22T13:31:35Z"], |text| {
            let Ok(value) = text.parse::<HeaderValue>() else {
                return;
            };
            let mut headers = header_map(&FOUND[..1]);
            for name in [NATS_SUBJECT, NATS_SEQUENCE, NATS_TIME_STAMP] {
                headers.insert(name, value.clone());
            }
            let mut reply = reply(None, &[]);
            reply.headers = Some(headers);
            if let Ok(message) = from_direct_reply(reply) {
                assert_eq!(message.subject.as_str(), text.trim());
            }
        });
    }
}
