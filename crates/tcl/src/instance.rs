//! What an object keeps from its making to its end: its metadata.
//!
//! An object gets an empty instance before any script can know of it, and its state as soon as there is
//! one. Script that runs from then on may call its methods, destroy it, or delete the interpreter: Tcl then
//! releases the metadata, and with it the state, however far the object's making has come.

use crate::class::Class;
use crate::error::{Error, Kind, Result};
use crate::fork;
use crate::guard;
use crate::interp::Interp;
use crate::object::{Object, Unfinished};
use crate::stubs;
use crate::value::Obj;
use core::ffi::c_int;
use std::any::Any;
use std::cell::RefCell;
use std::ptr::null_mut;
use std::rc::Rc;

struct Instance {
    object: Object,
    state: RefCell<Option<State>>,
}

struct State {
    value: Rc<dyn Any>,
    released: fn(&dyn Any),
}

impl State {
    fn new<T: Class>(value: Rc<T>) -> State {
        State {
            value,
            released: |value| {
                if let Some(value) = value.downcast_ref::<T>() {
                    value.released();
                }
            },
        }
    }
}

impl Drop for State {
    fn drop(&mut self) {
        (self.released)(self.value.as_ref());
    }
}

static METADATA: stubs::MetadataType = stubs::MetadataType {
    version: 1,
    name: c"rust state".as_ptr(),
    delete: on_metadata_delete,
    clone: Some(on_metadata_clone),
};

unsafe extern "C" fn on_metadata_delete(data: stubs::ClientData) {
    guard::quiet((), || {
        // SAFETY: made by `attach`, deleted once.
        let instance = unsafe { Box::from_raw(data as *mut Instance) };
        instance.object.forget();
        if fork::is_forked() {
            fork::keep(instance);
        }
    });
}

/// Without a clone procedure `oo::copy` would share the pointer and free it twice.
unsafe extern "C" fn on_metadata_clone(
    interp: *mut stubs::Interp,
    _: stubs::ClientData,
    out: *mut stubs::ClientData,
) -> c_int {
    guard::quiet(stubs::ERROR, || {
        // SAFETY: Tcl passes a live interpreter and a place for the copy.
        let interp = unsafe {
            *out = null_mut();
            Interp::from_raw(interp)
        };
        interp.set_error(Error::found(
            Kind::InvalidArgument,
            "this object cannot be copied",
        ))
    })
}

/// The instance of an object; none if no constructor or factory of ours has come to it.
///
/// # Safety
/// The object lives for `'a`: no script runs meanwhile.
unsafe fn of<'a>(raw: *mut stubs::OoObject) -> Option<&'a Instance> {
    // SAFETY: by contract; the metadata is ours by its type.
    unsafe { (stubs::object_get_metadata(raw, &METADATA) as *const Instance).as_ref() }
}

/// Gives an object its empty instance.
///
/// # Safety
/// The object lives, and has none.
pub(crate) unsafe fn attach(interp: Interp, raw: *mut stubs::OoObject) -> Object {
    let object = Object::new(interp, raw);
    let instance = Box::new(Instance {
        object: object.clone(),
        state: RefCell::default(),
    });
    // SAFETY: by contract; the metadata type is static.
    unsafe { stubs::object_set_metadata(raw, &METADATA, Box::into_raw(instance).cast()) }
    object
}

/// As [`attach`], for a constructor. A subclass may have destroyed the object before it calls ours, may
/// call it again after it has failed, and may call it too often.
///
/// # Errors
/// `ErrInvalidArg` if the object is destroyed or has its state.
///
/// # Safety
/// The object's memory is there, as it is while a constructor runs.
pub(crate) unsafe fn attach_in_constructor(
    interp: Interp,
    raw: *mut stubs::OoObject,
) -> Result<Object> {
    // SAFETY: by contract, and what is not deleted lives.
    unsafe {
        if stubs::object_deleted(raw) != 0 {
            return Err(destroyed_meanwhile());
        }
        match of(raw) {
            None => Ok(attach(interp, raw)),
            Some(instance) if instance.state.borrow().is_none() => Ok(instance.object.clone()),
            Some(_) => Err(Error::found(
                Kind::InvalidArgument,
                "the constructor was called twice",
            )),
        }
    }
}

