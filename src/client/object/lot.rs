//! Bytes that another thread gets together: to wake one takes as long as to copy or sum up some ten kilobytes.

use bytes::Bytes;

/// So many bytes make a lot.
pub(super) const LOT: usize = 1024 * 1024;

/// A lot that is not full yet.
#[derive(Default)]
pub(super) struct Lot {
    chunks: Vec<Bytes>,
    length: usize,
}

impl Lot {
    /// Adds a chunk, and says whether the lot is full.
    pub(super) fn add(&mut self, bytes: Bytes) -> bool {
        self.length += bytes.len();
        self.chunks.push(bytes);
        self.length >= LOT
    }

    /// What there is, as it came.
    pub(super) fn take(&mut self) -> Vec<Bytes> {
        self.length = 0;
        std::mem::take(&mut self.chunks)
    }
}
