//! Object stores: the methods of `nats::jet_stream` that make, find, change and remove them.

use super::shared::{answer, text, This};
use super::streams::PLACEMENT;
use crate::client::jetstream::JetStream as Client;
use crate::client::object::{self, Store, StoreOptions};
use crate::commands::json_options::take;
use crate::commands::options::Options;
use crate::commands::schema::{Kind, Schema};
use crate::commands::{kv_status, object_store, shape};
use crate::runtime;
use serde_json::Value;
use std::future::Future;
use std::time::Duration;
use tcl::{Interp, Outcome, Result};

/// Waits for a bucket and makes its object.
fn store<F>(call: &This, start: impl FnOnce(Client) -> F) -> Result<Outcome>
where
    F: Future<Output = crate::client::error::Result<Store>> + Send + 'static,
{
    let client = call.this.shared.client.clone();
    let shared = call.this.shared.clone();
    let finish =
        move |interp: Interp, store| Ok(object_store::create(interp, &shared, store)?.name());
    runtime::answer(|| start(client), finish)
}

/// The options that can be changed. Lengths are in bytes, times in ms.
fn store_options(options: &mut Options) -> Result<StoreOptions> {
    static OBJECTS: Schema = Schema {
        name: "a bucket",
        fields: &[("placement", Kind::Object(&PLACEMENT))],
    };
    let given = StoreOptions {
        description: options.valid_str("description")?,
        ttl: options.pos_int("ttl")?.map(Duration::from_millis),
        max_bucket_size: options.int("max_bucket_size")?,
        storage: None,
        num_replicas: options.int("num_replicas")?,
        compression: options.choice("compression", &["none", "s2"])?,
        placement: None,
        metadata: options.metadata("metadata")?,
    };
    let placement = take(&OBJECTS, options)?.shift_remove("placement");
    Ok(StoreOptions {
        placement: match placement {
            Some(Value::Object(placement)) => Some(placement),
            _ => None,
        },
        ..given
    })
}

/// `create_object_store bucket ?-option value ...?` → object
pub(super) fn create_object_store(call: &This) -> Result<Outcome> {
    let mut options = Options::parse(&call.args[1..])?;
    let storage = options.choice("storage", &["file", "memory"])?;
    let given = StoreOptions {
        storage,
        ..store_options(&mut options)?
    };
    options.end()?;
    let bucket = text(&call.args[0]);
    store(call, |js| object::create(&js, &bucket, &given))
}

/// `bind_object_store bucket` → object
pub(super) fn bind_object_store(call: &This) -> Result<Outcome> {
    let bucket = text(&call.args[0]);
    store(call, |js| object::bind(&js, &bucket))
}

/// `update_object_store bucket ?-option value ...?` → dict, as `status`
pub(super) fn update_object_store(call: &This) -> Result<Outcome> {
    let mut options = Options::parse(&call.args[1..])?;
    let given = store_options(&mut options)?;
    options.end()?;
    let bucket = text(&call.args[0]);
    answer(
        call,
        |js| object::update(&js, &bucket, &given),
        |status| kv_status::dict(&status),
    )
}

/// `delete_object_store bucket` → true
pub(super) fn delete_object_store(call: &This) -> Result<Outcome> {
    let bucket = text(&call.args[0]);
    answer(call, |js| object::delete(&js, &bucket), shape::boolean)
}

/// `object_stores` → names
pub(super) fn object_stores(call: &This) -> Result<Outcome> {
    answer(call, |js| object::list(&js), shape::texts)
}
