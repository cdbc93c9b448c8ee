//! Plain commands as tables of functions.

use crate::class::wrong_args;
use crate::error::{Error, Result};
use crate::guard;
use crate::interp::{c_string, Interp};
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
    pub call: fn(Interp, &[Obj]) -> Result<Obj>,
}

/// Makes the commands of a table in this interpreter.
pub fn define(interp: Interp, commands: &'static [Command]) -> Result<()> {
    for row in commands {
        let name = c_string(row.name)?;
        let data = row as *const Command as *mut c_void;
        // SAFETY: the row is static and goes with `on_command`.
        let token = unsafe {
            stubs::create_obj_command(interp.as_ptr(), name.as_ptr(), on_command, data, None)
        };
        if token.is_null() {
            return Err(Error::new(
                format!("cannot make command {}", row.name),
                &["NATS", "ErrInternal"],
            ));
        }
    }
    Ok(())
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
        interp.set_result(&(row.call)(interp, args)?);
        Ok(stubs::OK)
    })
}
