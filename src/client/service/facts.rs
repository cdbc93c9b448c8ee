//! What a service says about itself, and its statistics.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;
use time::OffsetDateTime;

use super::Json;

/// What stays the same as long as a service exists.
#[derive(Debug, Clone)]
pub struct Identity {
    pub name: String,
    pub id: String,
    pub version: String,
    pub description: String,
    pub metadata: Json,
}

/// What an endpoint is.
#[derive(Debug, Clone)]
pub struct EndpointFacts {
    pub name: String,
    pub subject: String,
    /// Empty: none.
    pub queue_group: String,
    pub metadata: Json,
}

/// A service's facts, which its threads share. Endpoints have numbers, in the order in which they were added.
#[derive(Debug)]
pub struct Facts {
    pub identity: Identity,
    changing: Mutex<Changing>,
}

#[derive(Debug)]
struct Changing {
    started: String,
    endpoints: Vec<(EndpointFacts, Counts)>,
}

#[derive(Debug, Default)]
struct Counts {
    requests: u64,
    errors: u64,
    last_error: String,
    processing_ns: u64,
}

impl Facts {
    pub fn new(identity: Identity) -> Facts {
        Facts {
            identity,
            changing: Mutex::new(Changing {
                started: now(),
                endpoints: Vec::new(),
            }),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Changing> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn add(&self, endpoint: EndpointFacts) {
        let endpoints = &mut self.lock().endpoints;
        endpoints.push((endpoint, Counts::default()));
    }

    fn count(&self, endpoint: usize, count: impl FnOnce(&mut Counts)) {
        if let Some((_, counts)) = self.lock().endpoints.get_mut(endpoint) {
            count(counts);
        }
    }

    /// A request to an endpoint was handled, in this time.
    pub fn handled(&self, endpoint: usize, time: Duration) {
        self.count(endpoint, |counts| {
            let ns = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
            counts.requests += 1;
            counts.processing_ns = counts.processing_ns.saturating_add(ns);
        });
    }

    /// An endpoint has answered with an error, or failed to handle a request.
    pub fn failed(&self, endpoint: usize, code: i64, description: &str) {
        self.count(endpoint, |counts| {
            counts.errors += 1;
            counts.last_error = format!("{code}:{description}");
        });
    }

    /// Begins to count anew.
    pub fn reset(&self) {
        let changing = &mut *self.lock();
        changing.started = now();
        for (_, counts) in &mut changing.endpoints {
            *counts = Counts::default();
        }
    }

    /// `name id version metadata`
    pub fn ping(&self) -> Json {
        let identity = &self.identity;
        object([
            ("name", identity.name.as_str().into()),
            ("id", identity.id.as_str().into()),
            ("version", identity.version.as_str().into()),
            ("metadata", identity.metadata.clone().into()),
        ])
    }

    /// The same, `description`, and `endpoints`, each `name subject queue_group metadata`.
    pub fn info(&self) -> Json {
        let mut info = self.ping();
        info.insert("description".into(), (*self.identity.description).into());
        let changing = self.lock();
        let endpoints = changing.endpoints.iter().map(|(endpoint, _)| {
            let mut facts = endpoint.place();
            facts.insert("metadata".into(), endpoint.metadata.clone().into());
            Value::Object(facts)
        });
        info.insert("endpoints".into(), endpoints.collect());
        info
    }

    /// As [`Facts::ping`], `started`, and `endpoints`, see [`Facts::stats_of`]; `data` has that of the first endpoints.
    pub fn stats(&self, data: Vec<Option<Value>>) -> Json {
        let mut stats = self.ping();
        let changing = self.lock();
        stats.insert("started".into(), (*changing.started).into());
        let data = data.into_iter().chain(std::iter::repeat(None));
        let endpoints = changing.endpoints.iter().zip(data);
        let endpoints = endpoints.map(|((endpoint, counts), data)| {
            let mut stats = counts.stats(endpoint);
            stats.extend(data.map(|data| ("data".into(), data)));
            Value::Object(stats)
        });
        stats.insert("endpoints".into(), endpoints.collect());
        stats
    }

    /// The name of each endpoint and its statistics: `name subject queue_group num_requests num_errors last_error
    /// processing_time average_processing_time`, times in ns.
    pub fn stats_of_endpoints(&self) -> Vec<(String, Json)> {
        let changing = self.lock();
        let endpoints = changing.endpoints.iter();
        let endpoints = endpoints.map(|(e, counts)| (e.name.clone(), counts.stats(e)));
        endpoints.collect()
    }
}

impl EndpointFacts {
    fn place(&self) -> Json {
        object([
            ("name", self.name.as_str().into()),
            ("subject", self.subject.as_str().into()),
            ("queue_group", self.queue_group.as_str().into()),
        ])
    }
}

impl Counts {
    fn stats(&self, endpoint: &EndpointFacts) -> Json {
        let mut stats = endpoint.place();
        let average = self.processing_ns.checked_div(self.requests).unwrap_or(0);
        stats.extend(object([
            ("num_requests", self.requests.into()),
            ("num_errors", self.errors.into()),
            ("last_error", self.last_error.as_str().into()),
            ("processing_time", self.processing_ns.into()),
            ("average_processing_time", average.into()),
        ]));
        stats
    }
}

fn object<const N: usize>(fields: [(&str, Value); N]) -> Json {
    let fields = fields.into_iter();
    fields
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

/// The time as in RFC 3339, with milliseconds: other clients cannot read more than six digits.
fn now() -> String {
    let now = OffsetDateTime::now_utc();
    let (date, time) = (now.date(), now.time());
    let milliseconds = time.millisecond();
    format!(
        "{}-{:02}-{:02}T{:02}:{:02}:{:02}.{milliseconds:03}Z",
        date.year(),
        u8::from(date.month()),
        date.day(),
        time.hour(),
        time.minute(),
        time.second()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> Facts {
        let facts = Facts::new(Identity {
            name: "calc".into(),
            id: "I".into(),
            version: "1.2.3".into(),
            description: "d".into(),
            metadata: object([("a", "b".into())]),
        });
        for subject in ["math.e", "e"] {
            facts.add(EndpointFacts {
                name: "e".into(),
                subject: subject.into(),
                queue_group: "q".into(),
                metadata: Json::new(),
            });
        }
        facts
    }

    fn text(json: Json) -> String {
        Value::Object(json).to_string()
    }

    #[test]
    fn what_it_says() {
        let facts = facts();
        let head = r#""name":"calc","id":"I","version":"1.2.3","metadata":{"a":"b"}"#;
        assert_eq!(text(facts.ping()), format!("{{{head}}}"));
        let endpoint = |subject| {
            format!(r#"{{"name":"e","subject":"{subject}","queue_group":"q","metadata":{{}}}}"#)
        };
        let (one, two) = (endpoint("math.e"), endpoint("e"));
        assert_eq!(
            text(facts.info()),
            format!(r#"{{{head},"description":"d","endpoints":[{one},{two}]}}"#)
        );
    }

    #[test]
    fn statistics() {
        let facts = facts();
        facts.handled(1, Duration::from_nanos(30));
        facts.handled(1, Duration::from_nanos(11));
        facts.failed(1, 400, "bad: thing");
        facts.handled(7, Duration::ZERO);
        let stats = facts.stats(vec![None, Some(Value::from(5))]);
        let endpoints = stats["endpoints"].to_string();
        assert_eq!(
            endpoints,
            concat!(
                r#"[{"name":"e","subject":"math.e","queue_group":"q","num_requests":0,"num_errors":0,"#,
                r#""last_error":"","processing_time":0,"average_processing_time":0},"#,
                r#"{"name":"e","subject":"e","queue_group":"q","num_requests":2,"num_errors":1,"#,
                r#""last_error":"400:bad: thing","processing_time":41,"average_processing_time":20,"data":5}]"#
            )
        );
        facts.reset();
        let (name, stats) = facts.stats_of_endpoints().remove(1);
        assert_eq!((&*name, &stats["num_requests"]), ("e", &Value::from(0)));
        assert_eq!(stats["last_error"], "");
    }

    #[test]
    fn times() {
        let now = now();
        assert_eq!(now.len(), "2026-11-25T17:56:08.798Z".len(), "{now}");
    }
}
