//! What has been read.

use crate::client::kv::entry::Entry;

/// Keys as they were at one moment.
#[derive(Debug)]
pub struct Snapshot {
    /// The revision of the bucket at that moment.
    pub revision: u64,
    /// The latest entry of each key, by revision, deletions included.
    pub entries: Vec<Entry>,
}

impl Snapshot {
    pub(super) fn empty(revision: u64) -> Snapshot {
        Snapshot {
            revision,
            entries: Vec::new(),
        }
    }
}
