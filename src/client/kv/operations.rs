//! Kinds of entries.

use super::entry::Operation;

/// Which operations are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Operations {
    pub put: bool,
    pub delete: bool,
    pub purge: bool,
    /// Words that this client does not know.
    pub other: bool,
}

impl Operations {
    pub const ALL: Operations = Operations {
        put: true,
        delete: true,
        purge: true,
        other: true,
    };

    pub const PUT: Operations = Operations {
        put: true,
        delete: false,
        purge: false,
        other: false,
    };

    pub fn has(&self, operation: &Operation) -> bool {
        match operation {
            Operation::Put => self.put,
            Operation::Delete => self.delete,
            Operation::Purge => self.purge,
            Operation::Other(_) => self.other,
        }
    }
}
