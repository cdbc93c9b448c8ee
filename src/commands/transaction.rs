//! `transaction` of `nats::key_value`: its list of operations.

use super::coding::Coding;
use super::kv_lock;
use super::options::{after_optional_word, Options};
use super::write_options::{revision, ttl_ms, write_options};
use crate::client::kv::{Action, Bucket, Step};
use crate::errors::invalid_arg;
use crate::runtime;
use tcl::{Interp, Obj, Outcome, Result};

/// The words of each operation.
const USAGES: [(&str, &str); 6] = [
    ("put", "key value ?-option value ...?"),
    ("create", "key value ?-option value ...?"),
    ("update", "key value revision ?-option value ...?"),
    ("delete", "key ?revision?"),
    ("purge", "key ?revision? ?-ttl ms?"),
    ("check", "key revision"),
];

/// `transaction operations ?-timeout ms? ?-lock lock?` → dict, key to revision.
///
/// # Errors
/// `ErrCodec`; `ErrInvalidArg` for a malformed operation or option, or no lock; those of the bucket's `transaction`.
pub fn answer(
    interp: Interp,
    (bucket, coding): (&Bucket, &Coding),
    args: &[Obj],
) -> Result<Outcome> {
    let mut options = Options::parse(&args[1..])?;
    let timeout = options.timeout("timeout")?;
    let lock = options.raw("lock");
    options.end()?;
    let fence = lock.map(|lock| kv_lock::fence(interp, &lock)).transpose()?;
    let operations = args[0].to_list().ok_or_else(|| {
        let text = args[0].text();
        invalid_arg(format!("Invalid list of operations {text}"))
    })?;
    // Those that are written, as they were given.
    let mut keys = Vec::new();
    let mut steps = Vec::with_capacity(operations.len());
    for operation in &operations {
        let (key, action) = parse(interp, coding, operation)?;
        let stored = coding.key(interp, &key)?.into_owned();
        if !matches!(action, Action::Check(_)) {
            keys.push(key);
        }
        steps.push(Step {
            key: stored,
            action,
        });
    }
    runtime::answer(
        || bucket.transaction(steps, timeout, fence),
        move |_, revisions| Ok(Obj::dict(keys.iter().zip(revisions.map(Obj::from)))),
    )
}

/// The key of an operation, and what is wanted of it.
fn parse(interp: Interp, coding: &Coding, operation: &Obj) -> Result<(Obj, Action)> {
    let words = operation.to_list().unwrap_or_default();
    let Some((word, words)) = words.split_first() else {
        return Err(malformed(operation));
    };
    let value = |value: &Obj| coding.value(interp, value);
    let (key, action) = match (&*word.text(), words) {
        ("put", [key, bytes, options @ ..]) => {
            (key, Action::Put(value(bytes)?, write_options(options)?))
        }
        ("create", [key, bytes, options @ ..]) => {
            (key, Action::Create(value(bytes)?, write_options(options)?))
        }
        ("update", [key, bytes, expected, options @ ..]) => {
            let (bytes, expected) = (value(bytes)?, revision(expected)?);
            (
                key,
                Action::Update(bytes, expected, write_options(options)?),
            )
        }
        ("delete", [key]) => (key, Action::Delete(None)),
        ("delete", [key, expected]) => (key, Action::Delete(Some(revision(expected)?))),
        ("purge", [key, rest @ ..]) => (key, purge(rest)?),
        ("check", [key, expected]) => (key, Action::Check(revision(expected)?)),
        _ => return Err(malformed(operation)),
    };
    Ok((key.clone(), action))
}

/// `?revision? ?-ttl ms?`
fn purge(words: &[Obj]) -> Result<Action> {
    let (expected, options) = after_optional_word(words);
    let expected = expected.map(revision).transpose()?;
    let mut options = Options::parse(options)?;
    let ttl = options.raw("ttl").map(|value| ttl_ms(&value)).transpose()?;
    options.end()?;
    Ok(Action::Purge(expected, ttl))
}

fn malformed(operation: &Obj) -> tcl::Error {
    let text = operation.text();
    let word = text.split_whitespace().next().unwrap_or_default();
    let usage = USAGES.iter().find(|(name, _)| *name == word);
    let expected = match usage {
        Some((name, words)) => format!("expected \"{name} {words}\""),
        None => {
            let words: Vec<_> = USAGES.iter().map(|(name, _)| *name).collect();
            format!("expected one of {}", words.join(" "))
        }
    };
    invalid_arg(format!("Invalid operation \"{text}\": {expected}"))
}
