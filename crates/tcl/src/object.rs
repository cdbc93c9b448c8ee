//! A TclOO object of one of our classes, seen from Rust.

use crate::class::{self, Class};
use crate::error::{Error, Result};
use crate::interp::{Interp, Preserved};
use crate::stubs;
use crate::value::Obj;
use std::cell::Cell;
use std::ffi::CStr;
use std::ptr::null_mut;
use std::rc::Rc;

/// A handle on an object, which knows whether the object still lives.
///
/// It keeps neither the object nor its state alive.
#[derive(Clone)]
pub struct Object(Rc<Handle>);

struct Handle {
    interp: Interp,
    /// Null once the object is gone.
    raw: Cell<*mut stubs::OoObject>,
}

impl Object {
    pub(crate) fn new(interp: Interp, raw: *mut stubs::OoObject) -> Object {
        Object(Rc::new(Handle {
            interp,
            raw: Cell::new(raw),
        }))
    }

    /// Called when Tcl releases the object's state, which is the last that is heard of it.
    pub(crate) fn forget(&self) {
        self.0.raw.set(null_mut());
    }

    /// Makes an object of a class without running its constructor: what factories do.
    pub fn create<T: Class>(
        interp: Interp,
        make: impl FnOnce(Object) -> Result<T>,
    ) -> Result<Object> {
        let class = class::find(interp, T::NAME)?;
        // SAFETY: a live interpreter and class.
        let raw = unsafe { stubs::new_object_unconstructed(interp.as_ptr(), class) };
        if raw.is_null() {
            return Err(Error::Raised(stubs::ERROR));
        }
        let object = Object::new(interp, raw);
        match make(object.clone()) {
            Ok(state) => {
                class::attach(raw, object.clone(), state);
                Ok(object)
            }
            Err(error) => {
                interp.undisturbed(|| destroy_raw(interp, raw));
                object.forget();
                Err(error)
            }
        }
    }

    pub fn is_alive(&self) -> bool {
        !self.0.raw.get().is_null()
    }

    /// The interpreter, while the object lives. It is preserved, because script that runs meanwhile, a
    /// callback or a trace, may delete it.
    pub fn interp(&self) -> Option<Preserved> {
        self.is_alive().then(|| self.0.interp.preserve())
    }

    /// The object's command, under its present name; empty if the object is gone.
    pub fn name(&self) -> Obj {
        if !self.is_alive() {
            return Obj::empty();
        }
        // SAFETY: the object lives, so its interpreter does.
        unsafe {
            Obj::from_raw(stubs::get_object_name(
                self.0.interp.as_ptr(),
                self.0.raw.get(),
            ))
        }
    }

    /// The full name of a variable in the object's namespace.
    pub fn variable(&self, name: &str) -> String {
        if !self.is_alive() {
            return String::new();
        }
        // SAFETY: the object lives; full_name is a C string of the namespace's.
        let namespace = unsafe {
            let namespace = stubs::get_object_namespace(self.0.raw.get());
            CStr::from_ptr((*namespace).full_name)
        };
        format!("{}::{name}", namespace.to_string_lossy())
    }

    /// Destroys the object as `$object destroy` does, if it still lives.
    pub fn destroy(&self) {
        let raw = self.0.raw.get();
        if !raw.is_null() {
            destroy_raw(self.0.interp, raw);
        }
    }
}

fn destroy_raw(interp: Interp, raw: *mut stubs::OoObject) {
    // SAFETY: the object lives; a second deletion of its command is refused by Tcl.
    unsafe {
        let command = stubs::get_object_command(raw);
        if !command.is_null() {
            stubs::delete_command_from_token(interp.as_ptr(), command);
        }
    }
}
