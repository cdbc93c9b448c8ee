//! Channels: when they are ready, and when they are closed.
//!
//! What is read and written, and how a channel is configured, is left to Tcl's commands; this is only what these cannot
//! tell but to a script.

use crate::error::{Error, Kind, Result};
use crate::event::{is_exiting, Notifier};
use crate::guard;
use crate::interp::{c_string, Interp, Preserved};
use crate::stubs;
use crate::value::Obj;
use core::ffi::c_int;
use std::cell::Cell;
use std::ptr::null_mut;
use std::rc::Rc;

/// What a channel is wanted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    Read,
    Write,
}

impl Direction {
    fn mask(self) -> c_int {
        match self {
            Direction::Read => stubs::READABLE,
            Direction::Write => stubs::WRITABLE,
        }
    }
}

/// An open channel of this thread, which somebody else may close: it is gone for scripts then, but not before this is
/// dropped for Tcl, which would else free it without a word when it has to wait for the rest to be written.
pub struct Channel {
    handler: Rc<Handler>,
    interp: Preserved,
}

/// What Tcl's callbacks know.
struct Handler {
    raw: *mut stubs::Channel,
    direction: Direction,
    notifier: Notifier,
    closed: Cell<bool>,
    /// Whether Tcl is to say when the channel is ready.
    awaited: Cell<bool>,
}

impl Channel {
    /// The channel of a name. The target is notified when it is [ready](Channel::await_ready).
    ///
    /// # Errors
    /// `TCL LOOKUP CHANNEL …`; [`Kind::InvalidArgument`] if it was not opened for this.
    pub fn find(
        interp: Interp,
        name: &Obj,
        direction: Direction,
        notifier: Notifier,
    ) -> Result<Channel> {
        let text = c_string(&name.text())?;
        let mut mode = 0;
        // SAFETY: a live interpreter and a C string.
        let raw = unsafe { stubs::get_channel(interp.as_ptr(), text.as_ptr(), &mut mode) };
        if raw.is_null() {
            return Err(Error::Raised(stubs::ERROR));
        }
        if mode & direction.mask() == 0 {
            let wanted = match direction {
                Direction::Read => "reading",
                Direction::Write => "writing",
            };
            let message = format!("channel \"{}\" wasn't opened for {wanted}", name.text());
            return Err(Error::found(Kind::InvalidArgument, message));
        }
        let handler = Rc::new(Handler {
            raw,
            direction,
            notifier,
            closed: Cell::new(false),
            awaited: Cell::new(false),
        });
        // SAFETY: a live channel, which stays so from here on until this is dropped; the handler is taken away before it
        // goes, or the channel goes first and says so.
        unsafe {
            stubs::register_channel(null_mut(), raw);
            stubs::create_close_handler(raw, on_close, data(&handler));
        }
        Ok(Channel {
            handler,
            interp: interp.preserve(),
        })
    }

    /// What distinguishes it from all other open channels of the process.
    pub fn id(&self) -> usize {
        self.handler.raw as usize
    }

    /// Whether a script has closed it, or given it away. Nothing tells when.
    pub fn is_closed(&self) -> bool {
        let Handler { raw, closed, .. } = &*self.handler;
        // SAFETY: an interpreter that may be deleted, which is asked for a table it has not any more then; a channel that
        // is only compared.
        closed.get()
            || unsafe { stubs::is_channel_registered(self.interp.get().as_ptr(), *raw) } == 0
    }

    /// Notifies the target, once, when something can be read or written.
    pub fn await_ready(&self) {
        let handler = &self.handler;
        if handler.closed.get() || handler.awaited.replace(true) {
            return;
        }
        let mask = handler.direction.mask();
        // SAFETY: the channel is open; as in `find`.
        unsafe { stubs::create_channel_handler(handler.raw, mask, on_ready, data(handler)) };
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        let handler = &self.handler;
        handler.ignore();
        if handler.closed.get() {
            return;
        }
        // SAFETY: the channel lives and has this handler.
        unsafe { stubs::delete_close_handler(handler.raw, on_close, data(handler)) };
        // What the end of the thread has left of it cannot be closed once more.
        if !is_exiting() {
            // SAFETY: the channel lives, and was registered by this.
            unsafe { stubs::unregister_channel(null_mut(), handler.raw) };
        }
    }
}

impl Handler {
    /// Tcl need not say when the channel is ready.
    fn ignore(self: &Rc<Self>) {
        if !self.closed.get() && self.awaited.replace(false) {
            // SAFETY: the channel is open and has this handler.
            unsafe { stubs::delete_channel_handler(self.raw, on_ready, data(self)) };
        }
    }
}

fn data(handler: &Rc<Handler>) -> stubs::ClientData {
    Rc::as_ptr(handler) as stubs::ClientData
}

/// The handler that Tcl was given.
///
/// # Safety
/// `data` is that of a channel which has not been dropped.
unsafe fn handler(data: stubs::ClientData) -> Rc<Handler> {
    let handler = data as *const Handler;
    // SAFETY: the channel holds a count of its own.
    unsafe {
        Rc::increment_strong_count(handler);
        Rc::from_raw(handler)
    }
}

unsafe extern "C" fn on_ready(data: stubs::ClientData, _mask: c_int) {
    guard::quiet((), || {
        // SAFETY: dropping the channel takes the handler away.
        let handler = unsafe { handler(data) };
        // The channel stays ready until the target has acted, and would be told so again and again.
        handler.ignore();
        handler.notifier.notify();
    });
}

unsafe extern "C" fn on_close(data: stubs::ClientData) {
    guard::quiet((), || {
        // SAFETY: dropping the channel takes the handler away.
        let handler = unsafe { handler(data) };
        handler.closed.set(true);
        handler.notifier.notify();
    });
}
