//! Key-value buckets: the methods of `nats::jet_stream` that make, find and remove them.

use super::{answer, text, This};
use crate::client::jetstream::JetStream as Client;
use crate::client::kv::{self, Bucket, CreateOptions, Origin};
use crate::commands::errors::invalid_arg;
use crate::commands::key_value::KeyValue;
use crate::commands::options::{bad_value, plain_name, Options};
use crate::commands::{kv_origin, shape};
use crate::runtime;
use std::future::Future;
use std::time::Duration;
use tcl::{Obj, Outcome, Result};

/// Waits for a bucket and makes its object.
fn bucket<F>(call: &This, start: impl FnOnce(Client) -> F) -> Result<Outcome>
where
    F: Future<Output = crate::client::error::Result<Bucket>> + Send + 'static,
{
    let client = call.this.shared.client.clone();
    let (shared, parent) = (call.this.shared.clone(), call.object.clone());
    let finish = move |interp, bucket| {
        if !parent.is_alive() {
            return Err(invalid_arg("The jet_stream object was destroyed meanwhile"));
        }
        Ok(KeyValue::create(interp, &shared, bucket)?.name())
    };
    runtime::answer(|| start(client), finish)
}

pub(super) fn bind_kv_bucket(call: &This) -> Result<Outcome> {
    let name = text(&call.args[0]);
    bucket(call, |js| kv::bind(&js, &name))
}

/// The options of all create methods. Lengths are in bytes, `-ttl` in ms.
fn create_options(words: &[Obj]) -> Result<CreateOptions> {
    let mut options = Options::parse(words)?;
    let description = options.valid_str("description")?;
    let max_value_size = options.int("max_value_size")?;
    let history = options.int("history")?;
    let ttl = options.pos_int("ttl")?.map(Duration::from_millis);
    let max_bucket_size = options.pos_int("max_bucket_size")?;
    let storage = options.choice("storage", &["memory", "file"])?;
    let num_replicas = options.int("num_replicas")?;
    let compression = options.choice("compression", &["none", "s2"])?;
    let mirror_name = options.valid_str("mirror_name")?;
    let mirror_domain = options.valid_str("mirror_domain")?;
    let metadata = match options.raw("metadata") {
        None => None,
        Some(value) => Some(metadata(&value)?),
    };
    options.end()?;
    Ok(CreateOptions {
        description,
        max_value_size,
        history,
        ttl,
        max_bucket_size,
        storage,
        num_replicas,
        compression,
        mirror_name,
        mirror_domain,
        metadata,
    })
}

/// A non-empty dict of texts.
fn metadata(value: &Obj) -> Result<Vec<(String, String)>> {
    let pairs = value.to_dict().filter(|pairs| !pairs.is_empty());
    let pairs = pairs.ok_or_else(|| bad_value("metadata", "metadata", value))?;
    Ok(pairs
        .iter()
        .map(|(key, value)| (text(key), text(value)))
        .collect())
}

pub(super) fn create_kv_bucket(call: &This) -> Result<Outcome> {
    let options = create_options(&call.args[1..])?;
    let name = text(&call.args[0]);
    bucket(call, |js| kv::create(&js, &name, &options))
}

/// The options of an aggregate or a mirror, which are no deprecated mirror buckets.
fn derived_options(words: &[Obj]) -> Result<CreateOptions> {
    for pair in words.chunks(2) {
        let name = plain_name(&pair[0]);
        if name == "mirror_name" || name == "mirror_domain" {
            return Err(invalid_arg(format!("Option {name} is not allowed here")));
        }
    }
    create_options(words)
}

pub(super) fn create_kv_aggregate(call: &This) -> Result<Outcome> {
    let origins = call.args[2]
        .to_list()
        .filter(|origins| !origins.is_empty())
        .ok_or_else(|| invalid_arg("A non-empty list of origins is required"))?;
    let writable = call.args[1]
        .to_bool()
        .ok_or_else(|| bad_value("bool", "writable", &call.args[1]))?;
    let options = derived_options(&call.args[3..])?;
    let origins = origins
        .iter()
        .map(kv_origin::parse)
        .collect::<Result<Vec<Origin>>>()?;
    let name = text(&call.args[0]);
    bucket(call, |js| {
        kv::create_aggregate(&js, &name, writable, &origins, &options)
    })
}

pub(super) fn create_kv_mirror(call: &This) -> Result<Outcome> {
    let origin = kv_origin::parse(&call.args[1])?;
    let options = derived_options(&call.args[2..])?;
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

pub(super) fn empty_kv_bucket(call: &This) -> Result<Outcome> {
    let name = text(&call.args[0]);
    answer(call, |js| kv::empty(&js, &name), Obj::from)
}
