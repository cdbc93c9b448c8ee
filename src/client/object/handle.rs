//! A bucket that exists: its name, its subjects, how to reach it.

use std::sync::Arc;
use std::time::Duration;

use super::names::{self, stream_name};
use crate::client::error::{Code, Error, Result};
use crate::client::jetstream::JetStream;

/// A bucket of objects. Cloning it is cheap.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    js: JetStream,
    name: String,
    stream: String,
}

impl Store {
    pub(super) fn new(js: JetStream, name: &str) -> Store {
        Store(Arc::new(Inner {
            js,
            name: name.to_owned(),
            stream: stream_name(name),
        }))
    }

    /// The name without the `OBJ_` of its stream.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The time limit of its calls; zero: none.
    pub fn timeout(&self) -> Duration {
        self.js().timeout()
    }

    pub(super) fn js(&self) -> &JetStream {
        &self.0.js
    }

    pub(super) fn stream(&self) -> &str {
        &self.0.stream
    }

    /// Another bucket of the same JetStream, whether it exists or not.
    ///
    /// # Errors
    /// `InvalidArg`
    pub(super) fn sibling(&self, bucket: &str) -> Result<Store> {
        names::check_bucket(bucket)?;
        Ok(Store::new(self.js().clone(), bucket))
    }

    /// The subject of the chunks of a nuid.
    pub(super) fn chunks(&self, nuid: &str) -> String {
        names::chunks(self.name(), nuid)
    }

    /// The subject of the meta of an object.
    pub(super) fn meta(&self, name: &str) -> String {
        names::meta(self.name(), name)
    }
}

/// Errors that name what is meant.
impl Store {
    /// That there is no stream means that there is no bucket.
    pub(super) fn missing(&self, error: Error) -> Error {
        missing(error, self.name())
    }
}

pub(super) fn missing(error: Error, bucket: &str) -> Error {
    match error.code {
        Code::StreamNotFound => no_bucket(bucket),
        _ => error,
    }
}

pub(super) fn no_bucket(bucket: &str) -> Error {
    let message = format!("Bucket {bucket} not found");
    Error::new(Code::BucketNotFound, message)
}

pub(super) fn no_object(name: &str) -> Error {
    let message = format!("Object {name} not found");
    Error::new(Code::ObjectNotFound, message)
}

pub(super) fn exists(name: &str) -> Error {
    let message = format!("Object {name} already exists");
    Error::new(Code::ObjectExists, message)
}

/// What of an object does not fit: `digest`, `chunks` or `meta`; `why` says more.
pub(super) fn corrupt(name: &str, what: &'static str, why: &str) -> Error {
    let message = format!("Object {name}: {why}");
    Error::new(Code::ObjectCorrupt(what), message)
}

pub(super) fn conflict(name: &str, revision: u64) -> Error {
    let message = format!("wrong last sequence: object {name} has revision {revision}");
    Error::new(Code::WrongLastSequence, message)
}
