//! What an owner is told: statuses, errors, server information, log lines.
//!
//! Everything that leaves the connection goes through the [`Outbox`]. It is filled under the state
//! lock, in the order in which things happen, and emptied without it, by one thread at a time. So
//! the owner sees each event once and in order, whichever threads cause them, and may call back
//! into the connection from there.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::oneshot;

use super::deliver::Deliver;
use super::info::ServerInfo;
use super::waiters::{End, Waiter};
use crate::client::error::{Error, Result};

/// Where a connection stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    Closed,
    Connecting,
    Connected,
    Reconnecting,
    /// Still connected, but about to close.
    Draining,
}

impl Status {
    /// The word scripts see.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Closed => "closed",
            Status::Connecting => "connecting",
            Status::Connected => "connected",
            Status::Reconnecting => "reconnecting",
            Status::Draining => "draining",
        }
    }
}

/// How important a log line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Error,
    Warn,
    Info,
    Debug,
}

/// One thing that happened to a connection.
#[derive(Debug)]
pub enum Event {
    /// The last asynchronous error, or that there is none any more.
    LastError(Option<Error>),
    /// A new status; never the same twice in a row.
    Status(Status),
    /// What the server said about itself in a handshake; told before the status.
    ServerInfo(Box<ServerInfo>),
    /// The same, after it said something else later.
    LaterInfo(Box<ServerInfo>),
    /// A line for the log.
    Log(Level, String),
}

/// Receives a connection's events.
pub trait Sink: Send + Sync + 'static {
    /// Called from any thread, one call at a time, in order; must not block.
    fn event(&self, event: Event);
}

/// Something to be told to somebody outside, once the state lock is released.
pub(super) enum Notice {
    Event(Event),
    /// The outcome of a `connect`, a ping or a wait for room, after the events that led to it.
    Settled(oneshot::Sender<Result<()>>, Result<()>),
    /// Why a drained connection has ended before its time.
    Interrupted(oneshot::Sender<Error>, Error),
    /// An operation that was still waiting when the connection ended.
    Refused(Waiter, End),
    /// An operation that the server does not permit.
    Failed(Waiter, Error),
    /// A subscription that the server does not permit, or what is asked for on it.
    Denied(Arc<dyn Deliver>, u64, Error),
    /// A subscription that ended with the connection, or was drained while there is no link.
    Ended(Arc<dyn Deliver>, u64),
    /// A subscription that goes on with a new link.
    Relinked(Arc<dyn Deliver>, u64),
}

impl Notice {
    pub(super) fn tell(self, sink: &dyn Sink) {
        match self {
            Notice::Event(event) => sink.event(event),
            // Nobody needs to be interested in these any more.
            Notice::Settled(waiter, outcome) => drop(waiter.send(outcome)),
            Notice::Interrupted(waiter, reason) => drop(waiter.send(reason)),
            Notice::Refused(waiter, end) => waiter.refuse(end),
            Notice::Failed(waiter, error) => waiter.fail(error),
            Notice::Denied(deliver, id, error) => deliver.denied(id, &error),
            Notice::Ended(deliver, id) => deliver.ended(id),
            Notice::Relinked(deliver, id) => deliver.relinked(id),
        }
    }
}

/// What is to be told, in order.
#[derive(Default)]
pub(super) struct Outbox {
    notices: VecDeque<Notice>,
    /// A thread is emptying it and will take along whatever others add.
    pub(super) busy: bool,
}

impl Outbox {
    pub(super) fn push(&mut self, notice: Notice) {
        self.notices.push_back(notice);
    }

    pub(super) fn pop(&mut self) -> Option<Notice> {
        self.notices.pop_front()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.notices.is_empty()
    }

    pub(super) fn event(&mut self, event: Event) {
        self.push(Notice::Event(event));
    }

    pub(super) fn log(&mut self, level: Level, text: impl Into<String>) {
        self.event(Event::Log(level, text.into()));
    }

    /// An asynchronous error: it is logged, and becomes the last one.
    pub(super) fn error(&mut self, error: Error) {
        self.log(Level::Warn, error.message.clone());
        self.event(Event::LastError(Some(error)));
    }
}
