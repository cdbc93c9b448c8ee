//! An interpreter: results, errors, variables, evaluation.

use crate::error::{Error, Result};
use crate::stubs;
use crate::text;
use crate::value::Obj;
use core::ffi::{c_int, CStr};
use core::ptr::{self, NonNull};
use std::ffi::CString;
use std::marker::PhantomData;
use std::ops::ControlFlow;

/// An interpreter of this thread, for as long as it is certain to be there: mostly the call that it was
/// passed to, since Tcl keeps an interpreter's memory while a command of it runs.
///
/// It cannot be kept any longer:
///
/// ```compile_fail,E0597
/// fn keep(object: &tcl::Object) -> Option<bool> {
///     let interp = {
///         let preserved = object.interp()?;
///         preserved.get()
///     };
///     Some(interp.is_safe())
/// }
/// ```
///
/// ```compile_fail,E0521
/// fn keep(interp: tcl::Interp) {
///     std::thread_local!(static KEPT: std::cell::Cell<Option<tcl::Interp<'static>>> = Default::default());
///     KEPT.set(Some(interp));
/// }
/// ```
///
/// and stays in its thread:
///
/// ```compile_fail,E0277
/// fn send(_: impl Send) {}
/// fn to_another_thread(interp: tcl::Interp<'static>) {
///     send(interp);
/// }
/// ```
///
/// ```compile_fail,E0277
/// fn share(_: impl Sync) {}
/// fn with_another_thread(interp: tcl::Interp<'static>) {
///     share(interp);
/// }
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Interp<'a>(NonNull<stubs::Interp>, PhantomData<&'a ()>);

/// An interpreter that is kept by those who learn by other means whether it still lives.
#[derive(Clone, Copy)]
pub(crate) struct Kept(NonNull<stubs::Interp>);

impl Kept {
    pub(crate) fn as_ptr(self) -> *mut stubs::Interp {
        self.0.as_ptr()
    }

    /// # Safety
    /// The interpreter lives.
    pub(crate) unsafe fn preserve(self) -> Preserved {
        Interp(self.0, PhantomData).preserve()
    }
}

/// Where a script runs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// At global level, as callbacks do.
    Global,
    /// In the frame of the command that is running.
    Current,
}

/// Keeps the interpreter's memory while script runs that may delete it.
pub struct Preserved(NonNull<stubs::Interp>);

impl Preserved {
    pub fn get(&self) -> Interp<'_> {
        Interp(self.0, PhantomData)
    }

    /// Runs a callback: command prefix and arguments, at global level. Its errors go to the background
    /// error handler. Returns whether the interpreter still lives.
    pub fn callback(&self, prefix: &[Obj], arguments: impl IntoIterator<Item = Obj>) -> bool {
        let interp = self.get();
        if interp.is_deleted() {
            return false;
        }
        if let Err(error) = interp.call(&with(prefix, arguments), Scope::Global) {
            interp.background_error(error);
        }
        !interp.is_deleted()
    }

    /// As [`Preserved::callback`], for one of several: `break` says that no more are wanted, as the end of the
    /// interpreter does, and `continue` has no effect.
    pub fn callback_in_loop(
        &self,
        prefix: &[Obj],
        arguments: impl IntoIterator<Item = Obj>,
    ) -> ControlFlow<()> {
        let interp = self.get();
        if interp.is_deleted() {
            return ControlFlow::Break(());
        }
        // SAFETY: a live interpreter. Outside of any command Tcl would make an error of `break`.
        unsafe { stubs::allow_exceptions(interp.as_ptr()) };
        match interp.call(&with(prefix, arguments), Scope::Global) {
            Err(Error::Raised(stubs::BREAK)) => return ControlFlow::Break(()),
            Ok(_) | Err(Error::Raised(stubs::CONTINUE)) => {}
            Err(error) => interp.background_error(error),
        }
        match interp.is_deleted() {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    }
}

/// The words of a callback.
fn with(prefix: &[Obj], arguments: impl IntoIterator<Item = Obj>) -> Vec<Obj> {
    let arguments = arguments.into_iter();
    let mut words = Vec::with_capacity(prefix.len() + arguments.size_hint().0);
    words.extend_from_slice(prefix);
    words.extend(arguments);
    words
}

