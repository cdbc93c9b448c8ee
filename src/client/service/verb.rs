//! What a service can be asked.

use bytes::Bytes;
use serde_json::Value;

use super::Json;

/// A question about services.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    Ping,
    Info,
    Stats,
}

impl Verb {
    pub const ALL: [Verb; 3] = [Verb::Ping, Verb::Info, Verb::Stats];

    /// Its token in subjects.
    pub fn token(self) -> &'static str {
        match self {
            Verb::Ping => "PING",
            Verb::Info => "INFO",
            Verb::Stats => "STATS",
        }
    }

    /// The `type` of its answers.
    pub fn answer_type(self) -> &'static str {
        match self {
            Verb::Ping => "io.nats.micro.v1.ping_response",
            Verb::Info => "io.nats.micro.v1.info_response",
            Verb::Stats => "io.nats.micro.v1.stats_response",
        }
    }

    /// The subject on which all services, those of a name, or a single one are asked.
    pub fn subject(self, prefix: &str, name: Option<&str>, id: Option<&str>) -> String {
        let tokens = [Some(prefix), Some(self.token()), name, id];
        tokens.into_iter().flatten().collect::<Vec<_>>().join(".")
    }

    /// An answer as it is sent.
    pub fn answer(self, facts: Json) -> Bytes {
        let mut answer = Json::new();
        answer.insert("type".into(), self.answer_type().into());
        answer.extend(facts);
        Value::Object(answer).to_string().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects() {
        assert_eq!(Verb::Ping.subject("$SRV", None, None), "$SRV.PING");
        let subject = Verb::Stats.subject("a.b", Some("Calc"), Some("x"));
        assert_eq!(subject, "a.b.STATS.Calc.x");
    }
}
