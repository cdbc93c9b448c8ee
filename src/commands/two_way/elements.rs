//! What the script has made of the elements of an array.
//!
//! A trace tells which element was set or unset. Traces of the script's own run before and after it, and may set the
//! element once more, of which Tcl tells nobody: so the element is looked at again when the command that has set it is
//! over.

use super::super::coding::Coding;
use super::super::watched_array::WatchedArray;
use crate::client::kv::writeback::{Change, Operation, Writer};
use crate::client::kv::{Bucket, KeySet};
use crate::errors::{invalid_arg, raise};
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use tcl::{Interp, Obj, Result};

/// An element as it was changed.
#[derive(Clone)]
pub struct Named {
    pub name: Obj,
    /// Empty for one that was unset.
    pub value: Obj,
}

/// The elements of a two-way array.
pub struct Elements {
    pub array: Rc<WatchedArray>,
    bucket: Bucket,
    pub coding: Coding,
    /// Which keys are followed.
    watched: KeySet,
    pub writer: Writer,
    /// What each element was when it was seen last.
    seen: RefCell<HashMap<Box<str>, Obj>>,
    /// Those that were changed since they were looked at.
    touched: RefCell<Vec<Obj>>,
    /// The one that is being written by us: what traces tell of it is no change of the script's.
    masked: RefCell<Option<Obj>>,
}

impl Elements {
    pub fn new(
        array: &Rc<WatchedArray>,
        (bucket, coding): (&Bucket, &Coding),
        watched: KeySet,
        writer: Writer,
    ) -> Elements {
        Elements {
            array: array.clone(),
            bucket: bucket.clone(),
            coding: coding.clone(),
            watched,
            writer,
            seen: RefCell::default(),
            touched: RefCell::default(),
            masked: RefCell::default(),
        }
    }

    /// Remembers what is there. The script's read traces run.
    ///
    /// # Errors
    /// Those of traces.
    pub fn look(&self, interp: Interp) -> Result<()> {
        for name in self.array.names(interp)? {
            let value = self.array.get(interp, &name);
            self.saw(&name, value);
        }
        Ok(())
    }

    /// The array is gone.
    pub fn forget(&self) {
        self.seen.take();
        self.touched.take();
        self.array.script_has_run();
    }

    /// Remembers what an element is.
    pub fn saw(&self, name: &Obj, value: Option<Obj>) {
        let mut seen = self.seen.borrow_mut();
        let former = match value {
            Some(value) => seen.insert((*name.text()).into(), value),
            None => seen.remove(&*name.text()),
        };
        drop(seen);
        drop(former);
    }

    fn seen(&self, name: &Obj) -> Option<Obj> {
        self.seen.borrow().get(&*name.text()).cloned()
    }

    /// Whether an element is being written by us.
    pub fn is_masked(&self, name: &Obj) -> bool {
        let masked = self.masked.borrow();
        masked
            .as_ref()
            .is_some_and(|masked| masked.text() == name.text())
    }

    /// Writes an element, of which traces tell us nothing.
    pub fn masking<R>(&self, name: &Obj, write: impl FnOnce() -> R) -> R {
        let outer = self.masked.replace(Some(name.clone()));
        let result = write();
        self.masked.replace(outer);
        result
    }

    /// Takes an element back to what it was.
    ///
    /// # Errors
    /// Those of traces.
    pub fn restore(&self, interp: Interp, name: &Obj) -> Result<()> {
        let (former, array) = (self.seen(name), self.array.name());
        self.masking(name, || match former {
            Some(former) => interp.set_var(array, Some(name), &former),
            None => interp.unset_var(&array.text(), Some(&name.text())),
        })
    }

    /// Looks at an element later.
    pub fn touch(&self, name: &Obj) {
        self.touched.borrow_mut().push(name.clone());
    }

    /// Those that are not what they were when they were changed last. The script's read traces run.
    pub fn changed_since(&self, interp: Interp) -> Vec<Obj> {
        let mut touched = self.touched.take();
        touched.retain(|name| self.has_changed(interp, name));
        touched
    }

    /// Whether an element is not what it was when it was seen last.
    pub fn has_changed(&self, interp: Interp, name: &Obj) -> bool {
        match (self.array.get(interp, name), self.seen(name)) {
            (Some(present), Some(seen)) => !present.is_same(&seen) && present.text() != seen.text(),
            (present, seen) => present.is_some() != seen.is_some(),
        }
    }

    /// The change that an element has made, by the key as it is stored; `None` if it is no key of ours.
    ///
    /// # Errors
    /// `ErrInvalidArg`, `ErrCodec`, `ErrMaxPayload` and `ErrConnectionClosed` if it cannot be written.
    pub fn change(&self, interp: Interp, name: &Obj) -> Result<Option<(String, Change<Named>)>> {
        match self.array.get(interp, name) {
            Some(value) => self.put(interp, name, value).map(Some),
            None => Ok(self.delete(interp, name)),
        }
    }

    /// An element has this value.
    ///
    /// # Errors
    /// Those of [`Elements::change`].
    pub fn put(&self, interp: Interp, name: &Obj, value: Obj) -> Result<(String, Change<Named>)> {
        let key = self.key(interp, name)?;
        let operation = Operation::Put(self.coding.value(interp, &value)?);
        let checked = self.bucket.check_write(&self.writer, &key, &operation);
        checked.map_err(raise)?;
        let name = name.clone();
        let tag = Named { name, value };
        Ok((key, Change { operation, tag }))
    }

    /// An element is not there.
    fn delete(&self, interp: Interp, name: &Obj) -> Option<(String, Change<Named>)> {
        let key = self.key(interp, name).ok()?;
        let operation = Operation::Delete;
        let checked = self.bucket.check_write(&self.writer, &key, &operation);
        checked.ok()?;
        let (name, value) = (name.clone(), Obj::empty());
        let tag = Named { name, value };
        Some((key, Change { operation, tag }))
    }

    /// The key of an element, as it is stored. It has to lead back to that element.
    ///
    /// # Errors
    /// `ErrInvalidArg` and `ErrCodec` if the element is no key that is watched.
    pub fn key(&self, interp: Interp, name: &Obj) -> Result<String> {
        let key = self.coding.key(interp, name)?.into_owned();
        self.bucket.check_key(&key).map_err(raise)?;
        let text = name.text();
        if !self.watched.has(&key) {
            return Err(invalid_arg(format!(
                "Key \"{text}\" does not match what is watched"
            )));
        }
        if self.coding.is_plain() {
            return Ok(key);
        }
        let seen = self.coding.seen_key(interp, &key)?;
        match seen.text() == text {
            true => Ok(key),
            false => Err(invalid_arg(format!(
                "Key \"{text}\" would be seen as \"{}\"",
                seen.text()
            ))),
        }
    }
}
