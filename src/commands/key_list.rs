//! Which keys a call means, and `keys`, which lists them.

use super::coding::Coding;
use super::connection::Core;
use super::jet_stream::Shared;
use super::options::{after_optional_word, Options};
use crate::client::kv::{Bucket, KeyBatch, KeyPart};
use crate::errors::raise;
use crate::runtime;
use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::ops::ControlFlow;
use std::rc::Rc;
use tcl::interp::Preserved;
use tcl::value::ListBuilder;
use tcl::{Error, Interp, Obj, Object, Outcome, Result};

/// How many keys a callback gets at a time.
const BATCH_SIZE: usize = 500;

/// The patterns of a list, which may be empty or left out for all keys. A word that is no list is one pattern.
pub fn patterns(word: Option<&Obj>) -> Vec<String> {
    let Some(word) = word else {
        return Vec::new();
    };
    match word.to_list() {
        Some(patterns) => texts(&patterns),
        None => texts(std::slice::from_ref(word)),
    }
}

fn texts(words: &[Obj]) -> Vec<String> {
    words.iter().map(|word| word.text().into_owned()).collect()
}

/// `$kv keys ?patterns? ?-callback prefix? ?-batch_size int?` → list of keys, or how many the callback was given
///
/// # Errors
/// `ErrInvalidArg`, `TCL WRONGARGS`; those of [`Bucket::keys`]; without a callback `ErrKeyNotFound` if there are none.
pub fn keys(
    interp: Interp,
    object: &Object,
    shared: &Shared,
    (bucket, coding): (&Bucket, &Coding),
    args: &[Obj],
) -> Result<Outcome> {
    check_number(object, args)?;
    let (wanted, words) = after_optional_word(args);
    let mut options = Options::parse_with_callback(words)?;
    let callback = options.callback("callback")?;
    let size = options.positive("batch_size")?;
    options.end()?;
    let wanted = coding.patterns(interp, patterns(wanted))?;
    match callback {
        None => list(bucket, coding, wanted),
        Some(callback) => {
            let size = size.map_or(BATCH_SIZE, |size| {
                usize::try_from(size).unwrap_or(usize::MAX)
            });
            let handover = Handover::new(interp, shared, coding, callback);
            hand_over(bucket, &wanted, size, handover)
        }
    }
}

/// Two words that do not look like an option and its value are two patterns, which should be one list.
fn check_number(object: &Object, args: &[Obj]) -> Result<()> {
    match args {
        [one, two] if !is_option(one) && !two.text().starts_with('-') => {
            let message = format!(
                "wrong # args: should be \"{} keys ?patterns? ?-option value ...?\"",
                object.name().text()
            );
            Err(Error::new(message, &["TCL", "WRONGARGS"]))
        }
        _ => Ok(()),
    }
}

fn is_option(word: &Obj) -> bool {
    let word = word.text();
    word.starts_with('-') || ["callback", "batch_size"].contains(&&*word)
}

fn list(bucket: &Bucket, coding: &Coding, wanted: Vec<String>) -> Result<Outcome> {
    let list = Rc::new(RefCell::new(KeyList::default()));
    let keys = list.clone();
    let (asked, coding) = (bucket.clone(), coding.clone());
    let patterns = wanted.clone();
    runtime::answer_in_parts(
        |parts| bucket.keys(&patterns, move |keys| parts.send_all(keys)),
        move |part| keys.borrow_mut().take(part),
        move |interp, repeated| {
            let keys = list.take().finish(repeated);
            let keys = keys.and_then(|keys| Seen::default().list(interp, &coding, keys));
            keys.ok_or_else(|| raise(asked.no_keys(&wanted)))
        },
    )
}

/// A callback that gets one list after the other, until it returns `break`.
struct Handover {
    interp: Preserved,
    core: Rc<Core>,
    /// Of the connection, when this was made.
    ends: u64,
    coding: Coding,
    callback: Vec<Obj>,
    seen: Seen,
    /// Keys that were handed over.
    count: Rc<Cell<u64>>,
}

impl Handover {
    fn new(interp: Interp, shared: &Shared, coding: &Coding, callback: Vec<Obj>) -> Handover {
        Handover {
            interp: interp.preserve(),
            core: shared.core.clone(),
            ends: shared.core.ends(),
            coding: coding.clone(),
            callback,
            seen: Seen::default(),
            count: Rc::default(),
        }
    }

    /// A callback that runs the event loop gets no other list meanwhile.
    fn take(&mut self, batch: KeyBatch) {
        // Nothing is called once the script has ended the connection.
        if self.core.ends() != self.ends {
            return;
        }
        let keys = Obj::list(batch.keys.iter().map(|key| Obj::from(&**key)));
        let flow = match self.seen.list(self.interp.get(), &self.coding, keys) {
            Some(keys) => {
                let count = keys.to_list().map_or(0, |keys| keys.len() as u64);
                self.count.set(self.count.get() + count);
                self.interp.callback_in_loop(&self.callback, [keys])
            }
            None => ControlFlow::Continue(()),
        };
        batch.dealt_with(flow);
    }
}

fn hand_over(
    bucket: &Bucket,
    wanted: &[String],
    size: usize,
    mut handover: Handover,
) -> Result<Outcome> {
    let count = handover.count.clone();
    runtime::answer_in_parts(
        |batches| bucket.keys_in_batches(wanted, size, move |batch| batches.send(batch)),
        move |batch: KeyBatch| handover.take(batch),
        move |_, _| Ok(Obj::from(count.get())),
    )
}

/// The keys that a script has been shown, where codecs may show two of them as the same text.
#[derive(Default)]
struct Seen(HashSet<String>);

impl Seen {
    /// A list of stored keys as the script sees them, without those that it has seen; `None` if none is left. The
    /// errors of those that cannot be decoded go to the background.
    fn list(&mut self, interp: Interp, coding: &Coding, keys: Obj) -> Option<Obj> {
        if coding.is_plain() {
            return Some(keys);
        }
        let mut list = Vec::new();
        for stored in keys.to_list()? {
            match coding.seen_key(interp, &stored.text()) {
                Ok(key) if self.0.insert(key.text().into_owned()) => list.push(key),
                Ok(_) => {}
                Err(error) => interp.background_error(error),
            }
        }
        (!list.is_empty()).then(|| Obj::list(list))
    }
}

/// The keys that have come so far, in order.
#[derive(Default)]
struct KeyList {
    keys: ListBuilder,
    count: usize,
    /// Keys that came as deleted, each with the number of keys before it.
    deleted: Vec<(usize, String)>,
}

impl KeyList {
    fn take(&mut self, part: KeyPart) {
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
    fn finish(self, repeated: bool) -> Option<Obj> {
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
