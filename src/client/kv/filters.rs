//! Several key patterns as what a consumer is asked to filter by.
//!
//! The server refuses filters that overlap (400/10138), and takes seconds for thousands of them. So patterns are
//! reduced: those that another one covers are dropped, and where two overlap in part, or where there are too many, the
//! narrowest filter takes their place that covers them. What such a filter lets pass in addition is left out here.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

use super::handle::Bucket;
use super::names::check_pattern;
use super::pattern_tree::PatternTree;
use crate::client::error::{Error, Result};

/// No consumer is asked for more filters than that.
const MOST: usize = 256;

/// All filters together are not longer than that, in bytes: a request has to fit into a message.
const LONGEST: usize = 128 * 1024;

/// Patterns that share so many tokens at their beginning are not told apart any further.
const DEEPEST: usize = 16;

/// Which keys are wanted: patterns of which no two match the same key. Cloning it is cheap.
#[derive(Debug, Clone)]
pub struct Filters {
    patterns: Arc<[String]>,
    /// What was asked for, if the patterns match more than that.
    wanted: Option<Arc<PatternTree>>,
}

impl Filters {
    /// Reduces patterns that obey the pattern rule. They keep their order.
    pub(super) fn of<S: AsRef<str>>(patterns: &[S]) -> Filters {
        Filters::without(overlap, patterns)
    }

    /// As [`Filters::of`], for servers before 2.12.
    fn of_old<S: AsRef<str>>(patterns: &[S]) -> Filters {
        Filters::without(
            |one, other| overlap(one, other) || are_mistaken(one, other),
            patterns,
        )
    }

    fn without<S: AsRef<str>>(clash: fn(&str, &str) -> bool, patterns: &[S]) -> Filters {
        let needed = uncovered(patterns.iter().map(AsRef::as_ref));
        let reduced = apart(few_enough(&needed), clash);
        let is_exact = reduced.len() == needed.len();
        Filters {
            wanted: (!is_exact).then(|| Arc::new(PatternTree::of(needed))),
            patterns: reduced.into(),
        }
    }

    /// The patterns to filter by: at least one, at most 256.
    pub fn patterns(&self) -> &[String] {
        &self.patterns
    }

    /// Whether the patterns match nothing but keys that are wanted.
    pub fn is_exact(&self) -> bool {
        self.wanted.is_none()
    }

    /// The same patterns, of which all that they match is wanted.
    pub(super) fn let_pass(&self) -> Filters {
        Filters {
            patterns: self.patterns.clone(),
            wanted: None,
        }
    }

    /// Whether a key that one of the patterns matches is wanted.
    pub fn admits(&self, key: &str) -> bool {
        match &self.wanted {
            None => true,
            Some(wanted) => wanted.covers(key),
        }
    }
}

/// The keys that match one of some patterns.
#[derive(Debug)]
pub struct KeySet(PatternTree);

impl KeySet {
    /// Of patterns that obey the pattern rule.
    pub fn of<S: AsRef<str>>(patterns: &[S]) -> KeySet {
        KeySet(PatternTree::of(patterns.iter().map(AsRef::as_ref)))
    }

    /// Whether a text could be one of them: it can be a part of a subject, and matches.
    pub fn has(&self, text: &str) -> bool {
        let is_key =
            check_pattern(text).is_ok() && !text.split('.').any(|t| matches!(t, "*" | ">"));
        is_key && self.0.covers(text)
    }
}

impl Bucket {
    /// Which keys are wanted: those that match a pattern, with an empty one all.
    ///
    /// # Errors
    /// `InvalidArg` for a pattern that is malformed or too long.
    pub fn filter(&self, pattern: &str) -> Result<Filters> {
        self.filters(&[if pattern.is_empty() { ">" } else { pattern }])
    }

    /// Which keys are wanted: those that match one of the patterns.
    ///
    /// # Errors
    /// `InvalidArg` for a pattern that is malformed or too long, and if there is none; `NotSupported` if the server
    /// knows a single filter only (2.9 and older) and one is not enough.
    pub fn filters<S: AsRef<str>>(&self, patterns: &[S]) -> Result<Filters> {
        if patterns.is_empty() {
            return Err(Error::invalid_arg("At least one key pattern is needed"));
        }
        patterns
            .iter()
            .try_for_each(|pattern| self.check_pattern(pattern.as_ref()))?;
        let filters = match self.js().server_at_least(2, 12, 0) {
            true => Filters::of(patterns),
            false => Filters::of_old(patterns),
        };
        if filters.patterns.len() > 1 {
            self.js().check_server_at_least(2, 10).map_err(|error| {
                let message = format!("Several key patterns: {}", error.message);
                Error { message, ..error }
            })?;
        }
        Ok(filters)
    }

