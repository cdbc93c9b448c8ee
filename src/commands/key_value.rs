//! Class `nats::key_value`: one bucket.

use super::codec::Codecs;
use super::coding::Coding;
use super::counter;
use super::get_many;
use super::jet_stream::Shared;
use super::key_list;
use super::kv_election;
use super::kv_lock;
use super::kv_member;
use super::kv_status;
use super::kv_transfer::{Side, Transfers};
use super::kv_watcher;
use super::options::{after_optional_word, bad_value, listed, pos_int, Options};
use super::shape::EntryShape;
use super::transaction;
use super::write_options::{revision, ttl, ttl_ms, write_options};
use crate::client::kv::{Bucket, Entry};
use crate::errors::{invalid_arg, raise};
use crate::runtime;
use std::borrow::Cow;
use std::cell::RefCell;
use std::future::Future;
use std::rc::Rc;
use std::time::Duration;
use tcl::class::{none, Construct, Usage};
use tcl::value::ListBuilder;
use tcl::{Call, Class, Interp, Method, Obj, Object, Outcome, Result};

/// The state of a `nats::key_value` object.
pub struct KeyValue {
    bucket: Bucket,
    shape: EntryShape,
    /// How the script sees keys and values.
    coding: Coding,
    transfers: Transfers,
    /// Of the object this one belongs to, as its watchers do.
    shared: Rc<Shared>,
}

type This<'a> = Call<'a, KeyValue>;

/// Makes the object of a bucket, which may have codecs.
///
/// # Errors
/// `ErrInvalidArg` if the `jet_stream` object was destroyed meanwhile.
pub fn create(
    interp: Interp,
    shared: &Rc<Shared>,
    bucket: Bucket,
    codecs: Option<Rc<Codecs>>,
) -> Result<Object> {
    let (object, _) = Object::create(interp, |object| {
        shared.children.add(object)?;
        Ok(KeyValue {
            shape: EntryShape::new(bucket.name()),
            bucket,
            coding: Coding::new(&shared.core, codecs),
            transfers: Transfers::default(),
            shared: shared.clone(),
        })
    })?;
    Ok(object)
}

const MANY: usize = usize::MAX;

/// The options of `get_many`.
const GET_MANY: &str =
    "-values bool -deletes bool -at_revision int -at_time time -min_revision int \
    -revision_var varName -header bool -consistent bool";

/// The options of `watch`.
const WATCH: &str = "-callback cmdPrefix -values_array varName -keys patterns -state_callback cmdPrefix \
    -reconcile bool -include_history bool -meta_only bool -header bool -ignore_deletes bool -updates_only bool \
    -idle_heartbeat ms -from_revision int -operations list -writable bool -conflict remote|local|cmdPrefix \
    -error_callback cmdPrefix -delay ms -ttl ms|never";

/// The options of `lock`.
const LOCK: &str =
    "-ttl ms -value text -watchdog ms -try bool -timeout ms -on_lost cmdPrefix -renew ms";

/// The options of `export`, `import` and `copy`, which are methods of script.
const EXPORT: &str =
    "-file path -channel channel -keys patterns -history bool -consistent bool -progress cmdPrefix";
const IMPORT: &str =
    "-file path -channel channel -keys patterns -exists overwrite|skip|error -deletes bool \
    -partial bool -window int -progress cmdPrefix";
const COPY: &str = "-keys patterns -exists overwrite|skip|error -history bool -progress cmdPrefix";

/// Markers of this age are old enough for nobody to need them.
const OLD: Duration = Duration::from_secs(30 * 60);

impl KeyValue {
    /// The bucket, and how the script sees what is in it.
    fn coded(&self) -> (&Bucket, &Coding) {
        (&self.bucket, &self.coding)
    }

    /// An entry as a dict.
    ///
    /// # Errors
    /// `ErrCodec`
    fn seen(&self, interp: Interp, entry: &Entry) -> Result<Obj> {
        let key = self.coding.seen_key(interp, entry.key())?;
        let value = self.coding.seen_value(interp, entry)?;
        Ok(self.shape.entry(entry, key, value))
    }
}

/// The key that a method is called with, as it is stored.
fn key<'a>(call: &This<'a>) -> Result<Cow<'a, str>> {
    call.this.coding.key(call.interp, &call.args[0])
}

