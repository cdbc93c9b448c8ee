//! Class `nats::jet_stream`: the object, and a file for each group of its methods.

mod acknowledge;
mod buckets;
mod consumers;
mod fetch;
mod publish;
mod stored;
pub mod streams;

use super::children::Children;
use super::connection::inbox::Owner;
use super::connection::Core;
use super::errors::invalid_arg;
use super::{ordered_consumer, pull_consumer, shape};
use crate::client::jetstream::{JetStream as Client, Json};
use crate::runtime;
use std::future::Future;
use std::rc::Rc;
use tcl::class::Construct;
use tcl::{Call, Class, Interp, Method, Obj, Object, Outcome, Result};

/// The state of a `nats::jet_stream` object.
pub struct JetStream {
    pub shared: Rc<Shared>,
}

/// What the object shares with those made from it.
pub struct Shared {
    pub core: Rc<Core>,
    pub client: Client,
    /// Its consumers, buckets and watchers.
    pub children: Children,
    /// Whose the asynchronous publications are.
    requests: Owner,
}

type This<'a> = Call<'a, JetStream>;

const MANY: usize = usize::MAX;

#[rustfmt::skip]
const TABLE: &[Method<JetStream>] = &[
    Method::new("api_prefix", "", 0..=0, api_prefix),
    Method::new("timeout", "", 0..=0, timeout),
    Method::new("account_info", "", 0..=0, streams::account_info),
    Method::new("publish", "subject message ?-option value ...?", 2..=MANY, publish::publish),
    Method::new("publish_msg", "msg ?-option value ...?", 1..=MANY, publish::publish_msg),
    Method::new("ack", "msg", 1..=1, acknowledge::ack),
    Method::new("ack_sync", "msg", 1..=1, acknowledge::ack_sync),
    Method::new("nak", "msg ?-delay ms?", 1..=MANY, acknowledge::nak),
    Method::new("in_progress", "msg", 1..=1, acknowledge::in_progress),
    Method::new("term", "msg ?-reason text?", 1..=MANY, acknowledge::term),
    Method::new("add_stream", "stream ?-option value ...?", 1..=MANY, streams::add_stream),
    Method::new("update_stream", "stream ?-option value ...?", 1..=MANY, streams::update_stream),
    Method::new("add_stream_from_json", "json", 1..=1, streams::add_stream_from_json),
    Method::new("delete_stream", "stream", 1..=1, streams::delete_stream),
    Method::new("purge_stream", "stream ?-option value ...?", 1..=MANY, streams::purge_stream),
    Method::new("stream_info", "stream", 1..=1, streams::stream_info),
    Method::new("stream_names", "?-subject subject?", 0..=MANY, streams::stream_names),
    Method::new("stream_msg_get", "stream ?-option value ...?", 1..=MANY, stored::stream_msg_get),
    Method::new("stream_direct_get", "stream ?-option value ...?", 1..=MANY, stored::stream_direct_get),
    Method::new("stream_msg_delete", "stream ?-option value ...?", 1..=MANY, stored::stream_msg_delete),
    Method::new("add_consumer", "stream ?-option value ...?", 1..=MANY, consumers::add_consumer),
    Method::new("update_consumer", "stream ?-option value ...?", 1..=MANY, consumers::update_consumer),
    Method::new("add_pull_consumer", "stream consumer ?-option value ...?", 2..=MANY, consumers::add_pull_consumer),
    Method::new("add_push_consumer", "stream consumer deliver_subject ?-option value ...?", 3..=MANY, consumers::add_push_consumer),
    Method::new("add_consumer_from_json", "stream consumer json", 3..=3, consumers::add_consumer_from_json),
    Method::new("delete_consumer", "stream consumer", 2..=2, consumers::delete_consumer),
    Method::new("consumer_info", "stream consumer", 2..=2, consumers::consumer_info),
    Method::new("consumer_names", "stream", 1..=1, consumers::consumer_names),
    Method::new("pause_consumer", "stream consumer ?-option value ...?", 2..=MANY, consumers::pause_consumer),
    Method::new("resume_consumer", "stream consumer", 2..=2, consumers::resume_consumer),
    Method::new("unpin_consumer", "stream consumer group", 3..=3, consumers::unpin_consumer),
    Method::new("fetch", "stream consumer ?-option value ...?", 2..=MANY, fetch::fetch),
    Method::new("consume", "stream consumer ?-option value ...?", 2..=MANY, fetch::fetch),
    Method::new("cancel_pull_request", "fetchID", 1..=1, fetch::cancel_pull_request),
    Method::new("pull_consumer", "stream consumer ?-option value ...?", 2..=MANY, pull_consumer::pull_consumer),
    Method::new("ordered_consumer", "stream ?-option value ...?", 1..=MANY, ordered_consumer::ordered_consumer),
    Method::new("bind_kv_bucket", "bucket", 1..=1, buckets::bind_kv_bucket),
    Method::new("create_kv_bucket", "bucket ?-option value ...?", 1..=MANY, buckets::create_kv_bucket),
    Method::new("create_kv_aggregate", "bucket writable origins ?-option value ...?", 3..=MANY, buckets::create_kv_aggregate),
    Method::new("create_kv_mirror", "name origin ?-option value ...?", 2..=MANY, buckets::create_kv_mirror),
    Method::new("delete_kv_bucket", "bucket", 1..=1, buckets::delete_kv_bucket),
    Method::new("kv_buckets", "", 0..=0, buckets::kv_buckets),
    Method::new("empty_kv_bucket", "bucket", 1..=1, buckets::empty_kv_bucket),
];

impl Class for JetStream {
    const NAME: &'static str = "::nats::jet_stream";
    const METHODS: &'static [Method<Self>] = TABLE;

    fn construct(_: &Construct) -> Result<Self> {
        Err(invalid_arg(
            "nats::jet_stream objects are made by the connection's method jet_stream",
        ))
    }

    fn destroyed(&self, _: Interp) {
        self.shared.core.inbox.cancel_of(self.shared.requests);
        self.shared.children.destroy_all();
    }
}

impl JetStream {
    /// Makes the object; its name is its result.
    pub fn create(interp: Interp, core: Rc<Core>, client: Client) -> Result<Object> {
        Object::create(interp, |_| {
            Ok(JetStream {
                shared: Rc::new(Shared {
                    requests: core.inbox.owner(),
                    core,
                    client,
                    children: Children::default(),
                }),
            })
        })
    }
}

/// Waits for a future of the client; `finish` makes the result.
fn answer<F, R>(
    call: &This,
    start: impl FnOnce(Client) -> F,
    finish: impl FnOnce(R) -> Obj + 'static,
) -> Result<Outcome>
where
    F: Future<Output = crate::client::error::Result<R>> + Send + 'static,
    R: Send + 'static,
{
    let client = call.this.shared.client.clone();
    runtime::answer(|| start(client), move |_, answer| Ok(finish(answer)))
}

/// Waits for a reply of the API and makes a dict of it.
fn answer_dict<F>(call: &This, start: impl FnOnce(Client) -> F) -> Result<Outcome>
where
    F: Future<Output = crate::client::error::Result<Json>> + Send + 'static,
{
    answer(call, start, |reply| shape::json_dict(&reply))
}

fn text(word: &Obj) -> String {
    word.text().into_owned()
}

fn api_prefix(call: &This) -> Result<Outcome> {
    Outcome::value(call.this.shared.client.prefix())
}

fn timeout(call: &This) -> Result<Outcome> {
    Outcome::value(call.this.shared.client.timeout().as_millis() as u64)
}
