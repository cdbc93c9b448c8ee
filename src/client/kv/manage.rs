//! Creating, binding, deleting, emptying and listing buckets.

use std::future::Future;

use serde_json::Value;

use super::bucket::{self, Origin};
use super::configuration::missing;
use super::differences::{differences, Difference};
use super::features::Features;
use super::handle::{not_found, Bucket};
use super::names;
use super::options::CreateOptions;
use super::subjects::{bucket_of, external_api};
use crate::client::error::{Code, Error, Result};
use crate::client::jetstream::{lost_feature, JetStream, Json, JsonExt};

/// A bucket that exists.
///
/// # Errors
/// `InvalidArg` for a malformed name; `BucketNotFound`, also for a stream that cannot be a
/// bucket; those of [`JetStream::api`].
pub fn bind(js: &JetStream, name: &str) -> impl Future<Output = Result<Bucket>> + Send + 'static {
    let info = names::check_bucket(name).map(|()| js.stream_info(&bucket::stream_name(name)));
    let (js, name) = (js.clone(), name.to_owned());
    async move {
        let info = info?.await.map_err(|error| missing(error, &name))?;
        let history = info
            .object("config")
            .and_then(|c| c.number("max_msgs_per_subject"));
        if history.unwrap_or(0) < 1 {
            return Err(not_found(&name));
        }
        Ok(Bucket::new(js, name, &info))
    }
}

/// A new bucket. One that exists with the same configuration is as good, and one that differs only in what
/// early clients set otherwise is mended.
///
/// # Errors
/// `InvalidArg` for a malformed name or option; `JsResponse`, such as 400/10058 if it exists
/// with another configuration, which says what differs; `NotSupported` for what the server does not know; those
/// of [`JetStream::api`].
pub fn create(
    js: &JetStream,
    name: &str,
    options: &CreateOptions,
) -> impl Future<Output = Result<Bucket>> + Send + 'static {
    create_stream(js, name, bucket::bucket(name, options))
}

/// A new bucket that collects what is in others, and can be written itself if `writable`. The
/// data arrives later.
///
/// # Errors
/// Those of [`create`]; `InvalidArg` without origins.
pub fn create_aggregate(
    js: &JetStream,
    name: &str,
    writable: bool,
    origins: &[Origin],
    options: &CreateOptions,
) -> impl Future<Output = Result<Bucket>> + Send + 'static {
    create_stream(
        js,
        name,
        bucket::aggregate(name, writable, origins, options),
    )
}

impl Bucket {
    /// The state of the bucket: what the documentation lists, in its order. Always asks the server; what the
    /// bucket can do is learned anew from the answer.
    ///
    /// # Errors
    /// `BucketNotFoundBare`; those of [`JetStream::api`].
    pub fn status(&self) -> impl Future<Output = Result<Json>> + Send + 'static {
        let info = self.js().stream_info(&bucket::stream_name(self.name()));
        let bucket = self.clone();
        async move {
            match info.await {
                Ok(info) => {
                    bucket.learn(&info);
                    Ok(status(bucket.name(), info))
                }
                Err(error) if error.code == Code::StreamNotFound => Err(bucket.missing_bare()),
                Err(error) => Err(error),
            }
        }
    }
}

/// Creates a mirror of a bucket: a stream that answers reads of its origin, but is no bucket.
///
/// # Errors
/// Those of [`create`].
pub fn create_mirror(
    js: &JetStream,
    name: &str,
    origin: &Origin,
    options: &CreateOptions,
) -> impl Future<Output = Result<()>> + Send + 'static {
    let config = bucket::mirror(name, origin, options);
    let (js, mirror) = (js.for_one_call(), format!("mirror {name}"));
    async move { create_complete(&js, &mirror, config?).await.map(drop) }
}

/// Deletes a bucket. The result is what the server calls `success`.
///
/// # Errors
/// `InvalidArg` for a malformed name; `BucketNotFound`; those of [`JetStream::api`].
pub fn delete(js: &JetStream, name: &str) -> impl Future<Output = Result<bool>> + Send + 'static {
    let deleted = names::check_bucket(name).map(|()| js.delete_stream(&bucket::stream_name(name)));
    let name = name.to_owned();
    async move { deleted?.await.map_err(|error| missing(error, &name)) }
}

