//! Class `nats::connection` and its methods: arguments in, client called, values out.

use super::config;
use super::core::{Connection, This};
use super::deliveries::Subscription;
use super::opening::{connect, make, options_of_new};
use super::requests::{cancel_request, request, request_msg};
use crate::client::connection::Status;
use crate::client::error::{Code, Error, Result as ClientResult};
use crate::client::subject;
use crate::commands::jet_stream;
use crate::commands::options::{listed, pos_int, Options};
use crate::commands::outgoing::{self, headers, Fields};
use crate::commands::{service, shape};
use crate::errors::{invalid_arg, raise};
use crate::runtime;
use futures_util::FutureExt;
use std::time::Duration;
use tcl::class::{Construct, Usage};
use tcl::event::word;
use tcl::interp::Scope;
use tcl::{Class, Interp, Method, Obj, Outcome, Result};

const MANY: usize = usize::MAX;

/// How long `drain` may take by default.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(30);

/// The options of `request`.
const REQUEST: &str =
    "-timeout ms -callback cmdPrefix -dictmsg bool -service bool -max_msgs int -stall ms \
    -sentinel empty|cmdPrefix -header dict -check_subj bool";

/// The options of `service`.
const SERVICE: &str = "-version version -description text -metadata dict -queue_group group -stats_handler cmdPrefix \
    -api_prefix prefix";

#[rustfmt::skip]
const TABLE: &[Method<Connection>] = &[
    Method::new("cget", "option", 1..=1, cget),
    Method::new("configure", "?option? ?value option value ...?", 0..=MANY, configure).options(config::options),
    Method::new("reset", "?option ...?", 0..=MANY, reset),
    Method::new("connect", "?-async?", 0..=MANY, connect),
    Method::new("disconnect", "", 0..=0, disconnect),
    Method::new("drain", "?-timeout ms?", 0..=MANY, drain),
    Method::new("publish", "subject message ?reply? ?-option value ...?", 2..=MANY, publish)
        .options(|| listed("-reply subject -header dict -check_subj bool -wait bool")),
    Method::new("publish_msg", "msg", 1..=1, publish_msg),
    Method::new("subscribe", "subject ?-option value ...?", 1..=MANY, subscribe)
        .options(|| listed("-callback cmdPrefix -queue name -max_msgs int -dictmsg bool -post bool")),
    Method::new("unsubscribe", "subID ?-option value ...?", 1..=MANY, unsubscribe)
        .options(|| listed("-max_msgs int -drain bool")),
    Method::new("request", "subject message ?-option value ...?", 2..=MANY, request).options(|| listed(REQUEST)),
    Method::new("request_msg", "msg ?-option value ...?", 1..=MANY, request_msg)
        .options(|| listed("-timeout ms -callback cmdPrefix -dictmsg bool -service bool")),
    Method::new("cancel_request", "reqID", 1..=1, cancel_request),
    Method::new("ping", "?-timeout ms?", 0..=MANY, ping),
    Method::new("rtt", "?-timeout ms?", 0..=MANY, rtt),
    Method::new("statistics", "?-reset bool?", 0..=MANY, statistics),
    Method::new("reconnect", "", 0..=0, reconnect),
    Method::new("inbox", "", 0..=0, inbox),
    Method::new("current_server", "", 0..=0, current_server),
    Method::new("all_servers", "", 0..=0, all_servers),
    Method::new("server_info", "", 0..=0, server_info),
    Method::new("jet_stream", "?-option value ...?", 0..=MANY, |call: &This| {
        jet_stream::create(call.interp, &call.this.core, call.args)
    }).options(|| listed("-timeout ms -domain name -api_prefix prefix -trace bool")),
    Method::new("service", "name ?-option value ...?", 1..=MANY, |call: &This| {
        service::create(call.interp, &call.this.core, call.args)
    }).options(|| listed(SERVICE)),
    Method::new("services", "ping|info|stats ?name? ?id? ?-option value ...?", 1..=MANY, |call: &This| {
        service::discover(&call.this.core, call.args)
    }).options(|| listed("-timeout ms -stall ms -max_msgs int -api_prefix prefix -callback cmdPrefix")),
];

impl Class for Connection {
    const NAME: &'static str = "::nats::connection";
    const METHODS: &'static [Method<Self>] = TABLE;

    const CONSTRUCTOR: Option<Usage> = Some(Usage {
        name: "new",
        usage: "?name? ?-option value ...?",
        options: options_of_new,
    });

    /// `new ?conn_name? ?-logger logger? ?-log_chan channel? ?-log_level level?`
    fn construct(call: &Construct) -> Result<Self> {
        match call.args.split_first() {
            Some((name, words)) => make(&call.object, name.text().into_owned(), words),
            None => make(&call.object, String::new(), &[]),
        }
    }

