//! Creating, binding, changing, sealing, deleting and listing buckets.

use std::future::Future;

use serde_json::Value;

use super::configuration::StoreOptions;
use super::handle::{missing, Store};
use super::names::{bucket_of, check_bucket, stream_name};
use crate::client::error::Result;
use crate::client::jetstream::{JetStream, Json, JsonExt};

/// A new bucket; one that exists with the same configuration is as good.
///
/// # Errors
/// `InvalidArg` for a malformed name; `JsResponse`, such as 400/10058 if it exists with another configuration; those of
/// [`JetStream::api`].
pub fn create(
    js: &JetStream,
    bucket: &str,
    options: &StoreOptions,
) -> impl Future<Output = Result<Store>> + Send + 'static {
    let created = options
        .stream(bucket)
        .map(|config| js.create_stream(config));
    let store = Store::new(js.clone(), bucket);
    async move {
        created?.await?;
        Ok(store)
    }
}

/// A bucket that exists.
///
/// # Errors
/// `InvalidArg` for a malformed name; `BucketNotFound`; those of [`JetStream::api`].
pub fn bind(js: &JetStream, bucket: &str) -> impl Future<Output = Result<Store>> + Send + 'static {
    let info = check_bucket(bucket).map(|()| js.stream_info(&stream_name(bucket)));
    let store = Store::new(js.clone(), bucket);
    async move {
        info?.await.map_err(|error| store.missing(error))?;
        Ok(store)
    }
}

/// Changes what is given of a bucket. The result is its state, as [`Store::status`] tells it.
///
/// # Errors
/// `InvalidArg` for a malformed name; `BucketNotFound`; `JsResponse`, such as 500/10052 for what cannot be changed;
/// those of [`JetStream::api`].
pub fn update(
    js: &JetStream,
    bucket: &str,
    options: &StoreOptions,
) -> impl Future<Output = Result<Json>> + Send + 'static {
    let checked = check_bucket(bucket);
    let store = Store::new(js.for_one_call(), bucket);
    let options = options.clone();
    async move {
        checked?;
        store.reconfigure(|config| options.applied_to(config)).await
    }
}

/// Deletes a bucket with all that is in it. The result is what the server calls `success`.
///
/// # Errors
/// `InvalidArg` for a malformed name; `BucketNotFound`; those of [`JetStream::api`].
pub fn delete(js: &JetStream, bucket: &str) -> impl Future<Output = Result<bool>> + Send + 'static {
    let deleted = check_bucket(bucket).map(|()| js.delete_stream(&stream_name(bucket)));
    let bucket = bucket.to_owned();
    async move { deleted?.await.map_err(|error| missing(error, &bucket)) }
}

/// The names of all buckets, in the server's order.
///
/// # Errors
/// Those of [`JetStream::api`].
pub fn list(js: &JetStream) -> impl Future<Output = Result<Vec<String>>> + Send + 'static {
    let streams = js.stream_names(Some("$O.*.C.>"));
    async move {
        let streams = streams.await?;
        let buckets = streams.iter().filter_map(|stream| bucket_of(stream));
        Ok(buckets.map(str::to_owned).collect())
    }
}

impl Store {
    /// The state of the bucket: what the documentation lists, in its order.
    ///
    /// # Errors
    /// `BucketNotFound`; those of [`JetStream::api`].
    pub fn status(&self) -> impl Future<Output = Result<Json>> + Send + 'static {
        let info = self.js().stream_info(self.stream());
        let store = self.clone();
        async move {
            let info = info.await.map_err(|error| store.missing(error))?;
            Ok(status(store.name(), info))
        }
    }

    /// Makes the bucket one that can be read and deleted only, for ever.
    ///
    /// # Errors
    /// `BucketNotFound`; those of [`JetStream::api`].
    pub fn seal(&self) -> impl Future<Output = Result<()>> + Send + 'static {
        let store = Store::new(self.js().for_one_call(), self.name());
        async move {
            let sealed = store.reconfigure(|mut config| {
                config.insert("sealed".into(), true.into());
                config
            });
            sealed.await.map(drop)
        }
    }

    /// Reads the configuration, changes it, and sends it back. The result is the state of the bucket.
    async fn reconfigure(&self, change: impl FnOnce(Json) -> Json) -> Result<Json> {
        let info = self.js().stream_info_in_ns(self.stream()).await;
        let mut info = info.map_err(|error| self.missing(error))?;
        let config = match info.shift_remove("config") {
            Some(Value::Object(config)) => config,
            _ => Json::new(),
        };
        let info = self.js().update_stream(change(config)).await;
        Ok(status(
            self.name(),
            info.map_err(|error| self.missing(error))?,
        ))
    }
}

/// What the server's description of a stream, with durations in milliseconds, says of the bucket.
fn status(bucket: &str, mut info: Json) -> Json {
    let mut take = |key| match info.shift_remove(key) {
        Some(Value::Object(object)) => object,
        _ => Json::new(),
    };
    let (config, state) = (take("config"), take("state"));
    let value = |from: &Json, key| from.get(key).cloned().unwrap_or_else(|| 0.into());
    let text = |key| config.text(key).unwrap_or_default();
    let is_compressed = !matches!(text("compression"), "" | "none");
    let metadata = config.get("metadata").cloned();

    let mut status = Json::new();
    let mut set = |key: &str, value: Value| status.insert(key.to_owned(), value);
    set("bucket", bucket.into());
    set("description", text("description").into());
    set("ttl", value(&config, "max_age"));
    set("storage", text("storage").into());
    set("num_replicas", value(&config, "num_replicas"));
    set("bytes", value(&state, "bytes"));
    set("sealed", u8::from(config.flag("sealed")).into());
    set("is_compressed", u8::from(is_compressed).into());
    set("max_bucket_size", value(&config, "max_bytes"));
    set("metadata", metadata.unwrap_or_else(|| Json::new().into()));
    set("stream_config", config.clone().into());
    set("stream_state", state.clone().into());
    status
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states() {
        let info = r#"{"config":{"name":"OBJ_B","description":"d","max_age":1000,"storage":"file","num_replicas":1,
            "sealed":true,"compression":"s2","max_bytes":-1,"metadata":{"a":"b"}},"state":{"bytes":9},"created":"x"}"#;
        let state = Value::Object(status("B", serde_json::from_str(info).unwrap())).to_string();
        assert!(state.starts_with(concat!(
            r#"{"bucket":"B","description":"d","ttl":1000,"storage":"file","num_replicas":1,"bytes":9,"sealed":1,"#,
            r#""is_compressed":1,"max_bucket_size":-1,"metadata":{"a":"b"},"stream_config":{"#
        )));
        assert!(state.ends_with(r#""stream_state":{"bytes":9}}"#));
        let empty = Value::Object(status("B", Json::new())).to_string();
        assert!(empty.contains(r#""description":"","ttl":0,"storage":"""#));
    }
}
