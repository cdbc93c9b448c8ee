//! Class `nats::pull_consumer`, and the method of `nats::jet_stream` that makes one.
//!
//! Public variables in the object's namespace: `last_error`, as that of a connection, and `status`, which
//! is `running`, `draining` or `stopped`.

use super::connection::Core;
use super::errors::{invalid_arg, raise};
use super::jet_stream::{JetStream, Shared};
use super::last_error;
use super::options::Options;
use super::shape;
use crate::client::jetstream::names;
use crate::client::jetstream::pull::{
    Change, ConsumeConfig, Consumption, Limits, Observer, Priority,
};
use crate::client::message::Message;
use crate::runtime;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;
use tcl::class::Construct;
use tcl::event::{self, Receiver, Sender, Target, Ticket};
use tcl::{Call, Class, Interp, Method, Obj, Object, Outcome, Result};

// The defaults are those of ADR-37.
const BATCH_SIZE: u64 = 500;
/// With `-max_bytes`, where the number of messages hardly matters.
const BATCH_SIZE_OF_BYTES: u64 = 1_000_000;
const EXPIRES: Duration = Duration::from_secs(30);
const LONGEST_HEARTBEAT: Duration = Duration::from_secs(30);

/// The shortest `-idle_heartbeat`: below it, an ordinary delay would look like a failure.
const SHORTEST_HEARTBEAT: Duration = Duration::from_millis(100);

/// The state of a `nats::pull_consumer` object.
pub struct PullConsumer {
    inner: Rc<Inner>,
}

struct Inner {
    core: Rc<Core>,
    object: Object,
    /// The consumer's name.
    name: String,
    callback: Vec<Obj>,
    client: Consumption,
    mail: Receiver<Mail>,
    status: Cell<Status>,
    ticket: RefCell<Option<Ticket>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Status {
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

enum Mail {
    Message(Message),
    Change(Change),
}

struct ToMail(Sender<Mail>);

impl Observer for ToMail {
    fn deliver(&self, messages: &mut Vec<Message>) {
        self.0.send_all(messages.drain(..).map(Mail::Message));
    }

    fn changed(&self, change: Change) {
        self.0.send(Mail::Change(change));
    }
}

impl Class for PullConsumer {
    const NAME: &'static str = "::nats::pull_consumer";
    const METHODS: &'static [Method<Self>] = &[
        Method::new("info", "", 0..=0, info),
        Method::new("name", "", 0..=0, name),
        Method::new("drain", "", 0..=0, drain),
        Method::new("stop", "", 0..=0, stop),
    ];

    fn construct(_: &Construct) -> Result<Self> {
        Err(invalid_arg(
            "nats::pull_consumer objects are made by the jet_stream method pull_consumer",
        ))
    }

    fn released(&self) {
        self.inner.status.set(Status::Stopped);
        self.inner.release();
    }
}

/// `info` → what the server last said about the consumer
fn info(call: &Call<PullConsumer>) -> Result<Outcome> {
    Outcome::value(shape::json_dict(&call.this.inner.client.info()))
}

/// `name` → the consumer's name; empty after the end
fn name(call: &Call<PullConsumer>) -> Result<Outcome> {
    match call.this.inner.status.get() {
        Status::Stopped => Outcome::empty(),
        _ => Outcome::value(&*call.this.inner.name),
    }
}

/// `drain`: nothing more is asked for; what has come is delivered, then it stops
fn drain(call: &Call<PullConsumer>) -> Result<Outcome> {
    let inner = &call.this.inner;
    if inner.status.get() == Status::Running {
        let _runtime = runtime::enter()?;
        inner.client.drain();
        inner.show_status(call.interp, Status::Draining)?;
    }
    Outcome::empty()
}

/// `stop`: nothing more is delivered
fn stop(call: &Call<PullConsumer>) -> Result<Outcome> {
    let inner = &call.this.inner;
    if inner.status.get() != Status::Stopped {
        inner.release();
        inner.show_status(call.interp, Status::Stopped)?;
    }
    Outcome::empty()
}

impl Inner {
    /// Ends it, and forgets what waits.
    fn release(&self) {
        // Unsubscribing needs the runtime.
        let _runtime = runtime::enter();
        self.client.stop();
        self.mail.clear();
        let ticket = self.ticket.take();
        drop(ticket);
    }

    fn show_status(&self, interp: Interp, status: Status) -> Result<()> {
        self.status.set(status);
        let name = Obj::from(&*self.object.variable("status"));
        interp.set_var(&name, None, &event::word(status.word()))
    }

    fn show(&self, change: Change) {
        let Some(interp) = self.object.interp() else {
            return;
        };
        match change {
            Change::Error(error) => {
                last_error::show(&self.core, &self.object, "Pull consumer", &error)
            }
            Change::Ended => {
                if let Err(error) = self.show_status(*interp, Status::Stopped) {
                    interp.background_error(error);
                }
            }
        }
    }

