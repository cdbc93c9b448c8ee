//! Plain commands as tables of functions.

use crate::class::Outcome;
use crate::error::{Error, Result};
use crate::guard;
use crate::interp::{c_string, wrong_args, Interp};
use crate::stubs;
use crate::value::Obj;
use core::ffi::{c_int, c_void};
use std::ops::RangeInclusive;

/// A row of a table of commands.
pub struct Command {
    /// The fully qualified name.
    pub name: &'static str,
    /// The arguments, as "wrong # args" shows them.
    pub usage: &'static str,
    /// How many arguments there may be.
    pub args: RangeInclusive<usize>,
    pub call: fn(Interp, &[Obj]) -> Result<Outcome>,
}

/// Makes the commands of a table in this interpreter.
pub fn define(interp: Interp, commands: &'static [Command]) -> Result<()> {
    for row in commands {
        let name = c_string(row.name)?;
        let data = row as *const Command as *mut c_void;
        // SAFETY: the row is static and goes with `on_command`.
        let token = unsafe {
            let i = interp.as_ptr();
            stubs::nr_create_command(i, name.as_ptr(), on_plain_call, on_command, data, None)
        };
        if token.is_null() {
            return Err(Error::internal(format!("cannot make command {}", row.name)));
        }
    }
    Ok(())
}

/// For those who call a command's procedure themselves.
unsafe extern "C" fn on_plain_call(
    data: stubs::ClientData,
    interp: *mut stubs::Interp,
    objc: c_int,
    objv: *const *mut stubs::Obj,
) -> c_int {
    // SAFETY: what Tcl passes.
    unsafe { stubs::nr_call_obj_proc(interp, on_command, data, objc as usize, objv) }
}

unsafe extern "C" fn on_command(
    data: stubs::ClientData,
    interp: *mut stubs::Interp,
    objc: c_int,
    objv: *const *mut stubs::Obj,
) -> c_int {
    // SAFETY: Tcl passes a live interpreter; the client data is a static row.
    let (interp, row) = unsafe { (Interp::from_raw(interp), &*(data as *const Command)) };
    guard::to_interp(interp, || {
        // SAFETY: used during this call only.
        let words = unsafe { Obj::slice(objc as usize, objv) };
        let (name, args) = words.split_at(1.min(words.len()));
        if !row.args.contains(&args.len()) {
            return wrong_args(interp, name, row.usage);
        }
        Ok((row.call)(interp, args)?.leave(interp, || Box::new(|_| {})))
    })
}
