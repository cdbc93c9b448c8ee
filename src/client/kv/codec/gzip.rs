//! Compressed values, as RFC 1952 has them.

use std::io::{Read, Write};

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use flate2::Compression;

use super::failure::failed;
use crate::client::error::{Error, Result};

/// The first bytes of all that is compressed.
const MAGIC: [u8; 2] = [0x1f, 0x8b];

/// A value is not longer than this, in bytes: a few kilobytes may be made to become gigabytes.
const LONGEST: usize = 64 << 20;

pub(super) fn compress(value: &[u8]) -> Result<Bytes> {
    if value.len() > LONGEST {
        return Err(too_long());
    }
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    let written = encoder.write_all(value).and_then(|()| encoder.finish());
    written.map(Bytes::from).map_err(|error| unreadable(&error))
}

/// What does not begin like compressed data is as it was.
pub(super) fn expand(stored: Bytes) -> Result<Bytes> {
    if !stored.starts_with(&MAGIC) {
        return Ok(stored);
    }
    let mut value = Vec::new();
    let mut decoder = MultiGzDecoder::new(&*stored).take(LONGEST as u64 + 1);
    let read = decoder.read_to_end(&mut value);
    read.map_err(|error| unreadable(&error))?;
    match value.len() > LONGEST {
        true => Err(too_long()),
        false => Ok(value.into()),
    }
}

fn unreadable(error: &std::io::Error) -> Error {
    failed(format!("The value cannot be read as gzip: {error}"))
}

fn too_long() -> Error {
    failed(format!(
        "The value has more than the {} MB that gzip values may have",
        LONGEST >> 20
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::error::Code;

    fn code(stored: Vec<u8>) -> Code {
        expand(stored.into()).unwrap_err().code
    }

    #[test]
    fn round_trips() {
        let all: Vec<u8> = (0..=255).collect();
        for value in [&b""[..], b"a", &all, &vec![b'x'; 1 << 20], &MAGIC] {
            let stored = compress(value).unwrap();
            assert!(stored.starts_with(&MAGIC));
            assert_eq!(expand(stored).unwrap(), value);
        }
        assert!(compress(&vec![b'x'; 1 << 20]).unwrap().len() < 4096);
    }

    #[test]
    fn what_is_plain_stays_plain() {
        for plain in [&b""[..], b"plain", b"\x1f", b"\x8b\x1f"] {
            assert_eq!(expand(Bytes::copy_from_slice(plain)).unwrap(), plain);
        }
    }

    #[test]
    fn several_members_are_one_value() {
        let mut stored = compress(b"one ").unwrap().to_vec();
        stored.extend(compress(b"two").unwrap());
        assert_eq!(expand(stored.into()).unwrap(), "one two");
    }

    #[test]
    fn damage_is_noticed() {
        let whole = compress(b"a value").unwrap().to_vec();
        let mut changed = whole.clone();
        changed[whole.len() - 6] ^= 1;
        assert_eq!(code(changed), Code::Codec);
        assert_eq!(code(whole[..whole.len() - 4].to_vec()), Code::Codec);
        assert_eq!(code(MAGIC.to_vec()), Code::Codec);
    }

    #[test]
    fn values_have_a_limit() {
        let zeros = vec![0; LONGEST + 1];
        assert_eq!(compress(&zeros).unwrap_err().code, Code::Codec);
        let whole = compress(&zeros[1..]).unwrap();
        assert_eq!(expand(whole.clone()).unwrap().len(), LONGEST);
        let mut more = whole.to_vec();
        more.extend(compress(b"x").unwrap());
        assert_eq!(code(more), Code::Codec);
    }

    #[test]
    fn fuzz_compressed_values() {
        let sample = compress(b"a value that is compressed").unwrap();
        fuzz::bytes(&[&sample], |stored| {
            let _ = expand(Bytes::copy_from_slice(stored));
        });
    }
}
