//! The options of `watch` that are about writing.

use super::super::options::{bad_value, Options};
use super::super::write_options;
use crate::client::kv::writeback::Policy;
use crate::client::kv::TimeToLive;
use crate::errors::invalid_arg;
use std::time::Duration;
use tcl::{Obj, Result};

/// How changes of an array are written.
pub struct TwoWayOptions {
    pub policy: Policy,
    /// What decides about conflicts, with [`Policy::Ask`].
    pub judge: Vec<Obj>,
    pub error_callback: Option<Vec<Obj>>,
    pub delay: Duration,
    pub ttl: Option<TimeToLive>,
}

/// What means nothing without `-writable`.
const OTHERS: [&str; 4] = ["conflict", "error_callback", "delay", "ttl"];

impl TwoWayOptions {
    /// `None`: changes of the array are not written.
    ///
    /// # Errors
    /// `ErrInvalidArg`
    pub fn take(options: &mut Options) -> Result<Option<TwoWayOptions>> {
        let given = OTHERS.into_iter().find(|name| options.has(name));
        let writable = options.bool("writable")?;
        if let (None, Some(name)) = (writable, given) {
            return Err(invalid_arg(format!("-{name} needs -writable")));
        }
        let (policy, judge) = conflict(options.raw("conflict"))?;
        let two_way = TwoWayOptions {
            policy,
            judge,
            error_callback: options.callback("error_callback")?,
            delay: Duration::from_millis(options.pos_int("delay")?.unwrap_or(0)),
            ttl: write_options::ttl(options)?,
        };
        Ok(writable.unwrap_or(false).then_some(two_way))
    }
}

/// A word, or a command prefix.
fn conflict(given: Option<Obj>) -> Result<(Policy, Vec<Obj>)> {
    let Some(given) = given else {
        return Ok((Policy::Remote, Vec::new()));
    };
    match &*given.text() {
        "remote" => return Ok((Policy::Remote, Vec::new())),
        "local" => return Ok((Policy::Local, Vec::new())),
        _ => {}
    }
    let words = given.to_list().filter(|words| !words.is_empty());
    let judge = words.ok_or_else(|| bad_value("valid_str", "conflict", &given))?;
    Ok((Policy::Ask, judge))
}
