//! Codecs of a bucket's object, `-key_codec` and `-value_codec`: those that the client has, and commands of scripts.
//!
//! A list of codecs is applied from left to right when something is written, and from right to left when it is read.

use super::options::{bad_value, Options};
use crate::client::error::{Code, Error};
use crate::client::kv::codec::{KeyCodec, ValueCodec};
use crate::errors::{message, raise};
use bytes::Bytes;
use std::rc::Rc;
use tcl::interp::Scope;
use tcl::{Interp, Obj, Result};

/// The codecs of an object that has any.
pub struct Codecs {
    keys: Vec<Codec<KeyCodec>>,
    values: Vec<Codec<ValueCodec>>,
}

enum Codec<C> {
    Known(C),
    Custom(Custom),
}

/// A command prefix.
struct Custom(Vec<Obj>);

impl Codecs {
    /// Takes `-key_codec` and `-value_codec`, which are lists of names and command prefixes; `None` if there are none.
    ///
    /// # Errors
    /// `ErrInvalidArg` for what is no list, or has an element that is none, or an empty one.
    pub fn take(options: &mut Options) -> Result<Option<Rc<Codecs>>> {
        let keys = codecs(options.raw("key_codec"), "key_codec", KeyCodec::named)?;
        let values = codecs(options.raw("value_codec"), "value_codec", ValueCodec::named)?;
        let any = !keys.is_empty() || !values.is_empty();
        Ok(any.then(|| Rc::new(Codecs { keys, values })))
    }

    /// The same, without those of values.
    pub fn of_keys(&self) -> Option<Rc<Codecs>> {
        let keys: Vec<_> = self.keys.iter().map(Codec::clone).collect();
        let values = Vec::new();
        (!keys.is_empty()).then(|| Rc::new(Codecs { keys, values }))
    }

    /// A key as it is stored.
    ///
    /// # Errors
    /// `ErrCodec`
    pub fn encode_key(&self, interp: Interp, key: &str) -> Result<String> {
        let encode = |key: String, codec: &Codec<KeyCodec>| match codec {
            Codec::Known(codec) => Ok(codec.encode(&key)),
            Codec::Custom(custom) => custom.text(interp, "encode_key", key),
        };
        self.keys.iter().try_fold(key.to_owned(), encode)
    }

    /// A pattern of keys as it applies to those that are stored.
    ///
    /// # Errors
    /// `ErrCodec`; `ErrNotSupported` for wildcards where a command encodes no patterns.
    pub fn encode_pattern(&self, interp: Interp, pattern: &str) -> Result<String> {
        let encode = |pattern: String, codec: &Codec<KeyCodec>| match codec {
            Codec::Known(codec) => Ok(codec.encode_pattern(&pattern)),
            Codec::Custom(custom) => custom.pattern(interp, pattern),
        };
        self.keys.iter().try_fold(pattern.to_owned(), encode)
    }

    /// The key that is stored like this.
    ///
    /// # Errors
    /// `ErrCodec`
    pub fn decode_key(&self, interp: Interp, stored: &str) -> Result<String> {
        let decode = |key: String, codec: &Codec<KeyCodec>| match codec {
            Codec::Known(codec) => codec.decode(&key).map_err(raise),
            Codec::Custom(custom) => custom.text(interp, "decode_key", key),
        };
        self.keys.iter().rev().try_fold(stored.to_owned(), decode)
    }

    /// A value as it is stored.
    ///
    /// # Errors
    /// `ErrCodec`
    pub fn encode_value(&self, interp: Interp, value: Bytes) -> Result<Bytes> {
        let encode = |value: Bytes, codec: &Codec<ValueCodec>| match codec {
            Codec::Known(codec) => codec.encode(&value).map_err(raise),
            Codec::Custom(custom) => custom.bytes(interp, "encode_value", value),
        };
        self.values.iter().try_fold(value, encode)
    }

    /// The value that is stored like this.
    ///
    /// # Errors
    /// `ErrCodec`
    pub fn decode_value(&self, interp: Interp, stored: Bytes) -> Result<Bytes> {
        let decode = |value: Bytes, codec: &Codec<ValueCodec>| match codec {
            Codec::Known(codec) => codec.decode(value).map_err(raise),
            Codec::Custom(custom) => custom.bytes(interp, "decode_value", value),
        };
        self.values.iter().rev().try_fold(stored, decode)
    }
}

