//! `get_many` of `nats::key_value`.

use super::coding::Coding;
use super::options::{bad_value, bad_value_because, pos_int, Options};
use crate::client::jetstream::units;
use crate::client::kv::{Bucket, Entry, ManyOptions, Moment};
use crate::errors::invalid_arg;
use crate::runtime;
use std::cell::RefCell;
use std::rc::Rc;
use tcl::value::DictBuilder;
use tcl::{Interp, Obj, Outcome, Result};

/// What a call asks for, beside the keys.
struct Asked {
    options: ManyOptions,
    /// Values in place of entries.
    values: bool,
    deletes: bool,
    /// The variable that gets the revision.
    revision_var: Option<Obj>,
}

/// Reads keys of a bucket, which are seen as `coding` says; `seen` makes the dict of an entry.
///
/// # Errors
/// `ErrInvalidArg` for a malformed option, or two that exclude each other; `ErrCodec`; those of the bucket's
/// `get_many`.
pub fn answer(
    interp: Interp,
    (bucket, coding): (&Bucket, &Coding),
    args: &[Obj],
    seen: impl Fn(Interp, &Entry) -> Result<Obj> + 'static,
) -> Result<Outcome> {
    let Asked {
        options,
        values,
        deletes,
        revision_var,
    } = asked(Options::parse(&args[1..])?)?;
    let keys = stored_keys(interp, coding, &args[0])?;
    let dict = Rc::new(RefCell::new(Ok(DictBuilder::default())));
    let (entries, coding, interp) = (dict.clone(), coding.clone(), interp.preserve());
    let pair = move |entry: &Entry| {
        let interp = interp.get();
        let value = match values {
            true => coding.seen_value(interp, entry)?,
            false => seen(interp, entry)?,
        };
        Ok((coding.seen_key(interp, entry.key())?, value))
    };
    runtime::answer_in_parts(
        |parts| {
            let snapshot = bucket.get_many(&keys, &options);
            async move {
                let snapshot = snapshot.await?;
                let entries = snapshot.entries.into_iter();
                parts.send_all(entries.filter(|entry| deletes || entry.is_put()));
                Ok(snapshot.revision)
            }
        },
        move |entry: Entry| {
            let pair = pair(&entry);
            add(&mut entries.borrow_mut(), pair);
        },
        move |interp, revision: u64| {
            let dict = dict.replace(Ok(DictBuilder::default()))?.finish();
            if let Some(name) = &revision_var {
                interp.set_var_of_caller(name, &Obj::from(revision))?;
            }
            Ok(dict)
        },
    )
}

/// Adds a key and what it has, unless one before has failed.
fn add(dict: &mut Result<DictBuilder>, pair: Result<(Obj, Obj)>) {
    match (&mut *dict, pair) {
        (Ok(dict), Ok((key, value))) => dict.put(&key, &value),
        (Ok(_), Err(error)) => *dict = Err(error),
        (Err(_), _) => {}
    }
}

/// A list of keys and patterns, as they are stored.
fn stored_keys(interp: Interp, coding: &Coding, list: &Obj) -> Result<Vec<String>> {
    let keys = list.to_list();
    let keys = keys.ok_or_else(|| invalid_arg(format!("Invalid list of keys {}", list.text())))?;
    let stored = keys.iter().map(|key| coding.key_or_pattern(interp, key));
    stored.collect()
}

fn asked(mut options: Options) -> Result<Asked> {
    let values = options.bool("values")?.unwrap_or(false);
    let deletes = options.bool("deletes")?.unwrap_or(false);
    let at_revision = options.pos_int("at_revision")?;
    let at_time = options.raw("at_time").as_ref().map(before).transpose()?;
    let min_revision = options.pos_int("min_revision")?;
    let revision_var = options.raw("revision_var");
    let headers = options.bool("header")?.unwrap_or(false);
    let consistent = options.bool("consistent")?.unwrap_or(true);
    options.end()?;
    if at_revision.is_some() && at_time.is_some() {
        return Err(invalid_arg(
            "-at_revision and -at_time are mutually exclusive",
        ));
    }
    if at_revision == Some(0) {
        return Err(bad_value("pos_int", "at_revision", &Obj::from(0i64)));
    }
    let at = at_revision.map(Moment::Revision);
    Ok(Asked {
        options: ManyOptions {
            at: at.or(at_time.map(Moment::Before)),
            min_revision,
            accepts_fuzzy: !consistent,
            headers,
            needs_revision: revision_var.is_some(),
        },
        values,
        deletes,
        revision_var,
    })
}

/// The first moment after a time: milliseconds since the epoch, or a text in the notation of ISO 8601. A whole
/// millisecond lasts to its end, as that is how entries tell their times.
fn before(time: &Obj) -> Result<i64> {
    const MS: i64 = 1_000_000;
    let ns = match pos_int(time) {
        Some(ms) => i64::try_from(ms).ok().and_then(|ms| ms.checked_mul(MS)),
        None => units::ns_from_iso(&time.text()),
    };
    let after = ns.and_then(|ns| ns.checked_add(if ns % MS == 0 { MS } else { 1 }));
    after.filter(|ns| *ns > 0).ok_or_else(|| {
        let hint =
            "; expected milliseconds since the epoch, or a time such as 2024-01-31T12:00:00Z";
        bad_value_because("time", "at_time", time, hint)
    })
}
