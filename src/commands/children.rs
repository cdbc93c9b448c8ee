//! Objects that are destroyed with their parent.

use std::cell::RefCell;
use tcl::Object;

#[derive(Default)]
pub struct Children(RefCell<Vec<Object>>);

impl Children {
    pub fn add(&self, child: &Object) {
        let mut children = self.0.borrow_mut();
        // Forgetting the dead now and then keeps a long-lived parent small at a constant cost a child.
        if children.len() == children.capacity() {
            children.retain(Object::is_alive);
        }
        children.push(child.clone());
    }

    /// Destroys those that still live. Their destructors may run script, which may come back here.
    pub fn destroy_all(&self) {
        for child in self.0.take() {
            child.destroy();
        }
    }
}
