//! Several messages of a stream by one question, without a consumer ([ADR-31], server 2.11).
//!
//! A `DIRECT.GET` with `multi_last` or `batch` has many replies: the messages in the order of the stream, each with the
//! number of those that follow it, then a status 204. So it is known whether one is missing.
//!
//! [ADR-31]: https://github.com/nats-io/nats-architecture-and-design/blob/main/adr/ADR-31.md

use std::future::Future;

use async_nats::header::{
    HeaderName, HeaderValue, NATS_SEQUENCE, NATS_STREAM, NATS_SUBJECT, NATS_TIME_STAMP,
};

use super::api::{body, Checked, Json};
use super::stored::{from_reply, has_origin};
use super::{JetStream, StoredMessage};
use crate::client::connection::{Gathered, Publish};
use crate::client::error::{Code, Error, Result};
use crate::client::message::{self, Message};

/// How many messages follow this one.
const NUM_PENDING: HeaderName = HeaderName::from_static("Nats-Num-Pending");
/// Of the message before.
const LAST_SEQUENCE: HeaderName = HeaderName::from_static("Nats-Last-Sequence");
/// Up to where the answer knows the stream.
const UP_TO_SEQUENCE: HeaderName = HeaderName::from_static("Nats-UpTo-Sequence");

/// What the server adds to the headers of a message.
const ADDED: [HeaderName; 6] = [
    NATS_STREAM,
    NATS_SUBJECT,
    NATS_SEQUENCE,
    NATS_TIME_STAMP,
    NUM_PENDING,
    LAST_SEQUENCE,
];

const END: u16 = 204;
const NOTHING: u16 = 404;
const NOT_UNDERSTOOD: u16 = 408;
const TOO_MANY: u16 = 413;
const NO_RESPONDERS: u16 = 503;

/// What a server says to a question for several messages.
#[derive(Debug)]
pub enum Batched {
    Page(Page),
    /// There is no such message.
    Nothing,
    /// More subjects match than a server answers for.
    TooMany,
    /// The server knows no such question (before 2.11).
    NotUnderstood,
    /// Nobody listens.
    Nobody,
    /// Something got lost, or was removed while it was read: the question may be asked again.
    Incomplete,
    /// The link broke before all had come.
    Relinked,
}

/// A part of the answer: as much as a server sends at a time.
#[derive(Debug)]
pub struct Page {
    /// In the order of the stream.
    pub messages: Vec<StoredMessage>,
    /// How many are left for the pages that follow.
    pub left: u64,
    /// The sequence up to which an answer to `multi_last` knows the stream.
    pub up_to: Option<u64>,
}

impl JetStream {
    /// Asks whichever server of the stream or its mirrors answers first. The query has either `multi_last`, a list of
    /// subjects and patterns, with `up_to_seq` or `up_to_time`; or `next_by_subj` and `batch`. For the next page there
    /// is `seq`.
    ///
    /// The time limit is that of each reply, if requests of this handle do not share one.
    ///
    /// # Errors
    /// `MaxPayload` for a query that is too long; `BadSubject`; `JsResponse` with 0 as second number for other
    /// refusals; `Protocol`; `Permissions`; `Timeout`; `ConnectionClosed`.
    pub(crate) fn batched_get(
        &self,
        stream: &str,
        query: &Json,
    ) -> impl Future<Output = Result<Batched>> + Send + 'static {
        let subject = Checked::new(self.subject(&format!("DIRECT.GET.{stream}")));
        let of_latest = query.contains_key("multi_last");
        let (js, body) = (self.clone(), body(query));
        async move {
            let subject = subject?.into_subject();
            js.trace_request(&subject, &body);
            let mut limit = js.deadline();
            limit.left(&subject)?;
            let relinked = js.connection.relinked();
            let question = Publish::new(subject.clone(), body);
            let mut replies = js.connection.gather(question, 0, None)?;
            let mut answer = Answer::to(of_latest);
            tokio::pin!(relinked);
            loop {
                let reply = tokio::select! {
                    biased;
                    reply = limit.bound(replies.next()) => reply,
                    () = &mut relinked => return Ok(Batched::Relinked),
                };
                let complete = match reply {
                    Some(Gathered::Reply(message) | Gathered::NoResponders(message)) => {
                        answer.take(message)?
                    }
                    Some(Gathered::Ended(error)) => return Err(error),
                    Some(Gathered::Complete | Gathered::Finished | Gathered::TimedOut) | None => {
                        let message = format!("Request to {subject} timed out");
                        return Err(Error::new(Code::Timeout, message));
                    }
                };
                if let Some(batched) = complete {
                    js.trace_reply(&subject, || batched.to_string());
                    return Ok(batched);
                }
                if !js.shares_deadline() {
                    limit = js.deadline();
                }
            }
        }
    }
}

