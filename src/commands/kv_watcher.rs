//! Class `nats::kv_watcher`, made by a method of `nats::key_value`.

use super::coding::Coding;
use super::fed::{self, Fed, Feed, Feeder, Mail};
use super::jet_stream::Shared;
use super::options::Options;
use super::ordered_consumer::{self, answer_flow_control, Source, View};
use super::reconcile::Reconciliation;
use super::shape::{self, EntryShape, Watching};
use super::two_way::{News, Parts, TwoWay, TwoWayOptions};
use super::watch_arguments::Wanted;
use super::watched_array::{WatchedArray, Writing};
use crate::client::connection::Hold;
use crate::client::error as client;
use crate::client::jetstream::ordered::Change;
use crate::client::kv::{
    Bucket, Entry, KeySet, Operation, Operations, Watch, WatchItem, WatchObserver, WatchState,
};
use crate::errors::{invalid_arg, raise};
use crate::runtime;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;
use tcl::class::Construct;
use tcl::event::{word, Receiver};
use tcl::interp::Preserved;
use tcl::object::Unfinished;
use tcl::{Call, Class, Error, Interp, Method, Obj, Object, Outcome, Result};

/// The state of a `nats::kv_watcher` object.
pub struct KvWatcher {
    inner: Rc<Inner>,
}

struct Inner {
    consumer: Object,
    view: Rc<View>,
    shape: EntryShape,
    /// How the script sees keys and values.
    coding: Coding,
    operations: Operations,
    array: RefCell<Option<Rc<WatchedArray>>>,
    /// What the script changes of the array is written.
    two_way: RefCell<Option<Rc<TwoWay>>>,
    /// Until the end of current data.
    reconciliation: RefCell<Option<Reconciliation>>,
    state_callback: Option<Vec<Obj>>,
    progress: Progress,
    /// How long a flush may take.
    timeout: Duration,
    /// What the array has already, and the callback is still to hear.
    written: RefCell<VecDeque<Written>>,
    feed: Feed<WatchItem, News>,
    writing: Rc<Writing>,
    watch: RefCell<Option<Rc<Watch>>>,
}

/// How far a watcher is.
struct Progress {
    state: Cell<WatchState>,
    /// Of the entry handed over last.
    revision: Cell<u64>,
    /// Entries handed over.
    delivered: Cell<u64>,
    /// How often the consumer was made anew.
    recoveries: Cell<u64>,
}

/// A part of what is handed over together, after the array was written.
enum Written {
    Entry(Box<Entry>, Obj, Obj),
    EndOfData,
    State(WatchState),
}

impl WatchObserver for Feeder<WatchItem, News> {
    fn deliver(&mut self, items: &mut Vec<WatchItem>) {
        self.items(items.drain(..));
    }

    fn changed(&mut self, change: Change) {
        self.change(News::Consumer(change));
    }

    fn drain(&mut self, hold: &Hold) -> bool {
        self.hold(hold);
        true
    }
}

impl Class for KvWatcher {
    const NAME: &'static str = "::nats::kv_watcher";
    const METHODS: &'static [Method<Self>] = &[
        Method::new("consumer", "", 0..=0, |call| {
            Outcome::value(call.this.inner.consumer.name())
        }),
        Method::new("revision", "", 0..=0, revision),
        Method::new("status", "", 0..=0, status),
        Method::new("unsaved", "", 0..=0, unsaved),
        Method::new("flush", "?-timeout ms?", 0..=usize::MAX, flush),
    ];

    fn construct(_: &Construct) -> Result<Self> {
        Err(invalid_arg(
            "nats::kv_watcher objects are made by the key_value method watch",
        ))
    }

    fn destroyed(&self, interp: Interp) {
        if let Some(two_way) = self.inner.two_way() {
            two_way.end(interp);
        }
        self.inner.consumer.destroy();
    }

    fn released(&self) {
        self.inner.feed.close();
        self.inner.written.take();
        if let Some(two_way) = self.inner.two_way.take() {
            two_way.release();
        }
        let array = self.inner.array.take();
        let watch = self.inner.watch.take();
        // Unsubscribing needs the runtime.
        let _runtime = runtime::enter();
        drop((array, watch));
    }
}

/// `revision` → revision of the entry handed over last, 0 if there was none
fn revision(call: &Call<KvWatcher>) -> Result<Outcome> {
    Outcome::value(call.this.inner.progress.revision.get())
}

/// `status` → dict
fn status(call: &Call<KvWatcher>) -> Result<Outcome> {
    let inner = &call.this.inner;
    let (consumer, last_error) = inner.view.name_and_error();
    let waiting = inner.feed.waiting(entries) + inner.written_entries();
    Outcome::value(shape::watch_status(&Watching {
        state: inner.progress.state.get(),
        revision: inner.progress.revision.get(),
        delivered: inner.progress.delivered.get(),
        recoveries: inner.progress.recoveries.get(),
        pending: waiting,
        consumer: &consumer,
        last_error: last_error.as_ref(),
    }))
}

