//! A library with one of each: a command, one that runs a command of the script, a class, a method that waits, and a
//! callback from another thread.
//!
//! ```tcl
//! load libtour.so Tour
//! tour::reverse abc                        ;# cba
//! tour::attempt {expr 1/0}                 ;# failed: divide by zero
//! set counter [tour::Counter new]
//! $counter add 2                           ;# 2
//! $counter later 100                       ;# 2, after 100 ms; a coroutine yields meanwhile
//! $counter report 3 {puts "number"}        ;# at once; then puts is called with 1, 2 and 3
//! ```

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::thread;
use std::time::Duration;

use tcl::class::Construct;
use tcl::command::{self, Command};
use tcl::evaluation::{Ending, Evaluation};
use tcl::event::{self, Receiver, Target, Ticket};
use tcl::interp::Preserved;
use tcl::{wait, Call, Class, Error, Interp, Method, Obj, Object, Outcome, Result};

// Tcl looks for this symbol when it is told that the library is called Tour.
tcl::entry_point!(Tour_Init => init);

fn init(interp: Interp) -> Result<()> {
    command::define(interp, COMMANDS)?;
    tcl::define::<Counter>(interp)?;
    interp.provide(c"tour", c"1.0")
}

/// Commands are rows of a table.
const COMMANDS: &[Command] = &[
    Command {
        name: "::tour::reverse",
        usage: "text",
        args: 1..=1,
        call: |_, args| {
            let reversed: String = args[0].text().chars().rev().collect();
            Outcome::value(reversed.as_str())
        },
    },
    Command {
        name: "::tour::attempt",
        usage: "command",
        args: 1..=1,
        call: attempt,
    },
];

/// Runs a command in its place, which may yield, and tells how that has ended.
fn attempt(_: Interp, args: &[Obj]) -> Result<Outcome> {
    let command = words(&args[0])?;
    let ended = |interp: Interp, ending| {
        let (how, value) = match ending {
            Ending::Returned(value) => ("returned", value),
            Ending::Raised(_) => ("failed", interp.result()),
            // The coroutine is deleted, and nobody hears of it.
            Ending::Unwound => return Ok(Obj::empty()),
        };
        Ok(Obj::from(format!("{how}: {}", value.text()).as_str()))
    };
    Ok(Outcome::Evaluation(Evaluation::new(command, ended)))
}

fn words(command: &Obj) -> Result<Vec<Obj>> {
    command.to_list().ok_or_else(|| {
        let message = "the command is not a list";
        Error::new(message, &["TCL", "VALUE", "LIST"])
    })
}

/// The state of an object. It belongs to the thread of its interpreter, so cells will do.
struct Counter {
    sum: Cell<i64>,
    reports: RefCell<Vec<Ticket>>,
}

impl Class for Counter {
    const NAME: &'static str = "::tour::Counter";
    const METHODS: &'static [Method<Self>] = &[
        Method::new("add", "number", 1..=1, add),
        Method::new("later", "ms", 1..=1, later),
        Method::new("report", "times command", 2..=2, report),
    ];

    fn construct(_: &Construct) -> Result<Self> {
        Ok(Counter {
            sum: Cell::new(0),
            reports: RefCell::default(),
        })
    }

    /// The object is gone: nobody hears what is still reported.
    fn released(&self) {
        self.reports.take();
    }
}

fn integer(value: &Obj) -> Result<i64> {
    value.to_i64().ok_or_else(|| {
        let message = format!("expected integer but got \"{}\"", value.text());
        Error::new(message, &["TCL", "VALUE", "NUMBER"])
    })
}

fn add(call: &Call<Counter>) -> Result<Outcome> {
    let sum = call.this.sum.get().wrapping_add(integer(&call.args[0])?);
    call.this.sum.set(sum);
    Outcome::value(sum)
}

/// Another thread gives the answer; in this one it becomes the result.
fn later(call: &Call<Counter>) -> Result<Outcome> {
    let ms = integer(&call.args[0])?.unsigned_abs();
    let counter = call.this.clone();
    let (wait, completer) = wait::operation(move |_, ()| Ok(Obj::from(counter.sum.get())))?;
    thread::spawn(move || {
        thread::sleep(Duration::from_millis(ms));
        completer.complete(());
    });
    Ok(Outcome::Wait(wait))
}

/// Takes what another thread sends, number after number, in the event loop of its own.
struct Report {
    object: Object,
    numbers: Receiver<i64>,
    command: Vec<Obj>,
}

impl Target for Report {
    fn interp(&self) -> Option<Preserved> {
        self.object.interp()
    }

    fn step(self: Rc<Self>) -> bool {
        let (Some(number), Some(interp)) = (self.numbers.pop(), self.interp()) else {
            return false;
        };
        interp.callback(&self.command, [Obj::from(number)])
    }
}

fn report(call: &Call<Counter>) -> Result<Outcome> {
    let times = integer(&call.args[0])?;
    let command = words(&call.args[1])?;
    let (sender, numbers) = event::channel();
    let (_, ticket) = event::register(|notifier| {
        numbers.attach(notifier);
        Rc::new(Report {
            object: call.object.clone(),
            numbers,
            command,
        })
    })?;
    call.this.reports.borrow_mut().push(ticket);
    thread::spawn(move || (1..=times).for_each(|number| sender.send(number)));
    Outcome::empty()
}
