//! The public variables of objects.

use tcl::{Interp, Obj, Object, Result};

/// Writes a variable in an object's namespace: traces of the script run.
///
/// # Errors
/// Those of a trace.
pub fn set(interp: Interp, object: &Object, name: &str, value: &Obj) -> Result<()> {
    interp.set_var(&Obj::from(&*object.variable(name)), None, value)
}
