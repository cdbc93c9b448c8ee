//! Several messages of a stream, whatever comes in between: pages, elections, links that break.

use std::future::Future;
use std::time::Duration;

use serde_json::Value;

use super::api::{Json, JsonExt};
use super::batched::Batched;
use super::latest::Latest;
use super::units::{ns_from_iso, time_of_ns};
use super::{JetStream, StoredMessage};
use crate::client::error::{Code, Error, Result};
use crate::client::subject;

/// How many messages of a subject there are if nothing else is said.
const BATCH: u64 = 1000;

/// How often a page is asked for again that was incomplete, or was asked for in vain.
const TRIES: u32 = 10;

/// The first pause before that; each one is longer by as much.
const PAUSE: Duration = Duration::from_millis(10);

/// How often a page is asked for again when the link has broken upon it.
const BREAKS: u32 = 1;

/// How often a page is asked for again when nobody listens, as in an election.
const RETRIES: u32 = 2;

/// The time before that.
const ELECTION: Duration = Duration::from_millis(250);

/// Which messages are wanted.
#[derive(Debug, Clone)]
pub(crate) struct Selection {
    query: Json,
    /// All together.
    most: Option<u64>,
    /// The latest of each subject, all of one moment.
    latest: bool,
}

impl Selection {
    /// The query is as the API has it: `multi_last`, subjects and patterns, or `next_by_subj` with `seq` or
    /// `start_time`; `up_to_seq` or `up_to_time` of the former; `batch`, how many messages are wanted at most;
    /// `max_bytes` of each page. Times are in the notation of ISO 8601.
    ///
    /// # Errors
    /// `InvalidArg` for what is missing, or does not go together; `BadSubject`.
    pub(crate) fn new(mut query: Json) -> Result<Selection> {
        check_numbers(&query)?;
        for name in ["start_time", "up_to_time"] {
            if let Some(time) = query.get_mut(name) {
                *time = server_time(name, time)?;
            }
        }
        exclude(&query, "seq", "start_time")?;
        exclude(&query, "up_to_seq", "up_to_time")?;
        let latest = match (query.get("multi_last"), query.get("next_by_subj")) {
            (Some(Value::Array(subjects)), None) => {
                subjects.iter().try_for_each(check_subject)?;
                true
            }
            (None, Some(subject)) => {
                check_subject(subject)?;
                check_next(&query)?;
                false
            }
            (Some(_), Some(_)) => return Err(exclusive("last_by_subj", "next_by_subj")),
            _ => {
                return Err(Error::invalid_arg(
                    "Option -last_by_subj or -next_by_subj is required",
                ))
            }
        };
        let most = match query.number("batch") {
            None if !latest => Some(BATCH),
            given => given,
        };
        Ok(Selection {
            query,
            most,
            latest,
        })
    }
}

/// The server takes 0 of these for nothing, and has no end of a batch of 0.
fn check_numbers(query: &Json) -> Result<()> {
    let is_zero = |name: &&str| query.number(name) == Some(0);
    let zero = ["seq", "batch", "max_bytes", "up_to_seq"]
        .into_iter()
        .find(is_zero);
    zero.map_or(Ok(()), |name| {
        Err(Error::invalid_arg(format!("Invalid {name} 0")))
    })
}

fn server_time(name: &str, time: &Value) -> Result<Value> {
    let text = time.as_str().unwrap_or_default();
    let time = ns_from_iso(text).and_then(time_of_ns);
    time.map(Value::from)
        .ok_or_else(|| Error::invalid_arg(format!("Invalid {name} {text}")))
}

fn check_subject(subject: &Value) -> Result<()> {
    subject::check_subscribe(subject.as_str().unwrap_or_default(), true)
}

fn check_next(query: &Json) -> Result<()> {
    if !query.contains_key("seq") && !query.contains_key("start_time") {
        return Err(Error::invalid_arg(
            "Option -seq or -start_time is required with -next_by_subj",
        ));
    }
    exclude(query, "next_by_subj", "up_to_seq")?;
    exclude(query, "next_by_subj", "up_to_time")
}

fn exclude(query: &Json, one: &str, other: &str) -> Result<()> {
    match query.contains_key(one) && query.contains_key(other) {
        true => Err(exclusive(one, other)),
        false => Ok(()),
    }
}

fn exclusive(one: &str, other: &str) -> Error {
    Error::invalid_arg(format!("-{one} and -{other} are mutually exclusive"))
}

