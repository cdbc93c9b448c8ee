//! The stream configurations of buckets, aggregates and mirrors (kv.md §3).

use std::time::Duration;

use serde_json::Value;

use super::names::{self, STREAM_PREFIX};
use crate::client::error::{Error, Result};
use crate::client::jetstream::{domain_prefix, units, Json};

/// What [`CreateOptions::storage`] may be.
pub const STORAGES: &[&str] = &["memory", "file"];

/// What [`CreateOptions::compression`] may be.
pub const COMPRESSIONS: &[&str] = &["none", "s2"];

/// More revisions of a key than this no server keeps (ADR-8).
const MAX_HISTORY: i64 = 64;

/// For so long the server recognises a message it has seen.
const DUPLICATE_WINDOW: Duration = Duration::from_secs(120);

/// The options of a new bucket; what is `None` is left to the server.
#[derive(Debug, Clone, Default)]
pub struct CreateOptions {
    pub description: Option<String>,
    /// Bytes; the server takes 0 and -1 for unlimited.
    pub max_value_size: Option<i64>,
    /// Revisions kept of each key, 1 to 64; 1 by default.
    pub history: Option<i64>,
    /// For how long entries are kept; zero: for ever.
    pub ttl: Option<Duration>,
    /// Bytes.
    pub max_bucket_size: Option<u64>,
    /// One of [`STORAGES`], `file` by default.
    pub storage: Option<String>,
    pub num_replicas: Option<i64>,
    /// One of [`COMPRESSIONS`].
    pub compression: Option<String>,
    pub metadata: Option<Vec<(String, String)>>,
    /// The bucket to be mirrored. Deprecated in favour of aggregates and mirrors.
    pub mirror_name: Option<String>,
    /// The domain of the bucket to be mirrored.
    pub mirror_domain: Option<String>,
}

impl CreateOptions {
    fn check(&self) -> Result<()> {
        let texts = [
            ("description", &self.description),
            ("mirror_name", &self.mirror_name),
            ("mirror_domain", &self.mirror_domain),
        ];
        for (name, value) in texts {
            if value.as_ref().is_some_and(String::is_empty) {
                return Err(bad_value("valid_str option", name, ""));
            }
        }
        if let Some(history) = self.history {
            if !(1..=MAX_HISTORY).contains(&history) {
                let value = format!("{history}; allowed values: 1 to {MAX_HISTORY}");
                return Err(bad_value("int option", "history", &value));
            }
        }
        check_word("storage", self.storage.as_deref(), STORAGES)?;
        check_word("compression", self.compression.as_deref(), COMPRESSIONS)?;
        if self.metadata.as_ref().is_some_and(Vec::is_empty) {
            return Err(bad_value("metadata option", "metadata", ""));
        }
        Ok(())
    }

    /// Aggregates and mirrors get their origins otherwise.
    fn check_no_mirror(&self) -> Result<()> {
        if self.mirror_name.is_some() {
            return Err(Error::invalid_arg("Unknown option mirror_name"));
        }
        if self.mirror_domain.is_some() {
            return Err(Error::invalid_arg("Unknown option mirror_domain"));
        }
        Ok(())
    }
}

/// A bucket, or part of one, to be mirrored or aggregated.
#[derive(Debug, Clone, Default)]
pub struct Origin {
    pub bucket: String,
    /// The stream to read from if it is not the bucket's own, but a mirror.
    pub stream: Option<String>,
    /// Key patterns; none means all keys.
    pub keys: Vec<String>,
    /// The API prefix of the origin's domain or account.
    pub api: Option<String>,
    /// The delivery subject imported from there; of no use without `api`.
    pub deliver: Option<String>,
}

impl Origin {
    fn stream(&self) -> String {
        match &self.stream {
            Some(stream) => stream.clone(),
            None => stream_name(&self.bucket),
        }
    }

    /// As a source of an aggregate: keys move from this bucket's subjects to the aggregate's.
    fn source(&self, aggregate: &str) -> Value {
        let all = [">".to_owned()];
        let keys = if self.keys.is_empty() {
            &all[..]
        } else {
            &self.keys
        };
        self.described(transforms(keys, &self.bucket, aggregate))
    }

    /// As the origin of a mirror, which keeps the subjects.
    fn mirrored(&self) -> Value {
        self.described(transforms(&self.keys, &self.bucket, &self.bucket))
    }

