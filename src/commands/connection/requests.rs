//! `request`, `request_msg` and `cancel_request`.
//!
//! With `-max_msgs` a request gathers several replies (`replies`), otherwise it takes the first one. Either is
//! synchronous, or calls a callback `timedOut reply` for what it gets.

use super::core::{Core, This};
use super::deliveries::{Answer, Answers, Owner, Request};
use super::replies;
use super::sentinel::Ending;
use crate::client::connection::{Level, Publish};
use crate::client::error::{Code, Result as ClientResult};
use crate::client::message::{self, Message};
use crate::client::service::Failure;
use crate::commands::options::{bad_value, pos_int, Options};
use crate::commands::outgoing::{self, headers, Fields};
use crate::errors::{invalid_arg, raise};
use crate::runtime;
use std::future::Future;
use std::rc::Rc;
use std::time::Duration;
use tcl::{Interp, Obj, Outcome, Result};

/// The options that `request` and `request_msg` share.
struct Settings {
    timeout: Option<Duration>,
    callback: Option<Vec<Obj>>,
    dictmsg: bool,
    /// An error answer of a service is raised.
    service: bool,
}

impl Settings {
    fn take(call: &This, options: &mut Options) -> Result<Settings> {
        let config = &call.this.core.config;
        let timeout = options
            .timeout("timeout")?
            .unwrap_or_else(|| Duration::from_millis(config.request_timeout.get()));
        let callback = match options.raw("callback").filter(|prefix| !prefix.is_empty()) {
            None => None,
            Some(prefix) => match prefix.to_list() {
                Some(words) => Some(words),
                None => return Err(bad_value("str", "callback", &prefix)),
            },
        };
        let dictmsg = options.bool("dictmsg")?;
        let service = options.bool("service")?.unwrap_or(false);
        if service && callback.is_some() {
            return Err(invalid_arg("-service and -callback are mutually exclusive"));
        }
        Ok(Settings {
            timeout: Some(timeout).filter(|timeout| !timeout.is_zero()),
            callback,
            dictmsg: dictmsg.unwrap_or_else(|| config.dictmsg.get()),
            service,
        })
    }
}

/// `request subject message ?-option value ...?`
pub(super) fn request(call: &This) -> Result<Outcome> {
    let mut options = Options::parse_with_callback(&call.args[2..])?;
    let settings = Settings::take(call, &mut options)?;
    let max_msgs = options.pos_int("max_msgs")?;
    let ending = Ending::take(&mut options, max_msgs.is_some(), settings.timeout)?;
    let headers = headers(options.dict("header")?)?;
    let check = options.bool("check_subj")?.unwrap_or(true);
    options.end()?;
    if settings.service && max_msgs.is_some() {
        return Err(invalid_arg("-service and -max_msgs are mutually exclusive"));
    }
    let words = (&call.args[0], &call.args[1]);
    let publish = outgoing::message(&call.this.core, words, headers, None, check)?;
    match max_msgs {
        None => request_one(call, publish, settings),
        Some(max) => {
            let _runtime = runtime::enter()?;
            let gather = call.this.core.client.gather(publish, max, settings.timeout);
            replies::request_many(call, gather.map_err(raise)?, settings.callback, ending)
        }
    }
}

/// `request_msg msg ?-option value ...?`
pub(super) fn request_msg(call: &This) -> Result<Outcome> {
    let msg = Fields::of(&call.args[0])?;
    let mut options = Options::parse_with_callback(&call.args[1..])?;
    let settings = Settings::take(call, &mut options)?;
    options.end()?;
    let headers = headers(msg.header.to_dict())?;
    let words = (&msg.subject, &msg.data);
    let publish = outgoing::message(&call.this.core, words, headers, None, true)?;
    msg.ignore_reply(&call.this.core);
    request_one(call, publish, settings)
}

fn request_one(call: &This, publish: Publish, settings: Settings) -> Result<Outcome> {
    let core = call.this.core.clone();
    let (dictmsg, service) = (settings.dictmsg, settings.service);
    let Some(callback) = settings.callback else {
        let client = core.client.clone();
        let finish = move |_: Interp, reply: Message| match Failure::of(&reply) {
            Some(failure) if service => Err(raise(failure.into())),
            _ => Ok(core.config.body(&reply, inbox_id(&core), dictmsg)),
        };
        return runtime::answer(|| client.request(publish, settings.timeout), finish);
    };
    core.client.check_accepting().map_err(raise)?;
    core.client.check_request(&publish).map_err(raise)?;
    let _runtime = runtime::enter()?;
    let reply = core.client.request_or_status(publish, settings.timeout);
    let id = inbox_id(&core);
    let request = Request {
        callback,
        dictmsg,
        owner: Owner::default(),
        hears_of_disconnect: false,
        sentinel: None,
    };
    Outcome::value(
        core.deliveries
            .request(request, |answers| one(reply, id, answers)),
    )
}

/// The subscription on which all single replies come.
fn inbox_id(core: &Rc<Core>) -> u64 {
    core.client.inbox_subscription().unwrap_or(0)
}

async fn one(reply: impl Future<Output = ClientResult<Message>>, id: u64, answers: Answers) {
    answers.last(match reply.await {
        Ok(message) if message::status(&message) == Some(503) => Answer::Status(message, id),
        Ok(message) => Answer::Reply(message, id),
        // `disconnect` was called.
        Err(error) if error.code == Code::ConnectionClosed => Answer::Nothing,
        Err(_) => Answer::TimedOut,
    });
}

/// `cancel_request reqID`
pub(super) fn cancel_request(call: &This) -> Result<Outcome> {
    let word = &call.args[0];
    let core = &call.this.core;
    let is_request = |owner| owner != Owner::FETCHES;
    let Some(id) = pos_int(word).filter(|id| core.deliveries.cancel(*id, is_request)) else {
        return Err(invalid_arg(format!("Invalid request ID {}", word.text())));
    };
    core.log(Level::Debug, &format!("Cancelled request {id}"));
    Outcome::empty()
}
