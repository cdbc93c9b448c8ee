//! The panic wall: every function that Tcl calls goes through here, so that no panic crosses C.

use crate::error::{Error, Result};
use crate::interp::Interp;
use crate::stubs;
use core::ffi::c_int;
use std::any::Any;
use std::panic::{catch_unwind, AssertUnwindSafe};

/// Runs `f`; a panic yields `fallback`. For entries that cannot report an error.
pub(crate) fn quiet<T>(fallback: T, f: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(f)).unwrap_or(fallback)
}

/// Runs `f` and leaves its error, or its panic as an error, in the interpreter.
pub(crate) fn to_interp(interp: Interp, f: impl FnOnce() -> Result<c_int>) -> c_int {
    let result = match catch_unwind(AssertUnwindSafe(f)) {
        Ok(result) => result,
        Err(panic) => Err(panicked(panic.as_ref())),
    };
    match result {
        Ok(code) => code,
        Err(error) => quiet(stubs::ERROR, || interp.set_error(error)),
    }
}

/// What a caught panic says to a script.
fn panicked(panic: &(dyn Any + Send)) -> Error {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("unknown panic");
    Error::new(format!("internal error: {text}"), &["NATS", "ErrInternal"])
}
