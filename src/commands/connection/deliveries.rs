//! Messages and replies on their way to callbacks.
//!
//! One queue a connection, so that what arrives on several subscriptions is handed over in one order.
//!
//! What the script ends is forgotten at once, and what is queued for it is skipped. A subscription that ends
//! by itself, having got all it asked for, or is drained, is forgotten by a marker behind its last message.
//!
//! `-post false` asks for the shortest way from the socket to the callback. It is the same here: an
//! event of this queue calls the callback directly, without another trip through the event loop.

use super::backlog::{Admitted, Backlog};
use super::config::Config;
use super::sentinel::Sentinel;
use crate::client::connection::{Deliver, GatherHandle, Hold};
use crate::client::jetstream::{ApiError, Json};
use crate::client::message::{Delivered, Message};
use crate::commands::shape;
use rustc_hash::FxHashMap;
use std::cell::{Cell, RefCell};
use std::future::Future;
use std::rc::Rc;
use std::sync::Arc;
use std::vec;
use tcl::event::{self, Receiver, Sender, Target, Ticket};
use tcl::interp::Preserved;
use tcl::{Obj, Object, Result};
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::AbortHandle;

/// One thing for a callback, or several.
enum Arrival {
    Messages(Batch),
    /// The subscription ended by itself, or was drained.
    Ended(u64),
    /// Something for the callback of a request; the last of its kind if so marked.
    Answer(u64, Answer, bool),
}

/// Messages of one subscription that arrived together.
struct Batch {
    subscription: u64,
    messages: vec::IntoIter<Message>,
    admitted: Admitted,
}

/// What a request's callback is told.
pub enum Answer {
    /// A reply and the subscription it came on.
    Reply(Message, u64),
    /// A message of a consumer and the subscription it came on.
    Delivered(Delivered, u64),
    /// One of many replies, which takes up room until it is told.
    OneOfMany(Message, u64, Option<OwnedSemaphorePermit>),
    /// The server's word that nobody listens; counts as "timed out".
    Status(Message, u64),
    TimedOut,
    /// Many replies have ended before their time.
    Finished,
    /// A stream's acknowledgement of a message.
    Stored(Json),
    /// The stream said no.
    Refused(ApiError),
    /// No word of a stream came.
    Unacknowledged,
    /// What a service says about itself.
    Service(Json),
    NoMoreServices,
    /// Nothing: the callback is not called.
    Nothing,
}

pub struct Subscription {
    callback: Vec<Obj>,
    dictmsg: bool,
    /// Messages after which it ends; 0: never.
    limit: Cell<u64>,
    /// Messages handed over so far.
    handed: Cell<u64>,
    /// Of a connection that is drained, until it has ended and its callback has returned.
    hold: RefCell<Option<Hold>>,
    /// The subject of its last message, which the next one is likely to share.
    last: RefCell<Option<(Box<str>, Obj)>>,
}

