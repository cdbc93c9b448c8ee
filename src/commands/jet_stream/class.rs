//! Class `nats::jet_stream`: its table, and the method of `nats::connection` that makes an object.

use super::shared::{JetStream, Shared, This};
use super::{
    acknowledge, bucket_changes, buckets, consumers, fetch, object_stores, publish, publish_many,
    stored, streams,
};
use crate::client::jetstream::{domain_prefix, JetStream as Client, DEFAULT_PREFIX};
use crate::commands::children::Children;
use crate::commands::connection::Core;
use crate::commands::options::{listed, Options};
use crate::commands::{ordered_consumer, pull_consumer};
use crate::errors::invalid_arg;
use std::rc::Rc;
use std::time::Duration;
use tcl::class::Construct;
use tcl::{Class, Interp, Method, Obj, Object, Outcome, Result};

/// The default of `-timeout`.
const TIMEOUT: Duration = Duration::from_millis(5000);

const MANY: usize = usize::MAX;

/// The options of `publish` and `publish_msg`.
const PUBLISH: &str = "-timeout ms -callback cmdPrefix -stream name -msg_id id -expected_last_msg_id id \
    -expected_last_seq int -expected_last_subject_seq int -ttl ms|never -schedule time -schedule_target subject \
    -schedule_ttl ms|never -schedule_source subject -schedule_time_zone zone -schedule_rollup bool";

/// The options of `pull_consumer`.
const PULL: &str = "-callback cmdPrefix -batch_size int -max_bytes int -threshold int -expires ms -idle_heartbeat ms \
    -group name -min_pending int -min_ack_pending int -priority int";

/// The options of `ordered_consumer`.
const ORDERED: &str = "-callback cmdPrefix -filter_subject subject -filter_subjects list -description text \
    -headers_only bool -deliver_policy policy -opt_start_seq int -opt_start_time time -idle_heartbeat ms";

/// The options by which an object of a bucket has codecs.
const CODECS: &str = "-key_codec list -value_codec list";

/// The options of all methods that make or change a bucket.
const BUCKET: &str = "-description text -max_value_size int -history int -ttl ms -max_bucket_size int \
    -storage file|memory -num_replicas int -compression none|s2 -metadata dict -placement dict -republish dict \
    -limit_marker_ttl ms -allow_msg_ttl bool -allow_atomic bool -counters bool";

/// The options of all methods that make or change an object store.
const STORE: &str =
    "-description text -ttl ms -max_bucket_size int -num_replicas int -compression none|s2 \
    -metadata dict -placement dict";

