//! The requests that are handled now, and the coroutines they are handled in.

use super::shared::{Request, Shared};
use crate::commands::outgoing::Fields;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use tcl::{Interp, Obj};

/// The namespace of the coroutines.
const NAMESPACE: &str = "::nats::requests::";

thread_local! {
    static LAST: Cell<u64> = const { Cell::new(0) };
    /// The one whose handler has just been called, until that waits for the first time or returns.
    static BEGUN: RefCell<Option<Rc<Request>>> = const { RefCell::new(None) };
}

/// A number for a request, different from all others of the thread.
pub fn next_number() -> u64 {
    LAST.set(LAST.get() + 1);
    LAST.get()
}

/// The coroutine in which a request is handled.
pub fn coroutine(number: u64) -> Obj {
    Obj::from(&*format!("{NAMESPACE}{number}"))
}

/// Runs what calls the handler of a request.
pub fn beginning<T>(request: &Rc<Request>, call: impl FnOnce() -> T) -> T {
    let outer = BEGUN.replace(Some(request.clone()));
    let result = call();
    BEGUN.set(outer);
    result
}

/// The request in whose coroutine this is called.
pub fn current(shared: &Shared, interp: Interp) -> Option<Rc<Request>> {
    let name = tcl::wait::coroutine(interp)?;
    let number = name.text().strip_prefix(NAMESPACE)?.parse().ok()?;
    shared.running.borrow().get(&number).cloned()
}

/// The request that a message is of, if it is still being handled. Of several with the same reply subject it is the one
/// in whose coroutine this is called, else the first one that was not answered.
pub fn request_of(shared: &Shared, interp: Interp, message: &Fields) -> Option<Rc<Request>> {
    let (reply, subscription) = (message.reply.text(), message.sub_id.to_i64());
    let is_it = |request: &Rc<Request>| {
        let own = i64::try_from(request.endpoint.subscription).ok();
        request.reply.as_deref() == Some(&*reply) && own == subscription
    };
    // Most answers are given at once, and to ask Tcl for the coroutine takes its time.
    let is_here = |request: &Rc<Request>| shared.running.borrow().contains_key(&request.number);
    let begun = BEGUN.with_borrow(|begun| begun.clone().filter(|r| is_it(r) && is_here(r)));
    if let Some(request) = begun.or_else(|| current(shared, interp).filter(is_it)) {
        return Some(request);
    }
    let running = shared.running.borrow();
    let of_message = running.values().filter(|request| is_it(request));
    let first = of_message.min_by_key(|request| (request.answered.get(), request.number));
    first.cloned()
}
