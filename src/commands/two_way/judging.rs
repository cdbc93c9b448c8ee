//! What the script is asked and told: conflicts, and changes that are lost.

use super::super::shape;
use super::elements::Named;
use super::two_way::TwoWay;
use crate::client::error::Error;
use crate::client::kv::writeback::{Change, Operation};
use crate::client::kv::Entry;
use crate::errors::{message, raise};
use std::time::Instant;
use tcl::interp::{Preserved, Scope};
use tcl::Obj;

impl TwoWay {
    /// Calls *cmd key mine theirs*, which returns the value to store. Its errors mean that the bucket's value counts.
    pub fn judge(
        &self,
        preserved: &Preserved,
        (key, number): (&str, u64),
        mine: &Change<Named>,
        theirs: &Entry,
    ) {
        let interp = preserved.get();
        let verdict = self.ask(preserved, mine, theirs);
        if !self.object.is_alive() || interp.is_deleted() {
            return;
        }
        let change = match verdict {
            Ok(change) => Ok(change),
            Err(error) => Err(message(interp, &error)),
        };
        interp.reset_result();
        let tag = change.as_ref().ok().map(|change| change.tag.clone());
        let is_shown = {
            let mut writeback = self.writeback.borrow_mut();
            writeback.judged(key, number, change, Instant::now())
        };
        if let (true, Some(Named { name, value })) = (is_shown, tag) {
            self.set(interp, &name, &value);
        }
    }

    fn ask(
        &self,
        preserved: &Preserved,
        mine: &Change<Named>,
        theirs: &Entry,
    ) -> tcl::Result<Change<Named>> {
        let interp = preserved.get();
        let Named { name, value } = mine.tag.clone();
        let theirs = self.elements.coding.seen_value(interp, theirs)?;
        let mut words = self.options.judge.clone();
        words.extend([name.clone(), value, theirs]);
        let verdict = interp.call(&words, Scope::Global)?;
        if interp.is_deleted() {
            return Err(tcl::Error::new("", &[]));
        }
        let (_, change) = self.elements.put(interp, &name, verdict)?;
        Ok(change)
    }

    /// A change is lost: *cmd info*, or a background error.
    pub fn report(&self, preserved: &Preserved, change: Change<Named>, error: &Error) {
        let Change { operation, tag } = change;
        let Some(callback) = &self.options.error_callback else {
            return preserved.get().background_error(raise(error.clone()));
        };
        let value = match operation {
            Operation::Put(_) => tag.value,
            Operation::Delete => Obj::empty(),
        };
        let operation = operation.as_str();
        preserved.callback(
            callback,
            [shape::lost_change(&tag.name, operation, value, error)],
        );
        self.elements.array.script_has_run();
    }
}
