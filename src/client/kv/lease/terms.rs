//! How long an entry lasts that its holder does not renew.

use std::time::Duration;

use super::super::call::Call;
use super::super::features::{counters_only, Features};
use super::super::ttl::TimeToLive;
use crate::client::error::{Code, Error, Result};

/// How long a lease is, unless that is said.
const USUAL: Duration = Duration::from_secs(10);

/// What does not last that long is no lease: the way to the server and back takes a part of it.
const SHORTEST: Duration = Duration::from_secs(1);

/// What a holder leaves of each lease, at least: its clock and the server's do not run alike.
const MARGIN: Duration = Duration::from_millis(100);

/// On what terms a bucket keeps the entries of holders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Terms {
    /// How long the server keeps what is not renewed, at least.
    pub lasts: Duration,
    /// What entries say of it, if they have to: those of a bucket whose entries all expire do not.
    pub ttl: Option<TimeToLive>,
    /// Whether the server leaves markers of those that have expired.
    pub tells: bool,
}

impl Terms {
    /// How long a write holds, counted from the moment when it was sent.
    pub(super) fn holds(&self) -> Duration {
        let margin = MARGIN.max(self.lasts / 20);
        self.lasts.saturating_sub(margin)
    }

    /// How long the answer to a write is waited for before it is repeated.
    pub(super) fn patience(&self) -> Duration {
        (self.lasts / 4).clamp(Duration::from_millis(250), Duration::from_secs(5))
    }

    /// `wanted`: a length that was asked for.
    fn of(bucket: &str, features: &Features, wanted: Option<TimeToLive>) -> Result<Terms> {
        if features.counters {
            return Err(counters_only(bucket));
        }
        if !features.one_revision {
            return Err(unsupported(
                bucket,
                "keeps more than one revision of each key",
            ));
        }
        let tells = !features.marker_ttl.is_zero();
        match features.ttl {
            true => Terms::of_entry(bucket, features.max_age, wanted)
                .map(|terms| Terms { tells, ..terms }),
            false => Terms::of_bucket(bucket, features.max_age, wanted),
        }
    }

    /// Each entry says how long it lasts; the bucket may set a limit to all.
    fn of_entry(bucket: &str, max_age: Duration, wanted: Option<TimeToLive>) -> Result<Terms> {
        let limit = match max_age {
            Duration::ZERO => Duration::MAX,
            limit if limit < SHORTEST => return Err(too_short(bucket)),
            limit => limit,
        };
        let lasts = match wanted {
            Some(TimeToLive::For(wanted)) if wanted > limit => {
                return Err(differs(bucket, limit, "at most"))
            }
            Some(TimeToLive::For(wanted)) => whole_seconds(wanted),
            Some(TimeToLive::Never) | None => USUAL,
        };
        Ok(Terms {
            lasts: lasts.min(limit),
            ttl: Some(TimeToLive::For(lasts)),
            tells: false,
        })
    }

    /// All entries of the bucket last for the same time.
    fn of_bucket(bucket: &str, max_age: Duration, wanted: Option<TimeToLive>) -> Result<Terms> {
        match max_age {
            Duration::ZERO => Err(unsupported(
                bucket,
                "has no times to live: that needs -allow_msg_ttl or -limit_marker_ttl (server 2.11), or -ttl",
            )),
            lasts if lasts < SHORTEST => Err(too_short(bucket)),
            lasts if wanted.is_some_and(|wanted| wanted != TimeToLive::For(lasts)) => {
                Err(differs(bucket, lasts, "no other than"))
            }
            lasts => Ok(Terms {
                lasts,
                ttl: None,
                tells: false,
            }),
        }
    }
}

impl Call {
    /// On what terms the bucket keeps the entries of holders. It is asked again if it was not known to keep any.
    ///
    /// # Errors
    /// `NotSupported` if it cannot; `NotCounter`; `InvalidArg` if the length is not one of its; `BucketNotFound`; those of
    /// [`JetStream::api`](crate::client::jetstream::JetStream::api).
    pub(super) async fn terms(&self, wanted: Option<TimeToLive>) -> Result<Terms> {
        let bucket = self.bucket.name();
        if let Some(features) = self.bucket.learned().known() {
            if let Ok(terms) = Terms::of(bucket, &features, wanted) {
                return Ok(terms);
            }
        }
        let features = Box::pin(self.fresh_features()).await?;
        Terms::of(bucket, &features, wanted)
    }
}

