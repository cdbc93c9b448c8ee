//! Class `nats::kv_watcher`, and the method of `nats::key_value` that makes one.

use super::connection::Core;
use super::errors::invalid_arg;
use super::key_value::KeyValue;
use super::options::{bad_value, Options};
use super::ordered_consumer::{answer_flow_control, Source, View, IDLE_HEARTBEAT};
use super::payload;
use super::shape::EntryShape;
use super::watched_array::WatchedArray;
use crate::client::jetstream::ordered::Change;
use crate::client::kv::{Entry, Operation, Watch, WatchItem, WatchObserver, WatchOptions};
use crate::runtime;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;
use tcl::class::Construct;
use tcl::event::{self, Receiver, Sender, Target, Ticket};
use tcl::interp::Preserved;
use tcl::{Call, Class, Interp, Method, Obj, Object, Outcome, Result};

/// The state of a `nats::kv_watcher` object.
pub struct KvWatcher {
    inner: Rc<Inner>,
}

struct Inner {
    core: Rc<Core>,
    object: Object,
    consumer: Object,
    view: Rc<View>,
    shape: EntryShape,
    callback: Option<Vec<Obj>>,
    array: RefCell<Option<Rc<WatchedArray>>>,
    mail: Receiver<Mail>,
    /// An element of the array is being written. A trace on it may enter the event loop; the next
    /// entry must wait, or its callback would come before that of this entry.
    writing: Cell<bool>,
    watch: RefCell<Option<Rc<Watch>>>,
    ticket: RefCell<Option<Ticket>>,
}

enum Mail {
    Item(WatchItem),
    Change(Change),
}

struct ToWatcher(Sender<Mail>);

impl WatchObserver for ToWatcher {
    fn deliver(&mut self, items: &mut Vec<WatchItem>) {
        self.0.send_all(items.drain(..).map(Mail::Item));
    }

    fn changed(&mut self, change: Change) {
        self.0.send(Mail::Change(change));
    }
}

impl Class for KvWatcher {
    const NAME: &'static str = "::nats::kv_watcher";
    const METHODS: &'static [Method<Self>] = &[Method::new("consumer", "", 0..=0, |call| {
        Outcome::value(call.this.inner.consumer.name())
    })];

    fn construct(_: &Construct) -> Result<Self> {
        Err(invalid_arg(
            "nats::kv_watcher objects are made by the key_value method watch",
        ))
    }

    fn destroyed(&self, _: Interp) {
        self.inner.consumer.destroy();
    }

    fn released(&self) {
        self.inner.mail.clear();
        let ticket = self.inner.ticket.take();
        let array = self.inner.array.take();
        let watch = self.inner.watch.take();
        // Unsubscribing needs the runtime.
        let _runtime = runtime::enter();
        drop((ticket, array, watch));
    }
}

/// The options of `watch`.
struct Wanted {
    callback: Option<Vec<Obj>>,
    array: Option<Obj>,
    options: WatchOptions,
}

impl Wanted {
    fn parse(words: &[Obj]) -> Result<Wanted> {
        let mut options = Options::parse(words)?;
        let callback = options.callback("callback")?;
        let array = options.raw("values_array");
        if let Some(name) = array.as_ref().filter(|name| name.is_empty()) {
            return Err(bad_value("valid_str", "values_array", name));
        }
        let include_history = options.bool("include_history")?.unwrap_or(false);
        let meta_only = options.bool("meta_only")?.unwrap_or(false);
        let ignore_deletes = options.bool("ignore_deletes")?.unwrap_or(false);
        let updates_only = options.bool("updates_only")?.unwrap_or(false);
        let idle_heartbeat = options
            .pos_int("idle_heartbeat")?
            .map_or(IDLE_HEARTBEAT, Duration::from_millis);
        options.end()?;
        if include_history && updates_only {
            return Err(invalid_arg(
                "-include_history and -updates_only are mutually exclusive",
            ));
        }
        Ok(Wanted {
            callback,
            array,
            options: WatchOptions {
                include_history,
                meta_only,
                ignore_deletes,
                updates_only,
                idle_heartbeat,
            },
        })
    }
}

