//! Changing buckets that exist: methods of `nats::jet_stream`.

use super::buckets::{bucket, create_options, no_mirror};
use super::shared::{answer, text, This};
use crate::client::kv::{self, Changes, Origin};
use crate::commands::codec::Codecs;
use crate::commands::options::{pos_int, Options};
use crate::commands::{kv_origin, kv_status};
use crate::errors::invalid_arg;
use tcl::{Obj, Outcome, Result};

/// Options that an empty value takes away. They are called as the fields of the API.
const REMOVABLE: [&str; 4] = ["description", "metadata", "republish", "placement"];

/// The options of all methods that change a bucket.
fn changes(mut options: Options) -> Result<Changes> {
    no_mirror(&options)?;
    let mut removed = Vec::new();
    for name in REMOVABLE {
        if options.take_if(name, Obj::is_empty) {
            removed.push(name);
        }
    }
    Ok(Changes {
        options: create_options(options)?,
        removed,
        allow_direct: false,
    })
}

/// `update_kv_bucket bucket ?-option value ...?` → dict, as `status`
pub(super) fn update_kv_bucket(call: &This) -> Result<Outcome> {
    let mut options = Options::parse(&call.args[1..])?;
    let allow_direct = options.bool("allow_direct")?;
    if allow_direct == Some(false) {
        return Err(invalid_arg("-allow_direct cannot be switched off"));
    }
    let has_no_markers = options.take_if("limit_marker_ttl", |ttl| pos_int(ttl) == Some(0));
    let mut changes = changes(options)?;
    changes.allow_direct = allow_direct.is_some();
    if has_no_markers {
        changes.removed.push("subject_delete_marker_ttl");
    }
    let name = text(&call.args[0]);
    answer(
        call,
        |js| kv::update(&js, &name, &changes),
        |status| kv_status::dict(&status),
    )
}

/// `create_or_update_kv_bucket bucket ?-option value ...?` → object
pub(super) fn create_or_update_kv_bucket(call: &This) -> Result<Outcome> {
    let mut options = Options::parse(&call.args[1..])?;
    let codecs = Codecs::take(&mut options)?;
    let changes = changes(options)?;
    let name = text(&call.args[0]);
    bucket(call, codecs, |js| {
        kv::create_or_update(&js, &name, &changes)
    })
}

/// `add_kv_origin bucket origin`
pub(super) fn add_kv_origin(call: &This) -> Result<Outcome> {
    let origin = kv_origin::parse(&call.args[1])?;
    let name = text(&call.args[0]);
    answer(
        call,
        |js| kv::add_origin(&js, &name, &origin),
        |()| Obj::empty(),
    )
}

/// `remove_kv_origin bucket origin ?-stream name? ?-purge bool?`
pub(super) fn remove_kv_origin(call: &This) -> Result<Outcome> {
    let mut options = Options::parse(&call.args[2..])?;
    let origin = Origin {
        bucket: text(&call.args[1]),
        stream: options.valid_str("stream")?,
        ..Origin::default()
    };
    let purge = options.bool("purge")?.unwrap_or(false);
    options.end()?;
    let name = text(&call.args[0]);
    answer(
        call,
        |js| kv::remove_origin(&js, &name, &origin, purge),
        |()| Obj::empty(),
    )
}
