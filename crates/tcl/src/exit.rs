//! The end of the process.

use crate::fork;
use crate::guard;
use crate::stubs;
use std::ptr::null_mut;
use std::sync::OnceLock;

/// What is called.
static BEFORE: OnceLock<fn()> = OnceLock::new();

/// What is called once when the process is about to exit, by the thread that says so, while all threads still
/// run. It is not called in processes that are forked off this one. The first call decides.
pub fn before_exit(f: fn()) {
    if BEFORE.set(f).is_ok() {
        // SAFETY: called by a Tcl thread with the stub tables bound; the procedure takes no data.
        unsafe { stubs::create_exit_handler(on_exit, null_mut()) };
    }
}

unsafe extern "C" fn on_exit(_: stubs::ClientData) {
    guard::quiet((), || {
        if let (Some(f), false) = (BEFORE.get(), fork::is_forked()) {
            f();
        }
    });
}