    fn hand_over(&self, message: &Message) {
        if let Some(interp) = self.object.interp() {
            let body = self.core.body(message, 0, true);
            interp.callback(&self.callback, [body]);
        }
        // The callback may have ended it, or the interpreter.
        if self.status.get() == Status::Running {
            if let Ok(_runtime) = runtime::enter() {
                self.client.handled(message.length);
            }
        }
    }
}

impl Target for Inner {
    fn step(self: Rc<Self>) -> bool {
        let Some(mail) = self.mail.pop() else {
            return false;
        };
        match mail {
            Mail::Message(message) => self.hand_over(&message),
            Mail::Change(change) => self.show(change),
        }
        true
    }
}

/// `$js pull_consumer stream consumer -callback cmd ?-option value ...?` → object
pub fn pull_consumer(call: &Call<JetStream>) -> Result<Outcome> {
    let shared: Rc<Shared> = call.this.shared.clone();
    let (config, callback) = settings(call.args)?;
    let name = config.consumer.clone();
    let (sender, mail) = event::channel();
    let js = shared.client.clone();
    let future = async move { Consumption::create(&js, config, Box::new(ToMail(sender))).await };
    let parent = call.object.clone();
    let finish = move |interp, client: Consumption| {
        if !parent.is_alive() {
            return Err(invalid_arg("The jet_stream object was destroyed meanwhile"));
        }
        let mut made = None;
        let object = Object::create(interp, |object| {
            let (inner, ticket) = event::register(|notifier| {
                mail.attach(notifier);
                Rc::new(Inner {
                    core: shared.core.clone(),
                    object,
                    name,
                    callback,
                    client,
                    mail,
                    status: Cell::new(Status::Running),
                    ticket: RefCell::default(),
                })
            });
            *inner.ticket.borrow_mut() = Some(ticket);
            made = Some(inner.clone());
            Ok(PullConsumer { inner })
        })?;
        shared.children.add(&object);
        let variables = [
            ("last_error", Obj::empty()),
            ("status", event::word(Status::Running.word())),
        ];
        for (name, value) in variables {
            interp.set_var(&Obj::from(&*object.variable(name)), None, &value)?;
        }
        let _runtime = runtime::enter()?;
        if let Some(inner) = made {
            inner.client.start();
        }
        Ok(object.name())
    };
    runtime::answer(|| future, finish)
}

/// The arguments, checked as far as that needs no server.
fn settings(args: &[Obj]) -> Result<(ConsumeConfig, Vec<Obj>)> {
    let (stream, consumer) = (args[0].text().into_owned(), args[1].text().into_owned());
    names::check_stream(&stream).map_err(raise)?;
    names::check_consumer(&consumer).map_err(raise)?;
    let mut options = Options::parse(&args[2..])?;
    let callback = options.callback("callback")?;
    let limits = limits(&mut options)?;
    let expires = options.timeout("expires")?.unwrap_or(EXPIRES);
    let idle_heartbeat = options
        .timeout("idle_heartbeat")?
        .unwrap_or_else(|| (expires / 2).min(LONGEST_HEARTBEAT));
    let priority = Priority {
        group: options.valid_str("group")?,
        min_pending: options.pos_int("min_pending")?,
        min_ack_pending: options.pos_int("min_ack_pending")?,
        priority: options.pos_int("priority")?,
    };
    options.end()?;
    let callback = callback.ok_or_else(|| invalid_arg("Option callback is required"))?;
    if idle_heartbeat < SHORTEST_HEARTBEAT {
        return Err(invalid_arg("-idle_heartbeat must be at least 100"));
    }
    if idle_heartbeat > expires / 2 {
        return Err(invalid_arg(
            "-idle_heartbeat must be at most half of -expires",
        ));
    }
    let config = ConsumeConfig {
        stream,
        consumer,
        limits,
        expires,
        idle_heartbeat,
        priority,
    };
    Ok((config, callback))
}

fn limits(options: &mut Options) -> Result<Limits> {
    let max_bytes = options.pos_int("max_bytes")?;
    let usual = match max_bytes {
        None => BATCH_SIZE,
        Some(_) => BATCH_SIZE_OF_BYTES,
    };
    let batch = options.pos_int("batch_size")?.unwrap_or(usual);
    let threshold = options.pos_int("threshold")?;
    if batch == 0 || max_bytes == Some(0) {
        return Err(invalid_arg("-batch_size and -max_bytes must not be 0"));
    }
    let threshold = threshold.unwrap_or_else(|| batch.div_ceil(2));
    if threshold == 0 || threshold > batch {
        return Err(invalid_arg("-threshold must be from 1 to -batch_size"));
    }
    Ok(Limits {
        batch,
        threshold,
        max_bytes,
    })
}
