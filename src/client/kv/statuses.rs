//! The states of all buckets at once.

use std::future::Future;

use super::manage::status;
use super::subjects::bucket_of;
use crate::client::error::Result;
use crate::client::jetstream::{JetStream, Json, JsonExt};

/// The states of all buckets, as [`Bucket::status`](super::Bucket::status) tells each, by name, in the server's order.
/// Those whose servers are out of reach are left out.
///
/// # Errors
/// Those of [`JetStream::api`].
pub fn statuses(
    js: &JetStream,
) -> impl Future<Output = Result<Vec<(String, Json)>>> + Send + 'static {
    let streams = js.stream_infos(None);
    async move { Ok(streams.await?.into_iter().filter_map(of_bucket).collect()) }
}

fn of_bucket(info: Json) -> Option<(String, Json)> {
    let config = info.object("config")?;
    let history = config.number("max_msgs_per_subject").unwrap_or(0);
    let bucket = bucket_of(config.text("name")?).filter(|_| history >= 1)?;
    let bucket = bucket.to_owned();
    let status = status(&bucket, info);
    Some((bucket, status))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_a_bucket() {
        let bucket = |config: &str| {
            let info = format!(r#"{{"config":{config},"state":{{"messages":3}}}}"#);
            let found = of_bucket(serde_json::from_str(&info).unwrap());
            found.map(|(bucket, status)| (bucket, status.number("values")))
        };
        let found = Some(("b".to_owned(), Some(3)));
        assert_eq!(bucket(r#"{"name":"KV_b","max_msgs_per_subject":1}"#), found);
        assert_eq!(bucket(r#"{"name":"KV_b","max_msgs_per_subject":-1}"#), None);
        assert_eq!(bucket(r#"{"name":"KV_b"}"#), None);
        assert_eq!(bucket(r#"{"name":"b","max_msgs_per_subject":1}"#), None);
        assert_eq!(bucket("{}"), None);
    }
}
