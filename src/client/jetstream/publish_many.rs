//! Publishing many messages, several of them in flight.

use std::future::Future;
use std::time::Duration;

use futures_util::stream::FuturesOrdered;
use futures_util::{FutureExt, StreamExt};

use super::api::{ApiError, Json};
use super::context::JetStream;
use crate::client::connection::Publish;
use crate::client::error::{Error, Result};

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

pub type Acknowledgement = std::result::Result<Json, Failure>;

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
        let js = self.clone();
        async move {
            let mut messages = messages.into_iter().peekable();
            let mut in_flight = FuturesOrdered::new();
            let mut failed = None;
            let mut come = Vec::new();
            let mut tell_all = |come: &mut Vec<_>| {
                if !come.is_empty() {
                    tell(std::mem::take(come));
                }
            };
            loop {
                while failed.is_none() && in_flight.len() < pace.window {
                    // What others have to send may leave no room; it will come with the next answer.
                    let has_room = |message: &Publish| {
                        in_flight.is_empty() || js.connection.check_request(message).is_ok()
                    };
                    let Some(message) = messages.next_if(has_room) else {
                        break;
                    };
                    in_flight.push_back(js.try_publish(message, pace.timeout));
                }
                if come.len() == LOT {
                    tell_all(&mut come);
                }
                let answer = match in_flight.next().now_or_never() {
                    Some(answer) => answer,
                    None => {
                        tell_all(&mut come);
                        in_flight.next().await
                    }
                };
                let Some(answer) = answer else {
                    tell_all(&mut come);
                    return failed.map_or(Ok(()), |failure: Failure| Err(failure.into()));
                };
                let acknowledgement = match answer {
                    Ok(Ok(acknowledgement)) => Ok(acknowledgement),
                    Ok(Err(refusal)) => Err(Failure::Refused(refusal)),
                    Err(error) => Err(Failure::Lost(error)),
                };
                if let (Err(failure), false) = (&acknowledgement, pace.goes_on) {
                    failed.get_or_insert_with(|| failure.clone());
                }
                come.push(acknowledgement);
            }
        }
    }
}
