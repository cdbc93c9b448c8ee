//! What a server does not permit, and whom that concerns.
//!
//! A server says which subject it does not let a connection publish or subscribe to, not which call that was. All
//! that waits for an answer and needs that subject fails then, for none of it will be answered. What was buffered
//! for another link is not concerned: a server answers what it was sent.

use async_nats::Subject;

use super::events::Notice;
use super::failures;
use super::state::State;
use super::waiters::Waiter;
use crate::client::error::Error;

/// What an `-ERR` says about permissions.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Violation {
    Publish(Subject),
    Subscribe(Subject),
}

const PUBLISH: &str = "permissions violation for publish";
const SUBSCRIBE: &str = "permissions violation for subscription";

impl Violation {
    /// Reads the text of an `-ERR`, if it is of that sort: `Permissions Violation for Publish to "a.b"`, or
    /// `Permissions Violation for Subscription to "a.*" using queue "q"`.
    pub(super) fn of(text: &str) -> Option<Violation> {
        let text = text.trim_start_matches(|c: char| c.is_whitespace() || c == '\'');
        let starts = |with: &str| {
            text.get(..with.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(with))
        };
        let subject = || quoted(text).map(Subject::from);
        if starts(PUBLISH) {
            subject().map(Violation::Publish)
        } else if starts(SUBSCRIBE) {
            subject().map(Violation::Subscribe)
        } else {
            None
        }
    }
}

/// The first text in quotes, as Go writes it: quotes and backslashes in it have a backslash.
fn quoted(text: &str) -> Option<String> {
    let (_, rest) = text.split_once('"')?;
    let mut unquoted = String::new();
    let mut characters = rest.chars();
    loop {
        match characters.next()? {
            '"' => return Some(unquoted),
            '\\' => unquoted.push(characters.next()?),
            character => unquoted.push(character),
        }
    }
}

impl State {
    /// The server sent an `-ERR`. Returns the error if it ends the link.
    pub(super) fn server_error(&mut self, text: &str) -> Option<Error> {
        let report = failures::classify(text);
        if report.terminates {
            return Some(report.error);
        }
        match Violation::of(text) {
            Some(violation) => self.denied(&violation, report.error),
            None => self.outbox.error(report.error),
        }
        None
    }

    /// The server does not permit something.
    fn denied(&mut self, violation: &Violation, error: Error) {
        match violation {
            Violation::Publish(subject) => self.denied_publish(subject, error),
            Violation::Subscribe(subject) => self.denied_subscribe(subject, error),
        }
    }

    fn denied_publish(&mut self, subject: &Subject, error: Error) {
        if let Some(ping) = self.waiters.denied_ping(subject) {
            // The server was reached, so nobody else needs to know.
            return self.pong(ping);
        }
        self.outbox.error(error.clone());
        self.fail(|waiter| waiter.asks_on(subject), &error);
        for (id, deliver) in self.subscriptions.receivers() {
            if deliver.asks_on() == Some(subject.as_str()) {
                self.outbox.push(Notice::Denied(deliver, id, error.clone()));
            }
        }
    }

    fn denied_subscribe(&mut self, subject: &Subject, error: Error) {
        if self
            .link
            .as_ref()
            .is_some_and(|link| link.pings_by(subject))
        {
            return;
        }
        self.outbox.error(error.clone());
        if self.waiters.are_on(subject) {
            self.waiters.denied = Some(error.clone());
            // That something has arrived will not be heard any more.
            for waiter in self
                .waiters
                .take(|waiter| matches!(waiter, Waiter::Arrival(_)))
            {
                self.pong(waiter);
            }
            self.fail(Waiter::shares_inboxes, &error);
            return;
        }
        for (id, deliver) in self.subscriptions.on(subject) {
            self.fail(|waiter| waiter.is_answered_by(id), &error);
            self.outbox.push(Notice::Denied(deliver, id, error.clone()));
        }
    }

    fn fail(&mut self, concerns: impl Fn(&Waiter) -> bool, error: &Error) {
        for waiter in self.waiters.take(concerns) {
            self.outbox.push(Notice::Failed(waiter, error.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_servers() {
        let publish = |subject: &str| Some(Violation::Publish(subject.into()));
        let subscribe = |subject: &str| Some(Violation::Subscribe(subject.into()));
        for (text, violation) in [
            (
                r#"Permissions Violation for Publish to "a.B""#,
                publish("a.B"),
            ),
            (
                r#"'Permissions Violation for Publish to "a"'"#,
                publish("a"),
            ),
            (
                r#"permissions violation for publish to "$KV.b.k""#,
                publish("$KV.b.k"),
            ),
            (
                r#"Permissions Violation for Publish to "a\"b\\c""#,
                publish(r#"a"b\c"#),
            ),
            (
                r#"Permissions Violation for Subscription to "_INBOX.x.*""#,
                subscribe("_INBOX.x.*"),
            ),
            (
                r#"Permissions Violation for Subscription to "a" using queue "q""#,
                subscribe("a"),
            ),
            (
                r#"Permissions Violation for Subscription to "a" (sid "7")"#,
                subscribe("a"),
            ),
            ("Permissions Violation for Publish to a", None),
            (r#"Permissions Violation for Publish to "a"#, None),
            (r#"Permissions Violation for Publish to "a\"#, None),
            ("Permissions Violation", None),
            (r#"Authorization Violation for "a""#, None),
            ("", None),
        ] {
            assert_eq!(Violation::of(text), violation, "{text}");
        }
    }
}