fn codecs<C>(
    given: Option<Obj>,
    name: &str,
    named: fn(&str) -> Option<C>,
) -> Result<Vec<Codec<C>>> {
    let Some(given) = given else {
        return Ok(Vec::new());
    };
    let codec = |element: &Obj| match named(&element.text()) {
        Some(codec) => Some(Codec::Known(codec)),
        None => {
            let words = element.to_list().filter(|words| !words.is_empty())?;
            Some(Codec::Custom(Custom(words)))
        }
    };
    let codecs = given
        .to_list()
        .and_then(|elements| elements.iter().map(codec).collect());
    codecs.ok_or_else(|| bad_value("list", name, &given))
}

impl<C: Copy> Clone for Codec<C> {
    fn clone(&self) -> Self {
        match self {
            Codec::Known(codec) => Codec::Known(*codec),
            Codec::Custom(Custom(words)) => Codec::Custom(Custom(words.clone())),
        }
    }
}

impl Custom {
    /// What the command makes of a text, which passes through if there is no such subcommand.
    fn text(&self, interp: Interp, subcommand: &str, text: String) -> Result<String> {
        let made = self.call(interp, subcommand, Obj::from(&*text))?;
        Ok(made.map_or(text, |made| made.text().into_owned()))
    }

    /// The same of a byte string.
    fn bytes(&self, interp: Interp, subcommand: &str, bytes: Bytes) -> Result<Bytes> {
        let Some(made) = self.call(interp, subcommand, Obj::bytes(&bytes))? else {
            return Ok(bytes);
        };
        made.to_bytes().map(Bytes::from).ok_or_else(|| {
            failed(format!(
                "{} {subcommand}: the result has characters above U+00FF",
                self.name()
            ))
        })
    }

    fn pattern(&self, interp: Interp, pattern: String) -> Result<String> {
        match self.call(interp, "encode_filter", Obj::from(&*pattern))? {
            Some(made) => Ok(made.text().into_owned()),
            None if has_wildcards(&pattern) => Err(raise(Error::new(
                Code::NotSupported,
                format!(
                    "Key pattern \"{pattern}\": the codec {} has no encode_filter, which wildcards need",
                    self.name()
                ),
            ))),
            None => self.text(interp, "encode_key", pattern),
        }
    }

    /// Evaluates the command at global level; `None` if there is no such subcommand. The interpreter's result stays
    /// what it was.
    fn call(&self, interp: Interp, subcommand: &str, argument: Obj) -> Result<Option<Obj>> {
        let mut words = self.0.clone();
        words.extend([Obj::from(subcommand), argument]);
        let preserved = interp.preserve();
        let interp = preserved.get();
        interp.undisturbed(|| match interp.call(&words, Scope::Global) {
            Ok(made) => Ok(Some(made)),
            Err(_) if is_missing(interp, subcommand) => Ok(None),
            Err(error) => Err(failed(message(interp, &error))),
        })
    }

    fn name(&self) -> String {
        Obj::list(self.0.iter().cloned()).text().into_owned()
    }
}

/// As a codec may take them: some separate by slashes.
pub fn has_wildcards(pattern: &str) -> bool {
    let mut tokens = pattern.split(['.', '/']);
    tokens.any(|token| matches!(token, "*" | ">"))
}

/// Whether the error is that of an ensemble without such a subcommand, or of an object without such a method.
fn is_missing(interp: Interp, subcommand: &str) -> bool {
    let words = interp.error_code().and_then(|code| code.to_list());
    let words = words.unwrap_or_default();
    let words: Vec<_> = words.iter().map(Obj::text).collect();
    let words: Vec<&str> = words.iter().map(|word| &**word).collect();
    match words[..] {
        ["TCL", "LOOKUP", "SUBCOMMAND" | "METHOD", missing] => missing == subcommand,
        _ => false,
    }
}

fn failed(message: String) -> tcl::Error {
    raise(Error::new(Code::Codec, message))
}
