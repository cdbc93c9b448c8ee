//! The coroutine-aware wait.
//!
//! A command that needs an answer from another thread returns [`crate::Outcome::Wait`]. Inside a
//! coroutine it then yields, and is resumed by the event that brings the answer; elsewhere it runs the
//! event loop until the answer is there. How each of them ends:
//!
//! | while waiting | in a coroutine | at other levels |
//! |---|---|---|
//! | answer | result or error of the command | same |
//! | somebody else resumes the coroutine | it yields again | – |
//! | the coroutine is deleted | background error ([`crate::Kind::InvalidCoroutine`]) when the answer comes | – |
//! | `interp cancel`, limit exceeded, interpreter deleted | the error Tcl raises | same |
//! | below a command that cannot yield (`lsort -command`) | runs the event loop | – |

use crate::error::{Error, Kind, Result};
use crate::event::{self, Notifier, Receiver, Target, Ticket};
use crate::fork;
use crate::guard;
use crate::interp::{Interp, Kept, Preserved, Scope};
use crate::stubs;
use crate::value::Obj;
use core::ffi::c_int;
use std::cell::{Cell, RefCell};
use std::ptr::null_mut;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// An operation that another thread answers.
pub struct Wait {
    op: Rc<Op>,
}

type Finish = Box<dyn FnOnce(Interp) -> Result<Obj>>;

/// Called when the answer is an error.
pub(crate) type Failing = Box<dyn FnOnce(Interp)>;

struct Op {
    answered: Cell<bool>,
    finish: RefCell<Option<Finish>>,
    failing: RefCell<Option<Failing>>,
    waiter: RefCell<Waiter>,
    ticket: RefCell<Option<Ticket>>,
    work: RefCell<Option<Box<dyn Work>>>,
    parts: RefCell<Parts>,
    /// All parts were sent, and the answer.
    completed: Arc<AtomicBool>,
    notifier: Notifier,
}

/// What takes the next part of an answer; false if none is there.
type Take = Box<dyn FnMut() -> bool>;

enum Parts {
    /// The answer is a whole.
    None,
    Expected(Take),
    /// A part is being taken. An event loop that is entered meanwhile takes none.
    Taking,
}

enum Waiter {
    /// Nobody yet, or an event loop that looks at `answered`.
    Loop,
    /// A coroutine that has yielded, registered only while it lives.
    Coroutine(Kept, Coroutine),
    /// A coroutine that was deleted: its name, and the interpreter to report it to.
    Gone(Preserved, Obj),
}

/// For so long a thread may work for an answer without looking for its events.
const UNDISTURBED: Duration = Duration::from_millis(5);

/// What came of a [`Work`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// The answer is there.
    Answered,
    /// Something else is there for this thread.
    Disturbed,
    /// The time is over, or there is no use in helping.
    Late,
}

/// What brings an answer.
pub trait Work {
    /// The thread has nothing else to do: it may help until the answer is there or something else has come
    /// ([`event::mail`]), for some milliseconds at most.
    fn work(&mut self) -> Progress;
    /// The thread turns to something else: from now on the answer comes by itself.
    fn leave(&mut self);
    /// Nobody wants the answer any more.
    fn abandon(&mut self);
}

/// Answers a [`Wait`], from any thread. Dropped without an answer (the task panicked or was ended) it
/// answers with an error.
pub struct Completer<R: Send> {
    slot: Arc<Mutex<Option<Result<R>>>>,
    completed: Arc<AtomicBool>,
    notifier: Notifier,
}

impl<R: Send> Completer<R> {
    pub fn complete(self, answer: R) {
        *self.slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(Ok(answer));
    }
}

impl<R: Send> Drop for Completer<R> {
    fn drop(&mut self) {
        if thread::panicking() {
            let panicked = Some(Err(guard::panicked()));
            *self.slot.lock().unwrap_or_else(PoisonError::into_inner) = panicked;
        }
        self.completed.store(true, Ordering::Release);
        self.notifier.notify();
    }
}

