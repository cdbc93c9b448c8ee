//! The variable `status` of objects that run until they are stopped.

use super::variables;
use std::cell::Cell;
use tcl::event;
use tcl::{Interp, Object, Result};

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Status {
    Running,
    Draining,
    Stopped,
}

impl Status {
    fn word(self) -> &'static str {
        match self {
            Status::Running => "running",
            Status::Draining => "draining",
            Status::Stopped => "stopped",
        }
    }
}

/// The status of one object, which runs when it is made.
pub struct RunStatus(Cell<Status>);

impl RunStatus {
    pub fn running() -> RunStatus {
        RunStatus(Cell::new(Status::Running))
    }

    pub fn get(&self) -> Status {
        self.0.get()
    }

    /// Changes it where no script may run.
    pub fn set(&self, status: Status) {
        self.0.set(status);
    }

    /// Changes it, and writes the variable: traces run. The event that is served ends with it, so that a script which
    /// waits for one of several statuses sees each.
    pub fn show(&self, interp: Interp, object: &Object, status: Status) -> Result<()> {
        self.set(status);
        let word = event::word(status.word());
        let shown = variables::set(interp, object, "status", &word);
        event::end_event();
        shown
    }

    /// The same, where nobody could take an error.
    pub fn show_in_background(&self, object: &Object, status: Status) {
        let Some(interp) = object.interp() else {
            return;
        };
        if let Err(error) = self.show(interp.get(), object, status) {
            interp.get().background_error(error);
        }
    }
}
