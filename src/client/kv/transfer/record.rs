//! An entry on its way from one bucket to another, or to a file.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;

use crate::client::headers::Headers;
use crate::client::kv::entry::{Entry, Operation};
use crate::client::kv::names;
use crate::client::kv::ttl::TimeToLive;

/// What is stored of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) key: String,
    pub(super) value: Bytes,
    pub(super) revision: u64,
    /// When it was stored, in nanoseconds since the epoch, if that is known.
    pub(super) created_ns: Option<i64>,
    pub(super) operation: Operation,
    pub(super) ttl: Option<TimeToLive>,
    /// Headers that a client has added.
    pub(super) headers: Headers,
}

impl From<Entry> for Record {
    fn from(entry: Entry) -> Record {
        let mut headers = Headers::default();
        for (name, values) in entry.headers.iter().flat_map(|headers| headers.fields()) {
            if names::is_own_header(name) {
                values.iter().for_each(|value| headers.add(name, value));
            }
        }
        Record {
            key: entry.key().to_owned(),
            revision: entry.revision,
            created_ns: Some(entry.created_ns),
            ttl: entry.ttl,
            headers,
            operation: entry.operation,
            value: entry.value,
        }
    }
}

/// How long an entry has still to live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rest {
    /// As long as the bucket says.
    Open,
    Time(TimeToLive),
    /// It has expired.
    Over,
}

impl Record {
    /// What is left of its time.
    pub(super) fn rest(&self) -> Rest {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.map_or(0, |now| i64::try_from(now.as_nanos()).unwrap_or(i64::MAX));
        self.rest_at(now)
    }

    fn rest_at(&self, now_ns: i64) -> Rest {
        let time = match self.ttl {
            None => return Rest::Open,
            Some(TimeToLive::Never) => return Rest::Time(TimeToLive::Never),
            Some(TimeToLive::For(time)) => time,
        };
        let created = self.created_ns.unwrap_or(now_ns);
        let age = now_ns.saturating_sub(created).max(0);
        match time.checked_sub(Duration::from_nanos(age.unsigned_abs())) {
            Some(rest) if !rest.is_zero() => Rest::Time(TimeToLive::For(rest)),
            _ => Rest::Over,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: i64 = 1_000_000_000;

    #[test]
    fn what_is_left_of_a_time() {
        let rest = |ttl, created_ns, now| {
            let record = Record {
                key: "k".into(),
                value: Bytes::new(),
                revision: 1,
                created_ns,
                operation: Operation::Put,
                ttl,
                headers: Headers::default(),
            };
            record.rest_at(now)
        };
        let time = |seconds| TimeToLive::For(Duration::from_secs(seconds));
        assert_eq!(rest(None, Some(0), 9 * S), Rest::Open);
        assert_eq!(
            rest(Some(TimeToLive::Never), Some(0), 9 * S),
            Rest::Time(TimeToLive::Never)
        );
        assert_eq!(rest(Some(time(10)), Some(S), 4 * S), Rest::Time(time(7)));
        assert_eq!(rest(Some(time(10)), Some(S), 11 * S), Rest::Over);
        assert_eq!(rest(Some(time(10)), Some(S), 12 * S), Rest::Over);
        // A clock that is behind makes nothing live longer.
        assert_eq!(rest(Some(time(10)), Some(5 * S), S), Rest::Time(time(10)));
        assert_eq!(rest(Some(time(10)), None, 99 * S), Rest::Time(time(10)));
    }
}