/// `unsaved` → list of keys
fn unsaved(call: &Call<KvWatcher>) -> Result<Outcome> {
    let two_way = call.this.inner.two_way();
    Outcome::value(two_way.map_or_else(Obj::empty, |two_way| two_way.unsaved(call.interp)))
}

/// `flush ?-timeout ms?`
fn flush(call: &Call<KvWatcher>) -> Result<Outcome> {
    let inner = &call.this.inner;
    let mut options = Options::parse(call.args)?;
    let limit = options.timeout("timeout")?;
    options.end()?;
    match inner.two_way() {
        Some(two_way) => two_way.flush(call.interp, limit.unwrap_or(inner.timeout)),
        None => Outcome::empty(),
    }
}

fn entries(item: &WatchItem) -> u64 {
    match item {
        WatchItem::Entry(_) => 1,
        WatchItem::Together(items) => items.iter().map(entries).sum(),
        _ => 0,
    }
}

/// `$kv watch ?key? ?-option value ...?` → object
///
/// # Errors
/// `ErrInvalidArg`; those of [`WatchedArray::link`] and [`Bucket::watch`].
pub fn create(
    interp: Interp,
    shared: &Shared,
    bucket: &Bucket,
    coding: &Coding,
    args: &[Obj],
) -> Result<Outcome> {
    let mut wanted = Wanted::parse(args)?;
    wanted.patterns = coding.patterns(interp, wanted.patterns)?;
    let coding = match wanted.options.meta_only {
        true => coding.of_keys(),
        false => coding.clone(),
    };
    let filters = bucket.filters(&wanted.patterns);
    let options = wanted.options.clone();
    let ttl = wanted.two_way.as_ref().map(|two_way| two_way.ttl);
    if let Some(ttl) = ttl.flatten() {
        bucket.check_ttl(ttl).map_err(raise)?;
    }
    let (feeder, mail) = fed::channel();
    let own = feeder.clone();
    // Whatever goes wrong from here on, the objects are destroyed.
    let (unfinished, inner) = Inner::create(interp, shared, bucket, (coding, wanted), (own, mail))?;
    let finish = move |_: Interp, watch: Watch| {
        if !unfinished.object().is_alive() {
            return Err(destroyed());
        }
        inner.start(watch)?;
        Ok(unfinished.keep().name())
    };
    let observer = Box::new(feeder);
    let bucket = bucket.clone();
    let watch = async move {
        let filters = filters?;
        if let Some(ttl) = ttl {
            bucket.check_writable(ttl).await?;
        }
        bucket.watch(&filters, &options, observer).await
    };
    runtime::answer(|| watch, finish)
}

fn destroyed() -> Error {
    invalid_arg("The watcher was destroyed meanwhile")
}

impl Inner {
    /// Makes the watcher's object and the one of its consumer, linked to its array in the frame of the
    /// caller.
    fn create(
        interp: Interp,
        shared: &Shared,
        bucket: &Bucket,
        (coding, wanted): (Coding, Wanted),
        (feeder, mail): (Feeder<WatchItem, News>, Receiver<Mail<WatchItem, News>>),
    ) -> Result<(Unfinished, Rc<Inner>)> {
        let (consumer, view) = ordered_consumer::create_view(interp, shared)?;
        let reconciliation = wanted
            .reconcile
            .then(|| Reconciliation::new(KeySet::of(&wanted.patterns), coding.clone()));
        let (object, watcher) = Object::create(interp, |object| {
            shared.children.add(object)?;
            let inner = Rc::new(Inner {
                consumer: consumer.object().clone(),
                view,
                shape: EntryShape::new(bucket.name()),
                coding,
                operations: wanted.options.operations,
                array: RefCell::default(),
                two_way: RefCell::default(),
                timeout: shared.client.timeout(),
                reconciliation: RefCell::new(reconciliation),
                state_callback: wanted.state_callback,
                progress: Progress::new(),
                written: RefCell::default(),
                feed: Feed::new(&shared.core, object, wanted.callback, mail),
                writing: Rc::default(),
                watch: RefCell::default(),
            });
            Ok(KvWatcher { inner })
        })?;
        // The watcher destroys it from now on.
        consumer.keep();
        let unfinished = Unfinished::new(object);
        let inner = watcher.inner.clone();
        if let Some(name) = wanted.array {
            inner.link(interp, &name)?;
        }
        if let Some(options) = wanted.two_way {
            inner.trace(interp, (bucket, &wanted.patterns, feeder), options)?;
        }
        Ok((unfinished, inner))
    }

