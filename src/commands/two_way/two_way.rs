//! What is done about changes of an array, and about entries that meet them.

use super::super::coding::Coding;
use super::super::fed::Feeder;
use super::super::watched_array::{WatchedArray, Writing};
use super::elements::{Elements, Named};
use super::flush::Flushes;
use super::options::TwoWayOptions;
use crate::client::error::Error;
use crate::client::jetstream::ordered::Change as ConsumerChange;
use crate::client::kv::writeback::{
    Change, Operation, Outcome as Answer, Rules, Task, Write, Writeback, Writer,
};
use crate::client::kv::{Bucket, Entry, KeySet, Operations, WatchItem};
use crate::errors::{lower, message, raise};
use crate::runtime;
use bytes::Bytes;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};
use tcl::interp::Preserved;
use tcl::trace::{ArrayTrace, Traced};
use tcl::{Interp, Obj, Object, Outcome, Result};
use tokio::task::AbortHandle;

/// What a watcher hears beside what it shows.
pub enum News {
    Consumer(ConsumerChange),
    /// There is something to do.
    Wake,
    Settled(Box<(Write, Answer)>),
}

/// The script's side of a two-way array.
pub struct TwoWay {
    pub(super) object: Object,
    bucket: Bucket,
    pub(super) options: TwoWayOptions,
    pub(super) elements: Elements,
    pub(super) writeback: RefCell<Writeback<Named>>,
    flushes: Flushes,
    writing: Rc<Writing>,
    feeder: Feeder<WatchItem, News>,
    is_awake: Cell<bool>,
    alarm: RefCell<Option<(Instant, AbortHandle)>>,
    trace: RefCell<Option<ArrayTrace>>,
    /// Why nothing can be written any more.
    stopped: RefCell<Option<Error>>,
}

/// What a two-way array is made of.
pub struct Parts<'a> {
    pub object: &'a Object,
    pub bucket: &'a Bucket,
    pub coding: &'a Coding,
    pub patterns: &'a [String],
    pub operations: Operations,
    pub array: &'a Rc<WatchedArray>,
    pub writing: &'a Rc<Writing>,
    pub feeder: Feeder<WatchItem, News>,
}

/// From and to the script.
impl TwoWay {
    /// Changes of the array count from now on. What it has already is left as it is.
    ///
    /// # Errors
    /// Those of traces.
    pub fn begin(interp: Interp, parts: Parts, options: TwoWayOptions) -> Result<Rc<TwoWay>> {
        let rules = Rules {
            policy: options.policy,
            delay: options.delay,
            operations: parts.operations,
        };
        let elements = Elements::new(
            parts.array,
            (parts.bucket, parts.coding),
            KeySet::of(parts.patterns),
            Writer::new(options.ttl),
        );
        let two_way = Rc::new(TwoWay {
            object: parts.object.clone(),
            bucket: parts.bucket.clone(),
            options,
            elements,
            writeback: RefCell::new(Writeback::new(rules)),
            flushes: Flushes::default(),
            writing: parts.writing.clone(),
            feeder: parts.feeder,
            is_awake: Cell::new(false),
            alarm: RefCell::default(),
            trace: RefCell::default(),
            stopped: RefCell::default(),
        });
        two_way.elements.look(interp)?;
        let traced: Rc<dyn Traced> = two_way.clone();
        let trace = ArrayTrace::set(interp, parts.array.name(), Rc::downgrade(&traced))?;
        two_way.trace.replace(Some(trace));
        Ok(two_way)
    }

    /// The names of the elements whose changes are not acknowledged.
    pub fn unsaved(&self, interp: Interp) -> Obj {
        self.look_again(interp);
        let writeback = self.writeback.borrow();
        Obj::list(writeback.unsaved().iter().map(|named| named.name.clone()))
    }

    /// Waits until the changes so far are written, or lost.
    ///
    /// # Errors
    /// Those of [`Flushes::wait`].
    pub fn flush(&self, interp: Interp, limit: Duration) -> Result<Outcome> {
        self.look_again(interp);
        let order = self.writeback.borrow_mut().hurry();
        self.wake();
        self.flushes.wait(order, limit)
    }

    /// Nothing more is heard of the array.
    pub fn end(&self, interp: Interp) {
        if let Some(trace) = self.trace.take() {
            trace.remove(interp);
        }
    }

