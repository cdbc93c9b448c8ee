//! What a stream that exists has otherwise than one that was asked for.

use std::fmt;

use serde_json::Value;

use crate::client::jetstream::{units, Json};

/// What the options of the create methods are called where the server has another word.
const OPTIONS: [(&str, &str); 6] = [
    ("max_msgs_per_subject", "-history"),
    ("max_age", "-ttl"),
    ("max_msg_size", "-max_value_size"),
    ("max_bytes", "-max_bucket_size"),
    ("subject_delete_marker_ttl", "-limit_marker_ttl"),
    ("allow_msg_counter", "-counters"),
];

/// Fields in nanoseconds.
const DURATIONS: [&str; 3] = ["max_age", "duplicate_window", "subject_delete_marker_ttl"];

/// Longer values are cut in messages.
const LONGEST_VALUE: usize = 200;

/// A field of a configuration that differs.
#[derive(Debug)]
pub(super) struct Difference {
    field: String,
    existing: Option<Value>,
    asked: Option<Value>,
}

/// The fields that differ between the configuration of a stream and one that was asked for.
///
/// A server fills in its defaults, and later ones have more fields than this client knows. What is absent,
/// false, empty, 0 or -1 on both sides is therefore the same: no limit, or a feature that is off.
pub(super) fn differences(existing: &Json, asked: &Json) -> Vec<Difference> {
    let added = existing.keys().filter(|field| !asked.contains_key(*field));
    let fields = asked.keys().chain(added);
    let pairs = fields.map(|field| (field, existing.get(field), asked.get(field)));
    pairs
        .filter(|(field, existing, asked)| !same(field, *existing, *asked))
        .map(|(field, existing, asked)| Difference {
            field: field.clone(),
            existing: existing.cloned(),
            asked: asked.cloned(),
        })
        .collect()
}

impl Difference {
    pub(super) fn field(&self) -> &str {
        &self.field
    }

    /// Whether a client mends it when it creates a bucket that exists ([ADR-8]): early ones made buckets that
    /// drop old keys when they are full, and that only their leader reads.
    ///
    /// [ADR-8]: https://github.com/nats-io/nats-architecture-and-design/blob/main/adr/ADR-8.md
    pub(super) fn is_mendable(&self) -> bool {
        matches!(&*self.field, "allow_direct" | "discard")
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.field)?;
        let option = OPTIONS.iter().find(|(field, _)| *field == self.field);
        if let Some((_, option)) = option {
            write!(f, " ({option})")?;
        }
        let text = |value| readable(&self.field, value);
        let (existing, asked) = (text(self.existing.as_ref()), text(self.asked.as_ref()));
        write!(f, " is {existing}, not {asked}")
    }
}

