//! One pull request, and what it brings.

use std::collections::VecDeque;
use std::time::Duration;

use futures_util::future::BoxFuture;

use super::request::PullRequest;
use super::{status, unreadable};
use crate::client::connection::{Gather, GatherHandle, Gathered, Level};
use crate::client::error::{Code, Error, Result};
use crate::client::jetstream::JetStream;
use crate::client::message::{Delivered, Message};

const EXPIRED: u16 = 408;
const NO_RESPONDERS: u16 = 503;
const HEARTBEAT: u16 = 100;

/// A pull request that is under way. Dropping it ends it, here and at the server.
pub struct Fetch {
    js: JetStream,
    stream: String,
    consumer: String,
    subject: String,
    /// What it is called in the log.
    label: String,
    gather: Gather,
    /// Messages that may still come.
    left: u64,
    /// Resolves when the link breaks on which the request went out, and there is another one.
    relinked: BoxFuture<'static, ()>,
    /// What the link broke upon.
    looked_up: VecDeque<Delivered>,
    /// The server's timer does not end before the client's: whichever is heard of first, it is the latter
    /// that counts.
    expires_late: bool,
}

/// What comes next.
pub enum Fetched {
    Message(Delivered),
    /// As many messages as were asked for have come.
    Complete,
    /// The server says that no more will come; the message has the status.
    Status(Message),
    /// The time is over, or nobody takes the request.
    TimedOut,
    /// The connection ended: `Timeout` if no server is left, `ConnectionClosed` after `disconnect`.
    Ended(Error),
}

impl JetStream {
    /// Sends a pull request. `limit` is how long the client waits, whatever the server does; zero: without
    /// end. `label` is what the log calls it.
    ///
    /// # Errors
    /// `InvalidArg` for bad names; `BadSubject` for a bad API prefix; `ConnectionClosed`.
    pub fn fetch(
        &self,
        (stream, consumer): (&str, &str),
        request: &PullRequest,
        limit: Duration,
        label: String,
    ) -> Result<Fetch> {
        let subject = self.pull_subject(stream, consumer)?;
        let message = self.pull(&subject, request);
        let relinked = Box::pin(self.connection.relinked());
        Ok(Fetch {
            relinked,
            looked_up: VecDeque::new(),
            // Statuses come on the same inbox, so it is not the connection that counts messages.
            gather: self.connection.gather(message, 0, Some(limit))?,
            js: self.clone(),
            stream: stream.to_owned(),
            consumer: consumer.to_owned(),
            subject,
            label,
            // To the server, no messages are one.
            left: request.batch.max(1),
            expires_late: !limit.is_zero() && request.expires >= Some(limit),
        })
    }
}

impl Fetch {
    /// The subscription that the messages come on.
    pub fn subscription(&self) -> u64 {
        self.gather.subscription()
    }

    /// What the connection keeps for it.
    pub fn handle(&self) -> GatherHandle {
        self.gather.handle()
    }

    /// Whether as many messages as were asked for have come.
    pub fn is_complete(&self) -> bool {
        self.left == 0
    }

    /// Waits for what comes next. The time runs from the beginning.
    pub async fn next(&mut self) -> Fetched {
        while !self.is_complete() {
            if let Some(message) = self.looked_up.pop_front() {
                self.left -= 1;
                return Fetched::Message(message);
            }
            let gathered = tokio::select! {
                biased;
                gathered = self.gather.next() => gathered,
                () = &mut self.relinked => {
                    self.look_up().await;
                    continue;
                }
            };
            let message = match gathered {
                Gathered::Reply(message) | Gathered::NoResponders(message) => message,
                Gathered::Ended(error) => return Fetched::Ended(error),
                Gathered::TimedOut | Gathered::Complete | Gathered::Finished => {
                    return self.timed_out();
                }
            };
            match status::number(&message) {
                None => {
                    self.left -= 1;
                    return Fetched::Message(message.into());
                }
                Some(HEARTBEAT) => {}
                Some(NO_RESPONDERS) => return self.timed_out(),
                Some(EXPIRED) if self.expires_late => return self.timed_out(),
                Some(number) => {
                    self.log(&format!("got status message {number}"));
                    return Fetched::Status(message);
                }
            }
        }
        Fetched::Complete
    }

    /// Looks for what the link broke upon.
    async fn look_up(&mut self) {
        self.relinked = Box::pin(self.js.connection.relinked());
        match self.js.unreadable(&self.stream, &self.consumer).await {
            Ok(messages) => {
                for message in &messages {
                    let text = format!("{} {}", self.label, unreadable::told(message).message);
                    self.js.connection.log(Level::Warn, text);
                }
                self.looked_up.extend(messages);
            }
            Err(error) => self.log(&format!("could not look for what broke the link: {error}")),
        }
    }

    fn timed_out(&self) -> Fetched {
        self.log("timed out");
        Fetched::TimedOut
    }

    fn log(&self, what: &str) {
        let text = format!("{} {what}", self.label);
        self.js.connection.log(Level::Debug, text);
    }

    /// All messages, possibly none.
    ///
    /// # Errors
    /// If the time is over and nothing has come: what keeps the consumer from being looked up, such as
    /// `ConsumerNotFound`, else `Timeout`. `Timeout` if no server is left, `ConnectionClosed`.
    pub async fn all(mut self) -> Result<Vec<Delivered>> {
        let mut messages = Vec::new();
        loop {
            match self.next().await {
                Fetched::Message(message) => messages.push(message),
                Fetched::TimedOut if messages.is_empty() => return Err(self.silence().await),
                Fetched::Complete | Fetched::Status(_) | Fetched::TimedOut => return Ok(messages),
                Fetched::Ended(error) => return Err(error),
            }
        }
    }

    /// Why nothing has come.
    async fn silence(self) -> Error {
        // Messages that come from now on belong to others.
        self.handle().end();
        let found = self.js.consumer_info(&self.stream, &self.consumer).await;
        found.err().unwrap_or_else(|| {
            let subject = &self.subject;
            Error::new(
                Code::Timeout,
                format!("Sync pull request timeout, subject={subject}"),
            )
        })
    }
}