impl Subscription {
    /// `max_msgs`: after so many it ends; 0: never.
    pub fn new(callback: Vec<Obj>, dictmsg: bool, max_msgs: u64) -> Subscription {
        Subscription {
            callback,
            dictmsg,
            limit: Cell::new(max_msgs),
            handed: Cell::new(0),
            hold: RefCell::default(),
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
    /// `disconnect` counts as the end of its time; else it ends the request without a word.
    pub hears_of_disconnect: bool,
    /// Says of each of many replies whether it is the last one.
    pub sentinel: Option<Sentinel>,
}

/// On whose behalf requests are made, so that they can be cancelled together.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Owner(u64);

impl Owner {
    /// Fetches depend on no other object, but have a method of their own that cancels them.
    pub const FETCHES: Owner = Owner(u64::MAX);
}

/// The queue, and what is known of those it is for.
pub struct Deliveries {
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
    /// The connection's.
    object: Object,
    config: Rc<Config>,
}

struct Pending {
    request: Rc<Request>,
    task: AbortHandle,
    handle: Option<GatherHandle>,
    /// Of a connection that is drained.
    _hold: Option<Hold>,
}

impl Pending {
    fn abandon(&self) {
        self.task.abort();
        if let Some(handle) = &self.handle {
            handle.end();
        }
    }
}

/// The client's side of a subscription: moves messages over, a batch under one lock.
struct ToQueue {
    sender: Sender<Arrival>,
    backlog: Arc<Backlog>,
}

impl Deliver for ToQueue {
    fn deliver(&self, subscription: u64, messages: &mut Vec<Message>) {
        let admitted = self.backlog.admit(messages);
        let rest = messages.split_off(admitted.count());
        let messages = std::mem::replace(messages, rest);
        if messages.is_empty() {
            return;
        }
        self.sender.send(Arrival::Messages(Batch {
            subscription,
            messages: messages.into_iter(),
            admitted,
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
    /// What the callback is told when this is dropped, even by a task that panics.
    end: Option<Answer>,
}

impl Answers {
    /// What is told if the task ends without a last word; otherwise that the request has timed out.
    pub fn if_lost(&mut self, answer: Answer) {
        self.end = Some(answer);
    }

    pub fn more(&self, answer: Answer) {
        self.sender.send(Arrival::Answer(self.id, answer, false));
    }

    pub fn last(mut self, answer: Answer) {
        self.end = Some(answer);
    }
}

impl Drop for Answers {
    fn drop(&mut self) {
        if let Some(answer) = self.end.take() {
            self.sender.send(Arrival::Answer(self.id, answer, true));
        }
    }
}

impl Deliveries {
    /// For the callbacks of a connection's object.
    ///
    /// # Errors
    /// `ErrInternal` if this thread is exiting.
    pub fn new(object: &Object, config: Rc<Config>) -> Result<Deliveries> {
        let (sender, arrivals) = event::channel();
        let (queue, ticket) = event::register(|notifier| {
            arrivals.attach(notifier);
            Rc::new(Queue {
                arrivals,
                batch: RefCell::default(),
                subscriptions: RefCell::default(),
                requests: RefCell::default(),
                object: object.clone(),
                config,
            })
        })?;
        Ok(Deliveries {
            sender,
            queue,
            ticket: RefCell::new(Some(ticket)),
            last_request: Cell::new(0),
            last_owner: Cell::new(0),
        })
    }

    /// Where the client delivers the messages of a subscription.
    pub fn deliver(&self) -> Arc<dyn Deliver> {
        Arc::new(ToQueue {
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

    /// Whether the script has made this subscription, and something may still come on it.
    pub fn has_subscribed(&self, id: u64) -> bool {
        self.queue.subscriptions.borrow().contains_key(&id)
    }

    /// The script wants no more than `max` messages of a subscription in all. Returns whether it has had them;
    /// then it is forgotten.
    pub fn limit(&self, id: u64, max: u64) -> bool {
        let subscription = self.queue.subscriptions.borrow().get(&id).cloned();
        let Some(subscription) = subscription else {
            return true;
        };
        subscription.limit.set(max);
        let had = subscription.handed.get() >= max;
        if had {
            self.queue.forget(id);
        }
        had
    }

    /// The subscription has ended, as far as the client knows: what is queued is all.
    pub fn ended(&self, id: u64) {
        self.sender.send(Arrival::Ended(id));
    }

    /// The connection was closed by the script: nothing of what is queued for its subscriptions runs, and
    /// requests end as each is to.
    pub fn disconnected(&self) {
        let subscriptions = self.queue.subscriptions.take();
        let mut requests = self.queue.requests.borrow_mut();
        let silent: Vec<Pending> = requests
            .extract_if(|_, pending| !pending.request.hears_of_disconnect)
            .map(|(_, pending)| pending)
            .collect();
        drop(requests);
        silent.iter().for_each(Pending::abandon);
        drop((subscriptions, silent));
    }

    /// Keeps a connection that is drained from closing until the callbacks of all that is under way have run.
    pub fn hold(&self, hold: &Hold) {
        for subscription in self.queue.subscriptions.borrow().values() {
            subscription.hold.replace(Some(hold.clone()));
        }
        for pending in self.queue.requests.borrow_mut().values_mut() {
            pending._hold = Some(hold.clone());
        }
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

    /// Starts the task of a request that has its id already, and a handle on what the connection keeps for it.
    pub fn begin<F>(
        &self,
        id: u64,
        request: Request,
        handle: Option<GatherHandle>,
        run: impl FnOnce(Answers) -> F,
    ) where
        F: Future<Output = ()> + Send + 'static,
    {
        let answers = Answers {
            sender: self.sender.clone(),
            id,
            end: Some(Answer::TimedOut),
        };
        let task = tokio::spawn(run(answers)).abort_handle();
        let pending = Pending {
            request: Rc::new(request),
            task,
            handle,
            _hold: None,
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
    fn interp(&self) -> Option<Preserved> {
        self.object.interp()
    }

    fn step(self: Rc<Self>) -> bool {
        if let Some((id, message)) = self.next_message() {
            self.message(id, message);
            return true;
        }
        let Some(arrival) = self.arrivals.pop() else {
            return false;
        };
        match arrival {
            Arrival::Messages(batch) => {
                let empty = self.batch.replace(Some(batch));
                drop(empty);
            }
            Arrival::Ended(id) => self.forget(id),
            Arrival::Answer(id, answer, last) => self.answer(id, answer, last),
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
            admitted,
        } = batch.as_mut()?;
        match messages.next() {
            Some(message) => {
                admitted.handled(&message);
                Some((*subscription, message))
            }
            None => {
                *batch = None;
                None
            }
        }
    }

    fn forget(&self, id: u64) {
        let ended = self.subscriptions.borrow_mut().remove(&id);
        drop(ended);
    }

    fn message(&self, id: u64, message: Message) {
        let subscription = self.subscriptions.borrow().get(&id).cloned();
        let (Some(subscription), Some(interp)) = (subscription, self.object.interp()) else {
            return;
        };
        let handed = subscription.handed.get() + 1;
        let limit = subscription.limit.get();
        if limit != 0 && handed > limit {
            return;
        }
        subscription.handed.set(handed);
        let body = self.config.body(&message, id, subscription.dictmsg);
        let subject = subscription.subject(&message.subject);
        let reply = message.reply.as_deref();
        let reply = reply.map_or_else(Obj::empty, Obj::from);
        interp.callback(&subscription.callback, [subject, body, reply]);
        // The callback may have set it.
        if subscription.limit.get() == handed {
            self.forget(id);
        }
    }

    /// Calls `callback timedOut reply`, unless the request was cancelled meanwhile.
    fn answer(&self, id: u64, answer: Answer, last: bool) {
        // A connection that is drained waits for the last callback to return.
        let ended = match last {
            true => self.requests.borrow_mut().remove(&id),
            false => None,
        };
        let request = match &ended {
            Some(pending) => Some(pending.request.clone()),
            None => self.requests.borrow().get(&id).map(|p| p.request.clone()),
        };
        let (Some(request), Some(interp)) = (request, self.object.interp()) else {
            return;
        };
        let is_reply = matches!(answer, Answer::Reply(..) | Answer::OneOfMany(..));
        let Some(words) = self.words(answer, &request) else {
            return;
        };
        match &request.sentinel {
            Some(sentinel) if is_reply && !last => {
                self.reply(id, &request, sentinel, words, &interp);
            }
            _ => {
                interp.callback(&request.callback, words);
            }
        }
    }

    /// Calls the callback with one of many replies, and once more if the sentinel says that it is the last one.
    fn reply(
        &self,
        id: u64,
        request: &Request,
        sentinel: &Sentinel,
        words: Vec<Obj>,
        interp: &Preserved,
    ) {
        let is_last = words
            .last()
            .map(|reply| sentinel.is_last(interp.get(), reply));
        let end = match is_last {
            None | Some(Ok(false)) => None,
            Some(Ok(true)) => Some(Answer::Finished),
            Some(Err(error)) => {
                interp.get().background_error(error);
                Some(Answer::TimedOut)
            }
        };
        // The sentinel may have cancelled the request.
        if !self.requests.borrow().contains_key(&id) {
            return;
        }
        let ended = match end {
            Some(_) => self.requests.borrow_mut().remove(&id),
            None => None,
        };
        ended.iter().for_each(Pending::abandon);
        interp.callback(&request.callback, words);
        if let Some(words) = end.and_then(|end| self.words(end, request)) {
            interp.callback(&request.callback, words);
        }
    }

    /// The words that a request's callback gets: mostly whether its time is over, first.
    fn words(&self, answer: Answer, request: &Request) -> Option<Vec<Obj>> {
        let body = |message, sub| self.config.body(message, sub, request.dictmsg);
        let (timed_out, words) = match answer {
            Answer::Reply(message, sub) => (false, vec![body(&message, sub)]),
            Answer::Delivered(message, sub) => (false, vec![self.config.delivered(&message, sub)]),
            Answer::OneOfMany(message, sub, room) => {
                drop(room);
                (false, vec![body(&message, sub)])
            }
            Answer::Status(message, sub) => (true, vec![body(&message, sub)]),
            Answer::TimedOut => (true, vec![Obj::empty()]),
            Answer::Finished => (false, vec![Obj::empty()]),
            Answer::Stored(ack) => (false, vec![shape::json_dict(&ack), Obj::empty()]),
            Answer::Refused(error) => (false, vec![Obj::empty(), shape::api_error(&error)]),
            Answer::Unacknowledged => (true, vec![Obj::empty(), Obj::empty()]),
            Answer::Service(facts) => return Some(vec![shape::json_dict(&facts)]),
            Answer::NoMoreServices => return Some(vec![Obj::empty()]),
            Answer::Nothing => return None,
        };
        Some([Obj::from(timed_out)].into_iter().chain(words).collect())
    }
}