    /// Makes the public variables.
    fn constructed(&self, interp: Interp) -> Result<()> {
        let core = &self.core;
        core.set("status", &word(Status::Closed.as_str()))?;
        core.set("last_error", &Obj::empty())?;
        let info = Obj::from(&*core.object.variable("serverInfo"));
        let words = [word("::array"), word("set"), info, Obj::empty()];
        interp.call(&words, Scope::Global).map(drop)
    }

    fn destroyed(&self, _interp: Interp) {
        self.core.log_ends();
        self.core.disconnect_for_good();
        self.core.children.destroy_all();
    }

    fn failing(&self, _: Interp) {
        self.core.show_end();
    }

    fn released(&self) {
        self.core.release();
    }
}

fn cget(call: &This) -> Result<Outcome> {
    let core = &call.this.core;
    Outcome::value(core.config.cget(core.status.get(), &call.args[0])?)
}

fn configure(call: &This) -> Result<Outcome> {
    let core = &call.this.core;
    match call.args {
        [] => Outcome::value(core.config.all()),
        [option] => Outcome::value(core.config.cget(core.status.get(), option)?),
        words => {
            core.config.configure(&core.client, words)?;
            Outcome::empty()
        }
    }
}

fn reset(call: &This) -> Result<Outcome> {
    let core = &call.this.core;
    core.config.reset(&core.client, call.args)?;
    Outcome::empty()
}

fn disconnect(call: &This) -> Result<Outcome> {
    let _runtime = runtime::enter()?;
    let core = &call.this.core;
    let flushed = core.disconnect();
    let flushed = async move {
        flushed.await;
        Ok(())
    };
    runtime::answer(|| flushed, |_, ()| Ok(Obj::empty()))
}

/// `drain ?-timeout ms?`: closes when nothing is left to be done
fn drain(call: &This) -> Result<Outcome> {
    let mut options = Options::parse(call.args)?;
    let limit = options.timeout("timeout")?.unwrap_or(DRAIN_TIMEOUT);
    options.end()?;
    let _runtime = runtime::enter()?;
    let core = call.this.core.clone();
    let Some(drain) = core.client.drain(limit) else {
        return disconnect(call);
    };
    if let Some(hold) = drain.hold {
        core.deliveries.hold(&hold);
        core.show_events_up_to(Status::Draining);
    }
    runtime::answer(
        || drain.closed.map(Ok),
        move |_, outcome: ClientResult<()>| {
            core.ended();
            outcome.map_err(raise)?;
            Ok(Obj::empty())
        },
    )
}

fn publish(call: &This) -> Result<Outcome> {
    let (words, rest) = call.args.split_at(2);
    let (reply, headers, check, wait) = match rest {
        [reply] => (Some(reply.text().into_owned()), None, true, None),
        words => {
            let mut options = Options::parse(words)?;
            let reply = options.str("reply");
            let headers = headers(options.dict("header")?)?;
            let check = options.bool("check_subj")?.unwrap_or(true);
            let wait = options.bool("wait")?;
            options.end()?;
            (reply, headers, check, wait)
        }
    };
    let _runtime = runtime::enter()?;
    let core = &call.this.core;
    let publish = outgoing::message(core, (&words[0], &words[1]), headers, reply, check)?;
    outgoing::send(core, call.interp, publish, wait)
}

fn publish_msg(call: &This) -> Result<Outcome> {
    let _runtime = runtime::enter()?;
    let msg = Fields::of(&call.args[0])?;
    let headers = headers(msg.header.to_dict())?;
    let reply = Some(msg.reply.text().into_owned());
    let core = &call.this.core;
    let publish = outgoing::message(core, (&msg.subject, &msg.data), headers, reply, true)?;
    outgoing::send(core, call.interp, publish, None)
}

fn subscribe(call: &This) -> Result<Outcome> {
    let core = &call.this.core;
    core.client.check_accepting().map_err(raise)?;
    let subject = call.args[0].text();
    let mut options = Options::parse_with_callback(&call.args[1..])?;
    let callback = options.callback("callback")?.unwrap_or_default();
    let queue = options.valid_str("queue")?;
    let max_msgs = options.pos_int("max_msgs")?.unwrap_or(0);
    let dictmsg = options.bool("dictmsg")?;
    options.bool("post")?;
    options.end()?;
    subject::check_subscribe(&subject, core.config.check_subjects.get()).map_err(raise)?;
    if let Some(queue) = &queue {
        subject::check_queue(queue, core.config.check_subjects.get()).map_err(raise)?;
    }
    let _runtime = runtime::enter()?;
    let deliver = core.deliveries.deliver();
    let id = core
        .client
        .subscribe(&subject, queue.as_deref(), max_msgs, deliver)
        .map_err(raise)?;
    let dictmsg = dictmsg.unwrap_or_else(|| core.config.dictmsg.get());
    core.deliveries
        .subscribed(id, Subscription::new(callback, dictmsg, max_msgs));
    Outcome::value(id)
}

