//! Errors on their way to a script.

use crate::value::Obj;
use core::ffi::c_int;

/// A Tcl error.
#[derive(Debug)]
pub enum Error {
    /// Already in the interpreter, result and options: another evaluation raised it. It is passed on
    /// whole, so that `-errorinfo` stays. Carries the completion code (1 for an error).
    Raised(c_int),
    /// A new error.
    New {
        message: String,
        /// The words of `-errorcode`.
        code: Vec<String>,
    },
}

pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    pub fn new(message: impl Into<String>, code: &[&str]) -> Self {
        Error::New {
            message: message.into(),
            code: code.iter().map(|word| word.to_string()).collect(),
        }
    }

    pub(crate) fn code_obj(code: &[String]) -> Obj {
        Obj::list(code.iter().map(|word| Obj::from(word.as_str())))
    }
}
