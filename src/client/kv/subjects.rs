//! Where the entries of a bucket are read and written.

use super::bucket::stream_name;
use super::names::STREAM_PREFIX;
use crate::client::jetstream::{Json, JsonExt, DEFAULT_PREFIX};
use crate::client::subject;

/// No consumer of a bucket has a longer name.
const CONSUMER_NAME: usize = 40;

/// The subjects of a bucket, as its stream configuration determines them.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Subjects {
    /// What the subject of a stored entry has in front of its key.
    read: String,
    /// What the subject of a write has in front of the key.
    write: String,
    /// The stream that takes writes.
    taker: Taker,
}

/// A stream, and the API prefix by which it is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Taker {
    pub api: String,
    pub stream: String,
    /// What the subject of an entry that is stored there has in front of its key.
    pub prefix: String,
}

impl Subjects {
    /// A mirror holds the subjects of its origin, and its writes go to the origin.
    pub(super) fn new(api: &str, bucket: &str, config: &Json) -> Subjects {
        let own = format!("$KV.{bucket}.");
        let Some(mirror) = config.object("mirror") else {
            return Subjects {
                write: through(api, &own),
                taker: Taker {
                    api: api.to_owned(),
                    stream: stream_name(bucket),
                    prefix: own.clone(),
                },
                read: own,
            };
        };
        let stream = mirror.text("name").unwrap_or_default();
        let origin = format!("$KV.{}.", bucket_of(stream).unwrap_or(stream));
        let external = external_api(mirror);
        let write = match external {
            Some(external) => format!("{external}.{origin}"),
            None => through(api, &origin),
        };
        let taker = Taker {
            api: external.unwrap_or(api).to_owned(),
            stream: stream.to_owned(),
            prefix: origin.clone(),
        };
        let read = if renames_to(mirror, &own) {
            own
        } else {
            origin
        };
        Subjects { read, write, taker }
    }

    /// The subject under which an entry is stored.
    pub(super) fn stored(&self, key: &str) -> String {
        [&*self.read, key].concat()
    }

    /// The subject to which an entry is written.
    pub(super) fn written(&self, key: &str) -> String {
        [&*self.write, key].concat()
    }

    /// The stream that takes writes.
    pub(super) fn taker(&self) -> &Taker {
        &self.taker
    }

    /// How long a key may be so that each subject which it becomes a part of fits into a line of the
    /// protocol. The longest one is that of a write, or of the creation of a consumer, which has the name
    /// of the consumer and the filter in it.
    pub(super) fn longest_key(&self, api: &str, stream: &str) -> usize {
        let consumer = [api, ".CONSUMER.CREATE.", stream, "..", &self.read];
        let consumer = consumer.iter().map(|part| part.len()).sum::<usize>() + CONSUMER_NAME;
        subject::MAX_LENGTH.saturating_sub(consumer.max(self.write.len()))
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
        let Subjects { read, write, .. } = Subjects::new(api, "b", &config);
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

    fn taker(api: &str, config: &str) -> (String, String) {
        let config = serde_json::from_str(config).unwrap();
        let Taker { api, stream, .. } = Subjects::new(api, "b", &config).taker;
        (api, stream)
    }

    #[test]
    fn who_takes_writes() {
        assert_eq!(taker("$JS.API", "{}"), pair("$JS.API", "KV_b"));
        assert_eq!(
            taker("x.y", r#"{"mirror":{"name":"KV_o"}}"#),
            pair("x.y", "KV_o")
        );
        let config = r#"{"mirror":{"name":"KV_o","external":{"api":"$JS.hub.API"}}}"#;
        assert_eq!(taker("$JS.API", config), pair("$JS.hub.API", "KV_o"));
    }

    #[test]
    fn the_longest_key_fits_into_each_subject() {
        for (api, config) in [
            ("$JS.API", "{}"),
            ("$JS.hub.API", "{}"),
            (
                "a",
                r#"{"mirror":{"name":"KV_o","external":{"api":"a.very.long.prefix.of.another.account.and.domain"}}}"#,
            ),
        ] {
            let config = serde_json::from_str(config).unwrap();
            let subjects = Subjects::new(api, "b", &config);
            let key = "k".repeat(subjects.longest_key(api, "KV_b"));
            let name = "n".repeat(CONSUMER_NAME);
            let stored = subjects.stored(&key);
            let all = [
                subjects.written(&key),
                format!("{api}.DIRECT.GET.KV_b.{stored}"),
                format!("{api}.CONSUMER.CREATE.KV_b.{name}.{stored}"),
            ];
            let longest = all.iter().map(String::len).max();
            assert_eq!(longest, Some(subject::MAX_LENGTH));
        }
        let config = Json::new();
        let api = "a".repeat(5000);
        assert_eq!(
            Subjects::new(&api, "b", &config).longest_key(&api, "KV_b"),
            0
        );
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