impl Drop for Preserved {
    fn drop(&mut self) {
        // SAFETY: pairs with `preserve`.
        unsafe { stubs::release(self.0.as_ptr().cast()) }
    }
}

impl<'a> Interp<'a> {
    /// # Safety
    /// `raw` is an interpreter of this thread, and its memory stays for `'a`.
    pub(crate) unsafe fn from_raw(raw: *mut stubs::Interp) -> Interp<'a> {
        Interp(
            NonNull::new(raw).expect("Tcl passed no interpreter"),
            PhantomData,
        )
    }

    pub(crate) fn as_ptr(self) -> *mut stubs::Interp {
        self.0.as_ptr()
    }

    pub fn preserve(self) -> Preserved {
        // SAFETY: a live interpreter.
        unsafe { stubs::preserve(self.as_ptr().cast()) };
        Preserved(self.0)
    }

    pub(crate) fn keep(self) -> Kept {
        Kept(self.0)
    }

    pub fn is_deleted(self) -> bool {
        // SAFETY: live or preserved.
        unsafe { stubs::interp_deleted(self.as_ptr()) != 0 }
    }

    pub fn is_safe(self) -> bool {
        // SAFETY: a live interpreter.
        unsafe { stubs::is_safe(self.as_ptr()) != 0 }
    }

    pub fn provide(self, package: &CStr, version: &CStr) -> Result<()> {
        // SAFETY: a live interpreter and C strings.
        let code = unsafe {
            stubs::pkg_provide_ex(
                self.as_ptr(),
                package.as_ptr(),
                version.as_ptr(),
                ptr::null(),
            )
        };
        self.check(code)
    }

    pub fn set_result(self, value: &Obj) {
        // SAFETY: Tcl takes its own reference.
        unsafe { stubs::set_obj_result(self.as_ptr(), value.as_ptr()) }
    }

    pub fn result(self) -> Obj {
        // SAFETY: the result is always a live value.
        unsafe { Obj::from_raw(stubs::get_obj_result(self.as_ptr())) }
    }

    pub fn reset_result(self) {
        // SAFETY: a live interpreter.
        unsafe { stubs::reset_result(self.as_ptr()) }
    }

    /// Leaves the error in the interpreter; returns the completion code for Tcl.
    pub fn set_error(self, error: Error) -> c_int {
        match error {
            Error::Raised(code) => code,
            Error::New {
                message,
                code,
                note,
            } => {
                self.set_result(&Obj::from(message.as_str()));
                let code = Error::code_obj(&code);
                // SAFETY: Tcl takes its own reference.
                unsafe { stubs::set_obj_error_code(self.as_ptr(), code.as_ptr()) };
                if let Some(note) = note {
                    let note = Obj::from(format!("\n    ({note})").as_str());
                    // SAFETY: Tcl copies the text.
                    unsafe { stubs::append_obj_to_error_info(self.as_ptr(), note.as_ptr()) };
                }
                stubs::ERROR
            }
        }
    }

    pub(crate) fn check(self, code: c_int) -> Result<()> {
        match code {
            stubs::OK => Ok(()),
            code => Err(Error::Raised(code)),
        }
    }

    /// Evaluates a command made of these words; no word is parsed again.
    pub fn call(self, words: &[Obj], scope: Scope) -> Result<Obj> {
        let flags = match scope {
            Scope::Global => stubs::EVAL_GLOBAL,
            Scope::Current => 0,
        };
        // SAFETY: the words are live during the call, since `words` holds references.
        let code = unsafe {
            stubs::eval_objv(
                self.as_ptr(),
                words.len(),
                words.as_ptr() as *const *mut stubs::Obj,
                flags,
            )
        };
        self.check(code)?;
        Ok(self.result())
    }

    /// Evaluates a script at global level.
    pub fn eval(self, script: &str) -> Result<Obj> {
        let script = Obj::from(script);
        // SAFETY: the script is live during the call.
        let code =
            unsafe { stubs::eval_obj_ex(self.as_ptr(), script.as_ptr(), stubs::EVAL_GLOBAL) };
        self.check(code)?;
        Ok(self.result())
    }

    /// Hands an error to the background error handler (`interp bgerror`).
    pub fn background_error(self, error: Error) {
        if self.is_deleted() {
            return;
        }
        let code = self.set_error(error);
        // SAFETY: a live interpreter, whose result and options hold the error.
        unsafe { stubs::background_exception(self.as_ptr(), code) }
    }

    /// Sets the global or namespace variable, or the array element, as `set` does: traces run.
    pub fn set_var(self, name: &Obj, element: Option<&Obj>, value: &Obj) -> Result<()> {
        self.set_var_intact(name, element, value).map(drop)
    }

    /// As [`Interp::set_var`]; returns whether it has this very value now. Else a trace has done something
    /// to it.
    pub fn set_var_intact(self, name: &Obj, element: Option<&Obj>, value: &Obj) -> Result<bool> {
        self.store(name, element, value, stubs::GLOBAL_ONLY)
    }

    /// Sets the variable that a name means where the running command was called, be it a local one or an array
    /// element: traces run.
    pub fn set_var_of_caller(self, name: &Obj, value: &Obj) -> Result<()> {
        self.store(name, None, value, 0).map(drop)
    }

    fn store(self, name: &Obj, element: Option<&Obj>, value: &Obj, scope: c_int) -> Result<bool> {
        // SAFETY: all values are live during the call.
        let stored = unsafe {
            stubs::obj_set_var2(
                self.as_ptr(),
                name.as_ptr(),
                element.map_or(ptr::null_mut(), Obj::as_ptr),
                value.as_ptr(),
                scope | stubs::LEAVE_ERR_MSG,
            )
        };
        match stored.is_null() {
            true => Err(Error::Raised(stubs::ERROR)),
            false => Ok(ptr::eq(stored, value.as_ptr())),
        }
    }

    /// The value of a global or namespace variable or array element, if it has one.
    pub fn get_var(self, name: &Obj, element: Option<&Obj>) -> Option<Obj> {
        // SAFETY: all values are live during the call.
        unsafe {
            let value = stubs::obj_get_var2(
                self.as_ptr(),
                name.as_ptr(),
                element.map_or(ptr::null_mut(), Obj::as_ptr),
                stubs::GLOBAL_ONLY,
            );
            (!value.is_null()).then(|| Obj::from_raw(value))
        }
    }

    /// Unsets a global or namespace variable or array element, as `unset` does.
    pub fn unset_var(self, name: &str, element: Option<&str>) -> Result<()> {
        let name = c_string(name)?;
        let element = element.map(c_string).transpose()?;
        // SAFETY: C strings that live during the call.
        let code = unsafe {
            stubs::unset_var2(
                self.as_ptr(),
                name.as_ptr(),
                element.as_ref().map_or(ptr::null(), |e| e.as_ptr()),
                stubs::GLOBAL_ONLY | stubs::LEAVE_ERR_MSG,
            )
        };
        self.check(code)
    }

    /// Runs `f` and puts the interpreter's result and options back as they were.
    pub fn undisturbed<T>(self, f: impl FnOnce() -> T) -> T {
        struct Restore<'a>(Interp<'a>, *mut core::ffi::c_void);
        impl Drop for Restore<'_> {
            fn drop(&mut self) {
                // SAFETY: pairs with the state saved below, once.
                unsafe { stubs::restore_interp_state(self.0.as_ptr(), self.1) };
            }
        }
        // SAFETY: a live interpreter.
        let saved = unsafe { stubs::save_interp_state(self.as_ptr(), stubs::OK) };
        let _restore = Restore(self, saved);
        f()
    }

    /// The `-errorcode` of the error that the interpreter holds.
    pub fn error_code(self) -> Option<Obj> {
        // SAFETY: returns a fresh dict.
        let options =
            unsafe { Obj::from_raw(stubs::get_return_options(self.as_ptr(), stubs::ERROR)) };
        let pairs = options.to_dict()?;
        pairs
            .into_iter()
            .find(|(key, _)| key.text() == "-errorcode")
            .map(|(_, value)| value)
    }
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

/// Tcl's form of a text has no zero byte, so this cannot fail in practice.
pub(crate) fn c_string(text: &str) -> Result<CString> {
    CString::new(text::encode(text, stubs::nine()).into_owned())
        .map_err(|_| Error::internal("a name cannot hold a zero byte"))
}
