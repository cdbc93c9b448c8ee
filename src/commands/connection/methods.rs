//! The methods of `nats::connection`: arguments in, client called, values out.

use super::config::unknown_flags;
use super::inbox::Subscription;
use super::requests::{cancel_request, request, request_msg};
use super::Connection;
use crate::client::connection::Status;
use crate::client::error::{Code, Error};
use crate::client::jetstream::{domain_prefix, JetStream as JetStreamClient, DEFAULT_PREFIX};
use crate::client::subject;
use crate::commands::errors::{invalid_arg, raise};
use crate::commands::jet_stream::JetStream;
use crate::commands::options::Options;
use crate::commands::outgoing::{self, headers, Fields};
use crate::commands::shape;
use crate::runtime;
use std::time::Duration;
use tcl::{Call, Method, Obj, Outcome, Result};

pub(super) type This<'a> = Call<'a, Connection>;

const MANY: usize = usize::MAX;

#[rustfmt::skip]
pub const TABLE: &[Method<Connection>] = &[
    Method::new("cget", "option", 1..=1, cget),
    Method::new("configure", "?option? ?value option value ...?", 0..=MANY, configure),
    Method::new("reset", "?option ...?", 0..=MANY, reset),
    Method::new("connect", "?-async?", 0..=MANY, connect),
    Method::new("disconnect", "", 0..=0, disconnect),
    Method::new("publish", "subject message ?reply? ?-option value ...?", 2..=MANY, publish),
    Method::new("publish_msg", "msg", 1..=1, publish_msg),
    Method::new("subscribe", "subject ?-option value ...?", 1..=MANY, subscribe),
    Method::new("unsubscribe", "subID ?-max_msgs int?", 1..=MANY, unsubscribe),
    Method::new("request", "subject message ?-option value ...?", 2..=MANY, request),
    Method::new("request_msg", "msg ?-option value ...?", 1..=MANY, request_msg),
    Method::new("cancel_request", "reqID", 1..=1, cancel_request),
    Method::new("ping", "?-timeout ms?", 0..=MANY, ping),
    Method::new("inbox", "", 0..=0, inbox),
    Method::new("current_server", "", 0..=0, current_server),
    Method::new("all_servers", "", 0..=0, all_servers),
    Method::new("server_info", "", 0..=0, server_info),
    Method::new("jet_stream", "?-option value ...?", 0..=MANY, jet_stream),
];

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

fn connect(call: &This) -> Result<Outcome> {
    let asynchronous = match call.args {
        [] => false,
        [word] if word.text() == "-async" => true,
        words => return Err(unknown_flags(words)),
    };
    let _runtime = runtime::enter()?;
    let core = &call.this.core;
    let started = core.client.connect().map_err(raise)?;
    if started.is_some() {
        core.show_events_up_to(Status::Connecting);
    }
    match started {
        Some(connected) if !asynchronous => {
            let core = core.clone();
            let finish = move |_, ()| {
                core.show_events();
                Ok(Obj::empty())
            };
            runtime::answer(|| connected, finish)
        }
        _ => Outcome::empty(),
    }
}

fn disconnect(call: &This) -> Result<Outcome> {
    let _runtime = runtime::enter()?;
    let core = &call.this.core;
    if core.client.status() == Status::Closed {
        return Outcome::empty();
    }
    let flushed = core.client.disconnect();
    core.show_events();
    let flushed = async move {
        flushed.await;
        Ok(())
    };
    runtime::answer(|| flushed, |_, ()| Ok(Obj::empty()))
}

fn publish(call: &This) -> Result<Outcome> {
    let (words, rest) = call.args.split_at(2);
    let (reply, headers, check) = match rest {
        [reply] => (Some(reply.text().into_owned()), None, true),
        words => {
            let mut options = Options::parse(words)?;
            let reply = options.str("reply");
            let headers = headers(options.dict("header")?)?;
            let check = options.bool("check_subj")?.unwrap_or(true);
            options.end()?;
            (reply, headers, check)
        }
    };
    let _runtime = runtime::enter()?;
    let core = &call.this.core;
    let publish = outgoing::message(core, (&words[0], &words[1]), headers, reply, check)?;
    core.client.publish(publish).map_err(raise)?;
    Outcome::empty()
}

