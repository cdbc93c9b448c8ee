//! Streams and the account: methods of `nats::jet_stream`.

use super::shared::{answer, answer_config, answer_configs, answer_dict, text, This};
use crate::client::jetstream::{names, Json};
use crate::commands::json_options::take;
use crate::commands::options::Options;
use crate::commands::schema::{Kind, Schema};
use crate::commands::{json_text, shape};
use crate::errors::raise;
use tcl::{Outcome, Result};

/// A subject mapping.
pub static TRANSFORM: Schema = Schema {
    name: "a subject transform",
    fields: &[("src", Kind::ValidStr), ("dest", Kind::ValidStr)],
};

/// Where another account or domain is reached.
static EXTERNAL: Schema = Schema {
    name: "external",
    fields: &[("api", Kind::ValidStr), ("deliver", Kind::ValidStr)],
};

/// The consumer by which a source is read.
static SOURCE_CONSUMER: Schema = Schema {
    name: "the consumer of a source",
    fields: &[
        ("name", Kind::ValidStr),
        ("deliver_subject", Kind::ValidStr),
    ],
};

/// Where a mirror or a stream with sources gets its messages from.
pub static SOURCE: Schema = Schema {
    name: "a source",
    fields: &[
        ("name", Kind::ValidStr),
        ("opt_start_seq", Kind::PosInt),
        ("opt_start_time", Kind::ValidStr),
        ("filter_subject", Kind::ValidStr),
        ("external", Kind::Object(&EXTERNAL)),
        ("subject_transforms", Kind::Objects(&TRANSFORM)),
        ("consumer", Kind::Object(&SOURCE_CONSUMER)),
    ],
};

/// Where stored messages are published once more.
pub static REPUBLISH: Schema = Schema {
    name: "republish",
    fields: &[
        ("src", Kind::ValidStr),
        ("dest", Kind::ValidStr),
        ("headers_only", Kind::Bool),
    ],
};

/// Which servers shall have a stream.
pub(super) static PLACEMENT: Schema = Schema {
    name: "placement",
    fields: &[
        ("cluster", Kind::ValidStr),
        ("tags", Kind::List),
        ("preferred", Kind::ValidStr),
    ],
};

/// What was in nanoseconds before: a second of them would be more than 11 days.
const TEN_DAYS: i64 = 10 * 24 * 60 * 60 * 1000;

static CONSUMER_LIMITS: Schema = Schema {
    name: "consumer_limits",
    fields: &[
        ("inactive_threshold", Kind::Wait(TEN_DAYS)),
        ("max_ack_pending", Kind::Int),
    ],
};

/// The options of `add_stream` and `update_stream`, which are the fields of a reply's `config`.
#[rustfmt::skip]
pub static STREAM: Schema = Schema {
    name: "a stream",
    fields: &[
        ("name", Kind::InReplies),
        ("description", Kind::ValidStr),
        ("subjects", Kind::List),
        ("retention", Kind::Enum(&["limits", "interest", "workqueue"], Some("limits"))),
        ("max_consumers", Kind::Int),
        ("max_msgs", Kind::Int),
        ("max_bytes", Kind::Int),
        ("discard", Kind::Enum(&["new", "old"], None)),
        ("max_age", Kind::Ns),
        ("max_msgs_per_subject", Kind::Int),
        ("max_msg_size", Kind::Int),
        ("storage", Kind::Enum(&["memory", "file"], Some("file"))),
        ("num_replicas", Kind::Int),
        ("no_ack", Kind::Bool),
        ("duplicate_window", Kind::Ns),
        ("sealed", Kind::Bool),
        ("deny_delete", Kind::Bool),
        ("deny_purge", Kind::Bool),
        ("allow_rollup_hdrs", Kind::Bool),
        ("allow_direct", Kind::Bool),
        ("mirror_direct", Kind::Bool),
        ("mirror", Kind::Object(&SOURCE)),
        ("sources", Kind::Objects(&SOURCE)),
        ("compression", Kind::Enum(&["none", "s2"], None)),
        ("first_seq", Kind::Int),
        ("subject_transform", Kind::Object(&TRANSFORM)),
        ("republish", Kind::Object(&REPUBLISH)),
        ("metadata", Kind::Metadata),
        // Not in nats-tcl 3.2.
        ("placement", Kind::Object(&PLACEMENT)),
        ("discard_new_per_subject", Kind::Bool),
        ("consumer_limits", Kind::Object(&CONSUMER_LIMITS)),
        ("allow_msg_ttl", Kind::Bool),
        ("subject_delete_marker_ttl", Kind::Wait(TEN_DAYS)),
        ("allow_msg_counter", Kind::Bool),
        ("allow_atomic", Kind::Bool),
        ("allow_batched", Kind::Bool),
        ("allow_msg_schedules", Kind::Bool),
        ("persist_mode", Kind::Enum(&["default", "async"], None)),
        ("template_owner", Kind::InReplies),
    ],
};

