//! Class `nats::key_value`: one bucket.

use super::connection::Core;
use super::errors::{invalid_arg, raise};
use super::key_list::KeyList;
use super::kv_watcher;
use super::options::{bad_value, pos_int, Options};
use super::payload;
use super::shape::{self, EntryShape};
use crate::client::error::Error;
use crate::client::kv::{Bucket, Entry};
use crate::runtime;
use std::cell::RefCell;
use std::future::Future;
use std::rc::Rc;
use tcl::class::Construct;
use tcl::value::ListBuilder;
use tcl::{Call, Class, Interp, Method, Obj, Object, Outcome, Result};

pub struct KeyValue {
    pub core: Rc<Core>,
    pub bucket: Bucket,
    shape: EntryShape,
    /// The object this one belongs to, which its watchers belong to as well.
    pub parent: std::rc::Weak<super::jet_stream::Shared>,
}

type This<'a> = Call<'a, KeyValue>;

impl KeyValue {
    /// Makes the object of a bucket.
    pub fn create(
        interp: Interp,
        parent: &Rc<super::jet_stream::Shared>,
        bucket: Bucket,
    ) -> Result<Object> {
        let object = Object::create(interp, |_| {
            Ok(KeyValue {
                core: parent.core.clone(),
                shape: EntryShape::new(bucket.name()),
                bucket,
                parent: Rc::downgrade(parent),
            })
        })?;
        parent.children.add(&object);
        Ok(object)
    }
}

const MANY: usize = usize::MAX;

impl Class for KeyValue {
    const NAME: &'static str = "::nats::key_value";
    const METHODS: &'static [Method<Self>] = &[
        Method::new("get", "key ?-revision int?", 1..=MANY, get),
        Method::new("get_value", "key ?-revision int?", 1..=MANY, get_value),
        Method::new("put", "key value", 2..=2, put),
        Method::new("create", "key value", 2..=2, create),
        Method::new("update", "key value revision", 3..=3, update),
        Method::new("delete", "key ?revision?", 1..=2, delete),
        Method::new("purge", "key", 1..=1, purge),
        Method::new("revert", "key revision", 2..=2, revert),
        Method::new("status", "", 0..=0, status),
        Method::new("history", "key", 1..=1, history),
        Method::new("keys", "", 0..=0, keys),
        Method::new(
            "watch",
            "key ?-option value ...?",
            1..=MANY,
            kv_watcher::watch,
        ),
    ];

    fn construct(_: &Construct) -> Result<Self> {
        Err(invalid_arg(
            "nats::key_value objects are made by the jet_stream methods bind_kv_bucket and create_kv_bucket",
        ))
    }
}

/// Waits for a future of the bucket; `finish` makes the result.
fn answer<F, R>(
    call: &This,
    start: impl FnOnce(&Bucket) -> F,
    finish: impl FnOnce(&KeyValue, R) -> Obj + 'static,
) -> Result<Outcome>
where
    F: Future<Output = crate::client::error::Result<R>> + Send + 'static,
    R: Send + 'static,
{
    let this = call.this.clone();
    runtime::answer(
        || start(&call.this.bucket),
        move |_, answer| Ok(finish(&this, answer)),
    )
}

fn entry(call: &This, finish: impl FnOnce(&KeyValue, Entry) -> Obj + 'static) -> Result<Outcome> {
    let mut options = Options::parse(&call.args[1..])?;
    let revision = options.pos_int("revision")?;
    options.end()?;
    if revision == Some(0) {
        return Err(bad_value("pos_int", "revision", &Obj::from(0i64)));
    }
    let key = call.args[0].text();
    answer(call, |bucket| bucket.get(&key, revision), finish)
}

/// `get key ?-revision int?` → entry
fn get(call: &This) -> Result<Outcome> {
    entry(call, |kv, entry| {
        let utf8 = kv.core.config.utf8_convert.get();
        kv.shape.whole(&entry, utf8)
    })
}

/// `get_value key ?-revision int?` → value
fn get_value(call: &This) -> Result<Outcome> {
    entry(call, |kv, entry| {
        payload::decode(&entry.value, kv.core.config.utf8_convert.get())
    })
}

fn value(call: &This) -> Result<bytes::Bytes> {
    payload::encode(&call.args[1], call.this.core.config.utf8_convert.get())
}

/// A revision argument.
fn revision(word: &Obj) -> Result<u64> {
    pos_int(word).ok_or_else(|| {
        raise(Error::invalid_arg(format!(
            "Invalid revision {}: expected an integer of 0 or more",
            word.text()
        )))
    })
}

/// The result of a write: the new revision.
fn returned(_: &KeyValue, revision: u64) -> Obj {
    Obj::from(revision)
}

/// The result of a deletion.
fn nothing(_: &KeyValue, (): ()) -> Obj {
    Obj::empty()
}

/// `put key value` → revision
fn put(call: &This) -> Result<Outcome> {
    let (key, value) = (call.args[0].text(), value(call)?);
    answer(call, |bucket| bucket.put(&key, value), returned)
}

/// `create key value` → revision
fn create(call: &This) -> Result<Outcome> {
    let (key, value) = (call.args[0].text(), value(call)?);
    answer(call, |bucket| bucket.create(&key, value), returned)
}

/// `update key value revision` → revision
fn update(call: &This) -> Result<Outcome> {
    let expected = revision(&call.args[2])?;
    let (key, value) = (call.args[0].text(), value(call)?);
    answer(
        call,
        |bucket| bucket.update(&key, value, expected),
        returned,
    )
}

/// `delete key ?revision?`
fn delete(call: &This) -> Result<Outcome> {
    let expected = call.args.get(1).map(revision).transpose()?;
    let key = call.args[0].text();
    answer(call, |bucket| bucket.delete(&key, expected), nothing)
}

/// `purge key`
fn purge(call: &This) -> Result<Outcome> {
    let key = call.args[0].text();
    answer(call, |bucket| bucket.purge(&key), nothing)
}

/// `revert key revision` → revision
fn revert(call: &This) -> Result<Outcome> {
    let wanted = revision(&call.args[1])?;
    let key = call.args[0].text();
    answer(call, |bucket| bucket.revert(&key, wanted), returned)
}

/// `status` → dict
fn status(call: &This) -> Result<Outcome> {
    answer(call, Bucket::status, |_, status| shape::json_dict(&status))
}

/// `history key` → list of entries
fn history(call: &This) -> Result<Outcome> {
    let pattern = call.args[0].text();
    let kv = call.this.clone();
    let list = Rc::new(RefCell::new(ListBuilder::default()));
    let entries = list.clone();
    runtime::answer_in_parts(
        |parts| {
            let bucket = &call.this.bucket;
            bucket.history(&pattern, move |entries| parts.send_all(entries))
        },
        move |entry: Entry| {
            let utf8 = kv.core.config.utf8_convert.get();
            entries.borrow_mut().push(&kv.shape.whole(&entry, utf8));
        },
        move |_, ()| Ok(list.take().finish()),
    )
}

/// `keys` → list of keys
fn keys(call: &This) -> Result<Outcome> {
    let bucket = call.this.bucket.clone();
    let list = Rc::new(RefCell::new(KeyList::default()));
    let keys = list.clone();
    runtime::answer_in_parts(
        |parts| {
            let bucket = &call.this.bucket;
            bucket.keys(move |keys| parts.send_all(keys))
        },
        move |part| keys.borrow_mut().take(part),
        move |_, repeated| {
            let keys = list.take().finish(repeated);
            keys.ok_or_else(|| raise(bucket.no_keys()))
        },
    )
}
