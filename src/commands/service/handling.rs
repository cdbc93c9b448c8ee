//! How requests are handled: each in a coroutine of its own, so that none holds up the others.

use super::requests::{Change, Item};
use super::running::{beginning, coroutine, next_number};
use super::shared::{Endpoint, Request, Shared};
use super::{answers, statistics, stopping};
use crate::client::connection::Hold;
use crate::client::message::Message;
use crate::commands::fed::{self, Fed, Feed};
use crate::commands::run_status::Status;
use crate::errors::invalid_arg;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Instant;
use tcl::evaluation::{Ending, Evaluation};
use tcl::event::word;
use tcl::interp::{Preserved, Scope};
use tcl::{Interp, Obj, Outcome, Result};

/// What takes the requests of a service.
struct Handlers(Rc<Shared>);

/// From the next event on the requests of a service are handled.
///
/// # Errors
/// `ErrInternal` if this thread is exiting.
pub fn start(shared: &Rc<Shared>) -> Result<()> {
    fed::start(&Rc::new(Handlers(shared.clone())))
}

impl Fed for Handlers {
    type Item = Item;
    type Change = Change;

    fn feed(&self) -> &Feed<Item, Change> {
        &self.0.feed
    }

    fn take(&self, interp: &Preserved, item: Item) {
        let shared = &self.0;
        match item {
            Item::Requests(number, batch) => {
                if let Some(endpoint) = shared.endpoint(number) {
                    endpoint.waiting.borrow_mut().push_back(batch);
                    make_runnable(shared, &endpoint);
                }
            }
            Item::Stats(reply) => statistics::answer(shared, interp.get(), reply),
        }
    }

    fn go_on(&self, interp: &Preserved) -> bool {
        let shared = &self.0;
        match next(shared) {
            None => false,
            Some((endpoint, message)) => {
                if !shared.feed.is_over() {
                    begin(shared, interp.get(), endpoint, &message);
                }
                true
            }
        }
    }

    fn changed(&self, change: Change) {
        let shared = &self.0;
        match change {
            Change::EndpointEnded(number) => {
                if let Some(endpoint) = shared.endpoint(number) {
                    endpoint.ended.set(true);
                }
            }
            Change::Denied(error) => {
                let Feed { core, object, .. } = &shared.feed;
                fed::show_error(core, object, "Service", &error);
            }
            Change::Closed => return stopping::closed(shared),
            Change::GoOn => {}
        }
        stopping::end_if_idle(shared);
    }

    fn drained(&self, hold: Hold) {
        stopping::drained(&self.0, hold);
    }
}

fn make_runnable(shared: &Shared, endpoint: &Endpoint) {
    let mut runnable = shared.runnable.borrow_mut();
    if endpoint.has_room() && !runnable.contains(&endpoint.number) {
        runnable.push_back(endpoint.number);
    }
}

/// The next request that may be handled, and its endpoint.
fn next(shared: &Shared) -> Option<(Rc<Endpoint>, Message)> {
    loop {
        let number = *shared.runnable.borrow().front()?;
        if let Some(endpoint) = shared.endpoint(number).filter(|e| e.has_room()) {
            let message = endpoint.next();
            if let Some(message) = message {
                return Some((endpoint, message));
            }
        }
        shared.runnable.borrow_mut().pop_front();
    }
}

/// What the next coroutine is for.
struct Start {
    shared: Rc<Shared>,
    request: Rc<Request>,
    words: Vec<Obj>,
}

thread_local! {
    static NEXT: RefCell<Option<Start>> = const { RefCell::new(None) };
}

/// Calls the handler of a request.
fn begin(shared: &Rc<Shared>, interp: Interp, endpoint: Rc<Endpoint>, message: &Message) {
    let config = &shared.feed.core.config;
    let body = config.body(message, endpoint.subscription, true);
    let words = endpoint.callback.iter().cloned().chain([body]).collect();
    let request = Rc::new(Request {
        number: next_number(),
        reply: message.reply.as_deref().map(str::to_owned),
        began: Instant::now(),
        answered: Cell::new(false),
        stops: Cell::new(false),
        endpoint,
    });
    let endpoint = &request.endpoint;
    endpoint.running.set(endpoint.running.get() + 1);
    let mut running = shared.running.borrow_mut();
    running.insert(request.number, request.clone());
    drop(running);
    let name = coroutine(request.number);
    NEXT.set(Some(Start {
        shared: shared.clone(),
        request: request.clone(),
        words,
    }));
    let command = [word("::coroutine"), name, word("::nats::_serve")];
    let begun = beginning(&request, || interp.call(&command, Scope::Global));
    let missed = NEXT.take();
    if let Err(error) = begun {
        match missed {
            Some(start) => ended(&start.shared, &start.request, interp, Ending::Raised(error)),
            None => interp.background_error(error),
        }
    }
}

/// `::nats::_serve`: what such a coroutine runs
///
/// # Errors
/// `ErrInvalidArg` if it is called by anybody else.
pub fn serve(_: Interp, _: &[Obj]) -> Result<Outcome> {
    let start = NEXT.take();
    let start = start.ok_or_else(|| invalid_arg("There is no request"))?;
    let Start {
        shared,
        request,
        words,
    } = start;
    let evaluation = Evaluation::new(words, move |interp, ending| {
        ended(&shared, &request, interp, ending);
        Ok(Obj::empty())
    });
    Ok(Outcome::Evaluation(evaluation))
}

/// A handler has ended. If its coroutine was deleted no script can run here.
fn ended(shared: &Shared, request: &Request, interp: Interp, ending: Ending) {
    let endpoint = &request.endpoint;
    let facts = shared.client.facts();
    facts.handled(endpoint.number, request.began.elapsed());
    shared.running.borrow_mut().remove(&request.number);
    endpoint.running.set(endpoint.running.get() - 1);
    match ending {
        Ending::Returned(value) if endpoint.answers_by_result => {
            answers::result(shared, request, interp, &value);
        }
        Ending::Returned(_) => {}
        Ending::Raised(error) => answers::raised(shared, request, interp, error),
        Ending::Unwound => answers::unwound(shared, request),
    }
    let waiting = !endpoint.waiting.borrow().is_empty();
    if waiting {
        make_runnable(shared, endpoint);
    }
    let is_draining = shared.status.get() == Status::Draining;
    if is_draining || waiting && endpoint.max_concurrent != 0 {
        shared.feeder.change(Change::GoOn);
    }
}