impl Class for KeyValue {
    const NAME: &'static str = "::nats::key_value";
    const METHODS: &'static [Method<Self>] = &[
        Method::new("get", "key ?-revision int? ?-header bool?", 1..=MANY, get),
        Method::new("get_value", "key ?-revision int?", 1..=MANY, get_value),
        Method::with_options("get_many", "keys ?-option value ...?", 1, get_many)
            .options(|| listed(GET_MANY)),
        Method::with_options("put", "key value ?-option value ...?", 2, put)
            .options(|| listed("-ttl ms|never -header dict")),
        Method::with_options("create", "key value ?-option value ...?", 2, create_key)
            .options(|| listed("-ttl ms|never -header dict")),
        Method::with_options(
            "update",
            "key value revision ?-option value ...?",
            3,
            update,
        )
        .options(|| listed("-ttl ms|never -header dict")),
        Method::new("delete", "key ?revision?", 1..=2, delete),
        Method::with_options("purge", "key ?-revision int? ?-ttl ms?", 1, purge),
        Method::new("revert", "key revision", 2..=2, revert),
        Method::with_options("touch", "key ?-ttl ms|never?", 1, touch),
        Method::new("ModifyArguments", "?arg ...?", 0..=MANY, modify_arguments),
        Method::new("Pause", "attempts", 1..=1, pause),
        Method::new("Present", "key attempt", 2..=2, present),
        Method::new("DeleteRevision", "key revision", 2..=2, delete_revision),
        Method::new("status", "", 0..=0, status),
        Method::new("incr", "key ?n? ?-msg_id id?", 1..=MANY, |call| {
            counter::incr(call.interp, call.this.coded(), call.args)
        }),
        Method::new("reset", "key", 1..=1, |call| {
            counter::reset(call.interp, call.this.coded(), &call.args[0])
        }),
        Method::with_options(
            "transaction",
            "operations ?-option value ...?",
            1,
            |call: &This| transaction::answer(call.interp, call.this.coded(), call.args),
        )
        .options(|| listed("-timeout ms -lock lock")),
        Method::new("history", "key", 1..=1, history),
        Method::new("keys", "?patterns? ?-option value ...?", 0..=MANY, keys)
            .options(|| listed("-callback cmdPrefix -batch_size int")),
        Method::new("count", "?patterns?", 0..=1, count),
        Method::new(
            "purge_deletes",
            "?patterns? ?-older_than ms?",
            0..=MANY,
            purge_deletes,
        ),
        Method::new("compact", "?patterns? ?-keep int?", 0..=MANY, compact),
        Method::new("ExportBegin", "?-option value ...?", 0..=MANY, export_begin),
        Method::new("ImportBegin", "?-option value ...?", 0..=MANY, import_begin),
        Method::new(
            "CopyBegin",
            "targetKv ?-option value ...?",
            1..=MANY,
            copy_begin,
        ),
        Method::new("TransferNext", "number", 1..=1, transfer_next),
        Method::new("TransferFeed", "number bytes", 2..=2, transfer_feed),
        Method::new("TransferTell", "number prefix info", 3..=3, transfer_tell),
        Method::new("TransferEnd", "number", 1..=1, transfer_end),
        Method::new("watch", "?key? ?-option value ...?", 1..=MANY, watch)
            .options(|| listed(WATCH)),
        Method::with_options("lock", "key ?-option value ...?", 1, lock).options(|| listed(LOCK)),
        Method::with_options("elect", "key ?-option value ...?", 1, elect)
            .options(|| listed("-callback cmdPrefix -ttl ms -value text -watchdog ms")),
        Method::with_options("join", "prefix ?-option value ...?", 1, join)
            .options(|| listed("-id id -callback cmdPrefix -ttl ms -value text -watchdog ms")),
    ];

    const SCRIPTED: &'static [Usage] = &[
        Usage {
            name: "modify",
            usage: "key varName body ?-attempts int? ?-ttl ms|never?",
            options: none,
        },
        Usage {
            name: "export",
            usage: "?-option value ...?",
            options: || listed(EXPORT),
        },
        Usage {
            name: "import",
            usage: "?-option value ...?",
            options: || listed(IMPORT),
        },
        Usage {
            name: "copy",
            usage: "targetKv ?-option value ...?",
            options: || listed(COPY),
        },
    ];

    fn construct(_: &Construct) -> Result<Self> {
        Err(invalid_arg(
            "nats::key_value objects are made by the jet_stream methods bind_kv_bucket and create_kv_bucket",
        ))
    }

    fn failing(&self, _: Interp) {
        self.shared.core.show_end();
    }

    fn released(&self) {
        self.transfers.end_all();
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

/// Waits for an entry, after the method's own options were taken.
fn entry(
    call: &This,
    mut options: Options,
    finish: impl FnOnce(Interp, &KeyValue, Entry) -> Result<Obj> + 'static,
) -> Result<Outcome> {
    let revision = options.pos_int("revision")?;
    options.end()?;
    if revision == Some(0) {
        return Err(bad_value("pos_int", "revision", &Obj::from(0i64)));
    }
    let key = key(call)?;
    let this = call.this.clone();
    runtime::answer(
        || call.this.bucket.get(&key, revision),
        move |interp, entry| finish(interp, &this, entry),
    )
}

/// `get key ?-revision int? ?-header bool?` → entry
fn get(call: &This) -> Result<Outcome> {
    let mut options = Options::parse(&call.args[1..])?;
    let with_header = options.bool("header")?.unwrap_or(false);
    entry(call, options, move |interp, kv, mut entry| {
        if !with_header {
            entry.headers = None;
        }
        kv.seen(interp, &entry)
    })
}

/// `get_value key ?-revision int?` → value
fn get_value(call: &This) -> Result<Outcome> {
    let options = Options::parse(&call.args[1..])?;
    entry(call, options, |interp, kv, entry| {
        kv.coding.seen_value(interp, &entry)
    })
}

/// `get_many keys ?-option value ...?` → dict key → entry
fn get_many(call: &This) -> Result<Outcome> {
    let kv = call.this.clone();
    let bucket = call.this.coded();
    get_many::answer(call.interp, bucket, call.args, move |interp, entry| {
        kv.seen(interp, entry)
    })
}

fn value(call: &This) -> Result<bytes::Bytes> {
    call.this.coding.value(call.interp, &call.args[1])
}

/// The result of a write: the new revision.
fn returned(_: &KeyValue, revision: u64) -> Obj {
    Obj::from(revision)
}

/// The result of a count.
fn number(_: &KeyValue, number: u64) -> Obj {
    Obj::from(number)
}

/// The result of a deletion.
fn nothing(_: &KeyValue, _: u64) -> Obj {
    Obj::empty()
}

/// `put key value ?-ttl ms|never? ?-header dict?` → revision
fn put(call: &This) -> Result<Outcome> {
    let options = write_options(&call.args[2..])?;
    let (key, value) = (key(call)?, value(call)?);
    answer(call, |bucket| bucket.put(&key, value, options), returned)
}

/// `create key value ?-ttl ms|never? ?-header dict?` → revision
fn create_key(call: &This) -> Result<Outcome> {
    let options = write_options(&call.args[2..])?;
    let (key, value) = (key(call)?, value(call)?);
    answer(call, |bucket| bucket.create(&key, value, options), returned)
}

/// `update key value revision ?-ttl ms|never? ?-header dict?` → revision
fn update(call: &This) -> Result<Outcome> {
    let expected = revision(&call.args[2])?;
    let options = write_options(&call.args[3..])?;
    let (key, value) = (key(call)?, value(call)?);
    answer(
        call,
        |bucket| bucket.update(&key, value, expected, options),
        returned,
    )
}

/// `delete key ?revision?`
fn delete(call: &This) -> Result<Outcome> {
    let expected = call.args.get(1).map(revision).transpose()?;
    let key = key(call)?;
    answer(call, |bucket| bucket.delete(&key, expected), nothing)
}

/// `purge key ?-revision int? ?-ttl ms?`
fn purge(call: &This) -> Result<Outcome> {
    let mut options = Options::parse(&call.args[1..])?;
    let expected = options.pos_int("revision")?;
    let ttl = options.raw("ttl").map(|value| ttl_ms(&value)).transpose()?;
    options.end()?;
    let key = key(call)?;
    answer(call, |bucket| bucket.purge(&key, expected, ttl), nothing)
}

/// `revert key revision` → revision
fn revert(call: &This) -> Result<Outcome> {
    let wanted = revision(&call.args[1])?;
    let key = key(call)?;
    answer(call, |bucket| bucket.revert(&key, wanted), returned)
}

/// `touch key ?-ttl ms|never?` → revision
fn touch(call: &This) -> Result<Outcome> {
    let mut options = Options::parse(&call.args[1..])?;
    let ttl = ttl(&mut options)?;
    options.end()?;
    let key = key(call)?;
    answer(call, |bucket| bucket.touch(&key, ttl), returned)
}

/// How often `modify` reads and writes before it gives up.
const ATTEMPTS: u64 = 10;

/// `my ModifyArguments key varName body ?-attempts int? ?-ttl ms|never?` → {key varName body attempts writes}, where
/// the last are the options of the writes.
fn modify_arguments(call: &This) -> Result<Outcome> {
    let [key, variable, body, options @ ..] = call.args else {
        let object = call.object.name();
        return Err(tcl::Error::new(
            format!(
                "wrong # args: should be \"{} modify key varName body ?-option value ...?\"",
                object.text()
            ),
            &["TCL", "WRONGARGS"],
        ));
    };
    let mut options = Options::parse(options)?;
    let attempts = options.pos_int("attempts")?.unwrap_or(ATTEMPTS);
    let given = options.get("ttl").cloned();
    let ttl = ttl(&mut options)?;
    options.end()?;
    if attempts == 0 {
        return Err(bad_value("pos_int", "attempts", &Obj::from(0i64)));
    }
    if let Some(ttl) = ttl {
        call.this.bucket.check_ttl(ttl).map_err(raise)?;
    }
    let writes = Obj::list(given.into_iter().flat_map(|ttl| [Obj::from("-ttl"), ttl]));
    let words = [key, variable, body].map(Obj::clone);
    let words = words.into_iter().chain([Obj::from(attempts), writes]);
    let words = Obj::list(words);
    match call.this.bucket.counts() {
        true => answer(call, Bucket::check_values, |_, ()| words),
        false => Outcome::value(words),
    }
}

/// A number of attempts.
fn attempts(word: &Obj) -> u32 {
    let attempts = pos_int(word).and_then(|attempts| u32::try_from(attempts).ok());
    attempts.unwrap_or(u32::MAX)
}

/// `my Pause attempts`
fn pause(call: &This) -> Result<Outcome> {
    let attempts = attempts(&call.args[0]);
    answer(call, |bucket| bucket.pause(attempts), |_, ()| Obj::empty())
}

/// `my Present key attempt` → {revision value}, or nothing
fn present(call: &This) -> Result<Outcome> {
    let attempt = attempts(&call.args[1]);
    let key = key(call)?;
    let kv = call.this.clone();
    runtime::answer(
        || call.this.bucket.present(&key, attempt),
        move |interp, found| match found {
            Some(entry) => {
                let value = kv.coding.seen_value(interp, &entry)?;
                Ok(Obj::list([Obj::from(entry.revision), value]))
            }
            None => Ok(Obj::empty()),
        },
    )
}

/// `my DeleteRevision key revision` → revision of the marker
fn delete_revision(call: &This) -> Result<Outcome> {
    let expected = revision(&call.args[1])?;
    let key = key(call)?;
    answer(call, |bucket| bucket.delete(&key, Some(expected)), returned)
}

/// `status` → dict
fn status(call: &This) -> Result<Outcome> {
    answer(call, Bucket::status, |_, status| kv_status::dict(&status))
}

/// `history key` → list of entries
fn history(call: &This) -> Result<Outcome> {
    let pattern = call.args[0].text().into_owned();
    let pattern = call.this.coding.pattern(call.interp, pattern)?;
    let (kv, interp) = (call.this.clone(), call.interp.preserve());
    let list = Rc::new(RefCell::new(Ok(ListBuilder::default())));
    let entries = list.clone();
    runtime::answer_in_parts(
        |parts| {
            let bucket = &call.this.bucket;
            bucket.history(&pattern, move |entries| parts.send_all(entries))
        },
        move |entry: Entry| {
            let seen = kv.seen(interp.get(), &entry);
            add(&mut entries.borrow_mut(), seen);
        },
        move |_, ()| {
            list.replace(Ok(ListBuilder::default()))
                .map(ListBuilder::finish)
        },
    )
}

/// Adds an element to a list, unless one before has failed.
fn add(list: &mut Result<ListBuilder>, element: Result<Obj>) {
    match (&mut *list, element) {
        (Ok(list), Ok(element)) => list.push(&element),
        (Ok(_), Err(error)) => *list = Err(error),
        (Err(_), _) => {}
    }
}

/// `keys ?patterns? ?-callback prefix? ?-batch_size int?`
fn keys(call: &This) -> Result<Outcome> {
    let KeyValue { shared, .. } = &*call.this;
    let bucket = call.this.coded();
    key_list::keys(call.interp, &call.object, shared, bucket, call.args)
}

/// The patterns of a list, as they apply to stored keys.
fn patterns(call: &This, word: Option<&Obj>) -> Result<Vec<String>> {
    let coding = &call.this.coding;
    coding.patterns(call.interp, key_list::patterns(word))
}

/// `count ?patterns?` → number of keys
fn count(call: &This) -> Result<Outcome> {
    let patterns = patterns(call, call.args.first())?;
    answer(call, |bucket| bucket.count_keys(&patterns), number)
}

/// `purge_deletes ?patterns? ?-older_than ms?` → number of messages
fn purge_deletes(call: &This) -> Result<Outcome> {
    let (wanted, words) = after_optional_word(call.args);
    let patterns = patterns(call, wanted)?;
    let mut options = Options::parse(words)?;
    let older_than = options.timeout("older_than")?.unwrap_or(OLD);
    options.end()?;
    answer(
        call,
        |bucket| bucket.purge_deletes(&patterns, older_than),
        number,
    )
}

/// `compact ?patterns? ?-keep int?` → number of messages
fn compact(call: &This) -> Result<Outcome> {
    let (wanted, words) = after_optional_word(call.args);
    let patterns = patterns(call, wanted)?;
    let mut options = Options::parse(words)?;
    let keep = options.positive("keep")?.unwrap_or(1);
    options.end()?;
    answer(call, |bucket| bucket.compact(&patterns, keep), number)
}

/// `watch ?key? ?-option value ...?` → object
fn watch(call: &This) -> Result<Outcome> {
    let KeyValue { shared, .. } = &*call.this;
    let (bucket, coding) = (&call.this.bucket, &call.this.coding);
    kv_watcher::create(call.interp, shared, bucket, coding, call.args)
}

/// What is exported, imported or copied.
fn transferred<'a>(call: &'a This) -> Side<'a> {
    Side {
        interp: call.interp,
        bucket: &call.this.bucket,
        coding: &call.this.coding,
    }
}

