//! Errors on their way to a script.

use crate::stubs;
use crate::value::Obj;
use core::ffi::{c_int, CStr};
use std::borrow::Cow;
use std::sync::OnceLock;

/// The completion code of an error.
pub const ERROR: c_int = crate::stubs::ERROR;

/// What the bindings themselves find wrong. Which words of `-errorcode` a script gets for it is up to the
/// library that uses them ([`crate::entry_point`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A defect: a panic was caught, or something that cannot be has happened.
    Internal,
    /// A call that makes no sense for this object.
    InvalidArgument,
    /// The coroutine that waited is gone.
    InvalidCoroutine,
    /// A forked process uses what its parent has made.
    Forked,
}

/// The words of `-errorcode` for what the bindings find wrong.
pub type Codes = fn(Kind) -> &'static [&'static str];

static CODES: OnceLock<Codes> = OnceLock::new();

/// The first call decides.
pub(crate) fn use_codes(codes: Codes) {
    let _ = CODES.set(codes);
}

/// The words of a library that has none of its own.
pub fn plain_codes(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Internal => &["TCL", "BINDINGS", "INTERNAL"],
        Kind::InvalidArgument => &["TCL", "BINDINGS", "ARGUMENT"],
        Kind::InvalidCoroutine => &["TCL", "BINDINGS", "COROUTINE"],
        Kind::Forked => &["TCL", "BINDINGS", "FORKED"],
    }
}

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
        /// What the stack trace, `-errorinfo`, says in addition to the message.
        note: Option<String>,
    },
}

pub type Result<T> = std::result::Result<T, Error>;

/// The words of `-errorcode` for an error of the operating system: `POSIX`, its name, and what is said of it.
pub fn posix(number: i32) -> Vec<String> {
    // SAFETY: both return static C strings; the number of this thread's last error may be set at any time.
    let (name, said) = unsafe {
        stubs::set_errno(number);
        (
            CStr::from_ptr(stubs::errno_id()),
            CStr::from_ptr(stubs::errno_msg(number)),
        )
    };
    let words = [c"POSIX", name, said].map(CStr::to_string_lossy);
    words.map(Cow::into_owned).into()
}

impl Error {
    pub fn new(message: impl Into<String>, code: &[&str]) -> Self {
        Error::New {
            message: message.into(),
            code: code.iter().map(|word| word.to_string()).collect(),
            note: None,
        }
    }

    /// A new error, whose stack trace says something more.
    pub fn noted(self, text: String) -> Self {
        match self {
            Error::Raised(_) => self,
            Error::New { message, code, .. } => Error::New {
                message,
                code,
                note: Some(text),
            },
        }
    }

    /// An error that the bindings have found.
    pub(crate) fn found(kind: Kind, message: impl Into<String>) -> Self {
        let codes = CODES.get().copied().unwrap_or(plain_codes);
        Error::new(message, codes(kind))
    }

    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Error::found(Kind::Internal, message)
    }

    /// What a forked process is told ([`crate::fork`]).
    pub fn forked() -> Self {
        let message =
            "this process was forked from one that had loaded the package: load it after the fork";
        Error::found(Kind::Forked, message)
    }

    pub(crate) fn code_obj(code: &[String]) -> Obj {
        Obj::list(code.iter().map(|word| Obj::from(word.as_str())))
    }
}