/// Removes all entries and returns how many they were. Revisions go on.
///
/// # Errors
/// `InvalidArg` for a malformed name; `StreamNotFound`; those of [`JetStream::api`].
pub fn empty(js: &JetStream, name: &str) -> impl Future<Output = Result<u64>> + Send + 'static {
    let purged = names::check_bucket(name)
        .map(|()| js.purge_stream(&bucket::stream_name(name), &Json::new()));
    async move { purged?.await }
}

/// The names of all buckets, in the server's order.
///
/// # Errors
/// Those of [`JetStream::api`].
pub fn list(js: &JetStream) -> impl Future<Output = Result<Vec<String>>> + Send + 'static {
    let streams = js.stream_names(None);
    async move {
        let streams = streams.await?;
        let buckets = streams.iter().filter_map(|stream| bucket_of(stream));
        Ok(buckets.map(str::to_owned).collect())
    }
}

fn create_stream(
    js: &JetStream,
    name: &str,
    config: Result<Json>,
) -> impl Future<Output = Result<Bucket>> + Send + 'static {
    let (js, name) = (js.clone(), name.to_owned());
    async move {
        let bucket = format!("bucket {name}");
        let info = create_complete(&js.for_one_call(), &bucket, config?).await?;
        Ok(Bucket::new(js, name, &info))
    }
}

/// The server's word for a stream that exists with another configuration.
pub(super) const IN_USE: Code = Code::JsResponse {
    code: 400,
    err_code: 10058,
};

/// Creates a stream whose configuration may have what not all servers know.
pub(super) async fn create_complete(js: &JetStream, what: &str, config: Json) -> Result<Json> {
    js.check_features(&config).await?;
    let info = create_or_mend(js, what, config.clone()).await?;
    let lost = info
        .object("config")
        .and_then(|got| lost_feature(&config, got));
    match lost {
        Some(feature) => {
            let Error { code, message } = feature.missing();
            let message = format!("{message}: {what} exists now without it");
            Err(Error::new(code, message))
        }
        None => Ok(info),
    }
}

async fn create_or_mend(js: &JetStream, what: &str, config: Json) -> Result<Json> {
    match js.create_stream(config.clone()).await {
        Err(error) if error.code == IN_USE => Box::pin(mend(js, what, config, error)).await,
        outcome => outcome,
    }
}

/// Gives a stream that exists the configuration that was asked for, if that is all right with those who made
/// it; else the error says what differs.
async fn mend(js: &JetStream, what: &str, config: Json, error: Error) -> Result<Json> {
    let stream = config.text("name").unwrap_or_default();
    let existing = js
        .for_a_look()
        .api(&format!("STREAM.INFO.{stream}"), "")
        .await;
    let found = match &existing {
        Ok(info) => info
            .object("config")
            .map(|existing| differences(existing, &config)),
        Err(ended) if ended.code == Code::ConnectionClosed => return Err(ended.clone()),
        Err(_) => None,
    };
    let found = found.unwrap_or_default();
    if !found.is_empty() && found.iter().all(Difference::is_mendable) {
        return js.update_stream(config).await;
    }
    let found: Vec<String> = found.iter().map(Difference::to_string).collect();
    let separator = if found.is_empty() { "" } else { ": " };
    let Error { code, message } = error;
    let found = found.join("; ");
    Err(Error::new(
        code,
        format!("{message}: {what}{separator}{found}"),
    ))
}

