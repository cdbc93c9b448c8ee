//! Class `nats::ordered_consumer`, made by a method of `nats::jet_stream`.
//!
//! The same class is the inner consumer of a watcher, where it shows name, info and errors while the
//! watcher takes the messages. Public variables in the object's namespace: `last_error`, as that of a
//! connection, and `RetryInterval`, the time in ms between attempts to create a lost consumer again.

use super::connection::Core;
use super::fed::{self, Fed, Feed, Feeder};
use super::jet_stream::Shared;
use super::options::{pos_int, Options};
use super::{shape, variables};
use crate::client::connection::Hold;
use crate::client::error::Error;
use crate::client::jetstream::names;
use crate::client::jetstream::ordered::{
    Change, DeliverPolicy, FlowControl, Item, Observer, OrderedConfig, OrderedConsumer as Client,
};
use crate::client::kv::Watch;
use crate::errors::{invalid_arg, raise};
use crate::runtime;
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;
use tcl::class::Construct;
use tcl::interp::Preserved;
use tcl::object::Unfinished;
use tcl::{Call, Class, Interp, Method, Obj, Object, Outcome, Result};

/// The default of `-idle_heartbeat`.
pub const IDLE_HEARTBEAT: Duration = Duration::from_millis(5000);

/// The initial value of the variable `RetryInterval`.
const RETRY_INTERVAL_MS: u64 = 10_000;

/// The state of a `nats::ordered_consumer` object.
pub struct OrderedConsumer {
    view: Rc<View>,
    /// A watcher's consumer has none.
    reader: RefCell<Option<Rc<Reader>>>,
}

/// What the object shows of the client's consumer.
pub struct View {
    core: Rc<Core>,
    object: Object,
    source: RefCell<Option<Source>>,
    /// Of a connection that is drained, until the consumer has stopped.
    hold: RefCell<Option<Hold>>,
}

/// Whose consumer an object shows.
pub enum Source {
    Own(Client),
    Watcher(Rc<Watch>),
    ObjectWatcher(Rc<Client>),
}

impl Source {
    fn client(&self) -> &Client {
        match self {
            Source::Own(client) => client,
            Source::Watcher(watch) => watch.consumer(),
            Source::ObjectWatcher(consumer) => consumer,
        }
    }
}

/// Hands messages over to the callback.
struct Reader {
    view: Rc<View>,
    feed: Feed<Item, Change>,
}

