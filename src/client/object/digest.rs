//! The checksum of an object: SHA-256 of all its bytes, also of none.

use base64::engine::general_purpose::URL_SAFE;
use base64::Engine;
use ring::digest::{Context, SHA256};

/// What the text of a digest begins with.
const PREFIX: &str = "SHA-256=";

/// A digest in the making.
pub(super) struct Digest(Context);

impl Digest {
    pub(super) fn new() -> Digest {
        Digest(Context::new(&SHA256))
    }

    pub(super) fn add(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The text, as it is written.
    pub(super) fn finish(self) -> String {
        format!("{PREFIX}{}", URL_SAFE.encode(self.0.finish()))
    }
}

/// Whether a text that somebody has stored means the same as one that was written here. Clients differ in the alphabet
/// of base64, in the padding, and in the case of the prefix.
pub(super) fn is_same(stored: &str, own: &str) -> bool {
    match (code_of(stored), code_of(own)) {
        (Some(stored), Some(own)) => stored.map(plain).eq(own.map(plain)),
        _ => false,
    }
}

fn code_of(text: &str) -> Option<impl Iterator<Item = u8> + '_> {
    let (prefix, code) = text.split_at_checked(PREFIX.len())?;
    let is_ours = prefix.eq_ignore_ascii_case(PREFIX);
    is_ours.then(|| code.trim_end_matches('=').bytes())
}

/// A digit of the standard alphabet as that of the other one.
fn plain(digit: u8) -> u8 {
    match digit {
        b'+' => b'-',
        b'/' => b'_',
        digit => digit,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: &str = "SHA-256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU=";

    #[test]
    fn of_nothing() {
        assert_eq!(Digest::new().finish(), NOTHING);
    }

    #[test]
    fn in_parts() {
        let (mut whole, mut parts) = (Digest::new(), Digest::new());
        whole.add(b"abc");
        parts.add(b"a");
        parts.add(b"bc");
        assert_eq!(whole.finish(), parts.finish());
    }

    #[test]
    fn as_others_write_it() {
        for same in [
            NOTHING,
            "SHA-256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU",
            "SHA-256=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
            "sha-256=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU",
        ] {
            assert!(is_same(same, NOTHING), "{same}");
        }
        for other in [
            "",
            "SHA-256=",
            "MD5=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU=",
            "SHA-256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFV=",
            "SHA-256é",
        ] {
            assert!(!is_same(other, NOTHING), "{other}");
        }
    }

    #[test]
    fn fuzz_digests() {
        fuzz::texts(&[NOTHING, "sha-256=+/"], |text| {
            let same = is_same(text, NOTHING);
            assert_eq!(same, is_same(NOTHING, text));
        });
    }
}
