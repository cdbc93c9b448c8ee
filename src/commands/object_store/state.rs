//! What an object of the class is.

use super::running::Running;
use crate::client::object::Store;
use crate::commands::jet_stream::Shared;
use std::rc::Rc;
use tcl::Call;

/// The state of a `nats::object_store` object.
pub struct ObjectStore {
    pub store: Store,
    /// Of the object this one belongs to, as its watchers do.
    pub shared: Rc<Shared>,
    /// The calls that move bytes.
    pub running: Running,
}

/// A call of one of its methods.
pub type This<'a> = Call<'a, ObjectStore>;

impl ObjectStore {
    /// Values are text, encoded as UTF-8.
    pub fn is_text(&self) -> bool {
        self.shared.core.config.utf8_convert.get()
    }
}
