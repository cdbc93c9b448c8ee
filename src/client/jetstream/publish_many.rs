//! Publishing many messages, several of them in flight.

use std::collections::VecDeque;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};

use super::api::{ApiError, Json};
use super::context::JetStream;
use super::publish::{acknowledgement, bare};
use super::Deadline;
use crate::client::connection::{responded, Pipeline, Publish};
use crate::client::error::{Code, Error, Result};
use crate::client::message::Message;

/// How many messages are published, and how.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// So many messages are in flight at most.
    pub window: usize,
    /// The time limit of each message; none, or zero: no limit.
    pub timeout: Option<Duration>,
    /// Goes on after a failure.
    pub goes_on: bool,
}

/// Why a message may not be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The stream said no.
    Refused(ApiError),
    /// The message or its answer got lost, or the message was not sent.
    Lost(Error),
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Error {
        match failure {
            Failure::Refused(refusal) => refusal.into(),
            Failure::Lost(error) => error,
        }
    }
}

/// What a stream says of a message that it has stored.
#[derive(Debug, Clone, PartialEq)]
pub enum Stored {
    /// Which stream that is, the message's sequence, and nothing else.
    At(Arc<str>, u64),
    Whole(Json),
}

pub type Acknowledgement = std::result::Result<Stored, Failure>;

/// So many acknowledgements are told at a time at most.
const LOT: usize = 64;

impl JetStream {
    /// Publishes messages in their order and tells their acknowledgements in this order, those that have come by then
    /// together. The function is called on a runtime thread and must not block.
    ///
    /// Unless it is to go on, a failure is the last thing that is sent for: what is in flight by then is awaited,
    /// and the first failure in the order of the messages is the error.
    ///
    /// # Errors
    /// Those of [`JetStream::publish`], if it does not go on.
    pub fn publish_many(
        &self,
        messages: Vec<Publish>,
        pace: Pace,
        mut tell: impl FnMut(Vec<Acknowledgement>) + Send + 'static,
    ) -> impl Future<Output = Result<()>> + Send + 'static {
        let mut in_flight = InFlight::new(self, pace.timeout);
        async move {
            let mut messages = messages.into_iter().peekable();
            let mut failed = None;
            let mut come = Vec::new();
            let mut tell_all = |come: &mut Vec<_>| {
                if !come.is_empty() {
                    tell(std::mem::take(come));
                }
            };
            loop {
                while failed.is_none() && in_flight.row.len() < pace.window {
                    let Some(message) = messages.next_if(|next| in_flight.has_room(next)) else {
                        break;
                    };
                    in_flight.send(message);
                }
                if come.len() == LOT {
                    tell_all(&mut come);
                }
                let acknowledgement = match in_flight.next().now_or_never() {
                    Some(acknowledgement) => acknowledgement,
                    None => {
                        tell_all(&mut come);
                        in_flight.next().await
                    }
                };
                let Some(acknowledgement) = acknowledgement else {
                    tell_all(&mut come);
                    return failed.map_or(Ok(()), |failure: Failure| Err(failure.into()));
                };
                if let (Err(failure), false) = (&acknowledgement, pace.goes_on) {
                    failed.get_or_insert_with(|| failure.clone());
                }
                come.push(acknowledgement);
            }
        }
    }
}

/// Messages without an acknowledgement that was told.
struct InFlight {
    js: JetStream,
    timeout: Duration,
    pipeline: Pipeline,
    /// Those that nobody has heard, once more.
    again: FuturesUnordered<BoxFuture<'static, Numbered>>,
    row: VecDeque<Waiting>,
    /// The number of the first of them.
    first: u64,
    /// The stream of the last acknowledgement.
    stream: Arc<str>,
}

type Numbered = (u64, Result<Message>);

struct Waiting {
    message: Publish,
    deadline: Deadline,
    acknowledgement: Option<Acknowledgement>,
}

impl InFlight {
    fn new(js: &JetStream, timeout: Option<Duration>) -> InFlight {
        InFlight {
            js: js.clone(),
            timeout: timeout.unwrap_or_default(),
            pipeline: js.connection.pipeline(),
            again: FuturesUnordered::new(),
            row: VecDeque::new(),
            first: 0,
            stream: Arc::default(),
        }
    }

    /// What others have to send may leave no room; it will come with the next answer.
    fn has_room(&self, message: &Publish) -> bool {
        self.row.is_empty() || self.js.connection.check_request(message).is_ok()
    }

    fn send(&mut self, message: Publish) {
        let deadline = Deadline::after(self.timeout);
        self.pipeline.send(message.clone(), deadline.end());
        self.row.push_back(Waiting {
            message,
            deadline,
            acknowledgement: None,
        });
    }

    /// The next acknowledgement, in the order of the messages; none if nothing is in flight. May be given up at any
    /// time.
    async fn next(&mut self) -> Option<Acknowledgement> {
        loop {
            if let Some(acknowledgement) = self.row.front_mut()?.acknowledgement.take() {
                self.row.pop_front();
                self.first += 1;
                return Some(acknowledgement);
            }
            let (number, answer) = self.answer().await?;
            self.settle(number, answer);
        }
    }

    /// The next answer to any of them; none if there is nothing in flight.
    async fn answer(&mut self) -> Option<Numbered> {
        loop {
            tokio::select! {
                biased;
                Some(answer) = self.again.next() => return Some(answer),
                Some((number, answer)) = self.pipeline.next() => match answer.and_then(responded) {
                    Err(error) if error.code == Code::NoResponders => self.ask_again(number, error),
                    answer => return Some((number, answer)),
                },
                else => return None,
            }
        }
    }

    fn ask_again(&mut self, number: u64, error: Error) {
        let js = self.js.clone();
        if let Some(waiting) = self.waiting(number) {
            let (message, deadline) = (waiting.message.clone(), waiting.deadline);
            self.again.push(Box::pin(async move {
                let answer = js.request_again(message, deadline, error, responded);
                (number, answer.await)
            }));
        }
    }

    fn settle(&mut self, number: u64, answer: Result<Message>) {
        let acknowledgement = match answer {
            Ok(reply) => self.read(&reply.payload),
            Err(error) => Err(Failure::Lost(error)),
        };
        if let Some(waiting) = self.waiting(number) {
            waiting.acknowledgement = Some(acknowledgement);
        }
    }

    fn waiting(&mut self, number: u64) -> Option<&mut Waiting> {
        let index = number.checked_sub(self.first)?;
        self.row.get_mut(usize::try_from(index).ok()?)
    }

    fn read(&mut self, reply: &[u8]) -> Acknowledgement {
        if let Some((stream, seq)) = bare(reply) {
            if *self.stream != *stream {
                self.stream = stream.into();
            }
            return Ok(Stored::At(self.stream.clone(), seq));
        }
        match acknowledgement(reply) {
            Ok(Ok(whole)) => Ok(Stored::Whole(whole)),
            Ok(Err(refusal)) => Err(Failure::Refused(refusal)),
            Err(error) => Err(Failure::Lost(error)),
        }
    }
}