/// What the server's description of a stream, with durations in milliseconds, says of the bucket.
pub(super) fn status(bucket: &str, mut info: Json) -> Json {
    let mut take = |key| match info.shift_remove(key) {
        Some(Value::Object(object)) => object,
        _ => Json::new(),
    };
    let (config, state) = (take("config"), take("state"));
    let value = |from: &Json, key| from.get(key).cloned().unwrap_or_else(|| 0.into());
    let compressed = config
        .text("compression")
        .is_some_and(|kind| kind != "none");
    let mirror = config.object("mirror");
    let origin = mirror.and_then(|mirror| mirror.text("name"));
    let domain = mirror.and_then(external_api).and_then(domain_of);

    let mut status = Json::new();
    let mut set = |key: &str, value: Value| status.insert(key.to_owned(), value);
    set("bucket", bucket.into());
    set("bytes", value(&state, "bytes"));
    set("history", value(&config, "max_msgs_per_subject"));
    set("ttl", value(&config, "max_age"));
    set("values", value(&state, "messages"));
    set("is_compressed", u8::from(compressed).into());
    if let Some(origin) = origin {
        set("mirror_name", bucket_of(origin).unwrap_or(origin).into());
    }
    if let Some(domain) = domain {
        set("mirror_domain", domain.into());
    }
    set("stream_config", config.clone().into());
    set("stream_state", state.clone().into());
    for (key, value) in features(&Features::of(&config)) {
        set(key, value);
    }
    status
}

/// What not all buckets have, by the names of the options.
fn features(features: &Features) -> impl Iterator<Item = (&'static str, Value)> {
    let marker_ttl = features.marker_ttl.as_millis() as u64;
    let flag = |on: bool| on.then(|| true.into());
    [
        (
            "limit_marker_ttl",
            (marker_ttl > 0).then(|| marker_ttl.into()),
        ),
        ("allow_msg_ttl", flag(features.ttl)),
        ("allow_atomic", flag(features.atomic)),
        ("counters", flag(features.counters)),
    ]
    .into_iter()
    .filter_map(|(key, value)| Some((key, value?)))
}

/// The domain that an API prefix such as `$JS.hub.API` leads to.
fn domain_of(api: &str) -> Option<&str> {
    let mut tokens = api.split('.');
    match (tokens.next(), tokens.next(), tokens.next(), tokens.next()) {
        (Some(_), Some(domain), Some("API"), None) => Some(domain),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status_of(info: &str) -> String {
        Value::Object(status("b", serde_json::from_str(info).unwrap())).to_string()
    }

    #[test]
    fn a_bucket() {
        assert_eq!(
            status_of(
                r#"{"config":{"max_msgs_per_subject":5,"max_age":1000,"compression":"s2"},
                    "created":"x","state":{"messages":3,"bytes":99,"extra":[1]}}"#
            ),
            concat!(
                r#"{"bucket":"b","bytes":99,"history":5,"ttl":1000,"values":3,"is_compressed":1,"#,
                r#""stream_config":{"max_msgs_per_subject":5,"max_age":1000,"compression":"s2"},"#,
                r#""stream_state":{"messages":3,"bytes":99,"extra":[1]}}"#
            )
        );
    }

    #[test]
    fn a_mirror() {
        let info = r#"{"config":{"max_msgs_per_subject":1,"max_age":0,"compression":"none",
            "mirror":{"name":"KV_o","external":{"api":"$JS.hub.API"}}},
            "state":{"messages":0,"bytes":0}}"#;
        let status = status_of(info);
        assert!(status.contains(
            r#""ttl":0,"values":0,"is_compressed":0,"mirror_name":"o","mirror_domain":"hub","#
        ));
    }

    #[test]
    fn features_that_are_on() {
        let info = r#"{"config":{"max_msgs_per_subject":1,"allow_msg_ttl":true,"allow_atomic":true,
            "subject_delete_marker_ttl":60000,"allow_msg_counter":true},"state":{}}"#;
        assert!(status_of(info).ends_with(
            r#""stream_state":{},"limit_marker_ttl":60000,"allow_msg_ttl":true,"allow_atomic":true,"counters":true}"#
        ));
        let off = r#"{"config":{"allow_msg_ttl":false,"subject_delete_marker_ttl":0},"state":{}}"#;
        assert!(status_of(off).ends_with(r#""stream_state":{}}"#));
    }

    #[test]
    fn domains() {
        assert_eq!(domain_of("$JS.hub.API"), Some("hub"));
        assert_eq!(domain_of("$JS.API"), None);
        assert_eq!(domain_of("a.b.c"), None);
        assert_eq!(domain_of("a.b.API.c"), None);
    }
}
