//! Milliseconds for scripts, nanoseconds for the server (jetstream.md §13), and server times.

use std::time::Duration;

use serde_json::Value;
use time::format_description::well_known::Rfc3339;
use time::OffsetDateTime;

use super::api::{Json, JsonExt};

const NS_PER_MS: i64 = 1_000_000;

/// Fields of a stream configuration that scripts see in milliseconds.
pub const STREAM_DURATIONS: &[&str] = &["max_age", "duplicate_window"];

/// Fields of a consumer configuration that scripts see in milliseconds.
pub const CONSUMER_DURATIONS: &[&str] = &["ack_wait", "idle_heartbeat", "inactive_threshold"];

/// Turns the named fields of a reply's `config` into milliseconds.
///
/// Values of 0 or less have meanings of their own ("unlimited") and stay as they are.
pub fn config_to_ms(reply: &mut Json, fields: &[&str]) {
    let Some(Value::Object(config)) = reply.get_mut("config") else {
        return;
    };
    for field in fields {
        if let Some(value) = config.get_mut(*field) {
            match value.as_i64() {
                Some(ns) if ns > 0 => *value = ms_from_ns(ns).into(),
                _ => {}
            }
        }
    }
}

/// Whole milliseconds of a number of nanoseconds.
pub fn ms_from_ns(ns: i64) -> i64 {
    ns.div_euclid(NS_PER_MS)
}

/// A duration as the API wants it; what 64 bits cannot hold becomes the longest that they can.
pub fn ns(duration: Duration) -> Value {
    i64::try_from(duration.as_nanos())
        .unwrap_or(i64::MAX)
        .into()
}

/// Nanoseconds since the epoch of a time in the server's notation, which has 0 to 9 digits after
/// the second and is in UTC.
pub fn ns_from_time(time: &str) -> Option<i64> {
    let time = OffsetDateTime::parse(time, &Rfc3339).ok()?;
    i64::try_from(time.unix_timestamp_nanos()).ok()
}

/// The time that comes a duration from now, in the server's notation; `None` past the year 9999.
pub fn time_after(duration: Duration) -> Option<String> {
    let time = OffsetDateTime::now_utc().checked_add(duration.try_into().ok()?)?;
    time.format(&Rfc3339).ok()
}

/// The time a field of a reply names, in nanoseconds since the epoch.
pub(crate) fn time_field(reply: &Json, key: &str) -> Option<i64> {
    reply.text(key).and_then(ns_from_time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configurations_are_converted_where_scripts_expect_it() {
        let mut reply: Json = serde_json::from_str(
            r#"{"config":{"max_age":1500000,"duplicate_window":120000000000,"x":5000000}}"#,
        )
        .unwrap();
        config_to_ms(&mut reply, STREAM_DURATIONS);
        assert_eq!(
            Value::Object(reply).to_string(),
            r#"{"config":{"max_age":1,"duplicate_window":120000,"x":5000000}}"#
        );
    }

    #[test]
    fn unlimited_absent_and_odd_values_stay() {
        let text = r#"{"config":{"max_age":0,"ack_wait":-1,"idle_heartbeat":"x"}}"#;
        let mut reply: Json = serde_json::from_str(text).unwrap();
        config_to_ms(&mut reply, STREAM_DURATIONS);
        config_to_ms(&mut reply, CONSUMER_DURATIONS);
        assert_eq!(Value::Object(reply).to_string(), text);
        config_to_ms(&mut Json::new(), STREAM_DURATIONS);
    }

    #[test]
    fn durations() {
        assert_eq!(ns(Duration::from_millis(5000)).to_string(), "5000000000");
        assert_eq!(ns(Duration::MAX), Value::from(i64::MAX));
    }

    #[test]
    fn times_to_come() {
        let hour = Duration::from_secs(3600);
        let now = ns_from_time(&time_after(Duration::ZERO).unwrap()).unwrap();
        let then = ns_from_time(&time_after(hour).unwrap()).unwrap();
        assert!(then - now >= 3_600_000_000_000 && then - now < 3_660_000_000_000);
        assert_eq!(time_after(Duration::MAX), None);
    }

    #[test]
    fn times_are_truncated_never_rounded() {
        let ms = |time| ns_from_time(time).map(ms_from_ns);
        assert_eq!(ms("2022-11-22T13:31:35.4514983Z"), Some(1_669_123_895_451));
        assert_eq!(ms("2022-11-22T13:31:35.0129Z"), Some(1_669_123_895_012));
        assert_eq!(
            ms("2022-11-22T13:31:35.999999999Z"),
            Some(1_669_123_895_999)
        );
        assert_eq!(ms("2022-11-22T13:31:35Z"), Some(1_669_123_895_000));
        assert_eq!(ms("2022-11-22T14:31:35+01:00"), Some(1_669_123_895_000));
        assert_eq!(ms("yesterday"), None);
    }

    #[test]
    fn fuzz_times() {
        let samples = [
            "2022-11-22T13:31:35.4514983Z",
            "1970-01-01T00:00:00Z",
            "2262-04-11T23:47:16.854775807Z",
            "9999-12-31T23:59:59.999999999+14:00",
        ];
        fuzz::texts(&samples, |time| {
            if let Some(ns) = ns_from_time(time) {
                // Cut, never rounded: a shorter fraction is not later.
                assert!(ms_from_ns(ns) <= ns.div_euclid(NS_PER_MS) + 1);
                assert!(time.len() >= "2022-11-22T13:31:35Z".len(), "{time}");
            }
        });
    }

    #[test]
    fn fuzz_configurations() {
        let sample = r#"{"config":{"max_age":1500000,"duplicate_window":-1,"ack_wait":9223372036854775807}}"#;
        fuzz::texts(&[sample], |json| {
            if let Ok(mut reply) = serde_json::from_str::<Json>(json) {
                config_to_ms(&mut reply, STREAM_DURATIONS);
                config_to_ms(&mut reply, CONSUMER_DURATIONS);
            }
        });
    }
}