    /// Follows what the script changes of the array. Traces on it run meanwhile.
    fn trace(
        &self,
        interp: Interp,
        (bucket, patterns, feeder): (&Bucket, &[String], Feeder<WatchItem, News>),
        options: TwoWayOptions,
    ) -> Result<()> {
        let Some(array) = self.array.borrow().clone() else {
            return Ok(());
        };
        let parts = Parts {
            object: &self.feed.object,
            bucket,
            coding: &self.coding,
            patterns,
            operations: self.operations,
            array: &array,
            writing: &self.writing,
            feeder,
        };
        let two_way = TwoWay::begin(interp, parts, options);
        if !self.feed.object.is_alive() {
            return Err(destroyed());
        }
        self.two_way.replace(Some(two_way?));
        Ok(())
    }

    fn two_way(&self) -> Option<Rc<TwoWay>> {
        self.two_way.borrow().clone()
    }

    /// Traces on the array run meanwhile.
    fn link(&self, interp: Interp, name: &Obj) -> Result<()> {
        let array = WatchedArray::link(interp, &self.feed.object, name);
        if !self.feed.object.is_alive() {
            return Err(destroyed());
        }
        *self.array.borrow_mut() = Some(Rc::new(array?));
        Ok(())
    }

    /// The consumer exists: what it has delivered is handed over from the next event on.
    fn start(self: &Rc<Self>, watch: Watch) -> Result<()> {
        let watch = Rc::new(watch);
        watch.start();
        self.view.started(Source::Watcher(watch.clone()));
        *self.watch.borrow_mut() = Some(watch);
        fed::start(self)
    }
}

impl Fed for Inner {
    type Item = WatchItem;
    type Change = News;

    fn feed(&self) -> &Feed<WatchItem, News> {
        &self.feed
    }

    fn is_busy(&self) -> bool {
        self.writing.is_under_way()
    }

    fn take(&self, interp: &Preserved, item: WatchItem) {
        match item {
            WatchItem::Entry(entry) => self.hand_over(interp, &entry),
            WatchItem::EndOfData => {
                self.loaded(interp.get());
                self.end_of_data(interp);
            }
            WatchItem::Together(items) => self.hand_over_together(interp, items),
            WatchItem::State(state) => self.stands(interp, state, None),
            WatchItem::FlowControl(request) => answer_flow_control(request),
        }
    }

    fn changed(&self, news: News) {
        match news {
            News::Consumer(change) => self.consumer_changed(change),
            News::Wake => self.with_two_way(|two_way, interp| two_way.woken(interp)),
            News::Settled(settled) => {
                let (write, outcome) = *settled;
                self.with_two_way(|two_way, interp| two_way.settled(interp, &write, outcome));
            }
        }
    }

    fn go_on(&self, interp: &Preserved) -> bool {
        if self.feed.is_over() {
            self.written.take();
        }
        let next = self.written.borrow_mut().pop_front();
        match next {
            None => return false,
            Some(Written::Entry(entry, key, value)) => self.tell(interp, &entry, key, value),
            Some(Written::EndOfData) => self.end_of_data(interp),
            Some(Written::State(state)) => self.stands(interp, state, None),
        }
        true
    }

    fn drained(&self, hold: Hold) {
        self.view.hold(hold);
    }
}

impl Progress {
    fn new() -> Progress {
        Progress {
            state: Cell::new(WatchState::Starting),
            revision: Cell::default(),
            delivered: Cell::default(),
            recoveries: Cell::default(),
        }
    }

    fn add_entry(&self, revision: u64) {
        self.revision.set(revision);
        self.delivered.set(self.delivered.get() + 1);
    }

    fn add_recovery(&self) {
        self.recoveries.set(self.recoveries.get() + 1);
    }
}

impl Inner {
    fn consumer_changed(&self, change: Change) {
        let has_stopped = matches!(change, Change::Stopped);
        if let Change::Created { .. } = change {
            self.progress.add_recovery();
        }
        self.view.show(change);
        if !has_stopped {
            return;
        }
        let (_, reason) = self.view.name_and_error();
        if let Some(two_way) = self.two_way() {
            two_way.stop(
                &reason
                    .clone()
                    .unwrap_or_else(client::Error::connection_closed),
            );
        }
        if let Some(interp) = self.feed.object.interp() {
            self.stands(&interp, WatchState::Stopped, reason.as_ref());
        }
    }

    fn with_two_way(&self, act: impl FnOnce(&TwoWay, &Preserved)) {
        if let (Some(two_way), Some(interp)) = (self.two_way(), self.feed.object.interp()) {
            act(&two_way, &interp);
        }
    }
}

