//! How long an entry lives: the header `Nats-TTL` ([ADR-43]).
//!
//! [ADR-43]: https://github.com/nats-io/nats-architecture-and-design/blob/main/adr/ADR-43.md

use std::time::Duration;

use crate::client::error::{Error, Result};

/// Milliseconds; the server refuses less.
const SHORTEST: u64 = 1000;

/// Milliseconds; the server cannot count more.
const LONGEST: u64 = 9_223_372_036_000;

/// How long an entry lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeToLive {
    /// For ever, even where the bucket's entries expire.
    Never,
    For(Duration),
}

impl TimeToLive {
    /// A number of milliseconds.
    ///
    /// # Errors
    /// `InvalidArg` outside of 1000 to 9223372036000.
    pub fn from_ms(ms: u64) -> Result<TimeToLive> {
        match ms {
            SHORTEST..=LONGEST => Ok(TimeToLive::For(Duration::from_millis(ms))),
            _ => Err(Error::invalid_arg(format!(
                "A time to live has {SHORTEST} to {LONGEST} ms, or is never"
            ))),
        }
    }

    /// What the header says of it: whole seconds, rounded up. The server takes fractions and cuts them, so the
    /// entry would live for less than was asked for.
    pub(super) fn header(self) -> String {
        match self {
            TimeToLive::Never => NEVER.to_owned(),
            TimeToLive::For(time) => seconds(time).to_string(),
        }
    }

    /// Whether a server sees to it that the entry lives at least as long as a time: it raises what is shorter.
    pub(super) fn is_below(self, least: Duration) -> bool {
        match self {
            TimeToLive::Never => false,
            TimeToLive::For(time) => Duration::from_secs(seconds(time)) < least,
        }
    }

    /// What a header says, as a server reads it: `never`, a number of seconds, or a duration of the language Go,
    /// such as `1m30s`; `None` if it says nothing.
    pub(super) fn read(header: &str) -> Option<TimeToLive> {
        if header.eq_ignore_ascii_case(NEVER) {
            return Some(TimeToLive::Never);
        }
        let time = match header.parse() {
            Ok(seconds) => Duration::from_secs(seconds),
            Err(_) => go_duration(header)?,
        };
        (!time.is_zero()).then_some(TimeToLive::For(time))
    }
}

const NEVER: &str = "never";

fn seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

/// A duration in the notation of Go: numbers with units, one after the other.
fn go_duration(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut ns = 0u128;
    while !rest.is_empty() {
        let number = span(rest, |c| c.is_ascii_digit() || c == '.');
        let unit = span(&rest[number.len()..], |c| c.is_alphabetic() || c == 'µ');
        rest = &rest[number.len() + unit.len()..];
        ns = ns.checked_add(nanoseconds(number, unit_ns(unit)?)?)?;
    }
    u64::try_from(ns).ok().map(Duration::from_nanos)
}

fn span(text: &str, of: impl Fn(char) -> bool) -> &str {
    let end = text.find(|c| !of(c)).unwrap_or(text.len());
    &text[..end]
}

fn unit_ns(unit: &str) -> Option<u128> {
    Some(match unit {
        "ns" => 1,
        "us" | "µs" | "μs" => 1000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return None,
    })
}

/// A decimal number of units. Go has no more than 19 digits.
fn nanoseconds(number: &str, unit: u128) -> Option<u128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if number.len() > 20 || (whole.is_empty() && fraction.is_empty()) {
        return None;
    }
    let digits = |text: &str| match text {
        "" => Some(0),
        text => text.parse::<u128>().ok(),
    };
    let scale = 10u128.pow(u32::try_from(fraction.len()).ok()?);
    Some(digits(whole)? * unit + digits(fraction)? * unit / scale)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::error::Code;

    fn ms(ms: u64) -> TimeToLive {
        TimeToLive::For(Duration::from_millis(ms))
    }

    #[test]
    fn limits() {
        for good in [1000, 1001, 9_223_372_036_000] {
            assert_eq!(TimeToLive::from_ms(good), Ok(ms(good)));
        }
        for bad in [0, 999, 9_223_372_036_001, u64::MAX] {
            assert_eq!(
                TimeToLive::from_ms(bad).unwrap_err().code,
                Code::InvalidArg,
                "{bad}"
            );
        }
    }

    #[test]
    fn whole_seconds_never_fewer_than_asked_for() {
        let header = |time| ms(time).header();
        assert_eq!(header(1000), "1");
        assert_eq!(header(1001), "2");
        assert_eq!(header(1500), "2");
        assert_eq!(header(2000), "2");
        assert_eq!(header(9_223_372_036_000), "9223372036");
        assert_eq!(TimeToLive::Never.header(), "never");
    }

    #[test]
    fn what_is_sent_counts_for_the_least_time() {
        let minute = Duration::from_secs(60);
        assert!(ms(59_000).is_below(minute));
        assert!(!ms(59_001).is_below(minute) && !ms(60_000).is_below(minute));
        assert!(!TimeToLive::Never.is_below(minute));
        assert!(!ms(1000).is_below(Duration::ZERO));
    }

    #[test]
    fn headers() {
        for (header, time) in [
            ("30", 30_000),
            ("30s", 30_000),
            ("1m0s", 60_000),
            ("1h30m", 5_400_000),
            ("1500ms", 1500),
            ("1.5s", 1500),
            ("2s500ms", 2500),
            ("720h0m0.25s", 2_592_000_250),
        ] {
            assert_eq!(TimeToLive::read(header), Some(ms(time)), "{header}");
        }
        assert_eq!(TimeToLive::read("never"), Some(TimeToLive::Never));
        assert_eq!(TimeToLive::read("Never"), Some(TimeToLive::Never));
        for nothing in [
            "", "0", "-1", "abc", "1.5", "s", ".s", "1 s", "1d", "0s", "1..5s", "5µ",
        ] {
            assert_eq!(TimeToLive::read(nothing), None, "{nothing}");
        }
    }

    #[test]
    fn fuzz_headers() {
        fuzz::texts(&["never", "30", "1h30m0.5s", "15µs"], |header| {
            if let Some(TimeToLive::For(time)) = TimeToLive::read(header) {
                assert!(!time.is_zero());
            }
        });
    }
}