/// `$kv watch key ?-option value ...?` → object
pub fn watch(call: &Call<KeyValue>) -> Result<Outcome> {
    let pattern = call.args[0].text().into_owned();
    let wanted = Wanted::parse(&call.args[1..])?;
    let options = wanted.options.clone();
    let kv = &call.this;
    let Some(parent) = kv.parent.upgrade() else {
        return Err(invalid_arg("The jet_stream object was destroyed"));
    };
    let (object, inner, sender) = Inner::create(call.interp, kv, wanted)?;
    parent.children.add(&object);
    let observer = Box::new(ToWatcher(sender));
    // Whatever ends the wait without an answer, the half-made object goes with it.
    let unfinished = Unfinished(Some(object));
    let finish = move |_, watch: Watch| {
        let object = unfinished.keep();
        if !object.is_alive() {
            return Err(invalid_arg("The watcher was destroyed meanwhile"));
        }
        inner.start(watch);
        Ok(object.name())
    };
    runtime::answer(|| kv.bucket.watch(&pattern, &options, observer), finish)
}

/// Destroys a watcher's object unless the watch has started.
struct Unfinished(Option<Object>);

impl Unfinished {
    fn keep(mut self) -> Object {
        self.0.take().expect("kept once")
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if let Some(object) = self.0.take() {
            if let Some(interp) = object.interp() {
                interp.undisturbed(|| object.destroy());
            }
        }
    }
}

impl Inner {
    /// Makes the watcher's object, linked to its array in the frame of the caller.
    fn create(
        interp: Interp,
        kv: &KeyValue,
        wanted: Wanted,
    ) -> Result<(Object, Rc<Inner>, Sender<Mail>)> {
        let (consumer, view) = View::create(interp, &kv.core)?;
        let (sender, mail) = event::channel();
        let mut made = None;
        let created = Object::create(interp, |object| {
            let array = wanted
                .array
                .map(|name| WatchedArray::link(interp, &object, &name).map(Rc::new))
                .transpose()?;
            let inner = Rc::new(Inner {
                core: kv.core.clone(),
                object,
                consumer: consumer.clone(),
                view,
                shape: EntryShape::new(kv.bucket.name()),
                callback: wanted.callback,
                array: RefCell::new(array),
                mail,
                writing: Cell::new(false),
                watch: RefCell::default(),
                ticket: RefCell::default(),
            });
            made = Some(inner.clone());
            Ok(KvWatcher { inner })
        });
        match (created, made) {
            (Ok(object), Some(inner)) => Ok((object, inner, sender)),
            (created, _) => {
                interp.undisturbed(|| consumer.destroy());
                Err(created
                    .err()
                    .unwrap_or_else(|| invalid_arg("no object was made")))
            }
        }
    }

    /// The consumer exists: what it has delivered is handed over from the next event on.
    fn start(self: Rc<Self>, watch: Watch) {
        let watch = Rc::new(watch);
        watch.start();
        self.view.started(Source::Watcher(watch.clone()));
        *self.watch.borrow_mut() = Some(watch);
        let (inner, ticket) = event::register(|notifier| {
            self.mail.attach(notifier);
            self
        });
        *inner.ticket.borrow_mut() = Some(ticket);
    }
}

impl Target for Inner {
    fn step(self: Rc<Self>) -> bool {
        if self.writing.get() {
            return false;
        }
        let Some(mail) = self.mail.pop() else {
            return false;
        };
        let Some(interp) = self.object.interp() else {
            return false;
        };
        match mail {
            Mail::Item(WatchItem::Entry(entry)) => self.hand_over(&interp, &entry),
            Mail::Item(WatchItem::EndOfData) => {
                if let Some(callback) = &self.callback {
                    interp.callback(callback, [Obj::empty()]);
                }
            }
            Mail::Item(WatchItem::FlowControl(request)) => answer_flow_control(request),
            Mail::Change(change) => self.view.show(change),
        }
        true
    }
}

impl Inner {
    /// The array first, then the callback, for the same entry.
    fn hand_over(&self, interp: &Preserved, entry: &Entry) {
        let key = Obj::from(entry.key());
        let value = payload::decode(&entry.value, self.core.config.utf8_convert.get());
        let array = self.array.borrow().clone();
        if let Some(array) = &array {
            self.writing.set(true);
            let written = match entry.operation {
                Operation::Put => array.set(**interp, &key, &value),
                _ => array.unset(**interp, &key),
            };
            self.writing.set(false);
            if let Err(error) = written {
                interp.background_error(error);
            }
        }
        // A trace on the array may have destroyed the watcher.
        if let (Some(callback), true) = (&self.callback, self.object.is_alive()) {
            interp.callback(callback, [self.shape.entry(entry, key, value)]);
            if let Some(array) = &array {
                array.script_has_run();
            }
        }
    }
}
