//! Origins that buckets get and lose while they exist.
//!
//! A source is never changed: the server takes one with other filters for a new one, and copies everything again.

use std::future::Future;

use serde_json::Value;

use super::bucket::Origin;
use super::configuration::{read, replace};
use super::handle::Bucket;
use super::names;
use crate::client::error::{Error, Result};
use crate::client::jetstream::{units, JetStream, Json, JsonExt};

/// Lets a bucket collect what is in another one, from its first entry on, and what will be in it. The data arrives
/// later.
///
/// # Errors
/// `InvalidArg` for a malformed name; `BucketNotFound`; `JsResponse`, such as 400/10140 if it has this origin already,
/// or for a mirror; those of [`JetStream::api`].
pub fn add_origin(
    js: &JetStream,
    name: &str,
    origin: &Origin,
) -> impl Future<Output = Result<()>> + Send + 'static {
    let checked = names::check_bucket(name);
    let source = origin.source(name);
    let (js, name) = (js.clone(), name.to_owned());
    async move {
        checked?;
        let js = js.for_one_call();
        let mut config = read(&js, &name).await?;
        let mut sources = take_sources(&mut config);
        if listens_by_default(&config) {
            config.shift_remove("subjects");
        }
        sources.push(source);
        config.insert("sources".into(), sources.into());
        replace(&js, &name, &config).await.map(drop)
    }
}

/// Lets a bucket collect no more from another one, whatever filters there are. What was collected stays, unless it
/// is to be purged: then all up to the latest entry of each key that came from there is deleted. Entries that
/// others write meanwhile stay.
///
/// # Errors
/// `InvalidArg` for a malformed name, and if there is no such origin; `BucketNotFound`; those of [`JetStream::api`].
pub fn remove_origin(
    js: &JetStream,
    name: &str,
    origin: &Origin,
    purge: bool,
) -> impl Future<Output = Result<()>> + Send + 'static {
    let checked = names::check_bucket(name).and_then(|()| names::check_bucket(&origin.bucket));
    let (js, name, origin) = (js.clone(), name.to_owned(), origin.clone());
    async move {
        checked?;
        let call = js.for_one_call();
        let mut config = read(&call, &name).await?;
        let mut sources = take_sources(&mut config);
        let before = sources.len();
        sources.retain(|source| !is_from(source, &origin));
        if sources.len() == before {
            return Err(no_such_origin(&name, &origin));
        }
        if !sources.is_empty() {
            config.insert("sources".into(), sources.into());
        }
        let mut info = replace(&call, &name, &config).await?;
        if purge {
            units::stream_to_ms(&mut info);
            let bucket = Bucket::new(js, name, &info);
            Box::pin(bucket.purge_collected(&origin.stream())).await?;
        }
        Ok(())
    }
}

/// A stream without subjects and sources listens on its own name, which is no key: so does a read-only bucket that
/// has lost all of its origins.
fn listens_by_default(config: &Json) -> bool {
    let subjects = config.get("subjects").and_then(Value::as_array);
    subjects.is_some_and(|subjects| config.get("name") == subjects.first() && subjects.len() == 1)
}

fn take_sources(config: &mut Json) -> Vec<Value> {
    match config.shift_remove("sources") {
        Some(Value::Array(sources)) => sources,
        _ => Vec::new(),
    }
}

/// Whether a source reads a bucket from its stream, or from a stream that was named. Such a one may have several
/// buckets in it.
fn is_from(source: &Value, origin: &Origin) -> bool {
    let Some(source) = source.as_object() else {
        return false;
    };
    source.text("name") == Some(&*origin.stream())
        && (origin.stream.is_none() || takes_from(source, &origin.bucket))
}

fn takes_from(source: &Json, bucket: &str) -> bool {
    let subjects = format!("$KV.{bucket}.");
    let transforms = source.get("subject_transforms").and_then(Value::as_array);
    let mut origins = transforms
        .into_iter()
        .flatten()
        .filter_map(|transform| transform.as_object()?.text("src"));
    origins.all(|src| src.starts_with(&subjects))
}

fn no_such_origin(bucket: &str, origin: &Origin) -> Error {
    let stream = origin.stream();
    Error::invalid_arg(format!(
        "Bucket {bucket} has no origin {} (stream {stream})",
        origin.bucket
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_of(source: &str, bucket: &str, stream: Option<&str>) -> bool {
        let origin = Origin {
            bucket: bucket.into(),
            stream: stream.map(str::to_owned),
            ..Origin::default()
        };
        is_from(&serde_json::from_str(source).unwrap(), &origin)
    }

    #[test]
    fn streams_that_listen_on_their_names() {
        let listens = |config| listens_by_default(&serde_json::from_str(config).unwrap());
        assert!(listens(r#"{"name":"KV_b","subjects":["KV_b"]}"#));
        assert!(!listens(r#"{"name":"KV_b","subjects":["KV_b","x"]}"#));
        assert!(!listens(r#"{"name":"KV_b","subjects":["$KV.b.>"]}"#));
        assert!(!listens(r#"{"name":"KV_b"}"#));
    }

    #[test]
    fn sources_of_a_bucket() {
        let own = r#"{"name":"KV_o","subject_transforms":[{"src":"$KV.o.>","dest":"$KV.a.>"}]}"#;
        assert!(is_of(own, "o", None));
        assert!(is_of(r#"{"name":"KV_o","filter_subject":"x"}"#, "o", None));
        assert!(!is_of(own, "oo", None));
        assert!(!is_of(own, "o", Some("M")));
        assert!(!is_of("7", "o", None));
    }

    #[test]
    fn sources_of_a_stream_that_was_named() {
        let mirror = r#"{"name":"M","subject_transforms":[{"src":"$KV.o.>","dest":"$KV.a.>"}]}"#;
        assert!(is_of(mirror, "o", Some("M")));
        assert!(!is_of(mirror, "p", Some("M")));
        assert!(!is_of(mirror, "o", None));
        assert!(is_of(r#"{"name":"M"}"#, "p", Some("M")));
    }
}
