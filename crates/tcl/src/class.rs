//! TclOO classes as tables of functions over a counted Rust state.
//!
//! A class made here is genuine: it can be derived from, its objects have namespaces, `oo::objdefine`
//! and `info class instances` work. The state of an object is its metadata. `$object destroy` runs
//! [`Class::destroyed`]; `interp delete` runs no destructor, but both release the state
//! ([`Class::released`]). A method works on a counted clone of the state, since `destroy` during a
//! suspended method releases it at once.

use crate::error::{Error, Result};
use crate::guard;
use crate::interp::{c_string, Interp};
use crate::object::Object;
use crate::stubs;
use crate::value::Obj;
use crate::wait::Wait;
use core::ffi::{c_int, c_void};
use std::any::Any;
use std::ops::RangeInclusive;
use std::ptr::null_mut;
use std::rc::Rc;

/// What a method leaves behind.
pub enum Outcome {
    /// Its result.
    Value(Obj),
    /// The result comes later: the command is suspended ([`crate::wait`]).
    Wait(Wait),
}

impl Outcome {
    /// An empty result.
    pub fn empty() -> Result<Outcome> {
        Ok(Outcome::Value(Obj::empty()))
    }

    pub fn value(value: impl Into<Obj>) -> Result<Outcome> {
        Ok(Outcome::Value(value.into()))
    }
}

/// A call of a method.
pub struct Call<'a, T> {
    pub interp: Interp,
    /// The state of the object it is called on.
    pub this: Rc<T>,
    /// The object itself.
    pub object: Object,
    /// The arguments behind the method's name.
    pub args: &'a [Obj],
}

/// A row of a class's table.
pub struct Method<T: 'static> {
    pub name: &'static str,
    /// The arguments, as "wrong # args" shows them.
    pub usage: &'static str,
    /// How many arguments there may be.
    pub args: RangeInclusive<usize>,
    pub call: fn(&Call<T>) -> Result<Outcome>,
}

impl<T> Method<T> {
    pub const fn new(
        name: &'static str,
        usage: &'static str,
        args: RangeInclusive<usize>,
        call: fn(&Call<T>) -> Result<Outcome>,
    ) -> Self {
        Method {
            name,
            usage,
            args,
            call,
        }
    }
}

/// The arguments of a constructor.
pub struct Construct<'a> {
    pub interp: Interp,
    pub object: Object,
    pub args: &'a [Obj],
}

/// A class and the state of its objects.
pub trait Class: Sized + 'static {
    /// The fully qualified name.
    const NAME: &'static str;
    const METHODS: &'static [Method<Self>];

    /// What `new` and `create` do.
    fn construct(call: &Construct) -> Result<Self>;

    /// The destructor: `$object destroy` was called. Script may run.
    fn destroyed(&self, _interp: Interp) {}

    /// The object is gone, by whatever way; nothing of Tcl may be called.
    fn released(&self) {}
}

/// An object's metadata.
struct Instance {
    object: Object,
    state: Rc<dyn Any>,
    released: fn(&dyn Any),
}

static METADATA: stubs::MetadataType = stubs::MetadataType {
    version: 1,
    name: c"nats state".as_ptr(),
    delete: on_metadata_delete,
    clone: Some(on_metadata_clone),
};

unsafe extern "C" fn on_metadata_delete(data: stubs::ClientData) {
    guard::quiet((), || {
        // SAFETY: made by `attach`, deleted once.
        let instance = unsafe { Box::from_raw(data as *mut Instance) };
        instance.object.forget();
        (instance.released)(instance.state.as_ref());
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
        interp.set_error(Error::new(
            "this object cannot be copied",
            &["NATS", "ErrInvalidArg"],
        ))
    })
}

/// Gives an object its state.
pub(crate) fn attach<T: Class>(raw: *mut stubs::OoObject, object: Object, state: T) {
    let instance = Box::new(Instance {
        object,
        state: Rc::new(state),
        released: |state| {
            if let Some(state) = state.downcast_ref::<T>() {
                state.released();
            }
        },
    });
    // SAFETY: the object lives; the metadata type is static.
    unsafe { stubs::object_set_metadata(raw, &METADATA, Box::into_raw(instance).cast()) }
}

/// The state and handle of an object, if it has one of this class.
fn instance<T: Class>(raw: *mut stubs::OoObject) -> Option<(Rc<T>, Object)> {
    // SAFETY: the object lives during a call of its method; its metadata is ours by type.
    let instance = unsafe {
        let data = stubs::object_get_metadata(raw, &METADATA) as *const Instance;
        data.as_ref()?
    };
    let state = instance.state.clone().downcast::<T>().ok()?;
    Some((state, instance.object.clone()))
}

