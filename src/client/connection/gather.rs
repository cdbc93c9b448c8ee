//! Requests that want several replies: each has an inbox and a subscription of its own (core.md §13).

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use async_nats::{Message, StatusCode, Subject};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep_until, Instant};

use super::requests::{closed, new_inbox, timed_out, Waiter};
use super::state::State;
use super::subscriptions::Deliver;
use super::{deadline, Inner, Publish};
use crate::client::error::{Code, Error, Result};

/// So many bytes of replies may wait to be taken.
const MAX_BYTES: usize = 64 * 1024 * 1024;

/// What a reply takes besides its own bytes.
const OVERHEAD: usize = 256;

/// A request that collects replies. Dropping it ends it. Replies that are not taken in time are dropped and
/// reported, as those of any subscription.
pub struct Gather {
    place: Place,
    subject: Subject,
    max: u64,
    received: u64,
    limit: Option<Instant>,
    replies: mpsc::UnboundedReceiver<Message>,
    waiting: Arc<AtomicUsize>,
    end: oneshot::Receiver<Error>,
}

/// What a connection keeps for a [`Gather`], for those who want to end it from elsewhere.
#[derive(Clone)]
pub struct Place {
    connection: Weak<Inner>,
    /// Who is told when the connection ends.
    key: u64,
    subscription: u64,
}

impl Place {
    /// Ends the request; the server is told before anything that is sent later.
    pub fn end(&self) {
        if let Some(connection) = self.connection.upgrade() {
            connection.with(|state| state.forget(self.key, self.subscription));
        }
    }
}

/// What comes next.
pub enum Gathered {
    Reply(Message),
    /// The server's word that nobody listens; the message has the status.
    NoResponders(Message),
    /// As many as were wanted have come.
    Complete,
    TimedOut,
    /// The connection ended.
    Ended(Error),
}

/// Starts a request for up to `max` replies (0: any number), which come until the time is over.
pub(super) fn gather(
    connection: &Arc<Inner>,
    message: Publish,
    max: u64,
    timeout: Option<Duration>,
) -> Result<Gather> {
    let subject = message.subject.clone();
    let limit = timeout.and_then(deadline);
    let (sender, replies) = mpsc::unbounded_channel();
    let (waiter, end) = oneshot::channel();
    let waiting = Arc::<AtomicUsize>::default();
    let receiver = Arc::new(Replies {
        sender,
        waiting: waiting.clone(),
    });
    let started = connection.with(|state| state.gather(message, max, receiver, waiter));
    let (key, subscription) = started?;
    Ok(Gather {
        place: Place {
            connection: Arc::downgrade(connection),
            key,
            subscription,
        },
        subject,
        max,
        received: 0,
        limit,
        replies,
        waiting,
        end,
    })
}

impl State {
    fn gather(
        &mut self,
        mut message: Publish,
        max: u64,
        replies: Arc<Replies>,
        waiter: oneshot::Sender<Error>,
    ) -> Result<(u64, u64)> {
        self.check_publish(&message)?;
        let inbox = Subject::from(new_inbox());
        let subscription = self.subscribe(inbox.clone(), None, max, replies);
        let key = self.requests.add(Waiter::Gather(waiter));
        message.reply = Some(inbox);
        if let Err(error) = self.send(message) {
            self.forget(key, subscription);
            return Err(error);
        }
        Ok((key, subscription))
    }

    fn forget(&mut self, key: u64, subscription: u64) {
        self.requests.remove(key);
        // It may have ended by itself.
        let _ = self.subscriptions.end(subscription, 0);
    }
}

impl Gather {
    /// The subscription the replies come on.
    pub fn subscription(&self) -> u64 {
        self.place.subscription
    }

    /// What the connection keeps for it.
    pub fn place(&self) -> Place {
        self.place.clone()
    }

    /// Whether as many replies as were wanted have come.
    pub fn is_complete(&self) -> bool {
        self.max != 0 && self.received >= self.max
    }

    /// Waits for what comes next. The time runs from the beginning of the request.
    pub async fn next(&mut self) -> Gathered {
        if self.is_complete() {
            return Gathered::Complete;
        }
        let limit = self.limit;
        tokio::select! {
            // What has come is handed out before the end of the connection is.
            biased;
            reply = self.replies.recv() => match reply {
                Some(message) => self.count(message),
                None => self.ended().await,
            },
            error = &mut self.end => Gathered::Ended(error.unwrap_or_else(|_| closed())),
            () = until(limit) => Gathered::TimedOut,
        }
    }

    fn count(&mut self, message: Message) -> Gathered {
        self.received += 1;
        self.waiting.fetch_sub(size(&message), Ordering::Relaxed);
        match message.status {
            Some(StatusCode::NO_RESPONDERS) => Gathered::NoResponders(message),
            _ => Gathered::Reply(message),
        }
    }

    async fn ended(&mut self) -> Gathered {
        Gathered::Ended((&mut self.end).await.unwrap_or_else(|_| closed()))
    }

    /// All replies.
    ///
    /// # Errors
    /// `Timeout` if there is none in time, also when no server is left; `NoResponders`, for a single
    /// reply at once, else when the time is over; `ConnectionClosed`.
    pub async fn all(mut self) -> Result<Vec<Message>> {
        let mut replies = Vec::new();
        let mut nobody = false;
        loop {
            match self.next().await {
                Gathered::Reply(message) => replies.push(message),
                Gathered::NoResponders(_) => nobody = true,
                Gathered::Ended(error) => return Err(error),
                Gathered::Complete | Gathered::TimedOut if !replies.is_empty() => {
                    return Ok(replies);
                }
                Gathered::Complete | Gathered::TimedOut if nobody => {
                    return Err(Error::new(
                        Code::NoResponders,
                        format!("No responders available for request to {}", self.subject),
                    ));
                }
                Gathered::Complete | Gathered::TimedOut => return Err(timed_out(&self.subject)),
            }
        }
    }
}

impl Drop for Gather {
    fn drop(&mut self) {
        self.place.end();
    }
}

async fn until(limit: Option<Instant>) {
    match limit {
        Some(limit) => sleep_until(limit).await,
        None => std::future::pending().await,
    }
}

/// Receives what arrives on the inbox.
struct Replies {
    sender: mpsc::UnboundedSender<Message>,
    waiting: Arc<AtomicUsize>,
}

fn size(message: &Message) -> usize {
    message.length + OVERHEAD
}

impl Deliver for Replies {
    fn deliver(&self, _subscription: u64, messages: &mut Vec<Message>) {
        let mut waiting = self.waiting.load(Ordering::Relaxed);
        let fits = |message: &Message| {
            let room = waiting < MAX_BYTES;
            waiting += size(message);
            room
        };
        let accepted = messages.iter().map(fits).take_while(|fits| *fits).count();
        for message in messages.drain(..accepted) {
            self.waiting.fetch_add(size(&message), Ordering::Relaxed);
            // The request may have been given up.
            let _ = self.sender.send(message);
        }
    }

    fn has_caught_up(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) <= MAX_BYTES / 2
    }
}
