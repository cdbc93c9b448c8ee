//! `nats::metadata`: what the reply subject of a delivered message says about it.

use super::outgoing::Fields;
use super::shape;
use crate::client::error::{Code, Error};
use crate::client::jetstream::metadata::Metadata;
use crate::errors::raise;
use tcl::{Interp, Obj, Outcome, Result};

/// `metadata msg` → dict, see [`shape::metadata`].
///
/// # Errors
/// `ErrNotJSMessage` if no consumer has delivered the message; `ErrInvalidArg` if it is no message.
pub fn metadata(_: Interp, args: &[Obj]) -> Result<Outcome> {
    let msg = Fields::of(&args[0])?;
    match Metadata::parse(&msg.reply.text()) {
        Some(metadata) => Outcome::value(shape::metadata(&metadata)),
        None => Err(raise(Error::new(
            Code::NotJsMessage,
            format!(
                "Message with subject {} is not a JetStream message",
                msg.subject.text()
            ),
        ))),
    }
}
