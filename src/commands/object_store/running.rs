//! Calls that take their time: what a script hears of them, and how it ends them.

use crate::client::error::{Code, Error};
use crate::client::object::transfer::{Control, Observer, Progress};
use std::cell::RefCell;
use std::rc::{Rc, Weak};
use tcl::event::{self, Receiver, Target, Ticket};
use tcl::interp::{Preserved, Scope};
use tcl::{Obj, Object, Result};
use tokio::sync::oneshot;

/// The completion code of `break`.
const BREAK: i32 = 3;

/// The calls of an object that can be ended.
#[derive(Default)]
pub struct Running(RefCell<Vec<Weak<Brake>>>);

/// Ends a call, once.
struct Brake(RefCell<Option<oneshot::Sender<Error>>>);

impl Brake {
    fn pull(&self, reason: &str) {
        if let Some(sender) = self.0.take() {
            // The call may have come to its end.
            let _ = sender.send(Error::new(Code::Cancelled, reason));
        }
    }
}

impl Running {
    fn add(&self, brake: &Rc<Brake>) {
        let mut brakes = self.0.borrow_mut();
        brakes.retain(|brake| brake.strong_count() > 0);
        brakes.push(Rc::downgrade(brake));
    }

    /// Prepares a call of an object with the callback of `-progress`.
    ///
    /// # Errors
    /// `ErrInternal` if this thread is exiting.
    pub fn start(&self, object: &Object, callback: Option<Vec<Obj>>) -> Result<(Control, Ride)> {
        let (sender, cancel) = oneshot::channel();
        let brake = Rc::new(Brake(RefCell::new(Some(sender))));
        self.add(&brake);
        let meter = callback.map(|callback| meter(object, callback, &brake));
        let (observer, ticket) = meter.transpose()?.unzip();
        let ride = Ride {
            _brake: brake,
            _meter: ticket,
        };
        Ok((Control::new(observer, cancel), ride))
    }

    /// The object is gone, and nothing that it has begun comes about.
    pub fn end_all(&self) {
        for brake in self.0.take().iter().filter_map(Weak::upgrade) {
            brake.pull("The object store was destroyed meanwhile");
        }
    }
}

/// To be kept until a call is over.
pub struct Ride {
    _brake: Rc<Brake>,
    _meter: Option<Ticket>,
}

fn meter(object: &Object, callback: Vec<Obj>, brake: &Rc<Brake>) -> Result<(Observer, Ticket)> {
    let (sender, mail) = event::channel();
    let (_, ticket) = event::register(|notifier| {
        let mail: Receiver<Progress> = mail;
        mail.attach(notifier);
        Rc::new(Meter {
            object: object.clone(),
            callback,
            mail,
            brake: brake.clone(),
        })
    })?;
    Ok((Box::new(move |progress| sender.send(progress)), ticket))
}

/// Calls *cmdPrefix done total*.
struct Meter {
    object: Object,
    callback: Vec<Obj>,
    mail: Receiver<Progress>,
    brake: Rc<Brake>,
}

impl Target for Meter {
    fn interp(&self) -> Option<Preserved> {
        self.object.interp()
    }

    fn step(self: Rc<Self>) -> bool {
        let Some(progress) = self.mail.pop() else {
            return false;
        };
        if let Some(interp) = self.object.interp() {
            self.tell(&interp, &progress);
        }
        // With it goes what the call may wait for.
        drop(progress);
        true
    }
}

impl Meter {
    fn tell(&self, preserved: &Preserved, progress: &Progress) {
        let interp = preserved.get();
        let total = match progress.total {
            Some(total) => Obj::from(total),
            None => Obj::from(-1i64),
        };
        let mut words = self.callback.clone();
        words.extend([Obj::from(progress.done), total]);
        match interp.call(&words, Scope::Global) {
            Err(tcl::Error::Raised(BREAK)) => self.brake.pull("Cancelled by the callback"),
            Err(error) => interp.background_error(error),
            Ok(_) => {}
        }
        if !interp.is_deleted() {
            interp.reset_result();
        }
    }
}
