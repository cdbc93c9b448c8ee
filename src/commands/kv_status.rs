//! The state of a bucket as a dict.

use super::jet_stream::STREAM;
use super::{seen, shape};
use crate::client::jetstream::Json;
use serde_json::Value;
use tcl::Obj;

/// The state of a bucket. Its `stream_config` may be handed to `update_stream` afterwards.
pub fn dict(status: &Json) -> Obj {
    if let Some(Value::Object(config)) = status.get("stream_config") {
        seen::remember(&STREAM, config);
    }
    shape::json_dict(status)
}

/// The states of several, by their names.
pub fn by_bucket(statuses: &[(String, Json)]) -> Obj {
    let names: Vec<Obj> = statuses
        .iter()
        .map(|(name, _)| Obj::from(&**name))
        .collect();
    Obj::dict(
        names
            .iter()
            .zip(statuses.iter().map(|(_, status)| dict(status))),
    )
}
