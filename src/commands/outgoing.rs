//! Messages on their way out: message dicts, headers, and the checks that need no server.

use super::connection::Core;
use super::payload;
use crate::client::connection::{Level, Publish};
use crate::client::message::{HeaderMap, HeaderName};
use crate::client::subject;
use crate::errors::{invalid_arg, raise};
use crate::runtime;
use tcl::{Interp, Obj, Outcome, Result};

/// A message to be published, after the checks that need no server, in the documented order: closed, size,
/// subjects. `check` is the call's own `-check_subj`.
///
/// # Errors
/// `ErrConnectionClosed`, `ErrMaxPayload`, `ErrHeadersNotSupported`, `ErrBadSubject`; `ErrInvalidArg` for a
/// payload that is no byte string.
pub fn message(
    core: &Core,
    (subject, data): (&Obj, &Obj),
    headers: Option<HeaderMap>,
    reply: Option<String>,
    check: bool,
) -> Result<Publish> {
    let payload = payload::encode(data, core.config.utf8_convert.get())?;
    let publish = Publish {
        subject: subject.text().into_owned().into(),
        payload,
        headers,
        reply: reply.filter(|reply| !reply.is_empty()).map(Into::into),
        link: None,
    };
    core.client.check_publish(&publish).map_err(raise)?;
    let strict = core.config.check_subjects.get();
    subject::check_publish(&publish.subject, strict && check).map_err(raise)?;
    if let Some(reply) = &publish.reply {
        subject::check_reply(reply, strict).map_err(raise)?;
    }
    Ok(publish)
}

/// Publishes. Where there is no room it waits, in a coroutine if nothing else was said.
///
/// # Errors
/// `ErrOutboundFull`; `ErrConnectionClosed`, also while it waits.
pub fn send(core: &Core, interp: Interp, publish: Publish, wait: Option<bool>) -> Result<Outcome> {
    let _runtime = runtime::enter()?;
    let client = &core.client;
    let Some(publish) = client.publish(publish).map_err(raise)? else {
        return Outcome::empty();
    };
    if !wait.unwrap_or_else(|| tcl::wait::in_coroutine(interp)) {
        return Err(raise(client.outbound_full()));
    }
    runtime::answer(|| client.publish_in_turn(publish), |_, ()| Ok(Obj::empty()))
}

/// The fields of a message dict.
pub struct Fields {
    pub header: Obj,
    pub data: Obj,
    pub subject: Obj,
    pub reply: Obj,
    pub sub_id: Obj,
}

impl Fields {
    pub fn of(msg: &Obj) -> Result<Fields> {
        let pairs = msg
            .to_dict()
            .ok_or_else(|| invalid_arg(format!("Invalid message {}", msg.text())))?;
        let none = Obj::empty();
        let mut fields = Fields {
            header: none.clone(),
            data: none.clone(),
            subject: none.clone(),
            reply: none.clone(),
            sub_id: none,
        };
        for (key, value) in pairs {
            match &*key.text() {
                "header" => fields.header = value,
                "data" => fields.data = value,
                "subject" => fields.subject = value,
                "reply" => fields.reply = value,
                "sub_id" => fields.sub_id = value,
                _ => {}
            }
        }
        Ok(fields)
    }

    /// What a request does with a reply subject of the message: its own inbox takes the place.
    pub fn ignore_reply(&self, core: &Core) {
        if !self.reply.is_empty() {
            let reply = self.reply.text();
            let text = format!("request_msg: the reply {reply} will be ignored");
            core.log(Level::Warn, &text);
        }
    }
}

/// A header dict (name, list of values) for the wire; none if it is empty. Names and values are trimmed,
/// empty names skipped.
///
/// # Errors
/// `ErrInvalidArg` for line breaks, which would let a value add headers of its own, for names that are
/// not all visible ASCII characters but the colon, and for a malformed dict or list.
pub fn headers(dict: Option<Vec<(Obj, Obj)>>) -> Result<Option<HeaderMap>> {
    let mut map = HeaderMap::new();
    for (name, values) in dict.unwrap_or_default() {
        let name = name.text().trim().to_string();
        let values = values
            .to_list()
            .ok_or_else(|| invalid_arg(format!("Invalid value list of header {name}")))?;
        for value in values {
            let value = value.text().trim().to_string();
            if value.contains(['\r', '\n']) {
                return Err(invalid_arg(format!("Invalid header {name}")));
            }
            if !name.is_empty() {
                // The transport's own constructor panics on names it does not like.
                let parsed = HeaderName::try_from(&*name)
                    .map_err(|_| invalid_arg(format!("Invalid header {name}")))?;
                map.append(parsed, &*value);
            }
        }
    }
    Ok((!map.is_empty()).then_some(map))
}