fn publish_msg(call: &This) -> Result<Outcome> {
    let _runtime = runtime::enter()?;
    let msg = Fields::of(&call.args[0])?;
    let headers = headers(msg.header.to_dict())?;
    let reply = Some(msg.reply.text().into_owned());
    let core = &call.this.core;
    let publish = outgoing::message(core, (&msg.subject, &msg.data), headers, reply, true)?;
    core.client.publish(publish).map_err(raise)?;
    Outcome::empty()
}

fn subscribe(call: &This) -> Result<Outcome> {
    let core = &call.this.core;
    core.client.check_open().map_err(raise)?;
    let subject = call.args[0].text();
    let mut options = Options::parse(&call.args[1..])?;
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
    let deliver = core.inbox.deliver();
    let id = core
        .client
        .subscribe(&subject, queue.as_deref(), max_msgs, deliver)
        .map_err(raise)?;
    let dictmsg = dictmsg.unwrap_or_else(|| core.config.dictmsg.get());
    core.inbox
        .subscribed(id, Subscription::new(callback, dictmsg));
    Outcome::value(id)
}

fn unsubscribe(call: &This) -> Result<Outcome> {
    let core = &call.this.core;
    core.client.check_open().map_err(raise)?;
    let mut options = Options::parse(&call.args[1..])?;
    let max_msgs = options.pos_int("max_msgs")?.unwrap_or(0);
    options.end()?;
    let word = &call.args[0];
    // Numbers of the package's own subscriptions, for replies and consumers, are not the script's to end.
    let id = crate::commands::options::pos_int(word).filter(|id| core.inbox.has_subscribed(*id));
    let id = id.ok_or_else(|| {
        raise(Error::new(
            Code::BadSubscription,
            format!("Invalid subscription ID {}", word.text()),
        ))
    })?;
    let _runtime = runtime::enter()?;
    if core.client.unsubscribe(id, max_msgs).map_err(raise)? {
        core.inbox.unsubscribed(id);
    }
    Outcome::empty()
}

fn ping(call: &This) -> Result<Outcome> {
    let mut options = Options::parse(call.args)?;
    let timeout = options
        .timeout("timeout")?
        .unwrap_or(Duration::from_secs(10));
    options.end()?;
    let core = &call.this.core;
    // What counts is the status the script has seen; the network may be ahead of it.
    if core.status.get() != Status::Connected {
        return Err(raise(Error::new(
            Code::ConnectionClosed,
            "No connection to NATS server",
        )));
    }
    let client = &core.client;
    runtime::answer(|| client.ping(timeout), |_, ()| Ok(shape::boolean(true)))
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
    let keys: Vec<Obj> = fields.iter().map(|(name, _)| Obj::from(*name)).collect();
    let values = fields.into_iter().map(|(_, value)| value);
    Outcome::value(Obj::dict(keys.iter().zip(values)))
}

fn jet_stream(call: &This) -> Result<Outcome> {
    let mut options = Options::parse(call.args)?;
    let timeout = options.timeout("timeout")?;
    let domain = options.valid_str("domain")?;
    let prefix = options.valid_str("api_prefix")?;
    let trace = options.bool("trace")?.unwrap_or(false);
    options.end()?;
    let prefix = match (domain, prefix) {
        (Some(_), Some(_)) => {
            return Err(invalid_arg(
                "-domain and -api_prefix are mutually exclusive",
            ))
        }
        (Some(domain), None) => domain_prefix(&domain),
        (None, Some(prefix)) => prefix,
        (None, None) => DEFAULT_PREFIX.to_string(),
    };
    let core = &call.this.core;
    let timeout = timeout.unwrap_or(Duration::from_millis(5000));
    let client = JetStreamClient::new(core.client.clone(), &prefix, timeout, trace);
    let object = JetStream::create(call.interp, core.clone(), client)?;
    core.children.add(&object);
    Outcome::value(object.name())
}
