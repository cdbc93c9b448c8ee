//! Key-value buckets: the methods of `nats::jet_stream` that make, find and remove them.

use super::shared::{answer, text, This};
use super::streams::{PLACEMENT, REPUBLISH};
use crate::client::jetstream::JetStream as Client;
use crate::client::kv::{self, Bucket, CreateOptions, Origin};
use crate::commands::codec::Codecs;
use crate::commands::json_options::take;
use crate::commands::options::{bad_value, Options};
use crate::commands::schema::{Kind, Schema};
use crate::commands::{key_value, kv_origin, kv_status, shape};
use crate::errors::invalid_arg;
use crate::runtime;
use serde_json::Value;
use std::future::Future;
use std::rc::Rc;
use std::time::Duration;
use tcl::{Interp, Obj, Outcome, Result};

/// Waits for a bucket and makes its object, which may have codecs.
pub(super) fn bucket<F>(
    call: &This,
    codecs: Option<Rc<Codecs>>,
    start: impl FnOnce(Client) -> F,
) -> Result<Outcome>
where
    F: Future<Output = crate::client::error::Result<Bucket>> + Send + 'static,
{
    let client = call.this.shared.client.clone();
    let shared = call.this.shared.clone();
    let finish = move |interp: Interp, bucket| {
        Ok(key_value::create(interp, &shared, bucket, codecs)?.name())
    };
    runtime::answer(|| start(client), finish)
}

/// `bind_kv_bucket bucket ?-key_codec list? ?-value_codec list?` → object
pub(super) fn bind_kv_bucket(call: &This) -> Result<Outcome> {
    let mut options = Options::parse(&call.args[1..])?;
    let codecs = Codecs::take(&mut options)?;
    options.end()?;
    let name = text(&call.args[0]);
    bucket(call, codecs, |js| kv::bind(&js, &name))
}

/// The options of all create methods, but for the deprecated ones of a mirror bucket. Lengths are in bytes, times in ms.
pub(super) fn create_options(mut options: Options) -> Result<CreateOptions> {
    static OBJECTS: Schema = Schema {
        name: "a bucket",
        fields: &[
            ("placement", Kind::Object(&PLACEMENT)),
            ("republish", Kind::Object(&REPUBLISH)),
        ],
    };
    let description = options.valid_str("description")?;
    let max_value_size = options.int("max_value_size")?;
    let history = options.int("history")?;
    let ttl = options.pos_int("ttl")?.map(Duration::from_millis);
    let max_bucket_size = options.pos_int("max_bucket_size")?;
    let storage = options.choice("storage", &["memory", "file"])?;
    let num_replicas = options.int("num_replicas")?;
    let compression = options.choice("compression", &["none", "s2"])?;
    let metadata = options.metadata("metadata")?;
    let limit_marker_ttl = options.pos_int("limit_marker_ttl")?;
    let allow_msg_ttl = options.bool("allow_msg_ttl")?;
    let allow_atomic = options.bool("allow_atomic")?;
    let counters = options.bool("counters")?;
    let mut objects = take(&OBJECTS, &mut options)?;
    options.end()?;
    let mut object = |name| match objects.shift_remove(name) {
        Some(Value::Object(object)) => Some(object),
        _ => None,
    };
    Ok(CreateOptions {
        description,
        max_value_size,
        history,
        ttl,
        max_bucket_size,
        storage,
        num_replicas,
        compression,
        mirror_name: None,
        mirror_domain: None,
        metadata,
        placement: object("placement"),
        republish: object("republish"),
        limit_marker_ttl: limit_marker_ttl.map(Duration::from_millis),
        allow_msg_ttl,
        allow_atomic,
        counters,
    })
}

pub(super) fn create_kv_bucket(call: &This) -> Result<Outcome> {
    let mut options = Options::parse(&call.args[1..])?;
    let codecs = Codecs::take(&mut options)?;
    let mirror_name = options.valid_str("mirror_name")?;
    let mirror_domain = options.valid_str("mirror_domain")?;
    let options = CreateOptions {
        mirror_name,
        mirror_domain,
        ..create_options(options)?
    };
    let name = text(&call.args[0]);
    bucket(call, codecs, |js| kv::create(&js, &name, &options))
}

/// Aggregates and mirrors are no deprecated mirror buckets, and what exists does not become one.
///
/// # Errors
/// `ErrInvalidArg`
pub(super) fn no_mirror(options: &Options) -> Result<()> {
    let given = ["mirror_name", "mirror_domain"];
    match given.iter().find(|name| options.has(name)) {
        Some(name) => Err(invalid_arg(format!("Option {name} is not allowed here"))),
        None => Ok(()),
    }
}

/// The options of an aggregate or a mirror.
fn derived_options(words: &[Obj]) -> Result<(CreateOptions, Option<Rc<Codecs>>)> {
    let mut options = Options::parse(words)?;
    no_mirror(&options)?;
    let codecs = Codecs::take(&mut options)?;
    Ok((create_options(options)?, codecs))
}

pub(super) fn create_kv_aggregate(call: &This) -> Result<Outcome> {
    let origins = call.args[2]
        .to_list()
        .filter(|origins| !origins.is_empty())
        .ok_or_else(|| invalid_arg("A non-empty list of origins is required"))?;
    let writable = call.args[1]
        .to_bool()
        .ok_or_else(|| bad_value("bool", "writable", &call.args[1]))?;
    let (options, codecs) = derived_options(&call.args[3..])?;
    let origins = origins
        .iter()
        .map(kv_origin::parse)
        .collect::<Result<Vec<Origin>>>()?;
    let name = text(&call.args[0]);
    bucket(call, codecs, |js| {
        kv::create_aggregate(&js, &name, writable, &origins, &options)
    })
}

pub(super) fn create_kv_mirror(call: &This) -> Result<Outcome> {
    let origin = kv_origin::parse(&call.args[1])?;
    // A mirror gets no object that could use codecs; they are checked all the same.
    let (options, _) = derived_options(&call.args[2..])?;
    let name = text(&call.args[0]);
    answer(
        call,
        |js| kv::create_mirror(&js, &name, &origin, &options),
        |()| Obj::empty(),
    )
}

pub(super) fn delete_kv_bucket(call: &This) -> Result<Outcome> {
    let name = text(&call.args[0]);
    answer(call, |js| kv::delete(&js, &name), shape::boolean)
}

pub(super) fn kv_buckets(call: &This) -> Result<Outcome> {
    answer(call, |js| kv::list(&js), shape::texts)
}

/// `kv_statuses` → dict of the dicts that `status` gives
pub(super) fn kv_statuses(call: &This) -> Result<Outcome> {
    answer(
        call,
        |js| kv::statuses(&js),
        |statuses| kv_status::by_bucket(&statuses),
    )
}

pub(super) fn empty_kv_bucket(call: &This) -> Result<Outcome> {
    let name = text(&call.args[0]);
    answer(call, |js| kv::empty(&js, &name), Obj::from)
}
