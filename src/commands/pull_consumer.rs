//! Class `nats::pull_consumer`, made by a method of `nats::jet_stream`.
//!
//! Public variables in the object's namespace: `last_error`, as that of a connection, and `status`, which
//! is `running`, `draining` or `stopped`.

use super::fed::{self, Fed, Feed, Feeder};
use super::jet_stream::Shared;
use super::options::Options;
use super::run_status::{RunStatus, Status};
use super::{shape, variables};
use crate::client::connection::Hold;
use crate::client::jetstream::names;
use crate::client::jetstream::pull::{
    Change, ConsumeConfig, Consumption, Limits, Observer, Priority,
};
use crate::client::message::Delivered;
use crate::errors::{invalid_arg, raise};
use crate::runtime;
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;
use tcl::class::Construct;
use tcl::interp::Preserved;
use tcl::object::Unfinished;
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
    /// The consumer's name.
    name: String,
    client: Consumption,
    feed: Feed<Delivered, Change>,
    status: RunStatus,
    /// Of a connection that is drained, until nothing more comes.
    hold: RefCell<Option<Hold>>,
}

impl Observer for Feeder<Delivered, Change> {
    fn deliver(&self, messages: Vec<Delivered>) {
        self.items(messages);
    }

    fn changed(&self, change: Change) {
        self.change(change);
    }

    fn drained(&self, hold: &Hold) {
        self.hold(hold);
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

    /// Makes the public variables.
    fn constructed(&self, interp: Interp) -> Result<()> {
        let object = &self.inner.feed.object;
        variables::set(interp, object, "last_error", &Obj::empty())?;
        let status = &self.inner.status;
        status.show(interp, object, status.get())
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
        inner
            .status
            .show(call.interp, &call.object, Status::Draining)?;
    }
    Outcome::empty()
}

/// `stop`: nothing more is delivered
fn stop(call: &Call<PullConsumer>) -> Result<Outcome> {
    let inner = &call.this.inner;
    if inner.status.get() != Status::Stopped {
        inner.release();
        inner
            .status
            .show(call.interp, &call.object, Status::Stopped)?;
    }
    Outcome::empty()
}

impl Inner {
    /// Ends it, and forgets what waits.
    fn release(&self) {
        // Unsubscribing needs the runtime.
        let _runtime = runtime::enter();
        self.client.stop();
        self.feed.close();
        self.hold.take();
    }
}

impl Fed for Inner {
    type Item = Delivered;
    type Change = Change;

    fn feed(&self) -> &Feed<Delivered, Change> {
        &self.feed
    }

    fn take(&self, interp: &Preserved, message: Delivered) {
        let body = self.feed.core.config.delivered(&message, 0);
        self.feed.call(interp, body);
        // The callback may have ended it, or the interpreter.
        if self.status.get() == Status::Running {
            if let Ok(_runtime) = runtime::enter() {
                self.client.handled(message.length);
            }
        }
    }

    fn changed(&self, change: Change) {
        match change {
            Change::Error(error) => {
                let Feed { core, object, .. } = &self.feed;
                fed::show_error(core, object, "Pull consumer", &error);
            }
            Change::Ended => {
                self.hold.take();
                self.status
                    .show_in_background(&self.feed.object, Status::Stopped);
            }
        }
    }

    fn drained(&self, hold: Hold) {
        self.hold.replace(Some(hold));
        if self.status.get() == Status::Running {
            self.status
                .show_in_background(&self.feed.object, Status::Draining);
        }
    }
}

/// `$js pull_consumer stream consumer -callback cmd ?-option value ...?` → object
///
/// # Errors
/// `ErrInvalidArg`, `ErrBadTimeout`; those of [`Consumption::create`].
pub fn create(shared: &Rc<Shared>, args: &[Obj]) -> Result<Outcome> {
    let (config, callback) = settings(args)?;
    let name = config.consumer.clone();
    let (feeder, mail) = fed::channel();
    let shared = shared.clone();
    let js = shared.client.clone();
    let future = async move { Consumption::create(&js, config, Box::new(feeder)).await };
    let finish = move |interp: Interp, client: Consumption| {
        let (object, consumer) = Object::create(interp, |object| {
            shared.children.add(object)?;
            let inner = Rc::new(Inner {
                name,
                client,
                feed: Feed::new(&shared.core, object, Some(callback), mail),
                status: RunStatus::running(),
                hold: RefCell::default(),
            });
            Ok(PullConsumer { inner })
        })?;
        let unfinished = Unfinished::new(object);
        let _runtime = runtime::enter()?;
        fed::start(&consumer.inner)?;
        consumer.inner.client.start();
        Ok(unfinished.keep().name())
    };
    runtime::answer(|| future, finish)
}

/// The arguments, checked as far as that needs no server.
fn settings(args: &[Obj]) -> Result<(ConsumeConfig, Vec<Obj>)> {
    let (stream, consumer) = (args[0].text().into_owned(), args[1].text().into_owned());
    names::check_stream(&stream).map_err(raise)?;
    names::check_consumer(&consumer).map_err(raise)?;
    let mut options = Options::parse_with_callback(&args[2..])?;
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
