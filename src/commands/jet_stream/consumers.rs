//! Consumers on the server: methods of `nats::jet_stream`.

use super::shared::{answer, answer_config, answer_configs, answer_dict, text, This};
use crate::client::jetstream::{units, Action, Json};
use crate::commands::json_options::take;
use crate::commands::options::Options;
use crate::commands::schema::{Kind, Schema};
use crate::commands::{json_text, shape};
use crate::errors::invalid_arg;
use tcl::{Obj, Outcome, Result};

const DELIVER_POLICIES: &[&str] = &[
    "all",
    "last",
    "new",
    "by_start_sequence",
    "by_start_time",
    "last_per_subject",
];

/// What was in nanoseconds before: a tenth of a second of them would be more than a day.
const DAY: i64 = 24 * 60 * 60 * 1000;

/// The options of all methods that make or change a consumer, which are the fields of a reply's `config`.
#[rustfmt::skip]
pub(super) static CONSUMER: Schema = Schema {
    name: "a consumer",
    fields: &[
        ("name", Kind::ValidStr),
        ("durable_name", Kind::ValidStr),
        ("description", Kind::ValidStr),
        ("deliver_policy", Kind::Enum(DELIVER_POLICIES, Some("all"))),
        ("opt_start_seq", Kind::Int),
        ("opt_start_time", Kind::ValidStr),
        ("ack_policy", Kind::Enum(&["none", "all", "explicit"], Some("explicit"))),
        ("ack_wait", Kind::Ns),
        ("max_deliver", Kind::Int),
        ("filter_subject", Kind::ValidStr),
        ("replay_policy", Kind::Enum(&["instant", "original"], Some("instant"))),
        ("rate_limit_bps", Kind::Int),
        ("sample_freq", Kind::ValidStr),
        ("max_waiting", Kind::Int),
        ("max_ack_pending", Kind::Int),
        ("flow_control", Kind::Bool),
        ("headers_only", Kind::Bool),
        ("mem_storage", Kind::Bool),
        ("idle_heartbeat", Kind::Ns),
        ("deliver_subject", Kind::ValidStr),
        ("deliver_group", Kind::ValidStr),
        ("inactive_threshold", Kind::Ns),
        ("num_replicas", Kind::Int),
        ("metadata", Kind::Metadata),
        // Not in nats-tcl 3.2.
        ("filter_subjects", Kind::List),
        ("backoff", Kind::Waits(DAY)),
        ("max_batch", Kind::Int),
        ("max_expires", Kind::Wait(DAY)),
        ("max_bytes", Kind::Int),
        ("pause_until", Kind::ValidStr),
        ("priority_groups", Kind::List),
        ("priority_policy", Kind::Enum(&["none", "overflow", "pinned_client", "prioritized"], None)),
        ("priority_timeout", Kind::Wait(DAY)),
        ("direct", Kind::InReplies),
        ("sourcing", Kind::InReplies),
    ],
};

/// Creates or updates a consumer of the stream that is the first argument.
fn configure(call: &This, config: Json, action: Action) -> Result<Outcome> {
    let stream = call.args[0].text();
    answer_config(call, &CONSUMER, |js| {
        js.configure_consumer(&stream, config, action)
    })
}

fn config(words: &[Obj]) -> Result<Json> {
    let mut options = Options::parse(words)?;
    let config = take(&CONSUMER, &mut options)?;
    options.end()?;
    Ok(config)
}

/// `add_consumer stream ?-option value ...?` → dict with `stream_name`, `name`, `config`, …
pub(super) fn add_consumer(call: &This) -> Result<Outcome> {
    configure(call, config(&call.args[1..])?, Action::Create)
}

/// `update_consumer stream ?-option value ...?` → as `add_consumer`
pub(super) fn update_consumer(call: &This) -> Result<Outcome> {
    configure(call, config(&call.args[1..])?, Action::Update)
}

/// `add_pull_consumer stream consumer ?-option value ...?` → as `add_consumer`
pub(super) fn add_pull_consumer(call: &This) -> Result<Outcome> {
    let mut config = config(&call.args[2..])?;
    config.insert("durable_name".into(), (*call.args[1].text()).into());
    configure(call, config, Action::Create)
}

/// `add_push_consumer stream consumer deliver_subject ?-option value ...?` → as `add_consumer`
pub(super) fn add_push_consumer(call: &This) -> Result<Outcome> {
    let mut config = config(&call.args[3..])?;
    config.insert("durable_name".into(), (*call.args[1].text()).into());
    config.insert("deliver_subject".into(), (*call.args[2].text()).into());
    configure(call, config, Action::Create)
}

/// `add_consumer_from_json stream consumer json` → the reply's JSON text
pub(super) fn add_consumer_from_json(call: &This) -> Result<Outcome> {
    let (stream, consumer) = (call.args[0].text(), call.args[1].text());
    let config = call.args[2].text();
    json_text::check(&config)?;
    answer(
        call,
        |js| js.create_consumer_from_json(&stream, &consumer, &config),
        |reply| reply.as_str().into(),
    )
}

/// `delete_consumer stream consumer` → true
pub(super) fn delete_consumer(call: &This) -> Result<Outcome> {
    let (stream, consumer) = (call.args[0].text(), call.args[1].text());
    answer(
        call,
        |js| js.delete_consumer(&stream, &consumer),
        shape::boolean,
    )
}

/// `consumer_info stream consumer` → dict with `stream_name`, `name`, `config`, …
pub(super) fn consumer_info(call: &This) -> Result<Outcome> {
    let (stream, consumer) = (call.args[0].text(), call.args[1].text());
    answer_config(call, &CONSUMER, |js| js.consumer_info(&stream, &consumer))
}

/// `consumer_infos stream` → list of dicts, each as that of `consumer_info`
pub(super) fn consumer_infos(call: &This) -> Result<Outcome> {
    let stream = call.args[0].text();
    answer_configs(call, &CONSUMER, |js| js.consumer_infos(&stream))
}

/// `consumer_names stream` → list
pub(super) fn consumer_names(call: &This) -> Result<Outcome> {
    let stream = call.args[0].text();
    answer(call, |js| js.consumer_names(&stream), shape::texts)
}

/// `pause_consumer stream consumer -until time | -for ms` → dict with `paused`, `pause_until`,
/// `pause_remaining` (ms)
pub(super) fn pause_consumer(call: &This) -> Result<Outcome> {
    let mut options = Options::parse(&call.args[2..])?;
    let until = options.valid_str("until")?;
    let duration = options.timeout("for")?;
    options.end()?;
    let until = match (until, duration) {
        (Some(until), None) => until,
        (None, Some(duration)) => units::time_after(duration)
            .ok_or_else(|| invalid_arg("The time given by -for is out of range"))?,
        _ => return Err(invalid_arg("Either -until or -for is required")),
    };
    pause(call, Some(&until))
}

/// `resume_consumer stream consumer` → as `pause_consumer`
pub(super) fn resume_consumer(call: &This) -> Result<Outcome> {
    pause(call, None)
}

fn pause(call: &This, until: Option<&str>) -> Result<Outcome> {
    let (stream, consumer) = (call.args[0].text(), call.args[1].text());
    answer_dict(call, |js| js.pause_consumer(&stream, &consumer, until))
}

/// `unpin_consumer stream consumer group` → empty
pub(super) fn unpin_consumer(call: &This) -> Result<Outcome> {
    let (stream, consumer) = (call.args[0].text(), call.args[1].text());
    let group = text(&call.args[2]);
    answer(
        call,
        |js| js.unpin_consumer(&stream, &consumer, &group),
        |()| Obj::empty(),
    )
}
