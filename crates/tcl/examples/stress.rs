//! A library for `tests/threads.rs` and `tests/panics.rs`: queues and waits that are served by many threads
//! at once.
//!
//! `Stress create s`, then `s wait us` waits until another thread answers, about so many microseconds
//! later, and returns the number; `s receive threads items command` has so many threads send so many
//! items each, and calls the command with `ok` once all have come, each thread's in order. `s panic where`
//! panics in a `call`, in the `thread` that it waits for, in its `answer` or in the `step` of a target.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::{mpsc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tcl::class::Construct;
use tcl::event::{self, Receiver, Target, Ticket};
use tcl::interp::Preserved;
use tcl::wait::{self, Completer};
use tcl::{Call, Class, Interp, Method, Obj, Object, Outcome, Result};

tcl::entry_point!(Stress_Init => init);

fn init(interp: Interp) -> Result<()> {
    tcl::define::<Stress>(interp)?;
    interp.provide(c"stress", c"1.0")
}

struct Stress;

impl Class for Stress {
    const NAME: &'static str = "::Stress";
    const METHODS: &'static [Method<Self>] = &[
        Method::new("wait", "us", 1..=1, wait),
        Method::new("receive", "threads items command", 3..=3, receive),
        Method::new("panic", "where", 1..=1, panic),
    ];

    fn construct(_: &Construct) -> Result<Self> {
        Ok(Stress)
    }
}

type Answer = (u64, Completer<u64>);

/// Some threads that answer waits, the later ones often first.
fn answer(answer: Answer) {
    static WORKERS: OnceLock<Mutex<mpsc::Sender<Answer>>> = OnceLock::new();
    let workers = WORKERS.get_or_init(|| {
        let (sender, queue) = mpsc::channel::<Answer>();
        let queue: &'static Mutex<_> = Box::leak(Box::new(Mutex::new(queue)));
        for _ in 0..4 {
            std::thread::spawn(move || loop {
                let next = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
                let Ok((us, completer)) = next else { return };
                if us > 0 {
                    std::thread::sleep(Duration::from_micros(us));
                }
                completer.complete(us);
            });
        }
        Mutex::new(sender)
    });
    let sent = workers
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .send(answer);
    assert!(sent.is_ok());
}

fn wait(call: &Call<Stress>) -> Result<Outcome> {
    let us = call.args[0].to_i64().unwrap_or(0).unsigned_abs();
    let (wait, completer) = wait::operation(|_, us: u64| Ok(Obj::from(us)))?;
    answer((us, completer));
    Ok(Outcome::Wait(wait))
}

/// Takes what the threads send, and calls the command at the end.
struct Inbox {
    object: Object,
    mail: Receiver<(usize, u64)>,
    /// The next number from each thread.
    next: RefCell<Vec<u64>>,
    left: Cell<u64>,
    command: Obj,
    ticket: RefCell<Option<Ticket>>,
}

impl Target for Inbox {
    fn interp(&self) -> Option<Preserved> {
        self.object.interp()
    }

    fn step(self: Rc<Self>) -> bool {
        let Some((thread, number)) = self.mail.pop() else {
            return false;
        };
        let expected = std::mem::replace(&mut self.next.borrow_mut()[thread], number + 1);
        self.left.set(self.left.get() - 1);
        let wrong = number != expected;
        if wrong || self.left.get() == 0 {
            let ticket = self.ticket.take();
            drop(ticket);
            let word = if wrong { "out of order" } else { "ok" };
            let words = [self.command.clone(), Obj::from(word)];
            if let Some(interp) = self.object.interp() {
                interp.callback(&words, []);
            }
        }
        true
    }
}

fn receive(call: &Call<Stress>) -> Result<Outcome> {
    let number = |at: usize| call.args[at].to_i64().unwrap_or(1).unsigned_abs();
    let (threads, items) = (number(0), number(1));
    let (sender, mail) = event::channel();
    let (inbox, ticket) = event::register(|notifier| {
        mail.attach(notifier);
        Rc::new(Inbox {
            object: call.object.clone(),
            mail,
            next: RefCell::new(vec![0; threads as usize]),
            left: Cell::new(threads * items),
            command: call.args[2].clone(),
            ticket: RefCell::default(),
        })
    })?;
    *inbox.ticket.borrow_mut() = Some(ticket);
    for thread in 0..threads as usize {
        let sender = sender.clone();
        std::thread::spawn(move || {
            for n in 0..items {
                // The queue is found empty, and filled by several at once.
                if n % 7 == 0 {
                    std::thread::yield_now();
                }
                sender.send((thread, n));
            }
        });
    }
    Outcome::empty()
}

/// Has a step that panics, once.
struct Fragile {
    object: Object,
    ticket: RefCell<Option<Ticket>>,
}

impl Target for Fragile {
    fn interp(&self) -> Option<Preserved> {
        self.object.interp()
    }

    fn step(self: Rc<Self>) -> bool {
        match self.ticket.take() {
            Some(_) => panic!("in a step"),
            None => false,
        }
    }
}

fn panic(call: &Call<Stress>) -> Result<Outcome> {
    match &*call.args[0].text() {
        "thread" => {
            let (wait, completer) = wait::operation(|_, ()| Ok(Obj::empty()))?;
            std::thread::spawn(move || {
                let _completer: Completer<()> = completer;
                panic!("in a thread");
            });
            Ok(Outcome::Wait(wait))
        }
        "answer" => {
            let (wait, completer) = wait::operation(|_, ()| panic!("in an answer"))?;
            completer.complete(());
            Ok(Outcome::Wait(wait))
        }
        "step" => {
            let (target, ticket) = event::register(|notifier| {
                notifier.notify();
                Rc::new(Fragile {
                    object: call.object.clone(),
                    ticket: RefCell::default(),
                })
            })?;
            *target.ticket.borrow_mut() = Some(ticket);
            Outcome::empty()
        }
        _ => panic!("in a call"),
    }
}
