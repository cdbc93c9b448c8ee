//! Payloads between bytes and Tcl values, by the connection's `-utf8_convert`.
//!
//! Off, a payload is a byte string both ways. On, it is text, encoded as UTF-8 on the way out and
//! decoded on the way in.

use crate::errors::invalid_arg;
use bytes::Bytes;
use tcl::value::BytesInParts;
use tcl::{Error, Obj, Result};

/// The bytes of an outgoing payload.
///
/// # Errors
/// `ErrInvalidArg` if a byte string was expected and the value has a character above U+00FF: Tcl 8.6
/// would cut it to its low eight bits.
pub fn encode(value: &Obj, utf8: bool) -> Result<Bytes> {
    if utf8 {
        return Ok(Bytes::from(value.text().into_owned()));
    }
    value.to_bytes().map(Bytes::from).ok_or_else(no_bytes)
}

/// The bytes of a byte string, in parts of a size.
///
/// # Errors
/// `ErrInvalidArg` as [`encode`].
pub fn encode_in_parts(value: &Obj, size: usize) -> Result<BytesInParts<'_>> {
    value.to_bytes_in_parts(size).ok_or_else(no_bytes)
}

fn no_bytes() -> Error {
    invalid_arg(
        "The message has characters above U+00FF: encode it, or configure -utf8_convert true",
    )
}

/// The value of an incoming payload.
pub fn decode(payload: &[u8], utf8: bool) -> Obj {
    match utf8 {
        true => Obj::from(&*lenient(payload)),
        false => Obj::bytes(payload),
    }
}

/// UTF-8 as text; a byte that is none stands for the character of its number, as Tcl's own converter
/// has it.
fn lenient(payload: &[u8]) -> std::borrow::Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(payload) {
        return text.into();
    }
    let mut out = String::with_capacity(payload.len());
    for chunk in payload.utf8_chunks() {
        out.push_str(chunk.valid());
        out.extend(chunk.invalid().iter().map(|&byte| char::from(byte)));
    }
    out.into()
}

#[cfg(test)]
mod tests {
    use super::lenient;

    #[test]
    fn malformed_bytes_stand_for_their_numbers() {
        assert_eq!(lenient("añ😀".as_bytes()), "añ😀");
        assert_eq!(lenient(b"a\xFFb\xC3"), "a\u{FF}b\u{C3}");
    }
}
