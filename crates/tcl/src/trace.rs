//! Traces on the elements of an array, as `trace add variable array {write unset}` sets them.
//!
//! Tcl may call a trace that was removed meanwhile: while another trace has it unset the array, say. So what Tcl has of a
//! trace is a number, and one that is gone means nothing.

use crate::error::{Error, Kind, Result};
use crate::fork;
use crate::guard;
use crate::interp::{c_string, Interp};
use crate::stubs;
use crate::value::Obj;
use core::ffi::{c_char, c_int, CStr};
use core::ptr::null_mut;
use rustc_hash::FxHashMap;
use std::cell::{Cell, RefCell};
use std::ffi::CString;
use std::rc::{Rc, Weak};

const FLAGS: c_int =
    stubs::GLOBAL_ONLY | stubs::TRACE_WRITES | stubs::TRACE_UNSETS | stubs::TRACE_RESULT_OBJECT;

/// Who hears what happens to an array. Script may run in each function, which may do anything to the array.
///
/// Tcl runs no trace of an element while one of that element runs: what a function does to its own element it does not
/// hear of, except that it was unset.
pub trait Traced {
    /// An element was set. An error fails the command that has set it; what the element has then is left to this
    /// function. Tcl makes `can't set "array(element)": message` of the error, with a code of its own.
    fn written(&self, interp: Interp, element: &Obj) -> core::result::Result<(), String>;

    /// An element was unset.
    fn unset(&self, interp: Interp, element: &Obj);

    /// The array as a whole was unset. The trace is set again on a variable that takes its place under the same name,
    /// unless its namespace goes, or the interpreter.
    fn gone(&self, interp: Interp);
}

thread_local! {
    static TRACED: RefCell<FxHashMap<usize, Weak<Trace>>> = RefCell::default();
    static LAST: Cell<usize> = const { Cell::new(0) };
}

struct Trace {
    number: usize,
    name: CString,
    traced: Weak<dyn Traced>,
}

/// A trace that is set. Dropping it silences it; it is better to [remove](ArrayTrace::remove) it.
pub struct ArrayTrace(Rc<Trace>);

impl ArrayTrace {
    /// Traces an array, or a variable that is not set yet, of a fully qualified name, which may be that of a link.
    ///
    /// # Errors
    /// Those of Tcl for a name that cannot be a variable's; [`Kind::Internal`] if this thread is exiting.
    pub fn set(interp: Interp, name: &Obj, traced: Weak<dyn Traced>) -> Result<ArrayTrace> {
        let trace = Rc::new(Trace {
            number: LAST.with(|last| {
                last.set(last.get() + 1);
                last.get()
            }),
            name: c_string(&name.text())?,
            traced,
        });
        TRACED
            .try_with(|all| {
                let weak = Rc::downgrade(&trace);
                all.borrow_mut().insert(trace.number, weak)
            })
            .map_err(|_| Error::found(Kind::Internal, "this thread is exiting"))?;
        let trace = ArrayTrace(trace);
        interp.check(trace.0.arm(interp))?;
        Ok(trace)
    }

    /// Takes it away again.
    pub fn remove(self, interp: Interp) {
        if interp.is_deleted() {
            return;
        }
        let Trace { number, name, .. } = &*self.0;
        let data = *number as stubs::ClientData;
        // SAFETY: a live interpreter and a C string; a trace that is not there is none of Tcl's.
        unsafe {
            let (i, name) = (interp.as_ptr(), name.as_ptr());
            stubs::untrace_var2(i, name, core::ptr::null(), FLAGS, on_trace, data);
        }
    }
}

impl Drop for ArrayTrace {
    fn drop(&mut self) {
        let number = self.0.number;
        let _ = TRACED.try_with(|all| all.borrow_mut().remove(&number));
    }
}

impl Trace {
    /// Has Tcl set the trace; its completion code.
    fn arm(&self, interp: Interp) -> c_int {
        let data = self.number as stubs::ClientData;
        let flags = FLAGS | stubs::LEAVE_ERR_MSG;
        // SAFETY: a live interpreter and a C string; the number is nothing that could be gone.
        unsafe {
            let (i, name) = (interp.as_ptr(), self.name.as_ptr());
            stubs::trace_var2(i, name, core::ptr::null(), flags, on_trace, data)
        }
    }

    fn call(&self, interp: Interp, element: Option<&Obj>, is_unset: bool) -> Option<String> {
        let traced = self.traced.upgrade()?;
        match element {
            Some(element) if is_unset => traced.unset(interp, element),
            Some(element) => return traced.written(interp, element).err(),
            None if is_unset => {
                traced.gone(interp);
                // Whoever has heard of it may have removed the trace.
                if !interp.is_deleted() && find(self.number).is_some() {
                    interp.undisturbed(|| self.arm(interp));
                }
            }
            // The variable was set as a scalar, which no array can be.
            None => {}
        }
        None
    }
}

fn find(number: usize) -> Option<Rc<Trace>> {
    let found = TRACED.try_with(|all| all.borrow().get(&number).and_then(Weak::upgrade));
    found.ok().flatten()
}

unsafe extern "C" fn on_trace(
    data: stubs::ClientData,
    interp: *mut stubs::Interp,
    _name: *const c_char,
    element: *const c_char,
    flags: c_int,
) -> *mut c_char {
    // What was traced is the parent's.
    if fork::is_forked() {
        return null_mut();
    }
    let failure = guard::catch(|| {
        let trace = find(data as usize)?;
        // SAFETY: Tcl passes a live interpreter.
        let preserved = unsafe { Interp::from_raw(interp) }.preserve();
        let element = (!element.is_null()).then(|| {
            // SAFETY: Tcl's name of the element, a C string.
            Obj::encoded(unsafe { CStr::from_ptr(element) })
        });
        let is_unset = flags & stubs::TRACE_UNSETS != 0;
        trace.call(preserved.get(), element.as_ref(), is_unset)
    });
    let failure = failure.unwrap_or_else(|panic| match panic {
        Error::New { message, .. } => Some(message),
        Error::Raised(_) => None,
    });
    // Tcl gives the reference back.
    failure.map_or(null_mut(), |message| {
        Obj::from(&*message).into_raw() as *mut c_char
    })
}
