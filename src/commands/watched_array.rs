//! The array variable that follows a bucket.
//!
//! The script's variable is linked, as `upvar` does, to a variable in the watcher's namespace. The link
//! is made once and follows that variable, not its name.

use crate::errors::invalid_arg;
use std::cell::Cell;
use tcl::event::{self, word};
use tcl::interp::Scope;
use tcl::{Interp, Obj, Object, Result};

pub struct WatchedArray {
    /// The full name of the link.
    name: Obj,
    /// The array exists for certain in this turn, in which nothing but writes of elements has happened.
    exists_in: Cell<Option<u64>>,
}

impl WatchedArray {
    /// Links the variable that `name` means in the frame of the calling command. A variable that does
    /// not exist becomes an empty array.
    ///
    /// # Errors
    /// `TCL UPVAR INVERTED` for a local variable, `TCL LOOKUP VARNAME …` for a namespace that does not
    /// exist, `ErrInvalidArg` for a variable that is no array and for an array element.
    pub fn link(interp: Interp, watcher: &Object, name: &Obj) -> Result<WatchedArray> {
        let text = name.text();
        if text.ends_with(')') && text.contains('(') {
            return Err(no_array(name));
        }
        let array = WatchedArray {
            name: Obj::from(&*watcher.variable("values_array")),
            exists_in: Cell::new(None),
        };
        let level = word("0");
        let words = [word("::upvar"), level, name.clone(), array.name.clone()];
        interp
            .call(&words, Scope::Current)
            .map_err(|error| match interp.error_code() {
                Some(code) if code.text() == LOCAL.join(" ") => local(name),
                _ => error,
            })?;
        if !array.exists(interp)? {
            let words = [word("::info"), word("exists"), array.name.clone()];
            if interp.call(&words, Scope::Global)?.to_bool() == Some(true) {
                return Err(no_array(name));
            }
            let set = word("set");
            let words = [word("::array"), set, array.name.clone(), Obj::empty()];
            interp.call(&words, Scope::Global)?;
        }
        interp.reset_result();
        Ok(array)
    }

    /// Whether there is an array at the moment.
    pub fn exists(&self, interp: Interp) -> Result<bool> {
        // The command behind the ensemble: this may run once for each entry.
        let words = [word("::tcl::array::exists"), self.name.clone()];
        Ok(interp.call(&words, Scope::Global)?.to_bool() == Some(true))
    }

    /// The full name of the link.
    pub fn name(&self) -> &Obj {
        &self.name
    }

    /// The value of an element. Traces run.
    pub fn get(&self, interp: Interp, key: &Obj) -> Option<Obj> {
        interp.get_var(&self.name, Some(key))
    }

    /// Sets an element, unless the script has unset the whole array.
    pub fn set(&self, interp: Interp, key: &Obj, value: &Obj) -> Result<()> {
        let turn = Some(event::turn());
        if self.exists_in.take() != turn && !self.exists(interp)? {
            return Ok(());
        }
        // A trace that unset the array would have taken the element along; and if it has run the event
        // loop, the turn is another one.
        if interp.set_var_intact(&self.name, Some(key), value)? {
            self.exists_in.set(turn);
        }
        Ok(())
    }

    /// Whether the array exists, as is known without asking: an element was set, and has what it was set to.
    pub fn is_certain(&self) -> bool {
        self.exists_in.get() == Some(event::turn())
    }

    /// Script has run: the array may be gone.
    pub fn script_has_run(&self) {
        self.exists_in.set(None);
    }

    /// The names of all elements; none if the array does not exist.
    ///
    /// # Errors
    /// Those of array traces.
    pub fn names(&self, interp: Interp) -> Result<Vec<Obj>> {
        self.script_has_run();
        let words = [word("::array"), word("names"), self.name.clone()];
        let names = interp.call(&words, Scope::Global)?;
        Ok(names.to_list().unwrap_or_default())
    }

    /// Unsets an element if it is there: keys the array never had and elements that the script has
    /// unset are normal.
    pub fn unset(&self, interp: Interp, key: &Obj) -> Result<()> {
        self.script_has_run();
        match self.exists(interp)? && self.get(interp, key).is_some() {
            true => interp.unset_var(&self.name.text(), Some(&key.text())),
            false => Ok(()),
        }
    }
}

/// What Tcl says of a link to a variable that is gone before the watcher is.
const LOCAL: [&str; 3] = ["TCL", "UPVAR", "INVERTED"];

/// Tcl's own message names the link.
fn local(name: &Obj) -> tcl::Error {
    let name = name.text();
    let message = format!(
        "bad variable name \"{name}\": it is local to the procedure, and gone when that returns; declare it by \
         \"global {name}\" or \"variable {name}\""
    );
    tcl::Error::new(message, &LOCAL)
}

fn no_array(name: &Obj) -> tcl::Error {
    invalid_arg(format!("Variable {} is not an array", name.text()))
}

/// Whether an element is being written, or an entry for it decoded. Traces and codecs may enter the event loop then, and
/// what comes next must wait, or its callback would come before that of this entry.
#[derive(Default)]
pub struct Writing(Cell<bool>);

impl Writing {
    pub fn is_under_way(&self) -> bool {
        self.0.get()
    }

    /// Writes, or decodes. Errors of traces and codecs go to the background.
    pub fn run(&self, interp: Interp, write: impl FnOnce() -> Result<()>) {
        let outer = self.0.replace(true);
        let written = write();
        self.0.set(outer);
        if let Err(error) = written {
            interp.background_error(error);
        }
    }
}
