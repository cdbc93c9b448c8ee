//! Messages and replies on their way to callbacks.
//!
//! One queue a connection, so that what arrives on several subscriptions is handed over in one order.
//! A subscription's callback is forgotten by a marker in the queue: what was queued before an
//! `unsubscribe` or `disconnect` still runs.

use super::Core;
use crate::client::connection::Deliver;
use crate::client::error::Result as ClientResult;
use crate::client::message::Message;
use crate::commands::{payload, shape};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use tcl::event::{self, Receiver, Sender, Target, Ticket};
use tcl::Obj;
use tokio::task::AbortHandle;

/// One thing for a callback.
pub enum Arrival {
    Message(u64, Message),
    /// The subscription ended; its callback is not needed any more.
    Ended(u64),
    Reply(u64, ClientResult<Message>),
}

pub struct Subscription {
    pub callback: Vec<Obj>,
    pub dictmsg: bool,
}

/// What an asynchronous request calls: `callback timedOut reply`.
pub struct Request {
    pub callback: Vec<Obj>,
    pub dictmsg: bool,
}

pub struct Inbox {
    sender: Sender<Arrival>,
    queue: Rc<Queue>,
    ticket: RefCell<Option<Ticket>>,
    last_request: Cell<u64>,
}

/// The Tcl thread's side, which the event source drains.
struct Queue {
    arrivals: Receiver<Arrival>,
    subscriptions: RefCell<HashMap<u64, Rc<Subscription>>>,
    requests: RefCell<HashMap<u64, (Request, AbortHandle)>>,
    core: RefCell<Weak<Core>>,
}

/// The client's side: moves messages over, a batch under one lock.
struct ToInbox(Sender<Arrival>);

impl Deliver for ToInbox {
    fn deliver(&self, subscription: u64, messages: &mut Vec<Message>) {
        let arrivals = messages.drain(..);
        self.0
            .send_all(arrivals.map(|message| Arrival::Message(subscription, message)));
    }

    fn ended(&self, subscription: u64) {
        self.0.send(Arrival::Ended(subscription));
    }
}

impl Inbox {
    pub fn new() -> Inbox {
        let (sender, arrivals) = event::channel();
        let (queue, ticket) = event::register(|notifier| {
            arrivals.attach(notifier);
            Rc::new(Queue {
                arrivals,
                subscriptions: RefCell::default(),
                requests: RefCell::default(),
                core: RefCell::default(),
            })
        });
        Inbox {
            sender,
            queue,
            ticket: RefCell::new(Some(ticket)),
            last_request: Cell::new(0),
        }
    }

    pub fn start(&self, core: &Rc<Core>) {
        *self.queue.core.borrow_mut() = Rc::downgrade(core);
    }

    /// Where the client delivers the messages of subscriptions.
    pub fn deliver(&self) -> Arc<dyn Deliver> {
        Arc::new(ToInbox(self.sender.clone()))
    }

    pub fn subscribed(&self, id: u64, subscription: Subscription) {
        let previous = self
            .queue
            .subscriptions
            .borrow_mut()
            .insert(id, Rc::new(subscription));
        drop(previous);
    }

    /// What is queued for the subscription so far still runs.
    pub fn unsubscribed(&self, id: u64) {
        self.sender.send(Arrival::Ended(id));
    }

    /// Starts an asynchronous request; returns its id.
    pub fn request(
        &self,
        future: impl std::future::Future<Output = ClientResult<Message>> + Send + 'static,
        request: Request,
    ) -> u64 {
        let id = self.last_request.get() + 1;
        self.last_request.set(id);
        let sender = self.sender.clone();
        let task = tokio::spawn(async move {
            let reply = future.await;
            sender.send(Arrival::Reply(id, reply));
        });
        let mut requests = self.queue.requests.borrow_mut();
        requests.insert(id, (request, task.abort_handle()));
        id
    }

    /// Forgets a request. Returns whether it was pending.
    pub fn cancel(&self, id: u64) -> bool {
        let request = self.queue.requests.borrow_mut().remove(&id);
        match request {
            Some((_, task)) => {
                task.abort();
                true
            }
            None => false,
        }
    }

    /// Forgets all requests: `disconnect` calls no callbacks.
    pub fn cancel_all(&self) {
        for (_, task) in self.queue.requests.take().into_values() {
            task.abort();
        }
    }

    pub fn release(&self) {
        self.cancel_all();
        self.queue.arrivals.clear();
        let subscriptions = self.queue.subscriptions.take();
        let ticket = self.ticket.take();
        drop((subscriptions, ticket));
    }
}

impl Target for Queue {
    fn step(self: Rc<Self>) -> bool {
        let Some(arrival) = self.arrivals.pop() else {
            return false;
        };
        if let Some(core) = self.core.borrow().upgrade() {
            match arrival {
                Arrival::Message(id, message) => self.message(&core, id, message),
                Arrival::Ended(id) => {
                    let ended = self.subscriptions.borrow_mut().remove(&id);
                    drop(ended);
                }
                Arrival::Reply(id, reply) => self.reply(&core, id, reply),
            }
        }
        true
    }
}

impl Queue {
    fn message(&self, core: &Core, id: u64, message: Message) {
        let subscription = self.subscriptions.borrow().get(&id).cloned();
        let (Some(subscription), Some(interp)) = (subscription, core.object.interp()) else {
            return;
        };
        let body = core.body(&message, id, subscription.dictmsg);
        let subject = Obj::from(&*message.subject);
        let reply = Obj::from(message.reply.as_deref().unwrap_or(""));
        interp.callback(&subscription.callback, [subject, body, reply]);
    }

    /// Calls `callback timedOut reply`.
    fn reply(&self, core: &Core, id: u64, reply: ClientResult<Message>) {
        let request = self.requests.borrow_mut().remove(&id);
        let (Some((request, _)), Some(interp)) = (request, core.object.interp()) else {
            return;
        };
        let (timed_out, body) = match reply {
            Ok(message) => {
                // A status 503 is the answer of a server to a request that nobody listens to.
                let failed = crate::client::message::status(&message) == Some(503);
                (failed, core.body(&message, 0, request.dictmsg))
            }
            Err(_) => (true, Obj::empty()),
        };
        interp.callback(&request.callback, [Obj::from(timed_out), body]);
    }
}

impl Core {
    /// A message as a script wants it: the payload, or the dict.
    pub fn body(&self, message: &Message, sub_id: u64, dictmsg: bool) -> Obj {
        let utf8 = self.config.utf8_convert.get();
        match dictmsg {
            true => shape::message(message, Obj::from(sub_id), utf8),
            false => payload::decode(&message.payload, utf8),
        }
    }
}
