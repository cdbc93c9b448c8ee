//! Where several replies end before their number or their time: `-stall` and `-sentinel`.

use crate::client::connection::Ends;
use crate::commands::options::{bad_value, Options};
use crate::errors::invalid_arg;
use std::time::Duration;
use tcl::interp::Scope;
use tcl::{Interp, Obj, Result};

/// What the options say.
#[derive(Default)]
pub struct Ending {
    pub ends: Ends,
    pub sentinel: Option<Sentinel>,
}

impl Ending {
    /// Takes the options; `several` says whether there may be more than one reply.
    ///
    /// # Errors
    /// `ErrInvalidArg`, `ErrBadTimeout`
    pub fn take(options: &mut Options, several: bool, timeout: Option<Duration>) -> Result<Ending> {
        let stall = options.timeout("stall")?;
        let word = options.raw("sentinel");
        if !several && (stall.is_some() || word.is_some()) {
            return Err(invalid_arg("-stall and -sentinel need -max_msgs"));
        }
        let is_of_use = |stall: &Duration| timeout.is_none_or(|timeout| *stall < timeout);
        let stall = stall.filter(|stall| !stall.is_zero() && is_of_use(stall));
        let at_empty = word.as_ref().is_some_and(|word| &*word.text() == "empty");
        let sentinel = word.filter(|_| !at_empty).map(|word| Sentinel::new(&word));
        Ok(Ending {
            ends: Ends { stall, at_empty },
            sentinel: sentinel.transpose()?,
        })
    }
}

/// A command that is called with each reply, and returns whether that is the last one.
#[derive(Clone)]
pub struct Sentinel(Vec<Obj>);

impl Sentinel {
    fn new(prefix: &Obj) -> Result<Sentinel> {
        let words = prefix.to_list().filter(|words| !words.is_empty());
        words
            .map(Sentinel)
            .ok_or_else(|| bad_value("valid_str", "sentinel", prefix))
    }

    /// Whether a reply, as a dict, is the last one.
    ///
    /// # Errors
    /// Those of the command; `ErrInvalidArg` if it does not return a boolean.
    pub fn is_last(&self, interp: Interp, reply: &Obj) -> Result<bool> {
        let mut words = self.0.clone();
        words.push(reply.clone());
        let answer = interp.call(&words, Scope::Global)?;
        answer.to_bool().ok_or_else(|| {
            let text = answer.text();
            invalid_arg(format!("The -sentinel returned no boolean but {text}"))
        })
    }
}
