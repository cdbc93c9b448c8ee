//! Chunks on their way to the server.
//!
//! Many are under way at a time, and their order in the stream is the order of the bytes. So a chunk goes out on the link
//! that it was meant for or not at all; when there is a new link, all that were not acknowledged are sent again, the first
//! one first. Each has an id, by which the server drops those it has already. Both copies are in order, so the first
//! occurrences are.

use std::collections::VecDeque;
use std::future::{pending, poll_fn};
use std::task::Poll;
use std::time::Duration;

use async_nats::header::NATS_MESSAGE_ID;
use async_nats::{HeaderMap, Message};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use tokio::time::{sleep, Instant};

use super::call::Call;
use crate::client::connection::{responded, until, Publish};
use crate::client::error::{Code, Error, Result};
use crate::client::jetstream::{sequence, JsonExt};

/// Bytes that may be under way; a single chunk may have more.
const WINDOW: usize = 4 * 1024 * 1024;

/// How often chunks are sent again while nobody listens, and the pause before.
const RETRIES: u32 = 2;
const PAUSE: Duration = Duration::from_millis(250);

/// The pause while too much waits to be sent.
const JAM: Duration = Duration::from_millis(10);

/// The chunks of a put.
pub(super) struct Upload<'a> {
    call: &'a Call,
    nuid: &'a str,
    /// For how long there may be no acknowledgement; zero: for ever.
    patience: Duration,
    /// Sent and not acknowledged, in order.
    sent: VecDeque<Chunk>,
    /// Their bytes.
    bytes: usize,
    /// How many were sent in all.
    count: u64,
    /// The link that they are on.
    link: u64,
    /// There was more than one link.
    relinked: bool,
    /// Attempts since the last acknowledgement that nobody has heard.
    unheard: u32,
    /// When there was an acknowledgement, or the first of these chunks was sent.
    heard: Instant,
}

struct Chunk {
    number: u64,
    bytes: Bytes,
    since: Instant,
    answer: BoxFuture<'static, Result<Message>>,
}

/// What has happened to the first chunk.
pub(super) enum Step {
    /// So many bytes are stored.
    Stored(usize),
    /// There is a new link.
    Relinked,
    /// Nobody has listened.
    Unheard(Error),
}

