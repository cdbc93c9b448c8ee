//! What a script says about a message that a consumer delivered: methods of `nats::jet_stream`.

use super::shared::This;
use crate::client::connection::Publish;
use crate::client::error::{Code, Error};
use crate::client::jetstream::units;
use crate::commands::options::Options;
use crate::commands::outgoing::{self, Fields};
use crate::errors::raise;
use crate::runtime;
use tcl::{Obj, Outcome, Result};

/// The message to the reply subject of a delivered message, after the checks that need no server.
///
/// # Errors
/// `ErrInvalidArg` if it is no message; `ErrBadSubject` if it has no reply subject; `ErrConnectionClosed`.
fn acknowledgement(call: &This, payload: String) -> Result<Publish> {
    let msg = Fields::of(&call.args[0])?;
    let core = &call.this.shared.core;
    core.client.check_open().map_err(raise)?;
    if msg.reply.is_empty() {
        return Err(not_delivered(&msg));
    }
    let words = (&msg.reply, &Obj::empty());
    let mut publish = outgoing::message(core, words, None, None, true)?;
    publish.payload = payload.into();
    Ok(publish)
}

/// Nobody waits for an acknowledgement.
fn not_delivered(msg: &Fields) -> tcl::Error {
    let message = match &*msg.subject.text() {
        "" => "Invalid subject : this is no message; subscribe with -dictmsg true".to_owned(),
        subject => {
            format!("Invalid subject : the message on {subject} was not delivered by JetStream")
        }
    };
    raise(Error::new(Code::BadSubject, message))
}

fn send(call: &This, payload: impl Into<String>) -> Result<Outcome> {
    let _runtime = runtime::enter()?;
    let publish = acknowledgement(call, payload.into())?;
    let client = &call.this.shared.core.client;
    client.publish_control(publish).map_err(raise)?;
    Outcome::empty()
}

/// `ack msg`
pub(super) fn ack(call: &This) -> Result<Outcome> {
    send(call, "")
}

/// `ack_sync msg` → the server's confirmation, once it has noted the acknowledgement
pub(super) fn ack_sync(call: &This) -> Result<Outcome> {
    let publish = acknowledgement(call, String::new())?;
    let shared = &call.this.shared;
    let core = shared.core.clone();
    let timeout = Some(shared.client.timeout()).filter(|timeout| !timeout.is_zero());
    let dictmsg = core.config.dictmsg.get();
    runtime::answer(
        || shared.core.client.request(publish, timeout),
        move |_, reply| {
            let inbox = core.client.inbox_subscription().unwrap_or(0);
            Ok(core.config.body(&reply, inbox, dictmsg))
        },
    )
}

/// `nak msg ?-delay ms?`: it shall be delivered again
pub(super) fn nak(call: &This) -> Result<Outcome> {
    let mut options = Options::parse(&call.args[1..])?;
    let delay = options.timeout("delay")?;
    options.end()?;
    match delay {
        None => send(call, "-NAK"),
        Some(delay) => send(call, format!(r#"-NAK {{"delay":{}}}"#, units::ns(delay))),
    }
}

/// `in_progress msg`: the time to acknowledge it begins anew
pub(super) fn in_progress(call: &This) -> Result<Outcome> {
    send(call, "+WPI")
}

/// `term msg ?-reason text?`: it shall not be delivered again. The reason goes into the server's advisory.
pub(super) fn term(call: &This) -> Result<Outcome> {
    let mut options = Options::parse(&call.args[1..])?;
    let reason = options.valid_str("reason")?;
    options.end()?;
    match reason {
        None => send(call, "+TERM"),
        Some(reason) => send(call, format!("+TERM {reason}")),
    }
}
