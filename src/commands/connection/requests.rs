//! `request`, `request_msg` and `cancel_request`.
//!
//! With `-max_msgs` a request gathers several replies on an inbox of its own, otherwise it takes the
//! first one. Either is synchronous, or calls a callback `timedOut reply` for what it gets.

use super::inbox::{Answer, Answers, Owner, Request};
use super::methods::This;
use super::Core;
use crate::client::connection::{Gather, Gathered, Level, Publish};
use crate::client::error::{Code, Result as ClientResult};
use crate::client::message::{self, Message};
use crate::commands::errors::{invalid_arg, raise};
use crate::commands::options::{bad_value, pos_int, Options};
use crate::commands::outgoing::{self, headers, Fields};
use crate::runtime;
use std::future::Future;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tcl::{Obj, Outcome, Result};
use tokio::sync::Semaphore;

/// The options that `request` and `request_msg` share.
struct Settings {
    timeout: Option<Duration>,
    callback: Option<Vec<Obj>>,
    dictmsg: bool,
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
        Ok(Settings {
            timeout: Some(timeout).filter(|timeout| !timeout.is_zero()),
            callback,
            dictmsg: dictmsg.unwrap_or_else(|| config.dictmsg.get()),
        })
    }
}

/// `request subject message ?-option value ...?`
pub(super) fn request(call: &This) -> Result<Outcome> {
    let mut options = Options::parse(&call.args[2..])?;
    let settings = Settings::take(call, &mut options)?;
    let max_msgs = options.pos_int("max_msgs")?;
    let headers = headers(options.dict("header")?)?;
    let check = options.bool("check_subj")?.unwrap_or(true);
    options.end()?;
    let words = (&call.args[0], &call.args[1]);
    let publish = outgoing::message(&call.this.core, words, headers, None, check)?;
    match max_msgs {
        None => request_one(call, publish, settings),
        Some(max) => request_many(call, publish, settings, max),
    }
}

/// `request_msg msg ?-option value ...?`
pub(super) fn request_msg(call: &This) -> Result<Outcome> {
    let msg = Fields::of(&call.args[0])?;
    let mut options = Options::parse(&call.args[1..])?;
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
    let dictmsg = settings.dictmsg;
    let Some(callback) = settings.callback else {
        let client = core.client.clone();
        let finish = move |_, reply| Ok(core.body(&reply, inbox_id(&core), dictmsg));
        return runtime::answer(|| client.request(publish, settings.timeout), finish);
    };
    let _runtime = runtime::enter()?;
    let reply = core.client.request_or_status(publish, settings.timeout);
    let id = inbox_id(&core);
    let request = Request {
        callback,
        dictmsg,
        owner: Owner::default(),
    };
    Outcome::value(
        core.inbox
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

fn request_many(call: &This, publish: Publish, settings: Settings, max: u64) -> Result<Outcome> {
    let _runtime = runtime::enter()?;
    let core = call.this.core.clone();
    let gather = core.client.gather(publish, max, settings.timeout);
    let gather = gather.map_err(raise)?;
    let id = gather.subscription();
    if let Some(callback) = settings.callback {
        let request = Request {
            callback,
            dictmsg: true,
            owner: Owner::default(),
        };
        return Outcome::value(core.inbox.request(request, |answers| many(gather, answers)));
    }
    runtime::answer(
        || gather.all(),
        move |_, replies: Vec<Message>| {
            let dicts = replies.iter().map(|reply| core.body(reply, id, true));
            Ok(Obj::list(dicts))
        },
    )
}

const KIB: usize = 1024;

/// How many replies may wait for their callback; one longer than 1 KiB counts as several.
const ROOM: usize = 64 * 1024;

/// One call for each reply, and one more if they end before all have come.
async fn many(mut gather: Gather, answers: Answers) {
    let id = gather.subscription();
    // A script that is busy has no more than this waiting; the gatherer limits what waits for that.
    let room = Arc::new(Semaphore::new(ROOM));
    loop {
        let next = gather.next().await;
        let last = gather.is_complete();
        let answer = match next {
            Gathered::Reply(message) if last => Answer::Reply(message, id),
            Gathered::Reply(message) => {
                let size = (1 + message.length / KIB).min(ROOM) as u32;
                let permit = room.clone().acquire_many_owned(size).await.ok();
                Answer::OneOfMany(message, id, permit)
            }
            Gathered::NoResponders(message) => Answer::Status(message, id),
            Gathered::Complete => return answers.last(Answer::Nothing),
            Gathered::TimedOut | Gathered::Ended(_) => return answers.last(Answer::TimedOut),
        };
        if last {
            return answers.last(answer);
        }
        answers.more(answer);
    }
}

/// `cancel_request reqID`
pub(super) fn cancel_request(call: &This) -> Result<Outcome> {
    let word = &call.args[0];
    let core = &call.this.core;
    let is_request = |owner| owner != Owner::FETCHES;
    let Some(id) = pos_int(word).filter(|id| core.inbox.cancel(*id, is_request)) else {
        return Err(invalid_arg(format!("Invalid request ID {}", word.text())));
    };
    core.log(Level::Debug, &format!("Cancelled request {id}"));
    Outcome::empty()
}
