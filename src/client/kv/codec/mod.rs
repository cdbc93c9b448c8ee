//! Codecs: keys and values as they are stored, other than those who use them see them ([ADR-54]).
//!
//! Pure functions. Which of them a bucket's handle uses, in which order, and what commands of scripts stand between
//! them, is up to its owner.
//!
//! [ADR-54]: https://github.com/nats-io/nats-architecture-and-design/blob/main/adr/ADR-54.md

mod base64;
mod failure;
mod gzip;
mod path;

use bytes::Bytes;

use crate::client::error::Result;

/// How a key is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyCodec {
    /// Each token between dots by itself, in the alphabet for URLs without padding.
    Base64,
    /// Slashes instead of dots; a leading one is told by a token of its own.
    Path,
}

impl KeyCodec {
    /// The codec of this name.
    pub fn named(name: &str) -> Option<KeyCodec> {
        match name {
            "base64" => Some(KeyCodec::Base64),
            "path" => Some(KeyCodec::Path),
            _ => None,
        }
    }

    /// A key as it is stored. It may not obey the key rule, as that of an empty token.
    pub fn encode(self, key: &str) -> String {
        match self {
            KeyCodec::Base64 => base64::encode_tokens(key, |_| false),
            KeyCodec::Path => path::encode(key),
        }
    }

    /// A pattern of keys, whose wildcards stay what they are.
    pub fn encode_pattern(self, pattern: &str) -> String {
        match self {
            KeyCodec::Base64 => base64::encode_tokens(pattern, |token| matches!(token, "*" | ">")),
            KeyCodec::Path => path::encode(pattern),
        }
    }

    /// The key that is stored like this.
    ///
    /// # Errors
    /// `Codec` for one that was not stored by this codec.
    pub fn decode(self, stored: &str) -> Result<String> {
        match self {
            KeyCodec::Base64 => base64::decode_tokens(stored),
            KeyCodec::Path => Ok(path::decode(stored)),
        }
    }
}

/// How a value is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueCodec {
    /// In the alphabet for URLs, without padding.
    Base64,
    /// Compressed, as RFC 1952 has it. What is not compressed can be read all the same.
    Gzip,
}

impl ValueCodec {
    /// The codec of this name.
    pub fn named(name: &str) -> Option<ValueCodec> {
        match name {
            "base64" => Some(ValueCodec::Base64),
            "gzip" => Some(ValueCodec::Gzip),
            _ => None,
        }
    }

    /// A value as it is stored.
    ///
    /// # Errors
    /// `Codec` for one that could not be read again, because it is too long.
    pub fn encode(self, value: &[u8]) -> Result<Bytes> {
        match self {
            ValueCodec::Base64 => Ok(base64::encode(value).into()),
            ValueCodec::Gzip => gzip::compress(value),
        }
    }

    /// The value that is stored like this.
    ///
    /// # Errors
    /// `Codec` for one that was not stored by this codec, or is too long.
    pub fn decode(self, stored: Bytes) -> Result<Bytes> {
        match self {
            ValueCodec::Base64 => base64::decode(&stored).map(Bytes::from),
            ValueCodec::Gzip => gzip::expand(stored),
        }
    }
}