/// Makes an operation. `finish` turns the answer into the command's result, in the Tcl thread.
///
/// # Errors
/// Those of [`event::register`].
pub fn operation<R: Send + 'static>(
    finish: impl FnOnce(Interp, R) -> Result<Obj> + 'static,
) -> Result<(Wait, Completer<R>)> {
    let slot = Arc::new(Mutex::new(None));
    let answer = slot.clone();
    let finish: Finish = Box::new(move |interp| {
        let answer = answer.lock().unwrap_or_else(PoisonError::into_inner).take();
        match answer {
            Some(answer) => finish(interp, answer?),
            None => Err(Error::internal(
                "internal error: the operation ended without an answer",
            )),
        }
    });
    let completed = Arc::new(AtomicBool::new(false));
    let (op, ticket) = event::register(|notifier| {
        Rc::new(Op {
            answered: Cell::new(false),
            finish: RefCell::new(Some(finish)),
            failing: RefCell::new(None),
            waiter: RefCell::new(Waiter::Loop),
            ticket: RefCell::new(None),
            work: RefCell::new(None),
            parts: RefCell::new(Parts::None),
            completed: completed.clone(),
            notifier,
        })
    })?;
    *op.ticket.borrow_mut() = Some(ticket);
    let notifier = op.notifier.clone();
    let completer = Completer {
        slot,
        completed,
        notifier,
    };
    Ok((Wait { op }, completer))
}

impl Wait {
    /// What brings the answer, if it is not there yet.
    pub fn brought_by(&self, work: Box<dyn Work>) {
        *self.op.work.borrow_mut() = Some(work);
    }

    /// Parts of the answer, sent before it is complete. They are taken as they come, one a step
    /// ([`Target::step`]), so that a long answer does not keep other events waiting. Script may run meanwhile; if it
    /// enters the event loop the next part waits all the same.
    pub fn with_parts<T: Send + 'static>(
        &self,
        parts: Receiver<T>,
        mut take: impl FnMut(T) + 'static,
    ) {
        parts.attach(self.op.notifier.clone());
        *self.op.parts.borrow_mut() = Parts::Expected(Box::new(move || {
            let part = parts.pop();
            part.map(&mut take).is_some()
        }));
    }

    /// Suspends the running command until the answer is there.
    pub(crate) fn enter(self, interp: Interp, failing: Failing) -> c_int {
        let op = self.op;
        *op.failing.borrow_mut() = Some(failing);
        match Coroutine::running(interp) {
            Some(coroutine) => {
                op.leave();
                *op.waiter.borrow_mut() = Waiter::Coroutine(interp.keep(), coroutine);
                suspend(interp, op)
            }
            None => op.run_event_loop(interp),
        }
    }
}

impl Target for Op {
    fn step(self: Rc<Self>) -> bool {
        // Before looking for parts: the last one is there when the answer is.
        let completed = self.completed.load(Ordering::Acquire);
        match self.take_part() {
            Some(true) => return true,
            Some(false) if completed => self.answered(),
            _ => {}
        }
        false
    }

    /// Whoever waits is told otherwise.
    fn interp(&self) -> Option<Preserved> {
        None
    }

    fn forked(self: Rc<Self>) {
        self.leave_to_parent();
        *self.finish.borrow_mut() = Some(Box::new(|_| Err(Error::forked())));
        self.answered();
    }
}

