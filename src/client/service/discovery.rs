//! Asking all services.

use std::time::{Duration, Instant};

use serde_json::{Number, Value};

use super::verb::Verb;
use super::Json;
use crate::client::connection::{Connection, Ends, Gather, GatherHandle, Gathered, Level, Publish};
use crate::client::error::Result;
use crate::client::message::Message;

/// What is asked, and how long is waited for answers.
#[derive(Debug, Clone)]
pub struct Question {
    pub verb: Verb,
    /// Only services of this name.
    pub name: Option<String>,
    /// Only the one with this id.
    pub id: Option<String>,
    /// What the subjects begin with.
    pub prefix: String,
    /// As a whole; zero: without end.
    pub timeout: Duration,
    /// After the last answer; zero: up to the end.
    pub stall: Duration,
    /// So many answers; 0: any number.
    pub max: u64,
}

/// The answers to a [`Question`], which was sent. Dropping it ends it.
pub struct Answers {
    connection: Connection,
    verb: Verb,
    gather: Gather,
    asked: Instant,
    left: Option<u64>,
}

/// Sends a question.
///
/// # Errors
/// `ConnectionClosed`, `OutboundFull`, `BadSubject`
pub fn ask(connection: &Connection, question: Question) -> Result<Answers> {
    let (name, id) = (question.name.as_deref(), question.id.as_deref());
    let subject = question.verb.subject(&question.prefix, name, id);
    let limit = Some(question.timeout).filter(|limit| !limit.is_zero());
    // There is one service with an id.
    let max = match (id, question.max) {
        (Some(_), _) => Some(1),
        (None, 0) => None,
        (None, max) => Some(max),
    };
    let asked = Instant::now();
    let ends = Ends {
        stall: Some(question.stall).filter(|stall| !stall.is_zero()),
        at_empty: false,
    };
    let gather = connection.gather(Publish::new(subject, ""), 0, limit)?;
    Ok(Answers {
        connection: connection.clone(),
        verb: question.verb,
        gather: gather.ending(ends),
        asked,
        left: max,
    })
}

impl Answers {
    /// What the connection keeps for it.
    pub fn handle(&self) -> GatherHandle {
        self.gather.handle()
    }

    /// The next answer, all of its fields and `rtt`; `None` at the end.
    ///
    /// # Errors
    /// `ConnectionClosed`, `Timeout` when the connection has ended.
    pub async fn next(&mut self) -> Result<Option<Json>> {
        while self.left != Some(0) {
            let message = match self.gather.next().await {
                Gathered::Reply(message) => message,
                Gathered::Ended(error) => return Err(error),
                Gathered::NoResponders(_)
                | Gathered::Complete
                | Gathered::Finished
                | Gathered::TimedOut => break,
            };
            if let Some(answer) = self.read(&message) {
                self.left = self.left.map(|left| left - 1);
                return Ok(Some(answer));
            }
        }
        Ok(None)
    }

    /// All answers.
    ///
    /// # Errors
    /// Those of [`Answers::next`].
    pub async fn all(mut self) -> Result<Vec<Json>> {
        let mut answers = Vec::new();
        while let Some(answer) = self.next().await? {
            answers.push(answer);
        }
        Ok(answers)
    }

    fn read(&self, message: &Message) -> Option<Json> {
        let rtt = self.asked.elapsed();
        match serde_json::from_slice(&message.payload) {
            Ok(Value::Object(answer)) => Some(complete(self.verb, answer, rtt)),
            _ => {
                let token = self.verb.token();
                let text = format!("An answer to {token} is no JSON object");
                self.connection.log(Level::Warn, text);
                None
            }
        }
    }
}

/// What a field is when it is missing, null, or of another type.
#[derive(Clone, Copy)]
enum Default {
    Text(&'static str),
    Zero,
    Object,
    Endpoints(&'static [(&'static str, Default)]),
}

const PING: [(&str, Default); 4] = [
    ("name", Default::Text("")),
    ("id", Default::Text("")),
    ("version", Default::Text("")),
    ("metadata", Default::Object),
];

const INFO: [(&str, Default); 2] = [
    ("description", Default::Text("")),
    (
        "endpoints",
        Default::Endpoints(&[
            ("name", Default::Text("")),
            ("subject", Default::Text("")),
            ("queue_group", Default::Text("")),
            ("metadata", Default::Object),
        ]),
    ),
];

