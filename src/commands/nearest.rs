//! The name that somebody may have meant.

/// Words of habit and of other clients, and what they are called here.
const HABITS: &[(&str, &str)] = &[
    ("cb", "callback"),
    ("cmd", "callback"),
    ("command", "callback"),
    ("handler", "callback"),
    ("proc", "callback"),
    ("script", "callback"),
    ("address", "servers"),
    ("host", "servers"),
    ("hosts", "servers"),
    ("url", "servers"),
    ("urls", "servers"),
    ("pass", "password"),
    ("passwd", "password"),
];

/// No name is as long, and the search takes time.
const LONGEST: usize = 64;

/// What to say of a word that is none of these names, if one of them is near: a phrase for the end of a
/// message.
pub fn hint(word: &str, names: &[&str]) -> Option<String> {
    let word = word.to_lowercase().replace('-', "_");
    let habit = HABITS
        .iter()
        .find(|(habit, name)| *habit == word && names.contains(name));
    if let Some((_, name)) = habit {
        return Some(format!("use -{name}"));
    }
    nearest(&word, names).map(|name| format!("did you mean {name}?"))
}

/// The name with the fewest typing errors; else one of which the word is a part, or which is a part of it.
fn nearest<'a>(word: &str, names: &[&'a str]) -> Option<&'a str> {
    let length = word.chars().count();
    if length > LONGEST {
        return None;
    }
    let errors = match length {
        0..=2 => 0,
        3..=5 => 1,
        6..=11 => 2,
        _ => 3,
    };
    names
        .iter()
        .map(|name| (distance(word, name), *name))
        .filter(|(distance, _)| *distance <= errors)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
        .or_else(|| {
            let is_part = |name: &&&str| {
                name.starts_with(word)
                    || word.starts_with(**name)
                    || name.strip_suffix(word).is_some_and(|s| s.ends_with('_'))
            };
            names.iter().filter(|_| length > 2).find(is_part).copied()
        })
}

/// How many characters are to be put in, left out, replaced or swapped with their neighbour to make one text
/// of the other.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    rows[0] = (0..=b.len()).collect();
    for i in 1..=a.len() {
        rows[i][0] = i;
        for j in 1..=b.len() {
            let replaced = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut least = replaced.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = least;
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: &[&str] = &[
        "retention",
        "max_age",
        "max_msgs",
        "subjects",
        "num_replicas",
        "ttl",
        "timeout",
        "callback",
    ];

    #[test]
    fn distances() {
        for (a, b, expected) in [
            ("", "", 0),
            ("", "abc", 3),
            ("retenton", "retention", 1),
            ("retnetion", "retention", 1),
            ("storge", "strage", 2),
            ("größe", "grösse", 2),
        ] {
            assert_eq!(distance(a, b), expected, "{a} {b}");
            assert_eq!(distance(b, a), expected, "{b} {a}");
        }
    }

    #[test]
    fn near_names() {
        for (word, name) in [
            ("retenton", "retention"),
            ("Retention", "retention"),
            ("max-age", "max_age"),
            ("maxage", "max_age"),
            ("subject", "subjects"),
            ("subj", "subjects"),
            ("replicas", "num_replicas"),
            ("tll", "ttl"),
            ("timeout_ms", "timeout"),
        ] {
            let hint = hint(word, NAMES);
            assert_eq!(hint, Some(format!("did you mean {name}?")), "{word}");
        }
    }

    #[test]
    fn far_names() {
        let long = "retention".repeat(100_000);
        for word in ["", "x", "tt", "nosuch", "max", "created", "msgs_max", &long] {
            let hint = hint(word, &["retention", "ttl", "no_ack", "callback"]);
            assert_eq!(hint, None, "{}", &word[..word.len().min(20)]);
        }
    }

    #[test]
    fn habits() {
        let hint = |word, names: &[&str]| hint(word, names);
        assert_eq!(hint("command", NAMES).as_deref(), Some("use -callback"));
        assert_eq!(hint("command", &["subject"]), None);
        assert_eq!(hint("url", &["servers"]).as_deref(), Some("use -servers"));
    }
}
