//! Requests to the JetStream API and what comes back: JSON, pages, error objects.

use std::fmt::Write;
use std::future::Future;

use async_nats::Message;
use bytes::Bytes;
use serde_json::{Map, Value};

use super::JetStream;
use crate::client::connection::{responded, Level, Publish};
use crate::client::error::{Code, Error, Result};
use crate::client::subject;

/// A JSON object, its fields in the order in which they came.
pub type Json = Map<String, Value>;

/// The `error` object of a reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    /// HTTP-like class, such as 404.
    pub code: u64,
    /// The precise JetStream number, such as 10059.
    pub err_code: u64,
    pub description: String,
}

impl From<ApiError> for Error {
    fn from(error: ApiError) -> Error {
        let ApiError {
            code,
            err_code,
            description,
        } = error;
        let code = match (code, err_code) {
            // 10164: on a replicated stream another conditional write is still in flight.
            (400, 10071 | 10164) => Code::WrongLastSequence,
            (404, 10014) => Code::ConsumerNotFound,
            (404, 10037) => Code::MsgNotFound,
            (404, 10059) => Code::StreamNotFound,
            (503, 10039) => Code::JetStreamNotEnabledForAccount,
            _ => Code::JsResponse { code, err_code },
        };
        Error::new(code, description)
    }
}

impl JetStream {
    /// The subject of an API call.
    pub(super) fn subject(&self, tail: &str) -> String {
        [self.prefix(), ".", tail].concat()
    }

    /// Calls the API: `tail` is the subject without the prefix, `body` is JSON or empty.
    ///
    /// The reply comes without its `type` field, all else as the server sent it.
    ///
    /// # Errors
    /// `BadSubject` if a name in `tail` cannot be part of a subject; `JetStreamNotEnabled` if nobody
    /// answers on API subjects; `Timeout`; `ConnectionClosed`; and what [`ApiError`] maps to.
    pub fn api(
        &self,
        tail: &str,
        body: impl Into<Bytes>,
    ) -> impl Future<Output = Result<Json>> + Send + 'static {
        let checked = Checked::new(self.subject(tail));
        self.checked_api(checked, body.into())
    }

    /// As [`JetStream::api`], for a whole subject.
    pub(super) fn checked_api(
        &self,
        subject: Result<Checked>,
        body: Bytes,
    ) -> impl Future<Output = Result<Json>> + Send + 'static {
        let js = self.clone();
        async move {
            let reply = js.ask(subject?, body).await.map_err(not_enabled)?;
            Ok(parse_reply(&reply.payload)??)
        }
    }

    /// As [`JetStream::api`], for a call that changes nothing: when the link breaks before the answer has
    /// come, the call is made again on the next one, as long as there is time.
    pub(super) fn read(
        &self,
        tail: &str,
        body: impl Into<Bytes>,
    ) -> impl Future<Output = Result<Json>> + Send + 'static {
        let js = self.for_one_call();
        let subject = Checked::new(self.subject(tail));
        let body = body.into();
        async move {
            let subject = subject?;
            loop {
                tokio::select! {
                    biased;
                    reply = js.checked_api(Ok(subject.clone()), body.clone()) => return reply,
                    () = js.connection.relinked() => {}
                }
            }
        }
    }

    /// Calls the API and returns the text of the reply as it came.
    ///
    /// # Errors
    /// `BadSubject`; `NoResponders`; `Timeout`; `ConnectionClosed`; and what [`ApiError`] maps to.
    pub fn api_text(
        &self,
        tail: &str,
        body: impl Into<Bytes>,
    ) -> impl Future<Output = Result<String>> + Send + 'static {
        let js = self.clone();
        let subject = Checked::new(self.subject(tail));
        let body = body.into();
        async move {
            let reply = js.send(subject?.0, body, responded).await?;
            parse_reply(&reply.payload)??;
            Ok(String::from_utf8_lossy(&reply.payload).into_owned())
        }
    }

    /// Calls the API until all pages of a list are there, within one time limit.
    ///
    /// A server returns at most 1024 names (256 objects) at a time and says how many there are. Streams that it
    /// cannot reach have their place in the list, but are only named beside it.
    pub(super) fn pages(
        &self,
        tail: &str,
        list: &'static str,
        mut query: Json,
    ) -> impl Future<Output = Result<Vec<Value>>> + Send + 'static {
        let js = self.for_one_call();
        let tail = tail.to_owned();
        async move {
            let mut all = Vec::new();
            let mut seen = 0;
            loop {
                if seen > 0 {
                    query.insert("offset".into(), seen.into());
                }
                let mut reply = js.api(&tail, body(&query)).await?;
                let page = match reply.remove(list) {
                    Some(Value::Array(page)) => page,
                    // An empty list is `null` on the wire.
                    _ => Vec::new(),
                };
                let listed = page.len() + unreachable(&reply);
                seen += listed;
                all.extend(page);
                let total = reply.number("total").unwrap_or(0);
                if listed == 0 || seen as u64 >= total {
                    return Ok(all);
                }
            }
        }
    }

    /// The names that [`JetStream::pages`] finds.
    pub(super) fn names(
        &self,
        tail: &str,
        list: &'static str,
        query: Json,
    ) -> impl Future<Output = Result<Vec<String>>> + Send + 'static {
        let names = self.pages(tail, list, query);
        async move {
            let names = names.await?.into_iter();
            Ok(names
                .filter_map(|name| match name {
                    Value::String(name) => Some(name),
                    _ => None,
                })
                .collect())
        }
    }

    /// The objects of all pages of a list.
    ///
    /// # Errors
    /// Those of [`JetStream::api`].
    pub(super) fn objects(
        &self,
        tail: &str,
        list: &'static str,
        query: Json,
    ) -> impl Future<Output = Result<Vec<Json>>> + Send + 'static {
        let objects = self.pages(tail, list, query);
        async move {
            let objects = objects.await?.into_iter();
            Ok(objects
                .filter_map(|object| match object {
                    Value::Object(object) => Some(object),
                    _ => None,
                })
                .collect())
        }
    }

    /// A request with this handle's time limit; the reply is not looked into.
    pub(super) async fn ask(&self, subject: Checked, body: Bytes) -> Result<Message> {
        self.ask_checked(subject, body, responded).await
    }

    /// As [`JetStream::ask`], where the function says whether there are no responders: a message that was
    /// stored with such a status line looks like it.
    pub(super) async fn ask_checked(
        &self,
        Checked(subject): Checked,
        body: Bytes,
        check: fn(Message) -> Result<Message>,
    ) -> Result<Message> {
        if !self.trace {
            return self.send(subject, body, check).await;
        }
        self.trace_request(&subject, &body);
        let reply = self.send(subject.clone(), body, check).await?;
        self.log(format!("<<< {subject} {}", readable(&reply)));
        Ok(reply)
    }

    fn send(
        &self,
        subject: String,
        payload: Bytes,
        check: fn(Message) -> Result<Message>,
    ) -> impl Future<Output = Result<Message>> + Send + 'static {
        self.request(Publish::new(subject, payload), self.deadline(), check)
    }

    /// Logs a request that is about to be sent, if that is wanted.
    pub(super) fn trace_request(&self, subject: &str, body: &[u8]) {
        if self.trace {
            self.log(format!(">>> {subject} {}", String::from_utf8_lossy(body)));
        }
    }

    /// Logs what came of a request, if that is wanted.
    pub(super) fn trace_reply(&self, subject: &str, said: impl FnOnce() -> String) {
        if self.trace {
            self.log(format!("<<< {subject} {}", said()));
        }
    }

    fn log(&self, text: String) {
        self.connection.log(Level::Debug, text);
    }
}

