//! Keys as paths: slashes where a bucket has dots.

/// The token that stands for the beginning of an absolute path.
const ROOT: &str = "_root_";

/// `/a/b` becomes `_root_.a.b`. A slash at the end is dropped.
pub(super) fn encode(key: &str) -> String {
    if key == "/" {
        return ROOT.to_owned();
    }
    let path = key.strip_suffix('/').unwrap_or(key);
    let tokens = path.replace('/', ".");
    match path.starts_with('/') {
        true => ROOT.to_owned() + &tokens,
        false => tokens,
    }
}

pub(super) fn decode(stored: &str) -> String {
    let path = stored.replace('.', "/");
    match path.strip_prefix(ROOT) {
        Some("") => "/".to_owned(),
        Some(rest) if rest.starts_with('/') => rest.to_owned(),
        _ => path,
    }
}

#[cfg(test)]
mod tests {
    use super::super::KeyCodec;

    fn encoded(key: &str) -> String {
        KeyCodec::Path.encode(key)
    }

    fn decoded(key: &str) -> String {
        KeyCodec::Path.decode(key).unwrap()
    }

    #[test]
    fn paths_as_orbit_has_them() {
        for (key, stored) in [
            ("/a/b", "_root_.a.b"),
            ("/", "_root_"),
            ("a/b", "a.b"),
            ("a", "a"),
            ("/a", "_root_.a"),
            ("_root_x/a", "_root_x.a"),
        ] {
            assert_eq!(encoded(key), stored);
            assert_eq!(decoded(stored), key);
        }
        assert_eq!(encoded("/a/b/"), "_root_.a.b");
        assert_eq!(encoded("a/b/"), "a.b");
    }

    #[test]
    fn dots_become_slashes() {
        assert_eq!(encoded("a.b"), "a.b");
        assert_eq!(decoded("a.b"), "a/b");
    }

    #[test]
    fn patterns() {
        let pattern = |pattern| KeyCodec::Path.encode_pattern(pattern);
        assert_eq!(pattern("/a/*"), "_root_.a.*");
        assert_eq!(pattern("/>"), "_root_.>");
        assert_eq!(pattern(">"), ">");
    }

    #[test]
    fn empty_tokens_stay_empty() {
        assert_eq!(encoded("/a//b"), "_root_.a..b");
        assert_eq!(encoded("//"), "_root_.");
        assert_eq!(encoded(""), "");
    }
}
