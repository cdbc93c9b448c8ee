//! The array variable that follows a bucket.
//!
//! The script's variable is linked, as `upvar` does, to a variable in the watcher's namespace. The link
//! is made once and follows that variable, not its name.

use super::errors::invalid_arg;
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
        interp.call(&words, Scope::Current)?;
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

    fn exists(&self, interp: Interp) -> Result<bool> {
        // The command behind the ensemble: this may run once for each entry.
        let words = [word("::tcl::array::exists"), self.name.clone()];
        Ok(interp.call(&words, Scope::Global)?.to_bool() == Some(true))
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

    /// Script has run: the array may be gone.
    pub fn script_has_run(&self) {
        self.exists_in.set(None);
    }

    /// Unsets an element if it is there: keys the array never had and elements that the script has
    /// unset are normal.
    pub fn unset(&self, interp: Interp, key: &Obj) -> Result<()> {
        self.script_has_run();
        let is_set = || interp.get_var(&self.name, Some(key)).is_some();
        match self.exists(interp)? && is_set() {
            true => interp.unset_var(&self.name.text(), Some(&key.text())),
            false => Ok(()),
        }
    }
}

fn no_array(name: &Obj) -> tcl::Error {
    invalid_arg(format!("Variable {} is not an array", name.text()))
}