impl JetStream {
    /// Reads several messages from whichever server of the stream or its mirrors answers first, and tells them in the
    /// order of the stream. The function is called on a runtime thread and must not block.
    ///
    /// # Errors
    /// `NotSupported` of servers before 2.11; `NoResponders` if nobody serves the stream directly; `JsResponse` 413 if
    /// more subjects match than a server answers for; `Timeout`, also after a silence of the time limit in the middle,
    /// and if messages are removed all the time while they are read; `Protocol` for a message that cannot be read;
    /// those of [`JetStream::batched_get`].
    pub(crate) fn stream_msgs_get(
        &self,
        stream: &str,
        selection: Selection,
        told: impl FnMut(StoredMessage) + Send + 'static,
    ) -> impl Future<Output = Result<()>> + Send + 'static {
        let reading = Reading {
            js: self.clone(),
            stream: stream.to_owned(),
            told,
            patience: Patience::default(),
        };
        async move {
            reading.js.check_server_at_least(2, 11)?;
            match selection.latest {
                true => reading.latest(selection).await,
                false => reading.next(selection).await,
            }
        }
    }
}

/// A call that reads.
struct Reading<F> {
    js: JetStream,
    stream: String,
    told: F,
    patience: Patience,
}

/// How often the same page was asked for in vain.
#[derive(Default)]
struct Patience {
    tries: u32,
    breaks: u32,
    retries: u32,
}

/// What to do without a page.
enum Way {
    /// Ask for it again.
    Again,
    /// There is nothing.
    End,
    /// One of its messages breaks the link.
    Unreadable,
}

impl<F: FnMut(StoredMessage)> Reading<F> {
    async fn latest(mut self, selection: Selection) -> Result<()> {
        loop {
            let query = selection.query.clone();
            let other = match self.js.latest(&self.stream, query, selection.most).await? {
                Latest::All(messages, _) => {
                    messages.into_iter().for_each(&mut self.told);
                    return Ok(());
                }
                Latest::Changed => Batched::Incomplete,
                Latest::Other(other) => other,
            };
            match self.without(other).await? {
                Way::Again => {}
                Way::End => return Ok(()),
                Way::Unreadable => return Err(unreadable(&self.stream)),
            }
        }
    }

    async fn next(mut self, selection: Selection) -> Result<()> {
        let Selection {
            mut query, most, ..
        } = selection;
        let mut left = most.unwrap_or(BATCH);
        // How many more there are, as one of the pages has said.
        let mut promised: u64 = 0;
        while left > 0 {
            query.insert("batch".into(), left.into());
            let page = match self.js.batched_get(&self.stream, &query).await? {
                Batched::Page(page) => page,
                Batched::Nothing
                    if promised > 0 && has_more(&self.js, &self.stream, &query).await? =>
                {
                    self.without(Batched::Incomplete).await?;
                    continue;
                }
                other => match self.without(other).await? {
                    Way::Again => continue,
                    Way::End => return Ok(()),
                    Way::Unreadable => return self.one_by_one(query, left).await,
                },
            };
            self.patience = Patience::default();
            let count = page.messages.len() as u64;
            left = left.saturating_sub(count);
            promised = page.left.max(promised.saturating_sub(count));
            let last = page.messages.last().map(|message| message.sequence);
            page.messages.into_iter().for_each(&mut self.told);
            match last {
                Some(last) if promised > 0 => go_on_behind(&mut query, last),
                _ => return Ok(()),
            }
        }
        Ok(())
    }

    /// By way of the leader, which answers in JSON: headers that the transport cannot read do no harm there.
    async fn one_by_one(mut self, mut query: Json, most: u64) -> Result<()> {
        query.remove("batch");
        query.remove("max_bytes");
        for _ in 0..most {
            let Some(message) = self.js.stored(&self.stream, &query).await? else {
                break;
            };
            go_on_behind(&mut query, message.sequence);
            (self.told)(message);
        }
        Ok(())
    }

