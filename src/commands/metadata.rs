//! `nats::metadata`: what the reply subject of a delivered message says about it.

use super::errors::{invalid_arg, raise};
use super::shape;
use crate::client::error::{Code, Error};
use crate::client::jetstream::metadata::Metadata;
use tcl::{Interp, Obj, Result};

/// `metadata msg` → dict, see [`shape::metadata`].
///
/// # Errors
/// `ErrNotJSMessage` if no consumer has delivered the message; `ErrInvalidArg` if it is no message.
pub fn metadata(_: Interp, args: &[Obj]) -> Result<Obj> {
    let pairs = args[0]
        .to_dict()
        .ok_or_else(|| invalid_arg(format!("Invalid message {}", args[0].text())))?;
    let field = |name: &str| {
        let found = pairs.iter().find(|(key, _)| key.text() == name);
        found.map_or_else(String::new, |(_, value)| value.text().into_owned())
    };
    match Metadata::parse(&field("reply")) {
        Some(metadata) => Ok(shape::metadata(&metadata)),
        None => Err(raise(Error::new(
            Code::NotJsMessage,
            format!(
                "Message with subject {} is not a JetStream message",
                field("subject")
            ),
        ))),
    }
}
