//! Messages read straight from a stream, without a consumer ([ADR-31], jetstream.md §9).
//!
//! There are two ways. `STREAM.MSG.GET` is answered by the stream's leader, in JSON with the data in
//! base64. `DIRECT.GET` is answered by any replica or mirror, with the message itself, its origin in
//! extra headers.
//!
//! [ADR-31]: https://github.com/nats-io/nats-architecture-and-design/blob/main/adr/ADR-31.md

use std::future::Future;

use async_nats::header::{
    HeaderName, HeaderValue, NATS_SEQUENCE, NATS_STREAM, NATS_SUBJECT, NATS_TIME_STAMP,
};
use async_nats::{HeaderMap, Message, Subject};
use base64::engine::general_purpose::STANDARD as BASE64;
use base64::Engine;
use bytes::Bytes;

use super::api::{body, Checked, Json, JsonExt};
use super::JetStream;
use crate::client::error::{Code, Error, Result};
use crate::client::message;

/// A message as it lies in a stream.
#[derive(Debug, Clone)]
pub struct StoredMessage {
    /// The subject it was published to.
    pub subject: Subject,
    pub sequence: u64,
    /// When it was stored, in the server's notation.
    pub time: String,
    /// As stored; after a direct get also those the server adds: `Nats-Stream`, `Nats-Subject`,
    /// `Nats-Sequence`, `Nats-Time-Stamp`.
    pub headers: Option<HeaderMap>,
    pub payload: Bytes,
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
        let reply = self.api(&format!("STREAM.MSG.GET.{stream}"), body(query));
        async move {
            let reply = reply.await?;
            reply
                .object("message")
                .and_then(from_json)
                .ok_or_else(unreadable)
        }
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
        let js = self.clone();
        let (subject, body) = match query {
            DirectQuery::LastBySubject(last) => (
                [self.prefix(), ".DIRECT.GET.", stream, ".", last].concat(),
                Bytes::new(),
            ),
            DirectQuery::Json(query) => {
                (self.subject(&format!("DIRECT.GET.{stream}")), body(query))
            }
        };
        let subject = Checked::new(subject);
        async move { from_direct_reply(js.ask(subject?, body).await?) }
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
    /// The message without the headers that a direct get adds.
    pub fn without_origin(mut self) -> StoredMessage {
        let origin = [NATS_STREAM, NATS_SUBJECT, NATS_SEQUENCE, NATS_TIME_STAMP];
        let mut kept = HeaderMap::new();
        for (name, values) in self.headers.iter().flat_map(HeaderMap::iter) {
            if !origin.contains(name) {
                for value in values {
                    kept.append(name.clone(), value.clone());
                }
            }
        }
        self.headers = (!kept.is_empty()).then_some(kept);
        self
    }
}

fn from_direct_reply(reply: Message) -> Result<StoredMessage> {
    // The description may be missing, the number alone says what happened.
    match message::status(&reply) {
        None => {}
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
    let headers = reply.headers.unwrap_or_default();
    let text = |name| headers.get(name).map(HeaderValue::as_str);
    let (Some(subject), Some(sequence), Some(time)) = (
        text(NATS_SUBJECT).map(Subject::from),
        text(NATS_SEQUENCE).and_then(|sequence| sequence.parse().ok()),
        text(NATS_TIME_STAMP).map(str::to_owned),
    ) else {
        return Err(unreadable());
    };
    Ok(StoredMessage {
        subject,
        sequence,
        time,
        headers: Some(headers),
        payload: reply.payload,
    })
}

fn from_json(message: &Json) -> Option<StoredMessage> {
    let decoded = |key| match message.text(key) {
        None => Some(None),
        Some(text) => BASE64.decode(text).ok().map(Some),
    };
    Some(StoredMessage {
        subject: message.text("subject")?.into(),
        sequence: message.number("seq")?,
        time: message.text("time")?.to_owned(),
        headers: decoded("hdrs")?.map(|block| parse_headers(&block)),
        payload: decoded("data")?.unwrap_or_default().into(),
    })
}

/// Reads a header block, beginning with its version line, as leniently as core.md §15 wants it:
/// what cannot be understood is left out.
fn parse_headers(block: &[u8]) -> HeaderMap {
    let block = String::from_utf8_lossy(block);
    let mut headers = HeaderMap::new();
    for line in block.split("\r\n").skip(1) {
        let Some((name, value)) = line.split_once(':') else {
            continue;
        };
        if let (Ok(name), Ok(value)) = (
            name.trim().parse::<HeaderName>(),
            value.trim().parse::<HeaderValue>(),
        ) {
            headers.append(name, value);
        }
    }
    headers
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

    const ORIGIN: [(&str, &str); 4] = [
        ("Nats-Stream", "KV_b"),
        ("Nats-Subject", "$KV.b.k"),
        ("Nats-Sequence", "12"),
        ("Nats-Time-Stamp", "2022-11-22T13:31:35Z"),
    ];

    #[test]
    fn direct_replies() {
        let message = from_direct_reply(reply(None, &ORIGIN)).unwrap();
        assert_eq!(message.subject.as_str(), "$KV.b.k");
        assert_eq!(message.sequence, 12);
        assert_eq!(message.time, "2022-11-22T13:31:35Z");
        assert_eq!(message.payload, "value");
        assert!(message.without_origin().headers.is_none());
        let mine = [ORIGIN.as_slice(), &[("a", "1"), ("a", "2")]].concat();
        let message = from_direct_reply(reply(None, &mine)).unwrap();
        let headers = message.without_origin().headers.unwrap();
        assert_eq!(headers.len(), 1);
        assert_eq!(headers.get_all("a").count(), 2);
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
            let mut headers = ORIGIN.to_vec();
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
        let headers = message.headers.unwrap();
        assert_eq!(headers.get("KV-Operation").unwrap().as_str(), "DEL");
        let bare = json(r#"{"subject":"a","seq":1,"time":"t"}"#).unwrap();
        assert!(bare.payload.is_empty() && bare.headers.is_none());
        assert!(json(r#"{"subject":"a","seq":1,"time":"t","data":"%"}"#).is_none());
        assert!(json("{}").is_none());
    }

    #[test]
    fn header_blocks_are_read_leniently() {
        let headers =
            parse_headers(b"NATS/1.0 100 Idle\r\nA: 1\r\nA:2\r\nno colon\r\n : x\r\nB:\r\n\r\n");
        let values: Vec<_> = headers.get_all("A").map(HeaderValue::as_str).collect();
        assert_eq!(values, ["1", "2"]);
        assert_eq!(headers.get("B").unwrap().as_str(), "");
    }

    #[test]
    fn fuzz_header_blocks() {
        let samples: [&[u8]; 3] = [
            b"NATS/1.0\r\nKV-Operation: DEL\r\n\r\n",
            b"NATS/1.0 100 Idle Heartbeat\r\nNats-Last-Consumer: 7\r\nNats-Last-Stream: 9\r\n\r\n",
            b"NATS/1.0\r\na:1\r\na: 2\r\n\r\n",
        ];
        fuzz::bytes(&samples, |block| {
            for (name, values) in parse_headers(block).iter() {
                let name: &str = name.as_ref();
                assert!(!name.contains([':', '\r', '\n', ' ']), "{name:?}");
                for value in values {
                    assert!(!value.as_str().contains(['\r', '\n']), "{value:?}");
                }
            }
        });
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
            let mut headers = header_map(&ORIGIN[..1]);
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
