//! The public variable `last_error` of objects that work in the background.

use super::connection::Core;
use super::shape;
use crate::client::connection::Level;
use crate::client::error::Error;
use tcl::{Obj, Object};

/// Writes the variable, so that traces run, and a warning into the log: `<what> <object>: <message>`.
pub fn show(core: &Core, object: &Object, what: &str, error: &Error) {
    let Some(interp) = object.interp() else {
        return;
    };
    let text = format!("{what} {}: {}", object.name().text(), error.message);
    core.log(Level::Warn, &text);
    let name = Obj::from(&*object.variable("last_error"));
    let value = shape::last_error(Some(error));
    if let Err(error) = interp.set_var(&name, None, &value) {
        interp.background_error(error);
    }
}
