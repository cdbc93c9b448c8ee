//! The client's errors as Tcl errors.

use crate::client::error::{Code, Error};

/// The words of the Tcl error code: `NATS Err…`, and what the code has behind it; errors of the operating system have
/// the code that Tcl gives them.
pub fn words(code: &Code) -> Vec<String> {
    match code {
        Code::Posix(number) => return tcl::error::posix(*number),
        Code::Foreign(words) => return words.clone(),
        _ => {}
    }
    let (word, numbers) = code.words();
    let head = ["NATS", word].map(str::to_string);
    head.into_iter().chain(numbers).collect()
}

/// The Tcl error a script catches.
pub fn raise(error: Error) -> tcl::Error {
    let code = words(&error.code);
    let message = match (&error.code, code.last()) {
        (Code::Posix(_), Some(said)) => format!("{}: {said}", error.message),
        _ => error.message,
    };
    tcl::Error::New {
        code,
        message,
        note: None,
    }
}

/// What an error of a script, or of this package, says.
pub fn message(interp: tcl::Interp, error: &tcl::Error) -> String {
    match error {
        tcl::Error::New { message, .. } => message.clone(),
        tcl::Error::Raised(_) => interp.result().text().into_owned(),
    }
}

/// An error of a script, or of this package, as one of the client's.
pub fn lower(interp: tcl::Interp, error: tcl::Error) -> Error {
    let message = message(interp, &error);
    let code = match error {
        tcl::Error::New { code, .. } => code,
        tcl::Error::Raised(_) => {
            let words = interp.error_code().and_then(|code| code.to_list());
            let words = words.unwrap_or_default();
            words.iter().map(|word| word.text().into_owned()).collect()
        }
    };
    Error::new(Code::Foreign(code), message)
}

/// A malformed argument: `NATS ErrInvalidArg`.
pub fn invalid_arg(message: impl Into<String>) -> tcl::Error {
    raise(Error::invalid_arg(message))
}

/// The words for what the bindings to Tcl find wrong.
pub fn of_bindings(kind: tcl::Kind) -> &'static [&'static str] {
    match kind {
        tcl::Kind::Internal => &["NATS", "ErrInternal"],
        tcl::Kind::InvalidArgument => &["NATS", "ErrInvalidArg"],
        tcl::Kind::InvalidCoroutine => &["NATS", "ErrInvalidCoroutine"],
        tcl::Kind::Forked => &["NATS", "ErrNotSupported"],
    }
}
