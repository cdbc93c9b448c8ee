//! Where the entries of a bucket are read and written (kv.md §2).

use super::names::STREAM_PREFIX;
use crate::client::jetstream::{Json, JsonExt, DEFAULT_PREFIX};

/// The subjects of a bucket, as its stream configuration determines them.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Subjects {
    /// What the subject of a stored entry has in front of its key.
    read: String,
    /// What the subject of a write has in front of the key.
    write: String,
}

impl Subjects {
    /// A mirror holds the subjects of its origin, and its writes go to the origin.
    pub(super) fn new(api: &str, bucket: &str, config: &Json) -> Subjects {
        let own = format!("$KV.{bucket}.");
        let Some(mirror) = config.object("mirror") else {
            return Subjects {
                write: through(api, &own),
                read: own,
            };
        };
        let stream = mirror.text("name").unwrap_or_default();
        let origin = format!("$KV.{}.", bucket_of(stream).unwrap_or(stream));
        let write = match external_api(mirror) {
            Some(external) => format!("{external}.{origin}"),
            None => through(api, &origin),
        };
        let read = if renames_to(mirror, &own) {
            own
        } else {
            origin
        };
        Subjects { read, write }
    }

    /// The subject under which an entry is stored.
    pub(super) fn stored(&self, key: &str) -> String {
        [&*self.read, key].concat()
    }

    /// The subject to which an entry is written.
    pub(super) fn written(&self, key: &str) -> String {
        [&*self.write, key].concat()
    }

    /// What stored subjects have in front of the key.
    pub(super) fn prefix(&self) -> &str {
        &self.read
    }
}

/// The bucket that a stream is, if it is one.
pub(super) fn bucket_of(stream: &str) -> Option<&str> {
    stream.strip_prefix(STREAM_PREFIX)
}

/// The API prefix by which a mirror reaches its origin, if that is elsewhere.
pub(super) fn external_api(mirror: &Json) -> Option<&str> {
    mirror
        .object("external")
        .and_then(|external| external.text("api"))
        .filter(|api| !api.is_empty())
}

/// A JetStream elsewhere takes writes under its API prefix and removes it ([ADR-19]).
///
/// [ADR-19]: https://github.com/nats-io/nats-architecture-and-design/blob/main/adr/ADR-19.md
fn through(api: &str, subject: &str) -> String {
    if api == DEFAULT_PREFIX {
        return subject.to_owned();
    }
    format!("{api}.{subject}")
}

/// Whether a mirror stores what it gets under subjects that begin with `prefix`.
fn renames_to(mirror: &Json, prefix: &str) -> bool {
    let transforms = mirror.get("subject_transforms").and_then(|t| t.as_array());
    transforms
        .into_iter()
        .flatten()
        .filter_map(|transform| transform.as_object()?.text("dest"))
        .any(|dest| dest.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefixes(api: &str, config: &str) -> (String, String) {
        let config = serde_json::from_str(config).unwrap();
        let Subjects { read, write } = Subjects::new(api, "b", &config);
        (read, write)
    }

    fn pair(read: &str, write: &str) -> (String, String) {
        (read.to_owned(), write.to_owned())
    }

    #[test]
    fn plain_buckets() {
        assert_eq!(prefixes("$JS.API", "{}"), pair("$KV.b.", "$KV.b."));
        assert_eq!(
            prefixes("$JS.hub.API", "{}"),
            pair("$KV.b.", "$JS.hub.API.$KV.b.")
        );
        assert_eq!(prefixes("x.y", "{}"), pair("$KV.b.", "x.y.$KV.b."));
    }

    #[test]
    fn mirrors_in_the_same_domain() {
        let config = r#"{"mirror":{"name":"KV_o","external":{"api":""}}}"#;
        assert_eq!(prefixes("$JS.API", config), pair("$KV.o.", "$KV.o."));
        assert_eq!(
            prefixes("$JS.hub.API", config),
            pair("$KV.o.", "$JS.hub.API.$KV.o.")
        );
    }

    #[test]
    fn mirrors_of_another_domain() {
        let config = r#"{"mirror":{"name":"KV_o","external":{"api":"$JS.hub.API"}}}"#;
        for api in ["$JS.API", "$JS.leaf.API"] {
            assert_eq!(
                prefixes(api, config),
                pair("$KV.o.", "$JS.hub.API.$KV.o."),
                "{api}"
            );
        }
    }

    #[test]
    fn only_one_prefix_is_removed_from_the_origin() {
        let origin = |name: &str| {
            let config = format!(r#"{{"mirror":{{"name":"{name}"}}}}"#);
            prefixes("$JS.API", &config).0
        };
        assert_eq!(origin("KV_KV_x"), "$KV.KV_x.");
        assert_eq!(origin("other"), "$KV.other.");
    }

    #[test]
    fn mirrors_that_rename() {
        let config = |dest| {
            format!(
                r#"{{"mirror":{{"name":"KV_o","subject_transforms":[{{"src":"$KV.o.>","dest":"{dest}"}}]}}}}"#
            )
        };
        assert_eq!(
            prefixes("$JS.API", &config("$KV.b.>")),
            pair("$KV.b.", "$KV.o.")
        );
        assert_eq!(
            prefixes("$JS.API", &config("$KV.o.>")),
            pair("$KV.o.", "$KV.o.")
        );
    }
}