impl Observer for Feeder<Item, Change> {
    fn deliver(&mut self, items: &mut Vec<Item>) {
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

impl View {
    /// The consumer exists on the server.
    pub fn started(&self, source: Source) {
        *self.source.borrow_mut() = Some(source);
    }

    /// The name on the server, as the method `name` gives it, and the last error.
    pub fn name_and_error(&self) -> (String, Option<Error>) {
        let source = self.source.borrow();
        let client = source.as_ref().map(Source::client);
        let name = client.map(Client::name).unwrap_or_default();
        (name, client.and_then(Client::last_error))
    }

    /// Keeps the connection from closing until the consumer has stopped.
    pub fn hold(&self, hold: Hold) {
        self.hold.replace(Some(hold));
    }

    /// Shows a change: `last_error` is written and logged. A reset reads `RetryInterval`.
    pub fn show(&self, change: Change) {
        if let Change::Stopped = change {
            self.hold.take();
        }
        let Some(interp) = self.object.interp() else {
            return;
        };
        self.read_retry_interval(interp.get());
        let Change::Error(error) = change else {
            return;
        };
        fed::show_error(&self.core, &self.object, "Ordered consumer", &error);
    }

    fn read_retry_interval(&self, interp: Interp) {
        let name = Obj::from(&*self.object.variable("RetryInterval"));
        let interval = interp.get_var(&name, None).as_ref().and_then(pos_int);
        if let (Some(interval), Some(source)) = (interval, &*self.source.borrow()) {
            let interval = Duration::from_millis(interval);
            source.client().set_retry_interval(interval);
        }
    }

    /// Forgets the client's consumer.
    fn release(&self) {
        let source = self.source.take();
        self.hold.take();
        // Unsubscribing needs the runtime.
        let _runtime = runtime::enter();
        match &source {
            Some(Source::Watcher(watch)) => watch.stop(),
            Some(Source::ObjectWatcher(consumer)) => consumer.stop(),
            Some(Source::Own(_)) | None => {}
        }
        drop(source);
    }
}

/// Answers a flow control request, now that everything before it was handed over.
pub fn answer_flow_control(request: FlowControl) {
    if let Ok(_runtime) = runtime::enter() {
        request.answer();
    }
}

impl Class for OrderedConsumer {
    const NAME: &'static str = "::nats::ordered_consumer";
    const METHODS: &'static [Method<Self>] = &[
        Method::new("info", "", 0..=0, info),
        Method::new("name", "", 0..=0, name),
    ];

    fn construct(_: &Construct) -> Result<Self> {
        Err(invalid_arg(
            "nats::ordered_consumer objects are made by the jet_stream method ordered_consumer",
        ))
    }

    /// Makes the public variables.
    fn constructed(&self, interp: Interp) -> Result<()> {
        let variables = [
            ("last_error", Obj::empty()),
            ("RetryInterval", Obj::from(RETRY_INTERVAL_MS)),
        ];
        variables
            .iter()
            .try_for_each(|(name, value)| variables::set(interp, &self.view.object, name, value))
    }

    fn released(&self) {
        if let Some(reader) = self.reader.take() {
            reader.feed.close();
        }
        self.view.release();
    }
}

/// `info` → the reply of the latest creation
fn info(call: &Call<OrderedConsumer>) -> Result<Outcome> {
    match &*call.this.view.source.borrow() {
        Some(source) => Outcome::value(shape::json_dict(&source.client().info())),
        None => Outcome::empty(),
    }
}

/// `name` → the name on the server; empty during a reset and after stopping
fn name(call: &Call<OrderedConsumer>) -> Result<Outcome> {
    match &*call.this.view.source.borrow() {
        Some(source) => Outcome::value(&*source.client().name()),
        None => Outcome::empty(),
    }
}

/// Makes the object of a consumer, and what shows a consumer in it.
///
/// # Errors
/// `ErrInvalidArg` if the `jet_stream` object was destroyed meanwhile.
pub fn create_view(interp: Interp, shared: &Shared) -> Result<(Unfinished, Rc<View>)> {
    let (object, consumer) = create_object(interp, shared)?;
    Ok((object, consumer.view.clone()))
}

fn create_object(interp: Interp, shared: &Shared) -> Result<(Unfinished, Rc<OrderedConsumer>)> {
    let (object, consumer) = Object::create(interp, |object| {
        shared.children.add(object)?;
        Ok(OrderedConsumer {
            view: Rc::new(View {
                core: shared.core.clone(),
                object: object.clone(),
                source: RefCell::default(),
                hold: RefCell::default(),
            }),
            reader: RefCell::default(),
        })
    })?;
    Ok((Unfinished::new(object), consumer))
}

/// `$js ordered_consumer stream ?-option value ...?` → object
///
/// # Errors
/// `ErrInvalidArg`, `ErrBadTimeout`; those of [`Client::create`].
pub fn create(shared: &Rc<Shared>, args: &[Obj]) -> Result<Outcome> {
    let stream = args[0].text().into_owned();
    names::check_stream(&stream).map_err(raise)?;
    let mut options = Options::parse_with_callback(&args[1..])?;
    let callback = options.callback("callback")?.unwrap_or_default();
    let config = OrderedConfig {
        stream,
        filter_subject: options.valid_str("filter_subject")?,
        filter_subjects: options.texts("filter_subjects")?,
        description: options.valid_str("description")?,
        headers_only: options.bool("headers_only")?,
        deliver_policy: deliver_policy(&mut options)?,
        opt_start_seq: options.pos_int("opt_start_seq")?,
        opt_start_time: options.valid_str("opt_start_time")?,
        idle_heartbeat: options.timeout("idle_heartbeat")?.unwrap_or(IDLE_HEARTBEAT),
        stream_created: None,
    };
    options.unlisted("post");
    options.end()?;
    let (feeder, mail) = fed::channel();
    let shared = shared.clone();
    let js = shared.client.clone();
    let future = async move { Client::create(&js, config, Box::new(feeder)).await };
    let finish = move |interp: Interp, client: Client| {
        let (object, consumer) = create_object(interp, &shared)?;
        let view = consumer.view.clone();
        client.start();
        view.started(Source::Own(client));
        let feed = Feed::new(&shared.core, object.object(), Some(callback), mail);
        let reader = Rc::new(Reader { view, feed });
        fed::start(&reader)?;
        consumer.reader.replace(Some(reader));
        Ok(object.keep().name())
    };
    runtime::answer(|| future, finish)
}

fn deliver_policy(options: &mut Options) -> Result<DeliverPolicy> {
    let words = DeliverPolicy::ALL.map(DeliverPolicy::as_str);
    let word = options.choice("deliver_policy", &words)?;
    Ok(word
        .and_then(|word| DeliverPolicy::from_word(&word))
        .unwrap_or(DeliverPolicy::All))
}

impl Fed for Reader {
    type Item = Item;
    type Change = Change;

    fn feed(&self) -> &Feed<Item, Change> {
        &self.feed
    }

    fn take(&self, interp: &Preserved, item: Item) {
        match item {
            Item::FlowControl(request) => answer_flow_control(request),
            Item::Message(delivery) => {
                let config = &self.feed.core.config;
                self.feed
                    .call(interp, config.delivered(&delivery.message, 0));
            }
            _ => {}
        }
    }

    fn changed(&self, change: Change) {
        self.view.show(change);
    }

    fn drained(&self, hold: Hold) {
        self.view.hold(hold);
    }
}
