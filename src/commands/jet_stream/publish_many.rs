//! Publishing many messages: `publish_many` and `publish_atomic` of `nats::jet_stream`.

use super::shared::{answer_dict, This};
use crate::client::connection::Publish;
use crate::client::jetstream::{Acknowledgement, Pace};
use crate::commands::options::{bad_value, Options};
use crate::commands::outgoing::{self, headers, Fields};
use crate::commands::shape;
use crate::errors::{invalid_arg, raise};
use crate::runtime;
use std::cell::RefCell;
use std::rc::Rc;
use tcl::value::ListBuilder;
use tcl::{Interp, Obj, Outcome, Result};

/// The default of `-window`.
const WINDOW: usize = 256;

/// The messages of a list of message dicts, after the checks that need no server.
fn messages(call: &This, list: &Obj) -> Result<Vec<Publish>> {
    let core = &call.this.shared.core;
    let list = list
        .to_list()
        .ok_or_else(|| invalid_arg("A list of messages is required"))?;
    let message = |msg: &Obj| {
        let msg = Fields::of(msg)?;
        msg.ignore_reply(core);
        let headers = headers(msg.header.to_dict())?;
        outgoing::message(core, (&msg.subject, &msg.data), headers, None, true)
    };
    list.iter().map(message).collect()
}

/// `publish_many messages ?-option value ...?` → list of acknowledgements
pub(super) fn publish_many(call: &This) -> Result<Outcome> {
    let mut options = Options::parse(&call.args[1..])?;
    let client = &call.this.shared.client;
    let timeout = options
        .timeout("timeout")?
        .unwrap_or_else(|| client.timeout());
    let window = options.pos_int("window")?;
    let errors = options.choice("errors", &["raise", "list"])?;
    options.end()?;
    let window = match window {
        None => WINDOW,
        Some(0) => return Err(bad_value("pos_int", "window", &Obj::from(0i64))),
        Some(window) => usize::try_from(window).unwrap_or(usize::MAX),
    };
    let pace = Pace {
        window,
        timeout: Some(timeout).filter(|timeout| !timeout.is_zero()),
        goes_on: errors.as_deref() == Some("list"),
    };
    let messages = messages(call, &call.args[0])?;
    let list = Rc::new(RefCell::new(ListBuilder::default()));
    let acknowledgements = list.clone();
    runtime::answer_in_parts(
        |parts| client.publish_many(messages, pace, move |come| parts.send(come)),
        move |come: Vec<Acknowledgement>| {
            for acknowledgement in &come {
                let dict = match acknowledgement {
                    Ok(stored) => shape::stored(stored),
                    Err(failure) => shape::publish_failure(failure),
                };
                acknowledgements.borrow_mut().push(&dict);
            }
        },
        move |_: Interp, ()| Ok(list.take().finish()),
    )
}

/// `publish_atomic messages ?-timeout ms?` → the acknowledgement of the last message
pub(super) fn publish_atomic(call: &This) -> Result<Outcome> {
    let mut options = Options::parse(&call.args[1..])?;
    let timeout = options.timeout("timeout")?;
    options.end()?;
    let timeout = timeout.unwrap_or_else(|| call.this.shared.client.timeout());
    let messages = messages(call, &call.args[0])?;
    call.this.shared.core.client.check_open().map_err(raise)?;
    answer_dict(call, |js| js.publish_atomic(messages, timeout))
}
