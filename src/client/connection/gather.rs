//! Requests that want several replies: each has an inbox and a subscription of its own.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use async_nats::{Message, StatusCode, Subject};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::clock::{deadline, until};
use super::deliver::Deliver;
use super::hold::Hold;
use super::inner::Inner;
use super::publish::Publish;
use super::state::State;
use super::waiters::{closed, timed_out, Waiter};
use crate::client::error::{Code, Error, Result};

/// So many bytes of replies may wait to be taken.
const MAX_BYTES: usize = 64 * 1024 * 1024;

/// What a reply takes besides its own bytes.
const OVERHEAD: usize = 256;

/// A request that collects replies. Dropping it ends it. Replies that are not taken in time are dropped and
/// reported, as those of any subscription.
pub struct Gather {
    handle: GatherHandle,
    subject: Subject,
    max: u64,
    received: u64,
    limit: Option<Instant>,
    /// There was a reply.
    replied: bool,
    /// The server said that nobody listens.
    nobody: bool,
    ends: Ends,
    /// When silence will have lasted too long.
    quiet_at: Option<Instant>,
    replies: mpsc::UnboundedReceiver<Message>,
    waiting: Arc<AtomicUsize>,
    end: oneshot::Receiver<Error>,
}

/// What ends a request for several replies besides their number and its time.
#[derive(Debug, Clone, Copy, Default)]
pub struct Ends {
    /// No further reply for so long after one has come.
    pub stall: Option<Duration>,
    /// A reply without payload and status, which does not count.
    pub at_empty: bool,
}

/// What a connection keeps for a [`Gather`], for those who want to end it from elsewhere.
#[derive(Clone)]
pub struct GatherHandle {
    connection: Weak<Inner>,
    /// Who is told when the connection ends.
    key: u64,
    subscription: u64,
}

impl GatherHandle {
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
    /// What ends it has come: silence, or an empty reply.
    Finished,
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
        handle: GatherHandle {
            connection: Arc::downgrade(connection),
            key,
            subscription,
        },
        subject,
        max,
        received: 0,
        limit,
        replied: false,
        nobody: false,
        ends: Ends::default(),
        quiet_at: None,
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
        self.check_accepting()?;
        self.check_publish(&message)?;
        self.check_request(&message)?;
        self.check_inbox(&message.subject)?;
        let inbox = Subject::from(self.new_inbox());
        let subscription = self.subscribe(inbox.clone(), None, max, replies);
        let key = self.waiters.add(Waiter::Gather {
            end: waiter,
            subject: message.subject.clone(),
            subscription,
        });
        message.reply = Some(inbox);
        if let Err(error) = self.send(message) {
            self.forget(key, subscription);
            return Err(error);
        }
        Ok((key, subscription))
    }

    fn forget(&mut self, key: u64, subscription: u64) {
        self.waiters.remove(key);
        // It may have ended by itself.
        let _ = self.subscriptions.end(subscription, 0);
    }
}

impl Gather {
    /// The same, with other ends.
    pub fn ending(mut self, ends: Ends) -> Gather {
        self.ends = ends;
        self
    }

    /// The subscription the replies come on.
    pub fn subscription(&self) -> u64 {
        self.handle.subscription
    }

    /// What the connection keeps for it.
    pub fn handle(&self) -> GatherHandle {
        self.handle.clone()
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
        let quiet = self.quiet_at;
        let quiet = quiet.filter(|quiet| self.limit.is_none_or(|limit| *quiet < limit));
        let limit = quiet.or(self.limit);
        tokio::select! {
            // What has come is handed out before the end of the connection is.
            biased;
            reply = self.replies.recv() => match reply {
                Some(message) => self.count(message),
                None => self.ended().await,
            },
            error = &mut self.end => Gathered::Ended(error.unwrap_or_else(|_| closed())),
            () = until(limit) => match quiet {
                Some(_) => Gathered::Finished,
                None => Gathered::TimedOut,
            },
        }
    }

    fn count(&mut self, message: Message) -> Gathered {
        self.received += 1;
        self.waiting.fetch_sub(size(&message), Ordering::Relaxed);
        match message.status {
            Some(StatusCode::NO_RESPONDERS) => return Gathered::NoResponders(message),
            None if self.ends.at_empty && message.payload.is_empty() => return Gathered::Finished,
            _ => {}
        }
        self.replied = true;
        self.quiet_at = self.ends.stall.and_then(deadline);
        Gathered::Reply(message)
    }

    async fn ended(&mut self) -> Gathered {
        Gathered::Ended((&mut self.end).await.unwrap_or_else(|_| closed()))
    }

    /// All replies.
    ///
    /// # Errors
    /// Those of [`Gather::reply`].
    pub async fn all(mut self) -> Result<Vec<Message>> {
        let mut replies = Vec::new();
        while let Some(reply) = self.reply().await? {
            replies.push(reply);
        }
        Ok(replies)
    }

    /// The next reply; none when there are no more.
    ///
    /// # Errors
    /// `Timeout` if there is none in time, also when no server is left; `NoResponders`, for a single
    /// reply at once, else when the time is over; `ConnectionClosed`.
    pub async fn reply(&mut self) -> Result<Option<Message>> {
        loop {
            match self.next().await {
                Gathered::Reply(message) => return Ok(Some(message)),
                Gathered::NoResponders(_) => self.nobody = true,
                Gathered::Ended(error) => return Err(error),
                Gathered::Finished => return Ok(None),
                Gathered::Complete | Gathered::TimedOut if self.replied => return Ok(None),
                Gathered::Complete | Gathered::TimedOut if self.nobody => {
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
        self.handle.end();
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
    /// The request ends when it is answered.
    fn drain(&self, _subscription: u64, _hold: &Hold) -> bool {
        false
    }

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
