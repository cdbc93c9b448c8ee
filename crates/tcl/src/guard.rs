//! The panic wall: every function that Tcl calls goes through here, so that no panic crosses C.
//!
//! Wherever a panic happens, in a thread of Tcl or in a task of a dependency, it prints nothing: a library
//! does not write to the standard error of the program that has loaded it. What it said is kept for those
//! who tell a script about it.

use crate::error::{Error, Result};
use crate::interp::Interp;
use crate::stubs;
use core::ffi::c_int;
use std::cell::RefCell;
use std::panic::{catch_unwind, AssertUnwindSafe, Location, PanicHookInfo};
use std::sync::Once;

thread_local! {
    /// What the last panic of this thread said.
    static LAST: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// From now on panics of this library print nothing. It has a standard library of its own, so nobody else's
/// are concerned.
pub(crate) fn silence() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        std::panic::set_hook(Box::new(|panic| {
            let text = describe(panic);
            // The thread may be at its end.
            let _ = LAST.try_with(|last| last.replace(Some(text)));
        }));
    });
}

fn describe(panic: &PanicHookInfo) -> String {
    let payload = panic.payload();
    let text = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("unknown panic");
    match panic.location() {
        Some(place) => format!("{text} ({})", shorten(place)),
        None => text.to_string(),
    }
}

/// A place in a source, without the directories of the machine on which it was compiled.
fn shorten(place: &Location) -> String {
    let file = place.file();
    let start = file
        .rfind("/src/")
        .and_then(|end| Some(file[..end].rfind('/')? + 1));
    format!("{}:{}", &file[start.unwrap_or(0)..], place.line())
}

/// The error that a panic of this thread, which has just been caught or is still under way, becomes.
pub(crate) fn panicked() -> Error {
    let last = LAST.try_with(|last| last.borrow().clone()).ok().flatten();
    let text = last.as_deref().unwrap_or("unknown panic");
    Error::internal(format!("internal error: {text}"))
}

/// Runs `f`; a panic becomes an error.
pub(crate) fn catch<T>(f: impl FnOnce() -> T) -> Result<T> {
    catch_unwind(AssertUnwindSafe(f)).map_err(|_| panicked())
}

/// Runs `f`; a panic yields `fallback`. For entries that cannot report an error.
pub(crate) fn quiet<T>(fallback: T, f: impl FnOnce() -> T) -> T {
    catch(f).unwrap_or(fallback)
}

/// Runs `f` and leaves its error, or its panic as an error, in the interpreter.
pub(crate) fn to_interp(interp: Interp, f: impl FnOnce() -> Result<c_int>) -> c_int {
    match catch(f).flatten() {
        Ok(code) => code,
        Err(error) => quiet(stubs::ERROR, || interp.set_error(error)),
    }
}
