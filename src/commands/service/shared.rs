//! What a service, its groups and its handlers share.

use super::requests::{Batch, Change, Item, ToService};
use crate::client::connection::Hold;
use crate::client::error::Result as ClientResult;
use crate::client::message::Message;
use crate::client::service::{Failure, Service as Client};
use crate::commands::children::Children;
use crate::commands::fed::Feed;
use crate::commands::run_status::{RunStatus, Status};
use crate::errors::invalid_arg;
use crate::runtime;
use rustc_hash::FxHashMap;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Instant;
use tcl::{Obj, Result};
use tokio::sync::oneshot;

/// The state of a service in its thread.
pub struct Shared {
    pub client: Client,
    pub feed: Feed<Item, Change>,
    pub feeder: ToService,
    /// Its groups.
    pub children: Children,
    pub stats_handler: Option<Vec<Obj>>,
    pub status: RunStatus,
    pub endpoints: RefCell<Vec<Rc<Endpoint>>>,
    /// The numbers of endpoints that have requests and may handle one.
    pub runnable: RefCell<VecDeque<usize>>,
    /// The requests that are handled now, by their number.
    pub running: RefCell<FxHashMap<u64, Rc<Request>>>,
    /// Who waits for its end.
    pub stopping: RefCell<Vec<oneshot::Sender<ClientResult<()>>>>,
    /// Of a connection that is drained, until this has stopped.
    pub hold: RefCell<Option<Hold>>,
}

/// An endpoint.
pub struct Endpoint {
    pub number: usize,
    pub subscription: u64,
    pub callback: Vec<Obj>,
    /// What the callback returns is the answer.
    pub answers_by_result: bool,
    /// So many requests are handled at the same time; 0: any number.
    pub max_concurrent: u64,
    pub waiting: RefCell<VecDeque<Batch>>,
    pub running: Cell<u64>,
    /// No request comes any more.
    pub ended: Cell<bool>,
}

/// A request that is being handled.
pub struct Request {
    pub number: u64,
    pub endpoint: Rc<Endpoint>,
    pub reply: Option<String>,
    pub began: Instant,
    pub answered: Cell<bool>,
    /// It has called `stop`, which cannot wait for its end.
    pub stops: Cell<bool>,
}

impl Endpoint {
    /// Whether another request may be handled now.
    pub fn has_room(&self) -> bool {
        self.max_concurrent == 0 || self.running.get() < self.max_concurrent
    }

    /// The request that has waited longest.
    pub fn next(&self) -> Option<Message> {
        let mut waiting = self.waiting.borrow_mut();
        while let Some(batch) = waiting.front_mut() {
            if let Some(message) = batch.next() {
                return Some(message);
            }
            waiting.pop_front();
        }
        None
    }
}

impl Shared {
    pub fn endpoint(&self, number: usize) -> Option<Rc<Endpoint>> {
        self.endpoints.borrow().get(number).cloned()
    }

    /// Whether nothing is left to be done.
    pub fn is_idle(&self) -> bool {
        let endpoints = self.endpoints.borrow();
        let mut endpoints = endpoints.iter();
        endpoints.all(|endpoint| endpoint.ended.get() && endpoint.waiting.borrow().is_empty())
            && self.running.borrow().values().all(|r| r.stops.get())
    }

    /// # Errors
    /// `ErrInvalidArg` if it takes no requests any more.
    pub fn check_running(&self) -> Result<()> {
        match self.status.get() {
            Status::Running => Ok(()),
            _ => Err(invalid_arg(format!(
                "The service {} has stopped, or is about to",
                self.client.facts().identity.name
            ))),
        }
    }

    /// An endpoint has answered with an error, or could not handle a request.
    pub fn failed(&self, endpoint: &Endpoint, failure: &Failure) {
        let facts = self.client.facts();
        facts.failed(endpoint.number, failure.code, &failure.description);
    }

    /// Ends all of it but the handlers that run.
    pub fn release(&self) {
        self.status.set(Status::Stopped);
        // Unsubscribing needs the runtime.
        let _runtime = runtime::enter();
        self.client.stop();
        self.feed.close();
        self.runnable.take();
        for endpoint in &*self.endpoints.borrow() {
            endpoint.waiting.take();
        }
        self.hold.take();
        self.stopping.take();
    }
}
