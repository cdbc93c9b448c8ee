//! Messages of a stream, one or several, without a consumer: methods of `nats::jet_stream`.

use super::shared::{answer, This};
use crate::client::error::Result as ClientResult;
use crate::client::jetstream::{DirectQuery, Json, Selection, StoredMessage};
use crate::commands::json_options::{require, take};
use crate::commands::options::Options;
use crate::commands::schema::{Kind, Schema};
use crate::commands::shape;
use crate::errors::raise;
use crate::runtime;
use std::cell::RefCell;
use std::future::Future;
use std::rc::Rc;
use tcl::value::ListBuilder;
use tcl::{Interp, Obj, Outcome, Result};

pub(super) static QUERY: Schema = Schema {
    name: "a query",
    fields: &[
        ("seq", Kind::Int),
        ("last_by_subj", Kind::ValidStr),
        ("next_by_subj", Kind::ValidStr),
    ],
};

/// The options of both queries.
fn query(words: &[Obj]) -> Result<Json> {
    let mut options = Options::parse(words)?;
    let query = take(&QUERY, &mut options)?;
    options.end()?;
    Ok(query)
}

/// `stream_msg_get stream ?-seq n? ?-last_by_subj subject? ?-next_by_subj subject?` → message dict
pub(super) fn stream_msg_get(call: &This) -> Result<Outcome> {
    let query = query(&call.args[1..])?;
    let stream = call.args[0].text();
    let message = call.this.shared.client.stream_msg_get(&stream, &query);
    found(call, message, |_| Obj::empty())
}

/// `stream_direct_get stream ?-option value ...?`, as `stream_msg_get`, answered by any replica or mirror
pub(super) fn stream_direct_get(call: &This) -> Result<Outcome> {
    let query = query(&call.args[1..])?;
    let stream = call.args[0].text();
    let query = match query
        .get("last_by_subj")
        .and_then(|subject| subject.as_str())
    {
        Some(subject) => DirectQuery::LastBySubject(subject),
        None => DirectQuery::Json(&query),
    };
    let message = call.this.shared.client.stream_direct_get(&stream, query);
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

pub(super) static SELECTION: Schema = Schema {
    name: "a selection",
    fields: &[
        ("last_by_subj", Kind::List),
        ("next_by_subj", Kind::ValidStr),
        ("seq", Kind::PosInt),
        ("start_time", Kind::ValidStr),
        ("batch", Kind::PosInt),
        ("max_bytes", Kind::PosInt),
        ("up_to_seq", Kind::PosInt),
        ("up_to_time", Kind::ValidStr),
    ],
};

/// `stream_msgs_get stream ?-option value ...?` → list of message dicts
pub(super) fn stream_msgs_get(call: &This) -> Result<Outcome> {
    let mut options = Options::parse(&call.args[1..])?;
    let mut query = take(&SELECTION, &mut options)?;
    options.end()?;
    if let Some(subjects) = query.shift_remove("last_by_subj") {
        query.insert("multi_last".to_owned(), subjects);
    }
    let selection = Selection::new(query).map_err(raise)?;
    let (stream, client) = (call.args[0].text(), &call.this.shared.client);
    let list = Rc::new(RefCell::new(ListBuilder::default()));
    let (core, messages) = (call.this.shared.core.clone(), list.clone());
    let utf8 = core.config.utf8_convert.get();
    runtime::answer_in_parts(
        |parts| client.stream_msgs_get(&stream, selection, move |message| parts.send(message)),
        move |message: StoredMessage| {
            let dict = shape::stored_message(&message, Obj::empty(), utf8);
            messages.borrow_mut().push(&dict);
        },
        move |_: Interp, ()| Ok(list.take().finish()),
    )
}

/// `stream_msg_delete stream -seq n ?-no_erase bool?` → true
pub(super) fn stream_msg_delete(call: &This) -> Result<Outcome> {
    static DELETION: Schema = Schema {
        name: "a deletion",
        fields: &[("seq", Kind::Int), ("no_erase", Kind::Bool)],
    };
    let mut options = Options::parse(&call.args[1..])?;
    let mut query = take(&DELETION, &mut options)?;
    options.end()?;
    require(&query, &["seq"])?;
    query.entry("no_erase").or_insert(true.into());
    let stream = call.args[0].text();
    answer(
        call,
        |js| js.stream_msg_delete(&stream, &query),
        shape::boolean,
    )
}
