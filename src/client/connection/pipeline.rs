//! Requests of which many are in flight, made by one who waits for all of them.
//!
//! One channel takes the answers of all, and one clock at a time runs: beside its message a request costs little.

use std::collections::VecDeque;
use std::sync::Arc;

use async_nats::Message;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::clock::until;
use super::inner::Inner;
use super::publish::Publish;
use super::waiters::Answer;
use crate::client::error::Result;

/// Requests in flight. They have the numbers 0, 1 and so on, as they were sent. Dropping it cancels them.
pub struct Pipeline {
    connection: Arc<Inner>,
    sender: mpsc::UnboundedSender<(u64, Result<Message>)>,
    answers: mpsc::UnboundedReceiver<(u64, Result<Message>)>,
    /// From the first one on whose answer was not told.
    open: VecDeque<Open>,
    /// The number of that one.
    first: u64,
}

struct Open {
    /// Its place among those who wait; none if it was never sent.
    key: Option<u64>,
    limit: Option<Instant>,
    told: bool,
}

impl Pipeline {
    pub(super) fn new(connection: Arc<Inner>) -> Pipeline {
        let (sender, answers) = mpsc::unbounded_channel();
        Pipeline {
            connection,
            sender,
            answers,
            open: VecDeque::new(),
            first: 0,
        }
    }

    /// Publishes the next request at once. Its time limit must not be over before that of an earlier one. The reply
    /// subject of `message` is ignored.
    pub fn send(&mut self, message: Publish, limit: Option<Instant>) {
        let number = self.first + self.open.len() as u64;
        let answer = Answer::Numbered(number, self.sender.clone());
        let key = self.connection.with(|state| state.request(message, answer));
        let key = match key {
            Ok(key) => Some(key),
            Err(error) => {
                // The other end is here.
                let _ = self.sender.send((number, Err(error)));
                None
            }
        };
        self.open.push_back(Open {
            key,
            limit,
            told: false,
        });
    }

    /// The next answer and the number of its request; that there are no responders comes as the server's message.
    /// None when all were told. May be given up at any time.
    pub async fn next(&mut self) -> Option<(u64, Result<Message>)> {
        loop {
            let first = self.open.front_mut()?;
            tokio::select! {
                biased;
                answer = self.answers.recv() => {
                    let (number, outcome) = answer?;
                    self.told(number);
                    return Some((number, outcome));
                }
                () = until(first.limit) => {
                    // What it has come to is told like any answer.
                    first.limit = None;
                    if let Some(key) = first.key {
                        self.connection.with(|state| state.waiters.time_out(key));
                    }
                }
            }
        }
    }

    fn told(&mut self, number: u64) {
        let index = usize::try_from(number - self.first).unwrap_or(usize::MAX);
        if let Some(open) = self.open.get_mut(index) {
            open.told = true;
        }
        while self.open.front().is_some_and(|open| open.told) {
            self.open.pop_front();
            self.first += 1;
        }
    }
}

impl Drop for Pipeline {
    fn drop(&mut self) {
        if self.open.is_empty() {
            return;
        }
        let open = self.open.iter().filter(|open| !open.told);
        self.connection.with(|state| {
            for key in open.filter_map(|open| open.key) {
                state.waiters.remove(key);
            }
        });
    }
}
