//! A bucket that exists: its name, its subjects, what of its stream matters here.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;

use super::bucket::stream_name;
use super::features::{Features, Learned};
use super::names;
use super::subjects::Subjects;
use crate::client::error::{Code, Error, Result};
use crate::client::jetstream::{JetStream, Json, JsonExt};

/// How many requests of one call may be under way at a time.
pub(super) const AT_A_TIME: usize = 64;

/// A key-value bucket. Cloning it is cheap.
#[derive(Clone)]
pub struct Bucket(Arc<Inner>);

struct Inner {
    js: JetStream,
    name: String,
    stream: String,
    subjects: Subjects,
    /// Bytes a key may have.
    longest_key: usize,
    /// Whether any server that has the data may answer reads.
    direct: bool,
    /// The newest revision that this handle has written; 0: none.
    written: AtomicU64,
    /// Whether what is written can be read here, under its revision.
    has_what_is_written: bool,
    /// When the stream was created: a bucket that was deleted and made anew has another time.
    created: String,
    /// What the stream can do that takes the writes.
    learned: Learned,
}

impl Bucket {
    /// `info` is the server's description of the bucket's stream.
    pub(super) fn new(js: JetStream, name: String, info: &Json) -> Bucket {
        let none = Json::new();
        let config = info.object("config").unwrap_or(&none);
        let stream = stream_name(&name);
        let subjects = Subjects::new(js.prefix(), &name, config);
        let bucket = Bucket(Arc::new(Inner {
            longest_key: subjects.longest_key(js.prefix(), &stream),
            stream,
            subjects,
            direct: config.flag("allow_direct"),
            written: AtomicU64::new(0),
            has_what_is_written: has_what_is_written(config),
            created: info.text("created").unwrap_or_default().to_owned(),
            learned: Learned::default(),
            js,
            name,
        }));
        bucket.learn(info);
        bucket
    }

    /// Learns of the server's description of the bucket's stream. A mirror's says nothing of its origin's.
    pub(super) fn learn(&self, info: &Json) {
        let config = info.object("config");
        if let Some(config) = config.filter(|config| !config.contains_key("mirror")) {
            self.0.learned.learn(Features::of(config));
        }
    }

    /// What is known of the stream that takes the writes.
    pub(super) fn learned(&self) -> &Learned {
        &self.0.learned
    }

    /// The name without the `KV_` of its stream.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    pub(super) fn js(&self) -> &JetStream {
        &self.0.js
    }

    pub(super) fn subjects(&self) -> &Subjects {
        &self.0.subjects
    }

    pub(super) fn stream_created(&self) -> &str {
        &self.0.created
    }

    pub(super) fn stream(&self) -> &str {
        &self.0.stream
    }

    /// Whether its writes go to another stream.
    pub(super) fn is_mirror(&self) -> bool {
        self.subjects().taker().stream != self.stream()
            || self.subjects().taker().api != self.js().prefix()
    }

    /// Whether any server that has the data may answer reads.
    pub(super) fn is_direct(&self) -> bool {
        self.0.direct
    }

    /// A write has got this revision.
    pub(super) fn wrote(&self, revision: u64) {
        if self.0.has_what_is_written {
            self.0.written.fetch_max(revision, Ordering::Relaxed);
        }
    }

    /// The newest revision that this handle has written; 0: none.
    pub(super) fn written(&self) -> u64 {
        self.0.written.load(Ordering::Relaxed)
    }

    /// That revision is one of a bucket that has been deleted.
    pub(super) fn forget_written(&self, revision: u64) {
        // Unless there is a newer one.
        let written = &self.0.written;
        let _ = written.compare_exchange(revision, 0, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Checks a key to be read or written.
    ///
    /// # Errors
    /// `InvalidArg`
    pub fn check_key(&self, key: &str) -> Result<()> {
        names::check_key(key)?;
        names::check_length("Key", key, self.0.longest_key)
    }

    /// Checks a pattern of keys.
    ///
    /// # Errors
    /// `InvalidArg`
    pub(super) fn check_pattern(&self, pattern: &str) -> Result<()> {
        names::check_pattern(pattern)?;
        names::check_length("Key pattern", pattern, self.0.longest_key)
    }
}

/// A mirror has the revisions of its origin, but if it takes only a part of them it never gets to the others.
fn has_what_is_written(config: &Json) -> bool {
    config.object("mirror").is_none_or(|mirror| {
        let has_filter = mirror
            .text("filter_subject")
            .is_some_and(|filter| !filter.is_empty());
        !has_filter && !mirror.contains_key("subject_transforms")
    })
}

/// Errors that name what is missing.
impl Bucket {
    pub(super) fn no_key(&self, key: &str) -> Error {
        Error::new(
            Code::KeyNotFound,
            format!("Key {key} not found in bucket {}", self.name()),
        )
    }

    /// The bucket is gone, for the methods that have always spelled the code without `Err`.
    pub(super) fn missing_bare(&self) -> Error {
        Error {
            code: Code::BucketNotFoundBare,
            ..not_found(self.name())
        }
    }

    /// The same error; that the stream is missing becomes `BucketNotFound`.
    pub(super) fn named(&self, error: Error) -> Error {
        match error.code {
            Code::StreamNotFound | Code::BucketNotFoundBare => not_found(self.name()),
            _ => error,
        }
    }
}

pub(super) fn not_found(bucket: &str) -> Error {
    Error::new(Code::BucketNotFound, format!("Bucket {bucket} not found"))
}