    fn described(&self, transforms: Vec<Value>) -> Value {
        let external = self.api.as_deref().map(|api| {
            let deliver = self.deliver.as_deref().map(Value::from);
            object([("api", Some(api.into())), ("deliver", deliver)])
        });
        object([
            ("name", Some(self.stream().into())),
            (
                "subject_transforms",
                (!transforms.is_empty()).then(|| transforms.into()),
            ),
            ("external", external),
        ])
    }
}

/// The name of the stream that is a bucket.
pub fn stream_name(bucket: &str) -> String {
    format!("{STREAM_PREFIX}{bucket}")
}

/// The stream of a bucket.
pub(super) fn bucket(name: &str, options: &CreateOptions) -> Result<Json> {
    names::check_bucket(name)?;
    options.check()?;
    Ok(match &options.mirror_name {
        None => stream(stream_name(name), Data::Own(name), options),
        Some(origin) => {
            let origin = Origin {
                bucket: origin.clone(),
                api: options.mirror_domain.as_deref().map(domain_prefix),
                ..Origin::default()
            };
            stream(stream_name(name), Data::Mirror(origin.mirrored()), options)
        }
    })
}

/// The stream of an aggregate. A read-only one listens on no subject.
pub(super) fn aggregate(
    name: &str,
    writable: bool,
    origins: &[Origin],
    options: &CreateOptions,
) -> Result<Json> {
    if origins.is_empty() {
        return Err(Error::invalid_arg("An aggregate needs at least one origin"));
    }
    options.check_no_mirror()?;
    names::check_bucket(name)?;
    options.check()?;
    let sources = origins.iter().map(|origin| origin.source(name)).collect();
    let data = Data::Sources {
        sources,
        writable: writable.then_some(name),
    };
    Ok(stream(stream_name(name), data, options))
}

/// The stream of a mirror, which is no bucket.
pub(super) fn mirror(name: &str, origin: &Origin, options: &CreateOptions) -> Result<Json> {
    options.check_no_mirror()?;
    names::check_mirror(name)?;
    options.check()?;
    let data = Data::Mirror(origin.mirrored());
    Ok(stream(name.to_owned(), data, options))
}

/// Where the data of a stream comes from.
enum Data<'a> {
    /// What is published to the keys of this bucket.
    Own(&'a str),
    Mirror(Value),
    /// Other streams, and for a writable aggregate also what is published.
    Sources {
        sources: Vec<Value>,
        writable: Option<&'a str>,
    },
}

fn stream(name: String, data: Data<'_>, options: &CreateOptions) -> Json {
    let (bucket, mirror, sources) = match data {
        Data::Own(bucket) => (Some(bucket), None, None),
        Data::Mirror(mirror) => (None, Some(mirror), None),
        Data::Sources { sources, writable } => (writable, None, Some(sources)),
    };
    let ttl = options.ttl.filter(|ttl| !ttl.is_zero());
    let window = ttl.map_or(DUPLICATE_WINDOW, |ttl| ttl.min(DUPLICATE_WINDOW));
    let metadata = options.metadata.as_ref().map(|pairs| {
        let pairs = pairs.iter().cloned();
        pairs.map(|(key, text)| (key, text.into())).collect()
    });
    let text = |text: &Option<String>| text.clone().map(Value::from);
    fields([
        ("name", Some(name.into())),
        (
            "subjects",
            bucket.map(|bucket| vec![format!("$KV.{bucket}.>")].into()),
        ),
        ("description", text(&options.description)),
        ("retention", Some("limits".into())),
        ("discard", Some("new".into())),
        (
            "max_msgs_per_subject",
            Some(options.history.unwrap_or(1).into()),
        ),
        ("max_age", options.ttl.map(units::ns)),
        ("max_msg_size", options.max_value_size.map(Value::from)),
        ("max_bytes", options.max_bucket_size.map(Value::from)),
        (
            "storage",
            Some(options.storage.as_deref().unwrap_or("file").into()),
        ),
        (
            "num_replicas",
            Some(options.num_replicas.unwrap_or(1).into()),
        ),
        ("duplicate_window", Some(units::ns(window))),
        ("allow_rollup_hdrs", Some(true.into())),
        ("deny_delete", Some(true.into())),
        ("deny_purge", Some(false.into())),
        ("allow_direct", Some(true.into())),
        ("mirror_direct", mirror.is_some().then(|| true.into())),
        ("compression", text(&options.compression)),
        ("metadata", metadata.map(Value::Object)),
        ("mirror", mirror),
        ("sources", sources.map(Value::from)),
    ])
}