#[rustfmt::skip]
const TABLE: &[Method<JetStream>] = &[
    Method::new("api_prefix", "", 0..=0, api_prefix),
    Method::new("timeout", "", 0..=0, timeout),
    Method::new("account_info", "", 0..=0, streams::account_info),
    Method::new("publish", "subject message ?-option value ...?", 2..=MANY, publish::publish)
        .options(|| [listed(PUBLISH), listed("-header dict")].concat()),
    Method::new("publish_msg", "msg ?-option value ...?", 1..=MANY, publish::publish_msg).options(|| listed(PUBLISH)),
    Method::new("publish_many", "messages ?-option value ...?", 1..=MANY, publish_many::publish_many)
        .options(|| listed("-timeout ms -window int -errors raise|list")),
    Method::new("publish_atomic", "messages ?-timeout ms?", 1..=MANY, publish_many::publish_atomic),
    Method::new("ack", "msg", 1..=1, acknowledge::ack),
    Method::new("ack_sync", "msg", 1..=1, acknowledge::ack_sync),
    Method::new("nak", "msg ?-delay ms?", 1..=MANY, acknowledge::nak),
    Method::new("in_progress", "msg", 1..=1, acknowledge::in_progress),
    Method::new("term", "msg ?-reason text?", 1..=MANY, acknowledge::term),
    Method::new("add_stream", "stream ?-option value ...?", 1..=MANY, streams::add_stream)
        .options(|| streams::STREAM.options()),
    Method::new("update_stream", "stream ?-option value ...?", 1..=MANY, streams::update_stream)
        .options(|| streams::STREAM.options()),
    Method::new("add_stream_from_json", "json", 1..=1, streams::add_stream_from_json),
    Method::new("delete_stream", "stream", 1..=1, streams::delete_stream),
    Method::new("purge_stream", "stream ?-option value ...?", 1..=MANY, streams::purge_stream)
        .options(|| listed("-filter subject -keep int -seq int")),
    Method::new("stream_info", "stream", 1..=1, streams::stream_info),
    Method::new("stream_infos", "?-subject subject?", 0..=MANY, streams::stream_infos),
    Method::new("stream_names", "?-subject subject?", 0..=MANY, streams::stream_names),
    Method::new("stream_msg_get", "stream ?-option value ...?", 1..=MANY, stored::stream_msg_get)
        .options(|| stored::QUERY.options()),
    Method::new("stream_direct_get", "stream ?-option value ...?", 1..=MANY, stored::stream_direct_get)
        .options(|| stored::QUERY.options()),
    Method::new("stream_msgs_get", "stream ?-option value ...?", 1..=MANY, stored::stream_msgs_get)
        .options(|| stored::SELECTION.options()),
    Method::new("stream_msg_delete", "stream ?-option value ...?", 1..=MANY, stored::stream_msg_delete)
        .options(|| listed("-seq int -no_erase bool")),
    Method::new("add_consumer", "stream ?-option value ...?", 1..=MANY, consumers::add_consumer)
        .options(|| consumers::CONSUMER.options()),
    Method::new("update_consumer", "stream ?-option value ...?", 1..=MANY, consumers::update_consumer)
        .options(|| consumers::CONSUMER.options()),
    Method::new("add_pull_consumer", "stream consumer ?-option value ...?", 2..=MANY, consumers::add_pull_consumer)
        .options(|| consumers::CONSUMER.options()),
    Method::new("add_push_consumer", "stream consumer deliver_subject ?-option value ...?", 3..=MANY, consumers::add_push_consumer)
        .options(|| consumers::CONSUMER.options()),
    Method::new("add_consumer_from_json", "stream consumer json", 3..=3, consumers::add_consumer_from_json),
    Method::new("delete_consumer", "stream consumer", 2..=2, consumers::delete_consumer),
    Method::new("consumer_info", "stream consumer", 2..=2, consumers::consumer_info),
    Method::new("consumer_infos", "stream", 1..=1, consumers::consumer_infos),
    Method::new("consumer_names", "stream", 1..=1, consumers::consumer_names),
    Method::new("pause_consumer", "stream consumer ?-option value ...?", 2..=MANY, consumers::pause_consumer)
        .options(|| listed("-until time -for ms")),
    Method::new("resume_consumer", "stream consumer", 2..=2, consumers::resume_consumer),
    Method::new("unpin_consumer", "stream consumer group", 3..=3, consumers::unpin_consumer),
    Method::new("fetch", "stream consumer ?-option value ...?", 2..=MANY, fetch::fetch)
        .options(|| listed("-batch_size int -timeout ms -expires ms -callback cmdPrefix")),
    Method::new("consume", "stream consumer ?-option value ...?", 2..=MANY, fetch::fetch)
        .options(|| listed("-batch_size int -timeout ms -expires ms -callback cmdPrefix")),
    Method::new("cancel_pull_request", "fetchID", 1..=1, fetch::cancel_pull_request),
    Method::new("pull_consumer", "stream consumer ?-option value ...?", 2..=MANY, |call: &This| {
        pull_consumer::create(&call.this.shared, call.args)
    }).options(|| listed(PULL)),
    Method::new("ordered_consumer", "stream ?-option value ...?", 1..=MANY, |call: &This| {
        ordered_consumer::create(&call.this.shared, call.args)
    }).options(|| listed(ORDERED)),
    Method::with_options("bind_kv_bucket", "bucket ?-option value ...?", 1, buckets::bind_kv_bucket)
        .options(|| listed(CODECS)),
    Method::new("create_kv_bucket", "bucket ?-option value ...?", 1..=MANY, buckets::create_kv_bucket)
        .options(|| [listed(BUCKET), listed(CODECS), listed("-mirror_name bucket -mirror_domain domain")].concat()),
    Method::new("create_kv_aggregate", "bucket writable origins ?-option value ...?", 3..=MANY, buckets::create_kv_aggregate)
        .options(|| [listed(BUCKET), listed(CODECS)].concat()),
    Method::new("create_kv_mirror", "name origin ?-option value ...?", 2..=MANY, buckets::create_kv_mirror)
        .options(|| [listed(BUCKET), listed(CODECS)].concat()),
    Method::new("update_kv_bucket", "bucket ?-option value ...?", 1..=MANY, bucket_changes::update_kv_bucket)
        .options(|| [listed(BUCKET), listed("-allow_direct bool")].concat()),
    Method::new("create_or_update_kv_bucket", "bucket ?-option value ...?", 1..=MANY, bucket_changes::create_or_update_kv_bucket)
        .options(|| [listed(BUCKET), listed(CODECS)].concat()),
    Method::new("add_kv_origin", "bucket origin", 2..=2, bucket_changes::add_kv_origin),
    Method::new("remove_kv_origin", "bucket origin ?-option value ...?", 2..=MANY, bucket_changes::remove_kv_origin)
        .options(|| listed("-stream name -purge bool")),
    Method::new("delete_kv_bucket", "bucket", 1..=1, buckets::delete_kv_bucket),
    Method::new("kv_buckets", "", 0..=0, buckets::kv_buckets),
    Method::new("kv_statuses", "", 0..=0, buckets::kv_statuses),
    Method::new("empty_kv_bucket", "bucket", 1..=1, buckets::empty_kv_bucket),
    Method::new("create_object_store", "bucket ?-option value ...?", 1..=MANY, object_stores::create_object_store)
        .options(|| [listed(STORE), listed("-storage file|memory")].concat()),
    Method::new("bind_object_store", "bucket", 1..=1, object_stores::bind_object_store),
    Method::new("update_object_store", "bucket ?-option value ...?", 1..=MANY, object_stores::update_object_store)
        .options(|| listed(STORE)),
    Method::new("delete_object_store", "bucket", 1..=1, object_stores::delete_object_store),
    Method::new("object_stores", "", 0..=0, object_stores::object_stores),
];

