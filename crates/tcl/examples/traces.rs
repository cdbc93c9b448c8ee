//! A library that traces an array, for `tests/traces.rs`.
//!
//! ```tcl
//! load libtraces.so Traces
//! traces::set ::array command      ;# command is called with written, unset or gone, and the element
//! traces::remove
//! ```

use std::cell::RefCell;
use std::rc::Rc;

use tcl::command::{self, Command};
use tcl::interp::Scope;
use tcl::trace::{ArrayTrace, Traced};
use tcl::{Interp, Obj, Outcome, Result};

tcl::entry_point!(Traces_Init => init);

fn init(interp: Interp) -> Result<()> {
    command::define(interp, COMMANDS)?;
    interp.provide(c"traces", c"1.0")
}

thread_local! {
    static TRACES: RefCell<Vec<(ArrayTrace, Rc<Script>)>> = const { RefCell::new(Vec::new()) };
}

const COMMANDS: &[Command] = &[
    Command {
        name: "::traces::set",
        usage: "array command",
        args: 2..=2,
        call: |interp, args| {
            let script = Rc::new(Script(args[1].clone()));
            let traced = Rc::downgrade(&script);
            let trace = ArrayTrace::set(interp, &args[0], traced)?;
            TRACES.with_borrow_mut(|traces| traces.push((trace, script)));
            Outcome::empty()
        },
    },
    Command {
        name: "::traces::remove",
        usage: "",
        args: 0..=0,
        call: |interp, _| {
            let traces = TRACES.take();
            traces
                .into_iter()
                .for_each(|(trace, _)| trace.remove(interp));
            Outcome::empty()
        },
    },
];

/// A command that is told what happens.
struct Script(Obj);

impl Script {
    fn call(&self, interp: Interp, event: &str, element: &Obj) -> std::result::Result<(), String> {
        let words = [self.0.clone(), Obj::from(event), element.clone()];
        match interp.call(&words, Scope::Global) {
            Ok(_) => Ok(()),
            Err(_) => Err(interp.result().text().into_owned()),
        }
    }
}

impl Traced for Script {
    fn written(&self, interp: Interp, element: &Obj) -> std::result::Result<(), String> {
        self.call(interp, "written", element)
    }

    fn unset(&self, interp: Interp, element: &Obj) {
        let _ = self.call(interp, "unset", element);
    }

    fn gone(&self, interp: Interp) {
        let _ = self.call(interp, "gone", &Obj::empty());
    }
}
