//! An interpreter: results, errors, variables, evaluation.

use crate::error::{Error, Result};
use crate::event;
use crate::guard;
use crate::stubs::{self, InitError};
use crate::text;
use crate::value::Obj;
use core::ffi::{c_int, CStr};
use core::ptr::{self, NonNull};
use std::ffi::CString;
use std::ops::Deref;

/// An interpreter of this thread.
///
/// A copy of it is only kept where something else tells that the interpreter still lives: an
/// [`crate::Object`], a suspended command, or [`Interp::preserve`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Interp(NonNull<stubs::Interp>);

/// Where a script runs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// At global level, as callbacks do.
    Global,
    /// In the frame of the command that is running.
    Current,
}

/// Keeps the interpreter's memory while script runs that may delete it.
pub struct Preserved(Interp);

impl Preserved {
    /// Runs a callback: command prefix and arguments, at global level. Its errors go to the background
    /// error handler. Returns whether the interpreter still lives.
    pub fn callback(&self, prefix: &[Obj], arguments: impl IntoIterator<Item = Obj>) -> bool {
        let arguments = arguments.into_iter();
        let mut words = Vec::with_capacity(prefix.len() + arguments.size_hint().0);
        words.extend_from_slice(prefix);
        words.extend(arguments);
        if self.is_deleted() {
            return false;
        }
        if let Err(error) = self.call(&words, Scope::Global) {
            self.background_error(error);
        }
        !self.is_deleted()
    }
}

impl Deref for Preserved {
    type Target = Interp;

    fn deref(&self) -> &Interp {
        &self.0
    }
}

impl Drop for Preserved {
    fn drop(&mut self) {
        // SAFETY: pairs with `preserve`.
        unsafe { stubs::release(self.0.as_ptr().cast()) }
    }
}

/// What the exported entry point calls: binds the stub tables, makes this thread's mailbox, runs `init`.
pub fn load(raw: *mut stubs::Interp, init: fn(Interp) -> Result<()>) -> c_int {
    let Some(raw) = NonNull::new(raw) else {
        return stubs::ERROR;
    };
    // SAFETY: Tcl calls this with a live interpreter of this thread.
    if unsafe { self::init(raw.as_ptr()) }.is_err() {
        // Without the tables there is no function to leave a message with.
        return stubs::ERROR;
    }
    let interp = Interp(raw);
    guard::to_interp(interp, || init(interp).map(|()| stubs::OK))
}

/// Binds the stub tables and this thread's mailbox.
///
/// # Safety
/// `raw` is a live interpreter of the calling thread.
pub unsafe fn init(raw: *mut stubs::Interp) -> std::result::Result<(), InitError> {
    // SAFETY: by contract.
    unsafe { stubs::init(raw)? };
    event::start_thread();
    Ok(())
}

impl Interp {
    /// # Safety
    /// `raw` is a live interpreter of this thread.
    pub(crate) unsafe fn from_raw(raw: *mut stubs::Interp) -> Interp {
        Interp(NonNull::new(raw).expect("Tcl passed no interpreter"))
    }

    pub(crate) fn as_ptr(self) -> *mut stubs::Interp {
        self.0.as_ptr()
    }

    pub fn preserve(self) -> Preserved {
        // SAFETY: a live interpreter.
        unsafe { stubs::preserve(self.as_ptr().cast()) };
        Preserved(self)
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
            Error::New { message, code } => {
                self.set_result(&Obj::from(message.as_str()));
                let code = Error::code_obj(&code);
                // SAFETY: Tcl takes its own reference.
                unsafe { stubs::set_obj_error_code(self.as_ptr(), code.as_ptr()) };
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
        // SAFETY: all values are live during the call.
        let stored = unsafe {
            stubs::obj_set_var2(
                self.as_ptr(),
                name.as_ptr(),
                element.map_or(ptr::null_mut(), Obj::as_ptr),
                value.as_ptr(),
                stubs::GLOBAL_ONLY | stubs::LEAVE_ERR_MSG,
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
        struct Restore(Interp, *mut core::ffi::c_void);
        impl Drop for Restore {
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
    pub(crate) fn error_code(self) -> Option<Obj> {
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

/// Tcl's form of a text has no zero byte, so this cannot fail in practice.
pub(crate) fn c_string(text: &str) -> Result<CString> {
    CString::new(text::encode(text, stubs::nine()).into_owned())
        .map_err(|_| Error::new("a name cannot hold a zero byte", &["NATS", "ErrInternal"]))
}
