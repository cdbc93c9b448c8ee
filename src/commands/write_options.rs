//! Arguments and options that writes of keys have in common.

use super::options::{bad_value_because, pos_int, Options};
use super::outgoing;
use crate::client::error::Error;
use crate::client::kv::{TimeToLive, WriteOptions};
use crate::errors::raise;
use tcl::{Obj, Result};

/// A revision argument.
///
/// # Errors
/// `ErrInvalidArg`
pub fn revision(word: &Obj) -> Result<u64> {
    pos_int(word).ok_or_else(|| {
        raise(Error::invalid_arg(format!(
            "Invalid revision {}: expected an integer of 0 or more",
            word.text()
        )))
    })
}

/// `-ttl`: ms.
pub fn ttl_ms(value: &Obj) -> Result<TimeToLive> {
    let ttl = pos_int(value).map(TimeToLive::from_ms);
    let reason = match ttl {
        Some(Ok(ttl)) => return Ok(ttl),
        Some(Err(error)) => format!(". {}", error.message),
        None => String::new(),
    };
    Err(bad_value_because("ttl", "ttl", value, &reason))
}

/// `-ttl`: ms, or `never`.
pub fn ttl(options: &mut Options) -> Result<Option<TimeToLive>> {
    let given = options.raw("ttl").map(|value| match &*value.text() {
        "never" => Ok(TimeToLive::Never),
        _ => ttl_ms(&value),
    });
    given.transpose()
}

/// The options of `put`, `create` and `update`, which are the last of their arguments.
pub fn write_options(words: &[Obj]) -> Result<WriteOptions> {
    if words.is_empty() {
        return Ok(WriteOptions::default());
    }
    let mut options = Options::parse(words)?;
    let ttl = ttl(&mut options)?;
    let headers = outgoing::headers(options.dict("header")?)?;
    options.end()?;
    Ok(WriteOptions { ttl, headers })
}
