//! What is stored of an object beside its bytes: JSON, which others write, too, and not all in the same way.
//!
//! Reading takes whatever makes sense: fields that are missing or null have their defaults, those that are not known stay
//! when it is written again. Writing has one form, for other clients are not as lenient.

use bytes::Bytes;
use serde_json::Value;

use super::names::is_nuid;
use crate::client::jetstream::{Json, JsonExt};

/// The fields in the order in which they are written. What is empty is left out, but for the required ones.
const FIELDS: [&str; 11] = [
    "name",
    "description",
    "headers",
    "metadata",
    "options",
    "bucket",
    "nuid",
    "size",
    "chunks",
    "digest",
    "deleted",
];

/// Fields that are always written.
const REQUIRED: [&str; 6] = ["name", "bucket", "nuid", "size", "chunks", "digest"];

/// The meta of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meta(Json);

/// An object as it was found: its meta, and what the server says of that.
#[derive(Debug, Clone)]
pub struct Info {
    pub bucket: String,
    pub meta: Meta,
    /// The sequence of the meta in the stream.
    pub revision: u64,
    /// When the meta was stored, in ms since the epoch.
    pub mtime: i64,
}

/// What a link leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    pub bucket: String,
    /// None: the bucket as a whole.
    pub name: Option<String>,
}

/// Pairs of texts.
pub type Texts = Vec<(String, String)>;

/// Names with their values.
pub type Lists = Vec<(String, Vec<String>)>;

/// Reading.
impl Meta {
    /// The meta in a message; none if it is not one: no object, without a name, or with a nuid that would stand for
    /// other subjects.
    pub(super) fn read(payload: &[u8]) -> Option<Meta> {
        let mut fields: Json = serde_json::from_slice(payload).ok()?;
        fields.retain(|_, value| !value.is_null());
        // When the server stored it is what counts.
        fields.shift_remove("mtime");
        if let Some(Value::Object(options)) = fields.get_mut("options") {
            options.retain(|_, value| !value.is_null());
        }
        let meta = Meta(fields);
        let is_good = !meta.name().is_empty() && (meta.nuid().is_empty() || is_nuid(meta.nuid()));
        is_good.then_some(meta)
    }

    pub fn name(&self) -> &str {
        self.text("name")
    }

    pub fn description(&self) -> &str {
        self.text("description")
    }

    /// What the chunks are called; empty for links of some clients.
    pub fn nuid(&self) -> &str {
        self.text("nuid")
    }

    /// Bytes.
    pub fn size(&self) -> u64 {
        self.0.number("size").unwrap_or(0)
    }

    pub fn chunks(&self) -> u64 {
        self.0.number("chunks").unwrap_or(0)
    }

    /// Bytes of a chunk but the last one; 0 if that is not known, or there are none.
    pub fn chunk_size(&self) -> u64 {
        let options = self.0.object("options");
        options
            .and_then(|options| options.number("max_chunk_size"))
            .unwrap_or(0)
    }

    pub fn digest(&self) -> &str {
        self.text("digest")
    }

    pub fn is_deleted(&self) -> bool {
        self.0.flag("deleted")
    }

    /// Where it leads, if it is a link.
    pub fn link(&self) -> Option<Target> {
        let link = self.0.object("options")?.object("link")?;
        let name = link.text("name").filter(|name| !name.is_empty());
        Some(Target {
            bucket: link.text("bucket")?.to_owned(),
            name: name.map(str::to_owned),
        })
    }

    /// Whether there are chunks that belong to it.
    pub(super) fn has_chunks(&self) -> bool {
        !self.is_deleted() && self.link().is_none() && !self.nuid().is_empty()
    }

    pub fn headers(&self) -> Lists {
        let headers = self.0.object("headers").into_iter().flatten();
        headers
            .map(|(name, values)| {
                let values = match values {
                    Value::Array(values) => values.iter().filter_map(Value::as_str).collect(),
                    Value::String(value) => vec![&**value],
                    _ => Vec::new(),
                };
                let values = values.into_iter().map(str::to_owned);
                (name.clone(), values.collect())
            })
            .collect()
    }

