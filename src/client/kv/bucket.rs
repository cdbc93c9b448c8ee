//! The stream configurations of buckets, aggregates and mirrors.

use std::time::Duration;

use serde_json::Value;

use super::names::{self, STREAM_PREFIX};
use super::options::{duplicate_window, fields, CreateOptions};
use crate::client::error::{Error, Result};
use crate::client::jetstream::{domain_prefix, Json};

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
    pub(super) fn stream(&self) -> String {
        match &self.stream {
            Some(stream) => stream.clone(),
            None => stream_name(&self.bucket),
        }
    }

    /// As a source of an aggregate: keys move from this bucket's subjects to the aggregate's.
    pub(super) fn source(&self, aggregate: &str) -> Value {
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
    if options.counters == Some(true) {
        return Err(Error::invalid_arg(
            "A mirror does not count: -counters is an option of its origin",
        ));
    }
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
    // The server refuses counters that shall not drop the oldest increments.
    let discard = match options.counters {
        Some(true) => "old",
        _ => "new",
    };
    let mut options = options.fields();
    let mut given = |field| options.shift_remove(field);
    let mut config = fields([
        ("name", Some(name.into())),
        (
            "subjects",
            bucket.map(|bucket| vec![format!("$KV.{bucket}.>")].into()),
        ),
        ("description", given("description")),
        ("retention", Some("limits".into())),
        ("discard", Some(discard.into())),
        (
            "max_msgs_per_subject",
            given("max_msgs_per_subject").or(Some(1.into())),
        ),
        ("max_age", given("max_age")),
        ("max_msg_size", given("max_msg_size")),
        ("max_bytes", given("max_bytes")),
        ("storage", given("storage").or(Some("file".into()))),
        ("num_replicas", given("num_replicas").or(Some(1.into()))),
        (
            "duplicate_window",
            given("duplicate_window").or(Some(duplicate_window(Duration::ZERO))),
        ),
        ("allow_rollup_hdrs", Some(true.into())),
        ("deny_delete", Some(true.into())),
        ("deny_purge", Some(false.into())),
        ("allow_direct", Some(true.into())),
        ("mirror_direct", mirror.is_some().then(|| true.into())),
        ("compression", given("compression")),
        ("metadata", given("metadata")),
        ("mirror", mirror),
        ("sources", sources.map(Value::from)),
    ]);
    config.extend(options);
    config
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

fn object<const N: usize>(entries: [(&str, Option<Value>); N]) -> Value {
    fields(entries).into()
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
    fn counters() {
        let mut options = CreateOptions {
            counters: Some(true),
            ..CreateOptions::default()
        };
        let config = bucket("b", &options).unwrap();
        assert_eq!(config["allow_msg_counter"], Value::from(true));
        assert_eq!(config["discard"], Value::from("old"));
        refused(mirror("m", &origin("o", &[]), &options));
        options.limit_marker_ttl = Some(Duration::from_secs(1));
        refused(bucket("b", &options));
        options.limit_marker_ttl = None;
        options.allow_msg_ttl = Some(true);
        refused(bucket("b", &options));
        options.allow_msg_ttl = None;
        options.mirror_name = Some("o".into());
        refused(bucket("b", &options));
        options.counters = Some(false);
        let config = bucket("b", &options).unwrap();
        assert_eq!(config["discard"], Value::from("new"));
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