/// The whole subject of an API call, fit for the protocol.
#[derive(Clone)]
pub(super) struct Checked(String);

impl Checked {
    /// # Errors
    /// `BadSubject` "Invalid subject …"
    pub(super) fn new(subject: String) -> Result<Checked> {
        subject::check_publish(&subject, true)?;
        Ok(Checked(subject))
    }

    pub(super) fn into_subject(self) -> String {
        self.0
    }

    /// Adds a filter, in which wildcards are allowed.
    ///
    /// # Errors
    /// `BadSubject` "Invalid subject …"
    pub(super) fn filtered(self, filter: &str) -> Result<Checked> {
        subject::check_subscribe(filter, true)?;
        Ok(Checked(format!("{}.{filter}", self.0)))
    }
}

/// How many streams of a page a server cannot reach: by name, or with the reason why.
fn unreachable(page: &Json) -> usize {
    let missing = page.get("missing").and_then(Value::as_array);
    let missing = missing.map_or(&[][..], |names| names);
    let offline = page.object("offline").into_iter().flat_map(Json::keys);
    let named = |name: &str| missing.iter().any(|other| other.as_str() == Some(name));
    missing.len() + offline.filter(|name| !named(name)).count()
}

/// The body of a request without parameters is empty, which every API version accepts.
pub(super) fn body(query: &Json) -> Bytes {
    if query.is_empty() {
        return Bytes::new();
    }
    // Writing a map with string keys into memory cannot fail.
    serde_json::to_vec(query).unwrap_or_default().into()
}

/// API subjects are always listened on where JetStream is enabled, also while there is no leader.
fn not_enabled(error: Error) -> Error {
    match error.code {
        Code::NoResponders => Error::new(
            Code::JetStreamNotEnabled,
            "JetStream is not enabled in the server",
        ),
        _ => error,
    }
}

/// A reply as an object without `type`, or the error object in it.
///
/// # Errors
/// `Protocol` if it is no JSON object.
pub(super) fn parse_reply(payload: &[u8]) -> Result<std::result::Result<Json, ApiError>> {
    let mut reply: Json = serde_json::from_slice(payload).map_err(|error| {
        Error::new(
            Code::Protocol,
            format!("The JetStream API sent an unreadable reply: {error}"),
        )
    })?;
    if let Some(error) = reply.object("error") {
        return Ok(Err(ApiError {
            code: error.number("code").unwrap_or(0),
            err_code: error.number("err_code").unwrap_or(0),
            description: error.text("description").unwrap_or_default().to_owned(),
        }));
    }
    reply.shift_remove("type");
    Ok(Ok(reply))
}