fn export_begin(call: &This) -> Result<Outcome> {
    call.this.transfers.export(&transferred(call), call.args)
}

fn import_begin(call: &This) -> Result<Outcome> {
    call.this.transfers.import(&transferred(call), call.args)
}

fn copy_begin(call: &This) -> Result<Outcome> {
    let (name, options) = (&call.args[0], &call.args[1..]);
    let target = Object::state_of::<KeyValue>(call.interp, name);
    let target = target.ok_or_else(|| {
        let name = name.text();
        invalid_arg(format!("{name} is no object of class nats::key_value"))
    })?;
    let transfers = &call.this.transfers;
    transfers.copy(&transferred(call), &target.bucket, options)
}

fn transfer_next(call: &This) -> Result<Outcome> {
    call.this.transfers.next(&call.args[0])
}

fn transfer_feed(call: &This) -> Result<Outcome> {
    call.this.transfers.feed(&call.args[0], &call.args[1])
}

fn transfer_tell(call: &This) -> Result<Outcome> {
    let [number, prefix, info] = [0, 1, 2].map(|at| &call.args[at]);
    call.this
        .transfers
        .tell(call.interp, [number, prefix, info])
}

fn transfer_end(call: &This) -> Result<Outcome> {
    call.this.transfers.end(&call.args[0])
}

/// `lock key ?-option value ...?` → object
fn lock(call: &This) -> Result<Outcome> {
    let KeyValue { shared, .. } = &*call.this;
    let (bucket, coding) = (&call.this.bucket, &call.this.coding);
    kv_lock::create(call.interp, shared, bucket, coding, call.args)
}

/// `elect key ?-option value ...?` → object
fn elect(call: &This) -> Result<Outcome> {
    let KeyValue { shared, .. } = &*call.this;
    let (bucket, coding) = (&call.this.bucket, &call.this.coding);
    kv_election::create(call.interp, shared, bucket, coding, call.args)
}

/// `join prefix ?-option value ...?` → object
fn join(call: &This) -> Result<Outcome> {
    let KeyValue { shared, .. } = &*call.this;
    let (bucket, coding) = (&call.this.bucket, &call.this.coding);
    kv_member::create(call.interp, shared, bucket, coding, call.args)
}
