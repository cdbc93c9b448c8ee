//! How the keys and values of a bucket's object are seen by its script: its codecs, and the connection's
//! `-utf8_convert` on the script's side of them. An object without codecs pays nothing for it.

use super::codec::{has_wildcards, Codecs};
use super::connection::Core;
use super::payload;
use crate::client::kv::{is_pattern, Entry};
use bytes::Bytes;
use std::borrow::Cow;
use std::rc::Rc;
use tcl::{Interp, Obj, Result};

#[derive(Clone)]
pub struct Coding {
    core: Rc<Core>,
    codecs: Option<Rc<Codecs>>,
}

/// From the script to the bucket.
impl Coding {
    pub fn new(core: &Rc<Core>, codecs: Option<Rc<Codecs>>) -> Coding {
        Coding {
            core: core.clone(),
            codecs,
        }
    }

    /// The same for entries whose values are not asked for.
    pub fn of_keys(&self) -> Coding {
        let codecs = self.codecs.as_ref();
        Coding::new(&self.core, codecs.and_then(|codecs| codecs.of_keys()))
    }

    /// Whether keys and values are seen as they are stored.
    pub fn is_plain(&self) -> bool {
        self.codecs.is_none()
    }

    /// # Errors
    /// `ErrCodec`
    pub fn key<'a>(&self, interp: Interp, key: &'a Obj) -> Result<Cow<'a, str>> {
        let key = key.text();
        match &self.codecs {
            None => Ok(key),
            Some(codecs) => codecs.encode_key(interp, &key).map(Cow::Owned),
        }
    }

    /// A key, or a pattern if it has wildcards, from a list in which both may be.
    ///
    /// # Errors
    /// Those of [`Coding::pattern`].
    pub fn key_or_pattern(&self, interp: Interp, word: &Obj) -> Result<String> {
        let text = word.text();
        let is_pattern = match self.is_plain() {
            true => is_pattern(&text),
            false => has_wildcards(&text),
        };
        match is_pattern {
            true => self.pattern(interp, text.into_owned()),
            false => self.key(interp, word).map(Cow::into_owned),
        }
    }

    /// A pattern of keys. An empty one, which stands for all keys, stays empty.
    ///
    /// # Errors
    /// `ErrCodec`; `ErrNotSupported` for wildcards where a command encodes no patterns.
    pub fn pattern(&self, interp: Interp, pattern: String) -> Result<String> {
        match &self.codecs {
            Some(codecs) if !pattern.is_empty() => codecs.encode_pattern(interp, &pattern),
            _ => Ok(pattern),
        }
    }

    /// The same of several.
    pub fn patterns(&self, interp: Interp, patterns: Vec<String>) -> Result<Vec<String>> {
        match self.is_plain() {
            true => Ok(patterns),
            false => patterns
                .into_iter()
                .map(|pattern| self.pattern(interp, pattern))
                .collect(),
        }
    }

    /// # Errors
    /// `ErrCodec`; `ErrInvalidArg` as [`payload::encode`].
    pub fn value(&self, interp: Interp, value: &Obj) -> Result<Bytes> {
        let value = payload::encode(value, self.is_text())?;
        match &self.codecs {
            None => Ok(value),
            Some(codecs) => codecs.encode_value(interp, value),
        }
    }

    fn is_text(&self) -> bool {
        self.core.config.utf8_convert.get()
    }
}

/// From the bucket to the script.
impl Coding {
    /// The key that is stored like this.
    ///
    /// # Errors
    /// `ErrCodec`
    pub fn seen_key(&self, interp: Interp, stored: &str) -> Result<Obj> {
        match &self.codecs {
            None => Ok(Obj::from(stored)),
            Some(codecs) => Ok(Obj::from(&*codecs.decode_key(interp, stored)?)),
        }
    }

    /// The value of an entry; a deletion has none to decode, and that of a counter is the server's.
    ///
    /// # Errors
    /// `ErrCodec`
    pub fn seen_value(&self, interp: Interp, entry: &Entry) -> Result<Obj> {
        // The total of a counter is the server's: no codec has seen it.
        match entry.is_put() && entry.count.is_none() {
            true => self.seen_bytes(interp, &entry.value),
            false => Ok(payload::decode(&entry.value, self.is_text())),
        }
    }

    /// The value that is stored like this.
    ///
    /// # Errors
    /// `ErrCodec`
    pub fn seen_bytes(&self, interp: Interp, stored: &Bytes) -> Result<Obj> {
        let is_text = self.is_text();
        match &self.codecs {
            Some(codecs) => {
                let value = codecs.decode_value(interp, stored.clone())?;
                Ok(payload::decode(&value, is_text))
            }
            None => Ok(payload::decode(stored, is_text)),
        }
    }
}