/// A reply for the log: direct gets answer in headers, everything else in the payload.
fn readable(reply: &Message) -> String {
    let mut text = String::new();
    if let Some(status) = reply.status {
        let description = reply.description.as_deref().unwrap_or_default();
        let _ = write!(text, "{} {description} ", status.as_u16());
    }
    for (name, values) in reply.headers.iter().flat_map(|headers| headers.iter()) {
        for value in values {
            let _ = write!(text, "{name}: {value} ");
        }
    }
    text + &String::from_utf8_lossy(&reply.payload)
}

/// Typed looks into generic JSON.
pub(crate) trait JsonExt {
    fn number(&self, key: &str) -> Option<u64>;
    fn text(&self, key: &str) -> Option<&str>;
    fn flag(&self, key: &str) -> bool;
    fn object(&self, key: &str) -> Option<&Json>;
}

impl JsonExt for Json {
    fn number(&self, key: &str) -> Option<u64> {
        self.get(key)?.as_u64()
    }

    fn text(&self, key: &str) -> Option<&str> {
        self.get(key)?.as_str()
    }

    /// Go leaves false booleans out.
    fn flag(&self, key: &str) -> bool {
        self.get(key).and_then(Value::as_bool).unwrap_or(false)
    }

    fn object(&self, key: &str) -> Option<&Json> {
        self.get(key)?.as_object()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code_of(code: u64, err_code: u64) -> Code {
        Error::from(ApiError {
            code,
            err_code,
            description: String::new(),
        })
        .code
    }

    #[test]
    fn both_numbers_must_match_for_a_specific_code() {
        assert_eq!(code_of(400, 10071), Code::WrongLastSequence);
        assert_eq!(code_of(400, 10164), Code::WrongLastSequence);
        assert_eq!(code_of(404, 10014), Code::ConsumerNotFound);
        assert_eq!(code_of(404, 10037), Code::MsgNotFound);
        assert_eq!(code_of(404, 10059), Code::StreamNotFound);
        assert_eq!(code_of(503, 10039), Code::JetStreamNotEnabledForAccount);
        for (code, err_code) in [(500, 10071), (404, 10071), (400, 10058)] {
            assert_eq!(code_of(code, err_code), Code::JsResponse { code, err_code });
        }
    }

    #[test]
    fn replies_lose_their_type_and_nothing_else() {
        let text = br#"{"type":"x","z":18446744073709551616,"a":1.50,"n":null}"#;
        let reply = parse_reply(text).unwrap().unwrap();
        assert_eq!(
            Value::Object(reply).to_string(),
            r#"{"z":18446744073709551616,"a":1.50,"n":null}"#
        );
    }

    #[test]
    fn error_objects() {
        let text = br#"{"type":"x","error":{"code":404,"err_code":10059,"description":"stream not found"}}"#;
        let error = parse_reply(text).unwrap().unwrap_err();
        assert_eq!(error.code, 404);
        assert_eq!(error.err_code, 10059);
        assert_eq!(error.description, "stream not found");
        assert_eq!(parse_reply(b"+OK").unwrap_err().code, Code::Protocol);
        assert_eq!(parse_reply(b"").unwrap_err().code, Code::Protocol);
    }

    #[test]
    fn streams_out_of_reach() {
        let count = |page| unreachable(&serde_json::from_str(page).unwrap());
        assert_eq!(count(r#"{"streams":[{}]}"#), 0);
        assert_eq!(count(r#"{"missing":null,"offline":null}"#), 0);
        assert_eq!(
            count(r#"{"missing":["a","b"],"offline":{"b":"x","c":"y"}}"#),
            3
        );
    }

    #[test]
    fn empty_queries_have_no_body() {
        assert!(body(&Json::new()).is_empty());
        let mut query = Json::new();
        query.insert("seq".into(), 5.into());
        assert_eq!(body(&query), r#"{"seq":5}"#);
    }

    #[test]
    fn fuzz_replies() {
        let samples: [&[u8]; 4] = [
            br#"{"type":"io.nats.jetstream.api.v1.stream_info_response","config":{"name":"S","max_age":0},"total":1}"#,
            br#"{"error":{"code":404,"err_code":10059,"description":"stream not found"}}"#,
            br#"{"stream":"KV_b","seq":7,"duplicate":true,"domain":"hub"}"#,
            br#"{"consumers":["a","b"],"total":2,"offset":0,"limit":1024}"#,
        ];
        fuzz::bytes(&samples, |reply| match parse_reply(reply) {
            Ok(Ok(object)) => assert!(object.object("error").is_none()),
            Ok(Err(error)) => drop(Error::from(error)),
            Err(error) => assert_eq!(error.code, Code::Protocol),
        });
    }
}
