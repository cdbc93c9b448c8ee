//! Messages and replies on their way to callbacks.
//!
//! One queue a connection, so that what arrives on several subscriptions is handed over in one order.
//! A subscription's callback is forgotten by a marker in the queue: what was queued before an
//! `unsubscribe` or `disconnect` still runs.
//!
//! `-post false` asks for the shortest way from the socket to the callback. It is the same here: an
//! event of this queue calls the callback directly, without another trip through the event loop.

use super::backlog::{Backlog, Share};
use super::Core;
use crate::client::connection::{Deliver, Place};
use crate::client::jetstream::{ApiError, Json};
use crate::client::message::Message;
use crate::commands::{payload, shape};
use rustc_hash::FxHashMap;
use std::cell::{Cell, RefCell};
use std::future::Future;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::vec;
use tcl::event::{self, Receiver, Sender, Target, Ticket};
use tcl::Obj;
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::AbortHandle;

/// One thing for a callback, or several.
enum Arrival {
    Messages(Batch),
    /// The subscription ended; its callback is not needed any more.
    Ended(u64),
    /// Something for the callback of a request; the last of its kind if so marked.
    Answer(u64, Answer, bool),
}

/// Messages of one subscription that arrived together.
struct Batch {
    subscription: u64,
    messages: vec::IntoIter<Message>,
    backlog: Share,
}

/// What a request's callback is told.
pub enum Answer {
    /// A reply and the subscription it came on.
    Reply(Message, u64),
    /// One of many replies, which takes up room until it is told.
    OneOfMany(Message, u64, Option<OwnedSemaphorePermit>),
    /// The server's word that nobody listens; counts as "timed out".
    Status(Message, u64),
    TimedOut,
    /// A stream's acknowledgement of a message.
    Stored(Json),
    /// The stream said no.
    Refused(ApiError),
    /// No word of a stream came.
    Unacknowledged,
    /// Nothing: the callback is not called.
    Nothing,
}

pub struct Subscription {
    callback: Vec<Obj>,
    dictmsg: bool,
    /// The subject of its last message, which the next one is likely to share.
    last: RefCell<Option<(Box<str>, Obj)>>,
}

impl Subscription {
    pub fn new(callback: Vec<Obj>, dictmsg: bool) -> Subscription {
        Subscription {
            callback,
            dictmsg,
            last: RefCell::default(),
        }
    }

    fn subject(&self, subject: &str) -> Obj {
        let mut last = self.last.borrow_mut();
        match &*last {
            Some((text, value)) if **text == *subject => value.clone(),
            _ => {
                let value = Obj::from(subject);
                // A copy: the subject of a message keeps the memory it arrived in.
                *last = Some((subject.into(), value.clone()));
                value
            }
        }
    }
}

/// What an asynchronous request calls: `callback timedOut reply`; a publication of JetStream's
/// `callback timedOut acknowledgement error`.
pub struct Request {
    pub callback: Vec<Obj>,
    pub dictmsg: bool,
    pub owner: Owner,
}

/// On whose behalf requests are made, so that they can be cancelled together.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Owner(u64);

impl Owner {
    /// Fetches depend on no other object, but have a method of their own that cancels them.
    pub const FETCHES: Owner = Owner(u64::MAX);
}

pub struct Inbox {
    sender: Sender<Arrival>,
    queue: Rc<Queue>,
    ticket: RefCell<Option<Ticket>>,
    last_request: Cell<u64>,
    last_owner: Cell<u64>,
}

/// The Tcl thread's side, which the event source drains.
struct Queue {
    arrivals: Receiver<Arrival>,
    /// The batch whose messages have their turn.
    batch: RefCell<Option<Batch>>,
    subscriptions: RefCell<FxHashMap<u64, Rc<Subscription>>>,
    requests: RefCell<FxHashMap<u64, Pending>>,
    core: RefCell<Weak<Core>>,
}

struct Pending {
    request: Rc<Request>,
    task: AbortHandle,
    place: Option<Place>,
}

impl Pending {
    fn abandon(&self) {
        self.task.abort();
        if let Some(place) = &self.place {
            place.end();
        }
    }
}