fn unsubscribe(call: &This) -> Result<Outcome> {
    let core = &call.this.core;
    core.client.check_open().map_err(raise)?;
    let mut options = Options::parse(&call.args[1..])?;
    let max_msgs = options.pos_int("max_msgs")?;
    let drain = options.bool("drain")?.unwrap_or(false);
    options.end()?;
    if drain && max_msgs.is_some() {
        return Err(invalid_arg("-drain and -max_msgs are mutually exclusive"));
    }
    let word = &call.args[0];
    // Numbers of the package's own subscriptions, for replies and consumers, are not the script's to end.
    let id = pos_int(word).filter(|id| core.deliveries.has_subscribed(*id));
    let id = id.ok_or_else(|| {
        raise(Error::new(
            Code::BadSubscription,
            format!("Invalid subscription ID {}", word.text()),
        ))
    })?;
    let _runtime = runtime::enter()?;
    if drain {
        core.client.drain_subscription(id);
        return Outcome::empty();
    }
    let max_msgs = max_msgs.unwrap_or(0);
    let had = core.deliveries.limit(id, max_msgs);
    // The client may have received all that was wanted while some of it still waits for the script.
    let ended = core.client.unsubscribe(id, if had { 0 } else { max_msgs });
    if ended.unwrap_or(true) && !had {
        core.deliveries.ended(id);
    }
    Outcome::empty()
}

fn ping(call: &This) -> Result<Outcome> {
    let timeout = ping_timeout(call)?;
    let client = &call.this.core.client;
    runtime::answer(|| client.ping(timeout), |_, ()| Ok(shape::boolean(true)))
}

/// `rtt ?-timeout ms?` → ms, with a fraction
fn rtt(call: &This) -> Result<Outcome> {
    let timeout = ping_timeout(call)?;
    let client = &call.this.core.client;
    runtime::answer(
        || client.rtt(timeout),
        |_, time| Ok(Obj::from(&*format!("{:.3}", time.as_secs_f64() * 1000.0))),
    )
}

/// The option of `ping` and `rtt`, once it is known that the server can be asked.
fn ping_timeout(call: &This) -> Result<Duration> {
    let mut options = Options::parse(call.args)?;
    let timeout = options
        .timeout("timeout")?
        .unwrap_or(Duration::from_secs(10));
    options.end()?;
    let core = &call.this.core;
    // What counts is the status the script has seen; the network may be ahead of it.
    if !matches!(core.status.get(), Status::Connected | Status::Draining) {
        return Err(raise(Error::new(
            Code::ConnectionClosed,
            "No connection to NATS server",
        )));
    }
    Ok(timeout)
}

/// `statistics ?-reset bool?` → dict
fn statistics(call: &This) -> Result<Outcome> {
    let mut options = Options::parse(call.args)?;
    let reset = options.bool("reset")?.unwrap_or(false);
    options.end()?;
    let traffic = call.this.core.client.traffic(reset);
    Outcome::value(shape::traffic(&traffic))
}

/// `reconnect`: as after a break
fn reconnect(call: &This) -> Result<Outcome> {
    let _runtime = runtime::enter()?;
    call.this.core.client.reconnect().map_err(raise)?;
    Outcome::empty()
}

fn inbox(call: &This) -> Result<Outcome> {
    Outcome::value(&*call.this.core.client.new_inbox())
}

fn current_server(call: &This) -> Result<Outcome> {
    let (host, port) = call.this.core.client.current_server().map_err(raise)?;
    Outcome::value(Obj::list([Obj::from(&*host), Obj::from(u64::from(port))]))
}

fn all_servers(call: &This) -> Result<Outcome> {
    let servers = call.this.core.client.all_servers();
    Outcome::value(Obj::list(servers.iter().map(shape::server)))
}

fn server_info(call: &This) -> Result<Outcome> {
    let Some(info) = call.this.core.client.server_info() else {
        return Outcome::empty();
    };
    let fields = shape::server_info(&info);
    let keys: Vec<Obj> = fields.iter().map(|(name, _)| Obj::from(&**name)).collect();
    let values = fields.into_iter().map(|(_, value)| value);
    Outcome::value(Obj::dict(keys.iter().zip(values)))
}
