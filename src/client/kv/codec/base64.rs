//! Base64, written in the alphabet for URLs without padding, read in any form.

use base64::alphabet::URL_SAFE;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use base64::Engine;

use super::failure::failed;
use crate::client::error::Result;

/// Others pad, or do not; and the language Go does not mind bits behind the last byte.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// How much of what cannot be read a message shows.
const SHOWN: usize = 40;

pub(super) fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(super) fn decode(stored: &[u8]) -> Result<Vec<u8>> {
    let bytes = read(stored);
    bytes.ok_or_else(|| failed(format!("The value \"{}\" is no base64", shown(stored))))
}

/// Each token by itself, but for those that stay.
pub(super) fn encode_tokens(key: &str, stays: impl Fn(&str) -> bool) -> String {
    let tokens = key.split('.').map(|token| match stays(token) {
        true => token.to_owned(),
        false => encode(token.as_bytes()),
    });
    tokens.collect::<Vec<_>>().join(".")
}

pub(super) fn decode_tokens(stored: &str) -> Result<String> {
    let text = |token: &str| String::from_utf8(read(token.as_bytes())?).ok();
    let tokens: Option<Vec<String>> = stored.split('.').map(text).collect();
    let tokens = tokens.ok_or_else(|| {
        let key = shown(stored.as_bytes());
        failed(format!("The key \"{key}\" is no base64 of text"))
    });
    Ok(tokens?.join("."))
}

fn read(stored: &[u8]) -> Option<Vec<u8>> {
    let url = stored.iter().map(|byte| match byte {
        b'+' => b'-',
        b'/' => b'_',
        byte => *byte,
    });
    LENIENT.decode(url.collect::<Vec<u8>>()).ok()
}

fn shown(stored: &[u8]) -> String {
    let text = String::from_utf8_lossy(stored);
    let start: String = text.chars().take(SHOWN).collect();
    match start.len() < text.len() {
        true => start + "…",
        false => start,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{KeyCodec, ValueCodec};
    use crate::client::error::Code;
    use bytes::Bytes;

    fn encoded(key: &str) -> String {
        KeyCodec::Base64.encode(key)
    }

    fn decoded(key: &str) -> String {
        KeyCodec::Base64.decode(key).unwrap()
    }

    #[test]
    fn keys_as_orbit_has_them() {
        for (key, stored) in [
            ("Acme Inc.contact", "QWNtZSBJbmM.Y29udGFjdA"),
            ("key", "a2V5"),
            ("user.profile", "dXNlcg.cHJvZmlsZQ"),
            ("größe:ü", "Z3LDtsOfZTrDvA"),
        ] {
            assert_eq!(encoded(key), stored);
            assert_eq!(decoded(stored), key);
        }
    }

    #[test]
    fn wildcards_stay_in_patterns_only() {
        let pattern = |pattern| KeyCodec::Base64.encode_pattern(pattern);
        assert_eq!(pattern("user.*"), "dXNlcg.*");
        assert_eq!(pattern("*.profile.>"), "*.cHJvZmlsZQ.>");
        assert_eq!(pattern(">"), ">");
        assert_eq!(pattern("a*"), encoded("a*"));
        assert_eq!(encoded("*.>"), "Kg.Pg");
    }

    #[test]
    fn empty_tokens_stay_empty() {
        assert_eq!(encoded(""), "");
        assert_eq!(encoded("a..b"), "YQ..Yg");
    }

    #[test]
    fn other_forms_are_readable() {
        assert_eq!(decoded("QWNtZSBJbmM=.Y29udGFjdA=="), "Acme Inc.contact");
        assert_eq!(decoded("QWNtZSBJbmMuY29udGFjdA=="), "Acme Inc.contact");
        // The same text in both alphabets: one of them has + and /.
        assert_eq!(decoded("fj8_"), decoded("fj8/"));
        assert_eq!(decoded("fn5-"), decoded("fn5+"));
        assert_eq!(decoded("YR"), "a");
    }

    #[test]
    fn what_is_no_base64() {
        for bad in ["a b", "a", "YQ.a", "_w", "Y=Q", "ä"] {
            let error = KeyCodec::Base64.decode(bad).unwrap_err();
            assert_eq!(error.code, Code::Codec, "{bad}");
        }
        let long = "!".repeat(1000);
        let error = ValueCodec::Base64.decode(Bytes::from(long)).unwrap_err();
        assert!(error.code == Code::Codec && error.message.len() < 100);
    }

    #[test]
    fn values() {
        let all: Vec<u8> = (0..=255).collect();
        let stored = ValueCodec::Base64.encode(&all).unwrap();
        assert!(!stored.iter().any(|byte| b"+/=".contains(byte)));
        assert_eq!(ValueCodec::Base64.decode(stored).unwrap(), all);
        assert_eq!(ValueCodec::Base64.encode(b"").unwrap(), "");
        let padded = Bytes::from_static(b"aGk/IQ==");
        assert_eq!(ValueCodec::Base64.decode(padded).unwrap(), "hi?!");
    }

    #[test]
    fn fuzz_keys_in_base64() {
        fuzz::texts(&["Acme Inc.contact", "größe", "*.>", "a\0b"], |key| {
            assert_eq!(decoded(&encoded(key)), key);
            let _ = KeyCodec::Base64.decode(key);
        });
    }
}