const STATS: [(&str, Default); 2] = [
    ("started", Default::Text("")),
    (
        "endpoints",
        Default::Endpoints(&[
            ("name", Default::Text("")),
            ("subject", Default::Text("")),
            ("queue_group", Default::Text("")),
            ("num_requests", Default::Zero),
            ("num_errors", Default::Zero),
            ("last_error", Default::Text("")),
            ("processing_time", Default::Zero),
            ("average_processing_time", Default::Zero),
        ]),
    ),
];

/// All fields in their order, then what else an answer has, then the time that it took in ms.
fn complete(verb: Verb, answer: Json, rtt: Duration) -> Json {
    let own: &[_] = match verb {
        Verb::Ping => &[],
        Verb::Info => &INFO,
        Verb::Stats => &STATS,
    };
    let answer_type = [("type", Default::Text(verb.answer_type()))];
    let fields = answer_type.iter().chain(&PING).chain(own);
    let mut answer = with_defaults(fields, answer);
    let milliseconds = rtt.as_micros() as f64 / 1000.0;
    let milliseconds = Number::from_f64(milliseconds).map_or(Value::from(0), Value::Number);
    answer.shift_remove("rtt");
    answer.insert("rtt".into(), milliseconds);
    answer
}

fn with_defaults<'a>(
    fields: impl Iterator<Item = &'a (&'static str, Default)>,
    mut given: Json,
) -> Json {
    let mut all = Json::new();
    for (name, default) in fields {
        let value = given.shift_remove(*name).unwrap_or(Value::Null);
        all.insert((*name).to_owned(), default.unless(value));
    }
    all.extend(given);
    all
}

impl Default {
    /// A value, if it is of the type.
    fn unless(self, value: Value) -> Value {
        match (self, value) {
            (Default::Text(_), value @ Value::String(_)) => value,
            (Default::Zero, value @ Value::Number(_)) => value,
            (Default::Object, value @ Value::Object(_)) => value,
            (Default::Endpoints(fields), Value::Array(items)) => {
                let endpoints = items.into_iter().filter_map(|item| match item {
                    Value::Object(endpoint) => Some(with_defaults(fields.iter(), endpoint)),
                    _ => None,
                });
                endpoints.map(Value::Object).collect()
            }
            (Default::Text(text), _) => text.into(),
            (Default::Zero, _) => 0.into(),
            (Default::Object, _) => Json::new().into(),
            (Default::Endpoints(_), _) => Value::Array(Vec::new()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn completed(verb: Verb, text: &str) -> String {
        let Ok(Value::Object(answer)) = serde_json::from_str(text) else {
            panic!("{text}");
        };
        let rtt = Duration::from_micros(1234);
        Value::Object(complete(verb, answer, rtt)).to_string()
    }

    #[test]
    fn what_is_missing_has_its_default() {
        assert_eq!(
            completed(Verb::Ping, "{}"),
            r#"{"type":"io.nats.micro.v1.ping_response","name":"","id":"","version":"","metadata":{},"rtt":1.234}"#
        );
        assert_eq!(
            completed(
                Verb::Info,
                r#"{"own":1,"rtt":0,"endpoints":[{"subject":"s","metadata":null,"x":[]},7,null],
                   "metadata":"?","id":"I","type":"other"}"#
            ),
            concat!(
                r#"{"type":"other","name":"","id":"I","version":"","metadata":{},"description":"","#,
                r#""endpoints":[{"name":"","subject":"s","queue_group":"","metadata":{},"x":[]}],"own":1,"rtt":1.234}"#
            )
        );
        assert_eq!(
            completed(
                Verb::Stats,
                r#"{"endpoints":[{"name":"e","num_requests":7,"data":{"a":1}}]}"#
            ),
            concat!(
                r#"{"type":"io.nats.micro.v1.stats_response","name":"","id":"","version":"","metadata":{},"#,
                r#""started":"","endpoints":[{"name":"e","subject":"","queue_group":"","num_requests":7,"#,
                r#""num_errors":0,"last_error":"","processing_time":0,"average_processing_time":0,"data":{"a":1}}],"#,
                r#""rtt":1.234}"#
            )
        );
    }
}
