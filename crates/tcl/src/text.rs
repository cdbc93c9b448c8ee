//! Text between Rust and Tcl.
//!
//! Tcl keeps strings in a UTF-8 of its own: U+0000 is `C0 80`, and 8.6 keeps a character above
//! U+FFFF as two surrogates of three bytes each. A value in another form is not `eq` to Tcl's own
//! and misses dict keys and array elements, so encoding is exact for the running version.

use std::borrow::Cow;

/// `text` in Tcl's form; borrowed when it is the same.
pub fn encode(text: &str, nine: bool) -> Cow<'_, [u8]> {
    let bytes = text.as_bytes();
    let differs = |&b: &u8| b == 0 || (b >= 0xF0 && !nine);
    if !bytes.iter().any(differs) {
        return Cow::Borrowed(bytes);
    }
    let mut out = Vec::with_capacity(bytes.len() + 16);
    for c in text.chars() {
        let mut buffer = [0; 4];
        match c as u32 {
            0 => out.extend_from_slice(&[0xC0, 0x80]),
            0x1_0000.. if !nine => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    out.extend_from_slice(&three_bytes(*unit));
                }
            }
            _ => out.extend_from_slice(c.encode_utf8(&mut buffer).as_bytes()),
        }
    }
    Cow::Owned(out)
}

/// A UTF-16 unit of 0x0800 or more in the three-byte form.
fn three_bytes(unit: u16) -> [u8; 3] {
    [
        0xE0 | (unit >> 12) as u8,
        0x80 | ((unit >> 6) & 0x3F) as u8,
        0x80 | (unit & 0x3F) as u8,
    ]
}

/// Tcl's form as text; a lone surrogate or a malformed byte becomes U+FFFD.
pub fn decode(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(decode_slowly(bytes)),
    }
}

fn decode_slowly(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&first) = bytes.get(at) {
        let (c, length) = if first == 0xC0 && bytes.get(at + 1) == Some(&0x80) {
            ('\0', 2)
        } else if let Some(unit) = surrogate(bytes, at) {
            paired(unit, surrogate(bytes, at + 3))
        } else {
            plain(bytes, at)
        };
        out.push(c);
        at += length;
    }
    out
}

/// The surrogate that begins at `at`, if one does.
fn surrogate(bytes: &[u8], at: usize) -> Option<u16> {
    match bytes.get(at..at + 3)? {
        &[0xED, b @ 0xA0..=0xBF, c @ 0x80..=0xBF] => {
            Some(0xD000 | u16::from(b & 0x3F) << 6 | u16::from(c & 0x3F))
        }
        _ => None,
    }
}

fn paired(first: u16, second: Option<u16>) -> (char, usize) {
    match second.and_then(|second| char::decode_utf16([first, second]).next()?.ok()) {
        Some(c) => (c, 6),
        None => (char::REPLACEMENT_CHARACTER, 3),
    }
}

fn plain(bytes: &[u8], at: usize) -> (char, usize) {
    let length = match bytes[at] {
        0..0x80 => 1,
        0x80..0xE0 => 2,
        0xE0..0xF0 => 3,
        _ => 4,
    };
    let c = bytes
        .get(at..at + length)
        .and_then(|b| std::str::from_utf8(b).ok()?.chars().next());
    match c {
        Some(c) => (c, length),
        None => (char::REPLACEMENT_CHARACTER, 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_is_borrowed() {
        assert!(matches!(encode("añ語", false), Cow::Borrowed(_)));
        assert!(matches!(encode("a😀", true), Cow::Borrowed(_)));
        assert!(matches!(decode("añ語😀".as_bytes()), Cow::Borrowed(_)));
    }

    #[test]
    fn nul_and_emoji_round_trip_in_both_forms() {
        let text = "x\0y😀z";
        assert_eq!(
            &*encode(text, false),
            b"x\xC0\x80y\xED\xA0\xBD\xED\xB8\x80z"
        );
        assert_eq!(&*encode(text, true), b"x\xC0\x80y\xF0\x9F\x98\x80z");
        for nine in [false, true] {
            assert_eq!(decode(&encode(text, nine)), text);
        }
    }

    #[test]
    fn what_is_not_text_becomes_replacement_characters() {
        assert_eq!(decode(b"a\xED\xA0\xBDb"), "a\u{FFFD}b");
        assert_eq!(decode(b"\xED\xB8\x80\xED\xA0\xBD"), "\u{FFFD}\u{FFFD}");
        assert_eq!(decode(b"a\xFF\xC3"), "a\u{FFFD}\u{FFFD}");
    }

    #[test]
    fn every_byte_pair_decodes_without_a_panic() {
        for a in 0..=255u8 {
            for b in 0..=255u8 {
                decode(&[a, b]);
                decode(&[0xED, a, b, 0xED]);
            }
        }
    }

    #[test]
    fn fuzz_texts() {
        let samples = ["abc", "a\0b", "größe", "\u{1F600}", "\u{4e00}\u{10FFFF}"];
        fuzz::texts(&samples, |text| {
            for nine in [false, true] {
                assert_eq!(decode(&encode(text, nine)), text);
            }
        });
    }

    #[test]
    fn fuzz_bytes_of_tcl() {
        let samples: [&[u8]; 4] = [
            b"a\xc0\x80b",
            b"\xed\xa0\xbd\xed\xb8\x80",
            b"\xed\xa0\xbd",
            b"\xe4\xb8\x80\xf0\x9f\x98\x80",
        ];
        fuzz::bytes(&samples, |bytes| {
            let text = decode(bytes);
            assert_eq!(decode(&encode(&text, true)), text);
        });
    }
}
