//! What an object of the class and everything made from it share.

use crate::client::jetstream::{JetStream as Client, Json};
use crate::commands::children::Children;
use crate::commands::connection::{Core, Owner};
use crate::commands::schema::Schema;
use crate::commands::{seen, shape};
use crate::runtime;
use serde_json::Value;
use std::future::Future;
use std::rc::Rc;
use tcl::{Call, Obj, Outcome, Result};

/// The state of a `nats::jet_stream` object.
pub struct JetStream {
    pub shared: Rc<Shared>,
}

/// A call of one of its methods.
pub type This<'a> = Call<'a, JetStream>;

/// What the object shares with those made from it.
pub struct Shared {
    pub core: Rc<Core>,
    pub client: Client,
    /// Its consumers, buckets and watchers.
    pub children: Children,
    /// Whose the asynchronous publications are.
    pub requests: Owner,
}

/// Waits for a future of the client; `finish` makes the result.
pub fn answer<F, R>(
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
pub fn answer_dict<F>(call: &This, start: impl FnOnce(Client) -> F) -> Result<Outcome>
where
    F: Future<Output = crate::client::error::Result<Json>> + Send + 'static,
{
    answer(call, start, |reply| shape::json_dict(&reply))
}

/// The same of a reply with a configuration, which may be handed back.
pub fn answer_config<F>(
    call: &This,
    schema: &'static Schema,
    start: impl FnOnce(Client) -> F,
) -> Result<Outcome>
where
    F: Future<Output = crate::client::error::Result<Json>> + Send + 'static,
{
    answer(call, start, move |reply| config_dict(schema, &reply))
}

/// The same of several replies.
pub fn answer_configs<F>(
    call: &This,
    schema: &'static Schema,
    start: impl FnOnce(Client) -> F,
) -> Result<Outcome>
where
    F: Future<Output = crate::client::error::Result<Vec<Json>>> + Send + 'static,
{
    answer(call, start, move |replies| {
        Obj::list(replies.iter().map(|reply| config_dict(schema, reply)))
    })
}

fn config_dict(schema: &'static Schema, reply: &Json) -> Obj {
    if let Some(Value::Object(config)) = reply.get("config") {
        seen::remember(schema, config);
    }
    shape::json_dict(reply)
}

pub fn text(word: &Obj) -> String {
    word.text().into_owned()
}
