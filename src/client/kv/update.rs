//! Changing buckets that exist, and creating them where they do not.

use std::future::Future;

use super::bucket;
use super::configuration::{read, replace};
use super::differences::{differences, Difference};
use super::handle::Bucket;
use super::manage::{create_complete, status, IN_USE};
use super::names;
use super::options::CreateOptions;
use crate::client::error::{Code, Error, Result};
use crate::client::jetstream::{lost_feature, units, JetStream, Json, JsonExt};

/// What is to be otherwise with a bucket. All else stays as it is, whoever has set it.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    pub options: CreateOptions,
    /// Fields that the configuration shall not have any more, as the API calls them.
    pub removed: Vec<&'static str>,
    /// Any server that has the data shall answer reads: mends buckets of early clients.
    pub allow_direct: bool,
}

impl Changes {
    /// # Errors
    /// `InvalidArg`
    fn check(&self, bucket: &str) -> Result<()> {
        names::check_bucket(bucket)?;
        self.options.check_no_mirror()?;
        self.options.check()
    }

    /// The fields that are set.
    fn fields(&self) -> Json {
        let mut fields = self.options.fields();
        if self.allow_direct {
            fields.insert("allow_direct".into(), true.into());
        }
        fields
    }

    /// The configuration with the changes.
    fn applied_to(&self, mut config: Json) -> Json {
        for field in &self.removed {
            config.shift_remove(*field);
        }
        for (field, mut value) in self.fields() {
            if let ("metadata", Some(metadata)) = (&*field, value.as_object_mut()) {
                keep_servers(metadata, config.object("metadata"));
            }
            config.insert(field, value);
        }
        config
    }

    /// What a configuration has otherwise than it was asked to have.
    fn missing_in(&self, got: &Json, asked: &Json) -> Vec<Difference> {
        let set = self.fields();
        let mut found = differences(got, asked);
        found.retain(|difference| {
            let field = difference.field();
            set.contains_key(field) || self.removed.contains(&field)
        });
        found
    }
}

/// Servers have metadata of their own, which nobody else sets.
pub(crate) fn keep_servers(metadata: &mut Json, existing: Option<&Json>) {
    let existing = existing.into_iter().flatten();
    for (key, value) in existing.filter(|(key, _)| key.starts_with("_nats.")) {
        metadata.entry(key).or_insert_with(|| value.clone());
    }
}

/// Changes a bucket. The result is its state, as [`Bucket::status`] tells it.
///
/// # Errors
/// `InvalidArg` for a malformed name or option; `BucketNotFound`; `NotSupported` for what the server does not know;
/// `JsResponse`, such as 500/10052 for what cannot be changed; those of [`JetStream::api`].
pub fn update(
    js: &JetStream,
    name: &str,
    changes: &Changes,
) -> impl Future<Output = Result<Json>> + Send + 'static {
    let checked = changes.check(name);
    let (js, name, changes) = (js.clone(), name.to_owned(), changes.clone());
    async move {
        checked?;
        let info = change(&js.for_one_call(), &name, &changes).await?;
        Ok(status(&name, info))
    }
}

/// Changes a bucket, or creates it with what is given if there is none.
///
/// # Errors
/// Those of [`update`], but for `BucketNotFound`; 400/10058 if the bucket's stream exists and is no bucket.
pub fn create_or_update(
    js: &JetStream,
    name: &str,
    changes: &Changes,
) -> impl Future<Output = Result<Bucket>> + Send + 'static {
    let checked = changes.check(name);
    let config = bucket::bucket(name, &changes.options);
    let (js, name, changes) = (js.clone(), name.to_owned(), changes.clone());
    async move {
        checked?;
        let info = change_or_create(&js.for_one_call(), &name, &changes, config?).await?;
        Ok(Bucket::new(js, name, &info))
    }
}

async fn change_or_create(
    js: &JetStream,
    name: &str,
    changes: &Changes,
    config: Json,
) -> Result<Json> {
    match change(js, name, changes).await {
        Err(error) if error.code == Code::BucketNotFound => {}
        outcome => return outcome,
    }
    let created = Box::pin(create_complete(js, &format!("bucket {name}"), config)).await;
    match created {
        Err(error) if error.code == IN_USE => match change(js, name, changes).await {
            // It is no bucket that has the name.
            Err(still) if still.code == Code::BucketNotFound => Err(error),
            outcome => outcome,
        },
        outcome => outcome,
    }
}

