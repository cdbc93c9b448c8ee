//! Property tests of what reads input from outside: many inputs, made from a few samples.
//!
//! ```
//! fuzz::texts(&["a.b", "$KV.b.k"], |text| {
//!     assert!(text.split('.').count() > 0);
//! });
//! ```
//!
//! It is [proptest] with one strategy: a sample with some changes, now and then noise. An input that fails is made
//! smaller, printed, and kept in `proptest-regressions/` beside the sources, from where it is tried first the next time.
//! `PROPTEST_CASES` says how many inputs each test gets (5000). `make fuzz` runs for longer.
#![forbid(unsafe_code)]

use std::panic::Location;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, Index};
use proptest::test_runner::{FileFailurePersistence, TestError, TestRunner};

/// Inputs for each test, unless `PROPTEST_CASES` says something else.
const CASES: u32 = 5_000;

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

/// The longest piece that one change takes away or repeats.
const LONGEST_PIECE: usize = 8;

/// Calls a test with byte strings.
///
/// # Panics
/// If the test does; it says for which input.
#[track_caller]
pub fn bytes(samples: &[&[u8]], test: impl Fn(&[u8])) {
    run(samples, Location::caller().file(), |input| test(&input));
}

/// Calls a test with texts: what is no UTF-8 is replaced.
///
/// # Panics
/// As [`bytes`].
#[track_caller]
pub fn texts(samples: &[&str], test: impl Fn(&str)) {
    let samples: Vec<&[u8]> = samples.iter().map(|sample| sample.as_bytes()).collect();
    run(&samples, Location::caller().file(), |input| {
        test(&String::from_utf8_lossy(&input));
    });
}

fn run(samples: &[&[u8]], source_file: &'static str, test: impl Fn(Vec<u8>)) {
    let mut config = ProptestConfig::with_source_file(source_file);
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = CASES;
    }
    config.failure_persistence = Some(Box::new(FileFailurePersistence::SourceParallel(
        "proptest-regressions",
    )));
    let mut runner = TestRunner::new(config);
    let outcome = runner.run(&inputs(samples), |input| {
        test(input);
        Ok(())
    });
    match outcome {
        Ok(()) => {}
        Err(TestError::Fail(reason, input)) => {
            panic!("{reason}\ninput: {:?}", String::from_utf8_lossy(&input))
        }
        Err(error) => panic!("{error}"),
    }
}

/// A change of an input. It shrinks to one that takes nothing away and adds nothing.
#[derive(Debug, Clone)]
enum Change {
    Remove(Piece),
    Replace(Piece, &'static [u8]),
    Insert(Index, &'static [u8]),
    Truncate(Index),
    Repeat(Piece, usize),
    /// Goes on as another sample does from somewhere on.
    Join(Index, Vec<u8>, Index),
}

/// Where a piece begins, and its length.
type Piece = (Index, usize);

fn inputs(samples: &[&[u8]]) -> impl Strategy<Value = Vec<u8>> {
    let samples: Vec<Vec<u8>> = samples.iter().map(|sample| sample.to_vec()).collect();
    let changed =
        (select(samples.clone()), vec(change(samples), 0..5)).prop_map(|(mut input, changes)| {
            changes.iter().for_each(|change| change.apply(&mut input));
            input
        });
    prop_oneof![19 => changed, 1 => vec(any::<u8>(), 0..64)]
}

fn change(samples: Vec<Vec<u8>>) -> impl Strategy<Value = Change> {
    let at = any::<Index>;
    let piece = || (at(), 0..=LONGEST_PIECE);
    let token = || select(&TOKENS[..]);
    prop_oneof![
        piece().prop_map(Change::Remove),
        (piece(), token()).prop_map(|(piece, token)| Change::Replace(piece, token)),
        (at(), token()).prop_map(|(at, token)| Change::Insert(at, token)),
        at().prop_map(Change::Truncate),
        (piece(), 0..20_usize).prop_map(|(piece, times)| Change::Repeat(piece, times)),
        (at(), select(samples), at()).prop_map(|(at, other, from)| Change::Join(at, other, from)),
    ]
}

impl Change {
    fn apply(&self, input: &mut Vec<u8>) {
        let place = |at: &Index| at.index(input.len() + 1);
        let range = |(at, length): &Piece| place(at)..(place(at) + length).min(input.len());
        match self {
            Change::Remove(piece) => drop(input.drain(range(piece))),
            Change::Replace(piece, token) => {
                drop(input.splice(range(piece), token.iter().copied()));
            }
            Change::Insert(at, token) => {
                let at = place(at);
                drop(input.splice(at..at, token.iter().copied()));
            }
            Change::Truncate(at) => input.truncate(place(at)),
            Change::Repeat(piece, times) => {
                let range = range(piece);
                let copies = input[range.clone()].repeat(*times);
                drop(input.splice(range.start..range.start, copies));
            }
            Change::Join(at, other, from) => {
                input.truncate(place(at));
                input.extend_from_slice(&other[from.index(other.len() + 1)..]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::test_runner::{RngAlgorithm, TestRng};
    use std::cell::RefCell;

    #[test]
    fn inputs_vary() {
        let seen = RefCell::new(std::collections::HashSet::new());
        texts(&["a.b.c"], |text| {
            seen.borrow_mut().insert(text.to_owned());
        });
        assert!(seen.borrow().len() > 1000);
    }

    #[test]
    fn a_failing_input_is_made_smaller() {
        let config = ProptestConfig {
            failure_persistence: None,
            ..ProptestConfig::with_cases(CASES)
        };
        // Always the same inputs: how far shrinking gets depends on where it begins.
        let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
        let mut runner = TestRunner::new_with_rng(config, rng);
        let outcome = runner.run(&inputs(&[b"abcabcabc"]), |input| {
            prop_assert!(!input.contains(&b':'));
            Ok(())
        });
        match outcome {
            Err(TestError::Fail(_, input)) => assert!(input.len() <= 10, "{input:?}"),
            other => panic!("{other:?}"),
        }
    }
}
