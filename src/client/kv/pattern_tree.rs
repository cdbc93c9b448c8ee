//! A set of key patterns that can be asked whether one of them covers a key or another pattern.

use std::collections::HashMap;

/// Patterns by their tokens, so that a look takes as long for one pattern as for many thousands.
#[derive(Debug, Default)]
pub(super) struct PatternTree {
    /// What follows a token.
    tokens: HashMap<Box<str>, PatternTree>,
    /// What follows `*`.
    any: Option<Box<PatternTree>>,
    /// A pattern ends here.
    ends: bool,
    /// A pattern ends here with `>`: at least one token follows.
    tail: bool,
}

impl PatternTree {
    pub(super) fn of<'a>(patterns: impl IntoIterator<Item = &'a str>) -> PatternTree {
        let mut tree = PatternTree::default();
        patterns
            .into_iter()
            .for_each(|pattern| tree.insert(pattern));
        tree
    }

    pub(super) fn insert(&mut self, pattern: &str) {
        let mut node = self;
        for token in pattern.split('.') {
            node = match token {
                ">" => {
                    node.tail = true;
                    return;
                }
                "*" => node.any.get_or_insert_default(),
                token => node.tokens.entry(token.into()).or_default(),
            };
        }
        node.ends = true;
    }

    /// Whether one of the patterns matches the key, or all keys that the pattern matches.
    pub(super) fn covers(&self, pattern: &str) -> bool {
        // Places still to be looked at, each with the part of the pattern that is left there.
        let mut left = vec![(self, Some(pattern))];
        while let Some((node, rest)) = left.pop() {
            let Some(rest) = rest else {
                match node.ends {
                    true => return true,
                    false => continue,
                }
            };
            if node.tail {
                return true;
            }
            let (token, rest) = match rest.split_once('.') {
                Some((token, rest)) => (token, Some(rest)),
                None => (rest, None),
            };
            // `*` matches one token, but `>` may be more.
            let any = node.any.as_deref().filter(|_| token != ">");
            let next = any.into_iter().chain(node.tokens.get(token));
            left.extend(next.map(|node| (node, rest)));
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covers(patterns: &str, other: &str) -> bool {
        PatternTree::of(patterns.split(' ')).covers(other)
    }

    #[test]
    fn keys() {
        for (pattern, key) in [
            ("a", "a"),
            ("a.b", "a.b"),
            ("*", "a"),
            ("a.*", "a.b"),
            ("*.b", "a.b"),
            (">", "a"),
            (">", "a.b.c"),
            ("a.>", "a.b.c"),
            ("a.*.>", "a.b.c"),
            ("a*", "a*"),
        ] {
            assert!(covers(pattern, key), "{pattern} {key}");
        }
        for (pattern, key) in [
            ("a", "b"),
            ("a", "a.b"),
            ("a.b", "a"),
            ("*", "a.b"),
            ("a.>", "a"),
            ("a.*.>", "a.b"),
            ("a*", "ab"),
        ] {
            assert!(!covers(pattern, key), "{pattern} {key}");
        }
    }

    #[test]
    fn patterns() {
        for (one, other) in [
            ("*", "*"),
            (">", "*"),
            (">", "*.>"),
            ("a.>", "a.*"),
            ("a.>", "a.>"),
            ("*.*", "a.*"),
            ("*.>", "a.>"),
        ] {
            assert!(covers(one, other), "{one} {other}");
        }
        for (one, other) in [
            ("a", "*"),
            ("*", ">"),
            ("a.*", "a.>"),
            ("a.b", "a.*"),
            ("*.>", ">"),
            ("a.>", "*.>"),
            ("a.*", "*.a"),
        ] {
            assert!(!covers(one, other), "{one} {other}");
        }
    }

    #[test]
    fn one_of_several() {
        assert!(covers("a.b *.c x.>", "a.c"));
        assert!(covers("a.b *.c x.>", "x.y.z"));
        assert!(!covers("a.b *.c x.>", "b.b"));
        assert!(!PatternTree::default().covers("a"));
    }
}
