//! Its table, and the methods that only ask.

use super::running::Running;
use super::state::{ObjectStore, This};
use super::transfers::{self, headers};
use crate::client::object::{Info, MetaChanges, Store, Swept};
use crate::commands::jet_stream::Shared;
use crate::commands::options::{listed, Options};
use crate::commands::{kv_status, object_watcher, shape};
use crate::errors::invalid_arg;
use crate::runtime;
use std::future::Future;
use std::rc::Rc;
use std::time::Duration;
use tcl::class::Construct;
use tcl::{Class, Interp, Method, Obj, Object, Outcome, Result};

/// The default of `-older_than`: an upload that takes longer between two chunks is hardly one.
const OLDER_THAN: Duration = Duration::from_secs(3600);

const MANY: usize = usize::MAX;

/// Makes the object of a bucket.
///
/// # Errors
/// `ErrInvalidArg` if the `jet_stream` object was destroyed meanwhile.
pub fn create(interp: Interp, shared: &Rc<Shared>, store: Store) -> Result<Object> {
    let (object, _) = Object::create(interp, |object| {
        shared.children.add(object)?;
        Ok(ObjectStore {
            store,
            shared: shared.clone(),
            running: Running::default(),
        })
    })?;
    Ok(object)
}

/// The options of all `put...`.
const PUT: &str =
    "-description text -headers dict -metadata dict -chunk_size int -revision int -timeout ms \
    -progress cmdPrefix";

#[rustfmt::skip]
const TABLE: &[Method<ObjectStore>] = &[
    Method::new("put", "name value ?-option value ...?", 2..=MANY, transfers::put).options(|| listed(PUT)),
    Method::new("put_file", "name path ?-option value ...?", 2..=MANY, transfers::put_file).options(|| listed(PUT)),
    Method::new("put_channel", "name channel ?-option value ...?", 2..=MANY, transfers::put_channel)
        .options(|| listed(PUT)),
    Method::new("get", "name ?-option value ...?", 1..=MANY, transfers::get)
        .options(|| listed("-timeout ms -progress cmdPrefix")),
    Method::new("get_file", "name path ?-option value ...?", 2..=MANY, transfers::get_file)
        .options(|| listed("-timeout ms -progress cmdPrefix")),
    Method::new("get_channel", "name channel ?-option value ...?", 2..=MANY, transfers::get_channel)
        .options(|| listed("-timeout ms -progress cmdPrefix")),
    Method::new("info", "name ?-show_deleted bool?", 1..=MANY, info),
    Method::new("update_meta", "name ?-option value ...?", 1..=MANY, update_meta)
        .options(|| listed("-name name -description text -headers dict -metadata dict -revision int")),
    Method::new("delete", "name ?-revision int?", 1..=MANY, delete),
    Method::new("link", "name target ?-bucket bucket?", 2..=MANY, link),
    Method::new("link_bucket", "name bucket", 2..=2, link_bucket),
    Method::new("list", "?-show_deleted bool?", 0..=MANY, list),
    Method::new("names", "", 0..=0, names),
    Method::new("watch", "?-option value ...?", 0..=MANY, watch)
        .options(|| listed("-callback cmdPrefix -ignore_deletes bool -updates_only bool -idle_heartbeat ms")),
    Method::new("seal", "", 0..=0, seal),
    Method::new("status", "", 0..=0, status),
    Method::new("sweep", "?-option value ...?", 0..=MANY, sweep).options(|| listed("-older_than ms -dry_run bool")),
    Method::new("bucket", "", 0..=0, |call| Outcome::value(call.this.store.name())),
];

impl Class for ObjectStore {
    const NAME: &'static str = "::nats::object_store";
    const METHODS: &'static [Method<Self>] = TABLE;

    fn construct(_: &Construct) -> Result<Self> {
        Err(invalid_arg(
            "nats::object_store objects are made by the jet_stream methods bind_object_store and create_object_store",
        ))
    }

    fn failing(&self, _: Interp) {
        self.shared.core.show_end();
    }

    fn released(&self) {
        self.running.end_all();
    }
}