    /// The subjects under which the entries are stored that the filters let pass.
    pub(super) fn filter_subjects(&self, filters: &Filters) -> Vec<String> {
        let patterns = filters.patterns.iter();
        patterns
            .map(|pattern| self.subjects().stored(pattern))
            .collect()
    }
}

/// Those that no other one covers, each once.
fn uncovered<'a>(patterns: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let patterns: Vec<&str> = patterns.collect();
    let mut widest_first: Vec<usize> = (0..patterns.len()).collect();
    widest_first.sort_by_cached_key(|&at| narrowness(patterns[at]));
    let mut tree = PatternTree::default();
    let mut kept: Vec<usize> = Vec::new();
    for at in widest_first {
        if !tree.covers(patterns[at]) {
            tree.insert(patterns[at]);
            kept.push(at);
        }
    }
    kept.sort_unstable();
    kept.into_iter().map(|at| patterns[at]).collect()
}

/// What covers another pattern comes before it in this order.
fn narrowness(pattern: &str) -> (usize, usize, Reverse<bool>) {
    let tokens = || pattern.split('.');
    let literals = tokens().filter(|token| !matches!(*token, "*" | ">"));
    let is_open = tokens().next_back() == Some(">");
    (literals.count(), tokens().count(), Reverse(is_open))
}

/// The same, or wider patterns that cover them, if there are too many: those that begin alike become one. The more
/// tokens they have in common the narrower the filter.
fn few_enough(patterns: &[&str]) -> Vec<String> {
    let all: Vec<String> = patterns.iter().map(|&pattern| pattern.to_owned()).collect();
    if is_acceptable(&all) {
        return all;
    }
    let longest = patterns.iter().map(|pattern| pattern.split('.').count());
    let deepest = longest.max().map_or(0, |tokens| DEEPEST.min(tokens - 1));
    (1..=deepest)
        .rev()
        .map(|depth| grouped(patterns, depth))
        .find(|groups| is_acceptable(groups))
        .unwrap_or_else(|| grouped(patterns, 0))
}

fn is_acceptable(filters: &[String]) -> bool {
    filters.len() <= MOST && filters.iter().map(String::len).sum::<usize>() <= LONGEST
}

/// One pattern in place of all that have the same first tokens.
fn grouped(patterns: &[&str], depth: usize) -> Vec<String> {
    let mut places: HashMap<&str, usize> = HashMap::new();
    let mut groups: Vec<String> = Vec::new();
    for pattern in patterns {
        let place = *places.entry(start(pattern, depth)).or_insert(groups.len());
        match groups.get_mut(place) {
            Some(group) => *group = joined(group, pattern),
            None => groups.push((*pattern).to_owned()),
        }
    }
    groups
}

/// The first tokens, or all there are.
fn start(pattern: &str, tokens: usize) -> &str {
    match tokens.checked_sub(1) {
        None => "",
        Some(last) => pattern
            .match_indices('.')
            .nth(last)
            .map_or(pattern, |(end, _)| &pattern[..end]),
    }
}

/// The same, but for those that clash, which become one.
fn apart(patterns: Vec<String>, clash: fn(&str, &str) -> bool) -> Vec<String> {
    let mut apart: Vec<String> = Vec::with_capacity(patterns.len());
    for mut pattern in patterns {
        // A wider pattern may clash with others.
        while let Some(at) = apart.iter().position(|other| clash(other, &pattern)) {
            pattern = joined(&apart.remove(at), &pattern);
        }
        apart.push(pattern);
    }
    apart
}

/// Whether there are keys that match both.
fn overlap(one: &str, other: &str) -> bool {
    let (mut one, mut other) = (one.split('.'), other.split('.'));
    loop {
        match (one.next(), other.next()) {
            (None, None) | (Some(">"), Some(_)) | (Some(_), Some(">")) => return true,
            (Some(one), Some(other)) if one == other || one == "*" || other == "*" => {}
            _ => return false,
        }
    }
}

/// Whether the first token in which two patterns differ is a word in one and `*` in the other. Servers before 2.12 leave
/// out messages then, for instance with `a.*` and `*.x.*` all of `b.x.1` (measured with 2.10.26 and 2.11.11).
fn are_mistaken(one: &str, other: &str) -> bool {
    let mut tokens = one.split('.').zip(other.split('.'));
    let differing = tokens.find(|(one, other)| one != other);
    differing.is_some_and(|(one, other)| one == "*" || other == "*")
}