impl Class for JetStream {
    const NAME: &'static str = "::nats::jet_stream";
    const METHODS: &'static [Method<Self>] = TABLE;

    fn construct(_: &Construct) -> Result<Self> {
        Err(invalid_arg(
            "nats::jet_stream objects are made by the connection's method jet_stream",
        ))
    }

    fn failing(&self, _: Interp) {
        self.shared.core.show_end();
    }

    fn destroyed(&self, _: Interp) {
        self.shared.core.deliveries.cancel_of(self.shared.requests);
        self.shared.children.destroy_all();
    }
}

/// `$conn jet_stream ?-option value ...?` → object
///
/// # Errors
/// `ErrInvalidArg`, `ErrBadTimeout` for a bad option; `ErrInvalidArg` if the connection was destroyed meanwhile.
pub fn create(interp: Interp, core: &Rc<Core>, args: &[Obj]) -> Result<Outcome> {
    let client = client(core, args)?;
    let (object, _) = Object::create(interp, |object| {
        core.children.add(object)?;
        Ok(JetStream {
            shared: Rc::new(Shared {
                core: core.clone(),
                client,
                children: Children::of("jet_stream"),
                requests: core.deliveries.owner(),
            }),
        })
    })?;
    Outcome::value(object.name())
}

fn client(core: &Core, args: &[Obj]) -> Result<Client> {
    let mut options = Options::parse(args)?;
    let timeout = options.timeout("timeout")?.unwrap_or(TIMEOUT);
    let domain = options.valid_str("domain")?;
    let prefix = options.valid_str("api_prefix")?;
    let trace = options.bool("trace")?.unwrap_or(false);
    options.end()?;
    let prefix = match (domain, prefix) {
        (Some(_), Some(_)) => {
            return Err(invalid_arg(
                "-domain and -api_prefix are mutually exclusive",
            ))
        }
        (Some(domain), None) => domain_prefix(&domain),
        (None, Some(prefix)) => prefix,
        (None, None) => DEFAULT_PREFIX.to_string(),
    };
    Ok(Client::new(core.client.clone(), &prefix, timeout, trace))
}

fn api_prefix(call: &This) -> Result<Outcome> {
    Outcome::value(call.this.shared.client.prefix())
}

fn timeout(call: &This) -> Result<Outcome> {
    Outcome::value(call.this.shared.client.timeout().as_millis() as u64)
}
