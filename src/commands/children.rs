//! Objects that are destroyed with their parent.

use crate::errors::invalid_arg;
use std::cell::{Cell, RefCell};
use tcl::{Object, Result};

pub struct Children {
    /// What the parent is, for messages.
    parent: &'static str,
    list: RefCell<Vec<Object>>,
    /// The parent is destroyed.
    orphaned: Cell<bool>,
}

impl Children {
    pub fn of(parent: &'static str) -> Children {
        Children {
            parent,
            list: RefCell::default(),
            orphaned: Cell::new(false),
        }
    }

    /// To be called before script can know of the child.
    ///
    /// # Errors
    /// `ErrInvalidArg` if the parent was destroyed, maybe while the child's maker was suspended.
    pub fn add(&self, child: &Object) -> Result<()> {
        if self.orphaned.get() {
            return Err(invalid_arg(format!(
                "The {} object was destroyed meanwhile",
                self.parent
            )));
        }
        let mut children = self.list.borrow_mut();
        // Forgetting the dead now and then keeps a long-lived parent small at a constant cost a child.
        if children.len() == children.capacity() {
            children.retain(Object::is_alive);
        }
        children.push(child.clone());
        Ok(())
    }

    /// Destroys those that still live. Their destructors may run script, which may come back here.
    pub fn destroy_all(&self) {
        self.orphaned.set(true);
        for child in self.list.take() {
            child.destroy();
        }
    }
}
