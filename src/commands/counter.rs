//! `incr` and `reset` of `nats::key_value`.

use super::coding::Coding;
use super::options::{after_optional_word, Options};
use super::shape;
use crate::client::kv::{Bucket, Integer};
use crate::errors::invalid_arg;
use crate::runtime;
use tcl::event::word;
use tcl::interp::Scope;
use tcl::{Interp, Obj, Outcome, Result};

/// `incr key ?n? ?-msg_id id?` → the new total
///
/// # Errors
/// `ErrInvalidArg` for what is no integer, and a malformed option; those of the bucket's `incr`.
pub fn incr(interp: Interp, (bucket, coding): (&Bucket, &Coding), args: &[Obj]) -> Result<Outcome> {
    let (increment, options) = after_optional_word(&args[1..]);
    let increment = integer(interp, increment.unwrap_or(&Obj::from(1i64)))?;
    let mut options = Options::parse(options)?;
    let id = options.valid_str("msg_id")?;
    options.end()?;
    if let Some(id) = id.as_ref().filter(|id| id.contains(['\r', '\n'])) {
        return Err(invalid_arg(format!("Invalid message id {id}")));
    }
    let key = coding.key(interp, &args[0])?;
    runtime::answer(
        || bucket.incr(&key, &increment, id.as_deref()),
        |_, total| Ok(shape::integer(&total)),
    )
}

/// `reset key` → what is left
///
/// # Errors
/// Those of the bucket's `reset`.
pub fn reset(interp: Interp, (bucket, coding): (&Bucket, &Coding), key: &Obj) -> Result<Outcome> {
    let key = coding.key(interp, key)?;
    runtime::answer(|| bucket.reset(&key), |_, total| Ok(shape::integer(&total)))
}

/// An integer of any size, in any notation of Tcl's.
fn integer(interp: Interp, value: &Obj) -> Result<Integer> {
    let text = match value.to_i64() {
        Some(number) => Some(number.to_string()),
        // Tcl itself knows larger ones.
        None => interp.undisturbed(|| {
            let sum = [word("::tcl::mathop::+"), Obj::from(0i64), value.clone()];
            let sum = interp.call(&sum, Scope::Global).ok();
            sum.map(|sum| sum.text().into_owned())
        }),
    };
    text.and_then(|text| Integer::read(&text)).ok_or_else(|| {
        invalid_arg(format!(
            "Invalid increment {}: expected an integer",
            value.text()
        ))
    })
}
