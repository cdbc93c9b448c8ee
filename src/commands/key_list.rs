//! The keys of a bucket, as they come.

use crate::client::kv::KeyPart;
use std::collections::HashSet;
use tcl::value::ListBuilder;
use tcl::Obj;

/// The keys that have come so far, in order.
#[derive(Default)]
pub struct KeyList {
    keys: ListBuilder,
    count: usize,
    /// Keys that came as deleted, each with the number of keys before it.
    deleted: Vec<(usize, String)>,
}

impl KeyList {
    pub fn take(&mut self, part: KeyPart) {
        match part {
            KeyPart::Key(key, true) => {
                self.keys.push(&Obj::from(&*key));
                self.count += 1;
            }
            KeyPart::Key(key, false) => self.deleted.push((self.count, key)),
            KeyPart::Again => *self = KeyList::default(),
        }
    }

    /// The list of those that have a value; none if there is none. With `repeated` keys may have come more
    /// than once, and the last time counts.
    pub fn finish(self, repeated: bool) -> Option<Obj> {
        let keys = self.keys.finish();
        match repeated {
            false => Some(keys).filter(|_| self.count > 0),
            true => latest(keys.to_list()?, self.deleted),
        }
    }
}

/// Looks from the end, where a key comes as it is now.
fn latest(keys: Vec<Obj>, mut deleted: Vec<(usize, String)>) -> Option<Obj> {
    let mut seen = HashSet::new();
    let mut latest = Vec::new();
    for (at, key) in keys.into_iter().enumerate().rev() {
        while let Some((_, key)) = deleted.pop_if(|(before, _)| *before > at) {
            seen.insert(key);
        }
        if seen.insert(key.text().into_owned()) {
            latest.push(key);
        }
    }
    latest.reverse();
    (!latest.is_empty()).then(|| Obj::list(latest))
}