    /// Everything is forgotten; nothing of Tcl is called.
    pub fn release(&self) {
        drop(self.trace.take());
        self.flushes.drop_all();
        self.silence();
    }

    /// There is something to do, from the next event on.
    fn wake(&self) {
        if !self.is_awake.replace(true) {
            self.feeder.change(News::Wake);
        }
    }

    fn changed(&self, key: &str, change: Change<Named>) {
        let mut writeback = self.writeback.borrow_mut();
        writeback.changed(key, change, Instant::now());
        drop(writeback);
        self.wake();
    }

    /// Takes over what an element is. Traces and codecs run.
    fn take(&self, interp: Interp, name: &Obj) -> Result<()> {
        if let Some(error) = &*self.stopped.borrow() {
            return Err(raise(error.clone()));
        }
        let Some((key, change)) = self.elements.change(interp, name)? else {
            self.elements.saw(name, None);
            return Ok(());
        };
        let value = match &change.operation {
            Operation::Put(_) => Some(change.tag.value.clone()),
            Operation::Delete => None,
        };
        self.elements.saw(name, value);
        self.changed(&key, change);
        Ok(())
    }

    /// Looks at elements that were changed: traces of the script's may have changed them once more.
    fn look_again(&self, interp: Interp) {
        for name in self.elements.changed_since(interp) {
            self.adopt(interp, &name);
        }
    }

    /// A trace of the script's has changed an element, and no command of the script can fail for it any more.
    fn adopt(&self, interp: Interp, name: &Obj) {
        let Err(error) = self.take(interp, name) else {
            return;
        };
        let error = lower(interp, error);
        let value = self.elements.array.get(interp, name);
        self.elements.saw(name, value.clone());
        let change = Change {
            operation: Operation::Put(Bytes::new()),
            tag: Named {
                name: name.clone(),
                value: value.unwrap_or_else(Obj::empty),
            },
        };
        self.writeback.borrow_mut().report(change, error);
        self.wake();
    }
}

impl Traced for TwoWay {
    fn written(&self, interp: Interp, name: &Obj) -> std::result::Result<(), String> {
        if self.elements.is_masked(name) {
            return Ok(());
        }
        let Err(error) = self.take(interp, name) else {
            self.elements.touch(name);
            return Ok(());
        };
        let message = message(interp, &error);
        let _ = self.elements.restore(interp, name);
        Err(message)
    }

    fn unset(&self, interp: Interp, name: &Obj) {
        if !self.elements.is_masked(name) {
            // Nobody would hear of an error.
            let _ = self.take(interp, name);
            self.elements.touch(name);
        }
    }

    fn gone(&self, _: Interp) {
        self.elements.forget();
        self.writeback.borrow_mut().drop_waiting();
        self.wake();
    }
}

/// From and to the watch.
impl TwoWay {
    /// Shows an entry of the watch to the script, unless that is the script's own, or has to wait.
    pub fn take_entry(&self, interp: Interp, entry: &Entry, name: &Obj, value: &Obj) {
        let is_admitted = self.writeback.borrow_mut().admits(entry);
        if is_admitted {
            self.show(interp, entry, name, value);
        }
    }

    fn show(&self, interp: Interp, entry: &Entry, name: &Obj, value: &Obj) {
        let array = &self.elements.array;
        // Without an array nobody has seen it.
        if !array.is_certain() && !array.exists(interp).unwrap_or(false) {
            return;
        }
        self.writeback.borrow_mut().shown(entry);
        match entry.is_put() {
            true => self.set(interp, name, value),
            false => self.unset_element(interp, name),
        }
    }

    /// Sets an element. What traces of the script's make of it is the script's change.
    pub(super) fn set(&self, interp: Interp, name: &Obj, value: &Obj) {
        self.elements.saw(name, Some(value.clone()));
        let array = &self.elements.array;
        self.writing.run(interp, || {
            self.elements
                .masking(name, || array.set(interp, name, value))
        });
        self.compare(interp, name);
    }

    fn unset_element(&self, interp: Interp, name: &Obj) {
        self.elements.saw(name, None);
        let array = &self.elements.array;
        self.writing.run(interp, || {
            self.elements.masking(name, || array.unset(interp, name))
        });
        self.compare(interp, name);
    }