/// Subject transforms that carry keys from one bucket's subjects to another's.
fn transforms(keys: &[String], from: &str, to: &str) -> Vec<Value> {
    keys.iter()
        .map(|key| {
            let src = format!("$KV.{from}.{key}");
            let dest = format!("$KV.{to}.{}", numbered_wildcards(key));
            object([("src", Some(src.into())), ("dest", Some(dest.into()))])
        })
        .collect()
}

/// A destination refers to the wildcards of its source by number; only `>` stays as it is.
fn numbered_wildcards(pattern: &str) -> String {
    let mut number = 0;
    let tokens = pattern.split('.').map(|token| match token {
        "*" => {
            number += 1;
            format!("{{{{wildcard({number})}}}}")
        }
        _ => token.to_owned(),
    });
    tokens.collect::<Vec<_>>().join(".")
}

/// The fields that have a value.
fn fields<const N: usize>(fields: [(&str, Option<Value>); N]) -> Json {
    fields
        .into_iter()
        .filter_map(|(key, value)| Some((key.to_owned(), value?)))
        .collect()
}

fn object<const N: usize>(entries: [(&str, Option<Value>); N]) -> Value {
    fields(entries).into()
}

fn check_word(name: &str, value: Option<&str>, allowed: &[&str]) -> Result<()> {
    match value {
        Some(value) if !allowed.contains(&value) => {
            let value = format!("{value}; allowed values: {}", allowed.join(" "));
            Err(bad_value("enum", name, &value))
        }
        _ => Ok(()),
    }
}

