//! Class `nats::object_watcher`, made by a method of `nats::object_store`.

use super::fed::{self, Fed, Feed, Feeder, Mail};
use super::jet_stream::Shared;
use super::options::Options;
use super::ordered_consumer::{self, answer_flow_control, Source, View, IDLE_HEARTBEAT};
use super::shape;
use crate::client::connection::Hold;
use crate::client::jetstream::ordered::{Change, OrderedConsumer};
use crate::client::object::watch::{WatchItem, WatchObserver, WatchOptions};
use crate::client::object::Store;
use crate::errors::invalid_arg;
use crate::runtime;
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;
use tcl::class::Construct;
use tcl::event::Receiver;
use tcl::interp::Preserved;
use tcl::object::Unfinished;
use tcl::{Class, Interp, Method, Obj, Object, Outcome, Result};

/// The state of a `nats::object_watcher` object.
pub struct ObjectWatcher {
    inner: Rc<Inner>,
}

struct Inner {
    consumer: Object,
    view: Rc<View>,
    feed: Feed<WatchItem, Change>,
    watch: RefCell<Option<Rc<OrderedConsumer>>>,
}

impl WatchObserver for Feeder<WatchItem, Change> {
    fn deliver(&mut self, items: &mut Vec<WatchItem>) {
        self.items(items.drain(..));
    }

    fn changed(&mut self, change: Change) {
        self.change(change);
    }

    fn drain(&mut self, hold: &Hold) -> bool {
        self.hold(hold);
        true
    }
}

impl Class for ObjectWatcher {
    const NAME: &'static str = "::nats::object_watcher";
    const METHODS: &'static [Method<Self>] = &[Method::new("consumer", "", 0..=0, |call| {
        Outcome::value(call.this.inner.consumer.name())
    })];

    fn construct(_: &Construct) -> Result<Self> {
        Err(invalid_arg(
            "nats::object_watcher objects are made by the object_store method watch",
        ))
    }

    fn destroyed(&self, _: Interp) {
        self.inner.consumer.destroy();
    }

    fn released(&self) {
        self.inner.feed.close();
        let watch = self.inner.watch.take();
        // Unsubscribing needs the runtime.
        let _runtime = runtime::enter();
        drop(watch);
    }
}

/// `$os watch ?-option value ...?` → object
///
/// # Errors
/// `ErrInvalidArg`; those of [`Store::watch`].
pub fn create(interp: Interp, shared: &Shared, store: &Store, args: &[Obj]) -> Result<Outcome> {
    let mut options = Options::parse_with_callback(args)?;
    let callback = options.callback("callback")?;
    let ignore_deletes = options.bool("ignore_deletes")?.unwrap_or(false);
    let updates_only = options.bool("updates_only")?.unwrap_or(false);
    let idle_heartbeat = options
        .pos_int("idle_heartbeat")?
        .map_or(IDLE_HEARTBEAT, Duration::from_millis);
    options.end()?;
    let callback = callback.ok_or_else(|| invalid_arg("Option callback is required"))?;
    let wanted = WatchOptions {
        ignore_deletes,
        updates_only,
        idle_heartbeat,
    };
    let (feeder, mail) = fed::channel();
    // Whatever goes wrong from here on, the objects are destroyed.
    let (unfinished, inner) = Inner::create(interp, shared, callback, mail)?;
    let finish = move |_: Interp, watch: OrderedConsumer| {
        if !unfinished.object().is_alive() {
            return Err(invalid_arg("The watcher was destroyed meanwhile"));
        }
        inner.start(watch)?;
        Ok(unfinished.keep().name())
    };
    runtime::answer(|| store.watch(&wanted, Box::new(feeder)), finish)
}

impl Inner {
    /// Makes the watcher's object and the one of its consumer.
    fn create(
        interp: Interp,
        shared: &Shared,
        callback: Vec<Obj>,
        mail: Receiver<Mail<WatchItem, Change>>,
    ) -> Result<(Unfinished, Rc<Inner>)> {
        let (consumer, view) = ordered_consumer::create_view(interp, shared)?;
        let (object, watcher) = Object::create(interp, |object| {
            shared.children.add(object)?;
            let inner = Rc::new(Inner {
                consumer: consumer.object().clone(),
                view,
                feed: Feed::new(&shared.core, object, Some(callback), mail),
                watch: RefCell::default(),
            });
            Ok(ObjectWatcher { inner })
        })?;
        // The watcher destroys it from now on.
        consumer.keep();
        Ok((Unfinished::new(object), watcher.inner.clone()))
    }

    /// The consumer exists: what it has delivered is handed over from the next event on.
    fn start(self: &Rc<Self>, watch: OrderedConsumer) -> Result<()> {
        let watch = Rc::new(watch);
        watch.start();
        self.view.started(Source::ObjectWatcher(watch.clone()));
        *self.watch.borrow_mut() = Some(watch);
        fed::start(self)
    }
}

impl Fed for Inner {
    type Item = WatchItem;
    type Change = Change;

    fn feed(&self) -> &Feed<WatchItem, Change> {
        &self.feed
    }

    fn take(&self, interp: &Preserved, item: WatchItem) {
        match item {
            WatchItem::Object(info) => self.feed.call(interp, shape::object(&info)),
            WatchItem::EndOfData => self.feed.call(interp, Obj::empty()),
            WatchItem::FlowControl(request) => answer_flow_control(request),
        }
    }

    fn changed(&self, change: Change) {
        self.view.show(change);
    }

    fn drained(&self, hold: Hold) {
        self.view.hold(hold);
    }
}
