//! Class `nats::jet_stream`.

use super::children::Children;
use super::connection::Core;
use super::errors::{invalid_arg, raise};
use super::key_value::KeyValue;
use super::options::{bad_value, Options};
use super::{kv_origin, ordered_consumer, payload, shape, stream_config};
use crate::client::connection::Publish;
use crate::client::jetstream::JetStream as Client;
use crate::client::kv::{self, Bucket, CreateOptions, Origin};
use crate::client::message::HeaderMap;
use crate::runtime;
use std::future::Future;
use std::rc::Rc;
use std::time::Duration;
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
}

type This<'a> = Call<'a, JetStream>;

const MANY: usize = usize::MAX;

#[rustfmt::skip]
const TABLE: &[Method<JetStream>] = &[
    Method::new("api_prefix", "", 0..=0, api_prefix),
    Method::new("timeout", "", 0..=0, timeout),
    Method::new("publish", "subject message ?-option value ...?", 2..=MANY, publish),
    Method::new("stream_info", "stream", 1..=1, stream_info),
    Method::new("stream_names", "?-subject subject?", 0..=MANY, stream_names),
    Method::new("add_stream", "stream ?-option value ...?", 1..=MANY, add_stream),
    Method::new("delete_stream", "stream", 1..=1, delete_stream),
    Method::new("ordered_consumer", "stream ?-option value ...?", 1..=MANY, ordered_consumer::ordered_consumer),
    Method::new("bind_kv_bucket", "bucket", 1..=1, bind_kv_bucket),
    Method::new("create_kv_bucket", "bucket ?-option value ...?", 1..=MANY, create_kv_bucket),
    Method::new("create_kv_aggregate", "bucket writable origins ?-option value ...?", 3..=MANY, create_kv_aggregate),
    Method::new("create_kv_mirror", "name origin ?-option value ...?", 2..=MANY, create_kv_mirror),
    Method::new("delete_kv_bucket", "bucket", 1..=1, delete_kv_bucket),
    Method::new("kv_buckets", "", 0..=0, kv_buckets),
    Method::new("empty_kv_bucket", "bucket", 1..=1, empty_kv_bucket),
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
        self.shared.children.destroy_all();
    }
}

impl JetStream {
    /// Makes the object; its name is its result.
    pub fn create(interp: Interp, core: Rc<Core>, client: Client) -> Result<Object> {
        Object::create(interp, |_| {
            Ok(JetStream {
                shared: Rc::new(Shared {
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

fn text(word: &Obj) -> String {
    word.text().into_owned()
}

fn api_prefix(call: &This) -> Result<Outcome> {
    Outcome::value(call.this.shared.client.prefix())
}

fn timeout(call: &This) -> Result<Outcome> {
    Outcome::value(call.this.shared.client.timeout().as_millis() as u64)
}

fn publish(call: &This) -> Result<Outcome> {
    let shared = &call.this.shared;
    let mut options = Options::parse(&call.args[2..])?;
    let timeout = options
        .timeout("timeout")?
        .unwrap_or_else(|| shared.client.timeout());
    let stream = options.valid_str("stream")?;
    options.end()?;
    let utf8 = shared.core.config.utf8_convert.get();
    let message = payload::encode(&call.args[1], utf8)?;
    let subject = text(&call.args[0]);
    crate::client::subject::check_publish(&subject, shared.core.config.check_subjects.get())
        .map_err(raise)?;
    let mut publish = Publish::new(subject, message);
    publish.headers = stream.map(|stream| {
        let mut headers = HeaderMap::new();
        headers.insert("Nats-Expected-Stream", stream);
        headers
    });
    let timeout = Some(timeout).filter(|timeout| !timeout.is_zero());
    answer(
        call,
        |js| js.publish(publish, timeout),
        |ack| shape::json_dict(&ack),
    )
}

fn stream_info(call: &This) -> Result<Outcome> {
    let stream = call.args[0].text();
    answer(
        call,
        |js| js.stream_info(&stream),
        |info| shape::json_dict(&info),
    )
}

fn stream_names(call: &This) -> Result<Outcome> {
    let mut options = Options::parse(call.args)?;
    let subject = options.valid_str("subject")?;
    options.end()?;
    answer(call, |js| js.stream_names(subject.as_deref()), shape::texts)
}

fn add_stream(call: &This) -> Result<Outcome> {
    let config = stream_config::parse(&call.args[0].text(), &call.args[1..])?;
    answer(
        call,
        |js| js.create_stream(config),
        |info| shape::json_dict(&info),
    )
}

fn delete_stream(call: &This) -> Result<Outcome> {
    let stream = call.args[0].text();
    answer(call, |js| js.delete_stream(&stream), shape::boolean)
}

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

fn bind_kv_bucket(call: &This) -> Result<Outcome> {
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

fn create_kv_bucket(call: &This) -> Result<Outcome> {
    let options = create_options(&call.args[1..])?;
    let name = text(&call.args[0]);
    bucket(call, |js| kv::create(&js, &name, &options))
}

/// The options of an aggregate or a mirror, which are no deprecated mirror buckets.
fn derived_options(words: &[Obj]) -> Result<CreateOptions> {
    for pair in words.chunks(2) {
        let name = super::options::plain_name(&pair[0]);
        if name == "mirror_name" || name == "mirror_domain" {
            return Err(invalid_arg(format!("Option {name} is not allowed here")));
        }
    }
    create_options(words)
}

fn create_kv_aggregate(call: &This) -> Result<Outcome> {
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

fn create_kv_mirror(call: &This) -> Result<Outcome> {
    let origin = kv_origin::parse(&call.args[1])?;
    let options = derived_options(&call.args[2..])?;
    let name = text(&call.args[0]);
    answer(
        call,
        |js| kv::create_mirror(&js, &name, &origin, &options),
        |()| Obj::empty(),
    )
}

fn delete_kv_bucket(call: &This) -> Result<Outcome> {
    let name = text(&call.args[0]);
    answer(call, |js| kv::delete(&js, &name), shape::boolean)
}

fn kv_buckets(call: &This) -> Result<Outcome> {
    answer(call, |js| kv::list(&js), shape::texts)
}

fn empty_kv_bucket(call: &This) -> Result<Outcome> {
    let name = text(&call.args[0]);
    answer(call, |js| kv::empty(&js, &name), Obj::from)
}