    pub fn metadata(&self) -> Texts {
        let metadata = self.0.object("metadata").into_iter().flatten();
        metadata
            .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
            .collect()
    }

    fn text(&self, field: &str) -> &str {
        self.0.text(field).unwrap_or_default()
    }
}

/// Writing.
impl Meta {
    /// One of nothing.
    pub(super) fn new(bucket: &str, name: &str, nuid: &str) -> Meta {
        let mut meta = Meta(Json::new());
        meta.set("name", name.into());
        meta.set("bucket", bucket.into());
        meta.set_content(nuid, 0, 0, String::new());
        meta
    }

    /// Which chunks belong to it. The size is in bytes.
    pub(super) fn set_content(&mut self, nuid: &str, size: u64, chunks: u64, digest: String) {
        self.set("nuid", nuid.into());
        self.set("size", size.into());
        self.set("chunks", chunks.into());
        self.set("digest", digest.into());
    }

    pub(super) fn set_name(&mut self, name: &str) {
        self.set("name", name.into());
    }

    pub(super) fn set_description(&mut self, description: &str) {
        self.set("description", description.into());
    }

    pub(super) fn set_headers(&mut self, headers: &Lists) {
        let headers = headers.iter().cloned();
        let headers: Json = headers
            .map(|(name, values)| (name, values.into()))
            .collect();
        self.set("headers", headers.into());
    }

    pub(super) fn set_metadata(&mut self, metadata: &Texts) {
        let metadata = metadata.iter().cloned();
        let metadata: Json = metadata.map(|(key, text)| (key, text.into())).collect();
        self.set("metadata", metadata.into());
    }

    pub(super) fn set_chunk_size(&mut self, size: u64) {
        self.set_option("max_chunk_size", size.into());
    }

    pub(super) fn set_link(&mut self, target: &Target) {
        let mut link = Json::new();
        link.insert("bucket".into(), (&*target.bucket).into());
        if let Some(name) = &target.name {
            link.insert("name".into(), (&**name).into());
        }
        self.set_option("link", link.into());
    }

    /// The same object, deleted, under a nuid that may be another one.
    pub(super) fn deleted(&self, nuid: &str) -> Meta {
        let mut meta = self.clone();
        meta.set_content(nuid, 0, 0, String::new());
        meta.set("deleted", true.into());
        meta
    }

    fn set(&mut self, field: &str, value: Value) {
        self.0.insert(field.to_owned(), value);
    }

    fn set_option(&mut self, option: &str, value: Value) {
        let options = self
            .0
            .entry("options")
            .or_insert_with(|| Json::new().into());
        if let Value::Object(options) = options {
            options.insert(option.to_owned(), value);
        }
    }

