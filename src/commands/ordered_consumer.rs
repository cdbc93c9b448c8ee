//! Class `nats::ordered_consumer`, and the method of `nats::jet_stream` that makes one.
//!
//! The same class is the inner consumer of a watcher, where it shows name, info and errors while the
//! watcher takes the messages. Public variables in the object's namespace: `last_error`, as that of a
//! connection, and `RetryInterval`, the time in ms between attempts to create a lost consumer again.

use super::connection::Core;
use super::errors::{invalid_arg, raise};
use super::jet_stream::{JetStream, Shared};
use super::last_error;
use super::options::{pos_int, Options};
use super::shape;
use crate::client::jetstream::names;
use crate::client::jetstream::ordered::{
    Change, DeliverPolicy, FlowControl, Item, Observer, OrderedConfig, OrderedConsumer as Client,
};
use crate::client::kv::Watch;
use crate::runtime;
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;
use tcl::class::Construct;
use tcl::event::{self, Receiver, Sender, Target, Ticket};
use tcl::{Call, Class, Interp, Method, Obj, Object, Outcome, Result};

/// The default of `-idle_heartbeat`.
pub const IDLE_HEARTBEAT: Duration = Duration::from_millis(5000);

/// The initial value of the variable `RetryInterval`.
const RETRY_INTERVAL_MS: u64 = 10_000;

/// The state of a `nats::ordered_consumer` object.
pub struct OrderedConsumer {
    view: Rc<View>,
    /// The queue of messages; a watcher's consumer has none.
    feed: RefCell<Option<Rc<Feed>>>,
}

/// What the object shows of the client's consumer.
pub struct View {
    core: Rc<Core>,
    object: Object,
    source: RefCell<Option<Source>>,
}

/// Whose consumer an object shows.
pub enum Source {
    Own(Client),
    Watcher(Rc<Watch>),
}

impl Source {
    fn client(&self) -> &Client {
        match self {
            Source::Own(client) => client,
            Source::Watcher(watch) => watch.consumer(),
        }
    }
}

/// Messages on their way to the callback.
struct Feed {
    view: Rc<View>,
    callback: Vec<Obj>,
    mail: Receiver<Mail>,
    ticket: RefCell<Option<Ticket>>,
}

enum Mail {
    Item(Item),
    Change(Change),
}

struct ToFeed(Sender<Mail>);

impl Observer for ToFeed {
    fn deliver(&mut self, items: &mut Vec<Item>) {
        self.0.send_all(items.drain(..).map(Mail::Item));
    }

    fn changed(&mut self, change: Change) {
        self.0.send(Mail::Change(change));
    }
}

impl View {
    /// Makes the object of a consumer that is about to be created.
    pub fn create(interp: Interp, core: &Rc<Core>) -> Result<(Object, Rc<View>)> {
        let mut made = None;
        let object = Object::create(interp, |object| {
            let view = Rc::new(View {
                core: core.clone(),
                object,
                source: RefCell::default(),
            });
            made = Some(view.clone());
            Ok(OrderedConsumer {
                view,
                feed: RefCell::default(),
            })
        })?;
        let view = made.ok_or_else(|| invalid_arg("no object was made"))?;
        let variables = [
            ("last_error", Obj::empty()),
            ("RetryInterval", Obj::from(RETRY_INTERVAL_MS)),
        ];
        for (name, value) in variables {
            interp.set_var(&Obj::from(&*object.variable(name)), None, &value)?;
        }
        Ok((object, view))
    }

    /// The consumer exists on the server.
    pub fn started(&self, source: Source) {
        *self.source.borrow_mut() = Some(source);
    }

    /// Shows a change: `last_error` is written and logged. A reset reads `RetryInterval`.
    pub fn show(&self, change: Change) {
        let Some(interp) = self.object.interp() else {
            return;
        };
        self.read_retry_interval(*interp);
        let Change::Error(error) = change else {
            return;
        };
        last_error::show(&self.core, &self.object, "Ordered consumer", &error);
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
        // Unsubscribing needs the runtime.
        let _runtime = runtime::enter();
        if let Some(Source::Watcher(watch)) = &source {
            watch.stop();
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

    fn released(&self) {
        if let Some(feed) = self.feed.take() {
            feed.mail.clear();
            let ticket = feed.ticket.take();
            drop(ticket);
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

/// `$js ordered_consumer stream ?-option value ...?` → object
pub fn ordered_consumer(call: &Call<JetStream>) -> Result<Outcome> {
    let shared: Rc<Shared> = call.this.shared.clone();
    let stream = call.args[0].text().into_owned();
    names::check_stream(&stream).map_err(raise)?;
    let mut options = Options::parse(&call.args[1..])?;
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
    options.bool("post")?;
    options.end()?;
    let (sender, mail) = event::channel();
    let js = shared.client.clone();
    let observer = Box::new(ToFeed(sender));
    let future = async move { Client::create(&js, config, observer).await };
    let parent = call.object.clone();
    let finish = move |interp, client: Client| {
        if !parent.is_alive() {
            return Err(invalid_arg("The jet_stream object was destroyed meanwhile"));
        }
        let (object, view) = View::create(interp, &shared.core)?;
        client.start();
        view.started(Source::Own(client));
        shared.children.add(&object);
        let (feed, ticket) = event::register(|notifier| {
            mail.attach(notifier);
            Rc::new(Feed {
                view,
                callback,
                mail,
                ticket: RefCell::default(),
            })
        });
        *feed.ticket.borrow_mut() = Some(ticket);
        if let Some(state) = tcl::class::state_of::<OrderedConsumer>(interp, &object.name()) {
            *state.feed.borrow_mut() = Some(feed);
        }
        Ok(object.name())
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

impl Target for Feed {
    fn step(self: Rc<Self>) -> bool {
        let Some(mail) = self.mail.pop() else {
            return false;
        };
        match mail {
            Mail::Change(change) => self.view.show(change),
            Mail::Item(Item::FlowControl(request)) => answer_flow_control(request),
            Mail::Item(Item::Message(delivery)) => {
                if let Some(interp) = self.view.object.interp() {
                    let body = self.view.core.body(&delivery.message, 0, true);
                    interp.callback(&self.callback, [body]);
                }
            }
            Mail::Item(_) => {}
        }
        true
    }
}
