//! The checksum of an object: SHA-256 of all its bytes, also of none.

use base64::engine::general_purpose::URL_SAFE;
use base64::Engine;
use bytes::Bytes;
use ring::digest::{Context, SHA256};
use tokio::sync::mpsc;
use tokio::task::{spawn_blocking, JoinHandle};

use super::lot::Lot;
use crate::client::blocking::outcome;
use crate::client::error::Result;

/// What the text of a digest begins with.
const PREFIX: &str = "SHA-256=";

/// From so many bytes on they are summed up beside the network's thread, which has enough to do with them.
const MANY: usize = 1024 * 1024;

/// Lots that may wait to be summed up.
const WAITING: usize = 4;

/// A digest in the making.
pub(super) enum Digest {
    /// Of so many bytes up to now.
    Here(Box<Context>, usize),
    Beside(Beside),
}

pub(super) struct Beside {
    lot: Lot,
    lots: mpsc::Sender<Vec<Bytes>>,
    sum: JoinHandle<Result<Context>>,
}

impl Digest {
    pub(super) fn new() -> Digest {
        Digest::Here(Box::new(Context::new(&SHA256)), 0)
    }

    /// Takes the next bytes; waits while too many wait to be summed up.
    pub(super) async fn add(&mut self, bytes: &Bytes) {
        match self {
            Digest::Here(context, length) => {
                context.update(bytes);
                *length += bytes.len();
                if *length >= MANY {
                    *self = Digest::Beside(Beside::begin((**context).clone()));
                }
            }
            Digest::Beside(beside) => beside.add(bytes.clone()).await,
        }
    }

    /// The text, as it is written.
    ///
    /// # Errors
    /// `Internal`
    pub(super) async fn finish(self) -> Result<String> {
        Ok(text(match self {
            Digest::Here(context, _) => *context,
            Digest::Beside(beside) => beside.finish().await?,
        }))
    }

    /// A text of the same length.
    pub(super) fn sample() -> String {
        text(Context::new(&SHA256))
    }
}

impl Beside {
    fn begin(mut context: Context) -> Beside {
        let (lots, mut waiting) = mpsc::channel::<Vec<Bytes>>(WAITING);
        let sum = spawn_blocking(move || {
            while let Some(lot) = waiting.blocking_recv() {
                lot.iter().for_each(|bytes| context.update(bytes));
            }
            Ok(context)
        });
        Beside {
            lot: Lot::default(),
            lots,
            sum,
        }
    }

    async fn add(&mut self, bytes: Bytes) {
        if self.lot.add(bytes) {
            self.hand_over().await;
        }
    }

    async fn hand_over(&mut self) {
        // Nobody takes it if that thread has panicked, which `finish` tells.
        let _ = self.lots.send(self.lot.take()).await;
    }

    async fn finish(mut self) -> Result<Context> {
        self.hand_over().await;
        drop(self.lots);
        outcome(self.sum.await)
    }
}

fn text(sum: Context) -> String {
    format!("{PREFIX}{}", URL_SAFE.encode(sum.finish()))
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

    async fn of(chunks: &[Bytes]) -> String {
        let mut digest = Digest::new();
        for chunk in chunks {
            digest.add(chunk).await;
        }
        digest.finish().await.unwrap()
    }

    #[tokio::test]
    async fn of_nothing() {
        assert_eq!(of(&[]).await, NOTHING);
        assert_eq!(Digest::sample(), NOTHING);
    }

    #[tokio::test]
    async fn in_parts() {
        let bytes: Vec<u8> = (0..3 * MANY).map(|at| at as u8).collect();
        let whole = of(&[Bytes::from(bytes.clone())]).await;
        for size in [MANY / 4, MANY - 1, MANY, 2 * MANY] {
            let parts: Vec<_> = bytes.chunks(size).map(Bytes::copy_from_slice).collect();
            assert_eq!(of(&parts).await, whole, "{size}");
        }
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