fn whole_seconds(time: Duration) -> Duration {
    let more = u64::from(time.subsec_nanos() > 0);
    Duration::from_secs(time.as_secs() + more)
}

fn unsupported(bucket: &str, why: &str) -> Error {
    let message = format!("Bucket {bucket} is no place for locks: it {why}");
    Error::new(Code::NotSupported, message)
}

fn too_short(bucket: &str) -> Error {
    unsupported(bucket, "forgets its entries in less than a second")
}

fn differs(bucket: &str, lasts: Duration, how: &str) -> Error {
    let ms = lasts.as_millis();
    Error::invalid_arg(format!(
        "The time to live is not one that bucket {bucket} has for locks: {how} {ms} ms"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(config: &str, wanted: Option<u64>) -> std::result::Result<(u64, Option<u64>), Code> {
        let features = Features::of(&serde_json::from_str(config).unwrap());
        let wanted = wanted.map(|ms| TimeToLive::from_ms(ms).unwrap());
        let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap();
        match Terms::of("b", &features, wanted) {
            Ok(Terms { lasts, ttl, .. }) => {
                let said = ttl.map(|ttl| match ttl {
                    TimeToLive::For(time) => ms(time),
                    TimeToLive::Never => 0,
                });
                Ok((ms(lasts), said))
            }
            Err(error) => Err(error.code),
        }
    }

    #[test]
    fn entries_that_say_how_long_they_last() {
        let own = r#"{"max_msgs_per_subject":1,"allow_msg_ttl":true}"#;
        assert_eq!(terms(own, None), Ok((10_000, Some(10_000))));
        assert_eq!(terms(own, Some(1000)), Ok((1000, Some(1000))));
        assert_eq!(terms(own, Some(1500)), Ok((2000, Some(2000))));
        let limited = r#"{"max_msgs_per_subject":1,"allow_msg_ttl":true,"max_age":5500}"#;
        assert_eq!(terms(limited, None), Ok((5500, Some(10_000))));
        assert_eq!(terms(limited, Some(5200)), Ok((5500, Some(6000))));
        assert_eq!(terms(limited, Some(6000)), Err(Code::InvalidArg));
        let short = r#"{"max_msgs_per_subject":1,"allow_msg_ttl":true,"max_age":500}"#;
        assert_eq!(terms(short, None), Err(Code::NotSupported));
    }

    #[test]
    fn buckets_whose_entries_all_last_as_long() {
        let bucket = r#"{"max_msgs_per_subject":1,"max_age":1500}"#;
        assert_eq!(terms(bucket, None), Ok((1500, None)));
        assert_eq!(terms(bucket, Some(1500)), Ok((1500, None)));
        assert_eq!(terms(bucket, Some(2000)), Err(Code::InvalidArg));
        let short = r#"{"max_msgs_per_subject":1,"max_age":999}"#;
        assert_eq!(terms(short, None), Err(Code::NotSupported));
    }

    #[test]
    fn buckets_that_are_no_place_for_locks() {
        for config in [
            "{}",
            r#"{"max_msgs_per_subject":1}"#,
            r#"{"max_msgs_per_subject":5,"max_age":1000}"#,
            r#"{"max_msgs_per_subject":5,"allow_msg_ttl":true}"#,
        ] {
            assert_eq!(terms(config, None), Err(Code::NotSupported), "{config}");
        }
    }

    #[test]
    fn holders_leave_a_margin() {
        let holds = |ms| {
            let lasts = Duration::from_millis(ms);
            let terms = Terms {
                lasts,
                ttl: None,
                tells: false,
            };
            terms.holds().as_millis()
        };
        assert_eq!((holds(1000), holds(10_000)), (900, 9500));
    }
}