/// The replies so far.
struct Answer {
    /// The question was for the latest of some subjects.
    of_latest: bool,
    messages: Vec<StoredMessage>,
    /// How many follow the last one, as its headers say.
    left: u64,
    /// One is missing.
    has_gap: bool,
}

impl Answer {
    fn to(of_latest: bool) -> Answer {
        Answer {
            of_latest,
            messages: Vec::new(),
            left: 0,
            has_gap: false,
        }
    }

    /// Takes in the next reply; the last one completes the answer.
    ///
    /// # Errors
    /// `Protocol` for what is no such reply; `JsResponse` for an unknown status.
    fn take(&mut self, reply: Message) -> Result<Option<Batched>> {
        if has_origin(&reply) {
            let Some(left) = number(&reply, NUM_PENDING) else {
                // It was asked for several, and has seen a question for one.
                return Ok(Some(Batched::NotUnderstood));
            };
            return self.add(reply, left).map(|()| None);
        }
        let batched = match message::status(&reply) {
            Some(END) => self.end(&reply),
            Some(NOTHING) if self.messages.is_empty() && !self.is_late(&reply) => Batched::Nothing,
            // It was removed after the server had decided to send it.
            Some(NOTHING) => Batched::Incomplete,
            Some(NOT_UNDERSTOOD) => Batched::NotUnderstood,
            Some(TOO_MANY) => Batched::TooMany,
            Some(NO_RESPONDERS) => Batched::Nobody,
            // A stranger's message, or a refusal: the error says which.
            _ => return from_reply(reply, &ADDED).map(|_| None),
        };
        Ok(Some(batched))
    }

    /// Whether a 404 is about a message, and not about all of them.
    fn is_late(&self, reply: &Message) -> bool {
        self.of_latest && reply.description.as_deref() == Some("Message Not Found")
    }

    fn add(&mut self, reply: Message, left: u64) -> Result<()> {
        self.has_gap |= !self.messages.is_empty() && left + 1 != self.left;
        self.left = left;
        self.messages.push(from_reply(reply, &ADDED)?);
        Ok(())
    }

    /// Before server 2.12 one of both numbers of those that are left is wrong: with `multi_last` the one of the end is
    /// too low by 1, else those of the messages are too high.
    fn end(&mut self, end: &Message) -> Batched {
        let last = self.messages.last().map(|message| message.sequence);
        let is_whole = last.is_none() || number(end, LAST_SEQUENCE) == last;
        let up_to = number(end, UP_TO_SEQUENCE);
        let left = match up_to {
            Some(_) => Some(self.left),
            None => number(end, NUM_PENDING),
        };
        match left {
            Some(left) if is_whole && !self.has_gap => Batched::Page(Page {
                messages: std::mem::take(&mut self.messages),
                left,
                up_to,
            }),
            _ => Batched::Incomplete,
        }
    }
}

fn number(reply: &Message, name: HeaderName) -> Option<u64> {
    let headers = reply.headers.as_ref()?;
    headers.get(name).map(HeaderValue::as_str)?.parse().ok()
}