    /// The payload of its message.
    pub(super) fn write(&self) -> Bytes {
        let mut rest = self.0.clone();
        let mut ordered = Json::new();
        for field in FIELDS {
            let value = rest.shift_remove(field);
            match value.filter(|value| REQUIRED.contains(&field) || !is_empty(value)) {
                Some(value) => drop(ordered.insert(field.to_owned(), value)),
                None if REQUIRED.contains(&field) => {
                    let none = match field {
                        "size" | "chunks" => Value::from(0),
                        _ => Value::from(""),
                    };
                    ordered.insert(field.to_owned(), none);
                }
                None => {}
            }
        }
        ordered.extend(rest);
        // Writing a map with string keys into memory cannot fail.
        serde_json::to_vec(&ordered).unwrap_or_default().into()
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        Value::Object(object) => object.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Meta {
        Meta::read(text.as_bytes()).expect(text)
    }

    fn written(meta: &Meta) -> String {
        String::from_utf8(meta.write().to_vec()).unwrap()
    }

    fn whole() -> Meta {
        let mut meta = Meta::new("B", "a.bin", "N");
        meta.set_chunk_size(131_072);
        meta.set_metadata(&vec![("owner".into(), "x".into())]);
        meta.set_headers(&vec![("k".into(), vec!["v".into()])]);
        meta.set_description("d");
        meta.set_content("N", 300_000, 3, "SHA-256=x".into());
        meta
    }

    #[test]
    fn the_form() {
        assert_eq!(
            written(&whole()),
            concat!(
                r#"{"name":"a.bin","description":"d","headers":{"k":["v"]},"metadata":{"owner":"x"},"#,
                r#""options":{"max_chunk_size":131072},"bucket":"B","nuid":"N","size":300000,"chunks":3,"#,
                r#""digest":"SHA-256=x"}"#
            )
        );
        assert_eq!(read(&written(&whole())), whole());
    }

    #[test]
    fn nothing_that_is_empty() {
        let mut meta = Meta::new("B", "a", "N");
        meta.set_description("");
        meta.set_headers(&Lists::new());
        let form = r#"{"name":"a","bucket":"B","nuid":"N","size":0,"chunks":0,"digest":""}"#;
        assert_eq!(written(&meta), form);
    }

    #[test]
    fn a_deleted_one() {
        let deleted = whole().deleted("M");
        assert!(deleted.is_deleted() && !deleted.has_chunks());
        assert!(written(&deleted)
            .ends_with(r#""nuid":"M","size":0,"chunks":0,"digest":"","deleted":true}"#));
    }

    #[test]
    fn links() {
        let mut meta = Meta::new("B", "l", "N");
        let mut target = Target {
            bucket: "B2".into(),
            name: Some("x".into()),
        };
        meta.set_link(&target);
        assert!(written(&meta).contains(r#""options":{"link":{"bucket":"B2","name":"x"}}"#));
        assert_eq!(meta.link(), Some(target.clone()));
        target.name = None;
        meta.set_link(&target);
        assert!(written(&meta).contains(r#""options":{"link":{"bucket":"B2"}}"#));
        assert_eq!(meta.link(), Some(target));
        assert!(!meta.has_chunks());
    }

    #[test]
    fn a_link_of_nats_js() {
        let meta =
            read(r#"{"name":"l","bucket":"B","options":{"link":{"bucket":"B","name":"a"}}}"#);
        assert!(meta.link().is_some());
        assert_eq!((meta.nuid(), meta.size(), meta.digest()), ("", 0, ""));
    }

    #[test]
    fn nulls_of_async_nats() {
        let meta = read(
            r#"{"name":"a","description":null,"metadata":null,"headers":null,"bucket":"B","nuid":"N","size":1,
                "chunks":1,"mtime":null,"digest":"SHA-256=x","deleted":false,
                "options":{"link":null,"max_chunk_size":131072}}"#,
        );
        assert_eq!(meta.link(), None);
        assert_eq!(meta.chunk_size(), 131_072);
        assert!(meta.has_chunks() && meta.headers().is_empty() && meta.metadata().is_empty());
    }

    #[test]
    fn a_deletion_of_nats_py() {
        let meta = read(
            r#"{"name":"a","bucket":"B","nuid":"N","size":0,"mtime":"","chunks":0,"deleted":true}"#,
        );
        assert!(meta.is_deleted());
        assert!(!written(&meta).contains("mtime"));
    }

    #[test]
    fn unknown_fields_stay() {
        let meta = read(r#"{"revision":7,"name":"a","bucket":"B","nuid":"N","x":{"y":null}}"#);
        let form = r#"{"name":"a","bucket":"B","nuid":"N","size":0,"chunks":0,"digest":"","revision":7,"x":{"y":null}}"#;
        assert_eq!(written(&meta), form);
    }

    #[test]
    fn what_is_none() {
        for bad in [
            "",
            "[]",
            "7",
            "{}",
            "null",
            r#"{"name":7}"#,
            r#"{"name":""}"#,
            r#"{"name":"a","nuid":">"}"#,
            r#"{"name":"a""#,
        ] {
            assert!(Meta::read(bad.as_bytes()).is_none(), "{bad}");
        }
        assert!(Meta::read(b"{\"name\":\"\xff\"}").is_none());
    }

    #[test]
    fn fuzz_metas() {
        fuzz::bytes(&[whole().write().as_ref()], |json| {
            if let Some(meta) = Meta::read(json) {
                let again = Meta::read(&meta.write()).expect("what was written can be read");
                assert_eq!(again.name(), meta.name());
                assert_eq!(again.link(), meta.link());
                assert_eq!(again.has_chunks(), meta.has_chunks());
            }
        });
    }
}