impl Op {
    /// Whether there was a part; `None` while one is being taken.
    fn take_part(&self) -> Option<bool> {
        struct Turn<'a>(&'a Op, Take);
        impl Drop for Turn<'_> {
            fn drop(&mut self) {
                let take = std::mem::replace(&mut self.1, Box::new(|| false));
                *self.0.parts.borrow_mut() = Parts::Expected(take);
            }
        }
        match self.parts.replace(Parts::Taking) {
            Parts::Taking => None,
            Parts::None => {
                *self.parts.borrow_mut() = Parts::None;
                Some(false)
            }
            Parts::Expected(take) => Some((Turn(self, take).1)()),
        }
    }

    /// The command can go on.
    fn answered(&self) {
        self.answered.set(true);
        let work = self.work.take();
        drop(work);
        let ticket = self.ticket.take();
        drop(ticket);
        match self.waiter.replace(Waiter::Loop) {
            Waiter::Loop => {}
            Waiter::Coroutine(interp, coroutine) => {
                // SAFETY: the coroutine lives, so its interpreter does.
                let interp = unsafe { interp.preserve() };
                coroutine.resume(interp.get());
            }
            Waiter::Gone(preserved, name) => preserved.get().background_error(Error::found(
                Kind::InvalidCoroutine,
                format!("Invalid coroutine {}", name.text()),
            )),
        }
    }

    /// What was to bring the answer is forgotten.
    fn leave_to_parent(&self) {
        let (finish, failing) = (self.finish.take(), self.failing.take());
        let parts = self.parts.replace(Parts::None);
        fork::keep((finish, failing, self.work.take(), parts));
    }

    fn finish(&self, interp: Interp) -> c_int {
        let finish = self.finish.take();
        guard::to_interp(interp, || match finish {
            Some(finish) => {
                let answer = finish(interp);
                let failing = self.failing.take();
                if let (Err(Error::New { .. }), Some(failing)) = (&answer, failing) {
                    failing(interp);
                }
                interp.set_result(&answer?);
                Ok(stubs::OK)
            }
            None => Err(Error::internal("internal error: answered twice")),
        })
    }

    /// Nobody waits any more: the answer will not be looked at.
    fn give_up(&self) {
        let ticket = self.ticket.take();
        drop(ticket);
        if fork::is_forked() {
            return self.leave_to_parent();
        }
        if let Some(mut work) = self.work.take() {
            work.abandon();
        }
    }

    fn leave(&self) {
        if let Some(work) = &mut *self.work.borrow_mut() {
            work.leave();
        }
    }

    fn run_event_loop(&self, interp: Interp) -> c_int {
        let _preserved = interp.preserve();
        let mut help_until = Some(Instant::now() + UNDISTURBED);
        let refused = loop {
            if self.answered.get() && !interp.is_deleted() {
                return self.finish(interp);
            }
            if fork::is_forked() {
                break interp.set_error(Error::forked());
            }
            // SAFETY: the interpreter is preserved.
            unsafe {
                if interp.is_deleted() {
                    break stubs::ERROR;
                }
                if stubs::canceled(interp.as_ptr(), stubs::LEAVE_ERR_MSG) != stubs::OK {
                    break stubs::ERROR;
                }
                if stubs::limit_exceeded(interp.as_ptr()) != 0 {
                    break interp.set_error(Error::new("limit exceeded", &["TCL", "LIMIT"]));
                }
            }
            match help_until {
                Some(_) if event::is_overdue(UNDISTURBED) => event::serve_all(),
                Some(limit) if self.help(limit) => event::serve_known(),
                Some(_) => help_until = None,
                // SAFETY: called by a Tcl thread.
                None => unsafe {
                    stubs::do_one_event(stubs::ALL_EVENTS);
                },
            }
        };
        self.give_up();
        refused
    }

    /// Works for the answer in this thread. False if the answer has to come by itself; otherwise there is
    /// something to be served: the answer or what came before it.
    fn help(&self, limit: Instant) -> bool {
        let work = self.work.take();
        let Some(mut work) = work else { return false };
        let progress = match Instant::now() < limit {
            true => work.work(),
            false => Progress::Late,
        };
        if progress == Progress::Late {
            work.leave();
        }
        if progress != Progress::Answered {
            *self.work.borrow_mut() = Some(work);
        }
        progress != Progress::Late
    }
}

/// Whether the command that is running would yield.
pub fn in_coroutine(interp: Interp) -> bool {
    Coroutine::running(interp).is_some()
}