fn bad_value(kind: &str, name: &str, value: &str) -> Error {
    Error::invalid_arg(format!("Invalid value for the {kind} {name} : {value}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::error::Code;

    fn json(config: Json) -> String {
        Value::Object(config).to_string()
    }

    fn refused(result: Result<Json>) -> String {
        let error = result.unwrap_err();
        assert_eq!(error.code, Code::InvalidArg);
        error.message
    }

    fn origin(bucket: &str, keys: &[&str]) -> Origin {
        Origin {
            bucket: bucket.into(),
            keys: keys.iter().map(|key| (*key).to_owned()).collect(),
            ..Origin::default()
        }
    }

    #[test]
    fn a_plain_bucket() {
        assert_eq!(
            json(bucket("b", &CreateOptions::default()).unwrap()),
            concat!(
                r#"{"name":"KV_b","subjects":["$KV.b.>"],"retention":"limits","discard":"new","#,
                r#""max_msgs_per_subject":1,"storage":"file","num_replicas":1,"#,
                r#""duplicate_window":120000000000,"allow_rollup_hdrs":true,"deny_delete":true,"#,
                r#""deny_purge":false,"allow_direct":true}"#
            )
        );
    }

    #[test]
    fn all_options() {
        let options = CreateOptions {
            description: Some("d".into()),
            max_value_size: Some(-1),
            history: Some(64),
            ttl: Some(Duration::from_secs(10)),
            max_bucket_size: Some(1000),
            storage: Some("memory".into()),
            num_replicas: Some(0),
            compression: Some("s2".into()),
            metadata: Some(vec![("z".into(), "1".into()), ("a".into(), "ä".into())]),
            ..CreateOptions::default()
        };
        assert_eq!(
            json(bucket("b", &options).unwrap()),
            concat!(
                r#"{"name":"KV_b","subjects":["$KV.b.>"],"description":"d","retention":"limits","#,
                r#""discard":"new","max_msgs_per_subject":64,"max_age":10000000000,"#,
                r#""max_msg_size":-1,"max_bytes":1000,"storage":"memory","num_replicas":0,"#,
                r#""duplicate_window":10000000000,"allow_rollup_hdrs":true,"deny_delete":true,"#,
                r#""deny_purge":false,"allow_direct":true,"compression":"s2","#,
                r#""metadata":{"z":"1","a":"ä"}}"#
            )
        );
    }

    #[test]
    fn a_ttl_of_zero_is_none() {
        let options = CreateOptions {
            ttl: Some(Duration::ZERO),
            ..CreateOptions::default()
        };
        let config = bucket("b", &options).unwrap();
        assert_eq!(config["max_age"], Value::from(0));
        assert_eq!(config["duplicate_window"], Value::from(120_000_000_000_i64));
    }

    #[test]
    fn a_mirror_bucket_of_the_old_kind() {
        let mut options = CreateOptions {
            mirror_name: Some("o".into()),
            ..CreateOptions::default()
        };
        let config = bucket("b", &options).unwrap();
        assert_eq!(config["mirror"].to_string(), r#"{"name":"KV_o"}"#);
        assert_eq!(config["mirror_direct"], Value::from(true));
        assert!(!config.contains_key("subjects"));
        options.mirror_domain = Some("hub".into());
        assert_eq!(
            bucket("b", &options).unwrap()["mirror"].to_string(),
            r#"{"name":"KV_o","external":{"api":"$JS.hub.API"}}"#
        );
        options.mirror_name = None;
        assert!(!bucket("b", &options).unwrap().contains_key("mirror"));
    }

    #[test]
    fn options_out_of_range() {
        let refuse = |set: fn(&mut CreateOptions)| {
            let mut options = CreateOptions::default();
            set(&mut options);
            refused(bucket("b", &options))
        };
        assert_eq!(
            refuse(|o| o.history = Some(65)),
            "Invalid value for the int option history : 65; allowed values: 1 to 64"
        );
        refuse(|o| o.history = Some(0));
        refuse(|o| o.description = Some(String::new()));
        refuse(|o| o.mirror_domain = Some(String::new()));
        refuse(|o| o.metadata = Some(Vec::new()));
        assert_eq!(
            refuse(|o| o.storage = Some("ram".into())),
            "Invalid value for the enum storage : ram; allowed values: memory file"
        );
        refuse(|o| o.compression = Some("zip".into()));
    }

    #[test]
    fn aggregates() {
        let origins = [
            origin("o", &["new.>", "*.cfg.>"]),
            Origin {
                stream: Some("m".into()),
                api: Some("$JS.hub.API".into()),
                deliver: Some("d".into()),
                ..origin("p", &[])
            },
        ];
        let config = aggregate("a", true, &origins, &CreateOptions::default()).unwrap();
        assert_eq!(config["subjects"].to_string(), r#"["$KV.a.>"]"#);
        assert_eq!(
            config["sources"].to_string(),
            concat!(
                r#"[{"name":"KV_o","subject_transforms":["#,
                r#"{"src":"$KV.o.new.>","dest":"$KV.a.new.>"},"#,
                r#"{"src":"$KV.o.*.cfg.>","dest":"$KV.a.{{wildcard(1)}}.cfg.>"}]},"#,
                r#"{"name":"m","subject_transforms":[{"src":"$KV.p.>","dest":"$KV.a.>"}],"#,
                r#""external":{"api":"$JS.hub.API","deliver":"d"}}]"#
            )
        );
        let config = aggregate("a", false, &origins, &CreateOptions::default()).unwrap();
        assert!(!config.contains_key("subjects"));
        assert!(!config.contains_key("mirror_direct"));
    }

    #[test]
    fn aggregates_refuse() {
        let with_mirror = CreateOptions {
            mirror_name: Some("o".into()),
            ..CreateOptions::default()
        };
        let some = [origin("o", &[])];
        assert_eq!(
            refused(aggregate("a", true, &[], &with_mirror)),
            "An aggregate needs at least one origin"
        );
        assert_eq!(
            refused(aggregate("a b", true, &some, &with_mirror)),
            "Unknown option mirror_name"
        );
        refused(aggregate("a b", true, &some, &CreateOptions::default()));
    }

    #[test]
    fn mirrors() {
        let plain = mirror("m", &origin("o", &[]), &CreateOptions::default()).unwrap();
        assert_eq!(plain["name"], Value::from("m"));
        assert_eq!(plain["mirror"].to_string(), r#"{"name":"KV_o"}"#);
        assert_eq!(plain["mirror_direct"], Value::from(true));
        assert!(!plain.contains_key("subjects"));
        let partial = Origin {
            stream: Some("n".into()),
            deliver: Some("ignored without api".into()),
            ..origin("o", &["*.a.*"])
        };
        assert_eq!(
            mirror("m", &partial, &CreateOptions::default()).unwrap()["mirror"].to_string(),
            concat!(
                r#"{"name":"n","subject_transforms":[{"src":"$KV.o.*.a.*","#,
                r#""dest":"$KV.o.{{wildcard(1)}}.a.{{wildcard(2)}}"}]}"#
            )
        );
        refused(mirror("KV_m", &partial, &CreateOptions::default()));
    }
}