fn readable(field: &str, value: Option<&Value>) -> String {
    let text = match value {
        None | Some(Value::Null) => return "unset".to_owned(),
        Some(Value::Object(object)) => {
            let own = object.iter().filter(|(field, _)| !is_servers(field));
            let own = own.map(|(field, value)| (field.clone(), value.clone()));
            Value::Object(own.collect()).to_string()
        }
        Some(Value::String(text)) if !text.is_empty() => text.clone(),
        Some(value) => match value.as_i64().filter(|ns| *ns > 0) {
            Some(ns) if DURATIONS.contains(&field) => format!("{} ms", units::ms_from_ns(ns)),
            _ => value.to_string(),
        },
    };
    match text.char_indices().nth(LONGEST_VALUE) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

fn same(field: &str, one: Option<&Value>, two: Option<&Value>) -> bool {
    match (one, two) {
        (Some(Value::Object(one)), Some(Value::Object(two))) => same_fields(one, two),
        (Some(Value::Array(one)), Some(Value::Array(two))) => {
            one.len() == two.len()
                && one
                    .iter()
                    .zip(two)
                    .all(|(one, two)| same(field, Some(one), Some(two)))
        }
        _ => one == two || (is_unset(field, one) && is_unset(field, two)),
    }
}

fn same_fields(one: &Json, two: &Json) -> bool {
    let mut fields = one.keys().chain(two.keys());
    fields.all(|field| is_servers(field) || same(field, one.get(field), two.get(field)))
}

/// A server adds metadata of its own.
fn is_servers(field: &str) -> bool {
    field.starts_with("_nats.")
}

/// Whether a value says no more than its absence.
fn is_unset(field: &str, value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null | Value::Bool(false)) => true,
        Some(Value::Bool(true)) => false,
        Some(Value::Number(number)) => match number.as_i64() {
            Some(1) => field == "num_replicas",
            number => matches!(number, Some(0 | -1)),
        },
        Some(Value::String(text)) => match &**text {
            "" => true,
            "none" => field == "compression",
            "default" => field == "persist_mode",
            _ => false,
        },
        Some(Value::Array(items)) => items.is_empty(),
        Some(Value::Object(object)) => same_fields(object, &Json::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn differing(existing: &str, asked: &str) -> Vec<String> {
        let json = |text| serde_json::from_str(text).unwrap();
        let found = differences(&json(existing), &json(asked));
        found.iter().map(Difference::to_string).collect()
    }

    const NONE: [&str; 0] = [];

    #[test]
    fn defaults_of_the_server_are_no_differences() {
        let existing = r#"{"name":"KV_b","subjects":["$KV.b.>"],"max_consumers":-1,"max_msgs":-1,"max_bytes":-1,
            "max_age":0,"max_msg_size":-1,"num_replicas":1,"compression":"none","consumer_limits":{},
            "metadata":{"_nats.level":"0","_nats.req.level":"0"},"sealed":false,"mirror_direct":false,
            "placement":{"cluster":""},"persist_mode":"default","sources":null,"description":""}"#;
        let asked = r#"{"name":"KV_b","subjects":["$KV.b.>"],"max_bytes":0,"num_replicas":0}"#;
        assert_eq!(differing(existing, asked), NONE);
    }

    #[test]
    fn what_differs_is_named_with_both_values() {
        let existing = r#"{"max_msgs_per_subject":1,"max_age":60000000000,"storage":"file","max_bytes":-1,
            "description":"old","num_replicas":3,"metadata":{"a":"1","_nats.ver":"2"}}"#;
        let asked = r#"{"max_msgs_per_subject":7,"storage":"memory","max_bytes":1000,"num_replicas":1,
            "metadata":{"a":"2"}}"#;
        assert_eq!(
            differing(existing, asked),
            [
                "max_msgs_per_subject (-history) is 1, not 7",
                "storage is file, not memory",
                "max_bytes (-max_bucket_size) is -1, not 1000",
                "num_replicas is 3, not 1",
                r#"metadata is {"a":"1"}, not {"a":"2"}"#,
                "max_age (-ttl) is 60000 ms, not unset",
                "description is old, not unset",
            ]
        );
        assert_eq!(
            differing(r#"{"description":""}"#, r#"{"description":"new"}"#),
            [r#"description is "", not new"#]
        );
    }

    #[test]
    fn origins() {
        let existing = r#"{"sources":[{"name":"KV_o","external":{"api":"a","deliver":""},
            "subject_transforms":[{"src":"x","dest":"y"}]}]}"#;
        let asked = r#"{"sources":[{"name":"KV_o","external":{"api":"a"},"subject_transforms":[{"src":"x","dest":"y"}]}]}"#;
        assert_eq!(differing(existing, asked), NONE);
        let other =
            r#"{"sources":[{"name":"KV_o","subject_transforms":[{"src":"x","dest":"z"}]}]}"#;
        assert!(differing(existing, other)[0].starts_with(r#"sources is [{"name":"KV_o","#));
        assert_eq!(differing(r#"{"mirror":{"name":"m"}}"#, "{}").len(), 1);
        let long = format!(r#"{{"description":"{}"}}"#, "ä".repeat(500));
        assert!(differing(&long, "{}")[0].len() < 500);
    }

    #[test]
    fn what_clients_mend() {
        let json = |text| serde_json::from_str(text).unwrap();
        let found = differences(
            &json(r#"{"discard":"old","max_age":1}"#),
            &json(r#"{"discard":"new","allow_direct":true}"#),
        );
        let mendable: Vec<_> = found.iter().map(Difference::is_mendable).collect();
        assert_eq!(mendable, [true, true, false]);
    }

    #[test]
    fn fuzz_configurations() {
        let samples = [
            r#"{"max_age":-1,"metadata":{"_nats.x":"1"},"sources":[{"name":"a"}]}"#,
            r#"{"num_replicas":1,"compression":"none","placement":{"cluster":""}}"#,
        ];
        fuzz::texts(&samples, |text| {
            if let Ok(config) = serde_json::from_str(text) {
                assert!(differences(&config, &config).is_empty(), "{text}");
                for difference in differences(&config, &Json::new()) {
                    assert!(!difference.to_string().is_empty());
                }
            }
        });
    }
}