    /// What to do without a page.
    async fn without(&mut self, what: Batched) -> Result<Way> {
        let (js, patience) = (&self.js, &mut self.patience);
        match what {
            Batched::Nothing => Ok(Way::End),
            Batched::Page(_) | Batched::Incomplete if patience.tries < TRIES => {
                patience.tries += 1;
                js.connection.pause(PAUSE * patience.tries).await?;
                Ok(Way::Again)
            }
            Batched::Page(_) | Batched::Incomplete => Err(incomplete(&self.stream)),
            Batched::Relinked => {
                patience.breaks += 1;
                match patience.breaks > BREAKS || js.connection.broke_upon_message() {
                    true => Ok(Way::Unreadable),
                    false => Ok(Way::Again),
                }
            }
            Batched::Nobody if patience.retries < RETRIES => {
                patience.retries += 1;
                js.connection.pause(ELECTION).await?;
                Ok(Way::Again)
            }
            Batched::Nobody => Err(nobody(&self.stream)),
            Batched::TooMany => Err(too_many()),
            Batched::NotUnderstood => Err(not_understood()),
        }
    }
}

/// Whether there is another one all the same, which the server that has answered does not have yet. A stream that is
/// gone does not tell, but its mirrors may.
async fn has_more(js: &JetStream, stream: &str, query: &Json) -> Result<bool> {
    let mut query = query.clone();
    query.remove("batch");
    query.remove("max_bytes");
    match js.stored(stream, &query).await {
        Ok(message) => Ok(message.is_some()),
        Err(error) if error.code == Code::StreamNotFound => Ok(true),
        Err(error) => Err(error),
    }
}

fn go_on_behind(query: &mut Json, last: u64) {
    query.remove("start_time");
    query.insert("seq".into(), (last + 1).into());
}

fn incomplete(stream: &str) -> Error {
    let message = format!("Timeout while reading messages of stream {stream}: some are missing");
    Error::new(Code::Timeout, message)
}

fn unreadable(stream: &str) -> Error {
    let message = format!("A message of stream {stream} cannot be read: its headers are malformed");
    Error::new(Code::Protocol, message)
}

fn nobody(stream: &str) -> Error {
    let message = format!("No responders available: nobody serves stream {stream} directly");
    Error::new(Code::NoResponders, message)
}

fn too_many() -> Error {
    let code = Code::JsResponse {
        code: 413,
        err_code: 0,
    };
    Error::new(code, "Too Many Results")
}

fn not_understood() -> Error {
    let message = "Reading several messages at once needs NATS server 2.11 or later";
    Error::new(Code::NotSupported, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selection(query: &str) -> std::result::Result<Selection, String> {
        let query = serde_json::from_str(query).unwrap();
        Selection::new(query).map_err(|error| error.message)
    }

    #[test]
    fn how_many_are_wanted() {
        let most = |query| selection(query).unwrap().most;
        assert_eq!(most(r#"{"multi_last":["a"]}"#), None);
        assert_eq!(most(r#"{"multi_last":["a"],"batch":7}"#), Some(7));
        assert_eq!(most(r#"{"next_by_subj":"a","seq":1}"#), Some(1000));
        assert_eq!(most(r#"{"next_by_subj":"a","seq":1,"batch":7}"#), Some(7));
    }

    #[test]
    fn times_are_those_of_the_server() {
        let query = r#"{"next_by_subj":"a","start_time":"2026-11-25 10:00:00+0100"}"#;
        let query = selection(query).unwrap().query;
        assert_eq!(query.text("start_time"), Some("2026-11-25T09:00:00Z"));
    }

    #[test]
    fn what_does_not_go_together() {
        for (query, message) in [
            ("{}", "Option -last_by_subj or -next_by_subj is required"),
            (
                r#"{"multi_last":["a"],"next_by_subj":"a","seq":1}"#,
                "-last_by_subj and -next_by_subj are mutually exclusive",
            ),
            (
                r#"{"next_by_subj":"a"}"#,
                "Option -seq or -start_time is required with -next_by_subj",
            ),
            (
                r#"{"next_by_subj":"a","seq":1,"start_time":"2026-11-25T09:00:00Z"}"#,
                "-seq and -start_time are mutually exclusive",
            ),
            (
                r#"{"next_by_subj":"a","seq":1,"up_to_seq":4}"#,
                "-next_by_subj and -up_to_seq are mutually exclusive",
            ),
            (r#"{"multi_last":["a"],"batch":0}"#, "Invalid batch 0"),
            (
                r#"{"multi_last":["a"],"up_to_time":"x"}"#,
                "Invalid up_to_time x",
            ),
            (r#"{"multi_last":["a..b"]}"#, "Invalid subject a..b"),
        ] {
            assert_eq!(selection(query).unwrap_err(), message);
        }
    }
}