impl Inner {
    /// The array first, then the callback, for the same entry.
    fn hand_over(&self, preserved: &Preserved, entry: &Entry) {
        if let Some((key, value)) = self.decode(preserved.get(), entry) {
            self.write(preserved.get(), entry, &key, &value);
            self.tell(preserved, entry, key, value);
        }
    }

    /// The array first, for all of them, then the callback for each.
    fn hand_over_together(&self, preserved: &Preserved, items: Vec<WatchItem>) {
        for item in items {
            if !self.feed.object.is_alive() {
                return;
            }
            let written = match item {
                WatchItem::Entry(entry) => {
                    let Some((key, value)) = self.decode(preserved.get(), &entry) else {
                        continue;
                    };
                    self.write(preserved.get(), &entry, &key, &value);
                    Written::Entry(Box::new(entry), key, value)
                }
                WatchItem::EndOfData => {
                    self.loaded(preserved.get());
                    Written::EndOfData
                }
                WatchItem::State(state) => Written::State(state),
                // There is neither in a transaction.
                WatchItem::Together(_) | WatchItem::FlowControl(_) => continue,
            };
            self.written.borrow_mut().push_back(written);
        }
        while self.feed.object.is_alive() && self.go_on(preserved) {}
    }

    /// The key and the value as the script sees them. If they cannot be decoded that goes to the background.
    fn decode(&self, interp: Interp, entry: &Entry) -> Option<(Obj, Obj)> {
        let mut decoded = None;
        self.writing.run(interp, || {
            let key = self.coding.seen_key(interp, entry.key())?;
            decoded = Some((key, self.coding.seen_value(interp, entry)?));
            Ok(())
        });
        decoded
    }

    fn write(&self, interp: Interp, entry: &Entry, key: &Obj, value: &Obj) {
        if let Some(reconciliation) = &mut *self.reconciliation.borrow_mut() {
            reconciliation.saw(&key.text());
        }
        if let Some(two_way) = self.two_way() {
            return two_way.take_entry(interp, entry, key, value);
        }
        let array = self.array.borrow().clone();
        let Some(array) = array else {
            return;
        };
        self.writing.run(interp, || match entry.operation {
            Operation::Put => array.set(interp, key, value),
            _ => array.unset(interp, key),
        });
    }

    fn tell(&self, preserved: &Preserved, entry: &Entry, key: Obj, value: Obj) {
        if entry.is_of_former() && !self.operations.has(&entry.operation) {
            return;
        }
        self.progress.add_entry(entry.revision);
        // A trace on the array may have destroyed the watcher.
        if self.feed.has_callback() && self.feed.object.is_alive() {
            let entry = self.shape.entry(entry, key, value);
            self.feed.call(preserved, entry);
            if let Some(array) = &*self.array.borrow() {
                array.script_has_run();
            }
        }
    }

    /// Current data has been written.
    fn loaded(&self, interp: Interp) {
        self.reconcile(interp);
        if let Some(two_way) = self.two_way() {
            two_way.loaded();
        }
    }

    fn reconcile(&self, interp: Interp) {
        let reconciliation = self.reconciliation.take();
        let array = self.array.borrow().clone();
        let (Some(reconciliation), Some(array)) = (reconciliation, array) else {
            return;
        };
        let mut stale = Vec::new();
        self.writing.run(interp, || {
            stale = reconciliation.stale(interp, &array)?;
            Ok(())
        });
        match self.two_way() {
            Some(two_way) => two_way.remove_stale(interp, &stale),
            None => self.writing.run(interp, || {
                let mut outcome = Ok(());
                for name in stale {
                    outcome = outcome.and(array.unset(interp, &name));
                }
                outcome
            }),
        }
    }

    fn end_of_data(&self, interp: &Preserved) {
        if self.feed.object.is_alive() {
            self.feed.call(interp, Obj::empty());
        }
    }

    /// Tells a new state. What is `starting` has never been anything else for the callback.
    fn stands(&self, interp: &Preserved, state: WatchState, reason: Option<&client::Error>) {
        self.progress.state.set(state);
        if let Some(two_way) = self.two_way() {
            two_way.set_current(state == WatchState::Current);
        }
        let callback = self.state_callback.as_ref();
        let Some(callback) = callback.filter(|_| state != WatchState::Starting) else {
            return;
        };
        if self.feed.object.is_alive() {
            let info = shape::watch_info(self.progress.revision.get(), reason);
            interp.callback(callback, [word(state.as_str()), info]);
        }
    }

    /// Entries that the array has, and the callback does not.
    fn written_entries(&self) -> u64 {
        let written = self.written.borrow();
        let entries = written
            .iter()
            .filter(|part| matches!(part, Written::Entry(..)));
        entries.count() as u64
    }
}
