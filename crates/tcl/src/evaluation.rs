//! A command of a script that a native command evaluates in its own place, and what comes after it.
//!
//! It may yield, other than one that is called ([`Interp::call`]), and however it ends the native command hears of it:
//! also when the coroutine that it runs in is deleted.

use crate::error::{Error, Result};
use crate::fork;
use crate::guard;
use crate::interp::{Interp, Scope};
use crate::stubs;
use crate::value::Obj;
use core::ffi::c_int;
use std::ptr::null_mut;

/// How an evaluation has ended.
pub enum Ending {
    /// Its result.
    Returned(Obj),
    /// It has failed, or ended with another completion code, such as that of `break`; the message and the options are
    /// in the interpreter.
    Raised(Error),
    /// The coroutine is deleted, or the interpreter: no script runs any more.
    Unwound,
}

type Then = Box<dyn FnOnce(Interp, Ending) -> Result<Obj>>;

/// A command that is to be evaluated.
pub struct Evaluation {
    command: Obj,
    then: Then,
}

impl Evaluation {
    /// The command of these words, of which none is parsed again; `then` makes the result of the native command, which
    /// nobody hears of one that was unwound.
    pub fn new(
        words: impl IntoIterator<Item = Obj>,
        then: impl FnOnce(Interp, Ending) -> Result<Obj> + 'static,
    ) -> Evaluation {
        Evaluation {
            command: Obj::list(words),
            then: Box::new(then),
        }
    }

    /// Evaluates it in the frame of the running command.
    pub(crate) fn enter(self, interp: Interp) -> c_int {
        let Evaluation { command, then } = self;
        let data = Box::into_raw(Box::new(then)) as stubs::ClientData;
        let none = null_mut();
        // SAFETY: the callback takes the box back. Tcl holds the command by itself while it evaluates it, a pure list
        // whose words are evaluated as they are.
        unsafe {
            stubs::nr_add_callback(interp.as_ptr(), ended, data, none, none, none);
            stubs::nr_eval_obj(interp.as_ptr(), command.as_ptr(), 0)
        }
    }
}

unsafe extern "C" fn ended(
    data: *mut stubs::ClientData,
    interp: *mut stubs::Interp,
    code: c_int,
) -> c_int {
    // SAFETY: the box that `enter` left, taken once; Tcl passes a live interpreter.
    let (then, interp) = unsafe { (Box::from_raw(*data as *mut Then), Interp::from_raw(interp)) };
    if fork::is_forked() {
        fork::keep(then);
        return code;
    }
    let ending = match code {
        stubs::OK | stubs::RETURN => Ending::Returned(interp.result()),
        _ if is_unwound(interp) => Ending::Unwound,
        code => Ending::Raised(Error::Raised(code)),
    };
    if let Ending::Unwound = ending {
        return guard::quiet(code, || {
            let _ = then(interp, ending);
            code
        });
    }
    guard::to_interp(interp, || {
        interp.set_result(&then(interp, ending)?);
        Ok(stubs::OK)
    })
}

/// Whether the stack is cleared away. Then nothing can be caught.
fn is_unwound(interp: Interp) -> bool {
    if interp.is_deleted() {
        return true;
    }
    let catch = [Obj::from("::catch"), Obj::empty()];
    interp.undisturbed(|| interp.call(&catch, Scope::Current).is_err())
}