/// The client's side of a subscription: moves messages over, a batch under one lock.
struct ToInbox {
    sender: Sender<Arrival>,
    backlog: Arc<Backlog>,
}

impl Deliver for ToInbox {
    fn deliver(&self, subscription: u64, messages: &mut Vec<Message>) {
        let share = self.backlog.admit(messages);
        let rest = messages.split_off(share.count());
        let accepted = std::mem::replace(messages, rest);
        if accepted.is_empty() {
            return;
        }
        self.sender.send(Arrival::Messages(Batch {
            subscription,
            messages: accepted.into_iter(),
            backlog: share,
        }));
    }

    fn ended(&self, subscription: u64) {
        self.sender.send(Arrival::Ended(subscription));
    }

    fn has_caught_up(&self) -> bool {
        self.backlog.is_low()
    }
}

/// Where the task of a request says what its callback shall be told.
pub struct Answers {
    sender: Sender<Arrival>,
    id: u64,
}

impl Answers {
    pub fn more(&self, answer: Answer) {
        self.sender.send(Arrival::Answer(self.id, answer, false));
    }

    pub fn last(self, answer: Answer) {
        self.sender.send(Arrival::Answer(self.id, answer, true));
    }
}

impl Inbox {
    pub fn new() -> Inbox {
        let (sender, arrivals) = event::channel();
        let (queue, ticket) = event::register(|notifier| {
            arrivals.attach(notifier);
            Rc::new(Queue {
                arrivals,
                batch: RefCell::default(),
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
            last_owner: Cell::new(0),
        }
    }

    pub fn start(&self, core: &Rc<Core>) {
        *self.queue.core.borrow_mut() = Rc::downgrade(core);
    }

    /// Where the client delivers the messages of a subscription.
    pub fn deliver(&self) -> Arc<dyn Deliver> {
        Arc::new(ToInbox {
            sender: self.sender.clone(),
            backlog: Arc::default(),
        })
    }

    pub fn subscribed(&self, id: u64, subscription: Subscription) {
        let previous = self
            .queue
            .subscriptions
            .borrow_mut()
            .insert(id, Rc::new(subscription));
        drop(previous);
    }

    /// Whether the script has made this subscription, and it was there a moment ago.
    pub fn has_subscribed(&self, id: u64) -> bool {
        self.queue.subscriptions.borrow().contains_key(&id)
    }

    /// What is queued for the subscription so far still runs.
    pub fn unsubscribed(&self, id: u64) {
        self.sender.send(Arrival::Ended(id));
    }

    /// A number for a request that needs one in the log.
    pub fn next_id(&self) -> u64 {
        self.last_request.set(self.last_request.get() + 1);
        self.last_request.get()
    }

    /// Starts the task of an asynchronous request; returns the request's id.
    pub fn request<F>(&self, request: Request, run: impl FnOnce(Answers) -> F) -> u64
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let id = self.next_id();
        self.begin(id, request, None, run);
        id
    }

    /// Starts the task of a request that has its id already, and a place in the connection.
    pub fn begin<F>(
        &self,
        id: u64,
        request: Request,
        place: Option<Place>,
        run: impl FnOnce(Answers) -> F,
    ) where
        F: Future<Output = ()> + Send + 'static,
    {
        let sender = self.sender.clone();
        let task = tokio::spawn(run(Answers { sender, id })).abort_handle();
        let pending = Pending {
            request: Rc::new(request),
            task,
            place,
        };
        self.queue.requests.borrow_mut().insert(id, pending);
    }

    /// Forgets a request. Returns whether it was pending, and wanted.
    pub fn cancel(&self, id: u64, wanted: impl FnOnce(Owner) -> bool) -> bool {
        let mut requests = self.queue.requests.borrow_mut();
        let found = requests.get(&id);
        if !found.is_some_and(|pending| wanted(pending.request.owner)) {
            return false;
        }
        let pending = requests.remove(&id);
        drop(requests);
        pending.iter().for_each(Pending::abandon);
        true
    }

    /// A new owner; the default one is the connection itself.
    pub fn owner(&self) -> Owner {
        self.last_owner.set(self.last_owner.get() + 1);
        Owner(self.last_owner.get())
    }

    /// Forgets all requests of an owner.
    pub fn cancel_of(&self, owner: Owner) {
        let mut requests = self.queue.requests.borrow_mut();
        let cancelled: Vec<Pending> = requests
            .extract_if(|_, pending| pending.request.owner == owner)
            .map(|(_, pending)| pending)
            .collect();
        drop(requests);
        cancelled.iter().for_each(Pending::abandon);
    }

    pub fn release(&self) {
        for pending in self.queue.requests.take().into_values() {
            pending.task.abort();
        }
        self.queue.arrivals.clear();
        let batch = self.queue.batch.take();
        drop(batch);
        let subscriptions = self.queue.subscriptions.take();
        let ticket = self.ticket.take();
        drop((subscriptions, ticket));
    }
}

impl Target for Queue {
    fn step(self: Rc<Self>) -> bool {
        let core = self.core.borrow().upgrade();
        if let Some((id, message)) = self.next_message() {
            if let Some(core) = core {
                self.message(&core, id, message);
            }
            return true;
        }
        let Some(arrival) = self.arrivals.pop() else {
            return false;
        };
        let Some(core) = core else { return true };
        match arrival {
            Arrival::Messages(batch) => {
                let empty = self.batch.replace(Some(batch));
                drop(empty);
            }
            Arrival::Ended(id) => {
                let ended = self.subscriptions.borrow_mut().remove(&id);
                drop(ended);
            }
            Arrival::Answer(id, answer, last) => self.answer(&core, id, answer, last),
        }
        true
    }
}

impl Queue {
    /// The next message of the batch whose turn it is.
    fn next_message(&self) -> Option<(u64, Message)> {
        let mut batch = self.batch.borrow_mut();
        let Batch {
            subscription,
            messages,
            backlog,
        } = batch.as_mut()?;
        match messages.next() {
            Some(message) => {
                backlog.handled(&message);
                Some((*subscription, message))
            }
            None => {
                *batch = None;
                None
            }
        }
    }

    fn message(&self, core: &Core, id: u64, message: Message) {
        let subscription = self.subscriptions.borrow().get(&id).cloned();
        let (Some(subscription), Some(interp)) = (subscription, core.object.interp()) else {
            return;
        };
        let body = core.body(&message, id, subscription.dictmsg);
        let subject = subscription.subject(&message.subject);
        let reply = message.reply.as_deref();
        let reply = reply.map_or_else(Obj::empty, Obj::from);
        interp.callback(&subscription.callback, [subject, body, reply]);
    }

    /// Calls `callback timedOut reply`, unless the request was cancelled meanwhile.
    fn answer(&self, core: &Core, id: u64, answer: Answer, last: bool) {
        let request = match last {
            true => self.requests.borrow_mut().remove(&id).map(|p| p.request),
            false => self.requests.borrow().get(&id).map(|p| p.request.clone()),
        };
        let (Some(request), Some(interp)) = (request, core.object.interp()) else {
            return;
        };
        let Some(words) = core.answer(answer, &request) else {
            return;
        };
        interp.callback(&request.callback, words);
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

    /// The words that a request's callback gets.
    fn answer(&self, answer: Answer, request: &Request) -> Option<Vec<Obj>> {
        let body = |message, sub| self.body(message, sub, request.dictmsg);
        let (timed_out, words) = match answer {
            Answer::Reply(message, sub) => (false, vec![body(&message, sub)]),
            Answer::OneOfMany(message, sub, room) => {
                drop(room);
                (false, vec![body(&message, sub)])
            }
            Answer::Status(message, sub) => (true, vec![body(&message, sub)]),
            Answer::TimedOut => (true, vec![Obj::empty()]),
            Answer::Stored(ack) => (false, vec![shape::json_dict(&ack), Obj::empty()]),
            Answer::Refused(error) => (false, vec![Obj::empty(), shape::api_error(&error)]),
            Answer::Unacknowledged => (true, vec![Obj::empty(), Obj::empty()]),
            Answer::Nothing => return None,
        };
        Some([Obj::from(timed_out)].into_iter().chain(words).collect())
    }
}