/// The narrowest pattern that covers both.
fn joined(one: &str, other: &str) -> String {
    let (mut one, mut other) = (one.split('.').peekable(), other.split('.').peekable());
    let mut tokens: Vec<&str> = Vec::new();
    while let (Some(a), Some(b)) = (one.next(), other.next()) {
        let only_one_ends = one.peek().is_none() != other.peek().is_none();
        if a == ">" || b == ">" || only_one_ends {
            tokens.push(">");
            break;
        }
        tokens.push(if a == b { a } else { "*" });
    }
    tokens.join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is filtered by; with `~` in front if that is more than what was asked for.
    fn reduced(patterns: &str) -> String {
        let filters = Filters::of(&patterns.split(' ').collect::<Vec<_>>());
        let mark = if filters.is_exact() { "" } else { "~" };
        format!("{mark}{}", filters.patterns().join(" "))
    }

    #[test]
    fn nothing_to_reduce() {
        for patterns in [
            "a",
            ">",
            "user.> cfg.*",
            "b a",
            "a.* a.*.b",
            "a.b *.c",
            "a* a",
        ] {
            assert_eq!(reduced(patterns), patterns);
        }
    }

    #[test]
    fn duplicates_and_covered_ones_are_dropped() {
        assert_eq!(reduced("a a"), "a");
        assert_eq!(reduced("a.b a.*"), "a.*");
        assert_eq!(reduced("a.* x a.>"), "x a.>");
        assert_eq!(reduced("a.> b > c.*"), ">");
        assert_eq!(reduced("a.*.> a.>"), "a.>");
        assert_eq!(reduced("*.b.c a.b.* *.*.*"), "*.*.*");
    }

    #[test]
    fn partial_overlap() {
        assert_eq!(reduced("a.* *.b"), "~*.*");
        assert_eq!(reduced("x a.*.c a.b.* y"), "~x a.*.* y");
        assert_eq!(reduced("a.> *.b"), "~*.>");
        // Each by itself overlaps the third one only.
        assert_eq!(reduced("a.b.* a.*.d x.*.d *.c.d"), "~*.*.*");
    }

    #[test]
    fn what_an_old_server_mistakes() {
        let reduced = |patterns: &str| {
            let filters = Filters::of_old(&patterns.split(' ').collect::<Vec<_>>());
            filters.patterns().join(" ")
        };
        for patterns in ["a.* b.x.*", "*.* *.*.*", "* *.*", "k a.*", "a.> b.* c"] {
            assert_eq!(reduced(patterns), patterns);
        }
        assert_eq!(reduced("a.* *.x.*"), "*.>");
        assert_eq!(reduced("*.* *.x.*"), "*.>");
        assert_eq!(reduced("k *.*"), ">");
        assert_eq!(reduced("a.b.c x a.*.d"), "x a.*.*");
    }

    #[test]
    fn what_is_let_pass_in_addition_is_not_wanted() {
        let filters = Filters::of(&["a.*", "*.b"]);
        let admitted = ["a.x", "x.b", "a.b", "x.y"].map(|key| filters.admits(key));
        assert_eq!(admitted, [true, true, true, false]);
    }

    #[test]
    fn texts_that_could_be_keys() {
        let keys = KeySet::of(&["a.>", "x"]);
        let found = ["a.b", "x", "a", "a.b c", "a..b", "a.*", "y"].map(|text| keys.has(text));
        assert_eq!(found, [true, true, false, false, false, false, false]);
        assert!(!KeySet::of(&[">"]).has(""));
    }

    fn numbered(count: usize, name: impl Fn(usize) -> String) -> Filters {
        Filters::of(&(0..count).map(name).collect::<Vec<_>>())
    }

    #[test]
    fn too_many() {
        let filters = numbered(256, |n| format!("user.{n}"));
        assert!(filters.is_exact());
        assert_eq!(filters.patterns().len(), 256);
        let filters = numbered(257, |n| format!("user.{n}"));
        assert_eq!(filters.patterns(), ["user.*"]);
        assert!(filters.admits("user.256") && !filters.admits("user.257"));
        let filters = numbered(500, |n| format!("user.{n}.name"));
        assert_eq!(filters.patterns(), ["user.*.name"]);
        let filters = numbered(500, |n| format!("{n}.name"));
        assert_eq!(filters.patterns(), ["*.name"]);
        let filters = numbered(1000, |n| format!("{}.{n}.>", n % 3));
        assert_eq!(filters.patterns(), ["0.*.>", "1.*.>", "2.*.>"]);
        let filters = numbered(600, |n| vec!["x"; n + 1].join("."));
        let last = [&["x"; 15], &[">"][..]].concat().join(".");
        assert_eq!(filters.patterns().len(), 16);
        assert_eq!(filters.patterns().last(), Some(&last));
    }

    #[test]
    fn too_long() {
        let filters = numbered(200, |n| format!("a.{}{n}", "x".repeat(1000)));
        assert_eq!(filters.patterns(), ["a.*"]);
        assert!(!filters.admits("a.x"));
    }

    #[test]
    fn many_thousands_are_reduced_at_once() {
        let filters = numbered(100_000, |n| format!("a.{n}"));
        assert!(filters.admits("a.99999") && !filters.admits("a.100000"));
    }

    /// All keys of one to four tokens out of three: more tokens than the patterns have.
    fn keys() -> Vec<String> {
        let letters = ["a", "b", "c"].map(str::to_owned);
        let mut keys = letters.to_vec();
        let mut longest = keys.clone();
        for _ in 0..3 {
            let longer = longest.iter();
            longest = longer
                .flat_map(|key| letters.iter().map(move |letter| format!("{key}.{letter}")))
                .collect();
            keys.extend_from_slice(&longest);
        }
        keys
    }

    /// By the definition, without any haste.
    fn matches(pattern: &str, key: &str) -> bool {
        let (pattern, key): (Vec<_>, Vec<_>) =
            (pattern.split('.').collect(), key.split('.').collect());
        let matched = |(token, word): (&&str, &&str)| *token == "*" || token == word;
        match pattern.split_last() {
            Some((&">", before)) => {
                key.len() > before.len() && before.iter().zip(&key).all(matched)
            }
            _ => pattern.len() == key.len() && pattern.iter().zip(&key).all(matched),
        }
    }

    /// Patterns out of few tokens, so that they are often related.
    fn patterns(bytes: &[u8]) -> Vec<String> {
        let mut patterns = vec![Vec::new()];
        for byte in bytes {
            let token = ["a", "b", "c", "*", "*", ">", "", ""][usize::from(byte % 8)];
            let last = patterns.len() - 1;
            if !token.is_empty() {
                patterns[last].push(token);
            }
            if matches!(token, "" | ">") || patterns[last].len() == 3 {
                patterns.push(Vec::new());
            }
        }
        patterns.retain(|tokens| !tokens.is_empty());
        patterns.iter().map(|tokens| tokens.join(".")).collect()
    }

    const SAMPLES: [&[u8]; 4] = [
        b"\0\x01\x06\x03\x01\x06",
        b"\0\x03\x06\x03\x01\x06\x02\x05",
        b"\0\x01\x03\x06\0\x04\x02\x06\x03\x02\x03",
        b"\x05\0\x05\0\x03\x05",
    ];

    #[test]
    fn fuzz_exactly_the_wanted_keys_pass() {
        let keys = keys();
        fuzz::bytes(&SAMPLES, |bytes| {
            let wanted = patterns(bytes);
            let filters = Filters::of(&wanted);
            for key in &keys {
                let passes = filters
                    .patterns()
                    .iter()
                    .filter(|filter| matches(filter, key));
                let passes = passes.count();
                assert!(passes <= 1, "{wanted:?} {filters:?} {key}");
                let is_wanted = wanted.iter().any(|pattern| matches(pattern, key));
                let is_told = passes == 1 && filters.admits(key);
                assert_eq!(is_told, is_wanted, "{wanted:?} {filters:?} {key}");
            }
        });
    }

    /// Whether two patterns have no keys in common, or one covers the other; by the keys that they match.
    fn is_plain(one: &[bool], other: &[bool]) -> bool {
        let both = || one.iter().zip(other);
        let is_apart = both().all(|(one, other)| !(*one && *other));
        let is_within = both().all(|(one, other)| !one || *other);
        is_apart || is_within || both().all(|(one, other)| *one || !other)
    }

    #[test]
    fn fuzz_patterns_without_partial_overlap_stay_exact() {
        let keys = keys();
        fuzz::bytes(&SAMPLES, |bytes| {
            let mut plain: Vec<(String, Vec<bool>)> = Vec::new();
            for pattern in patterns(bytes).into_iter().take(8) {
                let matched: Vec<bool> = keys.iter().map(|key| matches(&pattern, key)).collect();
                if plain.iter().all(|(_, other)| is_plain(&matched, other)) {
                    plain.push((pattern, matched));
                }
            }
            let plain: Vec<String> = plain.into_iter().map(|(pattern, _)| pattern).collect();
            let filters = Filters::of(&plain);
            assert!(filters.is_exact(), "{plain:?} {filters:?}");
            let mut kept = filters.patterns().iter();
            assert!(
                kept.all(|filter| plain.contains(filter)),
                "{plain:?} {filters:?}"
            );
        });
    }

    #[test]
    fn fuzz_what_takes_the_place_of_two_is_the_narrowest() {
        fuzz::bytes(&SAMPLES, |bytes| {
            let patterns = patterns(bytes);
            for pair in patterns.windows(2) {
                let both = joined(&pair[0], &pair[1]);
                let covered = |other: &str| PatternTree::of([&*both]).covers(other);
                assert!(pair.iter().all(|one| covered(one)), "{pair:?} {both}");
                for other in &patterns {
                    let tree = PatternTree::of([&**other]);
                    if pair.iter().all(|one| tree.covers(one)) {
                        assert!(tree.covers(&both), "{pair:?} {both} {other}");
                    }
                }
            }
        });
    }
}
