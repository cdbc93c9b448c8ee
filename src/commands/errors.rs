//! The client's errors as Tcl errors.

use crate::client::error::{Code, Error};

/// The words of the Tcl error code: `NATS Err…`, and for an API error its two numbers.
pub fn words(code: &Code) -> Vec<String> {
    let (word, numbers) = code.words();
    let mut words = vec!["NATS".to_string(), word.to_string()];
    if let Some((code, err_code)) = numbers {
        words.extend([code.to_string(), err_code.to_string()]);
    }
    words
}

/// The Tcl error a script catches.
pub fn raise(error: Error) -> tcl::Error {
    tcl::Error::New {
        code: words(&error.code),
        message: error.message,
    }
}

/// A malformed argument: `NATS ErrInvalidArg`.
pub fn invalid_arg(message: impl Into<String>) -> tcl::Error {
    raise(Error::invalid_arg(message))
}
