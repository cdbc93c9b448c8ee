//! Bounded fuzzing for `cargo test`: many inputs made from a few samples, reproducible by a seed.
//!
//! ```
//! fuzz::texts(&["a.b", "$KV.b.k"], |text| {
//!     assert!(text.split('.').count() > 0);
//! });
//! ```
//!
//! Environment: `FUZZ_ROUNDS` (inputs for each test, 20000), `FUZZ_SEED` (default: another one each
//! time). A failure prints the seed and the input. `make fuzz` runs for longer.
#![forbid(unsafe_code)]

use std::panic::{catch_unwind, resume_unwind, AssertUnwindSafe};
use std::time::{SystemTime, UNIX_EPOCH};

/// What parsers stumble over: separators, ends, numbers at limits, text that is no UTF-8.
const TOKENS: [&[u8]; 32] = [
    b"",
    b".",
    b"..",
    b" ",
    b"\r\n",
    b"\n",
    b"\t",
    b"\0",
    b":",
    b"@",
    b"/",
    b"//",
    b"[",
    b"]",
    b"{",
    b"}",
    b"\"",
    b"\\",
    b"*",
    b">",
    b"-",
    b"+",
    b"0",
    b"-1",
    b"9223372036854775807",
    b"18446744073709551615",
    b"18446744073709551616",
    b"1e999",
    b"\xff",
    b"\xc3\xa4",
    b"\xed\xa0\x80",
    b"\xf0\x9f\xa6\x80",
];

/// Calls a test with byte strings.
///
/// # Panics
/// If the test does; it says for which input.
pub fn bytes(samples: &[&[u8]], test: impl Fn(&[u8])) {
    let seed = setting("FUZZ_SEED").unwrap_or_else(now);
    let rounds = setting("FUZZ_ROUNDS").unwrap_or(20_000);
    let mut source = Source::new(seed);
    for round in 0..rounds {
        let input = source.input(samples);
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| test(&input))) {
            eprintln!(
                "FUZZ_SEED={seed}, round {round}: {:?}",
                String::from_utf8_lossy(&input)
            );
            resume_unwind(panic);
        }
    }
}

/// Calls a test with texts: what is no UTF-8 is replaced.
///
/// # Panics
/// As [`bytes`].
pub fn texts(samples: &[&str], test: impl Fn(&str)) {
    let samples: Vec<&[u8]> = samples.iter().map(|sample| sample.as_bytes()).collect();
    bytes(&samples, |input| test(&String::from_utf8_lossy(input)));
}

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(1, |time| time.as_nanos() as u64)
}

/// Random numbers (xorshift64*) and what is made of them.
struct Source(u64);

impl Source {
    fn new(seed: u64) -> Source {
        // Zero would stay zero.
        Source(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11
    }

    /// A number below `limit`, which is not 0.
    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    /// A sample with some changes; now and then noise.
    fn input(&mut self, samples: &[&[u8]]) -> Vec<u8> {
        if samples.is_empty() || self.below(20) == 0 {
            return (0..self.below(64)).map(|_| self.next() as u8).collect();
        }
        let mut input = samples[self.below(samples.len())].to_vec();
        for _ in 0..self.below(5) {
            self.change(&mut input, samples);
        }
        input
    }

    fn change(&mut self, input: &mut Vec<u8>, samples: &[&[u8]]) {
        let at = self.below(input.len() + 1);
        let end = at + self.below((input.len() - at).min(8) + 1);
        match self.below(6) {
            0 => drop(input.drain(at..end)),
            1 => drop(input.splice(at..end, TOKENS[self.below(TOKENS.len())].iter().copied())),
            2 => drop(input.splice(at..at, TOKENS[self.below(TOKENS.len())].iter().copied())),
            3 => input.truncate(at),
            4 => {
                let copy = input[at..end].to_vec();
                for _ in 0..=self.below(20) {
                    input.splice(at..at, copy.iter().copied());
                }
            }
            _ => {
                let other = samples[self.below(samples.len())];
                let from = self.below(other.len() + 1);
                input.truncate(at);
                input.extend_from_slice(&other[from..]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    #[test]
    fn a_seed_repeats_its_inputs() {
        let made = |seed| {
            let mut source = Source::new(seed);
            (0..100)
                .map(|_| source.input(&[b"abc", b"x.y.z"]))
                .collect::<Vec<_>>()
        };
        assert_eq!(made(7), made(7));
        assert_ne!(made(7), made(8));
    }

    #[test]
    fn inputs_vary() {
        let seen = RefCell::new(std::collections::HashSet::new());
        texts(&["a.b.c"], |text| {
            seen.borrow_mut().insert(text.to_owned());
        });
        assert!(seen.borrow().len() > 1000);
    }
}
