//! What is wanted of each key.

use bytes::Bytes;

use crate::client::kv::store::WriteOptions;
use crate::client::kv::ttl::TimeToLive;

/// A key of a transaction.
#[derive(Debug, Clone)]
pub struct Step {
    pub key: String,
    pub action: Action,
}

/// What is done with it: what the bucket's method of that name does.
#[derive(Debug, Clone)]
pub enum Action {
    Put(Bytes, WriteOptions),
    /// If the key has no value.
    Create(Bytes, WriteOptions),
    /// If this is the latest revision; 0: if there is none.
    Update(Bytes, u64, WriteOptions),
    /// With a revision other than 0: if that is the latest.
    Delete(Option<u64>),
    /// With a revision: if that is the latest; 0: if there is none. The marker goes after a time, if one is given.
    Purge(Option<u64>, Option<TimeToLive>),
    /// Nothing, but all else only if this is the latest revision; 0: if there is none.
    Check(u64),
}