impl std::fmt::Display for Batched {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = match self {
            Batched::Page(page) => {
                let (count, left) = (page.messages.len(), page.left);
                let up_to = page.up_to.map(|up_to| format!(" up to {up_to}"));
                let up_to = up_to.unwrap_or_default();
                return write!(f, "{count} messages{up_to}, {left} are left");
            }
            Batched::Nothing => "no results",
            Batched::TooMany => "too many results",
            Batched::NotUnderstood => "not understood",
            Batched::Nobody => "nobody listens",
            Batched::Incomplete => "incomplete",
            Batched::Relinked => "the connection broke",
        };
        f.write_str(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use async_nats::{HeaderMap, StatusCode};

    fn reply(status: Option<u16>, headers: &[(&str, &str)]) -> Message {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, *value);
        }
        Message {
            subject: "_INBOX.x".into(),
            reply: None,
            payload: "value".into(),
            headers: (!map.is_empty()).then_some(map),
            status: status.map(|status| StatusCode::from_u16(status).unwrap()),
            description: None,
            length: 0,
        }
    }

    fn stored(sequence: &str, left: &str) -> Message {
        reply(
            None,
            &[
                ("Nats-Stream", "KV_b"),
                ("Nats-Subject", "$KV.b.k"),
                ("Nats-Sequence", sequence),
                ("Nats-Time-Stamp", "2022-11-22T13:31:35Z"),
                ("Nats-Num-Pending", left),
                ("Nats-Last-Sequence", "1"),
                ("Mine", "x"),
            ],
        )
    }

    fn end(last: &str) -> Message {
        let headers = [
            ("Nats-Num-Pending", "0"),
            ("Nats-Last-Sequence", last),
            ("Nats-UpTo-Sequence", "20"),
        ];
        reply(Some(204), &headers)
    }

    fn answer(replies: Vec<Message>) -> Batched {
        let mut answer = Answer::to(true);
        let mut batched = None;
        for reply in replies {
            assert!(batched.is_none());
            batched = answer.take(reply).unwrap();
        }
        batched.unwrap()
    }

    #[test]
    fn pages() {
        let Batched::Page(page) = answer(vec![stored("4", "2"), stored("7", "1"), end("7")]) else {
            panic!("no page");
        };
        let sequences: Vec<_> = page
            .messages
            .iter()
            .map(|message| message.sequence)
            .collect();
        assert_eq!(
            (sequences, page.left, page.up_to),
            (vec![4, 7], 1, Some(20))
        );
        let fields: Vec<_> = page.messages[0].headers.fields().collect();
        assert_eq!(fields, [("Mine", ["x".to_owned()].as_slice())]);
    }

    #[test]
    fn an_end_without_a_moment_says_how_many_are_left() {
        let end = reply(
            Some(204),
            &[("Nats-Num-Pending", "5"), ("Nats-Last-Sequence", "7")],
        );
        let Batched::Page(page) = answer(vec![stored("4", "7"), stored("7", "6"), end]) else {
            panic!("no page");
        };
        assert_eq!((page.messages.len(), page.left, page.up_to), (2, 5, None));
    }

    #[test]
    fn an_old_server_answers_with_one_message() {
        let one = reply(
            None,
            &[
                ("Nats-Stream", "KV_b"),
                ("Nats-Subject", "$KV.b.k"),
                ("Nats-Sequence", "4"),
                ("Nats-Time-Stamp", "2022-11-22T13:31:35Z"),
            ],
        );
        assert!(matches!(answer(vec![one]), Batched::NotUnderstood));
    }

    #[test]
    fn what_is_missing_is_noticed() {
        for replies in [
            vec![stored("4", "3"), stored("7", "1"), end("7")],
            vec![stored("4", "1"), end("7")],
            vec![stored("4", "1"), reply(Some(404), &[])],
            vec![stored("4", "0"), reply(Some(204), &[])],
            vec![reply(Some(204), &[])],
        ] {
            assert!(matches!(answer(replies), Batched::Incomplete));
        }
    }

    #[test]
    fn no_message_is_nothing_or_one_that_was_removed() {
        for (of_latest, described, expected) in [
            (true, "No Results", "no results"),
            (true, "Message Not Found", "incomplete"),
            (false, "Message Not Found", "no results"),
        ] {
            let mut reply = reply(Some(404), &[]);
            reply.description = Some(described.to_owned());
            let batched = Answer::to(of_latest).take(reply).unwrap().unwrap();
            assert_eq!(batched.to_string(), expected);
        }
    }

    #[test]
    fn refusals() {
        let said = |status| answer(vec![reply(Some(status), &[])]).to_string();
        let said = [404, 408, 413, 503].map(said);
        assert_eq!(
            said,
            [
                "no results",
                "not understood",
                "too many results",
                "nobody listens"
            ]
        );
        let error = Answer::to(true).take(reply(Some(500), &[])).unwrap_err();
        let code = Code::JsResponse {
            code: 500,
            err_code: 0,
        };
        assert_eq!(error.code, code);
        let error = Answer::to(true).take(reply(None, &[])).unwrap_err();
        assert_eq!(error.code, Code::Protocol);
    }
}
