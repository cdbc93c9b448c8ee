//! Classes of TclOO made of tables of functions: what Tcl calls, and the way from there to a method.

use crate::class::{Call, Class, Construct, Method};
use crate::error::{Error, Kind, Result};
use crate::fork;
use crate::guard;
use crate::instance;
use crate::interp::{wrong_args, Interp};
use crate::stubs;
use crate::value::Obj;
use core::ffi::{c_int, c_void};
use std::ptr::null_mut;

/// Makes the class in this interpreter.
pub fn define<T: Class>(interp: Interp) -> Result<()> {
    interp.call(
        &[
            Obj::from("::oo::class"),
            Obj::from("create"),
            Obj::from(T::NAME),
        ],
        crate::interp::Scope::Global,
    )?;
    let class = instance::find(interp, T::NAME)?;
    let types = Types::<T>::ALL;
    let none = null_mut();
    let i = interp.as_ptr();
    // SAFETY: the types and the rows of the table are static, and each row goes with its type's call.
    unsafe {
        let constructor = stubs::new_method(i, class, none, 1, types.constructor, null_mut());
        stubs::class_set_constructor(i, class, constructor);
        let destructor = stubs::new_method(i, class, none, 1, types.destructor, null_mut());
        stubs::class_set_destructor(i, class, destructor);
        for row in T::METHODS {
            let name = Obj::from(row.name);
            let data = row as *const Method<T> as *mut c_void;
            let public = row.is_public().into();
            stubs::new_method(i, class, name.as_ptr(), public, types.method, data);
        }
    }
    Ok(())
}

/// The three method types of a class.
struct Types<T> {
    constructor: &'static stubs::MethodType,
    destructor: &'static stubs::MethodType,
    method: &'static stubs::MethodType,
    class: std::marker::PhantomData<T>,
}

impl<T: Class> Types<T> {
    const ALL: Self = Types {
        constructor: &method_type(on_construct::<T>),
        destructor: &method_type(on_destruct::<T>),
        method: &method_type(on_method::<T>),
        class: std::marker::PhantomData,
    };
}

const fn method_type(call: stubs::MethodCallProc) -> stubs::MethodType {
    stubs::MethodType {
        version: 1,
        name: c"native method".as_ptr(),
        call,
        delete: None,
        clone: None,
    }
}

/// A call of Tcl's, behind the panic wall. `f` gets the interpreter, the object, the words, and how many of them come
/// before the arguments.
///
/// # Safety
/// To be called with what Tcl has passed to a method.
unsafe fn called(
    interp: *mut stubs::Interp,
    context: *mut stubs::OoContext,
    objc: c_int,
    objv: *const *mut stubs::Obj,
    f: impl FnOnce(Interp, *mut stubs::OoObject, &[Obj], usize) -> Result<c_int>,
) -> c_int {
    // SAFETY: Tcl passes a live interpreter.
    let interp = unsafe { Interp::from_raw(interp) };
    guard::to_interp(interp, || {
        // SAFETY: by contract; used during this call only.
        let (raw, words, skip) = unsafe {
            (
                stubs::object_context_object(context),
                Obj::slice(objc as usize, objv),
                stubs::object_context_skipped_args(context),
            )
        };
        f(interp, raw, words, skip)
    })
}

unsafe extern "C" fn on_method<T: Class>(
    data: stubs::ClientData,
    interp: *mut stubs::Interp,
    context: *mut stubs::OoContext,
    objc: c_int,
    objv: *const *mut stubs::Obj,
) -> c_int {
    // SAFETY: the client data is a row of T's static table.
    let row = unsafe { &*(data as *const Method<T>) };
    let call = |interp: Interp, raw, words: &[Obj], skip: usize| {
        if fork::is_forked() {
            return Err(Error::forked());
        }
        let args = words.get(skip..).unwrap_or(&[]);
        if !row.takes(args) {
            return wrong_args(interp, &words[..skip.min(words.len())], row.usage);
        }
        // SAFETY: the object lives while its method is called, and no script has run yet.
        let Some((this, object)) = (unsafe { instance::state::<T>(raw) }) else {
            return Err(Error::found(
                Kind::InvalidArgument,
                "the object was not made by its class's constructor",
            ));
        };
        let call = Call {
            interp,
            this,
            object,
            args,
        };
        match (row.call)(&call) {
            Ok(outcome) => Ok(outcome.leave(interp, || {
                let this = call.this.clone();
                Box::new(move |interp| failing(&*this, interp))
            })),
            // What is in the interpreter already stays undisturbed.
            Err(Error::Raised(code)) => Err(Error::Raised(code)),
            Err(error) => {
                failing(&*call.this, interp);
                Err(error)
            }
        }
    };
    // SAFETY: what Tcl passes.
    unsafe { called(interp, context, objc, objv, call) }
}

/// A process may be forked by script that a method runs, and fail for that reason.
fn failing<T: Class>(state: &T, interp: Interp) {
    if !fork::is_forked() {
        state.failing(interp);
    }
}

unsafe extern "C" fn on_construct<T: Class>(
    _: stubs::ClientData,
    interp: *mut stubs::Interp,
    context: *mut stubs::OoContext,
    objc: c_int,
    objv: *const *mut stubs::Obj,
) -> c_int {
    let construct = |interp: Interp, raw, words: &[Obj], skip: usize| {
        if fork::is_forked() {
            return Err(Error::forked());
        }
        // SAFETY: Tcl keeps the object's memory while its constructor runs.
        let object = unsafe { instance::attach_in_constructor(interp, raw)? };
        instance::fill(interp, &object, |object| {
            T::construct(&Construct {
                interp,
                object: object.clone(),
                args: words.get(skip..).unwrap_or(&[]),
            })
        })?;
        Ok(stubs::OK)
    };
    // SAFETY: what Tcl passes.
    unsafe { called(interp, context, objc, objv, construct) }
}

unsafe extern "C" fn on_destruct<T: Class>(
    _: stubs::ClientData,
    interp: *mut stubs::Interp,
    context: *mut stubs::OoContext,
    objc: c_int,
    objv: *const *mut stubs::Obj,
) -> c_int {
    let destruct = |interp: Interp, raw, _: &[Obj], _| {
        if fork::is_forked() {
            return Ok(stubs::OK);
        }
        // SAFETY: the object lives until its destructor has returned.
        if let Some((state, _)) = unsafe { instance::state::<T>(raw) } {
            state.destroyed(interp);
        }
        Ok(stubs::OK)
    };
    // SAFETY: what Tcl passes.
    unsafe { called(interp, context, objc, objv, destruct) }
}
