//! Error answers: two headers say what is wrong.

use crate::client::error::{Code, Error};
use crate::client::message::{HeaderMap, Message};

/// The header with the description.
pub const ERROR: &str = "Nats-Service-Error";
/// The header with the code.
pub const ERROR_CODE: &str = "Nats-Service-Error-Code";

/// What a service says is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub code: i64,
    pub description: String,
}

impl Failure {
    /// What an answer says; `None` if it is no error. A code that is no integer is 0.
    pub fn of(answer: &Message) -> Option<Failure> {
        let headers = answer.headers.as_ref()?;
        let text = |name| headers.get(name).map(|value| value.as_str().trim());
        let (code, description) = (text(ERROR_CODE), text(ERROR));
        code.or(description)?;
        Some(Failure {
            code: code.and_then(|code| code.parse().ok()).unwrap_or(0),
            description: description.unwrap_or_default().to_owned(),
        })
    }

    /// Adds what it says to the headers of an answer.
    pub fn write(&self, headers: &mut HeaderMap) {
        headers.insert(ERROR, &*self.description);
        headers.insert(ERROR_CODE, &*self.code.to_string());
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Error {
        Error::new(Code::Service { code: failure.code }, failure.description)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(headers: &[(&str, &str)]) -> Message {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, *value);
        }
        Message {
            subject: "a".into(),
            reply: None,
            payload: Default::default(),
            headers: Some(map),
            status: None,
            description: None,
            length: 0,
        }
    }

    #[test]
    fn answers() {
        let failure = |code, description: &str| {
            let description = description.to_owned();
            Some(Failure { code, description })
        };
        for (headers, expected) in [
            (&[][..], None),
            (&[("Other", "x")], None),
            (&[(ERROR, "bad"), (ERROR_CODE, "400")], failure(400, "bad")),
            (&[(ERROR_CODE, "-1")], failure(-1, "")),
            (&[(ERROR, "bad")], failure(0, "bad")),
            (&[(ERROR, "bad"), (ERROR_CODE, "4.5")], failure(0, "bad")),
        ] {
            assert_eq!(Failure::of(&answer(headers)), expected, "{headers:?}");
        }
        let mut headers = HeaderMap::new();
        failure(7, "b").iter().for_each(|f| f.write(&mut headers));
        let mut message = answer(&[]);
        message.headers = Some(headers);
        assert_eq!(Failure::of(&message), failure(7, "b"));
    }
}