/// Reads the configuration, changes it, sends it, and looks whether all of it was taken.
async fn change(js: &JetStream, bucket: &str, changes: &Changes) -> Result<Json> {
    let asked = changes.fields();
    js.check_features(&asked).await?;
    let config = changes.applied_to(read(js, bucket).await?);
    let mut info = replace(js, bucket, &config).await?;
    if let Some(got) = info.object("config") {
        let missing = changes.missing_in(got, &config);
        if !missing.is_empty() {
            return Err(not_taken(
                bucket,
                &missing,
                lost_feature(&asked, got).map(|f| f.missing()),
            ));
        }
    }
    units::stream_to_ms(&mut info);
    Ok(info)
}

/// The error of a server that has left out what it was to change.
fn not_taken(bucket: &str, missing: &[Difference], feature: Option<Error>) -> Error {
    let missing: Vec<String> = missing.iter().map(Difference::to_string).collect();
    let feature = feature
        .map(|error| error.message + ": ")
        .unwrap_or_default();
    let missing = missing.join("; ");
    let message = format!("{feature}bucket {bucket} was updated without it: {missing}");
    Error::new(Code::NotSupported, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;
    use std::time::Duration;

    fn json(text: &str) -> Json {
        serde_json::from_str(text).unwrap()
    }

    fn applied(changes: &Changes, config: &str) -> String {
        Value::Object(changes.applied_to(json(config))).to_string()
    }

    #[test]
    fn only_what_is_given_changes() {
        let changes = Changes {
            options: CreateOptions {
                history: Some(5),
                ttl: Some(Duration::from_secs(60)),
                ..CreateOptions::default()
            },
            removed: vec!["description"],
            allow_direct: true,
        };
        assert_eq!(
            applied(
                &changes,
                r#"{"name":"KV_b","description":"d","max_msgs_per_subject":1,"max_age":0,"storage":"memory",
                    "duplicate_window":120000000000,"new_in_2.99":[1],"allow_atomic":true}"#
            ),
            concat!(
                r#"{"name":"KV_b","max_msgs_per_subject":5,"max_age":60000000000,"storage":"memory","#,
                r#""duplicate_window":60000000000,"new_in_2.99":[1],"allow_atomic":true,"allow_direct":true}"#
            )
        );
    }

    #[test]
    fn the_servers_metadata_stay() {
        let changes = Changes {
            options: CreateOptions {
                metadata: Some(vec![("a".into(), "2".into())]),
                ..CreateOptions::default()
            },
            ..Changes::default()
        };
        assert_eq!(
            applied(
                &changes,
                r#"{"metadata":{"a":"1","b":"1","_nats.level":"0"}}"#
            ),
            r#"{"metadata":{"a":"2","_nats.level":"0"}}"#
        );
        let removed = Changes {
            removed: vec!["metadata"],
            ..Changes::default()
        };
        assert_eq!(
            applied(&removed, r#"{"metadata":{"a":"1","_nats.level":"0"}}"#),
            "{}"
        );
    }

    #[test]
    fn what_a_server_has_left_out() {
        let changes = Changes {
            options: CreateOptions {
                history: Some(5),
                max_value_size: Some(0),
                ..CreateOptions::default()
            },
            removed: vec!["description"],
            ..Changes::default()
        };
        let asked = changes.applied_to(Json::new());
        let missing = |got| {
            let found = changes.missing_in(&json(got), &asked);
            found.iter().map(Difference::to_string).collect::<Vec<_>>()
        };
        assert!(missing(r#"{"max_msgs_per_subject":5,"max_msg_size":-1,"max_age":9}"#).is_empty());
        assert_eq!(
            missing(r#"{"max_msgs_per_subject":1,"description":"d"}"#),
            [
                "max_msgs_per_subject (-history) is 1, not 5",
                "description is d, not unset"
            ]
        );
    }
}
