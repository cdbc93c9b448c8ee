//! Objects that the network feeds, such as consumers and watchers.
//!
//! The network has a [`Feeder`], which puts what comes into a queue. The object is a [`Fed`]: from [`start`] on
//! this thread's event loop has it take one thing after the other, until its [`Feed`] is closed.

use super::connection::Core;
use super::{shape, variables};
use crate::client::connection::{Hold, Level};
use crate::client::error::Error;
use std::cell::RefCell;
use std::rc::Rc;
use tcl::event::{self, Receiver, Sender, Target, Ticket};
use tcl::interp::Preserved;
use tcl::{Obj, Object, Result};

/// What the network has for an object.
pub enum Mail<I, C> {
    Item(I),
    /// Something about what feeds it has changed.
    Change(C),
    /// The connection is drained, and does not close before this is dropped.
    Hold(Hold),
}

/// The network's side of the queue.
pub struct Feeder<I, C>(Sender<Mail<I, C>>);

impl<I, C> Clone for Feeder<I, C> {
    fn clone(&self) -> Self {
        Feeder(self.0.clone())
    }
}

impl<I: Send, C: Send> Feeder<I, C> {
    /// Queues all of them under one lock.
    pub fn items(&self, items: impl IntoIterator<Item = I>) {
        self.0.send_all(items.into_iter().map(Mail::Item));
    }

    pub fn change(&self, change: C) {
        self.0.send(Mail::Change(change));
    }

    pub fn hold(&self, hold: &Hold) {
        self.0.send(Mail::Hold(hold.clone()));
    }
}

/// The queue of an object that is still to be made.
pub fn channel<I: Send, C: Send>() -> (Feeder<I, C>, Receiver<Mail<I, C>>) {
    let (sender, mail) = event::channel();
    (Feeder(sender), mail)
}

/// The object's side.
pub struct Feed<I, C> {
    pub core: Rc<Core>,
    pub object: Object,
    /// Of the connection, when this was made.
    ends: u64,
    callback: Option<Vec<Obj>>,
    mail: Receiver<Mail<I, C>>,
    ticket: RefCell<Option<Ticket>>,
}

impl<I: Send, C: Send> Feed<I, C> {
    pub fn new(
        core: &Rc<Core>,
        object: &Object,
        callback: Option<Vec<Obj>>,
        mail: Receiver<Mail<I, C>>,
    ) -> Feed<I, C> {
        Feed {
            core: core.clone(),
            object: object.clone(),
            ends: core.ends(),
            callback,
            mail,
            ticket: RefCell::default(),
        }
    }

    /// Whether anybody wants to be called.
    pub fn has_callback(&self) -> bool {
        self.callback.is_some()
    }

    /// Calls the callback, if there is one. Its errors go to the background.
    pub fn call(&self, interp: &Preserved, argument: Obj) {
        self.call_with(interp, [argument]);
    }

    /// The same, with several arguments.
    pub fn call_with(&self, interp: &Preserved, arguments: impl IntoIterator<Item = Obj>) {
        if let Some(callback) = &self.callback {
            interp.callback(callback, arguments);
        }
    }

    /// Counts what waits: the sum of what `count` says of each item.
    pub fn waiting(&self, count: impl Fn(&I) -> u64) -> u64 {
        let mut sum = 0;
        self.mail.for_each(|mail| {
            if let Mail::Item(item) = mail {
                sum += count(item);
            }
        });
        sum
    }

    /// Whether the script has ended the connection since.
    pub fn is_over(&self) -> bool {
        self.ends != self.core.ends()
    }

    /// Forgets what waits; nothing more is taken.
    pub fn close(&self) {
        self.mail.clear();
        let ticket = self.ticket.take();
        drop(ticket);
    }
}

/// An object's state, or a part of it, that takes what the network has.
pub trait Fed: 'static {
    type Item: Send;
    type Change: Send;

    fn feed(&self) -> &Feed<Self::Item, Self::Change>;

    /// Handles one item. Script may run, and may destroy the object.
    fn take(&self, interp: &Preserved, item: Self::Item);

    fn changed(&self, change: Self::Change);

    /// The connection is drained. It stays open while `hold` is kept.
    fn drained(&self, hold: Hold);

    /// Goes on with what it has taken and not finished: an item of which a part is done, or one that had to wait. Whether
    /// there was something to do; then this is asked again before anything else is taken. An event loop that runs in one
    /// part goes on with the next one, as it does with items.
    fn go_on(&self, _: &Preserved) -> bool {
        false
    }

    /// An item is being handled, and the next one has to wait even if an event loop runs meanwhile.
    fn is_busy(&self) -> bool {
        false
    }
}

/// From the next event on the object takes what has come.
///
/// # Errors
/// `ErrInternal` if this thread is exiting.
pub fn start<T: Fed>(fed: &Rc<T>) -> Result<()> {
    let feed = fed.feed();
    let (_, ticket) = event::register(|notifier| {
        feed.mail.attach(notifier);
        Rc::new(FedTarget(fed.clone()))
    })?;
    feed.ticket.replace(Some(ticket));
    Ok(())
}

struct FedTarget<T>(Rc<T>);

impl<T: Fed> Target for FedTarget<T> {
    fn interp(&self) -> Option<Preserved> {
        self.0.feed().object.interp()
    }

    fn step(self: Rc<Self>) -> bool {
        let fed = &self.0;
        if fed.is_busy() {
            return false;
        }
        let Some(interp) = fed.feed().object.interp() else {
            return false;
        };
        if fed.go_on(&interp) {
            return true;
        }
        let Some(mail) = fed.feed().mail.pop() else {
            return false;
        };
        match mail {
            Mail::Item(_) if fed.feed().is_over() => {}
            Mail::Item(item) => fed.take(&interp, item),
            Mail::Change(change) => fed.changed(change),
            Mail::Hold(hold) => fed.drained(hold),
        }
        true
    }
}

/// Writes an error into the variable `last_error` of an object, and a warning into the log: `<what> <object>:
/// <message>`.
pub fn show_error(core: &Core, object: &Object, what: &str, error: &Error) {
    let Some(interp) = object.interp() else {
        return;
    };
    let text = format!("{what} {}: {}", object.name().text(), error.message);
    core.log(Level::Warn, &text);
    let value = shape::last_error(Some(error));
    if let Err(error) = variables::set(interp.get(), object, "last_error", &value) {
        interp.get().background_error(error);
    }
}
