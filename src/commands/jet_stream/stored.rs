//! Single messages of a stream, without a consumer: methods of `nats::jet_stream`.

use super::{answer, This};
use crate::client::error::Result as ClientResult;
use crate::client::jetstream::{DirectQuery, Json, StoredMessage};
use crate::commands::json_options::{require, take, Fields, Kind};
use crate::commands::options::Options;
use crate::commands::shape;
use crate::runtime;
use std::future::Future;
use tcl::{Obj, Outcome, Result};

const QUERY: Fields = &[
    ("seq", Kind::Int),
    ("last_by_subj", Kind::ValidStr),
    ("next_by_subj", Kind::ValidStr),
];

/// `stream_msg_get stream ?-seq n? ?-last_by_subj subject? ?-next_by_subj subject?` → message dict
pub(super) fn stream_msg_get(call: &This) -> Result<Outcome> {
    let query = take(QUERY, &mut Options::parse(&call.args[1..])?)?;
    let stream = call.args[0].text();
    let message = call.this.shared.client.stream_msg_get(&stream, &query);
    found(call, message, |_| Obj::empty())
}

/// `stream_direct_get stream ?-option value ...?`, as `stream_msg_get`, answered by any replica or mirror
pub(super) fn stream_direct_get(call: &This) -> Result<Outcome> {
    let mut options = Options::parse(&call.args[1..])?;
    let query = take(QUERY, &mut options)?;
    options.end()?;
    let stream = call.args[0].text();
    let query = match query
        .get("last_by_subj")
        .and_then(|subject| subject.as_str())
    {
        Some(subject) => DirectQuery::LastBySubject(subject),
        None => DirectQuery::Json(&query),
    };
    let message = call.this.shared.client.stream_direct_get(&stream, query);
    let message = async move { Ok(message.await?.without_origin()) };
    found(call, message, |inbox| inbox.into())
}

fn found(
    call: &This,
    message: impl Future<Output = ClientResult<StoredMessage>> + Send + 'static,
    sub_id: fn(u64) -> Obj,
) -> Result<Outcome> {
    let core = call.this.shared.core.clone();
    runtime::answer(
        || message,
        move |_, message: StoredMessage| {
            let sub_id = sub_id(core.client.inbox_subscription().unwrap_or(0));
            let utf8 = core.config.utf8_convert.get();
            Ok(shape::stored_message(&message, sub_id, utf8))
        },
    )
}

/// `stream_msg_delete stream -seq n ?-no_erase bool?` → true
pub(super) fn stream_msg_delete(call: &This) -> Result<Outcome> {
    const DELETION: Fields = &[("seq", Kind::Int), ("no_erase", Kind::Bool)];
    let mut query: Json = take(DELETION, &mut Options::parse(&call.args[1..])?)?;
    require(&query, &["seq"])?;
    query.entry("no_erase").or_insert(true.into());
    let stream = call.args[0].text();
    answer(
        call,
        |js| js.stream_msg_delete(&stream, &query),
        shape::boolean,
    )
}