impl<'a> Upload<'a> {
    pub(super) fn new(call: &'a Call, nuid: &'a str, patience: Duration) -> Upload<'a> {
        Upload {
            call,
            nuid,
            patience,
            sent: VecDeque::new(),
            bytes: 0,
            count: 0,
            link: call.js.connection.link(),
            relinked: false,
            unheard: 0,
            heard: Instant::now(),
        }
    }

    /// How many chunks there were.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Whether all of them are acknowledged.
    pub(super) fn is_idle(&self) -> bool {
        self.sent.is_empty()
    }

    /// Whether a chunk of so many bytes may be sent.
    pub(super) fn has_room(&self, length: usize) -> bool {
        self.sent.is_empty() || self.bytes + length <= WINDOW
    }

    /// Sends the next chunk.
    ///
    /// # Errors
    /// `Timeout`, `ConnectionClosed`
    pub(super) async fn send(&mut self, bytes: Bytes) -> Result<()> {
        if self.sent.is_empty() {
            self.heard = Instant::now();
        }
        self.count += 1;
        let answer = match self.publish(self.count, bytes.clone()).await {
            Ok(answer) => answer,
            Err(error) => return Err(self.because(error).await),
        };
        self.bytes += bytes.len();
        self.sent.push_back(Chunk {
            number: self.count,
            bytes,
            since: Instant::now(),
            answer,
        });
        Ok(())
    }

    /// Waits for what happens to the first chunk. May be given up at any time.
    ///
    /// # Errors
    /// What the stream says against it; `Timeout`, `ConnectionClosed`.
    pub(super) async fn step(&mut self) -> Result<Step> {
        let deadline = self.deadline();
        let relinked = self.call.js.connection.link_after(self.link);
        let Some(first) = self.sent.front_mut() else {
            return pending().await;
        };
        let answer = tokio::select! {
            biased;
            answer = &mut first.answer => answer,
            () = relinked => return Ok(Step::Relinked),
            () = until(deadline) => return Err(self.call.untaken(self.timed_out()).await),
        };
        match answer
            .and_then(responded)
            .and_then(|reply| sequence(&reply.payload))
        {
            Ok(_) => Ok(Step::Stored(self.settle())),
            Err(error) if error.code == Code::NoResponders => Ok(Step::Unheard(error)),
            Err(error) => Err(error),
        }
    }

    /// Goes on after a step.
    ///
    /// # Errors
    /// `Timeout`, `ConnectionClosed`; `NoResponders`, `BucketNotFound` if there is no use.
    pub(super) async fn go_on(&mut self, step: Step) -> Result<()> {
        match step {
            Step::Stored(_) => Ok(()),
            Step::Relinked => self.send_again().await,
            Step::Unheard(error) => self.retry(error).await,
        }
    }

    /// Why the connection has ended is known to those who wait for it.
    async fn because(&mut self, error: Error) -> Error {
        if error.code == Code::ConnectionClosed {
            for chunk in &mut self.sent {
                if let Err(reason) = (&mut chunk.answer).await {
                    return reason;
                }
            }
        }
        error
    }

    /// Whether all chunks are there. It need not be asked if there was one link only.
    ///
    /// # Errors
    /// Those of [`JetStream::api`](crate::client::jetstream::JetStream::api).
    pub(super) async fn is_complete(&mut self) -> Result<bool> {
        if !self.relinked {
            return Ok(true);
        }
        Ok(self.call.count_chunks(self.nuid).await? == self.count)
    }

    /// The first chunk is stored. Returns its length.
    fn settle(&mut self) -> usize {
        self.heard = Instant::now();
        self.unheard = 0;
        let length = self.sent.pop_front().map_or(0, |chunk| chunk.bytes.len());
        self.bytes -= length;
        length
    }

    /// Sends a chunk on the present link. Waits while too much waits to be sent.
    async fn publish(
        &mut self,
        number: u64,
        bytes: Bytes,
    ) -> Result<BoxFuture<'static, Result<Message>>> {
        let mut message = Publish::new(self.call.store.chunks(self.nuid), bytes);
        let mut headers = HeaderMap::new();
        headers.insert(NATS_MESSAGE_ID, format!("{}.{number}", self.nuid));
        message.headers = Some(headers);
        message.link = Some(self.link);
        let connection = &self.call.js.connection;
        loop {
            let mut answer = connection.request_or_status(message.clone(), None);
            match poll_fn(|cx| Poll::Ready(answer.as_mut().poll(cx))).await {
                Poll::Ready(Err(error)) if error.code == Code::OutboundFull => {}
                Poll::Ready(Err(error)) => return Err(error),
                Poll::Ready(Ok(reply)) => return Ok(Box::pin(async { Ok(reply) })),
                Poll::Pending => return Ok(answer),
            }
            if self.deadline().is_some_and(|end| end <= Instant::now()) {
                return Err(connection.outbound_full());
            }
            sleep(JAM).await;
        }
    }

    /// Sends all that were not acknowledged on the present link.
    async fn send_again(&mut self) -> Result<()> {
        self.relinked = true;
        self.check_window().await?;
        self.link = self.call.js.connection.link();
        for index in 0..self.sent.len() {
            let Chunk { number, bytes, .. } = &self.sent[index];
            let answer = self.publish(*number, bytes.clone()).await?;
            self.sent[index].answer = answer;
        }
        Ok(())
    }

    /// Beyond the time for which the server recognises a message it has seen, with a margin, it would store it twice.
    async fn check_window(&mut self) -> Result<()> {
        let Call { js, store } = self.call;
        let js = js.with_timeout(self.patience);
        let info = js.stream_info_in_ns(store.stream()).await;
        let info = info.map_err(|error| store.missing(error))?;
        let window = info
            .object("config")
            .and_then(|config| config.number("duplicate_window"));
        let window = Duration::from_nanos(window.unwrap_or(0));
        match self.sent.front() {
            Some(first) if first.since.elapsed() > window / 2 => Err(self.timed_out()),
            _ => Ok(()),
        }
    }

    /// Nobody has listened to the first chunk: its stream has no leader, or is gone. Those behind it have no place
    /// without it.
    async fn retry(&mut self, error: Error) -> Result<()> {
        let deadline = self.deadline();
        for chunk in self.sent.iter_mut().skip(1) {
            let answer = tokio::select! {
                biased;
                answer = &mut chunk.answer => answer,
                () = self.call.js.connection.link_after(self.link) => break,
                () = until(deadline) => return Err(error),
            };
            match answer.and_then(responded) {
                Err(error) if error.code == Code::NoResponders => {}
                Err(other) => return Err(other),
                Ok(_) => return Err(error),
            }
        }
        if self.unheard == RETRIES {
            return Err(self.call.untaken(error).await);
        }
        self.unheard += 1;
        self.call.js.connection.pause(PAUSE).await?;
        self.send_again().await
    }

    fn deadline(&self) -> Option<Instant> {
        match self.patience.is_zero() {
            true => None,
            false => self.heard.checked_add(self.patience),
        }
    }

    fn timed_out(&self) -> Error {
        let bucket = self.call.store.name();
        let message = format!("No acknowledgement of chunks in bucket {bucket} in time");
        Error::new(Code::Timeout, message)
    }
}

impl Call {
    /// How many chunks there are of a nuid.
    ///
    /// # Errors
    /// `BucketNotFound`; those of [`JetStream::api`](crate::client::jetstream::JetStream::api).
    pub(super) async fn count_chunks(&self, nuid: &str) -> Result<u64> {
        let Call { js, store } = self;
        let subjects = js
            .subject_pages(store.stream(), &store.chunks(nuid))
            .all()
            .await;
        let subjects = subjects.map_err(|error| store.missing(error))?;
        Ok(subjects.into_iter().map(|(_, count)| count).sum())
    }
}
