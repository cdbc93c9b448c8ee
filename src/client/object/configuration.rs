//! The stream of a bucket.

use std::time::Duration;

use serde_json::Value;

use super::names::{check_bucket, stream_name};
use crate::client::error::Result;
use crate::client::jetstream::{units, Json, JsonExt};
use crate::client::kv::{fields, keep_servers};

/// For so long a server recognises a message it has seen, unless told otherwise.
const DUPLICATE_WINDOW: Duration = Duration::from_secs(120);

/// The options of a bucket; what is `None` is left to the server, or stays.
#[derive(Debug, Clone, Default)]
pub struct StoreOptions {
    pub description: Option<String>,
    /// For how long objects are kept; zero: for ever.
    pub ttl: Option<Duration>,
    /// Bytes; 0 and less: unlimited.
    pub max_bucket_size: Option<i64>,
    /// `file`, the default, or `memory`. Cannot be changed.
    pub storage: Option<String>,
    pub num_replicas: Option<i64>,
    /// `none` or `s2`.
    pub compression: Option<String>,
    /// Which servers shall have it, as the API has it.
    pub placement: Option<Json>,
    pub metadata: Option<Vec<(String, String)>>,
}

impl StoreOptions {
    /// The fields of what is given.
    fn fields(&self) -> Json {
        let text = |text: &Option<String>| text.clone().map(Value::from);
        let metadata = self.metadata.clone().map(|pairs| {
            let pairs = pairs.into_iter().map(|(key, text)| (key, text.into()));
            Value::Object(pairs.collect())
        });
        fields([
            ("description", text(&self.description)),
            ("max_age", self.ttl.map(units::ns)),
            (
                "max_bytes",
                self.max_bucket_size.map(limit).map(Value::from),
            ),
            ("storage", text(&self.storage)),
            ("num_replicas", self.num_replicas.map(Value::from)),
            ("compression", text(&self.compression)),
            ("placement", self.placement.clone().map(Value::from)),
            ("metadata", metadata),
        ])
    }

    /// A time limit below which the server's own window would be too long.
    fn short_ttl(&self) -> Option<Duration> {
        self.ttl
            .filter(|ttl| !ttl.is_zero() && *ttl < DUPLICATE_WINDOW)
    }

    /// The configuration of a new bucket.
    ///
    /// # Errors
    /// `InvalidArg`
    pub(super) fn stream(&self, bucket: &str) -> Result<Json> {
        check_bucket(bucket)?;
        let mut given = self.fields();
        let mut config = fields([
            ("name", Some(stream_name(bucket).into())),
            (
                "subjects",
                Some(vec![format!("$O.{bucket}.C.>"), format!("$O.{bucket}.M.>")].into()),
            ),
            ("description", given.shift_remove("description")),
            ("discard", Some("new".into())),
            (
                "storage",
                given.shift_remove("storage").or(Some("file".into())),
            ),
            (
                "num_replicas",
                given.shift_remove("num_replicas").or(Some(1.into())),
            ),
            ("allow_rollup_hdrs", Some(true.into())),
            ("allow_direct", Some(true.into())),
            ("duplicate_window", self.short_ttl().map(units::ns)),
        ]);
        config.extend(given);
        Ok(config)
    }

    /// A configuration with what is given; all else stays.
    pub(super) fn applied_to(&self, mut config: Json) -> Json {
        let window = config.number("duplicate_window").unwrap_or(0);
        let whole = u64::try_from(DUPLICATE_WINDOW.as_nanos()).unwrap_or(u64::MAX);
        match (self.ttl, self.short_ttl()) {
            (_, Some(ttl)) => drop(config.insert("duplicate_window".into(), units::ns(ttl))),
            // It was cut for an earlier limit.
            (Some(_), None) if window < whole => {
                config.insert("duplicate_window".into(), whole.into());
            }
            _ => {}
        }
        for (field, mut value) in self.fields() {
            if let ("metadata", Some(metadata)) = (&*field, value.as_object_mut()) {
                keep_servers(metadata, config.object("metadata"));
            }
            config.insert(field, value);
        }
        config
    }
}

fn limit(bytes: i64) -> i64 {
    if bytes > 0 {
        bytes
    } else {
        -1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(config: Json) -> String {
        Value::Object(config).to_string()
    }

    #[test]
    fn a_plain_bucket() {
        assert_eq!(
            json(StoreOptions::default().stream("B").unwrap()),
            concat!(
                r#"{"name":"OBJ_B","subjects":["$O.B.C.>","$O.B.M.>"],"discard":"new","storage":"file","#,
                r#""num_replicas":1,"allow_rollup_hdrs":true,"allow_direct":true}"#
            )
        );
        assert!(StoreOptions::default().stream("a b").is_err());
    }

    #[test]
    fn all_options() {
        let options = StoreOptions {
            description: Some("d".into()),
            ttl: Some(Duration::from_secs(2)),
            max_bucket_size: Some(0),
            storage: Some("memory".into()),
            num_replicas: Some(3),
            compression: Some("s2".into()),
            placement: Some(Json::from_iter([("cluster".to_owned(), "c".into())])),
            metadata: Some(vec![("k".into(), "v".into())]),
        };
        assert_eq!(
            json(options.stream("B").unwrap()),
            concat!(
                r#"{"name":"OBJ_B","subjects":["$O.B.C.>","$O.B.M.>"],"description":"d","discard":"new","#,
                r#""storage":"memory","num_replicas":3,"allow_rollup_hdrs":true,"allow_direct":true,"#,
                r#""duplicate_window":2000000000,"max_age":2000000000,"max_bytes":-1,"compression":"s2","#,
                r#""placement":{"cluster":"c"},"metadata":{"k":"v"}}"#
            )
        );
    }

    #[test]
    fn changes() {
        let config = |text: &str| serde_json::from_str::<Json>(text).unwrap();
        let ttl = |ms| StoreOptions {
            ttl: Some(Duration::from_millis(ms)),
            ..StoreOptions::default()
        };
        let existing = config(r#"{"max_age":0,"duplicate_window":120000000000,"x":1}"#);
        let nothing = StoreOptions::default();
        assert_eq!(nothing.applied_to(existing.clone()), existing);
        let short = ttl(2000).applied_to(existing.clone());
        assert_eq!(short["duplicate_window"], 2_000_000_000_u64);
        assert_eq!(ttl(0).applied_to(short), existing);
        let long = config(r#"{"max_age":0,"duplicate_window":900000000000}"#);
        let longer = ttl(900_000).applied_to(long);
        assert_eq!(longer["duplicate_window"], 900_000_000_000_u64);
    }

    #[test]
    fn metadata_of_the_server_stays() {
        let existing = r#"{"metadata":{"_nats.level":"1","a":"b"}}"#;
        let changed = StoreOptions {
            metadata: Some(vec![("c".into(), "d".into())]),
            ..StoreOptions::default()
        };
        let changed = changed.applied_to(serde_json::from_str(existing).unwrap());
        assert_eq!(json(changed), r#"{"metadata":{"c":"d","_nats.level":"1"}}"#);
    }
}