/// Waits for a future of the store; `finish` makes the result.
fn answer<F, R>(
    call: &This,
    start: impl FnOnce(&Store) -> F,
    finish: impl FnOnce(R) -> Obj + 'static,
) -> Result<Outcome>
where
    F: Future<Output = crate::client::error::Result<R>> + Send + 'static,
    R: Send + 'static,
{
    runtime::answer(
        || start(&call.this.store),
        move |_, answer| Ok(finish(answer)),
    )
}

fn nothing((): ()) -> Obj {
    Obj::empty()
}

fn described(info: Info) -> Obj {
    shape::object(&info)
}

fn show_deleted(words: &[Obj]) -> Result<bool> {
    let mut options = Options::parse(words)?;
    let show_deleted = options.bool("show_deleted")?.unwrap_or(false);
    options.end()?;
    Ok(show_deleted)
}

/// `info name ?-show_deleted bool?` → info
fn info(call: &This) -> Result<Outcome> {
    let show_deleted = show_deleted(&call.args[1..])?;
    let name = call.args[0].text();
    answer(call, |store| store.info(&name, show_deleted), described)
}

/// `update_meta name ?-option value ...?` → info
fn update_meta(call: &This) -> Result<Outcome> {
    let mut options = Options::parse(&call.args[1..])?;
    let changes = MetaChanges {
        name: options.str("name"),
        description: options.str("description"),
        headers: headers(&mut options)?,
        metadata: match options.take_if("metadata", Obj::is_empty) {
            true => Some(Vec::new()),
            false => options.metadata("metadata")?,
        },
        revision: options.pos_int("revision")?,
    };
    options.end()?;
    let name = call.args[0].text();
    answer(call, |store| store.update_meta(&name, changes), described)
}

/// `delete name ?-revision int?`
fn delete(call: &This) -> Result<Outcome> {
    let mut options = Options::parse(&call.args[1..])?;
    let revision = options.pos_int("revision")?;
    options.end()?;
    let name = call.args[0].text();
    answer(call, |store| store.delete(&name, revision), nothing)
}

/// `link name target ?-bucket bucket?` → info
fn link(call: &This) -> Result<Outcome> {
    let mut options = Options::parse(&call.args[2..])?;
    let bucket = options.str("bucket");
    options.end()?;
    let (name, target) = (call.args[0].text(), call.args[1].text());
    let bucket = bucket.as_deref();
    answer(call, |store| store.link(&name, &target, bucket), described)
}

/// `link_bucket name bucket` → info
fn link_bucket(call: &This) -> Result<Outcome> {
    let (name, bucket) = (call.args[0].text(), call.args[1].text());
    answer(call, |store| store.link_bucket(&name, &bucket), described)
}

/// `list ?-show_deleted bool?` → infos
fn list(call: &This) -> Result<Outcome> {
    let show_deleted = show_deleted(call.args)?;
    answer(call, Store::list, move |infos| {
        let infos = infos.iter();
        let shown = infos.filter(|info| show_deleted || !info.meta.is_deleted());
        Obj::list(shown.map(shape::object))
    })
}

/// `names` → names
fn names(call: &This) -> Result<Outcome> {
    answer(call, Store::list, |infos| {
        let shown = infos.iter().filter(|info| !info.meta.is_deleted());
        Obj::list(shown.map(|info| Obj::from(info.meta.name())))
    })
}

/// `watch ?-option value ...?` → object
fn watch(call: &This) -> Result<Outcome> {
    let ObjectStore { shared, store, .. } = &*call.this;
    object_watcher::create(call.interp, shared, store, call.args)
}

/// `seal`
fn seal(call: &This) -> Result<Outcome> {
    answer(call, Store::seal, nothing)
}

/// `status` → dict
fn status(call: &This) -> Result<Outcome> {
    answer(call, Store::status, |status| kv_status::dict(&status))
}

/// `sweep ?-older_than ms? ?-dry_run bool?` → list of dicts
fn sweep(call: &This) -> Result<Outcome> {
    let mut options = Options::parse(call.args)?;
    let older_than = options.pos_int("older_than")?;
    let older_than = older_than.map_or(OLDER_THAN, Duration::from_millis);
    let dry_run = options.bool("dry_run")?.unwrap_or(false);
    options.end()?;
    answer(
        call,
        |store| store.sweep(older_than, dry_run),
        |swept: Vec<Swept>| Obj::list(swept.iter().map(shape::swept)),
    )
}