/// Makes the object's state, and lets it show itself to the script.
///
/// # Errors
/// Those of `make` and of [`Class::constructed`]; `ErrInvalidArg` if the object was destroyed meanwhile.
/// The state is released then.
pub(crate) fn fill<T: Class>(
    interp: Interp,
    object: &Object,
    make: impl FnOnce(&Object) -> Result<T>,
) -> Result<Rc<T>> {
    let value = Rc::new(make(object)?);
    replace(object, Some(State::new(value.clone())));
    let shown = value.constructed(interp);
    if !object.is_alive() {
        return Err(destroyed_meanwhile());
    }
    if shown.is_err() {
        // A subclass may catch the error, and keep the object.
        interp.undisturbed(|| {
            value.destroyed(interp);
            replace(object, None);
        });
    }
    shown.map(|()| value)
}

/// Gives the object another state; the one before is released. That of an object which is gone is released
/// at once.
fn replace(object: &Object, state: Option<State>) {
    // SAFETY: the handle knows that the object lives, and no script runs here.
    let instance = object.raw().and_then(|raw| unsafe { of(raw) });
    let previous = match instance {
        Some(instance) => instance.state.replace(state),
        None => state,
    };
    drop(previous);
}

/// The state and handle of an object, if it has one of this class.
///
/// # Safety
/// The object lives, as it does during a call of its method.
pub(crate) unsafe fn state<T: Class>(raw: *mut stubs::OoObject) -> Option<(Rc<T>, Object)> {
    // SAFETY: by contract.
    let instance = unsafe { of(raw)? };
    let state = instance.state.borrow();
    let value = state.as_ref()?.value.clone().downcast::<T>().ok()?;
    Some((value, instance.object.clone()))
}

pub(crate) fn destroyed_meanwhile() -> Error {
    Error::found(Kind::InvalidArgument, "the object was destroyed meanwhile")
}

/// Looks up a class by name.
pub(crate) fn find(interp: Interp, name: &str) -> Result<*mut stubs::OoClass> {
    let name = Obj::from(name);
    // SAFETY: live values; null if there is no such object or it is no class.
    unsafe {
        let object = stubs::get_object_from_obj(interp.as_ptr(), name.as_ptr());
        if object.is_null() {
            return Err(Error::Raised(stubs::ERROR));
        }
        let class = stubs::get_object_as_class(object);
        match class.is_null() {
            true => Err(Error::internal(format!("{} is not a class", name.text()))),
            false => Ok(class),
        }
    }
}

impl Object {
    /// The state of the object of this name, if there is one and it is of this class.
    pub fn state_of<T: Class>(interp: Interp, name: &Obj) -> Option<Rc<T>> {
        interp.undisturbed(|| {
            // SAFETY: a live interpreter and value; the object lives, as no script runs here.
            unsafe {
                let raw = stubs::get_object_from_obj(interp.as_ptr(), name.as_ptr());
                let found = (!raw.is_null()).then(|| state::<T>(raw)).flatten();
                found.map(|(value, _)| value)
            }
        })
    }

    /// Makes an object of a class without running its constructor: what factories do. `make` gives it its
    /// state, as [`Class::construct`] does, and runs no script.
    ///
    /// # Errors
    /// Those of `make` and of [`Class::constructed`]; `ErrInvalidArg` if script has destroyed the object
    /// meanwhile. The object is gone then.
    pub fn create<T: Class>(
        interp: Interp,
        make: impl FnOnce(&Object) -> Result<T>,
    ) -> Result<(Object, Rc<T>)> {
        let class = find(interp, T::NAME)?;
        // SAFETY: a live interpreter and class.
        let raw = unsafe { stubs::new_object_unconstructed(interp.as_ptr(), class) };
        if raw.is_null() {
            return Err(Error::Raised(stubs::ERROR));
        }
        // SAFETY: no script has run since it was made, so it lives.
        let unfinished = Unfinished::new(unsafe { attach(interp, raw) });
        let state = fill(interp, unfinished.object(), make)?;
        Ok((unfinished.keep(), state))
    }
}
