//! What a script has made of a key.

use bytes::Bytes;

/// What a key is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    Put(Bytes),
    Delete,
}

impl Operation {
    /// The word scripts see.
    pub fn as_str(&self) -> &'static str {
        match self {
            Operation::Put(_) => "PUT",
            Operation::Delete => "DEL",
        }
    }
}

/// A change of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change<T> {
    pub operation: Operation,
    /// What the owner knows it by.
    pub tag: T,
}
