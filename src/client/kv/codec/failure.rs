//! The error of what a codec cannot encode or decode.

use crate::client::error::{Code, Error};

pub(super) fn failed(message: impl Into<String>) -> Error {
    Error::new(Code::Codec, message)
}
