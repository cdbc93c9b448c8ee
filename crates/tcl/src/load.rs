//! What happens when Tcl loads a library: stub tables, mailbox, panic wall, then its own part.

use crate::error::{use_codes, Codes, Error, Result};
use crate::event;
use crate::fork;
use crate::guard;
use crate::interp::Interp;
use crate::stubs::{self, InitError};
use core::ffi::c_int;
use core::ptr::NonNull;

/// What the exported entry point calls: binds the stub tables, makes this thread's mailbox, runs `init`.
///
/// # Safety
/// `raw` is null or a live interpreter of the calling thread.
pub unsafe fn load(raw: *mut stubs::Interp, init: fn(Interp) -> Result<()>, codes: Codes) -> c_int {
    let Some(raw) = NonNull::new(raw) else {
        return stubs::ERROR;
    };
    guard::silence();
    use_codes(codes);
    // SAFETY: by contract.
    if unsafe { self::init(raw.as_ptr()) }.is_err() {
        // Without the tables there is no function to leave a message with.
        return stubs::ERROR;
    }
    // SAFETY: by contract.
    let interp = unsafe { Interp::from_raw(raw.as_ptr()) };
    if fork::is_forked() {
        return interp.set_error(Error::forked());
    }
    guard::to_interp(interp, || init(interp).map(|()| stubs::OK))
}

/// Binds the stub tables and this thread's mailbox.
///
/// # Safety
/// `raw` is a live interpreter of the calling thread.
pub unsafe fn init(raw: *mut stubs::Interp) -> std::result::Result<(), InitError> {
    // SAFETY: by contract.
    unsafe { stubs::init(raw)? };
    fork::notice();
    event::start_thread();
    Ok(())
}