    fn compare(&self, interp: Interp, name: &Obj) {
        let is_there = || self.elements.array.exists(interp).unwrap_or(false);
        if self.object.is_alive() && is_there() && self.elements.has_changed(interp, name) {
            self.adopt(interp, name);
        }
    }

    /// Unsets elements that current data does not have, unless the script has changed them since.
    pub fn remove_stale(&self, interp: Interp, names: &[Obj]) {
        for name in names {
            let is_unsaved = match self.elements.key(interp, name) {
                Ok(key) => self.writeback.borrow().is_unsaved(&key),
                Err(_) => true,
            };
            if self.object.is_alive() && !is_unsaved {
                self.unset_element(interp, name);
            }
        }
    }

    /// Current data was shown.
    pub fn loaded(&self) {
        self.writeback.borrow_mut().loaded();
        self.wake();
    }

    /// Whether the watch has caught up with the bucket.
    pub fn set_current(&self, is_current: bool) {
        self.writeback.borrow_mut().set_current(is_current);
        self.wake();
    }

    /// The watch has ended.
    pub fn stop(&self, error: &Error) {
        self.stopped.replace(Some(error.clone()));
        self.writeback.borrow_mut().stop(error);
        self.flushes.fail(error);
        self.wake();
    }
}

/// From and to the network.
impl TwoWay {
    /// Something has come, or is due.
    pub fn woken(&self, preserved: &Preserved) {
        self.is_awake.set(false);
        self.look_again(preserved.get());
        self.work(preserved);
    }

    /// A write has its answer.
    pub fn settled(&self, preserved: &Preserved, write: &Write, outcome: Answer) {
        {
            let mut writeback = self.writeback.borrow_mut();
            writeback.settled(&write.key, write.number, outcome, Instant::now());
        }
        self.work(preserved);
    }

    /// Does what is to be done. Script runs, which may do anything.
    fn work(&self, preserved: &Preserved) {
        while self.object.is_alive() && !preserved.get().is_deleted() {
            let task = {
                let mut writeback = self.writeback.borrow_mut();
                writeback.set_linked(self.bucket.is_linked());
                writeback.next(Instant::now())
            };
            match task {
                None => break,
                Some(Task::Send(write)) => self.send(write),
                Some(Task::Show(entry)) => self.show_late(preserved.get(), &entry),
                Some(Task::Report { change, error }) => self.report(preserved, change, &error),
                Some(Task::Judge {
                    key,
                    number,
                    mine,
                    theirs,
                }) => self.judge(preserved, (&key, number), &mine, &theirs),
            }
        }
        if !self.object.is_alive() {
            return;
        }
        let writeback = self.writeback.borrow();
        self.flushes.tell(|order| writeback.is_saved(order));
        self.set_alarm(writeback.next_due());
    }

    fn send(&self, write: Write) {
        let feeder = self.feeder.clone();
        let settled = move |write, outcome| {
            feeder.change(News::Settled(Box::new((write, outcome))));
        };
        if let Ok(_runtime) = runtime::enter() {
            self.bucket
                .write_back(&self.elements.writer, write, settled);
        }
    }

    /// Shows an entry that was kept from the script, or that has won a conflict.
    fn show_late(&self, interp: Interp, entry: &Entry) {
        let mut decoded = None;
        self.writing.run(interp, || {
            let coding = &self.elements.coding;
            let name = coding.seen_key(interp, entry.key())?;
            decoded = Some((name, coding.seen_value(interp, entry)?));
            Ok(())
        });
        match decoded {
            Some((name, value)) => self.show(interp, entry, &name, &value),
            // The script has heard of the failure; what it writes next it writes on top of that.
            None => self.writeback.borrow_mut().shown(entry),
        }
    }

    fn set_alarm(&self, due: Option<Instant>) {
        let present = self.alarm.borrow().as_ref().map(|(due, _)| *due);
        if present == due {
            return;
        }
        self.silence();
        let (Some(due), Ok(_runtime)) = (due, runtime::enter()) else {
            return;
        };
        let feeder = self.feeder.clone();
        let alarm = tokio::spawn(async move {
            tokio::time::sleep_until(due.into()).await;
            feeder.change(News::Wake);
        });
        self.alarm.replace(Some((due, alarm.abort_handle())));
    }

    fn silence(&self) {
        if let Some((_, alarm)) = self.alarm.take() {
            alarm.abort();
        }
    }
}