/// The state of the object with this name, if there is one of this class.
pub fn state_of<T: Class>(interp: Interp, name: &Obj) -> Option<Rc<T>> {
    interp.undisturbed(|| {
        // SAFETY: live values; null if there is no such object.
        let raw = unsafe { stubs::get_object_from_obj(interp.as_ptr(), name.as_ptr()) };
        match raw.is_null() {
            true => None,
            false => instance(raw).map(|(state, _)| state),
        }
    })
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
            true => Err(Error::new(
                format!("{} is not a class", name.text()),
                &["NATS", "ErrInternal"],
            )),
            false => Ok(class),
        }
    }
}

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
    let class = find(interp, T::NAME)?;
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
            stubs::new_method(i, class, name.as_ptr(), 1, types.method, data);
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

/// What Tcl passes to a method: the object, its words, and how many of them come before the arguments.
///
/// # Safety
/// To be called with what Tcl passed, and not to be used after the method has returned.
unsafe fn unpack<'a>(
    context: *mut stubs::OoContext,
    objc: c_int,
    objv: *const *mut stubs::Obj,
) -> (*mut stubs::OoObject, &'a [Obj], usize) {
    // SAFETY: by contract.
    unsafe {
        let skip = stubs::object_context_skipped_args(context);
        let words = Obj::slice(objc as usize, objv);
        (stubs::object_context_object(context), words, skip)
    }
}

unsafe extern "C" fn on_method<T: Class>(
    data: stubs::ClientData,
    interp: *mut stubs::Interp,
    context: *mut stubs::OoContext,
    objc: c_int,
    objv: *const *mut stubs::Obj,
) -> c_int {
    // SAFETY: Tcl passes a live interpreter; the client data is a row of T's static table.
    let (interp, row) = unsafe { (Interp::from_raw(interp), &*(data as *const Method<T>)) };
    guard::to_interp(interp, || {
        // SAFETY: used during this call only.
        let (raw, words, skip) = unsafe { unpack(context, objc, objv) };
        let args = words.get(skip..).unwrap_or(&[]);
        if !row.args.contains(&args.len()) {
            return wrong_args(interp, &words[..skip.min(words.len())], row.usage);
        }
        let Some((this, object)) = instance::<T>(raw) else {
            return Err(Error::new(
                "the object was not made by its class's constructor",
                &["NATS", "ErrInvalidArg"],
            ));
        };
        let call = Call {
            interp,
            this,
            object,
            args,
        };
        Ok(match (row.call)(&call)? {
            Outcome::Value(value) => {
                interp.set_result(&value);
                stubs::OK
            }
            Outcome::Wait(wait) => wait.enter(interp),
        })
    })
}

unsafe extern "C" fn on_construct<T: Class>(
    _: stubs::ClientData,
    interp: *mut stubs::Interp,
    context: *mut stubs::OoContext,
    objc: c_int,
    objv: *const *mut stubs::Obj,
) -> c_int {
    // SAFETY: Tcl passes a live interpreter.
    let interp = unsafe { Interp::from_raw(interp) };
    guard::to_interp(interp, || {
        // SAFETY: used during this call only.
        let (raw, words, skip) = unsafe { unpack(context, objc, objv) };
        let object = Object::new(interp, raw);
        let state = T::construct(&Construct {
            interp,
            object: object.clone(),
            args: words.get(skip..).unwrap_or(&[]),
        });
        match state {
            Ok(state) => attach(raw, object, state),
            Err(error) => {
                object.forget();
                return Err(error);
            }
        }
        Ok(stubs::OK)
    })
}

unsafe extern "C" fn on_destruct<T: Class>(
    _: stubs::ClientData,
    interp: *mut stubs::Interp,
    context: *mut stubs::OoContext,
    objc: c_int,
    objv: *const *mut stubs::Obj,
) -> c_int {
    // SAFETY: Tcl passes a live interpreter.
    let interp = unsafe { Interp::from_raw(interp) };
    guard::to_interp(interp, || {
        // SAFETY: used during this call only.
        let (raw, _, _) = unsafe { unpack(context, objc, objv) };
        if let Some((state, _)) = instance::<T>(raw) {
            state.destroyed(interp);
        }
        Ok(stubs::OK)
    })
}

/// The error of a call with too few or too many arguments, code `TCL WRONGARGS`.
pub(crate) fn wrong_args(interp: Interp, words: &[Obj], usage: &str) -> Result<c_int> {
    let usage = c_string(usage)?;
    let message = match usage.is_empty() {
        true => std::ptr::null(),
        false => usage.as_ptr(),
    };
    // SAFETY: the words and the message live during the call.
    unsafe {
        stubs::wrong_num_args(
            interp.as_ptr(),
            words.len(),
            words.as_ptr() as *const *mut stubs::Obj,
            message,
        );
    }
    Err(Error::Raised(stubs::ERROR))
}