/// The configuration of a stream. `name` is the positional one, also when the options contain another.
fn config(call: &This) -> Result<Json> {
    let stream = call.args[0].text();
    names::check_stream(&stream).map_err(raise)?;
    let mut options = Options::parse(&call.args[1..])?;
    let mut config = Json::new();
    config.insert("name".into(), (*stream).into());
    config.extend(take(&STREAM, &mut options)?);
    options.end()?;
    Ok(config)
}

/// `add_stream stream ?-option value ...?` → dict with `config`, `created`, `state`, …, `did_create`
pub(super) fn add_stream(call: &This) -> Result<Outcome> {
    let config = config(call)?;
    answer_config(call, &STREAM, |js| js.create_stream(config))
}

/// `update_stream stream ?-option value ...?` → as `add_stream`, without `did_create`. It replaces the whole
/// configuration.
pub(super) fn update_stream(call: &This) -> Result<Outcome> {
    let config = config(call)?;
    answer_config(call, &STREAM, |js| js.update_stream(config))
}

/// `add_stream_from_json json` → the reply's JSON text
pub(super) fn add_stream_from_json(call: &This) -> Result<Outcome> {
    let config = text(&call.args[0]);
    let stream = json_text::name(&config)?;
    answer(
        call,
        |js| js.create_stream_from_json(&stream, config),
        |reply| reply.as_str().into(),
    )
}

/// `delete_stream stream` → true
pub(super) fn delete_stream(call: &This) -> Result<Outcome> {
    let stream = call.args[0].text();
    answer(call, |js| js.delete_stream(&stream), shape::boolean)
}

/// `purge_stream stream ?-filter subject? ?-keep n? ?-seq n?` → number of purged messages
pub(super) fn purge_stream(call: &This) -> Result<Outcome> {
    static QUERY: Schema = Schema {
        name: "a purge",
        fields: &[
            ("filter", Kind::ValidStr),
            ("keep", Kind::PosInt),
            ("seq", Kind::PosInt),
        ],
    };
    let mut options = Options::parse(&call.args[1..])?;
    let query = take(&QUERY, &mut options)?;
    options.end()?;
    let stream = call.args[0].text();
    answer(call, |js| js.purge_stream(&stream, &query), |n| n.into())
}

/// `stream_info stream` → dict with `config`, `created`, `state`, …
pub(super) fn stream_info(call: &This) -> Result<Outcome> {
    let stream = call.args[0].text();
    answer_config(call, &STREAM, |js| js.stream_info(&stream))
}

/// `stream_infos ?-subject subject?` → list of dicts, each as that of `stream_info`
pub(super) fn stream_infos(call: &This) -> Result<Outcome> {
    let mut options = Options::parse(call.args)?;
    let subject = options.valid_str("subject")?;
    options.end()?;
    answer_configs(call, &STREAM, |js| js.stream_infos(subject.as_deref()))
}

/// `stream_names ?-subject subject?` → list
pub(super) fn stream_names(call: &This) -> Result<Outcome> {
    let mut options = Options::parse(call.args)?;
    let subject = options.valid_str("subject")?;
    options.end()?;
    answer(call, |js| js.stream_names(subject.as_deref()), shape::texts)
}

/// `account_info` → dict of limits and usage; nothing is converted
pub(super) fn account_info(call: &This) -> Result<Outcome> {
    answer_dict(call, |js| js.account_info())
}