/// The name of the coroutine that is running, if one is.
pub fn coroutine(interp: Interp) -> Option<Obj> {
    Coroutine::running(interp).map(|coroutine| coroutine.name)
}

/// A living coroutine.
struct Coroutine {
    command: *mut stubs::Command,
    /// Its name when it yielded.
    name: Obj,
}

impl Coroutine {
    /// The one that is running.
    fn running(interp: Interp) -> Option<Coroutine> {
        let name = interp
            .call(&[event::word("::tcl::info::coroutine")], Scope::Current)
            .ok()?;
        interp.reset_result();
        if name.is_empty() {
            return None;
        }
        let command = command_named(interp, &name);
        (!command.is_null()).then_some(Coroutine { command, name })
    }

    /// Its present name: it may have been renamed.
    fn name(self, interp: Interp) -> Obj {
        if command_named(interp, &self.name) == self.command {
            return self.name;
        }
        let name = Obj::empty_unshared();
        // SAFETY: the token is registered only while the coroutine lives (`after_yield` drops it).
        unsafe { stubs::get_command_full_name(interp.as_ptr(), self.command, name.as_ptr()) };
        name
    }

    fn resume(self, interp: Interp) {
        if let Err(error) = interp.call(&[self.name(interp)], Scope::Global) {
            interp.background_error(error);
        }
    }
}

/// The command that a full name means; null if there is none.
fn command_named(interp: Interp, name: &Obj) -> *mut stubs::Command {
    // SAFETY: live values.
    unsafe { stubs::get_command_from_obj(interp.as_ptr(), name.as_ptr()) }
}

/// Yields; Tcl calls `after_yield` when the coroutine is resumed or deleted.
fn suspend(interp: Interp, op: Rc<Op>) -> c_int {
    let yield_ = event::word("::yield");
    let data = Rc::into_raw(op) as stubs::ClientData;
    // SAFETY: the callback takes the reference back; the word lives as long as the thread's Tcl.
    unsafe {
        let none = null_mut();
        stubs::nr_add_callback(interp.as_ptr(), after_yield, data, none, none, none);
        stubs::nr_eval_obj(interp.as_ptr(), yield_.as_ptr(), 0)
    }
}

unsafe extern "C" fn after_yield(
    data: *mut stubs::ClientData,
    interp: *mut stubs::Interp,
    code: c_int,
) -> c_int {
    guard::quiet(stubs::ERROR, || {
        // SAFETY: the reference that `suspend` left, taken once; Tcl passes a live interpreter.
        let (op, interp) = unsafe { (Rc::from_raw(*data as *const Op), Interp::from_raw(interp)) };
        if code == stubs::OK {
            return match op.answered.get() {
                true => op.finish(interp),
                false => suspend(interp, op), // somebody else resumed the coroutine
            };
        }
        if interp.is_deleted() {
            *op.waiter.borrow_mut() = Waiter::Loop;
            op.give_up();
            return code;
        }
        if cannot_yield(interp) {
            *op.waiter.borrow_mut() = Waiter::Loop;
            interp.reset_result();
            return op.run_event_loop(interp);
        }
        interrupted(interp, &op);
        code
    })
}

/// The coroutine is being deleted, or its evaluation was canceled.
fn interrupted(interp: Interp, op: &Op) {
    // SAFETY: a live interpreter; no message is left.
    let canceled = unsafe { stubs::canceled(interp.as_ptr(), 0) != stubs::OK };
    let waiter = op.waiter.replace(Waiter::Loop);
    match waiter {
        Waiter::Coroutine(_, coroutine) if !canceled && !op.answered.get() => {
            // Its command is still there while its stack is unwound.
            let name = coroutine.name(interp);
            *op.waiter.borrow_mut() = Waiter::Gone(interp.preserve(), name);
        }
        _ => op.give_up(),
    }
}

fn cannot_yield(interp: Interp) -> bool {
    interp
        .error_code()
        .is_some_and(|code| code.text() == "TCL COROUTINE CANT_YIELD")
}
