//! A TclOO object of one of our classes, seen from Rust.

use crate::interp::{Interp, Kept, Preserved};
use crate::stubs;
use crate::value::Obj;
use std::cell::Cell;
use std::ffi::CStr;
use std::ptr::null_mut;
use std::rc::Rc;

/// A handle on an object, which knows whether the object still lives.
///
/// It keeps neither the object nor its state alive, and belongs to the object's thread:
///
/// ```compile_fail,E0277
/// fn send(_: impl Send) {}
/// fn to_another_thread(object: tcl::Object) {
///     send(object);
/// }
/// ```
///
/// ```compile_fail,E0277
/// fn share(_: impl Sync) {}
/// fn with_another_thread(object: tcl::Object) {
///     share(object);
/// }
/// ```
#[derive(Clone)]
pub struct Object(Rc<Handle>);

struct Handle {
    /// Lives as long as the object.
    interp: Kept,
    /// Null once the object is gone.
    raw: Cell<*mut stubs::OoObject>,
}

impl Object {
    /// The handle is told of the object's end by the one who makes it.
    pub(crate) fn new(interp: Interp, raw: *mut stubs::OoObject) -> Object {
        Object(Rc::new(Handle {
            interp: interp.keep(),
            raw: Cell::new(raw),
        }))
    }

    /// Called when Tcl releases the object's state, which is the last that is heard of it.
    pub(crate) fn forget(&self) {
        self.0.raw.set(null_mut());
    }

    /// The object, while it lives.
    pub(crate) fn raw(&self) -> Option<*mut stubs::OoObject> {
        let raw = self.0.raw.get();
        (!raw.is_null()).then_some(raw)
    }

    pub fn is_alive(&self) -> bool {
        self.raw().is_some()
    }

    /// The interpreter, while the object lives. It is preserved, because script that runs meanwhile, a
    /// callback or a trace, may delete it.
    pub fn interp(&self) -> Option<Preserved> {
        // SAFETY: the object lives, so its interpreter does.
        self.raw().map(|_| unsafe { self.0.interp.preserve() })
    }

    /// The object's command, under its present name; empty if the object is gone.
    pub fn name(&self) -> Obj {
        let Some(raw) = self.raw() else {
            return Obj::empty();
        };
        // SAFETY: the object lives, so its interpreter does.
        unsafe { Obj::from_raw(stubs::get_object_name(self.0.interp.as_ptr(), raw)) }
    }

    /// The full name of a variable in the object's namespace; empty if the object is gone.
    pub fn variable(&self, name: &str) -> String {
        let Some(raw) = self.raw() else {
            return String::new();
        };
        // SAFETY: the object lives; full_name is a C string of the namespace's.
        let namespace = unsafe {
            let namespace = stubs::get_object_namespace(raw);
            CStr::from_ptr((*namespace).full_name)
        };
        format!("{}::{name}", namespace.to_string_lossy())
    }

    /// Destroys the object as `$object destroy` does, if it still lives.
    pub fn destroy(&self) {
        let (Some(raw), Some(interp)) = (self.raw(), self.interp()) else {
            return;
        };
        // SAFETY: the object lives; a second deletion of its command is refused by Tcl.
        unsafe {
            let command = stubs::get_object_command(raw);
            if !command.is_null() {
                stubs::delete_command_from_token(interp.get().as_ptr(), command);
            }
        }
    }
}

/// An object that is destroyed unless what it was made for comes about.
pub struct Unfinished {
    object: Object,
    kept: bool,
}

impl Unfinished {
    pub fn new(object: Object) -> Unfinished {
        Unfinished {
            object,
            kept: false,
        }
    }

    pub fn object(&self) -> &Object {
        &self.object
    }

    pub fn keep(mut self) -> Object {
        self.kept = true;
        self.object.clone()
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if let (false, Some(interp)) = (self.kept, self.object.interp()) {
            interp.get().undisturbed(|| self.object.destroy());
        }
    }
}
