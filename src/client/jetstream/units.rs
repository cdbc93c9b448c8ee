//! Milliseconds for scripts, nanoseconds for the server, and server times.

use std::time::Duration;

use serde_json::Value;
use time::format_description::well_known::Rfc3339;
use time::OffsetDateTime;

use super::api::{Json, JsonExt};

const NS_PER_MS: i64 = 1_000_000;

/// Turns the durations of a stream's configuration into milliseconds.
pub fn stream_to_ms(reply: &mut Json) {
    let Some(config) = object(reply, "config") else {
        return;
    };
    to_ms(
        config,
        &["max_age", "duplicate_window", "subject_delete_marker_ttl"],
    );
    if let Some(limits) = object(config, "consumer_limits") {
        to_ms(limits, &["inactive_threshold"]);
    }
}

/// Turns the durations of a consumer's configuration, and the rest of its pause, into milliseconds.
pub fn consumer_to_ms(reply: &mut Json) {
    to_ms(reply, &["pause_remaining"]);
    if let Some(config) = object(reply, "config") {
        to_ms(
            config,
            &[
                "ack_wait",
                "idle_heartbeat",
                "inactive_threshold",
                "backoff",
                "max_expires",
                "priority_timeout",
            ],
        );
    }
}

fn object<'a>(json: &'a mut Json, key: &str) -> Option<&'a mut Json> {
    json.get_mut(key)?.as_object_mut()
}

/// Values of 0 or less have meanings of their own ("unlimited") and stay as they are.
fn to_ms(object: &mut Json, fields: &[&str]) {
    for field in fields {
        match object.get_mut(*field) {
            Some(Value::Array(values)) => values.iter_mut().for_each(value_to_ms),
            Some(value) => value_to_ms(value),
            None => {}
        }
    }
}

fn value_to_ms(value: &mut Value) {
    if let Some(ns) = value.as_i64().filter(|ns| *ns > 0) {
        *value = ms_from_ns(ns).into();
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

/// Nanoseconds since the epoch of a time in the notation of ISO 8601, as people and scripts write it: with a blank in
/// place of the `T`, with a zone without a colon, or without a zone, which means UTC.
pub fn ns_from_iso(time: &str) -> Option<i64> {
    let (date, clock) = time.split_once(['T', ' '])?;
    let zone = clock.find(['Z', '+', '-']).unwrap_or(clock.len());
    let (clock, zone) = clock.split_at(zone);
    let zone = match zone.len() {
        0 => "Z".to_owned(),
        5 if zone.is_ascii() => format!("{}:{}", &zone[..3], &zone[3..]),
        _ => zone.to_owned(),
    };
    ns_from_time(&format!("{date}T{clock}{zone}"))
}

/// A time in the server's notation; `None` beyond the years 0 to 9999.
pub fn time_of_ns(ns: i64) -> Option<String> {
    let time = OffsetDateTime::from_unix_timestamp_nanos(ns.into()).ok()?;
    time.format(&Rfc3339).ok()
}

/// The time that comes a duration from now, in the server's notation; `None` past the year 9999.
pub fn time_after(duration: Duration) -> Option<String> {
    let time = OffsetDateTime::now_utc().checked_add(duration.try_into().ok()?)?;
    time.format(&Rfc3339).ok()
}

/// The same, of the whole second that is not before it.
pub fn second_after(duration: Duration) -> Option<String> {
    let almost = Duration::from_nanos(999_999_999);
    let time = OffsetDateTime::now_utc().checked_add(duration.try_into().ok()?)?;
    let time = time.checked_add(almost.try_into().ok()?)?;
    time.replace_nanosecond(0).ok()?.format(&Rfc3339).ok()
}

/// The time a field of a reply names, in nanoseconds since the epoch.
pub(crate) fn time_field(reply: &Json, key: &str) -> Option<i64> {
    reply.text(key).and_then(ns_from_time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_as_scripts_write_them() {
        let plain = ns_from_time("2022-11-22T13:31:35.012Z");
        assert!(plain.is_some());
        for time in [
            "2022-11-22T13:31:35.012",
            "2022-11-22 13:31:35.012Z",
            "2022-11-22 15:01:35.012+01:30",
            "2022-11-22T12:31:35.012-0100",
        ] {
            assert_eq!(ns_from_iso(time), plain, "{time}");
        }
        for time in [
            "",
            "now",
            "2022-11-22",
            "2022-13-22T13:31:35Z",
            "2022-11-22T13:31:35+1",
            "T",
            "T +é1",
        ] {
            assert_eq!(ns_from_iso(time), None, "{time}");
        }
    }

    #[test]
    fn configurations_are_converted_where_scripts_expect_it() {
        let mut reply: Json = serde_json::from_str(
            r#"{"config":{"max_age":1500000,"duplicate_window":120000000000,"x":5000000,
            "consumer_limits":{"max_ack_pending":5000000,"inactive_threshold":5000000}}}"#,
        )
        .unwrap();
        stream_to_ms(&mut reply);
        assert_eq!(
            Value::Object(reply).to_string(),
            concat!(
                r#"{"config":{"max_age":1,"duplicate_window":120000,"x":5000000,"#,
                r#""consumer_limits":{"max_ack_pending":5000000,"inactive_threshold":5}}}"#
            )
        );
        let mut reply: Json = serde_json::from_str(
            r#"{"pause_remaining":7000000,"config":{"backoff":[1000000,0,2000000],"max_expires":3000000}}"#,
        )
        .unwrap();
        consumer_to_ms(&mut reply);
        assert_eq!(
            Value::Object(reply).to_string(),
            r#"{"pause_remaining":7,"config":{"backoff":[1,0,2],"max_expires":3}}"#
        );
    }

    #[test]
    fn unlimited_absent_and_odd_values_stay() {
        let text = r#"{"config":{"max_age":0,"ack_wait":-1,"idle_heartbeat":"x","backoff":{},"consumer_limits":[]}}"#;
        let mut reply: Json = serde_json::from_str(text).unwrap();
        stream_to_ms(&mut reply);
        consumer_to_ms(&mut reply);
        assert_eq!(Value::Object(reply).to_string(), text);
        stream_to_ms(&mut Json::new());
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
        let second = second_after(hour).unwrap();
        let then = ns_from_time(&second).unwrap();
        assert!(second.ends_with('Z') && !second.contains('.'), "{second}");
        assert!(then - now >= 3_600_000_000_000 && then - now < 3_661_000_000_000);
        assert_eq!(second_after(Duration::MAX), None);
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
        let sample = r#"{"config":{"max_age":1500000,"duplicate_window":-1,"ack_wait":9223372036854775807,"backoff":[1,2],"consumer_limits":{"inactive_threshold":1}}}"#;
        fuzz::texts(&[sample], |json| {
            if let Ok(mut reply) = serde_json::from_str::<Json>(json) {
                stream_to_ms(&mut reply);
                consumer_to_ms(&mut reply);
            }
        });
    }
}
