//! What a bucket can do beyond [ADR-8], as the configuration of its stream says.
//!
//! Old servers take a message whose headers ask for what they do not know, and store it as a plain one. So a
//! feature that is missing has to be noticed before anything is written. What a bucket has learned of its
//! stream counts; if that says no, [`Call::able`](super::call::Call::able) asks the server once more.
//!
//! [ADR-8]: https://github.com/nats-io/nats-architecture-and-design/blob/main/adr/ADR-8.md

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::client::error::{Code, Error};
use crate::client::jetstream::{Json, JsonExt};

/// What a stream has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Features {
    /// It keeps one revision of each key, no more.
    pub one_revision: bool,
    /// How long any entry stays; zero: for ever.
    pub max_age: Duration,
    /// Entries may have a time to live of their own (`allow_msg_ttl`, server 2.11).
    pub ttl: bool,
    /// How long the markers stay that it leaves of expired keys; zero: it leaves none.
    pub marker_ttl: Duration,
    /// It takes several entries at once, all or none (`allow_atomic`, server 2.12).
    pub atomic: bool,
    /// Its values are counters (`allow_msg_counter`, server 2.12).
    pub counters: bool,
    /// It listens on subjects: a read-only aggregate has none.
    pub listens: bool,
}

impl Features {
    /// Those of a configuration whose durations are in milliseconds.
    ///
    /// A server may tell of what it does not do (2.15 writes `"allow_msg_ttl":false` everywhere).
    pub(super) fn of(config: &Json) -> Features {
        let time = |field| {
            let ms = config.number(field);
            ms.map_or(Duration::ZERO, Duration::from_millis)
        };
        Features {
            one_revision: config.number("max_msgs_per_subject") == Some(1),
            max_age: time("max_age"),
            ttl: config.flag("allow_msg_ttl"),
            marker_ttl: time("subject_delete_marker_ttl"),
            atomic: config.flag("allow_atomic"),
            counters: config.flag("allow_msg_counter"),
            listens: config
                .get("subjects")
                .and_then(|subjects| subjects.as_array())
                .is_some_and(|subjects| !subjects.is_empty()),
        }
    }

    pub(super) fn has(&self, needed: Needed) -> bool {
        match needed {
            Needed::Ttl => self.ttl,
            Needed::Atomic => self.atomic,
            Needed::Counters => self.counters,
        }
    }
}

/// What an operation needs, and a bucket may lack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Needed {
    Ttl,
    Atomic,
    Counters,
}

impl Needed {
    /// The error of a bucket that lacks it.
    pub(super) fn missing_in(self, bucket: &str) -> Error {
        let (what, options, version) = match self {
            Needed::Ttl => (
                "no time to live of single keys",
                "-allow_msg_ttl or -limit_marker_ttl",
                "2.11",
            ),
            Needed::Atomic => ("no transactions", "-allow_atomic", "2.12"),
            Needed::Counters => return no_counters(bucket),
        };
        Error::new(
            Code::NotSupported,
            format!(
                "Bucket {bucket} has {what}: that needs {options}, and server {version} or later"
            ),
        )
    }
}

/// The error of a bucket whose values are written as they are.
pub(super) fn no_counters(bucket: &str) -> Error {
    let message = format!(
        "The values of bucket {bucket} are no counters: that needs -counters when it is created"
    );
    Error::new(Code::NotCounter, message)
}

/// The error of a bucket whose values are counters.
pub(super) fn counters_only(bucket: &str) -> Error {
    let message =
        format!("The values of bucket {bucket} are counters: they change by incr and reset only");
    Error::new(Code::NotCounter, message)
}

/// What a bucket has learned of the stream that takes its writes: nothing yet, or what it heard last.
#[derive(Debug, Default)]
pub(super) struct Learned(Mutex<Option<Features>>);

impl Learned {
    pub(super) fn known(&self) -> Option<Features> {
        *self.lock()
    }

    pub(super) fn learn(&self, features: Features) {
        *self.lock() = Some(features);
    }

    /// The features, if they are known to contain this one.
    pub(super) fn with(&self, needed: Needed) -> Option<Features> {
        self.known().filter(|features| features.has(needed))
    }

    fn lock(&self) -> MutexGuard<'_, Option<Features>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn features(config: &str) -> Features {
        Features::of(&serde_json::from_str(config).unwrap())
    }

    #[test]
    fn values_count_not_presence() {
        let plain =
            features(r#"{"max_msgs_per_subject":5,"allow_msg_ttl":false,"allow_atomic":false}"#);
        assert!(!plain.one_revision && !plain.ttl && !plain.atomic && !plain.counters);
        assert!(plain.marker_ttl.is_zero() && plain.max_age.is_zero());
        assert_eq!(plain, features("{}"));
    }

    #[test]
    fn what_there_may_be() {
        let all = features(
            r#"{"max_msgs_per_subject":1,"max_age":5000,"allow_msg_ttl":true,
                "subject_delete_marker_ttl":60000,"allow_atomic":true,"allow_msg_counter":true}"#,
        );
        assert!(all.one_revision && all.ttl && all.atomic && all.counters);
        assert_eq!(all.marker_ttl, Duration::from_secs(60));
        assert_eq!(all.max_age, Duration::from_secs(5));
    }

    #[test]
    fn the_last_word_counts() {
        let learned = Learned::default();
        assert_eq!(learned.known(), None);
        learned.learn(features("{}"));
        assert!(learned.known().is_some() && learned.with(Needed::Ttl).is_none());
        learned.learn(features(r#"{"allow_msg_ttl":true}"#));
        assert!(learned.with(Needed::Ttl).is_some());
    }

    #[test]
    fn errors_say_what_it_takes() {
        let error = Needed::Ttl.missing_in("b");
        assert_eq!(error.code, Code::NotSupported);
        assert!(error.message.contains("-allow_msg_ttl") && error.message.contains("2.11"));
        let error = Needed::Atomic.missing_in("b");
        assert_eq!(error.code, Code::NotSupported);
        assert!(error.message.contains("-allow_atomic") && error.message.contains("2.12"));
        assert_eq!(Needed::Counters.missing_in("b").code, Code::NotCounter);
    }
}
